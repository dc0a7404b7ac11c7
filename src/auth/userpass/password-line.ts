/**
 * Where passwords wait to be hashed. Hashing one costs a quarter of a second of a core on purpose,
 * and a flood of wrong ones must not take the machine from everybody else: one at a time, a rest
 * after each that was in vain, places that are counted, and the customers in turn.
 */

import { BoundedCache } from '../../lib/bounded-cache.ts'
import type { Clock } from '../../platform/clock.ts'

/** Places of one customer, which in IPv6 is a /64; of all strangers, and of all others. */
const ofCustomerMax = 16
const placesMax = 256

/** After work in vain nobody is served for so many times as long as it took. */
const restFactor = 2
const restMsMax = 2000

/** Whoever waits longer is turned away: his browser has given up by then. */
const waitMsMax = 15_000

/** Customers from whose network a right password has come, since this process began. */
const knownCustomersMax = 10_000

/** What came of the work; somebody proven goes before strangers from then on. */
export type WorkOutcome = 'proven' | 'in_vain' | 'unasked'

export interface Turn {
  /** Has to be called, once. */
  readonly end: (outcome: WorkOutcome) => void
}

interface Place {
  readonly customer: string
  readonly cameAtMs: number
  readonly resolve: (turn: Turn | undefined) => void
}

type Class = 'known' | 'stranger'

export class PasswordLine {
  readonly #clock: Clock
  readonly #known = new BoundedCache<string, true>(knownCustomersMax)
  /** By customer, in the order in which they are served next. */
  readonly #waiting: Readonly<Record<Class, Map<string, Place[]>>> = {
    known: new Map(),
    stranger: new Map(),
  }
  readonly #places: Record<Class, number> = { known: 0, stranger: 0 }
  #isBusy = false
  #served: Class = 'stranger'

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits for a turn; undefined when there is no place, or it took too long. */
  async enter(customer: string): Promise<Turn | undefined> {
    const of = this.#known.get(customer) === true ? 'known' : 'stranger'
    const waiting = this.#waiting[of]
    const own = waiting.get(customer) ?? []
    if (own.length >= ofCustomerMax || this.#places[of] >= placesMax) return undefined
    return new Promise((resolve) => {
      own.push({ customer, cameAtMs: this.#clock.monotonicMs(), resolve })
      waiting.set(customer, own)
      this.#places[of]++
      this.#serve()
    })
  }

  #serve(): void {
    while (!this.#isBusy) {
      const place = this.#next()
      if (place === undefined) return
      const now = this.#clock.monotonicMs()
      if (now - place.cameAtMs > waitMsMax) place.resolve(undefined)
      else this.#begin(place, now)
    }
  }

  #begin({ customer, resolve }: Place, startedMs: number): void {
    this.#isBusy = true
    let isOver = false
    const end = (outcome: WorkOutcome): void => {
      if (isOver) return
      isOver = true
      if (outcome === 'proven') this.#known.set(customer, true)
      const tookMs = this.#clock.monotonicMs() - startedMs
      const restMs = outcome === 'in_vain' ? Math.min(tookMs * restFactor, restMsMax) : 0
      if (restMs > 0) this.#clock.after(restMs, () => this.#goOn())
      else this.#goOn()
    }
    resolve({ end })
  }

  #goOn(): void {
    this.#isBusy = false
    this.#serve()
  }

  /** Known customers and strangers in turn, and among each of them one customer after the other. */
  #next(): Place | undefined {
    const first = this.#served === 'known' ? 'stranger' : 'known'
    for (const of of [first, this.#served] as const) {
      const waiting = this.#waiting[of]
      for (const [customer, own] of waiting) {
        const place = own.shift()
        waiting.delete(customer)
        if (own.length > 0) waiting.set(customer, own)
        if (place === undefined) continue
        this.#places[of]--
        this.#served = of
        return place
      }
    }
    return undefined
  }
}
