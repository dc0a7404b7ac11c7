/**
 * Log lines. Fields are named by the caller; values are cut and escaped here, so that one event is
 * one line whatever is in it. Nothing here knows which values are secret: callers never hand one
 * over.
 */

import { escapeControls } from '../lib/one-line.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void
  isEnabled(level: LogLevel): boolean
  setLevel(level: LogLevel): void
}

const order: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 }

const valueLengthMax = 2048
/** The shortest that a value is cut to for the sake of its line. */
const valueLengthMin = 16

interface LineHead {
  readonly level: LogLevel
  readonly message: string
  readonly time: string
}

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: 'standard' | 'json'
  readonly nowMs: () => number
  readonly write: (line: string) => void
  /** Values are cut further in a line that would be longer; undefined leaves it as it is. */
  readonly lineBytesMax?: number | undefined
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
    const { nowMs, write, lineBytesMax } = this.#options
    const head = { level, message, time: new Date(nowMs()).toISOString() }
    let line = this.#lineOf(head, fields, valueLengthMax)
    if (lineBytesMax !== undefined) {
      let length = valueLengthMax / 2
      while (length >= valueLengthMin && Buffer.byteLength(line) > lineBytesMax) {
        line = this.#lineOf(head, fields, length)
        length /= 2
      }
    }
    write(line)
  }

  #lineOf({ level, message, time }: LineHead, fields: LogFields, lengthMax: number): string {
    if (this.#options.format === 'json') {
      const entry: Record<string, unknown> = {
        '@timestamp': time,
        '@level': level,
        '@message': message,
      }
      for (const [name, value] of Object.entries(fields)) {
        if (value !== undefined) {
          entry[name] = typeof value === 'string' ? cut(value, lengthMax) : value
        }
      }
      return escapeControls(JSON.stringify(entry)) + '\n'
    }
    let line = `${time} [${level.toUpperCase()}] ${message}`
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) {
        line += ` ${name}=${typeof value === 'string' ? JSON.stringify(cut(value, lengthMax)) : String(value)}`
      }
    }
    return escapeControls(line) + '\n'
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

function cut(value: string, lengthMax: number): string {
  return value.length > lengthMax ? `${value.slice(0, lengthMax)}…` : value
}
