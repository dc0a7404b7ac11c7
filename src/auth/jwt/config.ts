/** Configuration of a mount: fields, write checks in the contract's order, read shape, key source (JWT contract §1). */

import { reply, type BackendContext } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { signatureAlgorithms, type SignatureAlgorithm } from '../../jose/algorithms.ts'
import { isJsonArray, isJsonObject, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import {
  validateKeySourceConfig,
  type CheckedKeySource,
  type KeySourceConfig,
} from '../../oidc/key-source-config.ts'
import { createKeySource, type KeySource } from '../../oidc/key-source.ts'
import { systemClusterFiles } from '../../platform/cluster-files.ts'
import { field, type Input } from '../../schema/field.ts'
import { exactCodec, type Key, type StoreView } from '../../storage/store.ts'
import { keptDocuments } from './kept-documents.ts'
import { checkProviderConfig, shownProviderConfig } from './providers.ts'

const configFields = {
  oidc_discovery_url: field.string({ help: 'Issuer whose discovery document names the keys.' }),
  oidc_discovery_ca_pem: field.string({ help: 'CA certificates for calls to the provider.' }),
  oidc_client_id: field.string({ help: 'Client id of browser sign-ins.' }),
  oidc_client_secret: field.string({ help: 'Client secret of browser sign-ins.', secret: true }),
  oidc_response_mode: field.string({ help: 'query or form_post.' }),
  oidc_response_types: field.commaList({ help: 'code, id_token.', emptyElements: 'drop' }),
  jwks_url: field.string({ help: 'Address of a JWK Set.' }),
  jwks_ca_pem: field.string({ help: 'CA certificates for jwks_url.' }),
  jwks_pairs: field.any({ help: 'List of {jwks_url, jwks_ca_pem}.' }),
  jwt_validation_pubkeys: field.commaList({ help: 'Public keys in PEM.', emptyElements: 'drop' }),
  jwt_supported_algs: field.commaList({ help: 'Allowed algorithms.', emptyElements: 'drop' }),
  bound_issuer: field.string({ help: 'Required iss of a JWT login.' }),
  default_role: field.lowerString({ help: 'Role of logins that name none.' }),
  provider_config: field.textMap({ help: 'Provider with its options.', secret: true }),
  namespace_in_state: field.bool({ help: 'Put the namespace into the state of browser sign-ins.' }),
  override_allowed_server_names: field.commaList({
    help: "Certificate names accepted instead of the URL's host.",
    emptyElements: 'drop',
  }),
  skip_jwks_validation: field.bool({ help: 'Store even when the provider cannot be reached now.' }),
  unsupported_critical_cert_extensions: field.commaList({
    help: 'OIDs of critical certificate extensions to tolerate.',
    emptyElements: 'drop',
  }),
  token_audiences: field.commaList({
    help: 'Audiences of which every JWT login of this mount must have one.',
    emptyElements: 'drop',
  }),
} as const

export interface ConfigRecord extends KeySourceConfig {
  /** New at every write: a key source belongs to one revision. */
  readonly revision: string
  readonly oidc_response_mode: string
  readonly oidc_response_types: readonly string[]
  readonly jwt_supported_algs: readonly SignatureAlgorithm[]
  readonly default_role: string
  readonly provider_config: JsonObject
  readonly namespace_in_state: boolean
  readonly token_audiences: readonly string[]
}

export type MountKind = 'keys' | 'jwks' | 'pairs' | 'discovery' | 'oidc' | 'kubernetes'

const statusWaitMs = 3000

const allAlgorithms: ReadonlySet<SignatureAlgorithm> = new Set(signatureAlgorithms)

export class JwtConfigs {
  readonly #context: BackendContext
  readonly #key: Key<ConfigRecord>
  readonly #algorithms = new WeakMap<ConfigRecord, ReadonlySet<SignatureAlgorithm>>()
  #source: { readonly revision: string; readonly source: KeySource } | undefined

  constructor(context: BackendContext) {
    this.#context = context
    this.#key = context.store.configKey('config', exactCodec<ConfigRecord>())
  }

  async load(view?: StoreView): Promise<ConfigRecord | undefined> {
    return view === undefined
      ? this.#context.store.view((one) => one.get(this.#key))
      : view.get(this.#key)
  }

  /** Resulting kind of mount, JWT contract §1.2. */
  kind(config: ConfigRecord): MountKind {
    if (config.jwt_validation_pubkeys.length > 0) return 'keys'
    if (config.jwks_url !== '') return 'jwks'
    if (config.jwks_pairs.length > 0) return 'pairs'
    if (config.is_kubernetes) return 'kubernetes'
    return config.oidc_client_id !== '' && config.oidc_client_secret !== '' ? 'oidc' : 'discovery'
  }

  /** Algorithms that a JWT login may use. */
  algorithms(config: ConfigRecord): ReadonlySet<SignatureAlgorithm> {
    if (config.jwt_supported_algs.length === 0) return allAlgorithms
    const known = this.#algorithms.get(config)
    if (known !== undefined) return known
    const set = new Set(config.jwt_supported_algs)
    this.#algorithms.set(config, set)
    return set
  }

  /** The one key source of the present configuration; caches live and die with its revision. */
  keySource(config: ConfigRecord): KeySource {
    if (this.#source?.revision === config.revision) return this.#source.source
    this.#source?.source.close()
    const checked = validateKeySourceConfig(config)
    // It was checked when it was stored.
    if (!checked.ok) throw new Error(`the stored configuration is refused: ${checked.error}`)
    const source = this.#create(checked.value)
    this.#source = { revision: config.revision, source }
    return source
  }

  close(): void {
    this.#source?.source.close()
    this.#source = undefined
  }

  #create(checked: CheckedKeySource): KeySource {
    const { clock, logger, outbound, store } = this.#context
    return createKeySource(checked.settings, {
      outbound,
      clock,
      logger,
      store: keptDocuments(store),
      cluster: systemClusterFiles,
    })
  }

  /** Replaces the configuration when every check passes; gives warnings. */
  async write(input: Input<typeof configFields>): Promise<readonly string[]> {
    const previous = await this.load()
    const { record, checked } = checkConfig(input, previous, this.#context.random.uuid())
    const warnings = [...checked.warnings]
    let stored: ConfigRecord = { ...record, ...checked.changes }
    const source = this.#create(checked)
    try {
      const network = await source.check()
      if (network.problem !== undefined) {
        const isSkipped = network.isSkippable && input.skip_jwks_validation === true
        if (!isSkipped) throw invalid(network.problem)
        warnings.push(network.problem)
      }
      stored = { ...stored, ...network.changes }
    } finally {
      source.close()
    }
    checkFlowFields(stored)
    const provider = checkProviderConfig(stored.provider_config)
    if (!provider.ok) throw invalid(provider.error)
    await this.#context.store.write((txn) => txn.put(this.#key, stored))
    if (this.kind(stored) === 'pairs') this.keySource(stored).warm()
    return warnings
  }

  async read(
    config: ConfigRecord,
  ): Promise<{ readonly data: JsonObject; readonly warnings: readonly string[] }> {
    const problem = await this.#problemOf(config)
    const {
      revision: _,
      oidc_client_secret: __,
      is_kubernetes: ___,
      discovery_slash_tolerant: ____,
      ...shown
    } = config
    return {
      data: {
        ...shown,
        provider_config: shownProviderConfig(config.provider_config),
        status: problem === undefined ? 'valid' : 'invalid',
      },
      warnings: problem === undefined ? [] : [problem],
    }
  }

  /** Why tokens cannot be judged now; discovery mounts ask their provider once, others ask nobody. */
  async #problemOf(config: ConfigRecord): Promise<string | undefined> {
    const { clock } = this.#context
    const waited = clock.sleep(statusWaitMs).then(() => 'the provider did not answer in time')
    const asked = this.keySource(config)
      .discoveredIssuer()
      .then((issuer) => (issuer.ok ? undefined : issuer.error.detail))
    return Promise.race([asked, waited])
  }
}

/** Rows 1 to 8, 11, 13 and 17 of JWT contract §1.3, in order. */
function checkConfig(
  input: Input<typeof configFields>,
  previous: ConfigRecord | undefined,
  revision: string,
): { readonly record: ConfigRecord; readonly checked: CheckedKeySource } {
  const providerConfig = input.provider_config ?? {}
  const keys: KeySourceConfig = {
    oidc_discovery_url: input.oidc_discovery_url ?? '',
    oidc_discovery_ca_pem: input.oidc_discovery_ca_pem ?? '',
    oidc_client_id: input.oidc_client_id ?? '',
    oidc_client_secret: input.oidc_client_secret ?? '',
    jwks_url: input.jwks_url ?? '',
    jwks_ca_pem: input.jwks_ca_pem ?? '',
    jwks_pairs: pairsOf(input.jwks_pairs),
    jwt_validation_pubkeys: input.jwt_validation_pubkeys ?? [],
    bound_issuer: input.bound_issuer ?? '',
    override_allowed_server_names: input.override_allowed_server_names ?? [],
    unsupported_critical_cert_extensions: input.unsupported_critical_cert_extensions ?? [],
    is_kubernetes: member(providerConfig, 'provider') === 'kubernetes',
  }
  const checked = validateKeySourceConfig(keys)
  if (!checked.ok) throw invalid(checked.error)
  const algorithms: SignatureAlgorithm[] = []
  for (const name of input.jwt_supported_algs ?? []) {
    const known = signatureAlgorithms.find((algorithm) => algorithm === name)
    if (known === undefined) {
      throw invalid(`unsupported signing algorithm ${JSON.stringify(name.slice(0, 32))} in 'jwt_supported_algs'`)
    }
    algorithms.push(known)
  }
  const record: ConfigRecord = {
    ...keys,
    revision,
    oidc_response_mode: input.oidc_response_mode ?? '',
    oidc_response_types: input.oidc_response_types ?? [],
    jwt_supported_algs: algorithms,
    default_role: input.default_role ?? '',
    provider_config: providerConfig,
    namespace_in_state: input.namespace_in_state ?? previous?.namespace_in_state ?? true,
    token_audiences: input.token_audiences ?? [],
  }
  return { record, checked: checked.value }
}

/** A list; one object is a list of one, an empty object is none. */
function pairsOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined || value === null || value === '') return []
  if (isJsonArray(value)) return value
  return isJsonObject(value) && Object.keys(value).length === 0 ? [] : [value]
}

/** Rows 14 and 15. */
function checkFlowFields(config: ConfigRecord): void {
  for (const type of config.oidc_response_types) {
    if (type !== 'code' && type !== 'id_token') {
      throw invalid(`invalid response_types ${JSON.stringify(type.slice(0, 32))}. 'code' and 'id_token' are allowed`)
    }
  }
  const mode = config.oidc_response_mode
  if (mode !== '' && mode !== 'query' && mode !== 'form_post') {
    throw invalid(`invalid response_mode: ${JSON.stringify(mode.slice(0, 32))}; use query or form_post`)
  }
  if (config.oidc_response_types.includes('id_token') && mode !== 'form_post') {
    throw invalid("response_mode must be 'form_post' if response_types contains 'id_token'")
  }
}

export function configPath(configs: JwtConfigs): PathDeclaration {
  return definePath({
    pattern: 'config',
    access: 'token',
    summary: 'Where keys come from, and what every login of the mount must satisfy.',
    fields: configFields,
    operations: {
      read: {
        summary: 'Read the configuration; secrets are never shown.',
        handler: async () => {
          const config = await configs.load()
          if (config === undefined) return reply.none()
          const { data, warnings } = await configs.read(config)
          return warnings.length > 0 ? reply.data(data, warnings) : reply.data(data)
        },
      },
      write: {
        summary: 'Replace the configuration.',
        handler: async ({ input }) => {
          const warnings = await configs.write(input)
          return warnings.length > 0 ? reply.none(warnings) : reply.none()
        },
      },
    },
  })
}

