/**
 * What a write of a role, an issuer or the configuration would do, before it is made (explain.md §5): the
 * fields that change, and which logins of the past would go another way. The kept logins are judged
 * twice by the list of checks of a login, with the rules that stand and with those that would;
 * their signatures were proven then. Nothing is written. For the replay nobody is asked; the draft
 * of a configuration is checked as its write is, which asks the provider for its documents.
 */

import type { BackendContext, KeptLogin } from '../../framework/backend.ts'
import { previewData, type PreviewSight } from '../../framework/dry-run.ts'
import { grantedBy } from '../../framework/role-login.ts'
import { encodeJson, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { turn } from '../../lib/turns.ts'
import {
  judgeJwtLogin,
  type JwtLoginInput,
  type LoginConfig,
  type Verdict as JudgedLogin,
} from '../../trust/decide.ts'
import { claimsByReference } from '../../trust/pointer.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import { configRecord, type DraftedConfig, type JwtConfigs, type TrustRecord } from './config.ts'
import {
  claimedIssuer,
  issuerRecord,
  loginConfig,
  type DraftedIssuer,
  type JwtIssuers,
  type NamedIssuer,
} from './issuers.ts'
import type { JwtLogin } from './login.ts'
import { isCut, isKeptWhole, lookedAt } from './login-note.ts'
import { roleRecord, type RoleRecord } from './role-record.ts'
import type { DraftedRole, JwtRoles } from './role.ts'

const loginsMax = 10_000
const timeMsMax = 2_000
/** Logins that are judged before others have their turn. */
const loginsOfTurn = 50

/** Rules of one side of a comparison. */
interface Side {
  readonly trust: TrustRecord
  readonly roleOf: (name: string) => RoleRecord | undefined
  /** In place of the stored one of that name. */
  readonly issuer?: NamedIssuer | undefined
}

interface Replay {
  readonly replayed: number
  readonly unknown: number
  readonly gain: readonly JsonObject[]
  readonly lose: readonly JsonObject[]
  readonly changed: readonly JsonObject[]
  readonly truncated: boolean
}

/** Fields that decide about signatures, which are not kept. */
const keyFields: ReadonlySet<string> = new Set([
  'oidc_discovery_url',
  'oidc_discovery_ca_pem',
  'jwks_url',
  'jwks_ca_pem',
  'jwt_validation_pubkeys',
  'jwt_supported_algs',
])
const keysNotJudged =
  'signatures are not kept: whether the new keys and algorithms verify the tokens of these logins was not judged'

interface Parts {
  readonly configs: JwtConfigs
  readonly issuers: JwtIssuers
  readonly roles: JwtRoles
  readonly login: JwtLogin
}

export class JwtPreview {
  readonly #context: BackendContext
  readonly #parts: Parts

  constructor(context: BackendContext, parts: Parts) {
    this.#context = context
    this.#parts = parts
  }

  async role(draft: () => Promise<DraftedRole>, sight: PreviewSight): Promise<JsonObject> {
    const { current, next, warnings } = await draft()
    const trust = await this.#parts.configs.loadTrust()
    const kept = await this.#kept()
    const ofRole = kept.filter(({ role, isCel }) => role === next.name && isCel !== true)
    const before: Side = { trust, roleOf: () => current }
    const after: Side = { trust, roleOf: () => next }
    const replay = await this.#replay(ofRole, before, after)
    const changes = changesOf(current && roleRecord.shown(current), roleRecord.shown(next))
    const truncated = replay.truncated || kept.length >= loginsMax
    return previewData({ ...replay, changes, warnings, truncated }, sight)
  }

  async config(draft: () => Promise<DraftedConfig>, sight: PreviewSight): Promise<JsonObject> {
    const { current, next, warnings } = await draft()
    const kept = await this.#kept()
    const roles = await this.#rolesOf(kept)
    const roleOf = (name: string): RoleRecord | undefined => roles.get(name)
    const replay = await this.#replay(kept, { trust: current, roleOf }, { trust: next, roleOf })
    const shown = ({ config }: TrustRecord): JsonObject | undefined =>
      config === undefined ? undefined : configRecord.shown(config)
    const changes = changesOf(shown(current), shown(next) ?? {})
    const truncated = replay.truncated || kept.length >= loginsMax
    return previewData({ ...replay, changes, warnings, truncated }, sight)
  }

  async issuer(draft: () => Promise<DraftedIssuer>, sight: PreviewSight): Promise<JsonObject> {
    const { name, current, next, warnings } = await draft()
    const kept = await this.#kept()
    const roles = await this.#rolesOf(kept)
    const roleOf = (role: string): RoleRecord | undefined => roles.get(role)
    const issuers = [current.record?.issuer, next.record.issuer]
    const concerned = kept.filter(({ claims = {} }) => {
      const iss = member(claims, 'iss')
      return typeof iss !== 'string' || issuers.includes(iss)
    })
    const replay = await this.#replay(
      concerned,
      { trust: current.trust, roleOf },
      { trust: next.trust, roleOf, issuer: { name, record: next.record } },
    )
    const changes = changesOf(
      current.record && issuerRecord.shown(current.record),
      issuerRecord.shown(next.record),
    )
    const isOfKeys = changes.some(({ field }) => typeof field === 'string' && keyFields.has(field))
    const truncated = replay.truncated || kept.length >= loginsMax
    const all = isOfKeys ? [...warnings, keysNotJudged] : warnings
    return previewData({ ...replay, changes, warnings: all, truncated }, sight)
  }

  /** Those of proven tokens: of the others nothing is known that could be judged. */
  async #kept(): Promise<readonly KeptLogin[]> {
    const logins = (await this.#context.keptLogins?.(loginsMax)) ?? []
    return logins.filter(({ claims, kind }) => claims !== undefined && kind === 'jwt')
  }

  async #rolesOf(kept: readonly KeptLogin[]): Promise<ReadonlyMap<string, RoleRecord>> {
    const names = new Set(kept.flatMap(({ role }) => role ?? []))
    const roles = new Map<string, RoleRecord>()
    for (const name of names) {
      const record = await this.#parts.roles.load(name)
      if (record !== undefined) roles.set(name, record)
    }
    return roles
  }

  async #replay(kept: readonly KeptLogin[], before: Side, after: Side): Promise<Replay> {
    const { clock } = this.#context
    const judges = [await this.#judge(before), await this.#judge(after)] as const
    const startedMs = clock.monotonicMs()
    const gain: JsonObject[] = []
    const lose: JsonObject[] = []
    const changed: JsonObject[] = []
    let replayed = 0
    let unknown = 0
    for (const login of kept) {
      if (clock.monotonicMs() - startedMs > timeMsMax) break
      if (replayed % loginsOfTurn === loginsOfTurn - 1) await turn(clock)
      replayed++
      if (login.isCel === true) {
        unknown++
        continue
      }
      const claims = claimsByReference(login.claims ?? {})
      const [old, made] = [await judges[0](login, claims), await judges[1](login, claims)]
      if (isUnknown(old, made, login)) unknown++
      else if (old.outcome === made.outcome) continue
      else if (old.outcome === undefined) gain.push(rowOf(login))
      else if (made.outcome === undefined) lose.push({ ...rowOf(login), reason: made.reason })
      else changed.push(rowOf(login))
    }
    return { replayed, unknown, gain, lose, changed, truncated: replayed < kept.length }
  }

  /** Judges kept logins by these rules; what is the same for many is looked up once. */
  async #judge({ trust, roleOf, issuer: drafted }: Side): Promise<Judge> {
    const { issuers, roles, login } = this.#parts
    const configs = new Map<string, LoginConfig>()
    const compiled = new Map<string, CompiledRole | undefined>()
    const nobody = { role: '', jwt: '', claims: {}, clientAddress: undefined, requestId: '' }
    const { input: base } = await login.prepare({ ...nobody, nowMs: this.#context.clock.nowMs() })
    const configFor = async (claims: JsonObject): Promise<LoginConfig> => {
      const name = issOf(claims)
      const known = configs.get(name)
      if (known !== undefined) return known
      const { store } = this.#context
      const isDrafted = drafted !== undefined && issuers.route(trust, name) === drafted.name
      const issuer = isDrafted
        ? drafted
        : await store.view((view) => issuers.find(trust, name, view))
      const config = {
        ...loginConfig(trust, issuer),
        // What its document says: the write has compared the two.
        discovered_issuer:
          issuer === undefined ? trust.config?.oidc_discovery_url || undefined : undefined,
        has_provider: false,
      }
      configs.set(name, config)
      return config
    }
    return async (kept, claims) => {
      if (trust.config === undefined && issuers.route(trust, issOf(claims)) === undefined) {
        const isSure = kept.claimsListed !== true || member(claims, 'iss') !== undefined
        return { outcome: undefined, reason: 'issuer_unknown', claim: 'iss', isSure }
      }
      const name = kept.role ?? ''
      const record = roleOf(name)
      if (!compiled.has(name)) compiled.set(name, record && roles.compiled(record))
      const role = compiled.get(name)
      const input: JwtLoginInput = {
        ...base,
        config: await configFor(claims),
        requestedRole: name,
        role,
        token: { claims },
        sourceAddress: kept.source,
        nowSeconds: Math.floor(kept.timeMs / 1000),
        env: { ...base.env, nowMs: kept.timeMs },
      }
      const judged = judgeJwtLogin(input, false)
      if (judged.kind === 'needs') throw new Error('a run that may not ask has asked')
      return { ...verdictOf(judged.explanation, record), isSure: isSureOf(role, kept) }
    }
  }
}

type Judge = (kept: KeptLogin, claims: JsonObject) => Promise<Verdict>

interface Verdict {
  /** What the token would be like, as text to compare; undefined when it is refused. */
  readonly outcome: string | undefined
  readonly reason: string | null
  readonly claim: string | undefined
  /** False when it rests on what may have been otherwise in the token. */
  readonly isSure: boolean
}

function issOf(claims: JsonObject): string {
  return claimedIssuer(claims) ?? ''
}

/** Whether the record has all that such a login looks at, as the token had it. */
function isSureOf(
  role: CompiledRole | undefined,
  { claims = {}, claimsListed }: KeptLogin,
): boolean {
  const references = lookedAt(role)
  if (claimsListed === true) return references.every((one) => isKeptWhole(claims, one))
  return references.every(({ text }) => !isCut(member(claims, text)))
}

function verdictOf(
  { failure, outcome }: JudgedLogin,
  record: RoleRecord | undefined,
): Omit<Verdict, 'isSure'> {
  if (failure !== undefined || outcome === undefined || record === undefined) {
    return { outcome: undefined, reason: failure?.reason ?? null, claim: failure?.claim }
  }
  const { aliasName, groups, metadata, tokenPolicies, boundCidrs } = outcome
  const { role: _, ...terms } = grantedBy(record)
  const made = { aliasName, groups, metadata, tokenPolicies, boundCidrs, terms }
  return { outcome: JSON.stringify(made), reason: null, claim: undefined }
}

/** The rules want a claim that was not kept: no rule had looked at it, or no list named it. */
function isUnknown(old: Verdict, made: Verdict, { claims = {} }: KeptLogin): boolean {
  if (!old.isSure || !made.isSure) return true
  const { reason, claim } = made
  const isMissing = reason?.endsWith('_missing') === true
  return isMissing && claim !== undefined && member(claims, claim) === undefined
}

function rowOf({ id, role, claims = {} }: KeptLogin): JsonObject {
  return { id, sub: member(claims, 'sub') ?? null, role: role ?? '' }
}

/** Fields that differ, by name. */
function changesOf(before: JsonObject | undefined, after: JsonObject): readonly JsonObject[] {
  return Object.entries(after).flatMap(([name, value]): JsonObject[] => {
    const old: JsonValue = before === undefined ? null : (member(before, name) ?? null)
    return encodeJson(old) === encodeJson(value) ? [] : [{ field: name, before: old, after: value }]
  })
}
