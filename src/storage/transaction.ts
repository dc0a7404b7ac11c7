/**
 * One run of the work of a `write`: reads from one snapshot, buffers what it puts and deletes, and
 * remembers what it read as expectations of the change that comes out of it. Work that only writes
 * has no snapshot and expects nothing.
 */

import { compareKeys, isInRange, isStorableKey } from './key-order.ts'
import type { Keyring } from './keyring.ts'
import { epochKey } from './epoch.ts'
import { readRecords, type Opening } from './sealed-view.ts'
import {
  configurationPrefix,
  keyBytesMax,
  type Change,
  type Codec,
  type Engine,
  type EngineSnapshot,
  type EngineView,
  type Expectation,
  type Key,
  type KeyRange,
  type StoreTransaction,
} from './store.ts'

/** Changes of one transaction: more belong in several steps, see `destroyRange`. */
const changesMax = 100_000

/** Reads of one transaction, which are all checked again at its commit. */
const readsMax = 100_000

type Pending =
  | { readonly kind: 'record'; readonly codec: Codec<unknown>; readonly value: unknown }
  | { readonly kind: 'index' }
  | { readonly kind: 'delete' }

const noBytes = Buffer.alloc(0)
const pendingIndex: Pending = { kind: 'index' }
const pendingDelete: Pending = { kind: 'delete' }

/** A key is empty, longer than the store takes, or not Unicode text. */
export class KeyNotStorable extends RangeError {
  override readonly name = 'KeyNotStorable'
  constructor() {
    super(`a storage key must be Unicode text of 1 to ${keyBytesMax} bytes`)
  }
}

export class Transaction implements StoreTransaction {
  readonly #engine: Engine
  readonly #opening: Opening
  readonly #pending = new Map<string, Pending>()
  readonly #values = new Map<string, Uint8Array | undefined>()
  readonly #listings: Expectation[] = []
  #dependencies: string[] | undefined
  #snapshot: EngineSnapshot | undefined
  #ended = false

  constructor(engine: Engine, opening: Opening) {
    this.#engine = engine
    this.#opening = opening
  }

  put<T>(key: Key<T>, value: T): void {
    this.#add(key.text, { kind: 'record', codec: key.codec, value })
  }

  putIndex(key: string): void {
    this.#add(key, pendingIndex)
  }

  delete(key: string): void {
    // There is nothing at such a key, and that is what the caller wants.
    if (isStorableKey(key)) this.#add(key, pendingDelete)
  }

  dependOn(key: string): void {
    this.#dependencies ??= []
    if (!this.#dependencies.includes(key)) this.#dependencies.push(key)
  }

  async get<T>(key: Key<T>): Promise<T | undefined> {
    const [value] = await this.getMany([key])
    return value as T | undefined
  }

  /** What a transaction reads has to be remembered, which is the business of `getMany`. */
  getNow(): undefined {
    return undefined
  }

  async getMany(keys: readonly Key<unknown>[]): Promise<readonly unknown[]> {
    const stored = keys.filter((key) => !this.#pending.has(key.text))
    const values = stored.length === 0 ? [] : await this.#read(stored)
    let next = 0
    return keys.map((key) => {
      const own = this.#pending.get(key.text)
      // What was put while the stored values were read is younger than they are; they still have
      // their place.
      if (stored[next] === key) {
        const value = values[next++]
        if (own === undefined) return value
      }
      return own?.kind === 'record' ? own.value : undefined
    })
  }

  async epoch(): Promise<number> {
    return (await this.get(epochKey)) ?? 0
  }

  async *keys(range: KeyRange): AsyncGenerator<string> {
    this.#opening.reader()
    const view = this.#view()
    const own = this.#ownKeys(range)
    const seen: string[] = []
    const direction = range.reverse === true ? -1 : 1
    let reached: string | undefined
    let exhausted = false
    let left = range.limit ?? Infinity
    let next = 0
    try {
      if (left <= 0) return
      // Without the limit: own deletes may hide stored keys. The engine reads lazily.
      const whole: KeyRange = {
        start: range.start,
        end: range.end,
        reverse: range.reverse === true,
      }
      for await (const [key] of view.range(whole)) {
        for (;;) {
          const mine = own[next]
          if (mine === undefined || compareKeys(mine, key) * direction >= 0) break
          next++
          reached = mine
          if (this.#pending.get(mine)?.kind === 'delete') continue
          yield mine
          if (--left <= 0) return
        }
        this.#seeOne()
        seen.push(key)
        reached = key
        if (own[next] === key) next++
        if (this.#pending.get(key)?.kind === 'delete') continue
        yield key
        if (--left <= 0) return
      }
      exhausted = true
      for (; next < own.length; next++) {
        const mine = own[next]
        if (mine === undefined || this.#pending.get(mine)?.kind === 'delete') continue
        yield mine
        if (--left <= 0) return
      }
    } finally {
      this.#expectKeys(range, seen, exhausted ? undefined : (reached ?? null))
    }
  }

  /** What the work asks for, sealed; undefined when it changed nothing. */
  toChange(): Change | undefined {
    if (this.#pending.size === 0) return undefined
    this.#ended = true
    return this.#build(this.#opening.reader().keyring)
  }

  /** Lets the snapshot go. */
  end(): void {
    this.#ended = true
    this.#snapshot?.release()
    this.#snapshot = undefined
  }

  #build(keyring: Keyring): Change {
    const puts: (readonly [string, Uint8Array])[] = []
    const deletes: string[] = []
    for (const [key, pending] of this.#pending) {
      if (pending.kind === 'delete') deletes.push(key)
      else if (pending.kind === 'index') puts.push([key, noBytes])
      else puts.push([key, keyring.seal(key, pending.codec.encode(pending.value))])
    }
    const expects: Expectation[] = [...this.#listings]
    for (const [key, value] of this.#values) expects.push({ kind: 'value', key, value })
    for (const key of this.#dependencies ?? []) expects.push({ kind: 'present', key })
    const change = { expects, puts, deletes }
    return this.#touchesConfiguration() ? { ...change, advancesEpoch: true } : change
  }

  #add(key: string, pending: Pending): void {
    if (this.#ended) throw new Error('the transaction is over')
    if (!isStorableKey(key)) throw new KeyNotStorable()
    if (this.#pending.size >= changesMax) throw new RangeError('a transaction changes too much')
    this.#pending.set(key, pending)
  }

  async #read(keys: readonly Key<unknown>[]): Promise<readonly unknown[]> {
    this.#opening.reader()
    return readRecords(this.#view(), this.#opening, keys, (key, stored) => {
      if (this.#values.has(key)) return
      this.#seeOne()
      // The bytes are only lent.
      this.#values.set(key, stored === undefined ? undefined : Buffer.from(stored))
    })
  }

  #seeOne(): void {
    if (this.#values.size + this.#listings.length > readsMax) {
      throw new RangeError('a transaction reads too much')
    }
  }

  /** The engine's snapshot, taken at the first read and held until `end`. */
  #view(): EngineView {
    if (this.#ended) throw new Error('the transaction is over')
    this.#snapshot ??= this.#engine.snapshot()
    return this.#snapshot
  }

  #ownKeys(range: KeyRange): string[] {
    if (this.#pending.size === 0) return []
    const own = [...this.#pending.keys()].filter((key) => isInRange(key, range))
    return range.reverse === true
      ? own.toSorted((a, b) => compareKeys(b, a))
      : own.toSorted(compareKeys)
  }

  /**
   * What was listed must be the same at the commit; beyond the key where the listing stopped (null:
   * at once), anything may happen.
   */
  #expectKeys(range: KeyRange, seen: string[], stoppedAt: string | null | undefined): void {
    if (stoppedAt === null) return
    let { start, end } = range
    if (stoppedAt !== undefined) {
      if (range.reverse === true) start = stoppedAt
      else end = `${stoppedAt}\u0000`
    }
    const keys = range.reverse === true ? seen.toReversed() : seen
    this.#listings.push({ kind: 'keys', range: { start, end }, keys })
  }

  #touchesConfiguration(): boolean {
    for (const key of this.#pending.keys()) {
      if (key.startsWith(configurationPrefix)) return true
    }
    return false
  }
}
