/**
 * Things that may be taken once and for a while: codes, tokens, device grants. Bounded: the oldest
 * go.
 */

import { BoundedCache } from '../lib/bounded-cache.ts'
import type { Clock } from '../platform/clock.ts'

const entriesMax = 10_000

export class ShortLived<T> {
  readonly #clock: Clock
  readonly #lifeMs: number
  readonly #entries = new BoundedCache<string, { readonly value: T; readonly expiresMs: number }>(
    entriesMax,
  )

  constructor(clock: Clock, lifeSeconds: number) {
    this.#clock = clock
    this.#lifeMs = lifeSeconds * 1000
  }

  put(name: string, value: T): void {
    this.#entries.set(name, { value, expiresMs: this.#clock.nowMs() + this.#lifeMs })
  }

  get(name: string): T | undefined {
    const entry = this.#entries.get(name)
    return entry !== undefined && entry.expiresMs > this.#clock.nowMs() ? entry.value : undefined
  }

  take(name: string): T | undefined {
    const value = this.get(name)
    this.#entries.delete(name)
    return value
  }
}
