/** Chance that repeats itself, for tests that must. */

import { createHash } from 'node:crypto'
import { formatUuid, type Random } from '../../src/platform/random.ts'

/** The same bytes for the same seed. */
export class SeededRandom implements Random {
  readonly #seed: string
  #count = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  bytes(count: number): Buffer {
    const parts: Buffer[] = []
    for (let have = 0; have < count; have += 32) {
      parts.push(createHash('sha256').update(`${this.#seed}:${this.#count++}`).digest())
    }
    return Buffer.concat(parts).subarray(0, count)
  }

  uuid(): string {
    return formatUuid(this.bytes(16))
  }
}
