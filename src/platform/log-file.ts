/**
 * The log as a file: appended to, private to its owner, and opened again when it was moved away.
 */

import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { fileProblem } from './file-problem.ts'

export class LogFile {
  readonly #path: string
  #file: number
  #lost = 0

  /** Throws when the file cannot be opened. A link that somebody else put there is not followed. */
  constructor(path: string) {
    this.#path = path
    this.#file = open(path)
  }

  /**
   * Never throws: a full disk is no reason to stop the work that is logged. The next line that fits
   * tells what is missing.
   */
  write(line: string): void {
    try {
      if (this.#lost > 0) writeSync(this.#file, `${this.#lost} log lines could not be written\n`)
      this.#lost = 0
      writeSync(this.#file, line)
    } catch {
      this.#lost++
    }
  }

  /**
   * After the file was moved away; throws and keeps the old one when a new one cannot be opened.
   */
  reopen(): void {
    const old = this.#file
    this.#file = open(this.#path)
    closeSync(old)
  }
}

function open(path: string): number {
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0)
  try {
    return openSync(path, flags, 0o600)
  } catch (cause) {
    throw fileProblem(path, cause, 'write')
  }
}
