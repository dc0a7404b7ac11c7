/**
 * The cluster of a mount: its API server and how it is trusted and asked (platform.md §6.4). A
 * write replaces all of it.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { reply } from '../../framework/reply.ts'
import { parsePemKey } from '../../jose/pem-key.ts'
import type { VerificationKey } from '../../jose/verification-key.ts'
import { trimEnds } from '../../lib/trim.ts'
import { readCaBundle } from '../../oidc/ca-bundle.ts'
import { hostOf, parseOutboundUrl } from '../../platform/outbound-url.ts'
import { field, type Input } from '../../schema/field.ts'
import { defineRecord, replacing, stored, type StoredOf } from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { Key, StoreView } from '../../storage/store.ts'

const keysMax = 64

const configRecord = defineRecord(
  replacing({
    kubernetes_host: stored(
      field.string({ help: 'Address of the API server, such as https://10.0.0.1:6443.' }),
    ),
    kubernetes_ca_cert: stored(
      field.string({ help: 'PEM certificates that the API server is trusted by.' }),
    ),
    token_reviewer_jwt: stored(
      field.string({
        help: 'Token that reviews are asked with; else that of the pod, else the one that logs in.',
        secret: true,
      }),
      { shown: 'never' },
    ),
    pem_keys: stored(
      field.commaList({
        help: 'PEM public keys of the cluster: a token that none has signed is not reviewed.',
      }),
    ),
    issuer: stored(field.string({ help: 'Issuer of the tokens, where it is looked at.' })),
    disable_iss_validation: stored(field.bool({ help: 'The issuer is not looked at.' }), {
      default: true,
    }),
    disable_local_ca_jwt: stored(
      field.bool({ help: "Neither CA nor token of the server's own pod are used." }),
    ),
  }),
)

export type ConfigRecord = StoredOf<typeof configRecord.table>
const configCodec = recordCodec(configRecord)
const configFields = configRecord.fields

export class ClusterConfigs {
  readonly #context: BackendContext
  readonly #key: Key<ConfigRecord>
  /** A record object stays the same while its stored bytes do. */
  readonly #keys = new WeakMap<ConfigRecord, readonly VerificationKey[]>()

  constructor(context: BackendContext) {
    this.#context = context
    this.#key = context.store.configKey('config', configCodec)
  }

  async load(view?: StoreView): Promise<ConfigRecord | undefined> {
    const key = this.#key
    return view === undefined ? this.#context.store.view((one) => one.get(key)) : view.get(key)
  }

  /** The keys that one of has to have signed a token; none where the cluster alone decides. */
  keysOf(config: ConfigRecord): readonly VerificationKey[] {
    const known = this.#keys.get(config)
    if (known !== undefined) return known
    const keys = config.pem_keys.flatMap((pem) => {
      const parsed = parsePemKey(pem)
      return parsed.ok ? [parsed.value] : []
    })
    this.#keys.set(config, keys)
    return keys
  }

  async write(input: Input<typeof configFields>): Promise<void> {
    const host = trimEnds((input.kubernetes_host ?? '').trim(), '/')
    const merged = configRecord.merge(configRecord.defaults, { ...input, kubernetes_host: host })
    check(merged)
    await this.#context.store.write((txn) => txn.put(this.#key, merged))
  }
}

function check(config: ConfigRecord): void {
  const { kubernetes_host, kubernetes_ca_cert, pem_keys } = config
  if (kubernetes_host === '') throw invalid('no host provided')
  checkHost(kubernetes_host)
  if (config.disable_local_ca_jwt && kubernetes_ca_cert === '') {
    throw invalid('kubernetes_ca_cert must be given when disable_local_ca_jwt is true')
  }
  // Vault compatibility: what is framed as a certificate is taken unread; no review trusts it.
  if (
    !isReadableCa(kubernetes_ca_cert) &&
    !/-----BEGIN CERTIFICATE-----/.test(kubernetes_ca_cert)
  ) {
    throw invalid("'kubernetes_ca_cert' has no certificate that can be read")
  }
  if (!isHeaderText(config.token_reviewer_jwt)) {
    throw invalid("'token_reviewer_jwt' has a character that no token has, such as a line break")
  }
  if (pem_keys.length > keysMax) throw invalid(`'pem_keys' can have at most ${keysMax} keys`)
  for (const [at, pem] of pem_keys.entries()) {
    const parsed = parsePemKey(pem)
    if (!parsed.ok) throw invalid(`'pem_keys', key ${at + 1}: ${parsed.error.detail}`)
  }
}

export const unreadableCa =
  "'kubernetes_ca_cert' has no certificate that can be read: no call to the API server is made"

function isReadableCa(text: string): boolean {
  return readCaBundle(text).isReadable
}

/** Credentials go there: in clear to this very machine alone, as to `kubectl proxy`. */
function checkHost(host: string): void {
  const url = parseOutboundUrl(host)
  if (!url.ok) throw invalid(`'kubernetes_host': ${url.error}`)
  const { protocol, search, hash } = url.value
  if (search !== '' || hash !== '') {
    throw invalid("'kubernetes_host' must have neither a query nor a fragment")
  }
  const isHere = ['127.0.0.1', '::1', 'localhost'].includes(hostOf(url.value))
  if (protocol !== 'https:' && !isHere) throw invalid("'kubernetes_host' must begin with https://")
}

function isHeaderText(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text)
}

export function configPath(configs: ClusterConfigs): PathDeclaration {
  return definePath({
    pattern: 'config',
    access: 'token',
    summary: 'The cluster: its API server, and how it is trusted and asked.',
    fields: configFields,
    tellsUnknown: true,
    operations: {
      read: {
        summary: 'Read it; the token of the reviewer is never shown.',
        handler: async () => {
          const config = await configs.load()
          if (config === undefined) return reply.none()
          const token_reviewer_jwt_set = config.token_reviewer_jwt !== ''
          return reply.data({ ...configRecord.shown(config), token_reviewer_jwt_set })
        },
      },
      write: {
        summary: 'Write all of it: what is not given is at its default again.',
        handler: async ({ input }) => {
          await configs.write(input)
          return isReadableCa(input.kubernetes_ca_cert ?? '')
            ? reply.none()
            : reply.none([unreadableCa])
        },
      },
    },
  })
}
