/**
 * Opens records and remembers what they decode to. A remembered value counts only while the stored
 * bytes are the very same, so a change by another process is seen by the next read; and it is the
 * same object each time, so that it can key what was compiled from it.
 */

import { BoundedCache } from '../lib/bounded-cache.ts'
import { decodeUtf8 } from '../lib/utf8.ts'
import type { Keyring } from './keyring.ts'
import type { Codec, Key } from './store.ts'

/**
 * Larger records are opened at each read: a cache that counts entries must not fill the memory with
 * them.
 */
const cachedBytesMax = 65_536

interface Remembered {
  readonly sealed: Buffer
  readonly codec: Codec<unknown>
  readonly value: unknown
}

export class RecordReader {
  readonly keyring: Keyring
  readonly #remembered: BoundedCache<string, Remembered>

  constructor(keyring: Keyring, cacheEntriesMax: number) {
    this.keyring = keyring
    this.#remembered = new BoundedCache(Math.max(1, cacheEntriesMax))
  }

  /** The value of the stored bytes; undefined for none and for a row of an index. */
  read<T>(key: Key<T>, stored: Uint8Array | undefined): T | undefined {
    if (stored === undefined || stored.length === 0) return undefined
    const unsealed = key.codec.decodeUnsealed?.(stored)
    if (unsealed !== undefined) return unsealed
    const remembered = this.#remembered.get(key.text)
    if (
      remembered !== undefined &&
      remembered.codec === key.codec &&
      remembered.sealed.equals(stored)
    ) {
      return remembered.value as T
    }
    const value = key.codec.decode(decodeUtf8(this.keyring.open(key.text, stored)))
    if (stored.length <= cachedBytesMax && key.codec.isShortLived !== true) {
      this.#remembered.set(key.text, { sealed: Buffer.from(stored), codec: key.codec, value })
    }
    return value
  }

  forget(): void {
    this.#remembered.clear()
  }
}
