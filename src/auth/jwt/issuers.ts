/**
 * Named issuers of a mount (design.md §6): each with its own keys, audiences and algorithms. A
 * token belongs to the issuer that its `iss` names, exactly, and is judged by that issuer's keys
 * alone; the classic `config` is the issuer `default` and has what no named issuer claims. The
 * `iss` is read before the signature is proven only to choose the keys: a token that lies about it
 * meets keys that do not verify it.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { dryRunField, previewLogins, type Preview } from '../../framework/dry-run.ts'
import { reply } from '../../framework/reply.ts'
import { listPath, NamedRecords, type Page } from '../../framework/named-records.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { algorithmNames } from '../../jose/algorithms.ts'
import { member, type JsonObject } from '../../lib/json.ts'
import type { Soon } from '../../lib/soon.ts'
import { keySourceTable } from '../../oidc/key-source-config.ts'
import { field, type Input } from '../../schema/field.ts'
import {
  choiceList,
  defineRecord,
  own,
  replacing,
  serverSet,
  stored,
  type DraftOf,
  type StoredOf,
} from '../../schema/record.ts'
import { recordCodec } from '../../storage/record-codec.ts'
import type { StoreView } from '../../storage/store.ts'
import type { LoginConfig } from '../../trust/login-facts.ts'
import {
  unsupportedAlgorithm,
  type ConfigRecord,
  type JwtConfigs,
  type TrustRecord,
} from './config.ts'
import { defaultIssuerName, issuersMax } from './key-sources.ts'
import { keptDocumentsPrefix } from './kept-documents.ts'

const { oidc_discovery_url, jwks_url, jwks_ca_pem, jwt_validation_pubkeys } = keySourceTable

export const issuerRecord = defineRecord({
  revision: own<string>(''),
  // What is not offered below stands at its default: a named issuer has no client and no provider.
  ...serverSet(keySourceTable),
  ...replacing({
    issuer: stored(
      field.string({ help: 'Exact iss of its tokens; the discovery URL when that is given.' }),
    ),
    oidc_discovery_url,
    oidc_discovery_ca_pem: stored(
      field.string({ help: 'CA certificates for oidc_discovery_url.' }),
    ),
    jwks_url,
    jwks_ca_pem,
    jwt_validation_pubkeys,
    audiences: stored(
      field.commaList({ help: 'Audiences of which every token of this issuer must have one.' }),
    ),
    jwt_supported_algs: choiceList(
      algorithmNames,
      field.commaList({ help: 'Allowed algorithms.' }),
    ),
  }),
})

const issuerFields = {
  name: field.lowerString({ help: 'Name of the issuer inside the mount.', charsMax: 128 }),
  ...issuerRecord.fields,
  dry_run: dryRunField,
} as const

/** What the mount would trust after a write of an issuer, beside what it does now. */
export interface DraftedIssuer {
  readonly name: string
  readonly current: { readonly trust: TrustRecord; readonly record: IssuerRecord | undefined }
  readonly next: { readonly trust: TrustRecord; readonly record: IssuerRecord }
  readonly warnings: readonly string[]
}

export type IssuerRecord = StoredOf<typeof issuerRecord.table>
type IssuerDraft = DraftOf<typeof issuerRecord.table>

const issuerCodec = recordCodec(issuerRecord)

export interface NamedIssuer {
  readonly name: string
  readonly record: IssuerRecord
}

const issuerLengthMax = 2048

export class JwtIssuers {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #records: NamedRecords<IssuerRecord>
  /** By record identity, so that the choice costs one look-up however many issuers there are. */
  readonly #byIssuer = new WeakMap<TrustRecord, ReadonlyMap<string, string>>()

  constructor(context: BackendContext, configs: JwtConfigs) {
    this.#context = context
    this.#configs = configs
    this.#records = new NamedRecords(context.store, 'issuers/', issuerCodec)
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

  load(name: string, view?: StoreView): Soon<IssuerRecord | undefined> {
    return this.#records.load(name, view)
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
    const { record, settings, warnings } = await this.#checked(name, input)
    const shadowing = await this.#context.store.write(async (txn) => {
      const trust = await this.#configs.loadTrust(txn)
      txn.put(this.#records.key(name), record)
      this.#configs.saveTrust(txn, withRoute(trust, name, record.issuer))
      return shadowWarnings(trust, name, record.issuer)
    })
    this.#configs.sources.adopt(name, record.revision, settings)
    return [...warnings, ...shadowing]
  }

  /** What a write would store, checked as a write is; throws what it would throw. */
  async draft(name: string, input: Input<typeof issuerFields>): Promise<DraftedIssuer> {
    const { record, warnings } = await this.#checked(name, input)
    return this.#context.store.view(async (view) => {
      const trust = await this.#configs.loadTrust(view)
      return {
        name,
        current: { trust, record: await this.load(name, view) },
        next: { trust: withRoute(trust, name, record.issuer), record },
        warnings: [...warnings, ...shadowWarnings(trust, name, record.issuer)],
      }
    })
  }

  async #checked(name: string, input: Input<typeof issuerFields>) {
    refuseDefault(name)
    const draft = issuerRecord.merge(issuerRecord.defaults, input)
    requireOneSource(draft)
    const revision = this.#context.random.uuid()
    const { keys, settings, problem, warnings } = await this.#configs.sources.check(
      name,
      revision,
      draft,
    )
    if (problem !== undefined) throw invalid(problem.text)
    const issuer = issuerOf(draft.issuer, keys.oidc_discovery_url)
    return { record: settled({ ...draft, ...keys, revision, issuer }), settings, warnings }
  }

  async remove(name: string): Promise<void> {
    refuseDefault(name)
    const { store } = this.#context
    await store.write(async (txn) => {
      const trust = await this.#configs.loadTrust(txn)
      const routes = trust.routes.filter((route) => route.name !== name)
      if (routes.length === trust.routes.length) return
      txn.delete(this.#records.key(name).text)
      this.#configs.saveTrust(txn, { ...trust, routes })
      for await (const key of txn.keys(store.keyRange(keptDocumentsPrefix(name)))) txn.delete(key)
    })
    this.#configs.sources.drop(name)
  }

  /** Sorted, the classic configuration among them once it is written. */
  async names({ after = '', limit = 0 }: Page): Promise<readonly string[]> {
    const { config, routes } = await this.#configs.loadTrust()
    const named = routes.map(({ name }) => name)
    const all = (config === undefined ? named : [...named, defaultIssuerName]).toSorted()
    const names = all.filter((name) => after === '' || name > after)
    return limit > 0 ? names.slice(0, limit) : names
  }

  async read(name: string): Promise<JsonObject | undefined> {
    if (name !== defaultIssuerName) {
      const record = await this.load(name)
      return record === undefined ? undefined : issuerRecord.shown(record)
    }
    const config = await this.#configs.load()
    return config === undefined
      ? undefined
      : issuerRecord.shown({
          ...config,
          issuer: issuerOfConfig(config),
          audiences: config.token_audiences,
        })
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

/** Throws where another issuer of the mount serves those tokens. */
function withRoute(trust: TrustRecord, name: string, issuer: string): TrustRecord {
  const others = trust.routes.filter((route) => route.name !== name)
  const twin = others.find((route) => route.issuer === issuer)
  if (twin !== undefined) {
    throw invalid(`the issuer ${JSON.stringify(issuer)} is already served by issuers/${twin.name}`)
  }
  if (others.length >= issuersMax) throw invalid(`a mount has at most ${issuersMax} issuers`)
  return { ...trust, routes: [...others, { name, issuer }] }
}

function shadowWarnings({ config }: TrustRecord, name: string, issuer: string): readonly string[] {
  if (config === undefined || issuerOfConfig(config) !== issuer) return []
  return [
    `tokens of ${JSON.stringify(issuer)} are judged by issuers/${name} from now on and no longer by the keys in config`,
  ]
}

function refuseDefault(name: string): void {
  if (name === defaultIssuerName) {
    throw invalid('the issuer "default" is the configuration of the mount: write config instead')
  }
}

function requireOneSource(draft: IssuerDraft): void {
  const given = [draft.oidc_discovery_url, draft.jwks_url, draft.jwt_validation_pubkeys]
  const count = given.filter((value) => value.length > 0).length
  if (count === 1) return
  throw invalid(
    `exactly one of 'oidc_discovery_url', 'jwks_url' or 'jwt_validation_pubkeys' must be set; ${count} are`,
  )
}

function settled(draft: IssuerDraft): IssuerRecord {
  const record = issuerRecord.check(draft)
  if (record.ok) return record.value
  throw unsupportedAlgorithm(record.error)
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

/** The `iss` of claims that nothing has proven yet. */
export function claimedIssuer(claims: JsonObject): string | undefined {
  const iss = member(claims, 'iss')
  return typeof iss === 'string' ? iss : undefined
}

export function issuerPaths(
  issuers: JwtIssuers,
  preview: Preview<DraftedIssuer>,
): readonly PathDeclaration[] {
  return [
    listPath(
      {
        pattern: 'issuers',
        summary: 'Names of all issuers that the mount trusts.',
        list: 'List issuers; "default" is the configuration of the mount.',
      },
      (page) => issuers.names(page),
    ),
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
          handler: async ({ input }) =>
            reply.found(await issuers.read(input.name ?? ''), (data) => data),
        },
        write: {
          summary: 'Replace an issuer; its keys are fetched once to see that they are there.',
          handler: async ({ input, may }) => {
            const name = input.name ?? ''
            if (input.dry_run === true) {
              return previewLogins(preview, { may }, () => issuers.draft(name, input))
            }
            return reply.none(await issuers.write(name, input))
          },
        },
        delete: {
          summary: 'Delete an issuer; its tokens fall back to the configuration of the mount.',
          handler: ({ input }) => reply.done(issuers.remove(input.name ?? '')),
        },
      },
    }),
  ]
}
