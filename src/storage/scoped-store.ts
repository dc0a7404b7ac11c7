/**
 * A store that sees the keys of one scope and no other: behind the letter that every key begins
 * with stands the scope, on the way in and out. Whoever is handed one can name nothing beyond it.
 */

import { after, type Soon } from '../lib/soon.ts'
import type {
  Companion,
  Engine,
  Key,
  KeyRange,
  Store,
  StoreTransaction,
  StoreView,
  TextSealer,
} from './store.ts'

/** No key without a scope has this behind its first slash, and it sorts behind all that do. */
export const scopeMark = '~'

/** Where a key of a scope lies; a class of keys is one letter and a slash. */
export function scopedKey(scope: string, key: string): string {
  return `${key.slice(0, 1)}/${scopeMark}${scope}${key.slice(1)}`
}

/** The scope of a key and what it is there, or undefined for a key without one. */
export function partsOfKey(
  key: string,
): { readonly scope: string; readonly key: string } | undefined {
  if (key[1] !== '/' || key[2] !== scopeMark) return undefined
  const end = key.indexOf('/', 3)
  return end < 0 ? undefined : { scope: key.slice(3, end), key: key.slice(0, 1) + key.slice(end) }
}

export interface ScopedStoreOptions {
  readonly store: Store & TextSealer
  readonly scope: string
  /** A key of the scope that has a record as long as the scope may be written to. */
  readonly sign: string
  /** Throws what is to be said when it may not; looks in the transaction itself. */
  readonly guard: (txn: StoreTransaction) => Soon<void>
}

export class ScopedStore implements Store, TextSealer {
  readonly #store: Store & TextSealer
  readonly #scope: string
  readonly #sign: string
  readonly #guard: (txn: StoreTransaction) => Soon<void>

  constructor({ store, scope, sign, guard }: ScopedStoreOptions) {
    this.#store = store
    this.#scope = scope
    this.#sign = scopedKey(scope, sign)
    this.#guard = guard
  }

  get type(): Engine['type'] {
    return this.#store.type
  }

  view<T>(work: (view: StoreView) => Soon<T>): Promise<T> {
    return this.#store.view((view) => work(this.viewOf(view)))
  }

  look<T>(work: (view: StoreView) => Soon<T>): Soon<T> {
    return this.#store.look((view) => work(this.viewOf(view)))
  }

  /**
   * The commit itself asks for the sign, which costs nothing and reads nothing; only what has come
   * to nothing asks why.
   */
  write<T>(work: (txn: StoreTransaction) => Soon<T>): Promise<T> {
    let isFirst = true
    return this.#store.write((txn) => {
      txn.dependOn(this.#sign)
      const asked = isFirst ? undefined : this.#guard(txn)
      isFirst = false
      return after(asked, () => work(new ScopedTransaction(txn, this.#scope)))
    })
  }

  /** What goes along with somebody else's commit, as long as the scope may be written to. */
  companionOf(companion: Companion): Companion {
    return { ...companion, key: this.keyOf(companion.key), dependsOn: this.#sign }
  }

  /** The same moment, as this scope sees it. */
  viewOf(view: StoreView): StoreView {
    return new ScopedView(baseOf(view), this.#scope)
  }

  /** Where the record of a key lies in the whole store. */
  keyOf<T>({ text, codec }: Key<T>): Key<T> {
    return { text: scopedKey(this.#scope, text), codec }
  }

  sealText(purpose: string, text: string): Buffer {
    return this.#store.sealText(this.#purpose(purpose), text)
  }

  openText(purpose: string, sealed: Uint8Array): string | undefined {
    return this.#store.openText(this.#purpose(purpose), sealed)
  }

  hashText(purpose: string, text: string): string {
    return this.#store.hashText(this.#purpose(purpose), text)
  }

  #purpose(purpose: string): string {
    return `${scopeMark}${this.#scope} ${purpose}`
  }
}

/** A transaction as a scope sees it: for what is written to several in one commit. */
export function scopedTransaction(txn: StoreTransaction, scope: string): StoreTransaction {
  return new ScopedTransaction(txn, scope)
}

/** The whole store's view behind one of a scope: for what asks above its own scope. */
export function baseOf(view: StoreView): StoreView {
  return view instanceof ScopedView ? view.base : view
}

class ScopedView implements StoreView {
  readonly base: StoreView
  readonly #scope: string

  constructor(base: StoreView, scope: string) {
    this.base = base
    this.#scope = scope
  }

  get<T>(key: Key<T>): Soon<T | undefined> {
    return this.base.get(this.key(key))
  }

  getMany(keys: readonly Key<unknown>[]): Promise<readonly unknown[]> {
    return this.base.getMany(keys.map((key) => this.key(key)))
  }

  getNow(keys: readonly Key<unknown>[]): readonly unknown[] | undefined {
    return this.base.getNow(keys.map((key) => this.key(key)))
  }

  epoch(): Soon<number> {
    return this.base.epoch()
  }

  async *keys(range: KeyRange): AsyncGenerator<string> {
    const start = this.text(range.start)
    const end = this.text(range.end)
    const cut = scopeMark.length + this.#scope.length + 1
    for await (const key of this.base.keys({ ...range, start, end })) {
      yield key.slice(0, 1) + key.slice(1 + cut)
    }
  }

  protected key<T>({ text, codec }: Key<T>): Key<T> {
    return { text: this.text(text), codec }
  }

  protected text(key: string): string {
    return scopedKey(this.#scope, key)
  }
}

class ScopedTransaction extends ScopedView implements StoreTransaction {
  readonly #txn: StoreTransaction

  constructor(txn: StoreTransaction, scope: string) {
    super(txn, scope)
    this.#txn = txn
  }

  put<T>(key: Key<T>, value: T): void {
    this.#txn.put(this.key(key), value)
  }

  putIndex(key: string): void {
    this.#txn.putIndex(this.text(key))
  }

  delete(key: string): void {
    this.#txn.delete(this.text(key))
  }

  dependOn(key: string): void {
    this.#txn.dependOn(this.text(key))
  }
}
