/**
 * Audit records as a file: appended to, private to its owner, never through a link, and opened
 * again when it was moved away. All writing is done beside the event loop, so that a disk that
 * hangs holds up nobody who does not wait for it.
 */

import { close, constants, fchmod, fstat, open, realpathSync, write, type Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { fileProblem } from './file-problem.ts'
import type { RecordSink } from './record-sink.ts'

const openFile = promisify(open)
const closeFile = promisify(close)
const changeMode = promisify(fchmod)
const factsOf = promisify<number, Stats>(fstat)

/** Between two tries at a pipe whose reader is slow. */
const pipeFullMs = 5

export class RecordFile implements RecordSink {
  readonly #path: string
  /** Undefined leaves an existing file's mode as it is. */
  readonly #mode: number | undefined
  #file: number | undefined
  /** A write broke off in the middle of a line. */
  #isTorn = false
  #isGivenUp = false

  constructor(path: string, mode: number | undefined) {
    this.#path = path
    this.#mode = mode
  }

  async write(lines: readonly string[]): Promise<void> {
    this.#isGivenUp = false
    const bytes = Buffer.from(lines.join(''))
    this.#file ??= await this.#open()
    const file = this.#file
    const [, isGone] = await Promise.all([this.#append(file, bytes), isRemoved(file)])
    if (!isGone) return
    // The records are gone with the file: they are written once more, to be kept. Where no new one
    // can be made, nothing is written to the old one any more.
    await this.close()
    this.#file = await this.#open()
    await this.#append(this.#file, bytes)
  }

  async reopen(): Promise<void> {
    await this.#replace()
  }

  giveUp(): void {
    this.#isGivenUp = true
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) await closeFile(file)
  }

  async #replace(): Promise<void> {
    const old = this.#file
    this.#file = await this.#open()
    this.#isTorn = false
    if (old !== undefined) await closeFile(old)
  }

  /** A link is not followed, and a pipe that nobody reads is a failure and no wait. */
  async #open(): Promise<number> {
    const flags =
      constants.O_WRONLY |
      constants.O_APPEND |
      constants.O_CREAT |
      (constants.O_NOFOLLOW ?? 0) |
      (constants.O_NONBLOCK ?? 0)
    try {
      const file = await openFile(this.#path, flags, this.#mode ?? 0o600)
      try {
        const facts = await factsOf(file)
        if (facts.isFile() && this.#mode !== undefined && (facts.mode & 0o777) !== this.#mode) {
          await changeMode(file, this.#mode)
        }
        return file
      } catch (problem) {
        await closeFile(file)
        throw problem
      }
    } catch (cause) {
      throw fileProblem(this.#path, cause, 'write')
    }
  }

  async #append(file: number, bytes: Buffer): Promise<void> {
    try {
      // What an earlier write left half done must not run into the first line of this one.
      if (this.#isTorn) await this.#writeAll(file, Buffer.from('\n'))
      this.#isTorn = false
      await this.#writeAll(file, bytes)
    } catch (cause) {
      throw fileProblem(this.#path, cause, 'write')
    }
  }

  async #writeAll(file: number, bytes: Buffer): Promise<void> {
    let at = 0
    while (at < bytes.length) {
      const count = await this.#writeSome(file, bytes, at)
      at += count
      this.#isTorn = at > 0 && bytes[at - 1] !== lineBreak
    }
  }

  /** As much as there is room for; a full pipe is waited for until the caller gives up. */
  #writeSome(file: number, bytes: Buffer, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        write(file, bytes, at, bytes.length - at, null, (problem, count) => {
          if (problem === null) resolve(count)
          else if (problem.code === 'EAGAIN' && !this.#isGivenUp) setTimeout(attempt, pipeFullMs)
          else reject(problem)
        })
      }
      attempt()
    })
  }
}

const lineBreak = 0x0a

/** Whether the file has no name any more: what is written to it is lost with the last handle. */
async function isRemoved(file: number): Promise<boolean> {
  const facts = await factsOf(file)
  return facts.isFile() && facts.nlink === 0
}

/** Whether a file of that path would lie below one of the folders, whatever links lead there. */
export function liesBelow(path: string, folders: readonly string[]): boolean {
  const folder = realFolder(dirname(path))
  return folders.some((one) => {
    const closed = realFolder(one)
    return folder === closed || folder.startsWith(`${closed}/`)
  })
}

/** Without links; what is not there yet stays as it is written. */
function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
