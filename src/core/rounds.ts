/**
 * Work in the background that is done in rounds, by the one process that leads: with a pause
 * between them, and again after a failure. A store that is sealed meanwhile is none.
 */

import { describeFault } from '../lib/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { StoreSealed } from '../storage/store.ts'

interface RoundsContext {
  readonly clock: Clock
  readonly logger: Logger
  /** Of several processes one works; another begins when that one is gone. */
  readonly leads: () => boolean
  readonly pauseMs: number
  /** What the log says of a round that failed. */
  readonly failed: string
  readonly round: () => Promise<void>
}

export class Rounds {
  readonly #context: RoundsContext
  #cancel: (() => void) | undefined
  #running: Promise<void> | undefined
  #isStarted = false
  #isStopped = false

  constructor(context: RoundsContext) {
    this.#context = context
  }

  /** A round that goes on looks at it between its steps. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  start(): void {
    this.#isStarted = true
    this.#isStopped = false
    this.#schedule(0)
  }

  /** Resolves when the running round is over. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel?.()
    await this.#running
  }

  /** Does not wait for the next round. */
  hurry(): void {
    if (this.#isStarted && this.#running === undefined) this.#schedule(0)
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return
    const { clock, logger, leads, pauseMs, failed, round } = this.#context
    this.#cancel?.()
    this.#cancel = clock.after(delayMs, () => {
      this.#running = (leads() ? round() : Promise.resolve())
        .catch((problem: unknown) => {
          if (problem instanceof StoreSealed) return
          logger.log('warn', failed, { error: describeFault(problem) })
        })
        .then(() => {
          this.#running = undefined
          this.#schedule(pauseMs)
        })
    })
  }
}
