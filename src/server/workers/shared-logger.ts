/** The log of one worker: a level that is set at one holds for all. */

import type { LogFields, Logger, LogLevel } from '../../platform/logger.ts'
import type { Link } from './link.ts'
import type { OfPrimary } from './questions.ts'

export class SharedLogger implements Logger {
  readonly #own: Logger
  readonly #primary: Link<OfPrimary>

  constructor(own: Logger, primary: Link<OfPrimary>) {
    this.#own = own
    this.#primary = primary
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    this.#own.log(level, message, fields)
  }

  isEnabled(level: LogLevel): boolean {
    return this.#own.isEnabled(level)
  }

  setLevel(level: LogLevel): void {
    this.#own.setLevel(level)
    // Without the first process there are no others.
    this.#primary.ask('logLevel', { level }).catch(() => undefined)
  }
}
