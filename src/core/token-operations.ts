/** Create, look up, renew and revoke tokens by request: platform.md §3.3 to §3.9, §3.13. */

import type { AuthFields } from '../framework/api.ts'
import type { Backend, RenewRequest, RenewTerms } from '../framework/backend.ts'
import type { Page } from '../framework/named-records.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import type {
  Renewer,
  TokenAnswer,
  TokenCreation,
  TokenName,
  TokenPort,
} from '../framework/token-port.ts'
import { isMeantBy } from '../framework/token-role.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import { rfc3339 } from '../lib/time.ts'
import type { Store, StoreTransaction } from '../storage/store.ts'
import type { CallerFacts } from './caller-facts.ts'
import type { CoreConfiguration } from './configuration.ts'
import type { CoreSettings } from './settings.ts'
import type { LoginIdentities, LoginIdentity } from './identity/login-identity.ts'
import { keys } from './keys.ts'
import { authOf } from './login.ts'
import { normalisePolicyNames, unionOfNames } from './policy-names.ts'
import { decideRolePolicies, limitsPolicies } from './role-policies.ts'
import type { MountRecord, TokenRecord } from './records.ts'
import { creationSeconds, expireTime, issueTime, secondsLeft } from './token-times.ts'
import type { TokenScan } from './token-scan.ts'
import type { TokenSweep } from './token-sweep.ts'
import type { RightsOfTokens, TokenRights } from './token-rights.ts'
import type { LiveToken, Tokens } from './tokens.ts'
import { decideTtl, type GrantedTtl } from './ttl.ts'

/** Both are 0 for a token that never ends. */
type Granted = Pick<GrantedTtl, 'ttl' | 'expiresAtMs'>

/** Of 3,844: what a list of a hundred thousand sorts of them is over in a millisecond. */
const groupsInOneGo = 32

export interface TokenOperationsContext {
  readonly store: Store
  readonly tokens: Tokens
  readonly scan: TokenScan
  readonly sweep: TokenSweep
  readonly rights: RightsOfTokens
  readonly identities: Pick<LoginIdentities, 'refresh' | 'ensure'>
  readonly settings: CoreSettings
  readonly configuration: () => Promise<CoreConfiguration>
  readonly backendOf: (mount: MountRecord) => Backend
  /** Empty for the root. */
  readonly namespacePath?: string
}

export class TokenOperations implements TokenPort<CallerFacts> {
  readonly #context: TokenOperationsContext
  #tidying = false
  #tidiedAtMs = -Infinity

  constructor(context: TokenOperationsContext) {
    this.#context = context
  }

  // ------------------------------------------------------------ create

  async create(creation: TokenCreation, caller: CallerFacts, sudo: boolean): Promise<TokenAnswer> {
    const { tokens, store } = this.#context
    const { token: parent, home } = caller
    const configuration = await this.#context.configuration()
    const mount = configuration.mounts.byPath('auth/token/')
    if (mount === undefined) throw new Refusal('internal')

    if (parent.type === 'batch') throw invalid('batch tokens cannot create more tokens')
    if (parent.record.uses !== 0) {
      throw invalid('restricted use token cannot generate child tokens')
    }
    const { role } = creation
    const type = creationType(creation)
    const numUses = smallerSet(creation.numUses, role?.token_num_uses ?? 0)
    const limits = limitsOf(creation)
    checkUses({ ...limits, numUses }, type)
    const alias = aliasOf(creation, mount)
    if (creation.id !== undefined) {
      if (!this.#isRoot) throw invalid('token IDs can only be specified in the root namespace')
      checkCustomId(creation.id, type, sudo)
    }

    const warnings: string[] = [...limits.warnings]
    // Names of policies mean others in another namespace: nothing of the parent's goes there.
    const parentPolicies = home === undefined ? parent.record.policies : ['default']
    const policies = policiesOf(creation, parentPolicies, sudo)
    if (policies.includes('response-wrapping')) {
      throw invalid('cannot assign policy "response-wrapping"')
    }
    const isRoot = policies.includes('root')
    if (isRoot && !this.#isRoot) {
      throw invalid('root tokens may only be created in the root namespace')
    }
    if (isRoot && !parent.record.policies.includes('root')) {
      throw invalid('root tokens may not be created without parent token being root')
    }
    if (isRoot && type === 'batch') throw invalid('batch tokens cannot be root tokens')
    await this.#warnMissing(policies, warnings)

    const orphan = isOrphan(creation, sudo)
    if (creation.periodSeconds > 0 && !sudo) {
      throw invalid('root or sudo privileges required to create periodic token')
    }
    if (creation.durationProblem !== undefined) throw invalid(creation.durationProblem)
    const now = tokens.nowMs
    const { ttl, expiresAtMs } = this.#creationTtl(limits, mount, isRoot, now, warnings)
    if (isRoot && ttl === 0 && parent.record.expires !== 0) {
      throw invalid('expiring root tokens cannot create non-expiring root tokens')
    }
    const content: Omit<TokenRecord, 'h' | 'custom'> = {
      policies,
      path: creation.path,
      mount: mount.uuid,
      meta: creation.meta ?? null,
      name: displayName(creation.displayName),
      uses: numUses,
      created: now / 1000,
      ttl,
      expires: expiresAtMs / 1000,
      // What the role says is asked again at each renewal; here is what this request said.
      explicitMax: creation.explicitMaxTtlSeconds,
      period: creation.periodSeconds,
      renewable: type === 'service' && ttl !== 0 && creation.renewable && role?.renewable !== false,
      entity: orphan || home !== undefined ? '' : parent.record.entity,
      // Else the child would see external groups that its parent does not.
      ...(orphan ||
      alias !== undefined ||
      home !== undefined ||
      parent.record.external === undefined
        ? {}
        : { external: parent.record.external }),
      orphan,
      ...(orphan ? {} : { parent: parent.id }),
      ...(orphan || home === undefined ? {} : { parentNamespace: home.id }),
      ...networksOf(creation, orphan ? undefined : parent.record, ttl),
      ...(role === undefined ? {} : { role: role.name }),
    }
    const issued = await store.write(async (txn) => {
      // A token that ends meanwhile makes no other: a child without its parent would never be
      // removed with it.
      await this.#requireParent(caller, { txn, configuration, isChild: !orphan })
      if (creation.id !== undefined) {
        const taken = await txn.get(keys.customToken(tokens.ids.customHash(creation.id)))
        if (taken !== undefined && (await txn.get(keys.token(taken.id))) !== undefined) {
          throw invalid('cannot create a token with a duplicate ID')
        }
      }
      const entity = alias === undefined ? content.entity : await this.#entityOf(alias, txn)
      return tokens.issue(txn, type, { ...content, entity }, creation.id)
    })
    return {
      auth: authOf(issued, (await this.#rights(issued.record)).identity, ttl),
      warnings,
    }
  }

  get #isRoot(): boolean {
    return (this.#context.namespacePath ?? '') === ''
  }

  async #requireParent(
    { token, home }: CallerFacts,
    at: {
      readonly txn: StoreTransaction
      readonly configuration: CoreConfiguration
      readonly isChild: boolean
    },
  ): Promise<void> {
    const { tokens } = this.#context
    if (home !== undefined) {
      if (!(await tokens.isAliveAbove(home.id, token.id, at.txn))) {
        throw new Refusal('token_refused')
      }
      return
    }
    const living = await tokens.byId(token.id, at.txn, at.configuration)
    if (living === undefined) throw new Refusal('token_refused')
    if (at.isChild && (await tokens.isTooDeep(living.record, at.txn))) {
      throw invalid('the parent has too many ancestors: create an orphan token')
    }
  }

  /** The entity behind an alias of the token mount; made with its first token. */
  async #entityOf(alias: LoginIdentity, txn: StoreTransaction): Promise<string> {
    const { identities, tokens } = this.#context
    const { entity } = await identities.ensure(alias, txn, tokens.nowMs)
    if (entity.disabled) throw new Refusal('token_refused')
    return entity.id
  }

  #creationTtl(
    creation: CreationLimits,
    mount: MountRecord,
    isRoot: boolean,
    nowMs: number,
    warnings: string[],
  ): Granted {
    const unlimited = creation.ttlSeconds === 0 && creation.periodSeconds === 0
    if (isRoot && unlimited) {
      if (creation.explicitMaxTtlSeconds === 0) return { ttl: 0, expiresAtMs: 0 }
      return this.#grant(creation, creation.explicitMaxTtlSeconds, mount, nowMs, [])
    }
    return this.#grant(creation, creation.ttlSeconds, mount, nowMs, warnings)
  }

  #grant(
    creation: CreationLimits,
    ttlSeconds: number,
    mount: MountRecord,
    nowMs: number,
    warnings: string[],
  ): Granted {
    const granted = decideTtl({
      ...this.#mountTtls(mount),
      backendTtl: ttlSeconds,
      backendMax: 0,
      period: creation.periodSeconds,
      explicitMax: creation.explicitMaxTtlSeconds,
      increment: 0,
      startMs: nowMs,
      nowMs,
    })
    if (!granted.ok) throw invalid('past the max TTL, cannot create the token')
    warnings.push(...granted.value.warnings)
    return granted.value
  }

  #mountTtls(mount: MountRecord): { readonly mountDefault: number; readonly mountMax: number } {
    const settings = this.#context.settings
    return {
      mountDefault: mount.config.defaultLeaseTtl || settings.defaultLeaseTtl,
      mountMax: mount.config.maxLeaseTtl || settings.maxLeaseTtl,
    }
  }

  async #warnMissing(policies: readonly string[], warnings: string[]): Promise<void> {
    await this.#context.store.view(async (view) => {
      for (const name of policies) {
        if (name === 'root') continue
        if ((await view.get(keys.policy(name))) === undefined) {
          warnings.push(`Policy "${name}" does not exist`)
        }
      }
    })
  }

  #rights(record: TokenRecord): Promise<TokenRights> {
    return this.#context.store.view(async (view) =>
      this.#context.rights.of(record, await view.epoch(), view),
    )
  }

  // ------------------------------------------------------------ find

  async #find(name: TokenName, caller: CallerFacts): Promise<LiveToken | undefined> {
    if (name.kind === 'self') return caller.token
    const configuration = await this.#context.configuration()
    return this.#context.store.view((view) =>
      name.kind === 'token'
        ? this.#context.tokens.resolve(name.text, view, configuration)
        : this.#context.tokens.byAccessor(name.accessor, view, configuration),
    )
  }

  lookup(name: TokenName, caller: CallerFacts, id: string): Soon<JsonObject | undefined> {
    const { home } = caller
    if (name.kind !== 'self') return this.#lookupOther(name, caller, id)
    return home === undefined
      ? this.#lookupData(caller.token, caller.rights, id)
      : home.tokenOperations.lookup(name, atHome(caller), id)
  }

  async #lookupOther(
    name: TokenName,
    caller: CallerFacts,
    id: string,
  ): Promise<JsonObject | undefined> {
    const token = await this.#find(name, caller)
    if (token === undefined) return undefined
    return this.#lookupData(token, await this.#rights(token.record), id)
  }

  #lookupData(token: LiveToken, rights: TokenRights, id: string): JsonObject {
    const { tokens, namespacePath = '' } = this.#context
    return lookupData(token, rights, { id, nowSeconds: tokens.nowSeconds, namespacePath })
  }

  async accessors({ after = '', limit = 0 }: Page): Promise<readonly string[]> {
    // Sorted by first characters and then each of them, with turns for others between.
    const groups = new Map<string, string[]>()
    await this.eachLive(({ accessor }) => {
      if (accessor <= after) return
      const group = groups.get(accessor.slice(0, 2))
      if (group === undefined) groups.set(accessor.slice(0, 2), [accessor])
      else group.push(accessor)
    })
    const accessors: string[] = []
    for (const [count, start] of [...groups.keys()].toSorted().entries()) {
      if (limit > 0 && accessors.length >= limit) break
      if (count % groupsInOneGo === 0) await this.#context.scan.turn()
      for (const one of (groups.get(start) ?? []).toSorted()) accessors.push(one)
    }
    return limit <= 0 ? accessors : accessors.slice(0, limit)
  }

  /** Visits every live service token; requests are served meanwhile. */
  async eachLive(visit: (token: LiveToken) => void): Promise<void> {
    const { tokens, scan } = this.#context
    const configuration = await this.#context.configuration()
    await scan.each(async (id, record, view) => {
      const alive = tokens.isAlive(id, record, view, configuration)
      if (alive !== true && !(await alive)) return
      visit({ id, type: 'service', record, accessor: tokens.ids.accessor(id) })
    })
  }

  // ------------------------------------------------------------ renew

  async renew(
    name: TokenName,
    incrementSeconds: number,
    { caller, clientAddress }: Renewer<CallerFacts>,
  ): Promise<TokenAnswer | undefined> {
    const { home } = caller
    if (name.kind === 'self' && home !== undefined) {
      const by = { caller: atHome(caller), clientAddress }
      return home.tokenOperations.renew(name, incrementSeconds, by)
    }
    const token = await this.#find(name, caller)
    if (token === undefined) return undefined
    if (token.type === 'batch') throw invalid('batch tokens cannot be renewed')
    const { record } = token
    if (record.leaseless === true || record.expires === 0) {
      throw invalid(record.leaseless === true ? 'invalid lease ID' : 'lease is not renewable')
    }
    if (!record.renewable) throw invalid('lease is not renewable')
    const configuration = await this.#context.configuration()
    const mount = configuration.mounts.byUuid(record.mount)
    if (mount === undefined) throw invalid('lease is not renewable')
    const { nowMs } = this.#context.tokens
    const terms = await this.#renewTerms(record, mount, clientAddress)
    const granted = decideTtl({
      ...this.#mountTtls(mount),
      backendTtl: terms.ttlSeconds,
      backendMax: terms.maxTtlSeconds,
      period: terms.periodSeconds,
      explicitMax: smallerSet(record.explicitMax, terms.explicitMaxTtlSeconds ?? 0),
      increment: incrementSeconds,
      startMs: Math.round(record.created * 1000),
      nowMs,
    })
    if (!granted.ok) throw invalid('past the max TTL, cannot renew')
    const { expiresAtMs, ttl, warnings } = granted.value
    const after = await this.#context.tokens.extend(token.id, () => ({
      expires: expiresAtMs / 1000,
      lastTtl: ttl,
      renewed: Math.floor(nowMs / 1000),
    }))
    if (after === undefined) throw invalid('lease expired')
    await this.#refreshGroups(after, mount)
    const { identity } = await this.#rights(after)
    const auth: AuthFields = {
      ...authOf({ ...token, text: '', record: after }, identity, ttl),
      client_token: name.kind === 'token' ? name.text : '',
    }
    return { auth, warnings }
  }

  async #renewTerms(
    record: TokenRecord,
    mount: MountRecord,
    clientAddress: string | undefined,
  ): Promise<RenewTerms> {
    const { login, role = '', policies } = record
    if (login === undefined) {
      const terms =
        role === ''
          ? undefined
          : await this.#askBackend(mount, {
              role: { name: role, kind: '', version: 0 },
              facts: {},
              policies,
              clientAddress,
            })
      return {
        // The last granted TTL is the new default for tokens made by the token store.
        ttlSeconds: record.lastTtl ?? record.ttl,
        maxTtlSeconds: 0,
        periodSeconds: smallerSet(record.period, terms?.periodSeconds ?? 0),
        explicitMaxTtlSeconds: terms?.explicitMaxTtlSeconds ?? 0,
      }
    }
    const { kind, version, facts } = login
    return this.#askBackend(mount, {
      role: { name: login.role, kind, version },
      facts,
      policies,
      clientAddress,
    })
  }

  async #askBackend(mount: MountRecord, asked: Omit<RenewRequest, 'nowMs'>): Promise<RenewTerms> {
    const backend = this.#context.backendOf(mount)
    if (backend.renew === undefined) throw invalid('lease is not renewable')
    return backend.renew({ ...asked, nowMs: this.#context.tokens.nowMs })
  }

  /**
   * platform.md §5.6: what a login has kept of its groups holds again. A token that brings none, as
   * one made by another token, says nothing about them.
   */
  async #refreshGroups({ login, external, entity }: TokenRecord, mount: MountRecord) {
    if (login === undefined || login.alias === '' || external !== undefined) return
    const { store, identities } = this.#context
    const renewal = { mount, entity, groups: login.groups }
    const isNew = await store.view((view) => identities.refresh(renewal, view))
    if (isNew) await store.write((txn) => identities.refresh(renewal, txn, txn))
  }

  // ------------------------------------------------------------ revoke

  async revoke(name: TokenName, caller: CallerFacts, keepChildren: boolean): Promise<boolean> {
    const { home } = caller
    if (name.kind === 'self' && home !== undefined) {
      return home.tokenOperations.revoke(name, atHome(caller), keepChildren)
    }
    const token = await this.#find(name, caller)
    if (token === undefined) return false
    if (token.type === 'batch') throw invalid('batch tokens cannot be revoked')
    await this.revokeId(token.id, keepChildren)
    return true
  }

  /** Ends a token by its id; the token and all below it are unusable when this resolves. */
  async revokeId(id: string, keepChildren: boolean): Promise<void> {
    await this.#context.sweep.end(id, keepChildren)
  }

  tidy(): boolean {
    const { nowMs } = this.#context.tokens
    if (this.#tidying || Math.abs(nowMs - this.#tidiedAtMs) < tidyMsMin) return false
    this.#tidying = true
    this.#tidiedAtMs = nowMs
    void this.#context.sweep
      .run()
      .catch(() => undefined)
      .finally(() => {
        this.#tidying = false
      })
    return true
  }
}

// -------------------------------------------------------------- rules

/** Of two that are asked for at once the second does nothing, however little there was to do. */
const tidyMsMin = 250

/** What a token asks about itself is asked where it is. */
function atHome({ token, acl, rights }: CallerFacts): CallerFacts {
  return { token, acl, rights }
}

/** How long a token may live, by its request and its role together; seconds, 0 is unset. */
interface CreationLimits {
  readonly ttlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxTtlSeconds: number
}

function limitsOf({
  ttlSeconds,
  periodSeconds,
  explicitMaxTtlSeconds,
  role,
}: TokenCreation): CreationLimits & { readonly warnings: readonly string[] } {
  const period = smallerSet(periodSeconds, role?.token_period ?? 0)
  const explicitMax = smallerSet(explicitMaxTtlSeconds, role?.token_explicit_max_ttl ?? 0)
  const warnings: string[] = []
  if (explicitMaxTtlSeconds > 0 && (role?.token_explicit_max_ttl ?? 0) > 0) {
    warnings.push(
      `Explicit max TTL specified both during creation call and in role; using the lesser value of ${explicitMax} seconds`,
    )
  }
  if (periodSeconds > 0 && (role?.token_period ?? 0) > 0) {
    warnings.push(
      `Period specified both during creation call and in role; using the lesser value of ${period} seconds`,
    )
  }
  return { ttlSeconds, periodSeconds: period, explicitMaxTtlSeconds: explicitMax, warnings }
}

/** Of two limits the smaller one; 0 is none. */
function smallerSet(a: number, b: number): number {
  return a > 0 && b > 0 ? Math.min(a, b) : a || b
}

function creationType({ type, role }: TokenCreation): 'service' | 'batch' {
  if (type !== '' && type !== 'service' && type !== 'batch') {
    throw invalid(`invalid 'token_type' value`)
  }
  const asked = type === '' ? undefined : type
  switch (role?.token_type) {
    case 'service':
    case 'batch':
      return role.token_type
    case 'default-batch':
      return asked ?? 'batch'
    case 'default-service':
    case undefined:
      return asked ?? 'service'
  }
}

function checkUses(
  { numUses, periodSeconds, explicitMaxTtlSeconds }: CreationLimits & { readonly numUses: number },
  type: 'service' | 'batch',
): void {
  if (numUses < 0) throw invalid('number of uses cannot be negative')
  if (type === 'service') return
  if (numUses > 0) throw invalid('batch tokens cannot have "num_uses" set')
  if (periodSeconds > 0) throw invalid('batch tokens cannot have "period" set')
  if (explicitMaxTtlSeconds > 0) {
    throw invalid('batch tokens cannot have "explicit_max_ttl" set')
  }
}

/** The alias that the request names, if its role lets it. */
function aliasOf(
  { entityAlias, role }: TokenCreation,
  mount: MountRecord,
): LoginIdentity | undefined {
  if (entityAlias === '') return undefined
  if (role === undefined) {
    throw invalid("'entity_alias' is only allowed in combination with token role")
  }
  const name = entityAlias.toLowerCase()
  if (!role.allowed_entity_aliases.some((pattern) => isMeantBy(pattern, name))) {
    throw invalid("invalid 'entity_alias' value")
  }
  return {
    mount,
    aliasName: entityAlias,
    aliasMetadata: {},
    // It brings no groups, and takes none away.
    groups: [],
    mode: 'token',
    existingOnly: false,
  }
}

/** A role alone says whether its tokens are orphans; without one it takes sudo or its own path. */
function isOrphan({ role, noParent, orphanPath }: TokenCreation, sudo: boolean): boolean {
  if (role !== undefined) return role.orphan
  if (noParent && !orphanPath && !sudo) {
    throw invalid('root or sudo privileges required to create orphan token')
  }
  return noParent || orphanPath
}

/** Networks of the role, else of the parent, whom a role replaces (platform.md §3.4, "CIDRs"). */
function networksOf(
  { role }: TokenCreation,
  parent: TokenRecord | undefined,
  ttl: number,
): Pick<TokenRecord, 'cidrs'> {
  const cidrs = role === undefined ? parent?.cidrs : role.token_bound_cidrs
  return cidrs === undefined || cidrs.length === 0 || ttl === 0 ? {} : { cidrs }
}

function policiesOf(
  creation: TokenCreation,
  parentPolicies: readonly string[],
  sudo: boolean,
): readonly string[] {
  const { role, policies: requested } = creation
  const noDefaultPolicy = creation.noDefaultPolicy || role?.token_no_default_policy === true
  if (role === undefined || !limitsPolicies(role)) {
    return childPolicies({ ...creation, noDefaultPolicy }, parentPolicies, sudo)
  }
  const decided = decideRolePolicies(role, { requested, parentPolicies, noDefaultPolicy })
  if (!decided.ok) throw invalid(decided.error)
  return decided.value
}

function checkCustomId(id: string, type: 'service' | 'batch', sudo: boolean): void {
  if (!sudo) throw invalid('root or sudo privileges required to specify token id')
  if (type === 'batch') throw invalid('batch tokens cannot have an ID set')
  for (const prefix of ['hvs.', 'hvb.', 'hvr.', 's.', 'b.', 'r.']) {
    if (id.startsWith(prefix)) throw invalid(`custom token ID cannot have the '${prefix}' prefix`)
  }
  if (id.includes('.')) throw invalid(`custom token ID cannot have a '.' in the value`)
  if (id.length > 512 || !/^[\x21-\x7e]+$/.test(id)) {
    throw invalid('custom token ID must be at most 512 printable characters without spaces')
  }
}

/** platform.md §3.4, "Policies", cases 2 to 5. */
function childPolicies(
  creation: TokenCreation,
  parentPolicies: readonly string[],
  sudo: boolean,
): readonly string[] {
  const requested = normalisePolicyNames(creation.policies)
  const parentHasDefault = parentPolicies.includes('default')
  let names: readonly string[]
  // A list of blanks asks for no policy: it must not hand on what a root parent has.
  if (creation.policies.length === 0) {
    names = parentPolicies
  } else if (sudo) {
    names = requested.includes('root') ? requested : unionOfNames(requested, ['default'])
  } else {
    const allowed = new Set([
      ...parentPolicies,
      ...(parentPolicies.includes('root') ? requested : []),
    ])
    if (!requested.every((name) => allowed.has(name))) {
      throw invalid('child policies must be subset of parent')
    }
    names = parentHasDefault ? unionOfNames(requested, ['default']) : requested
  }
  return creation.noDefaultPolicy ? names.filter((name) => name !== 'default') : names
}

function displayName(asked: string): string {
  if (asked === '') return 'token'
  return `token-${asked.replaceAll(/[^A-Za-z0-9-]/g, '-').replace(/-$/, '')}`
}

function lookupData(
  token: LiveToken,
  { identity, entityId }: TokenRights,
  {
    id,
    nowSeconds,
    namespacePath,
  }: { readonly id: string; readonly nowSeconds: number; readonly namespacePath: string },
): JsonObject {
  const { record } = token
  const data: Record<string, JsonValue> = {
    id,
    accessor: token.accessor,
    policies: record.policies,
    path: record.path,
    meta: record.meta,
    display_name: record.name,
    num_uses: record.uses,
    orphan: record.orphan,
    creation_time: creationSeconds(record),
    creation_ttl: record.ttl,
    expire_time: expireTime(record),
    ttl: secondsLeft(record, nowSeconds),
    explicit_max_ttl: record.explicitMax,
    entity_id: entityId,
    type: token.type,
  }
  if (record.role !== undefined) data['role'] = record.role
  if (record.period > 0) data['period'] = record.period
  if (record.cidrs !== undefined) data['bound_cidrs'] = record.cidrs
  if (namespacePath !== '') data['namespace_path'] = namespacePath
  if (record.renewed !== undefined) {
    data['last_renewal'] = rfc3339(record.renewed * 1000)
    data['last_renewal_time'] = record.renewed
  }
  if (record.leaseless !== true) {
    data['renewable'] = record.renewable
    data['issue_time'] = issueTime(record)
  }
  if (identity.length > 0) {
    data['identity_policies'] = identity
    data['external_namespace_policies'] = {}
  }
  return data
}
