/**
 * One namespace below the root: mounts, policies, tokens, identities of its own, made of the same
 * parts as the root's, over a store that sees its keys alone. What is the server's (seal, audit,
 * quotas, metrics) is the root's.
 */

import type { ApiOutcome, ApiRequest, Asking } from '../../framework/api.ts'
import type { BackendType } from '../../framework/backend.ts'
import type { InlineLogin } from '../../framework/inline-login.ts'
import { Refusal, invalid } from '../../framework/refusal.ts'
import type { TokenPort } from '../../framework/token-port.ts'
import { conclude, type Soon } from '../../lib/soon.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import type { Outbound } from '../../platform/outbound.ts'
import type { Random } from '../../platform/random.ts'
import type { ScopedStore } from '../../storage/scoped-store.ts'
import type { SealedStore } from '../../storage/sealed-store.ts'
import {
  prefixRange,
  type Companion,
  type StoreTransaction,
  type StoreView,
} from '../../storage/store.ts'
import { PolicyAccess } from '../access.ts'
import type { TrailContext } from '../audit-trail.ts'
import { builtInTypes } from '../built-in-types.ts'
import type { CallerFacts } from '../caller-facts.ts'
import { readConfiguration, type CoreConfiguration } from '../configuration.ts'
import {
  DecisionRecords,
  type FeedPosition,
  type Followed,
  type RefusalShare,
} from '../decision-records.ts'
import { IdentityIndex } from '../identity/identity-index.ts'
import { createIdentityStore } from '../identity/identity-store.ts'
import { LoginIdentities } from '../identity/login-identity.ts'
import type { InFlight } from '../in-flight.ts'
import { keys, lastSegment } from '../keys.ts'
import type { TokenPlace } from '../live-tokens.ts'
import { LoginFeed, type LoginReaders } from '../login-feed.ts'
import type { LoginLog } from '../login-log.ts'
import { Logins } from '../login.ts'
import type { ServerMetrics } from '../metrics.ts'
import { EpochValue } from '../mount-table.ts'
import { MountedBackends } from '../mounted-backends.ts'
import { Mounts } from '../mounts.ts'
import {
  Pipeline,
  type Admission,
  type LoginPlace,
  type Moment,
  type PipelineContext,
} from '../pipeline.ts'
import { Policies } from '../policies.ts'
import type { IdentityPaths } from '../ports/identity-ports.ts'
import type { PagePort } from '../ports/page-port.ts'
import type { NamespacePorts, NamespaceSystem } from '../ports/system-ports.ts'
import type { Quotas } from '../quotas/quotas.ts'
import type { QuotaRules } from '../quotas/rate-limit.ts'
import type { MountRecord, NamespaceRecord } from '../records.ts'
import type { CoreSettings } from '../settings.ts'
import type { TokenClock } from '../token-clock.ts'
import { tokenIdsOf, namespaceOfText, type TokenIds } from '../token-id.ts'
import { TokenOperations } from '../token-operations.ts'
import { RightsOfTokens } from '../token-rights.ts'
import { TokenScan } from '../token-scan.ts'
import { TokenSweep } from '../token-sweep.ts'
import { Tokens, type LiveToken } from '../tokens.ts'
import { Wrapping } from '../wrapping.ts'
import type { NamespaceAdmin } from './namespace-admin.ts'

/** What of the server every namespace uses. */
export interface RealmDoors {
  readonly store: SealedStore
  readonly seal: { readonly sealed: boolean }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly settings: CoreSettings
  readonly processes: number
  readonly leads: () => boolean
  readonly plugins: (tokens: () => TokenPort<CallerFacts>) => readonly BackendType[]
  readonly namespaceSystem: NamespaceSystem
  readonly identityPaths: IdentityPaths
  readonly pages: PagePort
  readonly loginLog: LoginLog
  readonly metrics: ServerMetrics
  readonly inFlight: InFlight
  readonly refusals: RefusalShare
  readonly tokenClock: TokenClock
  readonly loginReaders: LoginReaders
  readonly trails: Omit<TrailContext, 'mountOf'>
  readonly quotas: Pick<Quotas, 'take'>
  /** Those of the whole server, as the last request knew them. */
  readonly quotaRules: () => QuotaRules | undefined
  readonly isOpen: () => boolean
}

/** What a namespace asks of all of them. */
export interface Neighbourhood {
  scopeOf(id: string): ScopedStore
  adminAt(path: string): NamespaceAdmin
  /** As the last request knew it. */
  lockedAbove(path: string): NamespaceRecord | undefined
  isLockedNow(path: string): Soon<boolean>
  isOfServer(path: string): boolean
  loginPlace(login: InlineLogin, below: string): Soon<LoginPlace>
  admitFrom(namespace: string, below: string, shown: Shown): Soon<Admission | undefined>
  isAlive(namespace: string, token: string, view: StoreView): Soon<boolean>
  requireNoNamespace(txn: StoreTransaction, here: string, mountPath: string): Promise<void>
}

/** A question about a token of another namespace. */
export interface Shown extends Moment {
  readonly asking: Asking
}

export class Realm implements PipelineContext, NamespacePorts {
  readonly id: string
  readonly path: string
  readonly store: ScopedStore
  readonly seal: RealmDoors['seal']
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: CoreSettings
  readonly loginLog: LoginLog
  readonly metrics: ServerMetrics
  readonly inFlight: InFlight
  readonly trails: Omit<TrailContext, 'mountOf'>
  readonly quotas: Pick<Quotas, 'take'>
  readonly access: PolicyAccess
  readonly backends: MountedBackends
  readonly policies: Policies
  readonly tokens: Tokens
  readonly rights: RightsOfTokens
  readonly logins: Logins
  readonly wrapping: Wrapping
  readonly mounts: Mounts
  readonly tokenPlace: TokenPlace
  readonly sweep: TokenSweep
  readonly tokenOperations: TokenOperations
  readonly records: DecisionRecords
  readonly loginFeed: LoginFeed
  readonly namespaces: NamespaceAdmin
  readonly pipeline: Pipeline
  readonly #doors: RealmDoors
  readonly #registry: Neighbourhood
  readonly #configuration = new EpochValue<CoreConfiguration>(readConfiguration)
  #keptEpoch = 0
  #running = 0
  #isClosed = false

  constructor(
    doors: RealmDoors,
    registry: Neighbourhood,
    {
      record,
      ids,
      time,
    }: { readonly record: NamespaceRecord; readonly ids: TokenIds; readonly time: TokenClock },
  ) {
    this.#doors = doors
    this.#registry = registry
    const { id, path } = record
    const { clock, random, logger, settings } = doors
    this.id = id
    this.path = path
    this.seal = doors.seal
    this.clock = clock
    this.random = random
    this.logger = logger
    this.settings = settings
    this.metrics = doors.metrics
    this.inFlight = doors.inFlight
    this.trails = { ...doors.trails, namespace: { id, path } }
    const store = registry.scopeOf(id)
    this.store = store
    const mountOf = (asked: string) => this.backends.mountPathOf(asked)
    this.loginLog = doors.loginLog.ofNamespace(path, mountOf)
    // Nobody has root rights here whose token is of this namespace.
    this.access = new PolicyAccess(clock, { hasRoot: false })
    this.policies = new Policies(store, clock, { hasRoot: false })
    this.quotas = {
      take: (asked, rules) => {
        const { clientAddress } = asked
        const placed = {
          path: path + asked.path,
          clientAddress,
          // Throws where it was not read, and is asked for by rules for roles alone.
          get data() {
            return asked.data
          },
        }
        return doors.quotas.take(placed, rules, path)
      },
    }
    const configuration = () => this.configuration()
    this.tokens = new Tokens({
      store,
      ids,
      time,
      isAliveAbove: (namespace, token, view) => registry.isAlive(namespace, token, view),
    })
    const index = new IdentityIndex(ids, (mount) => this.#hasExactAliases(mount))
    const loginIdentities = new LoginIdentities(index, random)
    this.rights = new RightsOfTokens(index, async (epoch) => this.configurationAt(epoch))
    const scan = new TokenScan({ store, clock, logger })
    this.tokenPlace = { path, tokens: this.tokens, scan, configuration }
    const { tokens, rights } = this
    this.sweep = new TokenSweep({
      store,
      tokens,
      scan,
      clock,
      logger,
      leads: doors.leads,
      cubbyholePrefix: (token) => this.#cubbyholePrefix(token),
    })
    this.tokenOperations = new TokenOperations({
      store,
      tokens,
      scan,
      sweep: this.sweep,
      rights,
      identities: loginIdentities,
      settings,
      configuration,
      backendOf: (mount) => this.backends.of(mount).backend,
      namespacePath: path,
    })
    this.records = new DecisionRecords({
      store,
      clock,
      random,
      recordsMax: settings.loginRecordsMax,
      refusals: doors.refusals,
    })
    this.loginLog.keepIn(this.records)
    const watched = { follow: (from: FeedPosition | undefined) => this.#followLogins(from) }
    this.loginFeed = new LoginFeed({
      clock,
      source: () => watched,
      all: doors.loginReaders,
      isOfRoot: false,
    })
    this.logins = new Logins({
      store,
      tokens,
      identities: loginIdentities,
      rights,
      settings,
      log: this.loginLog,
      records: this.records,
    })
    const identities = createIdentityStore({ store, clock, random, index, configuration })
    this.namespaces = registry.adminAt(path)
    const system = doors.namespaceSystem(this)
    const paths = () =>
      doors.identityPaths({
        identities,
        namespaceId: id,
        mounts: async () => (await configuration()).mounts,
      })
    this.backends = new MountedBackends({
      ...doors,
      store,
      types: [...builtInTypes(system, paths), ...doors.plugins(() => this.tokenOperations)],
      loginLog: this.loginLog,
      identityIndex: () => index,
    })
    this.mounts = new Mounts({
      store,
      clock,
      random,
      settings,
      ids,
      tokens,
      backends: this.backends,
      configuration,
      requireFree: (txn, mountPath) => registry.requireNoNamespace(txn, path, mountPath),
    })
    this.wrapping = new Wrapping({
      store,
      tokens,
      settings,
      configuration,
    })
    this.pipeline = new Pipeline(this, system, doors.pages)
  }

  /** The ids of a namespace, which go on after those that are stored. */
  static async idsOf(doors: RealmDoors, store: ScopedStore, id: string): Promise<TokenIds> {
    const ids = tokenIdsOf(doors.store.keyring, doors.random, id)
    const range = { ...prefixRange(keys.tokenPrefix, { limit: 1 }), reverse: true }
    await store.view(async (view) => {
      for await (const key of view.keys(range)) ids.startAfter(lastSegment(key))
      for await (const key of view.keys(prefixRange(keys.markerPrefix))) {
        const marker = await view.get(keys.marker(lastSegment(key)))
        if (marker !== undefined) ids.startAfter(marker.upTo)
      }
    })
    return ids
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#doors.isOpen()
  }

  /** Requests are being carried out, somebody watches, or a record waits: it has to stay. */
  get isBusy(): boolean {
    return this.#running > 0 || this.loginFeed.isWatched || this.records.isPending
  }

  get latestConfiguration(): CoreConfiguration | undefined {
    return this.#configuration.latest
  }

  get quotaRules(): QuotaRules | undefined {
    return this.#doors.quotaRules()
  }

  configurationAt(epoch: number): Soon<CoreConfiguration> {
    return this.#configuration.peek(epoch) ?? this.#readConfiguration(epoch)
  }

  async configuration(): Promise<CoreConfiguration> {
    return this.configurationAt(await this.store.view((view) => view.epoch()))
  }

  /** Carries out a request whose path is already that of this namespace. */
  handle(request: ApiRequest): Soon<ApiOutcome> {
    this.#running++
    return conclude(
      () => this.pipeline.handle(request),
      (outcome) => {
        this.#running--
        return outcome
      },
      (problem) => {
        this.#running--
        throw problem
      },
    )
  }

  /** Judges a login that comes with a request, of this namespace or of one below. */
  async judge(...asked: Parameters<Pipeline['judge']>): Promise<LiveToken> {
    this.#running++
    try {
      return await this.pipeline.judge(...asked)
    } finally {
      this.#running--
    }
  }

  loginPlace(login: InlineLogin): Soon<LoginPlace> {
    return this.#registry.loginPlace(login, this.path)
  }

  /** Refuses what nobody may do here, before anything is asked of who comes. */
  gate({ path, verb }: Pick<ApiRequest, 'path' | 'verb'>): void {
    const locked = this.#registry.lockedAbove(this.path)
    if (locked !== undefined && !(verb === 'write' && isUnlock(path))) {
      throw new Refusal('namespace_locked', {
        text: `API access to this namespace has been locked by an administrator - "${locked.path}" must be unlocked to gain access.`,
      })
    }
    if (this.#registry.isOfServer(path)) throw invalid('operation unavailable in namespaces')
  }

  /** How a token of another namespace is asked for; undefined for one of this. */
  above(text: string): ReturnType<NonNullable<PipelineContext['above']>> {
    const namespace = namespaceOfText(text)
    if (namespace === this.id) return undefined
    return (asking, view, epoch) =>
      this.#registry.admitFrom(namespace, this.path, { asking, view, epoch })
  }

  viewOf(view: StoreView): StoreView {
    return this.store.viewOf(view)
  }

  takeCompanion(): Companion | undefined {
    const companion = this.records.takeCompanion()
    return companion && this.store.companionOf(companion)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.loginFeed.close()
    this.loginLog.keepIn(undefined)
    await this.records.close()
    await this.backends.close()
    this.#configuration.clear()
    this.access.clear()
  }

  /** A namespace that is locked meanwhile shows nothing more to those who watch. */
  async #followLogins(from: FeedPosition | undefined): Promise<Followed> {
    if (await this.#registry.isLockedNow(this.path)) throw new Refusal('namespace_locked')
    return this.records.follow(from)
  }

  async #readConfiguration(epoch: number): Promise<CoreConfiguration> {
    const configuration = await this.#configuration.at(epoch, this.store)
    const { revokedUpTo } = configuration
    if (revokedUpTo !== undefined) this.tokens.ids.startAfter(revokedUpTo)
    this.tokens.leaveMoment(configuration.batchRevokedUpToMs)
    if (configuration.epoch >= this.#keptEpoch) {
      this.#keptEpoch = configuration.epoch
      await this.backends.keepOnly(configuration.mounts)
    }
    return configuration
  }

  #hasExactAliases({ type, config }: MountRecord): boolean {
    return config.compat !== 'vault' && this.backends.typeOf(type, 'auth')?.exactAliases === true
  }

  #cubbyholePrefix(token: string): string | undefined {
    const uuid = this.#configuration.latest?.mounts.byPath('cubbyhole/')?.uuid
    return uuid === undefined ? undefined : `${keys.mountDataPrefix(uuid)}${token}/`
  }
}

const unlockPath = 'sys/namespaces/api-lock/unlock'

function isUnlock(path: string): boolean {
  return path === unlockPath || path.startsWith(`${unlockPath}/`)
}
