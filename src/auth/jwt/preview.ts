/**
 * What a write of a role, an issuer or the configuration would do, before it is made
 * (explain.md §5): the fields that change, and which logins of the past would go another way. They
 * are judged twice by the list of checks of a login, with the rules that stand and with those that
 * would; their signatures were proven then. Nothing is written. For the replay nobody is asked; the
 * draft of a configuration or an issuer is checked as its write is, which asks the provider for its
 * documents.
 */

import type { BackendContext, KeptLogin } from '../../framework/backend.ts'
import { previewData, type PreviewSight, type Replayed } from '../../framework/dry-run.ts'
import { grantedBy } from '../../framework/role-login.ts'
import { encodeJson, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { turn } from '../../lib/turns.ts'
import {
  judgeCelLogin,
  judgeJwtLogin,
  type Explained,
  type LoginConfig,
  type LoginOutcome,
  type Verdict as JudgedLogin,
} from '../../trust/decide.ts'
import { claimsByReference } from '../../trust/pointer.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import { readShape, type CelRoles, type CompiledCelRole, type DraftedCelRole } from './cel-role.ts'
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
import { isAlwaysKept, isCut, isKeptWhole, lookedAt } from './login-note.ts'
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
  readonly celOf: (name: string) => CompiledCelRole | undefined
  /** In place of the stored one of that name. */
  readonly issuer?: NamedIssuer | undefined
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
  readonly celRoles: CelRoles
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
    const changes = changesOf(current && roleRecord.shown(current), roleRecord.shown(next))
    // What stays as it is lets the same people sign in, judged or not.
    const ofRole = kept.filter(
      ({ role, isCel, kind }) =>
        role === next.name && isCel !== true && (kind === 'jwt' || changes.length > 0),
    )
    const celOf = (): undefined => undefined
    const before: Side = { trust, roleOf: () => current, celOf }
    const after: Side = { trust, roleOf: () => next, celOf }
    const replay = await this.#replay(ofRole, before, after)
    const truncated = replay.truncated || kept.length >= loginsMax
    return previewData({ ...replay, changes, warnings, truncated }, sight)
  }

  async celRole(draft: () => Promise<DraftedCelRole>, sight: PreviewSight): Promise<JsonObject> {
    const { name, current, next } = await draft()
    const trust = await this.#parts.configs.loadTrust()
    const kept = await this.#kept()
    const ofRole = kept.filter(({ role, isCel }) => role === name && isCel === true)
    const roleOf = (): undefined => undefined
    const replay = await this.#replay(
      ofRole,
      { trust, roleOf, celOf: () => current },
      { trust, roleOf, celOf: () => next },
    )
    const changes = changesOf(current && readShape(current.record), readShape(next.record))
    const truncated = replay.truncated || kept.length >= loginsMax
    return previewData({ ...replay, changes, warnings: [], truncated }, sight)
  }

  async config(draft: () => Promise<DraftedConfig>, sight: PreviewSight): Promise<JsonObject> {
    const { current, next, warnings } = await draft()
    const kept = await this.#kept()
    const roles = await this.#rolesOf(kept)
    const roleOf = (name: string): RoleRecord | undefined => roles.get(name)
    const celOf = await this.#celRolesOf(kept)
    const replay = await this.#replay(
      kept,
      { trust: current, roleOf, celOf },
      { trust: next, roleOf, celOf },
    )
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
    const celOf = await this.#celRolesOf(kept)
    const issuers = [current.record?.issuer, next.record.issuer]
    const concerned = kept.filter(({ claims = {} }) => {
      const iss = member(claims, 'iss')
      return typeof iss !== 'string' || issuers.includes(iss)
    })
    const replay = await this.#replay(
      concerned,
      { trust: current.trust, roleOf, celOf },
      { trust: next.trust, roleOf, celOf, issuer: { name, record: next.record } },
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
    return logins.filter(({ claims }) => claims !== undefined)
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

  async #celRolesOf(kept: readonly KeptLogin[]): Promise<Side['celOf']> {
    const found = new Map<string, CompiledCelRole>()
    const names = new Set(kept.flatMap(({ role, isCel }) => (isCel === true ? (role ?? []) : [])))
    for (const name of names) {
      const cel = await this.#context.store.view((view) => this.#parts.celRoles.find(name, view))
      if (cel !== undefined) found.set(name, cel)
    }
    return (name) => found.get(name)
  }

  async #replay(kept: readonly KeptLogin[], before: Side, after: Side): Promise<Replayed> {
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
      const name = login.role ?? ''
      const isJudged =
        login.isCel === true
          ? isCelSure(login, before.celOf(name), after.celOf(name))
          : login.kind === 'jwt'
      if (!isJudged) {
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
  async #judge({ trust, roleOf, celOf, issuer: drafted }: Side): Promise<Judge> {
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
      const shared = {
        ...base,
        config: await configFor(claims),
        requestedRole: name,
        token: { claims },
        sourceAddress: kept.source,
        nowSeconds: Math.floor(kept.timeMs / 1000),
        env: { ...base.env, nowMs: kept.timeMs },
      }
      if (kept.isCel === true) {
        const cel = celOf(name)
        const program = { program: cel?.program, message: cel?.record.message ?? '' }
        const input = { ...shared, ...program, role: cel?.compiled, operation: 'update' } as const
        return {
          ...verdictOf(judgeCelLogin(input, false), ({ granted }) => ({ granted })),
          isSure: true,
        }
      }
      const record = roleOf(name)
      if (!compiled.has(name)) compiled.set(name, record && roles.compiled(record))
      const role = compiled.get(name)
      const terms = record && { ...grantedBy(record), role: undefined }
      const judged = judgeJwtLogin({ ...shared, role }, false)
      const verdict = verdictOf(judged, ({ aliasName }) => ({ aliasName, terms }))
      return { ...verdict, isSure: isSureOf(role, kept) }
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

/**
 * Whether the record has all that both programs look at. What is not there was not in the token if
 * it would have been kept.
 */
function isCelSure(
  { claims = {}, claimsListed, roleVersion }: KeptLogin,
  current: CompiledCelRole | undefined,
  next: CompiledCelRole | undefined,
): boolean {
  const programs = [current, next].flatMap((cel) => cel?.program ?? [])
  if (programs.some((program) => program.claims === undefined)) return false
  const references = programs.flatMap((program) => lookedAt(undefined, program.claims))
  if (claimsListed === true) return references.every((one) => isKeptWhole(claims, one))
  const isOfCurrent = current !== undefined && current.record.version === roleVersion
  const wouldBeKept = (name: string): boolean =>
    isAlwaysKept(name) || (isOfCurrent && current.program.claims?.includes(name) === true)
  return references.every(({ text }) => {
    const value = member(claims, text)
    return value === undefined ? wouldBeKept(text) : !isCut(value)
  })
}

/** `compared` is what counts of the token besides what tokens of all kinds of roles have. */
function verdictOf(
  judged: Explained<JudgedLogin>,
  compared: (outcome: LoginOutcome) => object,
): Omit<Verdict, 'isSure'> {
  if (judged.kind === 'needs') throw new Error('a run that may not ask has asked')
  const { failure, outcome } = judged.explanation
  if (failure !== undefined || outcome === undefined) {
    return { outcome: undefined, reason: failure?.reason ?? null, claim: failure?.claim }
  }
  const { groups, metadata, tokenPolicies, boundCidrs } = outcome
  const made = { groups, metadata, tokenPolicies, boundCidrs, ...compared(outcome) }
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
  const names = new Set([...Object.keys(after), ...Object.keys(before ?? {})])
  return [...names].flatMap((name): JsonObject[] => {
    const value: JsonValue = member(after, name) ?? null
    const old: JsonValue = before === undefined ? null : (member(before, name) ?? null)
    return encodeJson(old) === encodeJson(value) ? [] : [{ field: name, before: old, after: value }]
  })
}
