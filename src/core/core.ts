/**
 * The core: everything behind the socket that is not a plugin, built once and wired here. It comes
 * to life when the seal opens and forgets everything when it closes.
 */

import type {
  ApiHandler,
  PathTraitsOf,
  Prepare,
  RecordUnread,
  RequireMayAsk,
} from '../framework/api.ts'
import type { BackendType } from '../framework/backend.ts'
import type { InlineLogin } from '../framework/inline-login.ts'
import type { PathDeclaration } from '../framework/path.ts'
import type { TokenPort } from '../framework/token-port.ts'
import type { Soon } from '../lib/soon.ts'
import { joined, united, type Family } from '../lib/metrics.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import type { SealedStore } from '../storage/sealed-store.ts'
import { prefixRange, StoreSealed } from '../storage/store.ts'
import { PolicyAccess } from './access.ts'
import { AuditBroker } from './audit-broker.ts'
import { AuditDevices, type AuditSettings } from './audit-devices.ts'
import type { TrailContext } from './audit-trail.ts'
import { Backups } from './backups.ts'
import { bootstrap, createInitialRoot } from './bootstrap.ts'
import { builtInTypes } from './built-in-types.ts'
import type { CallerFacts } from './caller-facts.ts'
import { readConfiguration, type CoreConfiguration } from './configuration.ts'
import { DecisionRecords, RefusalShare } from './decision-records.ts'
import { IdentityIndex } from './identity/identity-index.ts'
import { createIdentityStore } from './identity/identity-store.ts'
import { LoginIdentities } from './identity/login-identity.ts'
import { indexOlderEntities } from './identity/older-entities.ts'
import { keys, lastSegment } from './keys.ts'
import { Logins } from './login.ts'
import { BoundedLogger } from './line-budget.ts'
import { LoginFeed, LoginReaders } from './login-feed.ts'
import { LoginLog } from './login-log.ts'
import { LiveTokens, type TokenPlace } from './live-tokens.ts'
import { ServerMetrics } from './metrics.ts'
import { MountedBackends } from './mounted-backends.ts'
import { Mounts } from './mounts.ts'
import type { NamespaceAdmin } from './namespaces/namespace-admin.ts'
import { rootNamespaceId } from './namespaces/namespace-path.ts'
import { Namespaces } from './namespaces/namespaces.ts'
import { EpochValue } from './mount-table.ts'
import { theOnlyOne, type OneOfAll } from './one-of-all.ts'
import { Pipeline, type LoginPlace, type PipelineContext } from './pipeline.ts'
import { Policies } from './policies.ts'
import type { IdentityPaths, IdentityStore } from './ports/identity-ports.ts'
import type { PagePort } from './ports/page-port.ts'
import type { NamespaceSystem, System, SystemPorts } from './ports/system-ports.ts'
import type { CorsRecord, MountRecord } from './records.ts'
import { KeyRotation } from './seal/key-rotation.ts'
import { Rekey, rekeySteps, type RekeySteps } from './seal/rekey.ts'
import { InFlight } from './in-flight.ts'
import { Quotas } from './quotas/quotas.ts'
import type { QuotaRules } from './quotas/rate-limit.ts'
import { hasRestoreNote, removeRestoreNote } from './seal/restore-note.ts'
import {
  RootGeneration,
  rootGenerationSteps,
  type RootGenerationSteps,
} from './seal/root-generation.ts'
import type { Seal } from './seal/seal-manager.ts'
import type { CoreSettings } from './settings.ts'
import { StoreCheck } from './store-check.ts'
import { TokenClock } from './token-clock.ts'
import { serviceTextChars, tokenIdsOf, type TokenIds } from './token-id.ts'
import { TokenOperations } from './token-operations.ts'
import { RightsOfTokens } from './token-rights.ts'
import { TokenScan } from './token-scan.ts'
import { TokenSweep } from './token-sweep.ts'
import { Tokens } from './tokens.ts'
import { Wrapping } from './wrapping.ts'

/** Mounts of namespaces whose numbers are told. */
const countedMountsMax = 1000

export type MetricsOfOthers = () => Promise<readonly (readonly Family[])[]>

export interface CoreContext {
  readonly store: SealedStore
  readonly seal: Seal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly settings: CoreSettings
  readonly audit: AuditSettings
  /** The auth methods and secrets engines, over what the token method asks of an open core. */
  readonly plugins: (tokens: () => TokenPort<CallerFacts>) => readonly BackendType[]
  /** The paths below `sys/`, over the ports of the core. */
  readonly system: (ports: SystemPorts) => System
  /** The same of a namespace below the root. */
  readonly namespaceSystem: NamespaceSystem
  /** The paths of the `identity/` mount, over theirs. */
  readonly identityPaths: IdentityPaths
  readonly pages: PagePort
  /** Processes of this server; each has its part of what all of them may do. */
  readonly processes?: number
  /** Whether this process does the work that one does for all; the only one does. */
  readonly leads?: () => boolean
  /** Where steps are remembered that one process remembers for all. */
  readonly oneOfAll?: OneOfAll
  /** What the other processes have counted. */
  readonly metricsOfOthers?: MetricsOfOthers
}

/** Two machines that share a store may differ by that much without a word. */
const clockBehindMsMax = 5000

/** What exists only while the seal is open. */
interface Opened {
  readonly tokens: Tokens
  readonly rights: RightsOfTokens
  readonly identities: IdentityStore
  readonly logins: Logins
  readonly sweep: TokenSweep
  readonly tokenOperations: TokenOperations
  readonly mounts: Mounts
  readonly wrapping: Wrapping
  readonly records: DecisionRecords
}

export class Core implements SystemPorts, PipelineContext {
  readonly store: SealedStore
  readonly seal: Seal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: CoreSettings
  readonly access: PolicyAccess
  readonly backends: MountedBackends
  readonly policies: Policies
  readonly loginLog: LoginLog
  readonly audit: AuditDevices
  readonly trails: Omit<TrailContext, 'mountOf'>
  readonly metrics: ServerMetrics
  readonly rootGeneration: RootGenerationSteps
  readonly rekey: RekeySteps
  readonly #ownRootGeneration: RootGeneration
  readonly #ownRekey: Rekey
  readonly quotas: Quotas
  readonly inFlight = new InFlight()
  readonly loginReaders = new LoginReaders()
  readonly loginFeed: LoginFeed
  readonly backups: Backups
  readonly storeCheck: StoreCheck
  readonly rotation: KeyRotation
  readonly #pipeline: Pipeline
  readonly #refusals: RefusalShare
  /** It outlasts the seal. */
  readonly #tokenClock: TokenClock
  readonly #namespaces: Namespaces
  readonly namespaces: NamespaceAdmin
  readonly #leads: () => boolean
  readonly #metricsOfOthers: MetricsOfOthers | undefined
  readonly #liveTokens: LiveTokens
  #placeOfRoot: TokenPlace | undefined
  #identityIndex: IdentityIndex | undefined
  readonly #configuration = new EpochValue<CoreConfiguration>(readConfiguration)
  /** Epoch of the newest configuration by which backends of removed mounts were closed. */
  #keptEpoch = 0
  #opened: Opened | undefined

  constructor(context: CoreContext) {
    this.store = context.store
    this.seal = context.seal
    this.clock = context.clock
    this.random = context.random
    // Whatever serves requests speaks through this one; only an accepted login always has its line.
    this.logger = new BoundedLogger(context.logger, context.clock, context.processes)
    this.settings = context.settings
    this.access = new PolicyAccess(context.clock)
    this.#leads = context.leads ?? (() => true)
    this.#metricsOfOthers = context.metricsOfOthers
    const { logger, clock, processes = 1 } = context
    const mountOf = (path: string): string | undefined => this.backends.mountPathOf(path)
    this.metrics = new ServerMetrics(clock)
    this.#refusals = new RefusalShare(clock)
    this.loginFeed = new LoginFeed({
      clock,
      source: () => this.records,
      all: this.loginReaders,
      isOfRoot: true,
    })
    this.#tokenClock = new TokenClock(clock)
    this.loginLog = new LoginLog({ logger, clock, mountOf, metrics: this.metrics, processes })
    this.store.watchCommits((changes) => this.metrics.commit(changes))
    this.audit = new AuditDevices({
      ...context,
      logger: this.logger,
      settings: context.audit,
      missed: (device, count) => this.metrics.auditFailures(device, count),
      configuration: () => this.configuration(),
    })
    const audience = () => this.audit.audience
    this.trails = { broker: new AuditBroker(clock), clock, audience }
    const { seal, random, oneOfAll = theOnlyOne } = context
    this.quotas = new Quotas(clock, (mount) => this.backends.of(mount).backend, processes)
    this.rotation = new KeyRotation({
      store: context.store,
      seal,
      clock,
      logger,
      leads: this.#leads,
    })
    this.backups = new Backups({ engine: context.store.engine, seal, clock, logger })
    this.storeCheck = new StoreCheck({ store: context.store, clock })
    this.#ownRekey = new Rekey({ seal, clock, random })
    this.rekey = oneOfAll('rekey', this.#ownRekey, rekeySteps)
    this.#ownRootGeneration = new RootGeneration({
      seal,
      clock,
      random,
      logger,
      tokenChars: serviceTextChars,
      makeToken: () => this.#makeRootToken(),
    })
    this.rootGeneration = oneOfAll('root-generation', this.#ownRootGeneration, rootGenerationSteps)
    const system = context.system(this)
    const plugins = context.plugins(() => this.#require().tokenOperations)
    const types = [...builtInTypes(system, () => this.#identityPaths(context)), ...plugins]
    this.backends = new MountedBackends({
      ...context,
      types,
      logger: this.logger,
      loginLog: this.loginLog,
      identityIndex: () => this.#identityIndex,
    })
    this.policies = new Policies(context.store, context.clock)
    this.#pipeline = new Pipeline(this, system, context.pages)
    const doors = {
      ...context,
      ...this.#serverDoors(processes),
      plugins: (tokens: () => TokenPort<CallerFacts>) => [
        ...context.plugins(tokens).filter(isTokenMethod),
        // What all mounts of a method share, the namespaces share too.
        ...plugins.filter((type) => !isTokenMethod(type)),
      ],
    }
    this.#namespaces = new Namespaces(doors, { realm: this, pipeline: this.#pipeline }, system)
    this.namespaces = this.#namespaces.adminAt('')
    this.#liveTokens = new LiveTokens({
      clock,
      logger,
      leads: this.#leads,
      places: () =>
        this.#placeOfRoot === undefined
          ? []
          : [this.#placeOfRoot, ...this.#namespaces.loaded.map((realm) => realm.tokenPlace)],
    })
  }

  /** What namespaces share with the root. */
  #serverDoors(processes: number) {
    const { logger, loginLog, metrics, inFlight, trails, quotas } = this
    return {
      logger,
      loginLog,
      metrics,
      inFlight,
      trails,
      quotas,
      processes,
      leads: this.#leads,
      refusals: this.#refusals,
      tokenClock: this.#tokenClock,
      loginReaders: this.loginReaders,
      quotaRules: () => this.quotaRules,
      isOpen: () => this.isOpen,
    }
  }

  get handler(): ApiHandler {
    const atRoot: ApiHandler = (request) => this.#pipeline.handle(request)
    return (request) =>
      this.#namespaces.isOfRoot(request.namespace, request.path)
        ? atRoot(request)
        : this.#namespaces.handle(request, atRoot)
  }

  /** To be waited for before what follows is asked about a request. */
  get prepare(): Prepare {
    return (namespace, path) => this.#namespaces.prepare(namespace, path)
  }

  /** How a path is declared, as far as the last configuration that was read knows it. */
  get traitsOf(): PathTraitsOf {
    return (path, verb, namespace = '') => {
      const found = this.#namespaces.peek(namespace, path)
      return found === undefined
        ? this.#pipeline.traitsOf(path, verb)
        : found.realm.pipeline.traitsOf(found.path, verb)
    }
  }

  get requireMayAsk(): RequireMayAsk {
    return async (asking) => {
      const isBelow = await this.#namespaces.requireMayAsk(asking)
      if (!isBelow) await this.#pipeline.requireMayAsk(asking)
    }
  }

  get recordUnread(): RecordUnread {
    return async (request, refusal) =>
      (await this.#namespaces.recordUnread(request, refusal)) ??
      this.#pipeline.recordUnread(request, refusal)
  }

  async collectMetrics(): Promise<readonly Family[]> {
    const own = await this.ownMetrics()
    return this.#metricsOfOthers === undefined
      ? own
      : joined([own, ...(await this.#metricsOfOthers())])
  }

  /** Of this process alone. */
  async ownMetrics(): Promise<readonly Family[]> {
    const { mounts } = await this.configuration()
    const ofMounts = mounts.mounts.flatMap((mount) =>
      mount.tainted === true ? [] : (this.backends.of(mount).backend.metrics?.() ?? []),
    )
    const others = [...ofMounts, ...this.#namespaces.metrics(countedMountsMax)]
    return this.metrics.collect(
      united([...others, ...this.loginReaders.metrics(), ...this.#liveTokens.metrics()]),
    )
  }

  get tokens(): Tokens {
    return this.#require().tokens
  }

  get logins(): Logins {
    return this.#require().logins
  }

  get rights(): RightsOfTokens {
    return this.#require().rights
  }

  get sweep(): TokenSweep {
    return this.#require().sweep
  }

  get tokenOperations(): TokenOperations {
    return this.#require().tokenOperations
  }

  get records(): DecisionRecords {
    return this.#require().records
  }

  get wrapping(): Wrapping {
    return this.#require().wrapping
  }

  get mounts(): Mounts {
    return this.#require().mounts
  }

  /** Configuration as of an epoch; read again only when the epoch moved. */
  configurationAt(epoch: number): Soon<CoreConfiguration> {
    return this.#configuration.peek(epoch) ?? this.#readConfiguration(epoch)
  }

  async #readConfiguration(epoch: number): Promise<CoreConfiguration> {
    const configuration = await this.#configuration.at(epoch, this.store)
    // A node whose clock is ahead may have revoked: a token made now must not fall under that.
    const { revokedUpTo } = configuration
    if (revokedUpTo !== undefined) this.#opened?.tokens.ids.startAfter(revokedUpTo)
    this.#opened?.tokens.leaveMoment(configuration.batchRevokedUpToMs)
    this.audit.follow(configuration)
    // An older configuration that was read meanwhile knows nothing of the newest mounts.
    if (configuration.epoch >= this.#keptEpoch) {
      this.#keptEpoch = configuration.epoch
      await this.backends.keepOnly(configuration.mounts)
    }
    return configuration
  }

  /** What the last request knew, likewise. */
  get quotaRules(): QuotaRules | undefined {
    return this.#configuration.latest?.quotas
  }

  /** What the last request knew: for questions that may not wait. */
  get latestConfiguration(): CoreConfiguration | undefined {
    return this.#configuration.latest
  }

  /** What the last request knew; the browser's next one sees a change. */
  corsSettings(): CorsRecord | undefined {
    const cors = this.#configuration.latest?.cors
    return cors?.enabled === true ? cors : undefined
  }

  /** What the last request knew, likewise. */
  get uiHeaders(): Readonly<Record<string, string>> | undefined {
    return this.#configuration.latest?.uiHeaders
  }

  loginPlace(login: InlineLogin): Soon<LoginPlace> {
    return this.#namespaces.loginPlace(login, '')
  }

  /** Path of the namespace that a token text names; empty for the root and for one unknown. */
  namespaceOf(text: string): Soon<string> {
    return this.#namespaces.pathOfText(text)
  }

  async configuration(): Promise<CoreConfiguration> {
    return this.configurationAt(await this.store.view((view) => view.epoch()))
  }

  // ------------------------------------------------------------ life

  /** Called when the store has been opened: makes what first start needs and starts the sweep. */
  async open(): Promise<void> {
    const { store, clock, random, settings, logger, backends } = this
    const ids = tokenIdsOf(store.keyring, random)
    await this.#startIdsAfterStored(ids)
    this.#tokenClock.goOnFrom(ids.lastMs)
    const tokens = new Tokens({ store, ids, time: this.#tokenClock })
    const index = new IdentityIndex(ids, (mount) => this.#hasExactAliases(mount))
    this.#identityIndex = index
    const loginIdentities = new LoginIdentities(index, random)
    const rights = new RightsOfTokens(index, async (epoch) => this.configurationAt(epoch))
    const scan = new TokenScan({ store, clock, logger })
    const sweep = new TokenSweep({
      store,
      tokens,
      scan,
      clock,
      logger,
      leads: this.#leads,
      cubbyholePrefix: (tokenId) => this.#cubbyholePrefix(tokenId),
    })
    const tokenOperations = new TokenOperations({
      store,
      tokens,
      scan,
      sweep,
      rights,
      identities: loginIdentities,
      settings,
      configuration: () => this.configuration(),
      backendOf: (mount) => backends.of(mount).backend,
    })
    const records = new DecisionRecords({
      store,
      clock,
      random,
      recordsMax: settings.loginRecordsMax,
      refusals: this.#refusals,
    })
    const logins = new Logins({
      store,
      tokens,
      identities: loginIdentities,
      rights,
      settings,
      log: this.loginLog,
      records,
    })
    const mounts = new Mounts({
      store,
      clock,
      random,
      settings,
      ids,
      tokens,
      backends,
      configuration: () => this.configuration(),
      requireFree: (txn, path) => this.#namespaces.requireNoNamespace(txn, '', path),
    })
    const wrapping = new Wrapping({
      store,
      tokens,
      settings,
      configuration: () => this.configuration(),
    })
    const configuration = () => this.configuration()
    const identities = createIdentityStore({ store, clock, random, index, configuration })
    await store.write(async (txn) => {
      await bootstrap(txn, { random, clock })
      await this.audit.declare(txn)
    })
    await indexOlderEntities(store, index)
    this.#opened = {
      tokens,
      rights,
      identities,
      logins,
      sweep,
      tokenOperations,
      mounts,
      wrapping,
      records,
    }
    this.loginLog.keepIn(records)
    store.sendAlong(() => records.takeCompanion() ?? this.#namespaces.takeCompanion())
    this.#cubbyhole = (await this.configuration()).mounts.byPath('cubbyhole/')?.uuid
    await this.#endRestoration(mounts)
    await this.rotation.start()
    sweep.start()
    this.#placeOfRoot = { path: '', tokens, scan, configuration }
    this.#liveTokens.start()
    this.#namespaces.keeper.start()
  }

  /** Called before the store is sealed: stops background work and forgets everything. */
  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    this.loginLog.keepIn(undefined)
    this.store.sendAlong(undefined)
    this.loginFeed.close()
    this.rotation.stop()
    this.#ownRootGeneration.forget()
    this.#ownRekey.forget()
    await this.#liveTokens.stop()
    await opened?.records.close()
    await this.#namespaces.close()
    await opened?.sweep.stop()
    await this.backends.close()
    this.audit.close()
    this.#configuration.clear()
    this.access.clear()
    this.#keptEpoch = 0
  }

  get isOpen(): boolean {
    return this.#opened !== undefined
  }

  /** A store that was made from a backup knows nothing of what was revoked after it. */
  async #endRestoration(mounts: Mounts): Promise<void> {
    const { engine } = this.store
    if (!(await hasRestoreNote(engine))) return
    await mounts.voidBatchTokens()
    await this.#namespaces.each((realm) => realm.mounts.voidBatchTokens())
    await removeRestoreNote(engine)
    this.logger.log(
      'warn',
      'this store was restored from a backup: batch tokens are void, and what was revoked after the backup is valid again',
    )
  }

  async #makeRootToken(): Promise<string> {
    const { ids, nowMs } = this.tokens
    return this.store.write((txn) => createInitialRoot(txn, ids, nowMs))
  }

  #identityPaths({ identityPaths }: CoreContext): readonly PathDeclaration[] {
    const store = () => this.#require().identities
    return identityPaths({
      get identities() {
        return store()
      },
      namespaceId: rootNamespaceId,
      mounts: async () => (await this.configuration()).mounts,
    })
  }

  /** A subject that differs in case is another one, unless the mount is as the references are. */
  #hasExactAliases({ type, config }: MountRecord): boolean {
    return config.compat !== 'vault' && this.backends.typeOf(type, 'auth')?.exactAliases === true
  }

  #cubbyhole: string | undefined

  #cubbyholePrefix(tokenId: string): string | undefined {
    return this.#cubbyhole === undefined
      ? undefined
      : `${keys.mountDataPrefix(this.#cubbyhole)}${tokenId}/`
  }

  /** A clock that went back between two starts must not make ids that sort before stored ones. */
  async #startIdsAfterStored(ids: TokenIds): Promise<void> {
    const range = { ...prefixRange(keys.tokenPrefix, { limit: 1 }), reverse: true }
    await this.store.view(async (view) => {
      for await (const key of view.keys(range)) ids.startAfter(lastSegment(key))
      for await (const key of view.keys(prefixRange(keys.markerPrefix))) {
        const marker = await view.get(keys.marker(lastSegment(key)))
        // A token made now must not fall under a revocation of before.
        if (marker !== undefined) ids.startAfter(marker.upTo)
      }
    })
    const behindMs = ids.lastMs - this.clock.nowMs()
    if (behindMs > clockBehindMsMax) {
      this.logger.log(
        'warn',
        'the clock is behind the newest stored token; tokens go on from there',
        {
          behind_seconds: Math.round(behindMs / 1000),
        },
      )
    }
  }

  #require(): Opened {
    if (this.#opened === undefined) throw new StoreSealed()
    return this.#opened
  }
}

function isTokenMethod({ types }: BackendType): boolean {
  return types.includes('token')
}
