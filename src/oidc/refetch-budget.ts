/**
 * How often strangers' tokens may make the server ask an identity provider: a burst, then a steady
 * rate (jwt-oidc.md §3.6).
 */

const burst = 5
const perSecond = 1
/** What expiry may overdraw, so that a flood cannot keep a set from being renewed. */
const debtMax = 3
/**
 * What is held back for a token whose key was never asked for: it may be the first after a
 * rotation.
 */
const reserve = 2

export class RefetchBudget {
  #left = burst
  #countedAtMs: number

  constructor(monotonicMs: number) {
    this.#countedAtMs = monotonicMs
  }

  /** For a token that misses its key; `isRepeat` when that miss has been looked into before. */
  takeForMiss(monotonicMs: number, isRepeat: boolean): boolean {
    this.#refill(monotonicMs)
    if (this.#left < (isRepeat ? 1 + reserve : 1)) return false
    this.#left--
    return true
  }

  /** For a set whose life has ended. */
  takeForRenewal(monotonicMs: number): boolean {
    this.#refill(monotonicMs)
    if (this.#left < 1 - debtMax) return false
    this.#left--
    return true
  }

  #refill(monotonicMs: number): void {
    const seconds = Math.max(0, monotonicMs - this.#countedAtMs) / 1000
    this.#left = Math.min(burst, this.#left + seconds * perSecond)
    this.#countedAtMs = monotonicMs
  }
}
