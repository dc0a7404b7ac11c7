/**
 * Group commit: whatever arrives while a commit is running forms the next batch, so one sync serves
 * many requests. No timer and no added delay: a change that arrives alone starts at once.
 *
 * A batch that failed with `StoreUnavailable` wrote nothing and the next one may succeed. After any
 * other failure nobody knows what is durable (fsync does not repeat what it lost), so nothing is
 * ever submitted again and the owner is told.
 */

import { StoreUnavailable, type Change, type CommitOutcome, type Engine } from './store.ts'

/**
 * Changes in one commit. Bounds the memory and the time of a batch, and with it the wait of the
 * next one.
 */
const batchChangesMax = 4096

/** Changes waiting for a commit; beyond it a caller is told to come again. */
const waitingChangesMax = 65_536

interface Waiting {
  readonly change: Change
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (error: unknown) => void
}

export class GroupCommit {
  readonly #engine: Pick<Engine, 'commit'>
  readonly #onFatal: (error: Error) => void
  #waiting: Waiting[] = []
  #running = false
  #poison: Error | undefined

  constructor(engine: Pick<Engine, 'commit'>, onFatal: (error: Error) => void = () => {}) {
    this.#engine = engine
    this.#onFatal = onFatal
  }

  submit(change: Change): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      if (this.#poison !== undefined) return reject(this.#poison)
      if (this.#waiting.length >= waitingChangesMax) {
        return reject(new StoreUnavailable('too many changes wait for the store'))
      }
      this.#waiting.push({ change, resolve, reject })
      if (this.#running) return undefined
      this.#running = true
      // One microtask later, so that requests of the same turn share the first batch as well.
      queueMicrotask(() => void this.#run())
      return undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && this.#poison === undefined) {
      const batch =
        this.#waiting.length <= batchChangesMax
          ? this.#waiting
          : this.#waiting.slice(0, batchChangesMax)
      this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(batchChangesMax)
      await this.#commit(batch)
    }
    this.#running = false
    if (this.#poison === undefined) return
    const late = this.#waiting
    this.#waiting = []
    for (const entry of late) entry.reject(this.#poison)
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#engine.commit(batch.map((entry) => entry.change))
      if (outcomes.length !== batch.length) {
        throw new Error('the engine did not answer for each change of a commit')
      }
      for (const [index, entry] of batch.entries()) {
        entry.resolve(outcomes[index] === 'committed' ? 'committed' : 'conflict')
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) {
        this.#poison = error instanceof Error ? error : new Error('a commit failed')
      }
      for (const entry of batch) entry.reject(error)
      if (this.#poison !== undefined) this.#onFatal(this.#poison)
    }
  }
}
