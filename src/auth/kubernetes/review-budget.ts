/**
 * How much strangers may make this server ask the API server of a cluster. A token that says the
 * right names costs an attacker nothing, and the cluster sees this server as the source. So many
 * questions are open at once, and so many may come to nothing; an answer that vouches for somebody
 * costs none.
 */

import { partOf, type Allowance } from '../../lib/allowance.ts'
import { BoundedCache } from '../../lib/bounded-cache.ts'
import { customerOf } from '../../lib/cidr.ts'
import type { Clock } from '../../platform/clock.ts'

/** Refused reviews of one client address, and of all strangers together. */
const ofAddress: Allowance = { burst: 30, perMinute: 60 }
const ofStrangers: Allowance = { burst: 300, perMinute: 600 }

/** After half a minute an address has its burst again and may be forgotten. */
const addressesMax = 1024
/** Customers from whose network a pod has come, since this process began. */
const knownCustomersMax = 10_000

/** Open questions of one customer, which in IPv6 is a /64, and of all. */
const askingOfCustomerMax = 64
const askingMax = 256

export type ReviewOutcome = 'vouched' | 'refused' | 'unanswered'

/** A login that may ask; `end` is called once, with what came of it. */
export interface AdmittedReview {
  readonly end: (outcome: ReviewOutcome) => void
}

export class ReviewBudget {
  readonly #known = new BoundedCache<string, true>(knownCustomersMax)
  readonly #addresses = new BoundedCache<string, Bucket>(addressesMax)
  readonly #ofAddress: Allowance
  readonly #strangers: Bucket
  readonly #clock: Clock
  readonly #askingMax: number
  readonly #asking = new Map<string, number>()
  #askingCount = 0

  /** Each of several processes has its part. */
  constructor(clock: Clock, processes = 1) {
    this.#clock = clock
    this.#ofAddress = partOf(ofAddress, processes)
    this.#strangers = new Bucket(partOf(ofStrangers, processes), clock)
    this.#askingMax = Math.floor(askingMax / processes)
  }

  /** Undefined when there is no room, or too much was in vain. */
  enter(address: string | undefined): AdmittedReview | undefined {
    const customer = customerOf(address)
    const asking = this.#asking.get(customer) ?? 0
    if (asking >= askingOfCustomerMax || this.#askingCount >= this.#askingMax) return undefined
    const own = this.#addresses.get(customer)
    const isKnown = this.#known.get(customer) === true
    if (own?.has() === false || (!isKnown && !this.#strangers.has())) return undefined
    this.#asking.set(customer, asking + 1)
    this.#askingCount++
    return { end: (outcome) => this.#end(customer, outcome) }
  }

  #end(customer: string, outcome: ReviewOutcome): void {
    this.#askingCount--
    const left = (this.#asking.get(customer) ?? 1) - 1
    if (left === 0) this.#asking.delete(customer)
    else this.#asking.set(customer, left)
    if (outcome === 'vouched') this.#known.set(customer, true)
    if (outcome !== 'refused') return
    const own = this.#addresses.get(customer) ?? new Bucket(this.#ofAddress, this.#clock)
    own.take()
    if (this.#known.get(customer) !== true) this.#strangers.take()
    // Taken out and put in again, so that the one that goes first is the one longest left alone.
    this.#addresses.delete(customer)
    this.#addresses.set(customer, own)
  }
}

class Bucket {
  readonly #allowance: Allowance
  readonly #clock: Clock
  #left: number
  #countedAtMs: number

  constructor(allowance: Allowance, clock: Clock) {
    this.#allowance = allowance
    this.#clock = clock
    this.#left = allowance.burst
    this.#countedAtMs = clock.monotonicMs()
  }

  has(): boolean {
    this.#refill()
    return this.#left >= 1
  }

  /** Questions that were open together may take more than was there. */
  take(): void {
    this.#refill()
    this.#left--
  }

  #refill(): void {
    const { burst, perMinute } = this.#allowance
    const nowMs = this.#clock.monotonicMs()
    const minutes = (nowMs - this.#countedAtMs) / 60_000
    this.#left = Math.min(burst, this.#left + minutes * perMinute)
    this.#countedAtMs = nowMs
  }
}
