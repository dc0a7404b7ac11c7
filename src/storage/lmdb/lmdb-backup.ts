/**
 * A consistent copy of LMDB's data file while it is being written to, without a copy on this
 * machine. A read transaction keeps every page in place that is in use now or in a later state; the
 * two head pages, read after it began, name such a state. So the pages behind them can be read
 * from the file at leisure (`mdb_env_copy` of the lmdb package does the same).
 */

import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { readDataFileHead } from './data-file.ts'

const chunkBytes = 1024 * 1024
const looksMax = 100
const readAsync = promisify(read)

export interface DataFileCopy {
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array>
}

/** To be called while a snapshot is held, and read to its end before that is released. */
export function copyDataFile(path: string): DataFileCopy & { close(): void } {
  const file = openSync(path, 'r')
  try {
    const { head, bytes } = requireHead(file)
    return { bytes, content: contentOf(file, head, bytes), close: () => closeSync(file) }
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** Head pages that stood still while they were read, and how much of the file they speak of. */
function requireHead(file: number): { readonly head: Buffer; readonly bytes: number } {
  for (let look = 0; look < looksMax; look++) {
    const found = readDataFileHead(file)
    if (found === undefined) throw new Error('the data file has no head that can be read')
    const head = readHead(file, found.headBytes)
    if (head === undefined || !head.equals(readHead(file, found.headBytes) ?? Buffer.alloc(0))) {
      continue
    }
    const again = readDataFileHead(file)
    if (again?.contentBytes !== found.contentBytes) continue
    // The last pages may never have been written when they are free.
    return { head, bytes: Math.min(found.contentBytes, fstatSync(file).size) }
  }
  throw new Error('the head of the data file changes all the time')
}

function readHead(file: number, count: number): Buffer | undefined {
  const bytes = Buffer.alloc(count)
  return readSync(file, bytes, 0, count, 0) === count ? bytes : undefined
}

async function* contentOf(file: number, head: Buffer, bytes: number): AsyncGenerator<Uint8Array> {
  yield head
  // One for all: fresh memory for each megabyte costs more than the reading.
  const chunk = Buffer.allocUnsafeSlow(chunkBytes)
  let at = head.length
  while (at < bytes) {
    const { bytesRead } = await readAsync(file, chunk, 0, Math.min(chunkBytes, bytes - at), at)
    if (bytesRead === 0) throw new Error('the data file became shorter')
    yield chunk.subarray(0, bytesRead)
    at += bytesRead
  }
}
