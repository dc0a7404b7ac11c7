/**
 * Renewal of a token that this mount made: the checks of its login again, over the facts that were
 * kept, by the role, the issuer and the mount as they are now. Nothing is asked outside for it.
 */

import type { BackendContext, RenewRequest, RenewTerms } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { renewedBy, roleGone } from '../../framework/role-login.ts'
import { isJsonObject, member, type JsonObject } from '../../lib/json.ts'
import { err, ok, type Result } from '../../lib/result.ts'
import type { StoreView } from '../../storage/store.ts'
import {
  judgeCelRenewal,
  judgeJwtRenewal,
  judgeOidcRenewal,
  type ProvenKey,
  type SharedFacts,
  type SignatureProblem,
} from '../../trust/decide.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import type { Failure } from '../../trust/run-checks.ts'
import type { CelRoles } from './cel-role.ts'
import type { ConfigRecord, JwtConfigs, TrustRecord } from './config.ts'
import { readFacts, type KeptLogin } from './facts.ts'
import { issuerOfConfig, loginConfig, type JwtIssuers, type NamedIssuer } from './issuers.ts'
import type { RoleRecord } from './role-record.ts'
import type { JwtRoles } from './role.ts'
import { rolesOfUnion, unitedKind, unitedTerms, versionInUnion } from './united-roles.ts'

/**
 * Published keys rotate by themselves; one that stood in the configuration was taken out by
 * somebody.
 */
const keyTakenOut: Result<never, SignatureProblem> = err({
  reason: 'key_source_invalid',
  detail: 'the key that signed it is no longer configured',
})

/** A role of either kind, as a renewal needs it. */
interface RoleNow {
  readonly kind: 'native' | 'cel'
  /** The login was accepted by this very version of it. */
  readonly isSameVersion: boolean
  readonly compiled: CompiledRole
}

/** More than one of a token that several roles gave. */
interface RolesNow {
  readonly roles: readonly RoleNow[]
  readonly terms: RenewTerms
}

interface Trusted {
  readonly trust: TrustRecord
  readonly issuer: NamedIssuer | undefined
}

/** It was verified at the login, and no key is asked about it again. */
const provenThen: Result<ProvenKey, never> = ok({ keyId: undefined, thumbprint: '' })

export class JwtRenewal {
  readonly #context: BackendContext
  readonly #configs: JwtConfigs
  readonly #issuers: JwtIssuers
  readonly #roles: JwtRoles
  readonly #celRoles: CelRoles

  constructor(
    context: BackendContext,
    parts: {
      readonly configs: JwtConfigs
      readonly issuers: JwtIssuers
      readonly roles: JwtRoles
      readonly celRoles: CelRoles
    },
  ) {
    this.#context = context
    this.#configs = parts.configs
    this.#issuers = parts.issuers
    this.#roles = parts.roles
    this.#celRoles = parts.celRoles
  }

  /** What is left to the core for the new lifetime; throws when the token has come to its end. */
  async renew(request: RenewRequest): Promise<RenewTerms> {
    const { store } = this.#context
    const mount = this.#context.mount()
    const { roles, terms, trusted } = await store.view(async (view) => {
      const found = await this.#find(request, view)
      const trust = await this.#configs.loadTrust(view)
      const { iss } = readFacts(request.facts, true)
      const issuer = await this.#issuers.find(trust, iss, view)
      return { ...found, trusted: { trust, issuer } }
    })
    // design.md §8: with compat=vault only the role has to be there.
    for (const role of mount.compat === 'vault' ? [] : roles) {
      const kept = readFacts(request.facts, role.isSameVersion)
      const facts = {
        mountPath: mount.path,
        role: role.compiled,
        compat: mount.compat,
        sourceAddress: request.clientAddress,
        nowSeconds: Math.floor(request.nowMs / 1000),
        env: {
          nowMs: request.nowMs,
          randomBytes: (count: number) => this.#context.random.bytes(count),
        },
        explainToCaller: mount.explainToCaller,
      }
      const hasKey = this.#hasKey(kept, trusted)
      const failure = judge(facts, role.kind, kept, trusted, hasKey)
      if (failure !== undefined) {
        throw invalid(`the token may no longer be renewed: ${failure.text}; log in again`)
      }
    }
    return terms
  }

  /**
   * The roles as they are now. A token of a time before there were kinds belongs to the role of
   * `role/` where there is one of its name (jwt-oidc.md §3.9).
   */
  async #find({ role, facts }: RenewRequest, view: StoreView): Promise<RolesNow> {
    if (role.kind === unitedKind) {
      const names = rolesOfUnion(role.name)
      const records = await Promise.all(names.map(async (name) => this.#roles.load(name, view)))
      const found = records.filter((record) => record !== undefined)
      if (found.length < names.length) throw roleGone(role.name)
      const roles = found.map((record) => this.#native(record, versionInUnion(facts, record.name)))
      return { roles, terms: unitedTerms(found) }
    }
    const record = role.kind === 'cel' ? undefined : await this.#roles.load(role.name, view)
    if (record !== undefined) {
      return { roles: [this.#native(record, role.version)], terms: renewedBy(record) }
    }
    const found = role.kind === 'native' ? undefined : await this.#celRoles.find(role.name, view)
    if (found === undefined) throw roleGone(role.name)
    const isSameVersion = found.record.version === role.version
    const roles = [{ kind: 'cel' as const, isSameVersion, compiled: found.compiled }]
    return { roles, terms: termsOf(facts) }
  }

  #native(record: RoleRecord, version: number | undefined): RoleNow {
    const isSameVersion = record.version === version
    return { kind: 'native', isSameVersion, compiled: this.#roles.compiled(record) }
  }

  /**
   * A mount that has moved from configured keys to published ones is asked for the issuer alone.
   */
  #hasKey({ key }: KeptLogin, { trust, issuer }: Trusted): boolean {
    const { config } = trust
    const named = issuer && this.#configs.sources.of(issuer.name, issuer.record)
    const source = named ?? (config && this.#configs.keySource(config))
    return key === undefined || source?.hasKey?.(key) !== false
  }
}

/** What a CEL program has given stays with its token: the program is not asked again. */
function termsOf(facts: JsonObject): RenewTerms {
  const terms = member(facts, 'terms')
  const secondsOf = (name: string): number => {
    const value = isJsonObject(terms) ? member(terms, name) : undefined
    return typeof value === 'number' ? value : 0
  }
  return {
    ttlSeconds: secondsOf('ttl'),
    maxTtlSeconds: secondsOf('max_ttl'),
    periodSeconds: secondsOf('period'),
  }
}

function judge(
  facts: Omit<SharedFacts, 'signature' | 'config'> & Pick<Required<SharedFacts>, 'role'>,
  kind: RoleNow['kind'],
  kept: KeptLogin,
  { trust, issuer }: Trusted,
  hasKey: boolean,
): Failure | undefined {
  const { claims, knows } = kept
  if (kept.flow === 'jwt') {
    const input = {
      ...facts,
      config: {
        ...loginConfig(trust, issuer),
        discovered_issuer: issuer === undefined ? issuerOfDiscovery(trust.config, kept.iss) : '',
      },
      requestedRole: facts.role?.name ?? '',
      token: { claims },
      signature: hasKey ? vouch(kept, trust, issuer) : keyTakenOut,
    }
    if (kind === 'native') return judgeJwtRenewal(input, knows)
    const program = { program: undefined, operation: 'update', message: '' } as const
    return judgeCelRenewal({ ...input, ...program }, knows)
  }
  if (facts.role === undefined) throw new Error('a renewal is judged without a role')
  const input = {
    ...facts,
    role: facts.role,
    config: {},
    idToken: { claims },
    signature: provenThen,
    facts: {
      // An ID token is from the provider of now, or from nobody; `bound_issuer` plays no part.
      issuer: issuerOfDiscovery(trust.config, kept.iss) ?? '',
      clientId: trust.config?.oidc_client_id ?? '',
      nonce: undefined,
      maxAge: undefined,
      accessToken: '',
      code: '',
    },
    overlaid: claims,
  }
  return judgeOidcRenewal(input, knows)
}

/** Whether an issuer of the mount would still be asked for the keys of this token. */
function vouch(
  kept: KeptLogin,
  { config }: TrustRecord,
  issuer: NamedIssuer | undefined,
): Result<ProvenKey, SignatureProblem> {
  if (issuer !== undefined) return provenThen
  const isGone =
    config === undefined ||
    // A named issuer vouched for it: the classic configuration takes its place only by that name.
    (kept.issuer !== undefined && issuerOfConfig(config) !== kept.iss)
  if (!isGone) return provenThen
  return err({ reason: 'issuer_unknown', detail: 'the mount no longer trusts its issuer' })
}

/** The issuer of the discovery URL, which a document without its slash may have confirmed. */
function issuerOfDiscovery(
  config: ConfigRecord | undefined,
  iss: string | undefined,
): string | undefined {
  const url = config?.oidc_discovery_url ?? ''
  if (url === '') return undefined
  const isTwin =
    config?.discovery_slash_tolerant === true && (iss === `${url}/` || `${iss}/` === url)
  return isTwin ? iss : url
}
