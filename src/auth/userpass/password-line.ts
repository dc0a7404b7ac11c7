/**
 * Where passwords wait to be hashed. Hashing one costs a quarter of a second of a core on purpose,
 * and a flood of wrong ones must not take the machine from everybody else: one at a time, a rest
 * after each that was in vain, places that are counted, and the customers in turn.
 */

import { BoundedCache } from '../../lib/bounded-cache.ts'
import type { Clock } from '../../platform/clock.ts'

/** Places of one customer, which in IPv6 is a /64, and of each kind of them. */
const ofCustomerMax = 16
const placesMax = 256

/**
 * After work in vain nobody is served for so many times as long as it took: wrong passwords have a
 * quarter of one core, whoever sends them.
 */
const restFactor = 3
const restMsMax = 5000

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

/** Whoever may write users, whoever came with a right password before, and everybody else. */
const kinds = ['operator', 'known', 'stranger'] as const
type Kind = (typeof kinds)[number]

/** Whose turn it is within his kind: an operator's requests are all of one. */
const operators = ''

export class PasswordLine {
  readonly #clock: Clock
  readonly #known = new BoundedCache<string, true>(knownCustomersMax)
  /** By customer, in the order in which they are served next. */
  readonly #waiting: Readonly<Record<Kind, Map<string, Place[]>>> = {
    operator: new Map(),
    known: new Map(),
    stranger: new Map(),
  }
  readonly #places: Record<Kind, number> = { operator: 0, known: 0, stranger: 0 }
  #isBusy = false
  #served: Kind = 'stranger'

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Waits for a turn; undefined when there is no place, or it took too long. */
  async enter(customer: string): Promise<Turn | undefined> {
    const kind = this.#known.get(customer) === true ? 'known' : 'stranger'
    return this.#enter(kind, customer, ofCustomerMax)
  }

  async enterAsOperator(): Promise<Turn | undefined> {
    return this.#enter('operator', operators, placesMax)
  }

  async #enter(kind: Kind, customer: string, ownMax: number): Promise<Turn | undefined> {
    const waiting = this.#waiting[kind]
    const own = waiting.get(customer) ?? []
    if (own.length >= ownMax) return undefined
    if (this.#places[kind] >= placesMax && !this.#makePlace(kind, own.length)) return undefined
    return new Promise((resolve) => {
      own.push({ customer, cameAtMs: this.#clock.monotonicMs(), resolve })
      waiting.set(customer, own)
      this.#places[kind]++
      this.#serve()
    })
  }

  /** Whoever has most gives up the last of his places to somebody who has fewer. */
  #makePlace(kind: Kind, ownCount: number): boolean {
    let longest: Place[] = []
    for (const places of this.#waiting[kind].values()) {
      if (places.length > longest.length) longest = places
    }
    if (longest.length <= ownCount + 1) return false
    longest.pop()?.resolve(undefined)
    this.#places[kind]--
    return true
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
      if (outcome === 'proven' && customer !== operators) this.#known.set(customer, true)
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

  /** The kinds in turn, and in each of them one customer after the other. */
  #next(): Place | undefined {
    const after = kinds.indexOf(this.#served) + 1
    for (const kind of [...kinds.slice(after), ...kinds.slice(0, after)]) {
      const waiting = this.#waiting[kind]
      for (const [customer, own] of waiting) {
        const place = own.shift()
        waiting.delete(customer)
        if (own.length > 0) waiting.set(customer, own)
        if (place === undefined) continue
        this.#places[kind]--
        this.#served = kind
        return place
      }
    }
    return undefined
  }
}
