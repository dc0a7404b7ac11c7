/**
 * The core: everything behind the socket that is not a plugin, built once and wired here. It comes to life when the
 * seal opens and forgets everything when it closes.
 */

import type { ApiHandler, ApiRequest, PathTraitsOf, RequireMayAsk } from '../framework/api.ts'
import type { Backend, BackendType, Caller } from '../framework/backend.ts'
import type { PathDeclaration } from '../framework/path.ts'
import { Router } from '../framework/router.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import type { SealedStore } from '../storage/sealed-store.ts'
import { prefixRange, StoreSealed } from '../storage/store.ts'
import { PolicyAccess } from './access.ts'
import { bootstrap } from './bootstrap.ts'
import type { CoreSettings } from './config.ts'
import { readConfiguration, type CoreConfiguration } from './configuration.ts'
import { Identity } from './identity.ts'
import { keys, lastSegment } from './keys.ts'
import { Logins } from './login.ts'
import { LoginLog } from './login-log.ts'
import { MountedBackends, type Mounted } from './mounted-backends.ts'
import { Mounts } from './mounts.ts'
import { EpochValue } from './mount-table.ts'
import { Pipeline } from './pipeline.ts'
import { Policies } from './policies.ts'
import type { Acl } from './policy/acl.ts'
import type { CorsRecord, MountRecord } from './records.ts'
import type { SealManager } from './seal/seal-manager.ts'
import { TokenIds } from './token-id.ts'
import { TokenOperations } from './token-operations.ts'
import { TokenScan } from './token-scan.ts'
import { TokenSweep } from './token-sweep.ts'
import { Tokens, type LiveToken } from './tokens.ts'
import type { Keyring } from '../storage/keyring.ts'

export interface CoreParts {
  readonly store: SealedStore
  readonly seal: SealManager
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly settings: CoreSettings
  /** Auth methods and secrets engines that can be enabled. */
  readonly types: readonly BackendType[]
}

/** Two machines that share a store may differ by that much without a word. */
const clockBehindMsMax = 5000

/** What exists only while the seal is open. */
interface Opened {
  readonly tokens: Tokens
  readonly identity: Identity
  readonly logins: Logins
  readonly sweep: TokenSweep
  readonly tokenOperations: TokenOperations
  readonly mounts: Mounts
}

/** What is known of the caller of a running request. */
export interface CallerFacts {
  readonly token: LiveToken
  readonly acl: Acl
  readonly identityPolicies: readonly string[]
}

export class Core {
  readonly store: SealedStore
  readonly seal: SealManager
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly settings: CoreSettings
  readonly access: PolicyAccess
  readonly backends: MountedBackends
  readonly policies: Policies
  /** Live token and rules behind each caller of a running request. */
  readonly callers = new WeakMap<Caller, CallerFacts>()
  /** The request behind each backend request: for sys paths that look at the token of an open call. */
  readonly requests = new WeakMap<object, ApiRequest>()
  readonly loginLog: LoginLog
  readonly pipeline: Pipeline
  readonly #configuration = new EpochValue<CoreConfiguration>(readConfiguration)
  /** Epoch of the newest configuration by which backends of removed mounts were closed. */
  #keptEpoch = 0
  #opened: Opened | undefined
  #sealedRouter: Router = new Router([])
  #help: (
    mounted: Mounted | undefined,
    declaration: PathDeclaration | undefined,
  ) => string | undefined

  constructor(parts: CoreParts) {
    this.store = parts.store
    this.seal = parts.seal
    this.clock = parts.clock
    this.random = parts.random
    this.logger = parts.logger
    this.settings = parts.settings
    this.access = new PolicyAccess(parts.clock)
    this.#help = () => undefined
    const { logger, clock } = parts
    const mountOf = (path: string): string | undefined => this.backends.mountPathOf(path)
    this.loginLog = new LoginLog({ logger, clock, mountOf })
    this.backends = new MountedBackends({ ...parts, loginLog: this.loginLog })
    this.policies = new Policies(parts.store, parts.clock)
    this.pipeline = new Pipeline(this)
  }

  get handler(): ApiHandler {
    return (request) => this.pipeline.handle(request)
  }

  /** How a path is declared, as far as the last configuration that was read knows it. */
  get traitsOf(): PathTraitsOf {
    return (path, verb) => this.pipeline.traitsOf(path, verb)
  }

  get requireMayAsk(): RequireMayAsk {
    return (asking) => this.pipeline.requireMayAsk(asking)
  }

  get tokens(): Tokens {
    return this.#require().tokens
  }

  get logins(): Logins {
    return this.#require().logins
  }

  get identity(): Identity {
    return this.#require().identity
  }

  get sweep(): TokenSweep {
    return this.#require().sweep
  }

  get tokenOperations(): TokenOperations {
    return this.#require().tokenOperations
  }

  get mounts(): Mounts {
    return this.#require().mounts
  }

  /** Serves what must answer while sealed; its patterns are whole paths below `/v1/`. */
  get sealedRouter(): Router {
    return this.#sealedRouter
  }

  setSealedPaths(declarations: readonly PathDeclaration[]): void {
    this.#sealedRouter = new Router(
      declarations
        .filter((declaration) => declaration.servedSealed === true)
        .map((declaration) => ({ ...declaration, pattern: `sys/${declaration.pattern}` })),
    )
  }

  setHelp(
    help: (
      mounted: Mounted | undefined,
      declaration: PathDeclaration | undefined,
    ) => string | undefined,
  ): void {
    this.#help = help
  }

  help(mounted: Mounted | undefined, declaration: PathDeclaration | undefined): string | undefined {
    return this.#help(mounted, declaration)
  }

  /** The configuration of that epoch if it is already read: the hot path. */
  peekConfiguration(epoch: number): CoreConfiguration | undefined {
    return this.#configuration.peek(epoch)
  }

  /** Configuration as of an epoch; read again only when the epoch moved. */
  async configurationAt(epoch: number): Promise<CoreConfiguration> {
    const known = this.#configuration.peek(epoch)
    if (known !== undefined) return known
    const configuration = await this.#configuration.at(epoch, this.store)
    // A node whose clock is ahead may have revoked: a token made now must not fall under that.
    const { revokedUpTo } = configuration
    if (revokedUpTo !== undefined) this.#opened?.tokens.ids.startAfter(revokedUpTo)
    // An older configuration that was read meanwhile knows nothing of the newest mounts.
    if (configuration.epoch >= this.#keptEpoch) {
      this.#keptEpoch = configuration.epoch
      await this.backends.keepOnly(configuration.mounts)
    }
    return configuration
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

  async configuration(): Promise<CoreConfiguration> {
    return this.configurationAt(await this.store.view((view) => view.epoch()))
  }

  factsOf(caller: Caller): CallerFacts {
    const known = this.callers.get(caller)
    if (known === undefined) throw new Error('a caller of another request was used')
    return known
  }

  backendOf(mount: MountRecord): Backend {
    return this.backends.of(mount).backend
  }

  // ------------------------------------------------------------ life

  /** Called when the store has been opened: makes what first start needs and starts the sweep. */
  async open(): Promise<void> {
    const { store, clock, random, settings, logger } = this
    const ids = tokenIdsOf(store.keyring, random)
    await this.#startIdsAfterStored(ids)
    const tokens = new Tokens({ store, clock, ids, startMs: ids.lastMs })
    const identity = new Identity(ids, random)
    const scan = new TokenScan({ store, clock, logger })
    const sweep = new TokenSweep({
      store,
      tokens,
      scan,
      clock,
      logger,
      cubbyholePrefix: (tokenId) => this.#cubbyholePrefix(tokenId),
    })
    const tokenOperations = new TokenOperations({
      store,
      tokens,
      scan,
      sweep,
      settings,
      factsOf: (caller) => this.factsOf(caller),
      configuration: () => this.configuration(),
      backendOf: (mount) => this.backendOf(mount),
    })
    const logins = new Logins({ store, tokens, identity, settings, log: this.loginLog })
    const mounts = new Mounts(this, ids)
    await store.write((txn) => bootstrap(txn, { random, clock }))
    this.#opened = { tokens, identity, logins, sweep, tokenOperations, mounts }
    this.#cubbyhole = (await this.configuration()).mounts.byPath('cubbyhole/')?.uuid
    sweep.start()
  }

  /** Called before the store is sealed: stops background work and forgets everything. */
  async close(): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await opened?.sweep.stop()
    await this.backends.close()
    this.#configuration.clear()
    this.access.clear()
    this.#keptEpoch = 0
  }

  get isOpen(): boolean {
    return this.#opened !== undefined
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

/** Token texts and hashes under keys that do not change when the barrier's key rotates. */
export function tokenIdsOf(keyring: Keyring, random: Random): TokenIds {
  return new TokenIds((purpose) => keyring.subkey(purpose), random)
}
