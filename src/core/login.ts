/**
 * From a proven identity to a token: what happens after every auth method
 * (platform.md §3.12).
 */

import type { AuthFields } from '../framework/api.ts'
import type { Login } from '../framework/reply.ts'
import type { LoginNote } from '../framework/login-log.ts'
import { invalid, Refusal, type RefusalDetail } from '../framework/refusal.ts'
import type { Reason } from '../trust/reasons.ts'
import type { Store, StoreTransaction, StoreView } from '../storage/store.ts'
import { decisionRecord, type DecisionRecords } from './decision-records.ts'
import type { CoreSettings } from './settings.ts'
import {
  unknownPerson,
  type KnownPerson,
  type LoginIdentities,
  type LoginIdentity,
} from './identity/login-identity.ts'
import type { LoginLog } from './login-log.ts'
import { effectivePolicies, normalisePolicyNames } from './policy-names.ts'
import type { MountRecord, TokenRecord } from './records.ts'
import { noRights, type IdentityRights, type RightsOfTokens } from './token-rights.ts'
import type { IssuedToken, Tokens } from './tokens.ts'
import { decideTtl } from './ttl.ts'

export interface LoginResult {
  readonly auth: AuthFields
  readonly token: IssuedToken
  /** This login has made the entity. */
  readonly isEntityNew: boolean
  readonly warnings: readonly string[]
}

/** What a login would come to. */
export interface PreviewedLogin {
  /** Why the core would refuse what the method accepts. */
  readonly refused: { readonly reason: Reason; readonly text: string } | undefined
  readonly displayName: string
  /** Undefined for a login without an alias. */
  readonly entity: { readonly id: string | null; readonly wouldCreate: boolean } | undefined
  readonly tokenPolicies: readonly string[]
  readonly identityPolicies: readonly string[]
  readonly policies: readonly string[]
  readonly tokenType: 'service' | 'batch'
  readonly ttlSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly periodSeconds: number
  readonly numUses: number
}

/** The request that a login came with. */
export interface LoginAttempt {
  readonly requestId: string
  readonly path: string
  readonly clientAddress: string | undefined
  readonly nowMs: number
  /** Its token is for the request that it stands on, and is not stored. */
  readonly isForOneRequest?: boolean
}

export class Logins {
  readonly #store: Store
  readonly #tokens: Tokens
  readonly #identities: LoginIdentities
  readonly #rights: Pick<RightsOfTokens, 'identity'>
  readonly #settings: CoreSettings
  readonly #log: LoginLog
  readonly #records: DecisionRecords

  constructor(parts: {
    readonly store: Store
    readonly tokens: Tokens
    readonly identities: LoginIdentities
    readonly rights: Pick<RightsOfTokens, 'identity'>
    readonly settings: CoreSettings
    readonly log: LoginLog
    readonly records: DecisionRecords
  }) {
    this.#store = parts.store
    this.#tokens = parts.tokens
    this.#identities = parts.identities
    this.#rights = parts.rights
    this.#settings = parts.settings
    this.#log = parts.log
    this.#records = parts.records
  }

  /** Makes the token; durable when it resolves. Throws a refusal and has then written nothing. */
  async complete(login: Login, mount: MountRecord, attempt: LoginAttempt): Promise<LoginResult> {
    try {
      return await this.#complete(login, mount, attempt)
    } catch (problem) {
      const { note = {} } = login
      if (problem instanceof Refusal) {
        // A refusal that comes after the method has said yes is the end of a login as well.
        const detail = { ...problem.detail, note: refusedNote(problem, note) }
        throw new Refusal(problem.code, this.#told(detail, mount))
      }
      const { requestId, clientAddress } = attempt
      const broken = { ...note, reason: 'storage_unavailable' } as const
      this.#log
        .ofMount(() => mount.path)
        .record({ requestId, clientAddress, end: 'broken_off', note: broken })
      throw problem
    }
  }

  /** Who is known here is a secret of mounts that do not explain. */
  #told(detail: RefusalDetail, mount: MountRecord): RefusalDetail {
    if (detail.reason !== 'entity_unknown' || explains(mount, this.#settings)) return detail
    return { ...detail, text: 'login refused', reason: undefined }
  }

  async #complete(
    login: Login,
    mount: MountRecord,
    { path, nowMs, requestId, clientAddress, isForOneRequest = false }: LoginAttempt,
  ): Promise<LoginResult> {
    const type = isForOneRequest
      ? 'batch'
      : tokenType(mount.config.tokenType ?? 'default-service', login.tokenType)
    const now = this.#tokens.nowMs
    const granted = this.#grantedTtl(login, mount, now)
    if (!granted.ok) throw invalid('past the max TTL, cannot log in')
    const { expiresAtMs, ttl, warnings } = granted.value

    const policies = loginPolicies(login)
    const who = login.alias === undefined ? undefined : identityOf(login, login.alias, mount)
    const known = who && (await this.#store.look((view) => this.#find(who, mount, view)))
    if (known === undefined && who?.existingOnly === true) throw unknownPerson()

    const write = async (txn: StoreTransaction) => {
      await login.alongside?.(txn)
      let person = known
      if (who !== undefined && known?.isCurrent !== true) {
        const ensured = await this.#identities.ensure(who, txn, nowMs)
        person = await this.#admit(ensured, mount, txn)
      }
      const content = tokenContent(login, mount, path, {
        type,
        ttl,
        createdMs: now,
        expiresAtMs,
        policies,
        person,
      })
      const token = this.#tokens.issue(txn, type, content)
      // Beside the token in one commit; work that runs again replaces nothing, and says the same.
      this.#records.add(
        decisionRecord({
          note: login.note ?? {},
          requestId,
          end: 'accepted',
          mount: mount.path,
          clientAddress,
          timeMs: nowMs,
          displayName: content.name,
          accessor: token.accessor,
          entityId: content.entity,
        }),
      )
      return { person, token }
    }
    // A batch token of a known entity needs no write at all: the transaction stays empty.
    const commitStartedMs = this.#log.monotonicMs
    const { person, token } = await this.#store.write(write)
    this.#log.committed(this.#log.monotonicMs - commitStartedMs)
    const isEntityNew = known === undefined && person?.entity.createdAt === nowMs
    const auth = authOf(token, person?.rights.policies ?? [], ttl)
    return { auth, token, isEntityNew, warnings }
  }

  /** The lifetime of that login's token; one rule for the login and for its preview. */
  #grantedTtl(login: Login, mount: MountRecord, nowMs: number): ReturnType<typeof decideTtl> {
    return decideTtl({
      mountDefault: mount.config.defaultLeaseTtl || this.#settings.defaultLeaseTtl,
      mountMax: mount.config.maxLeaseTtl || this.#settings.maxLeaseTtl,
      backendTtl: login.ttlSeconds,
      backendMax: login.maxTtlSeconds,
      period: login.periodSeconds,
      explicitMax: login.explicitMaxTtlSeconds,
      increment: 0,
      startMs: nowMs,
      nowMs,
    })
  }

  /**
   * What the token of that login would be, without making it; a refusal by what comes after the
   * method's own decision is given and not thrown.
   */
  async preview(login: Login, mount: MountRecord): Promise<PreviewedLogin> {
    const type = tokenType(mount.config.tokenType ?? 'default-service', login.tokenType)
    const now = this.#tokens.nowMs
    const granted = this.#grantedTtl(login, mount, now)
    const own = normalisePolicyNames(
      login.noDefaultPolicy ? login.policies : [...login.policies, 'default'],
    )
    const who = login.alias === undefined ? undefined : identityOf(login, login.alias, mount)
    const person = who && (await this.#store.view(async (view) => this.#identities.find(who, view)))
    const rights =
      person === undefined
        ? noRights
        : await this.#store.view(async (view) =>
            this.#rights.identity(person.entity, person.external, view, () => mount),
          )
    const isUnknown = person === undefined && who?.existingOnly === true
    const isBatch = type === 'batch'
    return {
      refused: refusedAfterwards(own, rights.reserved, {
        isDisabled: person?.entity.disabled === true,
        isUnknown,
      }),
      displayName: displayNameOf(mount.path, login.displayName),
      entity:
        who === undefined
          ? undefined
          : { id: person?.entity.id ?? null, wouldCreate: person === undefined && !isUnknown },
      tokenPolicies: own,
      identityPolicies: rights.policies,
      policies: effectivePolicies(own, rights.policies),
      tokenType: type,
      ttlSeconds: granted.ok ? granted.value.ttl : 0,
      explicitMaxTtlSeconds: isBatch ? 0 : login.explicitMaxTtlSeconds,
      periodSeconds: isBatch ? 0 : login.periodSeconds,
      numUses: isBatch ? 0 : login.numUses,
    }
  }

  async #find(
    who: LoginIdentity,
    mount: MountRecord,
    view: StoreView,
  ): Promise<AdmittedPerson | undefined> {
    const person = await this.#identities.find(who, view)
    if (person === undefined) return undefined
    // What is about to change is judged as it is then.
    return person.isCurrent ? this.#admit(person, mount, view) : { ...person, rights: noRights }
  }

  /** The person with what identity adds to the token; refuses whoever may have none. */
  async #admit(person: KnownPerson, mount: MountRecord, view: StoreView): Promise<AdmittedPerson> {
    const { entity, external } = person
    if (entity.disabled) throw disabledEntity(mount, this.#settings)
    // All groups that a login brings are of the mount that it comes through.
    const coming = this.#rights.identity(entity, external, view, () => mount)
    const rights = coming instanceof Promise ? await coming : coming
    refuseReserved(rights.reserved)
    return { ...person, rights }
  }
}

interface AdmittedPerson extends KnownPerson {
  readonly rights: IdentityRights
}

function identityOf(
  { groups, identity }: Login,
  alias: NonNullable<Login['alias']>,
  mount: MountRecord,
): LoginIdentity {
  // Vault compatibility: with compat=vault external groups are always the entity's.
  const isOfToken = identity?.mode === 'token' && mount.config.compat !== 'vault'
  return {
    mount,
    aliasName: alias.name,
    aliasMetadata: alias.metadata,
    groups,
    mode: isOfToken ? 'token' : 'entity',
    existingOnly: identity?.existingOnly === true,
  }
}

/** Members of the `auth` answer for a token. */
export function authOf(
  token: IssuedToken,
  identityPolicies: readonly string[],
  leaseSeconds: number,
): AuthFields {
  const record = token.record
  return {
    client_token: token.text,
    accessor: token.accessor,
    policies: effectivePolicies(record.policies, identityPolicies),
    token_policies: record.policies,
    identity_policies: identityPolicies,
    metadata: record.meta,
    lease_duration: leaseSeconds,
    renewable: record.renewable,
    entity_id: record.entity,
    token_type: token.type,
    orphan: record.orphan,
    num_uses: Math.max(record.uses, 0),
  }
}

/** Mount and role decide together (platform.md §3.11, table). */
function tokenType(mountType: string, roleType: Login['tokenType']): 'service' | 'batch' {
  if (mountType === 'service' || mountType === 'batch') return mountType
  const asked =
    roleType === 'default-service' ? 'service' : roleType === 'default-batch' ? 'batch' : roleType
  if (mountType === 'default-batch') return asked === 'service' ? 'service' : 'batch'
  return asked === 'batch' ? 'batch' : 'service'
}

/** Mount path and the method's own name for the person or workload. */
function displayNameOf(mountPath: string, name: string): string {
  const prefix = mountPath.replace(/\/$/, '').replaceAll('/', '-')
  return `${prefix}-${name}`.replace(/-$/, '')
}

function loginPolicies(login: Login): readonly string[] {
  const names = normalisePolicyNames(
    login.noDefaultPolicy ? login.policies : [...login.policies, 'default'],
  )
  refuseReserved(names)
  return names
}

function refuseReserved(names: readonly string[]): void {
  if (names.includes('root')) {
    throw new Refusal('login_refused', {
      text: 'auth methods cannot create root tokens',
      reason: 'root_policy_refused',
    })
  }
  if (names.includes('response-wrapping')) {
    throw invalid('cannot assign policy "response-wrapping"')
  }
}

function refusedAfterwards(
  own: readonly string[],
  reserved: readonly string[],
  { isDisabled, isUnknown }: { readonly isDisabled: boolean; readonly isUnknown: boolean },
): PreviewedLogin['refused'] {
  if (isUnknown) return { reason: 'entity_unknown', text: 'login refused' }
  if (isDisabled) return { reason: 'entity_disabled', text: 'permission denied' }
  if (!own.includes('root') && !reserved.includes('root')) return undefined
  return { reason: 'root_policy_refused', text: 'auth methods cannot create root tokens' }
}

function tokenContent(
  login: Login,
  mount: MountRecord,
  path: string,
  made: {
    readonly type: 'service' | 'batch'
    readonly ttl: number
    readonly createdMs: number
    readonly expiresAtMs: number
    readonly policies: readonly string[]
    readonly person: KnownPerson | undefined
  },
): Omit<TokenRecord, 'h' | 'custom'> {
  const isBatch = made.type === 'batch'
  const hasMeta = Object.keys(login.metadata).length > 0
  return {
    policies: made.policies,
    path,
    mount: mount.uuid,
    meta: hasMeta ? login.metadata : null,
    name: displayNameOf(mount.path, login.displayName),
    uses: isBatch ? 0 : login.numUses,
    created: made.createdMs / 1000,
    ttl: made.ttl,
    expires: made.expiresAtMs / 1000,
    explicitMax: isBatch ? 0 : login.explicitMaxTtlSeconds,
    period: isBatch ? 0 : login.periodSeconds,
    renewable: !isBatch && login.renewable,
    entity: made.person?.entity.id ?? '',
    ...(made.person?.external === undefined ? {} : { external: made.person.external }),
    orphan: true,
    ...(login.boundCidrs.length > 0 ? { cidrs: login.boundCidrs } : {}),
    login: {
      role: login.role.name,
      kind: login.role.kind,
      version: login.role.version,
      alias: login.alias?.name ?? '',
      groups: made.person?.groups ?? [],
      facts: login.facts,
    },
  }
}

/**
 * The note of a login that the core refused; a disabled entity is a secret of mounts that do not
 * explain.
 */
function refusedNote(refusal: Refusal, note: LoginNote): LoginNote {
  const { note: told, reason } = refusal.detail
  // One that a method has thrown alongside says itself what the log is to know.
  if (told?.reason !== undefined) return { ...note, ...told }
  return { ...note, reason: refusal.code === 'token_refused' ? 'entity_disabled' : reason }
}

/** The 403 of every refused token; its reason is for callers of mounts that explain. */
function disabledEntity(mount: MountRecord, settings: CoreSettings): Refusal {
  return explains(mount, settings)
    ? new Refusal('token_refused', { reason: 'entity_disabled' })
    : new Refusal('token_refused')
}

function explains({ config }: MountRecord, settings: CoreSettings): boolean {
  return (
    (config.explainToCaller ?? settings.explainToCaller) !== 'none' && config.compat !== 'vault'
  )
}
