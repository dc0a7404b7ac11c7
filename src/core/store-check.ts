/**
 * Whether a store is whole, from one snapshot of it while it is served: every sealed record opens,
 * every token has its rows in the indexes, and no row names what is not there.
 */

import { turn, type Turns } from '../lib/turns.ts'
import { epochKey } from '../storage/epoch.ts'
import { TermUnknown } from '../storage/keyring.ts'
import { partsOfKey, scopedKey } from '../storage/scoped-store.ts'
import type { SealedStore } from '../storage/sealed-store.ts'
import { RecordDamaged, textKey, viewOf, type EngineView } from '../storage/store.ts'
import { keys, lastSegment } from './keys.ts'
import type { TokenRecord } from './records.ts'
import { sealRecordPrefix } from './seal/seal-records.ts'
import { isChildHere, revokedAtSeconds } from './tokens.ts'

export interface StoreReport {
  readonly records: number
  readonly tokens: number
  readonly index_rows: number
  readonly problem_count: number
  /** The first of them. */
  readonly problems: readonly string[]
}

const problemsShownMax = 100
/** Records between two turns of the others: a few milliseconds of work. */
const recordsOfTurn = 200
const everything = { start: '', end: '\u{10ffff}' }

export interface StoreCheckContext {
  readonly store: SealedStore
  readonly clock: Turns
}

export class StoreCheck {
  readonly #context: StoreCheckContext
  #running: Promise<StoreReport> | undefined

  constructor(context: StoreCheckContext) {
    this.#context = context
  }

  /** Who asks while one is running is told what that one finds. */
  run(): Promise<StoreReport> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  #run(): Promise<StoreReport> {
    const { store, clock } = this.#context
    return viewOf(store.engine, async (view) => {
      const reading = new Reading(store, view)
      let count = 0
      for await (const [key, value] of view.range(everything)) {
        if (++count % recordsOfTurn === 0) await turn(clock)
        // The keys behind the seal, and what is not sealed.
        if (key.startsWith(sealRecordPrefix) || key === epochKey.text) continue
        await reading.see(key, value)
      }
      return reading.report()
    })
  }
}

/** A key, in the scope of its namespace if it has one. */
interface Place {
  readonly whole: string
  /** As in the root. */
  readonly key: string
  /** Where another key lies in the same scope. */
  readonly beside: (key: string) => string
}

class Reading {
  readonly #store: SealedStore
  readonly #view: EngineView
  readonly #problems: string[] = []
  #problemCount = 0
  #records = 0
  #tokens = 0
  #rows = 0

  constructor(store: SealedStore, view: EngineView) {
    this.#store = store
    this.#view = view
  }

  report(): StoreReport {
    return {
      records: this.#records,
      tokens: this.#tokens,
      index_rows: this.#rows,
      problem_count: this.#problemCount,
      problems: this.#problems,
    }
  }

  async see(key: string, value: Uint8Array): Promise<void> {
    const parts = partsOfKey(key)
    const place: Place = {
      whole: key,
      key: parts?.key ?? key,
      beside: parts === undefined ? (other) => other : (other) => scopedKey(parts.scope, other),
    }
    if (value.length === 0) return this.#seeRow(place)
    this.#records++
    const text = await this.#open(key, value)
    if (text === undefined) this.#tell(`the record ${key} does not open`)
    else if (place.key.startsWith(keys.tokenPrefix)) await this.#seeToken(place, text)
  }

  async #open(key: string, value: Uint8Array): Promise<string | undefined> {
    try {
      return this.#store.keyring.open(key, value).toString()
    } catch (problem) {
      if (problem instanceof TermUnknown) return this.#openAnew(key, value)
      if (problem instanceof RecordDamaged) return undefined
      throw problem
    }
  }

  /** Another process may have rotated: whoever reads a record of a new term loads the keyring. */
  async #openAnew(key: string, value: Uint8Array): Promise<string | undefined> {
    try {
      await this.#store.view((view) => view.get(textKey(key)))
      return this.#store.keyring.open(key, value).toString()
    } catch (problem) {
      if (problem instanceof RecordDamaged) return undefined
      throw problem
    }
  }

  async #seeToken(place: Place, text: string): Promise<void> {
    this.#tokens++
    const id = lastSegment(place.key)
    const record = parseToken(text)
    if (record.expires !== 0) await this.#wantRow(place, keys.expiry(record.expires, id))
    // What ended with its parent waits for the sweep and needs the parent no more.
    if (isChildHere(record) && record.expires !== revokedAtSeconds) {
      await this.#wantRow(place, keys.child(record.parent, id))
      await this.#wantRow(place, keys.token(record.parent).text)
    }
    if (record.custom === true) await this.#wantRow(place, keys.customToken(record.h).text)
    if (record.entity !== '') await this.#wantRow(place, keys.entity(record.entity).text)
  }

  /** A row without a record: of the expiry of tokens, or of their children. */
  async #seeRow({ whole, key, beside }: Place): Promise<void> {
    this.#rows++
    const isExpiry = key.startsWith(keys.expiryPrefix)
    if (!isExpiry && !key.startsWith(keys.childrenPrefix)) return
    const id = lastSegment(key)
    const token = beside(keys.token(id).text)
    const [value] = await this.#view.getMany([token])
    const text = value === undefined ? undefined : await this.#open(token, value)
    if (value === undefined) return this.#tell(`the row ${whole} has no token`)
    // What does not open is told where it lies.
    if (text === undefined) return
    const record = parseToken(text)
    const own = isExpiry
      ? keys.expiry(record.expires, id)
      : isChildHere(record)
        ? keys.child(record.parent, id)
        : ''
    if (own !== key) this.#tell(`the row ${whole} is not the one of its token`)
  }

  async #wantRow({ whole, beside }: Place, row: string): Promise<void> {
    const wanted = beside(row)
    const [value] = await this.#view.getMany([wanted])
    if (value === undefined) this.#tell(`${whole} lacks ${wanted}`)
  }

  #tell(problem: string): void {
    this.#problemCount++
    if (this.#problems.length < problemsShownMax) this.#problems.push(problem)
  }
}

function parseToken(text: string): TokenRecord {
  return keys.token('').codec.decode(text)
}
