/** What every path of a secret has to be, whichever engine keeps it. */

import { invalid } from './refusal.ts'

/**
 * Leaves room in a storage key (`keyBytesMax`) for the mount's prefix and the number of a version.
 */
export const secretPathBytesMax = 1200

/** Refuses a path that no storage key has room for, and one that is no text. */
export function requireSecretPath(path: string): void {
  if (path.length * 3 > secretPathBytesMax && Buffer.byteLength(path) > secretPathBytesMax) {
    throw invalid(`the path of a secret must not be longer than ${secretPathBytesMax} bytes`)
  }
  if (!path.isWellFormed()) throw invalid('the path of a secret must be Unicode text')
}
