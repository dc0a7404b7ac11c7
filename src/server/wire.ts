/**
 * Builds a whole server, top to bottom: doors, storage, seal, core, plugins, sockets. Nothing is
 * built anywhere else.
 */

import { noAudit, type AuditSettings } from '../core/audit-devices.ts'
import { loginRecordsUsual, type CoreSettings } from '../core/settings.ts'
import { Core } from '../core/core.ts'
import { SealManager } from '../core/seal/seal-manager.ts'
import type { SealType } from '../core/seal/static-seal.ts'
import type { BackendType } from '../framework/backend.ts'
import { createApiServer, type ApiServer } from '../http/api-server.ts'
import type { OtherHandler } from '../http/exchange.ts'
import type { BoundAddress } from '../http/listener.ts'
import type { ListenerOptions } from '../http/listener-options.ts'
import { wireVersion } from '../lib/product.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import { SealedStore } from '../storage/sealed-store.ts'
import type { Engine } from '../storage/store.ts'
import { createSystem } from '../sys/index.ts'
import { builtIns } from './built-ins.ts'
import { createPageShell } from './page-shell.ts'
import { createWebHandler } from './page-doors.ts'
import { openEngine, type StorageOptions } from './storage-engine.ts'

export interface ServerOptions {
  readonly storage: StorageOptions
  readonly seal: SealType
  readonly listeners: readonly ListenerOptions[]
  readonly defaultLeaseTtlSeconds: number
  readonly maxLeaseTtlSeconds: number
  readonly explainToCaller: CoreSettings['explainToCaller']
  /** 10,000 unless it is said. */
  readonly loginRecordsMax?: number
  readonly buildDate: string
  /** Serves the web pages below `/ui/`. */
  readonly ui: boolean
  /** `api_addr`: how browsers reach this server, when that is not what their request says. */
  readonly publicAddress?: string
  /** What `sys/health` calls the cluster; a name made at initialisation when absent or empty. */
  readonly clusterName?: string
  /** Shown on the pages, such as "dev". */
  readonly environment?: string
  /** None unless it is said. */
  readonly audit?: AuditSettings
  /** Named to a second process that wants the same data folder. */
  readonly processId: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly other?: OtherHandler
  /** Methods and engines beside those of the product. */
  readonly plugins?: readonly BackendType[]
  /** Durability is lost: the store has sealed itself and the process must end. */
  readonly onFatal: (error: Error) => void
}

const cacheEntriesMax = 100_000
const stopGraceMs = 8000

export class Server {
  readonly core: Core
  readonly #api: ApiServer
  readonly #engine: Engine
  readonly #logger: Logger

  constructor(core: Core, api: ApiServer, engine: Engine, logger: Logger) {
    this.core = core
    this.#api = api
    this.#engine = engine
    this.#logger = logger
  }

  /** Binds the listeners, then opens the seal if it needs nobody. */
  async start(): Promise<readonly BoundAddress[]> {
    await this.core.seal.autoUnseal()
    return this.#api.start()
  }

  /** Cuts no running request; what was acknowledged is durable already. */
  async stop(): Promise<void> {
    await this.#api.stop({ graceMs: stopGraceMs })
    if (!this.core.seal.sealed) await this.core.seal.seal()
    await this.#engine.close()
    this.#logger.log('info', 'stopped')
  }

  async reload(): Promise<void> {
    await this.core.audit.reopen()
    await this.#api.reloadTls()
  }
}

export async function createServer(options: ServerOptions): Promise<Server> {
  const { clock, random, logger, outbound, environment = '' } = options
  const engine = await openEngine(options.storage, options)
  try {
    const store = new SealedStore({ engine, cacheEntriesMax, onFatal: options.onFatal })
    const seal = new SealManager({
      engine,
      store,
      type: options.seal,
      clock,
      random,
      logger,
      clusterName: options.clusterName,
    })
    const settings: CoreSettings = {
      defaultLeaseTtl: options.defaultLeaseTtlSeconds,
      maxLeaseTtl: options.maxLeaseTtlSeconds,
      reportedVersion: wireVersion,
      buildDate: options.buildDate,
      ui: options.ui,
      explainToCaller: options.explainToCaller,
      loginRecordsMax: options.loginRecordsMax ?? loginRecordsUsual,
    }
    const core = new Core({
      store,
      seal,
      clock,
      random,
      logger,
      outbound,
      settings,
      audit: options.audit ?? noAudit,
      plugins: (tokens) => [...builtIns(tokens), ...(options.plugins ?? [])],
      system: createSystem,
      pages: createPageShell({ random, environment, ui: options.ui }),
    })
    seal.onUnsealed(() => core.open())
    seal.onSealing(() => core.close())
    const other = otherHandler(core, options)
    const api = createApiServer({
      listeners: options.listeners,
      handler: core.handler,
      traitsOf: core.traitsOf,
      requireMayAsk: core.requireMayAsk,
      recordUnread: core.recordUnread,
      logger,
      clock,
      random,
      cors: () => core.corsSettings(),
      ...(other === undefined ? {} : { other }),
    })
    return new Server(core, api, engine, logger)
  } catch (problem) {
    await engine.close()
    throw problem
  }
}

/** What is served outside the API. */
function otherHandler(core: Core, options: ServerOptions): OtherHandler | undefined {
  if (!options.ui) return options.other
  const { clock, random, publicAddress = '', environment = '' } = options
  const pages = createWebHandler({ core, clock, random, publicAddress, environment })
  return async (request) => (await pages(request)) ?? options.other?.(request)
}
