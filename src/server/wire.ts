/**
 * Builds a whole server, top to bottom: doors, storage, seal, core, plugins, sockets. Nothing is
 * built anywhere else.
 */

import { noAudit, type AuditSettings } from '../core/audit-devices.ts'
import { loginRecordsUsual, type CoreSettings } from '../core/settings.ts'
import { Core, type MetricsOfOthers } from '../core/core.ts'
import type { OneOfAll } from '../core/one-of-all.ts'
import { SealManager, type Seal } from '../core/seal/seal-manager.ts'
import type { SealType } from '../core/seal/static-seal.ts'
import type { BackendType } from '../framework/backend.ts'
import { createApiServer, type ApiServer } from '../http/api-server.ts'
import type { OtherHandler } from '../http/exchange.ts'
import type { BoundAddress } from '../http/listener.ts'
import type { ListenerOptions } from '../http/listener-options.ts'
import { createIdentityPaths } from '../identity/index.ts'
import { wireVersion } from '../lib/product.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import { SealedStore } from '../storage/sealed-store.ts'
import type { Engine } from '../storage/store.ts'
import { createNamespaceSystem, createSystem } from '../sys/index.ts'
import { showRefusals } from './browser-refusals.ts'
import { builtIns } from './built-ins.ts'
import { createPageShell } from './page-shell.ts'
import { createWebHandler } from './page-doors.ts'
import { openEngine, type StorageOptions } from './storage-engine.ts'

/** The seal of one of several processes of a server. */
export interface MemberSeal extends Seal {
  /** This process does what one does for all. */
  readonly isLeader: boolean
  readonly oneOfAll: OneOfAll
}

/** Set in one of several processes of a server. */
export interface Membership {
  /** How many there are. */
  readonly processes: number
  readonly metricsOfOthers: MetricsOfOthers
  sealOf(own: SealManager): MemberSeal
}

export interface ServerOptions {
  readonly membership?: Membership
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

type Headers = Readonly<Record<string, string>>

const cacheEntriesMax = 100_000
/** Requests that are running at a stop have that long. */
export const stopGraceMs = 8000

export class Server {
  readonly core: Core
  readonly #api: ApiServer
  readonly #engine: Engine
  /** The seal of this process alone. */
  readonly #ownSeal: SealManager
  readonly #logger: Logger

  constructor(parts: {
    readonly core: Core
    readonly api: ApiServer
    readonly engine: Engine
    readonly ownSeal: SealManager
    readonly logger: Logger
  }) {
    this.core = parts.core
    this.#api = parts.api
    this.#engine = parts.engine
    this.#ownSeal = parts.ownSeal
    this.#logger = parts.logger
  }

  /** Opens the seal if it needs nobody, then binds the listeners. */
  async start(): Promise<readonly BoundAddress[]> {
    await this.core.seal.autoUnseal()
    return this.#api.start()
  }

  /** Cuts no running request; what was acknowledged is durable already. */
  async stop(): Promise<void> {
    // Who watches would be waited for.
    this.core.loginReaders.close()
    await this.#api.stop({ graceMs: stopGraceMs })
    if (!this.#ownSeal.sealed) await this.#ownSeal.seal()
    await this.#engine.close()
    this.#logger.log('info', 'stopped')
  }

  async reload(): Promise<void> {
    await this.core.audit.reopen()
    await this.#api.reloadTls()
  }
}

export async function createServer(options: ServerOptions): Promise<Server> {
  const { clock, random, logger, outbound, environment = '', membership } = options
  const processes = membership?.processes ?? 1
  const engine = await openEngine(options.storage, options)
  try {
    const store = new SealedStore({ engine, cacheEntriesMax, onFatal: options.onFatal })
    const ownSeal = new SealManager({
      engine,
      store,
      type: options.seal,
      clock,
      random,
      logger,
      clusterName: options.clusterName,
    })
    const member = membership?.sealOf(ownSeal)
    const seal = member ?? ownSeal
    const settings: CoreSettings = {
      defaultLeaseTtl: options.defaultLeaseTtlSeconds,
      maxLeaseTtl: options.maxLeaseTtlSeconds,
      reportedVersion: wireVersion,
      buildDate: options.buildDate,
      ui: options.ui,
      explainToCaller: options.explainToCaller,
      loginRecordsMax: options.loginRecordsMax ?? loginRecordsUsual,
    }
    const pages = createPageShell({ random, environment, ui: options.ui })
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
      namespaceSystem: createNamespaceSystem,
      identityPaths: createIdentityPaths,
      pages,
      processes,
      leads: () => member?.isLeader ?? true,
      ...(member === undefined ? {} : { oneOfAll: member.oneOfAll }),
      ...(membership === undefined ? {} : { metricsOfOthers: membership.metricsOfOthers }),
    })
    ownSeal.onUnsealed(() => core.open())
    ownSeal.onSealing(() => core.close())
    const other = otherHandler(core, options)
    const api = createApiServer({
      listeners: options.listeners,
      handler: options.ui ? showRefusals(core.handler, pages) : core.handler,
      prepare: core.prepare,
      traitsOf: core.traitsOf,
      requireMayAsk: core.requireMayAsk,
      recordUnread: core.recordUnread,
      logger,
      clock,
      random,
      cors: () => core.corsSettings(),
      processes,
      ...(other === undefined ? {} : { other }),
    })
    return new Server({ core, api, engine, ownSeal, logger })
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
  return async (request) => {
    const page = await pages(request)
    if (page === undefined) return options.other?.(request)
    const { uiHeaders } = core
    return uiHeaders === undefined
      ? page
      : { ...page, headers: withHeaders(page.headers, uiHeaders) }
  }
}

/** Those that an operator set take the place of the page's own of the same name. */
function withHeaders(own: Headers, set: Headers): Headers {
  const kept = Object.entries(own).filter(([name]) => !Object.hasOwn(set, name.toLowerCase()))
  return { ...Object.fromEntries(kept), ...set }
}
