/**
 * Takes uses of limited tokens (platform.md §3.9): of any number of parallel callers exactly as
 * many succeed as uses are left. Callers of one token that come while a commit runs share the next
 * one, so that a crowd costs few commits and nobody is turned away for having lost a race.
 */

import type { Store, StoreTransaction } from '../storage/store.ts'
import { keys } from './keys.ts'
import type { TokenRecord } from './records.ts'

interface Waiting {
  readonly resolve: (record: TokenRecord | undefined) => void
  readonly reject: (problem: unknown) => void
}

/** Callers of one commit; the queue itself is as long as there are open requests. */
const callersAtOnceMax = 1024

export class TokenUses {
  readonly #store: Store
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Takes one use; durable when it resolves. Gives the record as it is after this use (`uses` -1
   * after the last one), or undefined when none was left.
   */
  spend(id: string): Promise<TokenRecord | undefined> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(id)
      if (waiting !== undefined) {
        waiting.push({ resolve, reject })
        return
      }
      this.#waiting.set(id, [{ resolve, reject }])
      void this.#serve(id)
    })
  }

  async #serve(id: string): Promise<void> {
    for (;;) {
      const callers = this.#waiting.get(id)?.splice(0, callersAtOnceMax) ?? []
      if (callers.length === 0) {
        this.#waiting.delete(id)
        return
      }
      try {
        const taken = await this.#store.write((txn) => take(txn, id, callers.length))
        callers.forEach((caller, index) => caller.resolve(taken[index]))
      } catch (problem) {
        for (const caller of callers) caller.reject(problem)
      }
    }
  }
}

/** The record after each of the uses that could be taken. */
async function take(
  txn: StoreTransaction,
  id: string,
  wanted: number,
): Promise<readonly TokenRecord[]> {
  const record = await txn.get(keys.token(id))
  if (record === undefined || record.uses <= 0) return []
  const taken: TokenRecord[] = []
  for (let used = 1; used <= Math.min(wanted, record.uses); used++) {
    taken.push({ ...record, uses: used === record.uses ? -1 : record.uses - used })
  }
  txn.put(keys.token(id), taken.at(-1) ?? record)
  return taken
}
