/** sys/leases and its older names. Only tokens have leases so far (platform.md §2.6). */

import type {
  ConfigurationPort,
  MountPort,
  RecordPort,
  TokenFinder,
  TokenKeeper,
} from '../core/ports/system-ports.ts'
import { expireTime, issueTime, secondsLeft } from '../core/token-times.ts'
import type { LiveToken } from '../core/tokens.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import type { JsonObject } from '../lib/json.ts'
import { rfc3339 } from '../lib/time.ts'
import { field } from '../schema/field.ts'

/** As long as a path can be. */
const leaseCharsMax = 8192

const prefixField = field.path({ help: 'Folder of leases.', charsMax: leaseCharsMax })

const leaseFields = {
  lease_id: field.path({ help: 'Lease id, such as auth/jwt/login/h….', charsMax: leaseCharsMax }),
  url_lease_id: field.path({ help: 'Lease id as part of the path.', charsMax: leaseCharsMax }),
  increment: field.duration({ help: 'Wished TTL.' }),
  sync: field.bool({ help: 'Answer when it is done (default) or at once.' }),
} as const

type LeasePorts = RecordPort & ConfigurationPort & TokenFinder & TokenKeeper & MountPort

export function leasePaths(ports: LeasePorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'leases/lookup',
      access: 'token',
      summary: 'Facts about a lease.',
      fields: leaseFields,
      operations: {
        write: {
          summary: 'Look up a lease.',
          handler: async ({ input }) => {
            const token = await findLease(ports, input.lease_id ?? '')
            if (token === undefined) throw invalid('invalid lease')
            return reply.data(leaseObject(ports, token, input.lease_id ?? ''))
          },
        },
        list: {
          summary: 'List the folders that leases are in.',
          access: 'sudo',
          handler: async () => reply.list(await listLeases(ports, '')),
        },
      },
    }),
    definePath({
      pattern: 'leases/lookup/*prefix',
      access: 'sudo',
      summary: 'Leases below a prefix.',
      fields: { prefix: prefixField },
      operations: {
        list: {
          summary: 'List leases and folders below a prefix.',
          handler: async ({ input }) => reply.list(await listLeases(ports, input.prefix ?? '')),
        },
      },
    }),
    ...bothNames('renew', (pattern) =>
      definePath({
        pattern: `${pattern}/*url_lease_id?`,
        access: 'token',
        summary: 'Renews a lease.',
        fields: leaseFields,
        operations: {
          write: {
            summary: 'Renew a lease.',
            handler: async ({ input }) => {
              const token = await findLease(ports, oneLeaseId(input))
              if (token === undefined) throw invalid('lease not found')
              throw invalid('tokens cannot be renewed through this endpoint')
            },
          },
        },
      }),
    ),
    ...bothNames('revoke', (pattern) =>
      definePath({
        pattern: `${pattern}/*url_lease_id?`,
        access: 'token',
        summary: 'Revokes a lease.',
        fields: leaseFields,
        operations: {
          write: {
            summary: 'Revoke a lease.',
            handler: async ({ input }) => {
              const id = oneLeaseId(input)
              if (id === '') throw invalid('lease_id must be specified')
              const token = await findLease(ports, id)
              if (token !== undefined) await ports.tokenOperations.revokeId(token.id, false)
              return done(input.sync)
            },
          },
        },
      }),
    ),
    ...['prefix', 'force'].flatMap((word) =>
      bothNames(`revoke-${word}`, (pattern) =>
        definePath({
          pattern: `${pattern}/*prefix`,
          access: 'sudo',
          summary: 'Revokes every lease below a prefix.',
          fields: { prefix: prefixField, sync: leaseFields.sync },
          operations: {
            write: {
              summary: 'Revoke by prefix.',
              handler: async ({ input }) => {
                await revokePrefix(ports, input.prefix ?? '')
                return done(input.sync)
              },
            },
          },
        }),
      ),
    ),
    ...irrevocablePaths(),
    definePath({
      pattern: 'leases/tidy',
      access: 'token',
      summary: 'Removes what expired leases left behind.',
      fields: {},
      operations: {
        write: {
          summary: 'Start a tidy.',
          handler: async () => reply.tidied(ports.tokenOperations.tidy()),
        },
      },
    }),
  ]
}

/** A revocation here is in force at once, so no lease is ever left that could not be ended. */
function irrevocablePaths(): readonly PathDeclaration[] {
  const paths = [
    ['leases/count', { lease_count: 0, counts: {} }],
    ['leases', { lease_count: 0, leases: [] }],
  ] as const
  return paths.map(([pattern, data]) =>
    definePath({
      pattern,
      access: pattern === 'leases' ? 'sudo' : 'token',
      summary: 'Leases that could not be ended; there are none.',
      fields: {
        type: field.string({ help: 'irrevocable.', charsMax: 64 }),
        include_child_namespaces: field.bool({ help: 'Kept for compatibility.' }),
        limit: field.string({ help: 'Kept for compatibility.', charsMax: 64 }),
      },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input }) => {
            if (input.type !== 'irrevocable') throw invalid('"type" must be irrevocable')
            return reply.data(data)
          },
        },
      },
    }),
  )
}

function bothNames(
  word: string,
  define: (pattern: string) => PathDeclaration,
): readonly PathDeclaration[] {
  return [define(`leases/${word}`), define(word)]
}

function done(sync: boolean | undefined): Reply {
  return sync === false ? reply.accepted('The revocation is in force.') : reply.none()
}

/** Policies decide on the path, so a body that names another lease than the path is refused. */
function oneLeaseId(input: { lease_id?: string | undefined; url_lease_id?: string | undefined }) {
  const inBody = input.lease_id ?? ''
  const inPath = input.url_lease_id ?? ''
  if (inBody !== '' && inPath !== '' && inBody !== inPath) {
    throw invalid('lease_id in the body and in the path are not the same')
  }
  return inBody || inPath
}

async function findLease(ports: LeasePorts, leaseId: string): Promise<LiveToken | undefined> {
  const at = leaseId.lastIndexOf('/')
  const id = ports.tokens.ids.parseLease(leaseId.slice(at + 1))
  if (id === undefined) return undefined
  const configuration = await ports.configuration()
  const token = await ports.store.view((view) => ports.tokens.byId(id, view, configuration))
  if (token === undefined || token.record.leaseless === true) return undefined
  return token.record.path === leaseId.slice(0, at) ? token : undefined
}

/** One exact lease id first, then a folder. */
async function revokePrefix(ports: LeasePorts, prefix: string): Promise<void> {
  if (prefix === '') throw invalid('prefix must not be empty')
  const token = await findLease(ports, prefix)
  if (token === undefined) await ports.mounts.revokePrefix(prefix)
  else await ports.tokenOperations.revokeId(token.id, false)
}

function leaseObject(ports: LeasePorts, token: LiveToken, id: string): JsonObject {
  const { record } = token
  const now = ports.tokens.nowSeconds
  return {
    id,
    issue_time: issueTime(record),
    expire_time: expireTime(record),
    last_renewal: record.renewed === undefined ? null : rfc3339(record.renewed * 1000),
    renewable: record.renewable,
    ttl: secondsLeft(record, now),
    path: record.path,
  }
}

async function listLeases(ports: LeasePorts, folder: string): Promise<readonly string[]> {
  const prefix = folder === '' ? '' : `${folder}/`
  const names = new Set<string>()
  await ports.tokenOperations.eachLive((token) => {
    const { path, leaseless } = token.record
    if (leaseless === true || !mayBeBelow(`${path}/`, prefix)) return
    const lease = `${path}/${ports.tokens.ids.lease(token.id)}`
    if (!lease.startsWith(prefix)) return
    const rest = lease.slice(prefix.length)
    const slash = rest.indexOf('/')
    names.add(slash < 0 ? rest : rest.slice(0, slash + 1))
  })
  return [...names].toSorted()
}

/** Spares making lease ids of tokens from other folders. */
function mayBeBelow(folder: string, prefix: string): boolean {
  return folder.startsWith(prefix) || prefix.startsWith(folder)
}
