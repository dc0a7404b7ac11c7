/**
 * The door for bytes of any length that a command gives out: a new file that only its owner can
 * read, in its place once it is whole, or standard output.
 */

import { constants } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { fileProblem } from './file-problem.ts'
import { syncNameOf } from './folder-sync.ts'
import { removeUserFile } from './user-files.ts'

/** Of one write: pieces come from sockets in sizes that would each be a call. */
const writeBytes = 1024 * 1024

export interface ByteSink {
  write(chunk: Uint8Array): Promise<void>
  /** All of it is there. */
  finish(): Promise<void>
  /** It is not to be kept. */
  discard(): Promise<void>
}

/** Refuses to take the place of a file that is there. */
export async function createPrivateFile(path: string): Promise<ByteSink> {
  const beside = `${path}.tmp`
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)
  try {
    // Taken first, so that nothing is fetched for a name that cannot be had.
    await (await open(path, flags, 0o600)).close()
    await removeUserFile(beside)
    const file = await open(beside, flags, 0o600)
    const inWords = (work: Promise<unknown>) =>
      work.then(
        () => undefined,
        (cause: unknown) => {
          throw fileProblem(path, cause, 'write')
        },
      )
    const gathered = Buffer.allocUnsafeSlow(writeBytes)
    let length = 0
    const flush = async (): Promise<void> => {
      const piece = gathered.subarray(0, length)
      length = 0
      await inWords(file.writeFile(piece))
    }
    return {
      write: async (chunk) => {
        for (let at = 0; at < chunk.length;) {
          const taken = chunk.subarray(at, at + writeBytes - length)
          gathered.set(taken, length)
          length += taken.length
          at += taken.length
          if (length === writeBytes) await flush()
        }
      },
      finish: async () => {
        await flush()
        await inWords(file.sync())
        await file.close()
        await inWords(rename(beside, path))
        syncNameOf(path)
      },
      discard: async () => {
        await file.close().catch(() => undefined)
        await removeUserFile(beside)
        await removeUserFile(path)
      },
    }
  } catch (cause) {
    throw fileProblem(path, cause, 'write')
  }
}

export function standardOutput(): ByteSink {
  const { stdout } = process
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stdout.write(chunk, (error) => {
          if (error === undefined || error === null) resolve()
          else reject(error)
        })
      }),
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(),
  }
}
