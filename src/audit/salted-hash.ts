/**
 * The keyed hash that stands in a record for a text (platform.md §8.3). Each device has a salt of
 * its own, so that equal texts are equal within a device and tell nothing between two.
 */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { BoundedCache } from '../lib/bounded-cache.ts'

/** Names of types, policies and roles come again with every record. */
const rememberedMax = 4096
const rememberedLengthMax = 96

export class SaltedHash {
  readonly #salt: KeyObject
  readonly #remembered = new BoundedCache<string, string>(rememberedMax)

  constructor(salt: Buffer) {
    this.#salt = createSecretKey(salt)
  }

  of(text: string): string {
    return this.quoted(text).slice(1, -1)
  }

  /** As a string of JSON. */
  quoted(text: string): string {
    if (text.length > rememberedLengthMax) return this.#compute(text)
    const known = this.#remembered.get(text)
    if (known !== undefined) return known
    const hash = this.#compute(text)
    this.#remembered.set(text, hash)
    return hash
  }

  /** What was remembered are texts that were hashed because they are secrets. */
  forget(): void {
    this.#remembered.clear()
  }

  #compute(text: string): string {
    return `"hmac-sha256:${createHmac('sha256', this.#salt).update(text).digest('hex')}"`
  }
}
