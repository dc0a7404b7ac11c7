/**
 * Log lines. Fields are named by the caller; values are cut and escaped here, so that one event is
 * one line whatever is in it. Nothing here knows which values are secret: callers never hand one
 * over.
 */

import { escapeControls } from '../lib/one-line.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void
  isEnabled(level: LogLevel): boolean
  setLevel(level: LogLevel): void
}

const order: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 }

const valueLengthMax = 2048

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: 'standard' | 'json'
  readonly nowMs: () => number
  readonly write: (line: string) => void
}

export class LineLogger implements Logger {
  readonly #options: LoggerOptions
  #level: number

  constructor(options: LoggerOptions) {
    this.#options = options
    this.#level = order[options.level]
  }

  setLevel(level: LogLevel): void {
    this.#level = order[level]
  }

  isEnabled(level: LogLevel): boolean {
    return order[level] >= this.#level
  }

  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.isEnabled(level)) return
    const time = new Date(this.#options.nowMs()).toISOString()
    if (this.#options.format === 'json') {
      const entry: Record<string, unknown> = {
        '@timestamp': time,
        '@level': level,
        '@message': message,
      }
      for (const [name, value] of Object.entries(fields)) {
        if (value !== undefined) entry[name] = typeof value === 'string' ? cut(value) : value
      }
      this.#options.write(escapeControls(JSON.stringify(entry)) + '\n')
      return
    }
    let line = `${time} [${level.toUpperCase()}] ${message}`
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) {
        line += ` ${name}=${typeof value === 'string' ? JSON.stringify(cut(value)) : String(value)}`
      }
    }
    this.#options.write(escapeControls(line) + '\n')
  }
}

/** Drops everything: for programs that embed the server and want no log. */
export class SilentLogger implements Logger {
  log(): void {}
  setLevel(): void {}
  isEnabled(): boolean {
    return false
  }
}

function cut(value: string): string {
  return value.length > valueLengthMax ? `${value.slice(0, valueLengthMax)}…` : value
}
