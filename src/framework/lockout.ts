/**
 * Locks a name of a mount after too many wrong attempts (platform.md §2.11). The counters lie in
 * the store, so that all processes see them. A name that exists has one of its own; all others
 * share a fixed number of places, so that they are answered alike and fill nothing.
 */

import { own, defineRecord, type StoredOf } from '../schema/record.ts'
import { plainRecordCodec } from '../storage/record-codec.ts'
import type { Key, StoreTransaction, StoreView } from '../storage/store.ts'
import type { BackendContext } from './backend.ts'

/** Names of nobody that are remembered at once; of two in one place the later one counts. */
const strangersMax = 1024

/**
 * Wrong attempts under names of nobody that are written in a second: each is a durable write, and a
 * flood of them takes the disk from nobody. A name that exists costs a few until it is locked.
 */
const strangerWritesPerSecondMax = 100

const counterRecord = defineRecord({
  /** Hash of the name. */
  who: own<string>(''),
  failures: own<number>(0),
  lastAtMs: own<number>(0),
})
type Counter = StoredOf<typeof counterRecord.table>
const counterCodec = plainRecordCodec(counterRecord)

/** A name as its mount keeps it: in its one spelling. */
export interface Attempted {
  readonly name: string
  /** There is a user or a role of that name. */
  readonly isKnown: boolean
}

export class Lockout {
  readonly #store: BackendContext['store']
  readonly #mount: BackendContext['mount']
  /** Each of several processes has its part. */
  readonly #strangerWritesMax: number
  #second = 0
  #strangerWrites = 0

  constructor({
    store,
    mount,
    processes = 1,
  }: Pick<BackendContext, 'store' | 'mount' | 'processes'>) {
    this.#store = store
    this.#mount = mount
    this.#strangerWritesMax = Math.floor(strangerWritesPerSecondMax / processes)
  }

  async isLocked(attempted: Attempted, nowMs: number, view: StoreView): Promise<boolean> {
    const { key, who } = this.#place(attempted)
    const counter = await view.get(key)
    return counter?.who === who && this.#locks(counter, nowMs)
  }

  /** Counts a wrong attempt; durable when it resolves. */
  async failed(attempted: Attempted, nowMs: number): Promise<void> {
    const { isDisabled, counterResetSeconds } = this.#mount().userLockout
    if (isDisabled || (!attempted.isKnown && !this.#takeStrangerWrite(nowMs))) return
    const { key, who } = this.#place(attempted)
    await this.#store.write(async (txn) => {
      const found = await txn.get(key)
      const counter = found?.who === who ? found : undefined
      const isOver =
        counter === undefined ||
        nowMs - counter.lastAtMs >= counterResetSeconds * 1000 ||
        this.#wasLocked(counter, nowMs)
      txn.put(key, {
        who,
        failures: isOver ? 1 : counter.failures + 1,
        lastAtMs: nowMs,
      })
    })
  }

  /** Forgets the failures of a name, in the step that has proven who it is or takes it away. */
  async forget(name: string, txn: StoreTransaction): Promise<void> {
    const { key } = this.#place({ name, isKnown: true })
    if ((await txn.get(key)) !== undefined) txn.delete(key.text)
  }

  /** An operator takes the lock away. */
  async unlock(name: string): Promise<void> {
    await this.#store.write((txn) => this.forget(name, txn))
  }

  #takeStrangerWrite(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) this.#strangerWrites = 0
    this.#second = second
    return ++this.#strangerWrites <= this.#strangerWritesMax
  }

  #locks({ failures, lastAtMs }: Counter, nowMs: number): boolean {
    const { isDisabled, threshold, durationSeconds } = this.#mount().userLockout
    return !isDisabled && failures >= threshold && nowMs - lastAtMs < durationSeconds * 1000
  }

  /** The lock has ended by itself, and its failures with it. */
  #wasLocked(counter: Counter, nowMs: number): boolean {
    return counter.failures >= this.#mount().userLockout.threshold && !this.#locks(counter, nowMs)
  }

  #place({ name, isKnown }: Attempted): { readonly key: Key<Counter>; readonly who: string } {
    const who = this.#store.hashText('lockout', name)
    const place = Buffer.from(who, 'base64url').readUInt16BE() % strangersMax
    const path = isKnown ? `lockout/known/${who}` : `lockout/stranger/${place}`
    return { key: this.#store.key(path, counterCodec), who }
  }
}
