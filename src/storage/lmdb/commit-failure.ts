/** Tells a commit that wrote nothing from one of unknown fate. */

import { statfsSync } from 'node:fs'

/**
 * Failures of writing pages, after which LMDB drops the transaction: the root page still names the
 * old state. Failures of the sync are not among them; nobody knows what they left on the disk
 * (USENIX ATC 2020, "Can applications recover from fsync failures?").
 */
const nothingWritten: readonly number[] = [
  28, // ENOSPC
  122, // EDQUOT
  27, // EFBIG
  30, // EROFS
  12, // ENOMEM
  -30792, // MDB_MAP_FULL
]

const inputOutputError = 5

/** A disk with less room than this is taken for full. */
const roomBytesMin = 4 * 1024 * 1024

/** True when the old state is certainly untouched and a later commit may succeed. */
export function isNothingWritten(error: Error, folder: string): boolean {
  const code = 'code' in error ? error.code : undefined
  if (typeof code !== 'number') return false
  if (nothingWritten.includes(code)) return true
  // The last page that still fits in part is a short write, and LMDB calls that an I/O error.
  return code === inputOutputError && !hasRoom(folder)
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= roomBytesMin
  } catch {
    return true
  }
}
