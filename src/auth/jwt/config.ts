/** Configuration of a mount: fields, write checks in the contract's order, read shape, key source (JWT contract §1). */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { warningsOfIdleFields } from '../../framework/input.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import {
  algorithmNames,
  algorithmOf,
  signatureAlgorithms,
  type AlgorithmName,
  type SignatureAlgorithm,
} from '../../jose/algorithms.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'
import {
  clientAuthMethods,
  needsClientSecret,
  validateKeySourceConfig,
  type ClientAuthMethod,
  type KeySourceConfig,
} from '../../oidc/key-source-config.ts'
import type { KeySource } from '../../oidc/key-source.ts'
import { waitAtMost } from '../../oidc/wait.ts'
import { field, type Input } from '../../schema/field.ts'
import { exactCodec, type Key, type StoreTransaction, type StoreView } from '../../storage/store.ts'
import type { ClientKeys } from './client-keys.ts'
import { defaultIssuerName, KeySources } from './key-sources.ts'
import { checkProviderConfig, shownProviderConfig } from './providers.ts'
import { roleNameCharsMax } from './role-record.ts'

const configFields = {
  oidc_discovery_url: field.string({ help: 'Issuer whose discovery document names the keys.' }),
  oidc_discovery_ca_pem: field.string({ help: 'CA certificates for calls to the provider.' }),
  oidc_client_id: field.string({ help: 'Client id of browser sign-ins.' }),
  oidc_client_secret: field.string({ help: 'Client secret of browser sign-ins.', secret: true }),
  oidc_client_auth_method: field.string({
    help: 'client_secret_basic, client_secret_post, private_key_jwt or none (public client); empty tries the secret both ways.',
  }),
  oidc_response_mode: field.string({ help: 'query or form_post.' }),
  oidc_response_types: field.commaList({ help: 'code, id_token.', emptyElements: 'drop' }),
  jwks_url: field.string({ help: 'Address of a JWK Set.' }),
  jwks_ca_pem: field.string({ help: 'CA certificates for jwks_url.' }),
  jwks_pairs: field.any({ help: 'List of {jwks_url, jwks_ca_pem}.' }),
  jwt_validation_pubkeys: field.commaList({ help: 'Public keys in PEM.', emptyElements: 'drop' }),
  jwt_supported_algs: field.commaList({ help: 'Allowed algorithms.', emptyElements: 'drop' }),
  bound_issuer: field.string({ help: 'Required iss of a JWT login.' }),
  default_role: field.lowerString({
    help: 'Role of logins that name none.',
    charsMax: roleNameCharsMax,
  }),
  provider_config: field.textMap({ help: 'Provider with its options.', secret: true }),
  namespace_in_state: field.bool({ help: 'Put the namespace into the state of browser sign-ins.' }),
  override_allowed_server_names: field.commaList({
    help: "Certificate names accepted instead of the URL's host.",
    emptyElements: 'drop',
  }),
  skip_jwks_validation: field.bool({ help: 'Store even when the provider cannot be reached now.' }),
  unsupported_critical_cert_extensions: field.commaList({
    help: 'Kept for compatibility; a certificate with an unknown critical extension is refused.',
    emptyElements: 'drop',
    withoutEffect: true,
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
  readonly jwt_supported_algs: readonly AlgorithmName[]
  readonly default_role: string
  readonly provider_config: JsonObject
  readonly namespace_in_state: boolean
  readonly token_audiences: readonly string[]
}

export type MountKind = 'keys' | 'jwks' | 'pairs' | 'discovery' | 'oidc' | 'kubernetes'

/** A named issuer of the mount: tokens with that `iss` are its own, and nobody else's. */
export interface IssuerRoute {
  readonly name: string
  readonly issuer: string
}

/**
 * What a mount trusts: the classic configuration and where named issuers are. One record, so that a login reads both in
 * one step and a mount without named issuers pays nothing for them.
 */
export interface TrustRecord {
  readonly config?: ConfigRecord
  readonly routes: readonly IssuerRoute[]
}

const trustsNobody: TrustRecord = { routes: [] }

const statusWaitMs = 3000

export const allAlgorithms: ReadonlySet<SignatureAlgorithm> = new Set(signatureAlgorithms)

export class JwtConfigs {
  readonly sources: KeySources
  readonly #context: BackendContext
  readonly #clientKeys: ClientKeys
  readonly #key: Key<TrustRecord>
  readonly #algorithms = new WeakMap<readonly AlgorithmName[], ReadonlySet<SignatureAlgorithm>>()

  constructor(context: BackendContext, clientKeys: ClientKeys) {
    this.#context = context
    this.#clientKeys = clientKeys
    this.#key = context.store.configKey('config', exactCodec<TrustRecord>())
    this.sources = new KeySources(context)
  }

  async loadTrust(view?: StoreView): Promise<TrustRecord> {
    const trust =
      view === undefined
        ? await this.#context.store.view((one) => one.get(this.#key))
        : await view.get(this.#key)
    return trust ?? trustsNobody
  }

  saveTrust(txn: StoreTransaction, trust: TrustRecord): void {
    txn.put(this.#key, trust)
  }

  async load(view?: StoreView): Promise<ConfigRecord | undefined> {
    return (await this.loadTrust(view)).config
  }

  /** Resulting kind of mount, JWT contract §1.2. */
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

  /** Replaces the configuration when every check of JWT contract §1.3 passes; gives warnings. */
  async write(input: Input<typeof configFields>): Promise<readonly string[]> {
    const revision = this.#context.random.uuid()
    const keys = keySourceConfig(input)
    const checked = validateKeySourceConfig(keys)
    if (!checked.ok) throw invalid(checked.error)
    const warnings = [...checked.value.warnings]
    let effective: KeySourceConfig = { ...keys, ...checked.value.changes }
    const source = this.sources.create(defaultIssuerName, revision, checked.value)
    try {
      const network = await source.check()
      if (network.problem !== undefined) {
        const isSkipped = network.isSkippable && input.skip_jwks_validation === true
        if (!isSkipped) throw invalid(network.problem)
        warnings.push(network.problem)
      }
      effective = { ...effective, ...network.changes }
    } finally {
      source.close()
    }
    const record: Omit<ConfigRecord, 'namespace_in_state'> = {
      ...effective,
      revision,
      jwt_supported_algs: parseAlgorithms(input.jwt_supported_algs ?? []),
      oidc_response_mode: input.oidc_response_mode ?? '',
      oidc_response_types: input.oidc_response_types ?? [],
      default_role: input.default_role ?? '',
      provider_config: input.provider_config ?? {},
      token_audiences: input.token_audiences ?? [],
    }
    checkFlowFields(record)
    const provider = checkProviderConfig(record.provider_config)
    if (!provider.ok) throw invalid(provider.error)
    const stored = await this.#context.store.write(async (txn) => {
      const trust = await this.loadTrust(txn)
      // The only field that survives its omission.
      const isInState = input.namespace_in_state ?? trust.config?.namespace_in_state ?? true
      const config: ConfigRecord = { ...record, namespace_in_state: isInState }
      this.saveTrust(txn, { ...trust, config })
      return config
    })
    if (this.kind(stored) === 'pairs') this.keySource(stored).warm()
    // The provider must be able to read the public half before the first sign-in.
    if (stored.oidc_client_auth_method === 'private_key_jwt') await this.#clientKeys.current()
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
      oidc_client_auth_method: method = '',
      ...shown
    } = config
    return {
      data: {
        ...shown,
        ...(method === '' ? {} : { oidc_client_auth_method: method }),
        provider_config: shownProviderConfig(config.provider_config),
        status: problem === undefined ? 'valid' : 'invalid',
      },
      warnings: problem === undefined ? [] : [problem],
    }
  }

  /** Why tokens cannot be judged now; discovery mounts ask their provider once, others ask nobody. */
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

/** The fields that say where keys come from. */
function keySourceConfig(input: Input<typeof configFields>): KeySourceConfig {
  return {
    oidc_discovery_url: input.oidc_discovery_url ?? '',
    oidc_discovery_ca_pem: input.oidc_discovery_ca_pem ?? '',
    oidc_client_id: input.oidc_client_id ?? '',
    oidc_client_secret: input.oidc_client_secret ?? '',
    ...clientAuthMethod(input.oidc_client_auth_method ?? ''),
    jwks_url: input.jwks_url ?? '',
    jwks_ca_pem: input.jwks_ca_pem ?? '',
    jwks_pairs: pairsOf(input.jwks_pairs),
    jwt_validation_pubkeys: input.jwt_validation_pubkeys ?? [],
    bound_issuer: input.bound_issuer ?? '',
    override_allowed_server_names: input.override_allowed_server_names ?? [],
    unsupported_critical_cert_extensions: input.unsupported_critical_cert_extensions ?? [],
    is_kubernetes: member(input.provider_config ?? {}, 'provider') === 'kubernetes',
  }
}

function clientAuthMethod(text: string): { readonly oidc_client_auth_method?: ClientAuthMethod } {
  if (text === '') return {}
  const known = clientAuthMethods.find((method) => method === text)
  if (known !== undefined) return { oidc_client_auth_method: known }
  throw invalid(
    `invalid 'oidc_client_auth_method': ${JSON.stringify(text.slice(0, 64))}; use ${clientAuthMethods.slice(1).join(', ')}`,
  )
}

/** Row 13; throws a 400. */
export function parseAlgorithms(names: readonly string[]): readonly AlgorithmName[] {
  return names.map((name) => {
    const known = algorithmNames.find((algorithm) => algorithm === name)
    if (known !== undefined) return known
    throw invalid(
      `unsupported signing algorithm ${JSON.stringify(name.slice(0, 32))} in 'jwt_supported_algs'`,
    )
  })
}

/** A list; one object is a list of one, an empty object is none. */
function pairsOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined || value === null || value === '') return []
  if (isJsonArray(value)) return value
  return isJsonObject(value) && Object.keys(value).length === 0 ? [] : [value]
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

export function configPath(configs: JwtConfigs): PathDeclaration {
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
          return warnings.length > 0 ? reply.data(data, warnings) : reply.data(data)
        },
      },
      write: {
        summary: 'Replace the configuration.',
        handler: async ({ input, data }) => {
          const idle = warningsOfIdleFields(configFields, data)
          const warnings = [...(await configs.write(input)), ...idle]
          return warnings.length > 0 ? reply.none(warnings) : reply.none()
        },
      },
    },
  })
}
