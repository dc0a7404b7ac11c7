/**
 * The engine of tests and of `-dev`: everything in this process, gone with it. "Durable" means
 * applied.
 */

import { epochKey, nextEpoch } from '../epoch.ts'
import { checkExpectation } from '../expectation.ts'
import { keyOfOrderText, orderText } from '../key-order.ts'
import {
  StoreUnavailable,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineSnapshot,
  type KeyRange,
} from '../store.ts'
import { SortedPages } from './sorted-pages.ts'

export class MemoryEngine implements Engine {
  readonly type = 'inmem'
  readonly #records = new SortedPages()
  #closed = false

  snapshot(): EngineSnapshot {
    if (this.#closed) throw new StoreUnavailable('the memory engine is closed')
    return new MemoryView(this.#records.snapshot())
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    if (this.#closed) throw new StoreUnavailable('the memory engine is closed')
    // Nothing in here awaits, so a batch is one step for everybody else.
    return changes.map((change) => this.#apply(change))
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #apply(change: Change): CommitOutcome {
    const records = this.#records
    const reader = {
      get: (key: string) => records.get(orderText(key)),
      keys: (range: KeyRange) => keysOf(records, range),
    }
    if (!change.expects.every((expectation) => checkExpectation(reader, expectation))) {
      return 'conflict'
    }
    for (const [key, value] of change.puts) records.set(orderText(key), value)
    for (const key of change.deletes) records.delete(orderText(key))
    if (change.advancesEpoch === true) {
      const epoch = orderText(epochKey.text)
      records.set(epoch, nextEpoch(records.get(epoch)))
    }
    return 'committed'
  }
}

class MemoryView implements EngineSnapshot {
  readonly #records: SortedPages

  constructor(records: SortedPages) {
    this.#records = records
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => this.getNow(key))
  }

  release(): void {
    // Pages that nobody looks at any more are the garbage collector's.
  }

  getNow(key: string): Uint8Array | undefined {
    return this.#records.get(orderText(key))
  }

  async *range(range: KeyRange): AsyncGenerator<readonly [string, Uint8Array]> {
    for (const [text, value] of entriesOf(this.#records, range)) yield [keyOfOrderText(text), value]
  }
}

function* keysOf(records: SortedPages, range: KeyRange): Generator<string> {
  for (const [text] of entriesOf(records, range)) yield keyOfOrderText(text)
}

function* entriesOf(
  records: SortedPages,
  range: KeyRange,
): Generator<readonly [string, Uint8Array]> {
  const start = orderText(range.start)
  const end = orderText(range.end)
  let left = range.limit ?? Infinity
  if (left <= 0 || start >= end) return
  for (const entry of range.reverse ? records.descend(start, end) : records.ascend(start, end)) {
    yield entry
    if (--left <= 0) return
  }
}
