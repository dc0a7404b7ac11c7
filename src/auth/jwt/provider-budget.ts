/**
 * How often strangers may make this server call the identity provider of one mount: junk callbacks,
 * device starts and polls cost an attacker nothing, and the provider sees this server as their
 * source. Key fetches have a budget of their own (`oidc/refetch-budget.ts`) and do not come here.
 */

import { partOf, type Allowance } from '../../lib/allowance.ts'
import { BoundedCache } from '../../lib/bounded-cache.ts'
import { customerOf } from '../../lib/cidr.ts'

/** What one client address may cause. */
const ofAddress: Allowance = { burst: 10, perMinute: 30 }
/** What all strangers together may cause: ten times as much, so that one alone locks nobody out. */
const ofMount: Allowance = { burst: 100, perMinute: 300 }
/**
 * An address that was left alone for twenty seconds has its whole burst again and may be forgotten,
 * and in twenty seconds the mount lets no more than 200 calls through.
 */
const addressesMax = 1024

/**
 * Customers from whose network somebody has signed in through the provider, since this process
 * began.
 */
const knownCustomersMax = 10_000

/**
 * Whoever has many addresses could spend all that strangers together may have, and with it
 * everybody's sign-ins. A customer of whom the provider has proven somebody is no stranger: only
 * the allowance of the own address counts there.
 */
export class KnownCustomers {
  readonly #customers = new BoundedCache<string, true>(knownCustomersMax)

  add(customer: string): void {
    this.#customers.set(customer, true)
  }

  has(customer: string): boolean {
    return this.#customers.get(customer) === true
  }
}

/** Requests that wait for a call of others to end, of one customer and of all together. */
const waitingOfCustomerMax = 256
const waitingMax = 1024

/** What came of a call: not made after all, refused by the provider, or a person's sign-in. */
export type CallOutcome = 'unasked' | 'in_vain' | 'answered'

/** A call that may be made now; `end` is told once what came of it. */
export interface AdmittedCall {
  readonly end: (outcome: CallOutcome) => void
}

interface Caller {
  readonly customer: string
  readonly own: Bucket
}

interface Waiting {
  readonly caller: Caller
  readonly resolve: (call: AdmittedCall | undefined) => void
}

export class ProviderBudget {
  readonly #ofAddress: Allowance
  readonly #mount: Bucket
  readonly #addresses = new BoundedCache<string, Bucket>(addressesMax)
  readonly #known: KnownCustomers
  #waiting: Waiting[] = []

  /** The budgets of one mount know the same customers. */
  constructor(known = new KnownCustomers(), processes = 1) {
    this.#ofAddress = partOf(ofAddress, processes)
    this.#mount = new Bucket(partOf(ofMount, processes))
    this.#known = known
  }

  /** Takes one call for a request from that address; false when there is none left. */
  take(address: string | undefined, nowMs: number): boolean {
    const caller = this.#caller(address, nowMs)
    if (!this.#has(caller)) return false
    this.#take(caller)
    return true
  }

  /** For a call that was not made after all. */
  giveBack(address: string | undefined): void {
    const customer = customerOf(address)
    this.#addresses.get(customer)?.giveBack()
    if (!this.#known.has(customer)) this.#mount.giveBack()
  }

  /** For a call that a person's sign-in turned out to have caused: an office shares one address. */
  repay(address: string | undefined): void {
    this.giveBack(address)
    this.#known.add(customerOf(address))
  }

  /**
   * Takes one call, and waits for one where others of the same budget are being made that may yet
   * turn out to be people's sign-ins; undefined when there is none left. So an office of any size
   * signs in at once, and what was in vain is never more than the allowance.
   */
  async admit(address: string | undefined, nowMs: number): Promise<AdmittedCall | undefined> {
    const caller = this.#caller(address, nowMs)
    // Whoever came before goes first.
    const ahead = this.#waiting.filter((one) => one.caller.customer === caller.customer).length
    if (this.#has(caller) && ahead === 0) return this.#begin(caller)
    const isFull = this.#waiting.length >= waitingMax || ahead >= waitingOfCustomerMax
    if (isFull || !this.#mayYet(caller)) return undefined
    return new Promise((resolve) => this.#waiting.push({ caller, resolve }))
  }

  #caller(address: string | undefined, nowMs: number): Caller {
    const customer = customerOf(address)
    const own = this.#addresses.get(customer) ?? new Bucket(this.#ofAddress)
    own.refill(nowMs)
    this.#mount.refill(nowMs)
    return { customer, own }
  }

  #has({ customer, own }: Caller): boolean {
    return own.has() && (this.#known.has(customer) || this.#mount.has())
  }

  #take({ customer, own }: Caller): void {
    own.take()
    if (!this.#known.has(customer)) this.#mount.take()
    // Taken out and put in again, so that the one that goes first is the one longest left alone.
    this.#addresses.delete(customer)
    this.#addresses.set(customer, own)
  }

  #begin(caller: Caller): AdmittedCall {
    this.#take(caller)
    const { customer, own } = caller
    const buckets = this.#known.has(customer) ? [own] : [own, this.#mount]
    for (const bucket of buckets) bucket.underWay++
    let isOver = false
    const end = (outcome: CallOutcome): void => {
      if (isOver) return
      isOver = true
      for (const bucket of buckets) {
        bucket.underWay--
        if (outcome !== 'in_vain') bucket.giveBack()
      }
      if (outcome === 'answered') this.#known.add(customer)
      this.#wake()
    }
    return { end }
  }

  /** Whether a call under way may give back what is missing: nobody else would come to wake it. */
  #mayYet(caller: Caller): boolean {
    const missing = caller.own.has() ? this.#mount : caller.own
    return this.#has(caller) || missing.underWay > 0
  }

  /** Lets those go on who now may, in the order of their coming, and turns away who never will. */
  #wake(): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter(({ caller, resolve }) => {
      // Two that came from a new address have a bucket each; the first one's counts.
      const own = this.#addresses.get(caller.customer) ?? caller.own
      const now = { ...caller, own }
      if (this.#has(now)) resolve(this.#begin(now))
      else if (this.#mayYet(now)) return true
      else resolve(undefined)
      return false
    })
  }
}

class Bucket {
  readonly #allowance: Allowance
  #left: number
  #countedAtMs: number | undefined
  /** Calls that are being made and may be given back. */
  underWay = 0

  constructor(allowance: Allowance) {
    this.#allowance = allowance
    this.#left = allowance.burst
  }

  refill(nowMs: number): void {
    const { burst, perMinute } = this.#allowance
    // A clock that went back gives nothing and takes nothing.
    const minutes = Math.max(0, nowMs - (this.#countedAtMs ?? nowMs)) / 60_000
    this.#left = Math.min(burst, this.#left + minutes * perMinute)
    this.#countedAtMs = nowMs
  }

  has(): boolean {
    return this.#left >= 1
  }

  take(): void {
    this.#left--
  }

  giveBack(): void {
    this.#left = Math.min(this.#allowance.burst, this.#left + 1)
  }
}
