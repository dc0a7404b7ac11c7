/**
 * Enabling, tuning, moving and disabling of auth methods and secrets engines (platform.md §2.3).
 */

import { invalid } from '../framework/refusal.ts'
import { parseDurationSeconds } from '../lib/duration.ts'
import type { JsonObject, JsonValue } from '../lib/json.ts'
import { isPrintable } from '../lib/printable.ts'
import { trimEnds } from '../lib/trim.ts'
import { isBuiltInType } from './bootstrap.ts'
import type { Members } from '../schema/record.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import { prefixRange, type Store, type StoreTransaction } from '../storage/store.ts'
import type { CoreConfiguration } from './configuration.ts'
import { keys, lastSegment } from './keys.ts'
import { fullPath, readMounts, type MountTable } from './mount-table.ts'
import type { MountedBackends } from './mounted-backends.ts'
import {
  mountConfig,
  type MountConfig,
  type MountRecord,
  type RemountRecord,
  type RevocationMarker,
} from './records.ts'
import { systemLeaseTtlSeconds, type CoreSettings } from './settings.ts'
import { lowestTokenId, type TokenIds } from './token-id.ts'
import type { Tokens } from './tokens.ts'
import { parseUserLockout } from './user-lockout.ts'

export interface EnableRequest {
  readonly class: 'auth' | 'secret'
  readonly path: string
  readonly type: string
  readonly description: string
  readonly local: boolean
  readonly sealWrap: boolean
  readonly externalEntropyAccess: boolean
  readonly options: Readonly<Record<string, string>>
  readonly config: JsonObject
}

/** Fields of a tune; absent ones keep their value. */
export interface TuneRequest {
  readonly description?: string | undefined
  readonly options?: Readonly<Record<string, string>> | undefined
  readonly config: JsonObject
}

const tokenTypes = ['default-service', 'default-batch', 'service', 'batch']
const protectedSecretPaths = ['sys/', 'cubbyhole/', 'identity/', 'audit/', 'auth/']
export const mountPathCharsMax = 512
const ttlSecondsMax = 9_223_372_036

export interface MountsContext {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly settings: CoreSettings
  readonly ids: TokenIds
  readonly tokens: Pick<Tokens, 'nowMs'>
  readonly backends: MountedBackends
  /** The newest configuration; asking for it shows it to the socket side. */
  readonly configuration: () => Promise<CoreConfiguration>
  /** Throws where a namespace has the path. */
  readonly requireFree: (txn: StoreTransaction, path: string) => Promise<void>
}

export class Mounts {
  readonly #context: MountsContext

  constructor(context: MountsContext) {
    this.#context = context
  }

  /** Enables a method or engine; durable when it resolves. */
  async enable(request: EnableRequest): Promise<MountRecord> {
    const path = cleanPath(request.path)
    if (request.type === '') throw invalid('backend type must be specified as a string')
    const { type, options } = aliasType(request)
    const backendType = this.#context.backends.typeOf(type, request.class)
    if (backendType === undefined || isBuiltInType(type)) {
      const known = this.#context.backends
        .typeNames(request.class)
        .filter((name) => !isBuiltInType(name))
      throw invalid(
        `plugin not found in the catalog: ${type.slice(0, 128)} (available: ${known.join(', ')})`,
      )
    }
    backendType.checkOptions?.(options)
    refuseProtected(request.class, path)
    const config = this.#mergeConfig(
      { ...mountConfig.defaults, tokenType: undefined },
      request.config,
      request.class,
      true,
    )
    const { random } = this.#context
    const record: MountRecord = {
      uuid: random.uuid(),
      accessor: `${request.class === 'auth' ? 'auth_' : ''}${type}_${random.bytes(4).toString('hex')}`,
      path,
      class: request.class,
      type,
      description: request.description,
      local: request.local,
      sealWrap: request.sealWrap,
      externalEntropyAccess: request.externalEntropyAccess,
      options: Object.keys(options).length === 0 ? null : options,
      config:
        request.class === 'auth'
          ? { ...config, tokenType: config.tokenType ?? 'default-service' }
          : config,
    }
    await this.#context.store.write(async (txn) => {
      const table = await readMounts(txn)
      this.#requireOnlyBearer(record, table)
      const clash = table.clash(fullPath(record))
      if (clash !== undefined) throw invalid(`path is already in use at ${clash.path}`)
      await this.#context.requireFree(txn, fullPath(record))
      txn.put(keys.mount(record.uuid), record)
    })
    await this.#showToSockets()
    return record
  }

  /**
   * Takes a mount away. From the commit on nothing is served and none of its tokens lives; its data
   * goes in the background, and the job is kept, so that a stop half-way only delays it. False when
   * there was none.
   */
  async disable(kind: 'auth' | 'secret', givenPath: string): Promise<boolean> {
    const path = cleanPath(givenPath)
    if (kind === 'auth' ? path === 'token/' : isProtectedSecret(path)) {
      throw invalid(`cannot unmount "${path}"`)
    }
    const found = await this.#context.store.write(async (txn) => {
      const mount = (await readMounts(txn)).byPath(kind === 'auth' ? `auth/${path}` : path)
      if (mount === undefined) return false
      const id = this.#context.random.uuid()
      txn.put(keys.mount(mount.uuid), { ...mount, tainted: true })
      txn.put(keys.job(id), { kind: 'mount', id, mount: mount.uuid, wasAuth: kind === 'auth' })
      return true
    })
    return found
  }

  async find(kind: 'auth' | 'secret', givenPath: string): Promise<MountRecord | undefined> {
    const path = cleanPath(givenPath)
    const configuration = await this.#context.configuration()
    return configuration.mounts.byPath(kind === 'auth' ? `auth/${path}` : path)
  }

  /** Changes the given settings only; gives warnings. */
  async tune(mount: MountRecord, request: TuneRequest): Promise<readonly string[]> {
    const isFixed = mount.class === 'secret' && isProtectedSecret(mount.path)
    if (isFixed && !onlyAuditLists(request)) {
      throw invalid(`cannot tune "${mount.path}": only the audit lists can be set`)
    }
    let warnings: readonly string[] = []
    const idle = this.idleWarnings(mount, request.config)
    await this.#context.store.write(async (txn) => {
      const current = await txn.get(keys.mount(mount.uuid))
      if (current === undefined) throw invalid(`no mount at ${mount.path}`)
      const config = this.#mergeConfig(current.config, request.config, current.class, false, mount)
      const before = current.options ?? {}
      const options = mergeOptions(before, request.options)
      if (request.options !== undefined) {
        const backend = this.#context.backends.of(current).backend
        warnings = (await backend.checkTune?.(options, before)) ?? []
        this.#context.backends.typeOf(current.type, current.class)?.checkOptions?.(options)
      }
      const tuned: MountRecord = {
        ...current,
        description: request.description ?? current.description,
        options: Object.keys(options).length === 0 ? null : options,
        config,
      }
      if (config.directBearer !== undefined) {
        this.#requireOnlyBearer(tuned, await readMounts(txn))
      }
      txn.put(keys.mount(mount.uuid), tuned)
    })
    return [...warnings, ...idle]
  }

  /** A token that stands for nobody's mount has to be judged by exactly one. */
  #requireOnlyBearer(record: MountRecord, table: MountTable): void {
    if (record.config.directBearer === undefined) return
    const type = this.#context.backends.typeOf(record.type, record.class)
    if (type?.directLogin === undefined) {
      throw invalid(`'direct_bearer' can only be set on a mount whose login takes a JWT`)
    }
    const other = table.bearer
    if (other !== undefined && other.uuid !== record.uuid) {
      throw invalid(`'direct_bearer' is set on ${fullPath(other)} already; one mount can have it`)
    }
  }

  /** Settings that a mount of its type takes and does nothing with. */
  idleWarnings(mount: MountRecord, config: JsonObject): readonly string[] {
    const asks = (config['user_lockout_config'] ?? '') !== ''
    if (!asks || this.#context.backends.of(mount).backend.unlock !== undefined) return []
    return [`"user_lockout_config" has no effect on a mount of type ${mount.type}`]
  }

  /** Takes the lock from a name of the mount with that accessor (platform.md §2.11). */
  async unlock(accessor: string, aliasName: string): Promise<void> {
    const { mounts } = await this.#context.configuration()
    const mount = mounts.mounts.find((one) => one.accessor === accessor && one.tainted !== true)
    const backend = mount === undefined ? undefined : this.#context.backends.of(mount).backend
    if (backend?.unlock === undefined) throw invalid('no mount of this accessor locks names out')
    await backend.unlock(aliasName)
  }

  /**
   * Moves a mount with its data; tokens that it issued are revoked, since their path is no more.
   */
  async move(from: string, to: string): Promise<string> {
    const source = cleanPath(from)
    const target = cleanPath(to)
    const isAuth = source.startsWith('auth/')
    if (isAuth !== target.startsWith('auth/')) {
      throw invalid('cannot move between auth methods and secrets engines')
    }
    const strip = (path: string) => (isAuth ? path.slice('auth/'.length) : path)
    if (strip(source) === '' || strip(target) === '') throw invalid('mount path must not be empty')
    refuseProtected(isAuth ? 'auth' : 'secret', strip(source))
    refuseProtected(isAuth ? 'auth' : 'secret', strip(target))
    const id = this.#context.random.uuid()
    const newest = await this.#newestToken()
    await this.#context.store.write(async (txn) => {
      const table = await readMounts(txn)
      const mount = table.byPath(source)
      if (mount === undefined) throw invalid(`no matching mount at "${source}"`)
      const clash = table.clash(target, mount)
      if (clash !== undefined) {
        throw invalid(`path is already in use at ${clash.path}`)
      }
      await this.#context.requireFree(txn, target)
      txn.put(keys.mount(mount.uuid), { ...mount, path: strip(target) })
      if (isAuth) await this.#markRevoked(txn, source.replace(/\/$/, ''), newest)
      txn.put(keys.remount(id), { from: source, to: target, status: 'success' })
    })
    await this.#showToSockets()
    return id
  }

  /** The socket side asks the newest configuration read: a large write may be the next request. */
  async #showToSockets(): Promise<void> {
    await this.#context.configuration()
  }

  async moveStatus(id: string): Promise<RemountRecord | undefined> {
    return this.#context.store.view((view) => view.get(keys.remount(id)))
  }

  /** Ends all tokens whose path begins with the prefix; durable and in force when it resolves. */
  async revokePrefix(prefix: string): Promise<void> {
    const newest = await this.#newestToken()
    await this.#context.store.write((txn) => this.#markRevoked(txn, prefix, newest))
  }

  /**
   * Ends all batch tokens made so far, and no other: of a restored store nobody knows which of them
   * were ended after its backup.
   */
  async voidBatchTokens(): Promise<void> {
    const { nowMs } = this.#context.tokens
    await this.#context.store.write(async (txn) => {
      const keepUntilMs = nowMs + this.#longestTtlSeconds(await readMounts(txn)) * 1000
      const id = this.#context.random.uuid()
      const batch = { batchUpToMs: nowMs, keepUntilMs }
      this.#putMarker(txn, { id, prefix: '', upTo: lowestTokenId, ...batch })
    })
  }

  /**
   * Nodes whose clock is ahead make ids above ours: what is stored when a revocation begins is
   * under it too.
   */
  async #newestToken(): Promise<string> {
    const range = { ...prefixRange(keys.tokenPrefix, { limit: 1 }), reverse: true }
    return this.#context.store.view(async (view) => {
      for await (const key of view.keys(range)) return lastSegment(key)
      return ''
    })
  }

  /** Many revocations of one prefix are one marker, so that their number costs nothing. */
  async #markRevoked(txn: StoreTransaction, prefix: string, newest: string): Promise<void> {
    const own = this.#context.ids.highWater(this.#context.clock.nowMs())
    const upTo = newest > own ? newest : own
    const { nowMs } = this.#context.tokens
    const keepUntilMs = nowMs + this.#longestTtlSeconds(await readMounts(txn)) * 1000
    const batch = { batchUpToMs: nowMs, keepUntilMs }
    for await (const key of txn.keys(prefixRange(keys.markerPrefix))) {
      const marker = await txn.get(keys.marker(lastSegment(key)))
      if (marker?.prefix !== prefix) continue
      this.#putMarker(txn, {
        id: marker.id,
        prefix,
        upTo: upTo > marker.upTo ? upTo : marker.upTo,
        ...batch,
      })
      return
    }
    this.#putMarker(txn, { id: this.#context.random.uuid(), prefix, upTo, ...batch })
  }

  #putMarker(txn: StoreTransaction, marker: RevocationMarker): void {
    const { id } = marker
    txn.put(keys.marker(id), marker)
    txn.put(keys.job(id), { kind: 'revoked_prefix', id, marker: id })
  }

  /** No batch token lives longer, unless its mount's maximum was lowered since. */
  #longestTtlSeconds({ mounts }: MountTable): number {
    const own = mounts.map(({ config }) => config.maxLeaseTtl)
    return Math.max(systemLeaseTtlSeconds, this.#context.settings.maxLeaseTtl, ...own)
  }

  #mergeConfig(
    current: MountConfig,
    given: JsonObject,
    kind: 'auth' | 'secret',
    isNew: boolean,
    mount?: MountRecord,
  ): MountConfig {
    const system = this.#context.settings
    const merged: ConfigMembers = { ...current }
    for (const [name, value] of Object.entries(given)) {
      const set = Object.hasOwn(configSetters, name) ? configSetters[name] : undefined
      if (set !== undefined) set(merged, value, { kind, isNew, mountPath: mount?.path })
    }
    for (const name of Object.keys(merged)) if (merged[name] === undefined) delete merged[name]
    const config = mountConfig.upgrade(merged)
    const max = config.maxLeaseTtl || system.maxLeaseTtl
    const defaultTtl = config.defaultLeaseTtl
    if (defaultTtl > max) {
      throw invalid(
        config.maxLeaseTtl === 0
          ? 'given default lease TTL greater than system max lease TTL'
          : 'default lease TTL is greater than the max lease TTL',
      )
    }
    return config
  }
}

interface SetterFacts {
  readonly kind: 'auth' | 'secret'
  readonly isNew: boolean
  readonly mountPath: string | undefined
}

type ConfigMembers = Record<string, Members[string]>

type Setter = (config: ConfigMembers, value: JsonValue, facts: SetterFacts) => void

const configSetters: Readonly<Record<string, Setter>> = {
  default_lease_ttl: (config, value, facts) => {
    setTtl(config, 'defaultLeaseTtl', 'default_lease_ttl', value, facts)
  },
  max_lease_ttl: (config, value, facts) => {
    setTtl(config, 'maxLeaseTtl', 'max_lease_ttl', value, facts)
  },
  force_no_cache: (config, value) => {
    config['forceNoCache'] = value === true || value === 'true'
  },
  token_type: (config, value, facts) => {
    if (value === null || value === '') return
    if (facts.kind !== 'auth' || facts.mountPath === 'token/') {
      throw invalid(`'token_type' can only be modified on auth mounts other than the token mount`)
    }
    if (typeof value !== 'string' || !tokenTypes.includes(value)) {
      throw invalid(`invalid value for 'token_type'`)
    }
    config['tokenType'] = value
  },
  listing_visibility: (config, value) => {
    if (value !== '' && value !== 'hidden' && value !== 'unauth') {
      throw invalid(`invalid value for 'listing_visibility': expected "", "hidden" or "unauth"`)
    }
    config['listingVisibility'] = value === '' ? undefined : value
  },
  audit_non_hmac_request_keys: listSetter('auditNonHmacRequestKeys'),
  audit_non_hmac_response_keys: listSetter('auditNonHmacResponseKeys'),
  passthrough_request_headers: listSetter('passthroughRequestHeaders'),
  allowed_response_headers: listSetter('allowedResponseHeaders'),
  user_lockout_config: (config, value) => {
    config['userLockout'] = parseUserLockout(value, config['userLockout'])
  },
  compat: (config, value) => {
    if (value !== '' && value !== 'vault' && value !== 'strict') {
      throw invalid(`invalid value for 'compat': expected "vault" or "strict"`)
    }
    config['compat'] = value === 'vault' ? 'vault' : undefined
  },
  explain_to_caller: (config, value) => {
    if (value !== '' && value !== 'none' && value !== 'own_claims' && value !== 'full') {
      throw invalid(
        `invalid value for 'explain_to_caller': expected "none", "own_claims" or "full"`,
      )
    }
    config['explainToCaller'] = value === '' ? undefined : value
  },
  direct_bearer: (config, value) => {
    if (typeof value !== 'string') {
      throw invalid(`invalid value for 'direct_bearer': expected the name of a role, or ""`)
    }
    config['directBearer'] = value === '' ? undefined : value.toLowerCase()
  },
}

function setTtl(
  config: ConfigMembers,
  name: 'defaultLeaseTtl' | 'maxLeaseTtl',
  field: string,
  value: JsonValue,
  facts: SetterFacts,
): void {
  if (value === null || (value === '' && !facts.isNew)) return
  if (value === 'system' || value === '') {
    config[name] = 0
    return
  }
  const seconds =
    typeof value === 'number' && Number.isSafeInteger(value)
      ? value
      : typeof value === 'string'
        ? parseDurationSeconds(value)
        : undefined
  if (seconds === undefined || seconds < 0 || seconds > ttlSecondsMax) {
    throw invalid(`unable to parse '${field}': expected a duration such as "1h", or "system"`)
  }
  config[name] = seconds
}

function listSetter(name: string): Setter {
  return (config, value) => {
    const list =
      typeof value === 'string'
        ? value.split(',').map((piece) => piece.trim())
        : Array.isArray(value)
          ? (value as readonly JsonValue[]).map(String)
          : []
    const clean = list.filter((piece) => piece !== '')
    config[name] = clean.length === 0 ? undefined : clean
  }
}

function mergeOptions(
  current: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const merged: Record<string, string> = { ...current }
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === '') delete merged[name]
    else merged[name] = value
  }
  return merged
}

function aliasType(request: EnableRequest): {
  readonly type: string
  readonly options: Readonly<Record<string, string>>
} {
  if (request.class === 'secret' && (request.type === 'kv-v1' || request.type === 'kv-v2')) {
    return { type: 'kv', options: { ...request.options, version: request.type.slice(-1) } }
  }
  // Vault compatibility: what kv was called before it had versions.
  const isGeneric = request.class === 'secret' && request.type === 'generic'
  return { type: isGeneric ? 'kv' : request.type, options: request.options }
}

function isProtectedSecret(path: string): boolean {
  return protectedSecretPaths.includes(path)
}

function refuseProtected(kind: 'auth' | 'secret', path: string): void {
  const isTaken =
    kind === 'auth'
      ? path === 'token/' || path.startsWith('token/')
      : protectedSecretPaths.some((taken) => path.startsWith(taken))
  if (isTaken) throw invalid(`path is already in use at ${path}`)
}

function onlyAuditLists(request: TuneRequest): boolean {
  return (
    request.description === undefined &&
    request.options === undefined &&
    Object.keys(request.config).every((name) => name.startsWith('audit_non_hmac_'))
  )
}

/** Without slashes in front, one at the end. */
function cleanPath(path: string): string {
  const clean = trimEnds(path, '/')
  if (clean === '') throw invalid('mount path must not be empty')
  if (clean.length > mountPathCharsMax) {
    throw invalid(`mount path must have at most ${mountPathCharsMax} characters`)
  }
  if (clean.includes('\\') || !isPrintable(clean)) {
    throw invalid('mount path must not have backslashes or characters that cannot be printed')
  }
  for (const segment of clean.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw invalid('mount path must not have empty or relative segments')
    }
  }
  return `${clean}/`
}
