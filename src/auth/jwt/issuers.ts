/**
 * Named issuers of a mount (DESIGN.md §6): each with its own keys, audiences and algorithms. A
 * token belongs to the issuer that its `iss` names, exactly, and is judged by that issuer's keys
 * alone; the classic `config` is the issuer `default` and has what no named issuer claims. The
 * `iss` is read before the signature is proven only to choose the keys: a token that lies about it
 * meets keys that do not verify it.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import type { AlgorithmName } from '../../jose/algorithms.ts'
import { member, type JsonObject } from '../../lib/json.ts'
import { validateKeySourceConfig, type KeySourceConfig } from '../../oidc/key-source-config.ts'
import { field, type Input } from '../../schema/field.ts'
import { exactCodec, type Key, type StoreView } from '../../storage/store.ts'
import type { LoginConfig } from '../../trust/login-facts.ts'
import { parseAlgorithms, type ConfigRecord, type JwtConfigs, type TrustRecord } from './config.ts'
import { defaultIssuerName, issuersMax, type KeyedRecord } from './key-sources.ts'
import { keptDocumentsPrefix } from './kept-documents.ts'

const issuerFields = {
  name: field.lowerString({ help: 'Name of the issuer inside the mount.', charsMax: 128 }),
  issuer: field.string({ help: 'Exact iss of its tokens; the discovery URL when that is given.' }),
  oidc_discovery_url: field.string({ help: 'Issuer whose discovery document names the keys.' }),
  oidc_discovery_ca_pem: field.string({ help: 'CA certificates for oidc_discovery_url.' }),
  jwks_url: field.string({ help: 'Address of a JWK Set.' }),
  jwks_ca_pem: field.string({ help: 'CA certificates for jwks_url.' }),
  jwt_validation_pubkeys: field.commaList({ help: 'Public keys in PEM.', emptyElements: 'drop' }),
  audiences: field.commaList({
    help: 'Audiences of which every token of this issuer must have one.',
    emptyElements: 'drop',
  }),
  jwt_supported_algs: field.commaList({ help: 'Allowed algorithms.', emptyElements: 'drop' }),
} as const

export interface IssuerRecord extends KeyedRecord {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly jwt_supported_algs: readonly AlgorithmName[]
}

export interface NamedIssuer {
  readonly name: string
  readonly record: IssuerRecord
}

const issuerLengthMax = 2048

export class JwtIssuers {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  /** By record identity, so that the choice costs one look-up however many issuers there are. */
  readonly #byIssuer = new WeakMap<TrustRecord, ReadonlyMap<string, string>>()

  constructor(context: BackendContext, configs: JwtConfigs) {
    this.#context = context
    this.#configs = configs
  }

  #key(name: string): Key<IssuerRecord> {
    return this.#context.store.configKey(`issuers/${name}`, exactCodec<IssuerRecord>())
  }

  /**
   * Name of the issuer that tokens with this `iss` belong to; undefined leaves them to the classic
   * configuration.
   */
  route(trust: TrustRecord, iss: string | undefined): string | undefined {
    if (trust.routes.length === 0 || iss === undefined) return undefined
    let names = this.#byIssuer.get(trust)
    if (names === undefined) {
      names = new Map(trust.routes.map(({ name, issuer }) => [issuer, name]))
      this.#byIssuer.set(trust, names)
    }
    return names.get(iss)
  }

  async load(name: string, view?: StoreView): Promise<IssuerRecord | undefined> {
    const key = this.#key(name)
    return view === undefined ? this.#context.store.view((one) => one.get(key)) : view.get(key)
  }

  /** The named issuer that tokens with this `iss` belong to. */
  async find(
    trust: TrustRecord,
    iss: string | undefined,
    view: StoreView,
  ): Promise<NamedIssuer | undefined> {
    const name = this.route(trust, iss)
    const record = name === undefined ? undefined : await this.load(name, view)
    return name === undefined || record === undefined ? undefined : { name, record }
  }

  /** Replaces the issuer; gives warnings. Throws a 400 and has then changed nothing. */
  async write(name: string, input: Input<typeof issuerFields>): Promise<readonly string[]> {
    refuseDefault(name)
    const revision = this.#context.random.uuid()
    const keys = keySourceConfig(input)
    const checked = validateKeySourceConfig(keys)
    if (!checked.ok) throw invalid(checked.error)
    const source = this.#configs.sources.create(name, revision, checked.value)
    const network = await source.check().finally(() => source.close())
    if (network.problem !== undefined) throw invalid(network.problem)
    const effective = { ...keys, ...checked.value.changes, ...network.changes }
    const issuer = issuerOf(input.issuer ?? '', effective.oidc_discovery_url)
    const record: IssuerRecord = {
      ...effective,
      revision,
      issuer,
      audiences: input.audiences ?? [],
      jwt_supported_algs: parseAlgorithms(input.jwt_supported_algs ?? []),
    }
    const warnings = [...checked.value.warnings]
    const shadowsDefault = await this.#context.store.write(async (txn) => {
      const trust = await this.#configs.loadTrust(txn)
      const others = trust.routes.filter((route) => route.name !== name)
      const twin = others.find((route) => route.issuer === issuer)
      if (twin !== undefined) {
        throw invalid(
          `the issuer ${JSON.stringify(issuer)} is already served by issuers/${twin.name}`,
        )
      }
      if (others.length >= issuersMax) throw invalid(`a mount has at most ${issuersMax} issuers`)
      txn.put(this.#key(name), record)
      this.#configs.saveTrust(txn, { ...trust, routes: [...others, { name, issuer }] })
      return trust.config !== undefined && issuerOfConfig(trust.config) === issuer
    })
    if (shadowsDefault) {
      warnings.push(
        `tokens of ${JSON.stringify(issuer)} are judged by issuers/${name} from now on and no longer by the keys in config`,
      )
    }
    return warnings
  }

  async remove(name: string): Promise<void> {
    refuseDefault(name)
    const { store } = this.#context
    await store.write(async (txn) => {
      const trust = await this.#configs.loadTrust(txn)
      const routes = trust.routes.filter((route) => route.name !== name)
      if (routes.length === trust.routes.length) return
      txn.delete(this.#key(name).text)
      this.#configs.saveTrust(txn, { ...trust, routes })
      for await (const key of txn.keys(store.keyRange(keptDocumentsPrefix(name)))) txn.delete(key)
    })
    this.#configs.sources.drop(name)
  }

  /** Sorted, the classic configuration among them once it is written. */
  async names(): Promise<readonly string[]> {
    const { config, routes } = await this.#configs.loadTrust()
    const names = routes.map(({ name }) => name)
    return (config === undefined ? names : [...names, defaultIssuerName]).toSorted()
  }

  async read(name: string): Promise<JsonObject | undefined> {
    if (name !== defaultIssuerName) {
      const record = await this.load(name)
      return record === undefined ? undefined : readShape(record)
    }
    const config = await this.#configs.load()
    return config === undefined
      ? undefined
      : readShape({ ...config, issuer: issuerOfConfig(config), audiences: config.token_audiences })
  }
}

/** What of the mount judges a token of that issuer; without one, the classic configuration does. */
export function loginConfig(trust: TrustRecord, issuer: NamedIssuer | undefined): LoginConfig {
  const { config } = trust
  return {
    configured: config !== undefined || trust.routes.length > 0,
    bound_issuer: issuer?.record.issuer ?? config?.bound_issuer ?? '',
    discovered_issuer: undefined,
    token_audiences: issuer?.record.audiences ?? config?.token_audiences ?? [],
    default_role: config?.default_role ?? '',
    // The provider of the classic configuration knows nothing of other issuers' people.
    has_provider:
      issuer === undefined && config !== undefined && 'provider' in config.provider_config,
  }
}

/** The `iss` that a classic configuration asks for; empty when it takes any. */
export function issuerOfConfig(config: ConfigRecord): string {
  return config.bound_issuer === '' ? config.oidc_discovery_url : config.bound_issuer
}

function refuseDefault(name: string): void {
  if (name === defaultIssuerName) {
    throw invalid('the issuer "default" is the configuration of the mount: write config instead')
  }
}

function keySourceConfig(input: Input<typeof issuerFields>): KeySourceConfig {
  const keys = {
    oidc_discovery_url: input.oidc_discovery_url ?? '',
    oidc_discovery_ca_pem: input.oidc_discovery_ca_pem ?? '',
    jwks_url: input.jwks_url ?? '',
    jwks_ca_pem: input.jwks_ca_pem ?? '',
    jwt_validation_pubkeys: input.jwt_validation_pubkeys ?? [],
  }
  const given = [keys.oidc_discovery_url, keys.jwks_url, keys.jwt_validation_pubkeys]
  const count = given.filter((value) => value.length > 0).length
  if (count !== 1) {
    throw invalid(
      `exactly one of 'oidc_discovery_url', 'jwks_url' or 'jwt_validation_pubkeys' must be set; ${count} are`,
    )
  }
  return {
    ...keys,
    oidc_client_id: '',
    oidc_client_secret: '',
    jwks_pairs: [],
    bound_issuer: '',
    override_allowed_server_names: [],
    unsupported_critical_cert_extensions: [],
    is_kubernetes: false,
  }
}

/** With discovery the provider has said who it is, and nobody may be served under another name. */
function issuerOf(asked: string, discovered: string): string {
  const issuer = asked === '' ? discovered : asked
  if (issuer === '') throw invalid("'issuer' must be set: it is the exact iss of the tokens")
  if (issuer.length > issuerLengthMax) {
    throw invalid(`'issuer' must have at most ${issuerLengthMax} characters`)
  }
  if (discovered !== '' && issuer !== discovered) {
    throw invalid(
      `'issuer' must be the issuer that the discovery document names, ${JSON.stringify(discovered)}`,
    )
  }
  return issuer
}

type ShownIssuer = Pick<IssuerRecord, Exclude<keyof typeof issuerFields, 'name'>>

function readShape(record: ShownIssuer): JsonObject {
  return {
    issuer: record.issuer,
    oidc_discovery_url: record.oidc_discovery_url,
    oidc_discovery_ca_pem: record.oidc_discovery_ca_pem,
    jwks_url: record.jwks_url,
    jwks_ca_pem: record.jwks_ca_pem,
    jwt_validation_pubkeys: record.jwt_validation_pubkeys,
    audiences: record.audiences,
    jwt_supported_algs: record.jwt_supported_algs,
  }
}

/** The `iss` of claims that nothing has proven yet. */
export function claimedIssuer(claims: JsonObject): string | undefined {
  const iss = member(claims, 'iss')
  return typeof iss === 'string' ? iss : undefined
}

export function issuerPaths(issuers: JwtIssuers): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'issuers',
      access: 'token',
      summary: 'Names of all issuers that the mount trusts.',
      fields: {
        after: field.string({ help: 'Start after this name.' }),
        limit: field.int({ help: 'At most so many; 0 is all.' }),
      },
      operations: {
        list: {
          summary: 'List issuers; "default" is the configuration of the mount.',
          handler: async ({ input }) => {
            const after = input.after ?? ''
            const names = (await issuers.names()).filter((name) => after === '' || name > after)
            const limit = input.limit ?? 0
            return reply.list(limit > 0 ? names.slice(0, limit) : names)
          },
        },
      },
    }),
    definePath({
      pattern: 'issuers/:name',
      access: 'token',
      summary:
        'One issuer: which iss it has, where its keys are, and what its tokens must satisfy.',
      fields: issuerFields,
      tellsUnknown: true,
      exists: async ({ captures }) => (await issuers.read(captures['name'] ?? '')) !== undefined,
      operations: {
        read: {
          summary: 'Read an issuer.',
          handler: async ({ input }) => {
            const data = await issuers.read(input.name ?? '')
            return data === undefined ? reply.none() : reply.data(data)
          },
        },
        write: {
          summary: 'Replace an issuer; its keys are fetched once to see that they are there.',
          handler: async ({ input }) => {
            const warnings = await issuers.write(input.name ?? '', input)
            return warnings.length > 0 ? reply.none(warnings) : reply.none()
          },
        },
        delete: {
          summary: 'Delete an issuer; its tokens fall back to the configuration of the mount.',
          handler: async ({ input }) => {
            await issuers.remove(input.name ?? '')
            return reply.none()
          },
        },
      },
    }),
  ]
}
