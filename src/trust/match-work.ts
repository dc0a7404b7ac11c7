/**
 * What globs, expressions and conditions of one login may cost, all of its rules together: a role
 * may have thousands of them, and a token a hundred thousand characters for each (ruling R12).
 */

/**
 * Some hundredths of a second. A hundred globs over a thousand groups of thirty characters take the
 * half of it.
 */
const priceMax = 16_000_000

export class MatchWork {
  #left = priceMax

  /** False when there is not so much left. */
  pay(price: number): boolean {
    this.#left -= price
    return this.#left >= 0
  }
}
