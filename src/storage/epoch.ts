/**
 * The epoch: a counter that grows with every commit that changes configuration. Whatever is
 * compiled from configuration is kept under it, so each node sees a change with its next request.
 *
 * The engine itself raises it inside the commit. If the work of a write read and wrote it, any two
 * changes of configuration would be in each other's way, however little they have to do with each
 * other.
 *
 * It is not sealed, since an engine has no keys. Whoever can write to the store could always put an
 * old one back, so the seal protected nothing that a caller may rely on.
 */

import type { Codec, Key } from './store.ts'

const plainFormat = 2
const plainBytes = 1 + 8

/**
 * Above every epoch of version 0.1, which was a sealed number and does not open inside a commit.
 */
const afterSealed = 2 ** 40

const codec: Codec<number> = {
  encode: String,
  // As version 0.1 wrote it.
  decode: Number,
  decodeUnsealed: readCounter,
}

/**
 * Where the epoch is kept; reading this key together with others in `getMany` makes one step of it
 * (undefined is 0).
 */
export const epochKey: Key<number> = { text: 'epoch', codec }

/** What an engine stores instead of what it has there. */
export function nextEpoch(stored: Uint8Array | undefined): Uint8Array {
  const next = Buffer.alloc(plainBytes)
  next[0] = plainFormat
  // The upper two of eight bytes stay zero: a number has room for 53 bits.
  next.writeUIntBE(presentEpoch(stored) + 1, 3, 6)
  return next
}

function presentEpoch(stored: Uint8Array | undefined): number {
  if (stored === undefined) return 0
  return readCounter(stored) ?? afterSealed
}

function readCounter(stored: Uint8Array): number | undefined {
  if (stored.length !== plainBytes || stored[0] !== plainFormat) return undefined
  let count = 0
  for (let at = 1; at < plainBytes; at++) count = count * 256 + (stored[at] ?? 0)
  return count
}
