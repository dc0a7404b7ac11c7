/**
 * The shares given so far. They are kept in this process only and overwritten when the attempt
 * ends.
 */

import { timingSafeEqual } from 'node:crypto'

export class UnsealAttempt {
  readonly nonce: string
  readonly #shares: Buffer[] = []

  constructor(nonce: string) {
    this.nonce = nonce
  }

  get progress(): number {
    return this.#shares.length
  }

  get shares(): readonly Buffer[] {
    return this.#shares
  }

  /** Adds a share of the length that all have; one that is there already changes nothing. */
  add(share: Buffer): void {
    let isKnown = false
    // Every comparison is made, so that the time does not tell which share was repeated.
    for (const known of this.#shares) if (timingSafeEqual(known, share)) isKnown = true
    if (!isKnown) this.#shares.push(share)
  }

  end(): void {
    for (const share of this.#shares) share.fill(0)
    this.#shares.length = 0
  }
}
