/**
 * What one evaluation of a CEL program may cost (jwt-oidc.md §6.3). The library has no limit of its
 * own, so every call of a function goes through here and pays for what it looks at, and every round
 * of a loop makes such a call (`cel-syntax.ts`). What is spent ends the evaluation at once: it is
 * thrown past the library, whose `||` and `&&` forgive the errors of functions.
 */

import { isCelList, isCelMap, type CelEnv, type CelValue } from '@bufbuild/cel'

/** About 25 ns each: an evaluation ends within a tenth of a second, whatever the claims are. */
const priceMax = 1_000_000
const callPrice = 20
const charsPerPrice = 16

/** It is thrown by nobody else, and means nothing else. */
export class CelBudgetSpent extends Error {
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

  /** For a function that looks at each of these values once. */
  payFor(values: readonly (CelValue | undefined)[]): void {
    this.pay(callPrice)
    for (const value of values) this.#payForValue(value)
  }

  #payForValue(value: CelValue | undefined): void {
    if (typeof value === 'string' || value instanceof Uint8Array) {
      this.pay(value.length / charsPerPrice)
    } else if (isCelList(value)) {
      this.pay(value.size)
      for (const element of value) this.#payForValue(element)
    } else if (isCelMap(value)) {
      this.pay(value.size)
      for (const [key, element] of value) {
        this.#payForValue(key)
        this.#payForValue(element)
      }
    }
  }
}

/** Looking for a text in another: in the worst case both are gone through together. */
const searches = new Set(['contains', 'indexOf', 'lastIndexOf', 'replace', 'split'])
const searchedTogether = 128

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
              gate.payFor([target, ...args])
              if (searches.has(name)) gate.pay(priceOfSearch(target, args[0]))
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

function priceOfSearch(text: CelValue | undefined, part: CelValue | undefined): number {
  if (typeof text !== 'string' || typeof part !== 'string') return 0
  return (text.length * part.length) / searchedTogether
}
