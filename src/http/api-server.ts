/** The socket side as a whole: all listeners of a server, started and stopped together. */

import type {
  ApiHandler,
  PathTraitsOf,
  Prepare,
  RecordUnread,
  RequireMayAsk,
} from '../framework/api.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import { createBodyBudgets } from './body-budget.ts'
import type { CorsSettings } from './cors.ts'
import type { OtherHandler } from './exchange.ts'
import { Listener, type BoundAddress } from './listener.ts'
import type { ListenerOptions } from './listener-options.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'
import { FixedHeaders } from './respond.ts'
import { requireVerbsServed } from './verb-self-check.ts'

export interface ApiServerOptions {
  readonly listeners: readonly ListenerOptions[]
  readonly handler: ApiHandler
  /** How a path is declared, asked before its body is read. */
  readonly prepare: Prepare
  readonly traitsOf: PathTraitsOf
  /** Asked before a large body is read. */
  readonly requireMayAsk: RequireMayAsk
  /** Told of a request that is refused before its fields are known. */
  readonly recordUnread: RecordUnread
  /** Serves paths outside `/v1/`. */
  readonly other?: OtherHandler
  /** Asked for every request of a browser; undefined is off. */
  readonly cors?: () => CorsSettings | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  /** Processes that serve these listeners, with a part each of what all of them may hold. */
  readonly processes?: number
}

export interface ApiServer {
  /**
   * Binds all listeners, in their order; rejects, with none bound, when one cannot be or this Node
   * cannot serve.
   */
  start(): Promise<readonly BoundAddress[]>
  /** Cuts no request that ends within the grace. */
  stop(options: { readonly graceMs: number }): Promise<void>
  /** Reads certificates and keys again. */
  reloadTls(): Promise<void>
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  return new SocketServer(options)
}

class SocketServer implements ApiServer {
  readonly #options: ApiServerOptions
  #listeners: readonly Listener[] = []
  #isStopping = false

  readonly #inbox: Inbox
  readonly #outbox: Outbox

  constructor(options: ApiServerOptions) {
    this.#options = options
    this.#inbox = new Inbox(options.clock)
    this.#outbox = new Outbox(options.clock)
  }

  async start(): Promise<readonly BoundAddress[]> {
    const { handler, prepare, traitsOf, requireMayAsk, recordUnread, other } = this.#options
    const { cors, logger, clock, random } = this.#options
    await requireVerbsServed({ clock, logger, random, inbox: this.#inbox, outbox: this.#outbox })
    const bound: BoundAddress[] = []
    const started: Listener[] = []
    const limits = this.#options.listeners.map(({ requestBytesMax }) => requestBytesMax)
    const longest = Math.min(...limits) < 0 ? -1 : Math.max(...limits)
    const bodies = createBodyBudgets(longest, this.#options.processes)
    try {
      for (const options of this.#options.listeners) {
        const listener = await Listener.create(options, {
          options,
          fixedHeaders: new FixedHeaders(options),
          handler,
          prepare,
          traitsOf,
          requireMayAsk,
          recordUnread,
          bodies,
          other,
          cors: cors ?? noCors,
          logger,
          clock,
          random,
          isStopping: () => this.#isStopping,
          inbox: this.#inbox,
          outbox: this.#outbox,
        })
        bound.push(await listener.start())
        started.push(listener)
      }
    } catch (error) {
      await Promise.all(started.map((listener) => listener.stop(0)))
      throw error
    }
    this.#listeners = started
    return bound
  }

  async stop(options: { readonly graceMs: number }): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#listeners.map((listener) => listener.stop(options.graceMs)))
    this.#listeners = []
  }

  async reloadTls(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.reloadTls()))
  }
}

function noCors(): undefined {
  return undefined
}
