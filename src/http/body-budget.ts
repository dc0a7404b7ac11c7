/**
 * How many bytes of bodies this server holds at a time. One body has its own limit; without this
 * one, whoever opens thousands of connections and ends no request would choose how much memory
 * there is. Counted are the bytes that came, not those that were announced, until the request is
 * over.
 */

import { customerOf } from '../lib/cidr.ts'

/**
 * Bodies of this size are taken from every connection, however much the others hold: nearly all of
 * them are smaller.
 */
export const freeBodyBytes = 16_384

/** All of a budget that one client address may hold is a quarter: one alone locks nobody out. */
const shares = 4

const strangersBytesMax = 134_217_728
const callersBytesMax = 536_870_912

/** Two, so that strangers take no room from those who may ask for what they ask for. */
export interface BodyBudgets {
  readonly strangers: BodyBudget
  readonly callers: BodyBudget
}

/**
 * For a server whose longest body is that; one address can always send some. A negative limit is
 * none. Each of several processes has a part of what there is for all.
 */
export function createBodyBudgets(bodyBytesMax: number, processes = 1): BodyBudgets {
  const longest = bodyBytesMax < 0 ? Infinity : bodyBytesMax
  return {
    strangers: new BodyBudget(strangersBytesMax / processes),
    callers: new BodyBudget(Math.max(callersBytesMax / processes, longest * shares)),
  }
}

class BodyBudget {
  readonly #bytesMax: number
  readonly #customers = new Map<string, number>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What one request holds; it must be ended. */
  open(address: string | undefined): BodyShare {
    return new BodyShare(this, customerOf(address))
  }

  take(customer: string, bytes: number): boolean {
    const held = (this.#customers.get(customer) ?? 0) + bytes
    if (held > this.#bytesMax / shares || this.#bytes + bytes > this.#bytesMax) return false
    this.#customers.set(customer, held)
    this.#bytes += bytes
    return true
  }

  giveBack(customer: string, bytes: number): void {
    const held = (this.#customers.get(customer) ?? 0) - bytes
    if (held > 0) this.#customers.set(customer, held)
    else this.#customers.delete(customer)
    this.#bytes -= bytes
  }
}

export class BodyShare {
  readonly #budget: BodyBudget
  readonly #customer: string
  #came = 0
  #taken = 0
  #isOver = false

  constructor(budget: BodyBudget, customer: string) {
    this.#budget = budget
    this.#customer = customer
  }

  /** False when there is no room for so many more; the body must be given up then. */
  add(bytes: number): boolean {
    this.#came += bytes
    const more = this.#came - freeBodyBytes - this.#taken
    if (this.#isOver || more <= 0) return true
    if (!this.#budget.take(this.#customer, more)) return false
    this.#taken += more
    return true
  }

  end(): void {
    this.#isOver = true
    this.#budget.giveBack(this.#customer, this.#taken)
    this.#taken = 0
  }
}
