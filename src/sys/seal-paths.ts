/**
 * sys/init, unseal, seal, seal-status, health, leader, key-status, rotate (platform.md §2.1, §2.2,
 * §2.10).
 */

import { bootstrap, createInitialRoot } from '../core/bootstrap.ts'
import type { SealPort, SettingsPort } from '../core/ports/system-ports.ts'
import type { InitRequest } from '../core/seal/init-request.ts'
import { pgpCharsMax, readPgpKeys } from '../core/seal/pgp.ts'
import { tokenIdsOf } from '../core/token-id.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import type { JsonObject } from '../lib/json.ts'
import { product } from '../lib/product.ts'
import { field, parseBooleanWord, type Input } from '../schema/field.ts'
import { asRefusals, bareJson } from './bare-answer.ts'

const initFields = {
  secret_shares: field.int({ help: 'Number of unseal keys to make.' }),
  secret_threshold: field.int({ help: 'Number of unseal keys that open the seal.' }),
  pgp_keys: field.stringList({
    help: 'PGP public keys, one for each unseal key, which is encrypted with it; base64 of the binary form.',
    charsMax: pgpCharsMax,
  }),
  root_token_pgp_key: field.string({
    help: 'PGP public key that the root token is encrypted with.',
    charsMax: pgpCharsMax,
  }),
  recovery_shares: field.int({ help: 'Number of recovery keys, for a seal that opens itself.' }),
  recovery_threshold: field.int({ help: 'Number of recovery keys needed.' }),
  recovery_pgp_keys: field.stringList({
    help: 'PGP public keys, one for each recovery key.',
    charsMax: pgpCharsMax,
  }),
  stored_shares: field.int({ help: 'Kept for compatibility.', deprecated: true }),
} as const

const switchField = (help: string) => field.string({ help, charsMax: 64 })

const healthFields = {
  standbyok: switchField('Answer as active on a standby.'),
  perfstandbyok: switchField('Kept for compatibility.'),
  activecode: switchField('Status when active; 200.'),
  standbycode: switchField('Status on a standby; 429.'),
  sealedcode: switchField('Status when sealed; 503.'),
  uninitcode: switchField('Status before initialisation; 501.'),
  drsecondarycode: switchField('Kept for compatibility.'),
  performancestandbycode: switchField('Kept for compatibility.'),
  haunhealthycode: switchField('Kept for compatibility.'),
  removedcode: switchField('Kept for compatibility.'),
} as const

/** A share has 66 hex digits; the rest is room for what is typed around them. */
const unsealKeyCharsMax = 1024

const bare = { access: 'open', bare: true, servedSealed: true } as const

type SealPathPorts = SealPort & SettingsPort

export function sealPaths(ports: SealPathPorts): readonly PathDeclaration[] {
  const sealStatus = () => sealStatusReply(ports)
  return [
    definePath({
      ...bare,
      pattern: 'init',
      summary: 'Whether the server is initialised; initialises it.',
      fields: initFields,
      repeats: 'refuse',
      operations: {
        read: {
          summary: 'Ask whether it is initialised.',
          handler: async () => bareJson({ initialized: await ports.seal.isInitialized() }),
        },
        write: {
          summary: 'Make the keys and the first root token.',
          handler: ({ input }) => asRefusals(() => initReply(ports, input)),
        },
      },
    }),
    definePath({
      ...bare,
      pattern: 'seal-status',
      summary: 'State of the seal.',
      fields: {},
      operations: { read: { summary: 'Read the state.', handler: sealStatus } },
    }),
    definePath({
      ...bare,
      pattern: 'unseal',
      summary: 'Takes one unseal key.',
      foldFieldNames: true,
      fields: {
        key: field.string({
          help: 'One unseal key, hex or base64.',
          secret: true,
          charsMax: unsealKeyCharsMax,
        }),
        reset: field.bool({ help: 'Forget the keys given so far.' }),
        migrate: field.bool({ help: 'Kept for compatibility.' }),
      },
      operations: {
        write: {
          summary: 'Give one unseal key.',
          handler: ({ input }) =>
            asRefusals(async () => {
              await ports.seal.unseal({ key: input.key ?? '', reset: input.reset ?? false })
              return sealStatus()
            }),
        },
      },
    }),
    definePath({
      pattern: 'seal',
      access: 'sudo',
      summary: 'Seals the server.',
      fields: {},
      operations: {
        write: {
          summary: 'Seal now: keys and everything read are forgotten.',
          handler: () => reply.done(ports.seal.seal()),
        },
      },
    }),
    definePath({
      ...bare,
      pattern: 'health',
      summary: 'State of the server for load balancers, as a status code.',
      fields: healthFields,
      operations: {
        read: { summary: 'Ask for the state.', handler: ({ input }) => health(ports, input) },
      },
    }),
    definePath({
      ...bare,
      pattern: 'leader',
      summary: 'Which node leads.',
      fields: {},
      operations: {
        read: {
          summary: 'Ask for the leader.',
          handler: async () =>
            bareJson({
              ha_enabled: false,
              is_self: false,
              active_time: '0001-01-01T00:00:00Z',
              leader_address: '',
              leader_cluster_address: '',
              performance_standby: false,
              performance_standby_last_remote_wal: 0,
            }),
        },
      },
    }),
    definePath({
      pattern: 'ha-status',
      access: 'token',
      summary: 'Nodes of the cluster.',
      duplicateData: true,
      fields: {},
      operations: {
        read: {
          summary: 'List nodes.',
          handler: async () =>
            reply.data({
              nodes: [
                {
                  hostname: '',
                  api_address: '',
                  cluster_address: '',
                  active_node: true,
                  last_echo: null,
                  version: ports.settings.reportedVersion,
                },
              ],
            }),
        },
      },
    }),
    definePath({
      pattern: 'step-down',
      access: 'sudo',
      summary: 'Gives up leadership; without other nodes this does nothing.',
      fields: {},
      operations: { write: { summary: 'Step down.', handler: async () => reply.none() } },
    }),
    definePath({
      pattern: 'key-status',
      access: 'token',
      summary: 'The active term of the barrier key.',
      duplicateData: true,
      fields: {},
      operations: {
        read: {
          summary: 'Read the term.',
          handler: async () => reply.data({ ...(await ports.seal.keyStatus()) }),
        },
      },
    }),
    definePath({
      pattern: 'rotate/root',
      access: 'sudo',
      summary: 'Makes another root key, where the seal opens itself.',
      fields: {},
      operations: {
        write: {
          summary: 'Rotate the root key.',
          handler: () => asRefusals(() => reply.done(ports.seal.rotateRootKey())),
        },
      },
    }),
    ...['rotate', 'rotate/keyring'].map((pattern) =>
      definePath({
        pattern,
        access: 'sudo',
        summary: 'Makes a new term of the barrier key; old records stay readable.',
        duplicateData: true,
        fields: {},
        operations: {
          write: {
            summary: 'Rotate.',
            handler: () => reply.done(ports.seal.rotate()),
          },
        },
      }),
    ),
  ]
}

export interface Initialised {
  readonly keys: readonly Buffer[]
  readonly recoveryKeys: readonly Buffer[]
  /** Where it was encrypted to a person: base64 of the message. */
  readonly rootToken: string
}

/** Makes keys, built-in mounts and the first root token in one commit. Throws SealProblem. */
export async function initialise(ports: SealPort, request: InitRequest): Promise<Initialised> {
  const outcome = await ports.seal.init(request, async (txn, keyring) => {
    await bootstrap(txn, ports)
    const nowMs = ports.clock.nowMs()
    const token = await createInitialRoot(txn, tokenIdsOf(keyring, ports.random), nowMs)
    const texts = request.rootTokenPgpKey ? [request.rootTokenPgpKey] : []
    const [person] = await readPgpKeys('root_token_pgp_key', texts, nowMs)
    return person === undefined
      ? token
      : (await person.encrypt(Buffer.from(token))).toString('base64')
  })
  return { keys: outcome.keys, recoveryKeys: outcome.recoveryKeys, rootToken: outcome.value }
}

async function initReply(ports: SealPathPorts, input: Input<typeof initFields>): Promise<Reply> {
  const made = await initialise(ports, {
    secretShares: input.secret_shares ?? 0,
    secretThreshold: input.secret_threshold ?? 0,
    pgpKeys: input.pgp_keys ?? [],
    rootTokenPgpKey: input.root_token_pgp_key ?? '',
    recoveryShares: input.recovery_shares ?? 0,
    recoveryThreshold: input.recovery_threshold ?? 0,
    recoveryPgpKeys: input.recovery_pgp_keys ?? [],
  })
  const hex = (keys: readonly Buffer[]) => keys.map((key) => key.toString('hex'))
  const base64 = (keys: readonly Buffer[]) => keys.map((key) => key.toString('base64'))
  return bareJson({
    keys: hex(made.keys),
    keys_base64: base64(made.keys),
    ...(made.recoveryKeys.length > 0
      ? {
          recovery_keys: hex(made.recoveryKeys),
          recovery_keys_base64: base64(made.recoveryKeys),
        }
      : {}),
    root_token: made.rootToken,
  })
}

async function sealStatusReply(ports: SealPathPorts): Promise<Reply> {
  const status = await ports.seal.status()
  return bareJson({ ...status, ...versions(ports) })
}

function versions(ports: SealPathPorts): JsonObject {
  return {
    version: ports.settings.reportedVersion,
    build_date: ports.settings.buildDate,
    commit_date: ports.settings.buildDate,
    server_version: product.version,
  }
}

async function health(ports: SealPathPorts, input: Input<typeof healthFields>): Promise<Reply> {
  const status = await ports.seal.status()
  if (input.standbyok !== undefined && parseBooleanWord(input.standbyok) === undefined) {
    throw invalid('bad value for standbyok: expected true or false')
  }
  const codes = {
    active: code('activecode', input.activecode, 200),
    sealed: code('sealedcode', input.sealedcode, 503),
    uninitialised: code('uninitcode', input.uninitcode, 501),
  }
  code('standbycode', input.standbycode, 429)
  const state = !status.initialized ? 'uninitialised' : status.sealed ? 'sealed' : 'active'
  return bareJson(
    {
      initialized: status.initialized,
      sealed: status.sealed,
      standby: false,
      performance_standby: false,
      replication_performance_mode: 'disabled',
      replication_dr_mode: 'disabled',
      server_time_utc: Math.floor(ports.clock.nowMs() / 1000),
      version: ports.settings.reportedVersion,
      enterprise: false,
      echo_duration_ms: 0,
      clock_skew_ms: 0,
      ...(status.cluster_name === undefined ? {} : { cluster_name: status.cluster_name }),
      ...(status.cluster_id === undefined ? {} : { cluster_id: status.cluster_id }),
    },
    codes[state],
  )
}

/** A final status: an informational one would leave the client waiting for the answer. */
function code(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = /^[2-5]\d\d$/.test(text) ? Number(text) : undefined
  if (value === undefined) throw invalid(`bad value for ${name}: expected a status code`)
  return value
}
