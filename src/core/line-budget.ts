/**
 * How many lines of the log strangers may cause: so many a second, and one that counts the rest. A
 * flood of requests fills no disk with what it makes us say, and holds up nobody.
 */

import type { Clock } from '../platform/clock.ts'
import type { LogFields, Logger, LogLevel } from '../platform/logger.ts'

/** With the one that says how many were left out. */
const linesPerSecondMax = 200
const secondMs = 1000

export class LineBudget {
  readonly #clock: Clock
  readonly #tell: (leftOut: number) => void
  readonly #linesMax: number
  #secondStartedMs = Number.NEGATIVE_INFINITY
  #linesOfSecond = 0
  #leftOut = 0

  /**
   * `tell` is called once for each second in which lines were left out. Several processes with one
   * log have a part of the lines each.
   */
  constructor(clock: Clock, tell: (leftOut: number) => void, processes = 1) {
    this.#clock = clock
    this.#linesMax = Math.floor(linesPerSecondMax / processes)
    this.#tell = tell
  }

  /** Takes one line; false when there is none left. */
  take(): boolean {
    const now = this.#clock.monotonicMs()
    if (now - this.#secondStartedMs >= secondMs) {
      this.#secondStartedMs = now
      this.#linesOfSecond = 0
    }
    if (this.#linesOfSecond < this.#linesMax - 1) {
      this.#linesOfSecond++
      return true
    }
    this.#leftOut++
    if (this.#leftOut === 1) {
      this.#clock.after(secondMs - (now - this.#secondStartedMs), () => this.#tellLeftOut())
    }
    return false
  }

  #tellLeftOut(): void {
    const count = this.#leftOut
    this.#leftOut = 0
    this.#tell(count)
  }
}

/**
 * The log as code sees it that serves anybody's requests. Each level has a budget of its own:
 * warnings hide no error.
 */
export class BoundedLogger implements Logger {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #processes: number
  readonly #budgets = new Map<LogLevel, LineBudget>()

  constructor(logger: Logger, clock: Clock, processes = 1) {
    this.#logger = logger
    this.#clock = clock
    this.#processes = processes
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (this.isEnabled(level) && this.#budgetOf(level).take()) {
      this.#logger.log(level, message, fields)
    }
  }

  isEnabled(level: LogLevel): boolean {
    return this.#logger.isEnabled(level)
  }

  setLevel(level: LogLevel): void {
    this.#logger.setLevel(level)
  }

  #budgetOf(level: LogLevel): LineBudget {
    const known = this.#budgets.get(level)
    if (known !== undefined) return known
    const made = new LineBudget(
      this.#clock,
      (count) => this.#logger.log(level, 'lines were left out of this log', { count }),
      this.#processes,
    )
    this.#budgets.set(level, made)
    return made
  }
}
