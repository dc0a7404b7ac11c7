/** Create, look up, renew and revoke tokens by request: platform.md §3.3 to §3.9, §3.13. */

import type { AuthFields } from '../framework/api.ts'
import type { Backend } from '../framework/backend.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import type {
  Renewer,
  TokenAnswer,
  TokenCreation,
  TokenName,
  TokenPort,
} from '../framework/token-port.ts'
import type { JsonObject } from '../lib/json.ts'
import { rfc3339 } from '../lib/time.ts'
import type { Store } from '../storage/store.ts'
import type { CallerFacts } from './caller-facts.ts'
import type { CoreConfiguration } from './configuration.ts'
import type { CoreSettings } from './settings.ts'
import type { LoginIdentities } from './identity/login-identity.ts'
import { keys } from './keys.ts'
import { authOf } from './login.ts'
import { normalisePolicyNames, unionOfNames } from './policy-names.ts'
import type { MountRecord, TokenRecord } from './records.ts'
import { creationSeconds, expireTime, issueTime, secondsLeft } from './token-times.ts'
import type { TokenScan } from './token-scan.ts'
import type { TokenSweep } from './token-sweep.ts'
import type { RightsOfTokens, TokenRights } from './token-rights.ts'
import type { LiveToken, Tokens } from './tokens.ts'
import { decideTtl, type GrantedTtl } from './ttl.ts'

/** Both are 0 for a token that never ends. */
type Granted = Pick<GrantedTtl, 'ttl' | 'expiresAtMs'>

export interface TokenOperationsContext {
  readonly store: Store
  readonly tokens: Tokens
  readonly scan: TokenScan
  readonly sweep: TokenSweep
  readonly rights: RightsOfTokens
  readonly identities: Pick<LoginIdentities, 'refresh'>
  readonly settings: CoreSettings
  readonly configuration: () => Promise<CoreConfiguration>
  readonly backendOf: (mount: MountRecord) => Backend
}

export class TokenOperations implements TokenPort<CallerFacts> {
  readonly #context: TokenOperationsContext
  #tidying = false

  constructor(context: TokenOperationsContext) {
    this.#context = context
  }

  // ------------------------------------------------------------ create

  async create(creation: TokenCreation, caller: CallerFacts, sudo: boolean): Promise<TokenAnswer> {
    const { tokens, store } = this.#context
    const parent = caller.token
    const configuration = await this.#context.configuration()
    const mount = configuration.mounts.byPath('auth/token/')
    if (mount === undefined) throw new Refusal('internal')

    if (parent.type === 'batch') throw invalid('batch tokens cannot create more tokens')
    if (parent.record.uses !== 0) {
      throw invalid('restricted use token cannot generate child tokens')
    }
    const type = creationType(creation)
    checkUses(creation, type)
    if (creation.entityAlias !== '') {
      throw invalid("'entity_alias' is only allowed in combination with token role")
    }
    if (creation.id !== undefined) checkCustomId(creation.id, type, sudo)

    const warnings: string[] = []
    const policies = childPolicies(creation, parent.record.policies, sudo)
    if (policies.includes('response-wrapping')) {
      throw invalid('cannot assign policy "response-wrapping"')
    }
    const isRoot = policies.includes('root')
    if (isRoot && !parent.record.policies.includes('root')) {
      throw invalid('root tokens may not be created without parent token being root')
    }
    if (isRoot && type === 'batch') throw invalid('batch tokens cannot be root tokens')
    await this.#warnMissing(policies, warnings)

    if (creation.noParent && !creation.orphanPath && !sudo) {
      throw invalid('root or sudo privileges required to create orphan token')
    }
    const orphan = creation.noParent || creation.orphanPath
    if (creation.periodSeconds > 0 && !sudo) {
      throw invalid('root or sudo privileges required to create periodic token')
    }
    if (creation.durationProblem !== undefined) throw invalid(creation.durationProblem)
    const now = tokens.nowMs
    const { ttl, expiresAtMs } = this.#creationTtl(creation, mount, isRoot, now, warnings)
    if (isRoot && ttl === 0 && parent.record.expires !== 0) {
      throw invalid('expiring root tokens cannot create non-expiring root tokens')
    }
    const content: Omit<TokenRecord, 'h' | 'custom'> = {
      policies,
      path: creation.path,
      mount: mount.uuid,
      meta: creation.meta ?? null,
      name: displayName(creation.displayName),
      uses: creation.numUses,
      created: now / 1000,
      ttl,
      expires: expiresAtMs / 1000,
      explicitMax: creation.explicitMaxTtlSeconds,
      period: creation.periodSeconds,
      renewable: type === 'service' && ttl !== 0 && creation.renewable,
      entity: orphan ? '' : parent.record.entity,
      // Else the child would see external groups that its parent does not.
      ...(orphan || parent.record.external === undefined
        ? {}
        : { external: parent.record.external }),
      orphan,
      ...(orphan ? {} : { parent: parent.id }),
      ...(!orphan && parent.record.cidrs !== undefined && ttl !== 0
        ? { cidrs: parent.record.cidrs }
        : {}),
    }
    const issued = await store.write(async (txn) => {
      // A token that ends meanwhile makes no other: a child without its parent would never be
      // removed with it.
      const living = await tokens.byId(parent.id, txn, configuration)
      if (living === undefined) throw new Refusal('token_refused')
      if (!orphan && (await tokens.isTooDeep(living.record, txn))) {
        throw invalid('the parent has too many ancestors: create an orphan token')
      }
      if (creation.id !== undefined) {
        const taken = await txn.get(keys.customToken(tokens.ids.customHash(creation.id)))
        if (taken !== undefined && (await txn.get(keys.token(taken.id))) !== undefined) {
          throw invalid('cannot create a token with a duplicate ID')
        }
      }
      return tokens.issue(txn, type, content, creation.id)
    })
    return {
      auth: authOf(issued, (await this.#rights(issued.record)).identity, ttl),
      warnings,
    }
  }

  #creationTtl(
    creation: TokenCreation,
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
    creation: TokenCreation,
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

  async lookup(name: TokenName, caller: CallerFacts): Promise<JsonObject | undefined> {
    if (name.kind === 'self') {
      return lookupData(caller.token, caller.rights, this.#context.tokens.nowSeconds)
    }
    const token = await this.#find(name, caller)
    if (token === undefined) return undefined
    const rights = await this.#rights(token.record)
    return lookupData(token, rights, this.#context.tokens.nowSeconds)
  }

  async accessors(limits: {
    readonly after?: string
    readonly limit?: number
  }): Promise<readonly string[]> {
    const accessors: string[] = []
    await this.eachLive((token) => accessors.push(token.accessor))
    accessors.sort()
    const from =
      limits.after === undefined ? accessors : accessors.filter((one) => one > (limits.after ?? ''))
    return limits.limit === undefined || limits.limit <= 0 ? from : from.slice(0, limits.limit)
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
      explicitMax: record.explicitMax,
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
  ): Promise<{ ttlSeconds: number; maxTtlSeconds: number; periodSeconds: number }> {
    if (record.login === undefined) {
      // The last granted TTL is the new default for tokens made by the token store.
      return {
        ttlSeconds: record.lastTtl ?? record.ttl,
        maxTtlSeconds: 0,
        periodSeconds: record.period,
      }
    }
    const backend = this.#context.backendOf(mount)
    if (backend.renew === undefined) throw invalid('lease is not renewable')
    return backend.renew({
      role: {
        name: record.login.role,
        kind: record.login.kind,
        version: record.login.version,
      },
      facts: record.login.facts,
      policies: record.policies,
      clientAddress,
      nowMs: this.#context.tokens.nowMs,
    })
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
    const token = await this.#find(name, caller)
    if (token === undefined) return false
    if (token.type === 'batch') throw invalid('batch tokens cannot be revoked')
    await this.revokeId(token.id, keepChildren)
    return true
  }

  /** Ends a token by its id; the token and all below it are unusable when this resolves. */
  async revokeId(id: string, keepChildren: boolean): Promise<void> {
    const { tokens, sweep } = this.#context
    if (keepChildren) await sweep.orphanChildren(id)
    const found = await tokens.revoke(id, (txn) => sweep.hasMore(txn, id))
    if (found) await sweep.finish(id)
  }

  tidy(): boolean {
    if (this.#tidying) return false
    this.#tidying = true
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

function creationType(creation: TokenCreation): 'service' | 'batch' {
  if (creation.type === '' || creation.type === 'service') return 'service'
  if (creation.type === 'batch') return 'batch'
  throw invalid(`invalid 'token_type' value`)
}

function checkUses(creation: TokenCreation, type: 'service' | 'batch'): void {
  if (creation.numUses < 0) throw invalid('number of uses cannot be negative')
  if (type === 'service') return
  if (creation.numUses > 0) throw invalid('batch tokens cannot have "num_uses" set')
  if (creation.periodSeconds > 0) throw invalid('batch tokens cannot have "period" set')
  if (creation.explicitMaxTtlSeconds > 0) {
    throw invalid('batch tokens cannot have "explicit_max_ttl" set')
  }
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
  now: number,
): JsonObject {
  const { record } = token
  const hasLease = record.leaseless !== true
  return {
    // The caller of the token path puts the text that was presented here; an accessor gives none.
    id: '',
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
    ttl: secondsLeft(record, now),
    explicit_max_ttl: record.explicitMax,
    entity_id: entityId,
    type: token.type,
    ...(record.role === undefined ? {} : { role: record.role }),
    ...(record.period > 0 ? { period: record.period } : {}),
    ...(record.cidrs === undefined ? {} : { bound_cidrs: record.cidrs }),
    ...(record.renewed === undefined
      ? {}
      : {
          last_renewal: rfc3339(record.renewed * 1000),
          last_renewal_time: record.renewed,
        }),
    ...(hasLease ? { renewable: record.renewable, issue_time: issueTime(record) } : {}),
    ...(identity.length > 0
      ? { identity_policies: identity, external_namespace_policies: {} }
      : {}),
  }
}
