/**
 * The store above an engine: typed records, sealed by the barrier's keyring, changed by optimistic
 * transactions whose commits are grouped. Closed until `openWith`, and again after `seal`, which
 * forgets keys and everything read.
 */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { conclude, type Soon } from '../lib/soon.ts'
import { GroupCommit } from './group-commit.ts'
import { TermUnknown, type Keyring } from './keyring.ts'
import { RecordReader } from './record-reader.ts'
import { SealedView, type Opening } from './sealed-view.ts'
import { StepSnapshots } from './step-snapshot.ts'
import {
  RecordDamaged,
  StoreSealed,
  StoreUnavailable,
  type Change,
  type CommitOutcome,
  type Companion,
  type Engine,
  type Expectation,
  type KeyRange,
  type Store,
  type StoreTransaction,
  type StoreView,
  type TextSealer,
} from './store.ts'
import { Transaction } from './transaction.ts'
import { WriteTurn } from './write-turn.ts'

/** Runs of one work among others; after them it takes its turn alone. */
const attemptsAmongOthersMax = 8

/**
 * Runs while nobody else of this process commits: only other processes come between. Then it is
 * given up.
 */
const attemptsAloneMax = 64

/** Keeps texts apart from records: no record's key begins with a zero byte. */
const textPrefix = '\u0000'
const hashKeyName = 'text hash'

export interface SealedStoreOptions {
  readonly engine: Engine
  /** Decoded records kept in memory. */
  readonly cacheEntriesMax: number
  /** Durability is unknown; the store has sealed itself and the process should end. */
  readonly onFatal: (error: Error) => void
}

export class SealedStore implements Store, TextSealer {
  readonly engine: Engine
  readonly #cacheEntriesMax: number
  readonly #onFatal: (error: Error) => void
  readonly #commits: GroupCommit
  readonly #turn = new WriteTurn()
  readonly #opening: Opening
  readonly #snapshots: StepSnapshots<SealedView>
  #reader: RecordReader | undefined
  #watchCommit: ((changes: number) => () => void) | undefined
  #takeCompanion: (() => Companion | undefined) | undefined
  #loadKeyring: () => Promise<Keyring | undefined> = () => Promise.resolve(undefined)
  #reloading: Promise<boolean> | undefined
  #failed = false

  /** Goes with its keyring. */
  readonly #hashKeys = new WeakMap<Keyring, KeyObject>()

  constructor(options: SealedStoreOptions) {
    this.engine = options.engine
    this.#cacheEntriesMax = options.cacheEntriesMax
    this.#onFatal = options.onFatal
    this.#commits = new GroupCommit({ commit: (changes) => this.#commit(changes) }, (error) =>
      this.#fail(error),
    )
    const opening = { reader: () => this.#requireReader(), reload: () => this.#reload() }
    this.#opening = opening
    this.#snapshots = new StepSnapshots(options.engine, (view) => new SealedView(view, opening))
  }

  get type(): Engine['type'] {
    return this.engine.type
  }

  get sealed(): boolean {
    return this.#reader === undefined
  }

  /** The keyring in use; throws StoreSealed. */
  get keyring(): Keyring {
    return this.#requireReader().keyring
  }

  /**
   * Opens the store, or replaces the keyring of an open one. `load` is asked for a newer keyring
   * when a record names a term that this one does not have, as after a rotation by another process.
   */
  openWith(keyring: Keyring, load?: () => Promise<Keyring | undefined>): void {
    if (this.#failed) throw new StoreUnavailable('the store has failed and stays sealed')
    this.#reader?.forget()
    this.#snapshots.renew()
    this.#reader = new RecordReader(keyring, this.#cacheEntriesMax)
    if (load !== undefined) this.#loadKeyring = load
  }

  seal(): void {
    const reader = this.#reader
    this.#reader = undefined
    this.#snapshots.renew()
    this.#loadKeyring = () => Promise.resolve(undefined)
    reader?.forget()
    reader?.keyring.destroy()
  }

  /** Seals a text that leaves the store, such as a batch token. The purpose is bound to it. */
  sealText(purpose: string, text: string): Buffer {
    return this.keyring.seal(textPrefix + purpose, text)
  }

  /** The text, or undefined for anything that was not sealed here for this purpose. */
  openText(purpose: string, sealed: Uint8Array): string | undefined {
    try {
      return this.keyring.open(textPrefix + purpose, sealed).toString()
    } catch (error) {
      if (!(error instanceof RecordDamaged)) throw error
      // Another process may have rotated. The caller cannot wait for it; the next attempt finds the
      // new term.
      if (error instanceof TermUnknown) void this.#reload().catch(() => false)
      return undefined
    }
  }

  /** Its key does not change when the barrier's key rotates. */
  hashText(purpose: string, text: string): string {
    const { keyring } = this
    const key = this.#hashKeys.get(keyring) ?? createSecretKey(keyring.subkey(hashKeyName))
    this.#hashKeys.set(keyring, key)
    // The length keeps purpose and text apart.
    return createHmac('sha256', key)
      .update(`${purpose.length}:${purpose}`)
      .update(text)
      .digest('base64url')
  }

  async view<T>(work: (view: StoreView) => Soon<T>): Promise<T> {
    return this.look(work)
  }

  look<T>(work: (view: StoreView) => Soon<T>): Soon<T> {
    this.#requireReader()
    const snapshot = this.#snapshots.take()
    return conclude(
      () => work(snapshot.view),
      (value) => {
        snapshot.release()
        return value
      },
      (problem) => {
        snapshot.release()
        throw problem
      },
    )
  }

  async write<T>(work: (txn: StoreTransaction) => Soon<T>): Promise<T> {
    for (let attempt = 0; attempt < attemptsAmongOthersMax; attempt++) {
      const outcome = await this.#attempt(work, () => this.#turn.others())
      if (outcome.committed) return outcome.value
    }
    return this.#turn.alone(async () => {
      for (let attempt = 0; attempt < attemptsAloneMax; attempt++) {
        const outcome = await this.#attempt(work)
        if (outcome.committed) return outcome.value
      }
      throw new StoreUnavailable('too many others changed the same records')
    })
  }

  /** One run of the work and its commit, which `mayCommit` may hold back. */
  async #attempt<T>(
    work: (txn: StoreTransaction) => Soon<T>,
    mayCommit?: () => Promise<void> | undefined,
  ): Promise<{ readonly committed: boolean; readonly value: T }> {
    const run = this.#run(work, this.#opening)
    const { change, value } = run instanceof Promise ? await run : run
    if (change === undefined) return { committed: true, value }
    const turn = mayCommit?.()
    if (turn !== undefined) await turn
    // The work may have waited long; what was sealed with a forgotten key must not be written.
    this.#requireReader()
    const committed = (await this.#commits.submit(change)) === 'committed'
    return { committed, value }
  }

  /**
   * Runs the work as if the store were open with this keyring and gives the change without
   * committing it: for the first commit of all, which writes the keyring as well.
   */
  async prepare<T>(
    keyring: Keyring,
    work: (txn: StoreTransaction) => Soon<T>,
  ): Promise<{ change: Change | undefined; value: T }> {
    const reader = new RecordReader(keyring, 1)
    return this.#run(work, { reader: () => reader, reload: () => Promise.resolve(false) })
  }

  #run<T>(
    work: (txn: StoreTransaction) => Soon<T>,
    opening: Opening,
  ): Soon<{ change: Change | undefined; value: T }> {
    opening.reader()
    const txn = new Transaction(this.engine, opening)
    const end = <R>(result: () => R): R => {
      try {
        return result()
      } finally {
        txn.end()
      }
    }
    return conclude(
      () => work(txn),
      (value) => end(() => ({ change: txn.toChange(), value })),
      (problem) =>
        end(() => {
          throw problem
        }),
    )
  }

  /** Asked before each commit for a record that goes along: it is written with it or not at all. */
  sendAlong(take: (() => Companion | undefined) | undefined): void {
    this.#takeCompanion = take
  }

  /** Called at the begin of each commit; what it gives is called at its end. */
  watchCommits(watch: (changes: number) => () => void): void {
    this.#watchCommit = watch
  }

  #changeOf({ key, value, dependsOn }: Companion): Change {
    const sealed = this.keyring.seal(key.text, key.codec.encode(value as never))
    const expects: Expectation[] =
      dependsOn === undefined ? [] : [{ kind: 'present', key: dependsOn }]
    return { expects, puts: [[key.text, sealed]], deletes: [] }
  }

  /** Whoever hears of the commit reads a snapshot that has it. */
  async #commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    const done = this.#watchCommit?.(changes.length)
    try {
      const companion = this.sealed ? undefined : this.#takeCompanion?.()
      const all = companion === undefined ? changes : [...changes, this.#changeOf(companion)]
      const outcomes = await this.engine.commit(all)
      companion?.written?.()
      return companion === undefined ? outcomes : outcomes.slice(0, changes.length)
    } finally {
      done?.()
      this.#snapshots.renew()
    }
  }

  #requireReader(): RecordReader {
    if (this.#reader === undefined) throw new StoreSealed()
    return this.#reader
  }

  /** One load at a time, however many reads meet the unknown term. */
  #reload(): Promise<boolean> {
    this.#reloading ??= this.#loadKeyring()
      .then((keyring) => {
        if (keyring === undefined || this.#reader === undefined) return false
        const isNewer = keyring.activeTerm > this.#reader.keyring.activeTerm
        if (isNewer) this.openWith(keyring)
        return isNewer
      })
      .finally(() => {
        this.#reloading = undefined
      })
    return this.#reloading
  }

  #fail(error: Error): void {
    this.#failed = true
    this.seal()
    this.#onFatal(error)
  }
}

/**
 * Deletes every key of the range in steps of at most `stepKeysMax`; gives their number. Not one
 * atomic change.
 */
export async function destroyRange(
  store: Store,
  range: KeyRange,
  stepKeysMax: number,
): Promise<number> {
  let count = 0
  for (;;) {
    const keys = await store.view(async (view) => {
      const listed: string[] = []
      const step = { start: range.start, end: range.end, limit: stepKeysMax }
      for await (const key of view.keys(step)) listed.push(key)
      return listed
    })
    if (keys.length === 0) return count
    await store.write((txn) => {
      for (const key of keys) txn.delete(key)
    })
    count += keys.length
  }
}
