/**
 * What one evaluation of a CEL program may cost (jwt-oidc.md §6.3). The library has no limit of its
 * own, so every call of a function goes through here and pays for what it looks at, and every round
 * of a loop makes such a call (`cel-syntax.ts`). What is spent ends the evaluation at once: it is
 * thrown past the library, whose `||` and `&&` forgive the errors of functions.
 */

import { isCelList, isCelMap, type CelEnv, type CelValue } from '@bufbuild/cel'

/** About 100 ns each: an evaluation ends within a tenth of a second, whatever the claims are. */
const priceMax = 600_000
const callPrice = 30
const charsPerPrice = 16
const elementsPerPrice = 32

/** It is thrown by nobody else, and means nothing else. */
class CelBudgetSpent extends Error {
  override readonly name = 'CelBudgetSpent'
}

export class CelGate {
  #left = priceMax

  /** At the beginning of an evaluation; they run one after the other, never within another. */
  open(): void {
    this.#left = priceMax
  }

  get isSpent(): boolean {
    return this.#left < 0
  }

  pay(price: number): void {
    this.#left -= price
    if (this.isSpent) throw new CelBudgetSpent('the program costs more than it may')
  }

  /** For a function that looks at each of these values so many times. */
  payFor(values: readonly (CelValue | undefined)[], times: number): void {
    this.pay(callPrice)
    for (const value of values) this.#payForValue(value, times)
  }

  /** For a function that puts them one behind the other, and looks into none of them. */
  payToJoin(values: readonly (CelValue | undefined)[]): void {
    this.pay(callPrice)
    for (const value of values) {
      if (isCelList(value)) this.pay(value.size / elementsPerPrice)
      else this.#payForValue(value, 1)
    }
  }

  #payForValue(value: CelValue | undefined, times: number): void {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      this.pay((value.length * times) / charsPerPrice)
    } else if (isCelList(value)) {
      this.pay(value.size * times)
      for (const element of value) this.#payForValue(element, times)
    } else if (isCelMap(value)) {
      this.pay(value.size * times)
      for (const [key, element] of value) {
        this.#payForValue(key, times)
        this.#payForValue(element, times)
      }
    }
  }
}

/** What functions cost that do more than to look at each value once. */
const dear: Readonly<Record<string, (values: readonly (CelValue | undefined)[]) => number>> = {
  contains: priceOfSearch,
  indexOf: priceOfSearch,
  lastIndexOf: priceOfSearch,
  replace: priceOfSearch,
  split: priceOfSearch,
  int: priceOfDigits,
  uint: priceOfDigits,
}

/** In the worst case both texts are gone through together, with a piece for each character. */
function priceOfSearch([text, part]: readonly (CelValue | undefined)[]): number {
  if (typeof text !== 'string' || typeof part !== 'string') return 0
  return text.length * (1 + part.length / 128)
}

/** Each digit of a number moves all that are there already. */
function priceOfDigits([, text]: readonly (CelValue | undefined)[]): number {
  return typeof text === 'string' ? text.length ** 2 / 10_000 : 0
}

/** Writing a value out is so many times dearer than to look at it. */
const formatTimes = 8

/** The same environment, in which every function pays before it is called. */
export function guarded(env: CelEnv, gate: CelGate): CelEnv {
  const funcs = new Proxy(env.funcs, {
    get(resolver, member) {
      if (member !== 'find') return Reflect.get(resolver, member, resolver)
      return (name: string) => {
        const group = resolver.find(name)
        if (group === undefined) return undefined
        return new Proxy(group, {
          get(one, part) {
            if (part !== 'call') return Reflect.get(one, part, one)
            return (id: number, target: CelValue | undefined, args: CelValue[]) => {
              const values = [target, ...args]
              if (name === '_+_') gate.payToJoin(values)
              else gate.payFor(values, name === 'format' ? formatTimes : 1)
              if (Object.hasOwn(dear, name)) gate.pay(dear[name]?.(values) ?? 0)
              return one.call(id, target, args)
            }
          },
        })
      }
    },
  })
  return new Proxy(env, {
    get: (one, member) => (member === 'funcs' ? funcs : Reflect.get(one, member, one)),
  })
}
