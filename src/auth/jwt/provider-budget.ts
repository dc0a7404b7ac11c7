/**
 * How often strangers may make this server call the identity provider of one mount: junk callbacks,
 * device starts and polls cost an attacker nothing, and the provider sees this server as their
 * source. Key fetches have a budget of their own (`oidc/refetch-budget.ts`) and do not come here.
 */

import { BoundedCache } from '../../lib/bounded-cache.ts'
import { customerOf } from '../../lib/cidr.ts'

interface Allowance {
  readonly burst: number
  readonly perMinute: number
}

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

export class ProviderBudget {
  readonly #mount = new Bucket(ofMount)
  readonly #addresses = new BoundedCache<string, Bucket>(addressesMax)
  readonly #known: KnownCustomers

  /** The budgets of one mount know the same customers. */
  constructor(known = new KnownCustomers()) {
    this.#known = known
  }

  /** Takes one call for a request from that address; false when there is none left. */
  take(address: string | undefined, nowMs: number): boolean {
    const customer = customerOf(address)
    const own = this.#addresses.get(customer) ?? new Bucket(ofAddress)
    const isKnown = this.#known.has(customer)
    // The address is asked first: what it may not have costs the others nothing.
    if (!own.has(nowMs) || (!isKnown && !this.#mount.has(nowMs))) return false
    own.take()
    if (!isKnown) this.#mount.take()
    // Taken out and put in again, so that the one that goes first is the one longest left alone.
    this.#addresses.delete(customer)
    this.#addresses.set(customer, own)
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
}

class Bucket {
  readonly #allowance: Allowance
  #left: number
  #countedAtMs: number | undefined

  constructor(allowance: Allowance) {
    this.#allowance = allowance
    this.#left = allowance.burst
  }

  has(nowMs: number): boolean {
    const { burst, perMinute } = this.#allowance
    // A clock that went back gives nothing and takes nothing.
    const minutes = Math.max(0, nowMs - (this.#countedAtMs ?? nowMs)) / 60_000
    this.#left = Math.min(burst, this.#left + minutes * perMinute)
    this.#countedAtMs = nowMs
    return this.#left >= 1
  }

  take(): void {
    this.#left--
  }

  giveBack(): void {
    this.#left = Math.min(this.#allowance.burst, this.#left + 1)
  }
}
