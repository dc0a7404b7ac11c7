/**
 * The shares given so far, to unseal, to make a root token or to change the shares. They are kept
 * in this process only and overwritten when the attempt ends.
 */

import { timingSafeEqual } from 'node:crypto'
import { equalSecrets } from '../../lib/constant-time.ts'
import { SealProblem } from './seal-problem.ts'
import { decodeShare } from './shares.ts'

export class ShareAttempt {
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

  /** Adds the share of that text, which has the length that those of so many have. */
  take(text: string, shares: number): void {
    const share = decodeShare(text, shares)
    if (share === undefined) throw new SealProblem('the key has the wrong length')
    this.add(share)
  }

  /** Forgets all shares: under the same nonce they can be given again. */
  end(): void {
    for (const share of this.#shares) share.fill(0)
    this.#shares.length = 0
  }
}

/** In constant time: the nonce keeps strangers from another's operation. Throws SealProblem. */
export function requireNonce(wanted: string, given: string): void {
  if (!equalSecrets(wanted, given)) throw new SealProblem('incorrect nonce supplied')
}
