/**
 * Configuration of a mount: fields, write checks in the contract's order, read shape, key source
 * (jwt-oidc.md §1).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { warningsOfIdleFields } from '../../framework/input.ts'
import { dryRunField, previewLogins, type Preview } from '../../framework/dry-run.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid, type Refusal } from '../../framework/refusal.ts'
import {
  algorithmNames,
  algorithmOf,
  allAlgorithms,
  type AlgorithmName,
  type SignatureAlgorithm,
} from '../../jose/algorithms.ts'
import { member, type JsonObject } from '../../lib/json.ts'
import { after, type Soon } from '../../lib/soon.ts'
import {
  keySourceRecord,
  keySourceTable,
  needsClientSecret,
  type KeySourceConfig,
} from '../../oidc/key-source-config.ts'
import type { KeySource } from '../../oidc/key-source.ts'
import { waitAtMost } from '../../oidc/wait.ts'
import { field, type Input } from '../../schema/field.ts'
import {
  choice,
  choiceList,
  defineRecord,
  optionalPart,
  own,
  replacing,
  stored,
  type ChoiceProblem,
  type DraftOf,
  type StoredOf,
} from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { Key, StoreTransaction, StoreView } from '../../storage/store.ts'
import { parseReference } from '../../trust/pointer.ts'
import type { ClientKeys } from './client-keys.ts'
import { defaultIssuerName, KeySources, type CheckedWrite } from './key-sources.ts'
import { ProviderLookups } from './providers.ts'
import { shownProviderConfig } from './provider-settings.ts'
import { roleNameCharsMax } from './role-record.ts'

export const configRecord = defineRecord({
  /** New at every write: a key source belongs to one revision. */
  revision: own<string>(''),
  ...keySourceTable,
  ...replacing({
    oidc_response_mode: stored(field.string({ help: 'query or form_post.' })),
    oidc_response_types: stored(field.commaList({ help: 'code, id_token.' })),
    jwt_supported_algs: choiceList(
      algorithmNames,
      field.commaList({ help: 'Allowed algorithms.' }),
    ),
    default_role: stored(
      field.lowerString({ help: 'Role of logins that name none.', charsMax: roleNameCharsMax }),
    ),
    provider_config: stored(field.textMap({ help: 'Provider with its options.', secret: true })),
    role_selection: choice(
      ['explicit', 'first_match', 'union'],
      field.string({ help: 'How a login finds its role that names none.' }),
      { since: '0.2' },
    ),
    token_audiences: stored(
      field.commaList({ help: 'Audiences of which every JWT login of this mount must have one.' }),
    ),
    record_claims: stored(
      field.commaList({
        help: 'Claims that are kept of each decided login, as names or JSON pointers; those that its role refers to when empty.',
      }),
      { shown: 'unless_default', since: '0.2' },
    ),
  }),
  /** The only field that survives its omission. */
  namespace_in_state: stored(
    field.bool({ help: 'Put the namespace into the state of browser sign-ins.' }),
    { default: true },
  ),
})

const configFields = {
  ...configRecord.fields,
  skip_jwks_validation: field.bool({ help: 'Store even when the provider cannot be reached now.' }),
  dry_run: dryRunField,
} as const

/** What the mount would trust after a write, beside what it does now. */
export interface DraftedConfig {
  readonly current: TrustRecord
  readonly next: TrustRecord
  readonly warnings: readonly string[]
}

export type ConfigRecord = StoredOf<typeof configRecord.table>
type ConfigDraft = DraftOf<typeof configRecord.table>

export type MountKind = 'keys' | 'jwks' | 'pairs' | 'discovery' | 'oidc' | 'kubernetes'

/** A named issuer of the mount: tokens with that `iss` are its own, and nobody else's. */
export type IssuerRoute = {
  readonly name: string
  readonly issuer: string
}

/**
 * What a mount trusts: the classic configuration and where named issuers are. One record, so that a
 * login reads both in one step and a mount without named issuers pays nothing for them.
 */
export const trustRecord = defineRecord({
  config: optionalPart(configRecord),
  routes: own<readonly IssuerRoute[]>([]),
})

export type TrustRecord = StoredOf<typeof trustRecord.table>

const trustCodec = recordCodec(trustRecord)

const statusWaitMs = 3000

export class JwtConfigs {
  readonly sources: KeySources
  readonly #context: BackendContext
  readonly #clientKeys: ClientKeys
  readonly #lookups: ProviderLookups
  readonly #key: Key<TrustRecord>
  readonly #algorithms = new WeakMap<readonly AlgorithmName[], ReadonlySet<SignatureAlgorithm>>()

  constructor(context: BackendContext, clientKeys: ClientKeys) {
    this.#context = context
    this.#clientKeys = clientKeys
    this.#key = context.store.configKey('config', trustCodec)
    this.sources = new KeySources(context)
    this.#lookups = new ProviderLookups(context)
  }

  loadTrust(view?: StoreView): Soon<TrustRecord> {
    const trust =
      view === undefined
        ? this.#context.store.look((one) => one.get(this.#key))
        : view.get(this.#key)
    return after(trust, (found) => found ?? trustRecord.defaults)
  }

  saveTrust(txn: StoreTransaction, trust: TrustRecord): void {
    txn.put(this.#key, trust)
  }

  async load(view?: StoreView): Promise<ConfigRecord | undefined> {
    return (await this.loadTrust(view)).config
  }

  /** Resulting kind of mount, jwt-oidc.md §1.2. */
  kind(config: ConfigRecord): MountKind {
    if (config.jwt_validation_pubkeys.length > 0) return 'keys'
    if (config.jwks_url !== '') return 'jwks'
    if (config.jwks_pairs.length > 0) return 'pairs'
    if (config.is_kubernetes) return 'kubernetes'
    if (config.oidc_client_id === '') return 'discovery'
    const hasCredential =
      config.oidc_client_secret !== '' || !needsClientSecret(config.oidc_client_auth_method)
    return hasCredential ? 'oidc' : 'discovery'
  }

  /** Algorithms that a JWT login may use; none named is all of them. */
  algorithms(names: readonly AlgorithmName[]): ReadonlySet<SignatureAlgorithm> {
    if (names.length === 0) return allAlgorithms
    const known = this.#algorithms.get(names)
    if (known !== undefined) return known
    const set = new Set(names.map((name) => algorithmOf(name)))
    this.#algorithms.set(names, set)
    return set
  }

  /** The one key source of the classic configuration. */
  keySource(config: ConfigRecord): KeySource {
    return this.sources.of(defaultIssuerName, config)
  }

  close(): void {
    this.sources.close()
  }

  /** Replaces the configuration when every check of jwt-oidc.md §1.3 passes; gives warnings. */
  async write(input: Input<typeof configFields>): Promise<readonly string[]> {
    const { record, settings, warnings } = await this.#checked(input)
    const stored = await this.#context.store.write(async (txn) => {
      const trust = await this.loadTrust(txn)
      const config = withNamespaceOf(trust, record, input)
      this.saveTrust(txn, { ...trust, config })
      return config
    })
    this.sources.adopt(defaultIssuerName, record.revision, settings)
    if (this.kind(stored) === 'pairs') this.keySource(stored).warm()
    // The provider must be able to read the public half before the first sign-in.
    if (stored.oidc_client_auth_method === 'private_key_jwt') await this.#clientKeys.current()
    return warnings
  }

  /** What a write would store, checked as a write is; throws what it would throw. */
  async draft(input: Input<typeof configFields>): Promise<DraftedConfig> {
    const { record, warnings } = await this.#checked(input)
    const current = await this.loadTrust()
    const config = withNamespaceOf(current, record, input)
    return { current, next: { ...current, config }, warnings }
  }

  async #checked(input: Input<typeof configFields>): Promise<{
    readonly record: ConfigRecord
    readonly settings: CheckedWrite['settings']
    readonly warnings: readonly string[]
  }> {
    const draft = configRecord.merge(configRecord.defaults, input)
    const revision = this.#context.random.uuid()
    const checked = await this.sources.check(defaultIssuerName, revision, keySourceOf(draft))
    const { problem, settings } = checked
    if (problem !== undefined) {
      const isSkipped = problem.isSkippable && input.skip_jwks_validation === true
      if (!isSkipped) throw invalid(problem.text)
    }
    const record = settledConfig({ ...draft, ...checked.keys, revision })
    checkFlowFields(record)
    checkRecordClaims(record)
    const provider = await this.#lookups.check(record)
    if (provider !== undefined) throw invalid(provider)
    const warnings = problem === undefined ? checked.warnings : [...checked.warnings, problem.text]
    return { record, settings, warnings }
  }

  async read(
    config: ConfigRecord,
  ): Promise<{ readonly data: JsonObject; readonly warnings: readonly string[] }> {
    const problem = (await this.#problemOf(config)) ?? (await this.#lookups.check(config))
    return {
      data: {
        ...configRecord.shown(config),
        provider_config: shownProviderConfig(config.provider_config),
        status: problem === undefined ? 'valid' : 'invalid',
      },
      warnings: problem === undefined ? [] : [problem],
    }
  }

  /**
   * Why tokens cannot be judged now; discovery mounts ask their provider once, others ask nobody.
   */
  async #problemOf(config: ConfigRecord): Promise<string | undefined> {
    let problem: string | undefined = 'the provider did not answer in time'
    const asked = this.keySource(config)
      .discoveredIssuer()
      .then((issuer) => {
        problem = issuer.ok ? undefined : issuer.error.detail
      })
    await waitAtMost(this.#context.clock, statusWaitMs, asked)
    return problem
  }
}

/** The only field that survives its omission. */
function withNamespaceOf(
  { config }: TrustRecord,
  record: ConfigRecord,
  input: Input<typeof configFields>,
): ConfigRecord {
  const { namespace_in_state } = configRecord.merge(config ?? record, input)
  return { ...record, namespace_in_state }
}

/** The fields that say where keys come from. */
function keySourceOf(draft: ConfigDraft): KeySourceConfig {
  const is_kubernetes = member(draft.provider_config, 'provider') === 'kubernetes'
  const keys = keySourceRecord.check({ ...draft, is_kubernetes })
  if (keys.ok) return keys.value
  const { field: name, value, choices } = keys.error
  throw invalid(
    `invalid '${name}': ${JSON.stringify(value.slice(0, 64))}; use ${choices.filter((one) => one !== '').join(', ')}`,
  )
}

/** Row 13; throws a 400. */
function settledConfig(draft: ConfigDraft): ConfigRecord {
  const record = configRecord.check(draft)
  if (!record.ok && record.error.field === 'role_selection') {
    throw invalid(
      `invalid 'role_selection': ${JSON.stringify(record.error.value.slice(0, 32))}; use ${record.error.choices.join(', ')}`,
    )
  }
  if (!record.ok) throw unsupportedAlgorithm(record.error)
  if (record.value.role_selection !== 'explicit' && record.value.default_role !== '') {
    throw invalid("'default_role' and 'role_selection' cannot be used together")
  }
  return record.value
}

/** The algorithms that a configuration names are checked after its keys. */
export function unsupportedAlgorithm({ field: name, value }: ChoiceProblem): Refusal {
  return invalid(`unsupported signing algorithm ${JSON.stringify(value.slice(0, 32))} in '${name}'`)
}

/** Rows 14 and 15. */
function checkFlowFields(
  config: Pick<ConfigRecord, 'oidc_response_types' | 'oidc_response_mode'>,
): void {
  for (const type of config.oidc_response_types) {
    if (type !== 'code' && type !== 'id_token') {
      throw invalid(
        `invalid response_types ${JSON.stringify(type.slice(0, 32))}. 'code' and 'id_token' are allowed`,
      )
    }
  }
  const mode = config.oidc_response_mode
  if (mode !== '' && mode !== 'query' && mode !== 'form_post') {
    throw invalid(
      `invalid response_mode: ${JSON.stringify(mode.slice(0, 32))}; use query or form_post`,
    )
  }
  if (config.oidc_response_types.includes('id_token') && mode !== 'form_post') {
    throw invalid("response_mode must be 'form_post' if response_types contains 'id_token'")
  }
}

const recordClaimsMax = 64
const recordClaimCharsMax = 256

function checkRecordClaims({ record_claims }: Pick<ConfigRecord, 'record_claims'>): void {
  if (record_claims.length > recordClaimsMax) {
    throw invalid(
      `'record_claims' must have at most ${recordClaimsMax} names; it has ${record_claims.length}`,
    )
  }
  for (const name of record_claims) {
    const shown = JSON.stringify(name.slice(0, 32))
    if (name.length > recordClaimCharsMax) {
      throw invalid(
        `'record_claims' must have names of at most ${recordClaimCharsMax} characters; ${shown} is longer`,
      )
    }
    if (parseReference(name).steps === undefined) {
      throw invalid(`invalid 'record_claims': ${shown} is no JSON pointer`)
    }
  }
}

export function configPath(configs: JwtConfigs, preview: Preview<DraftedConfig>): PathDeclaration {
  return definePath({
    pattern: 'config',
    access: 'token',
    summary: 'Where keys come from, and what every login of the mount must satisfy.',
    fields: configFields,
    tellsUnknown: true,
    operations: {
      read: {
        summary: 'Read the configuration; secrets are never shown.',
        handler: async () => {
          const config = await configs.load()
          if (config === undefined) return reply.none()
          const { data, warnings } = await configs.read(config)
          return reply.data(data, warnings)
        },
      },
      write: {
        summary: 'Replace the configuration.',
        handler: async ({ input, data, may }) => {
          if (input.dry_run === true) {
            return previewLogins(preview, { may }, () => configs.draft(input))
          }
          const idle = warningsOfIdleFields(configFields, data)
          return reply.none([...(await configs.write(input)), ...idle])
        },
      },
    },
  })
}
