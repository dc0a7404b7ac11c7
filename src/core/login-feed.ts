/**
 * Decided logins as they come, for those who watch (explain.md §4). One look at the store for all
 * readers together, and only while there are any: what another process of this server has decided
 * is there as well, and nobody's login waits for a reader. A reader that does not keep up is let go
 * and counted; what a reader may hold up is a list of records that all readers share.
 */

import type { Clock } from '../platform/clock.ts'
import { Counter, gauge, type Family } from '../lib/metrics.ts'
import {
  fits,
  type DecisionRecord,
  type DecisionRecords,
  type FeedFilter,
  type FeedPosition,
} from './decision-records.ts'

interface LoginItem {
  readonly kind: 'login'
  readonly record: DecisionRecord
}

/** What a reader is given: a record, a sign of life, or why it ends. */
export type FeedItem =
  | LoginItem
  | { readonly kind: 'alive' }
  | { readonly kind: 'end'; readonly why: 'slow' | 'not_allowed' | 'closed' }

/** The part of the records that a feed reads. */
type FeedSource = Pick<DecisionRecords, 'follow'>

interface Reader {
  readonly filter: FeedFilter
  readonly isAllowed: () => Promise<boolean>
  readonly waiting: FeedItem[]
  wake: () => void
  /** It was told that nothing is missed from here on. */
  isGreeted: boolean
  toldMs: number
  end: 'slow' | 'not_allowed' | 'closed' | undefined
}

/** Of all namespaces together, and of one below the root, which takes no other's place. */
const readersMax = 200
const namespaceReadersMax = 50
/** Not taken by a reader when the next ones come; what one look found is no sign of slowness. */
const waitingMax = 1_000
const lookEveryMs = 300
/** A connection on which nothing comes is taken for a dead one, on either side. */
const aliveEveryMs = 5_000

/** Those who watch, in all namespaces of this process. */
export class LoginReaders {
  #count = 0
  readonly #feeds = new Set<LoginFeed>()
  readonly #dropped = new Counter(
    'tokenstile_login_stream_dropped_total',
    'Those who watched logins and did not keep up.',
  )

  /** Counts a reader of that feed; false when there are too many already. */
  enter(feed: LoginFeed): boolean {
    if (this.#count >= readersMax) return false
    this.#count++
    this.#feeds.add(feed)
    return true
  }

  leave(feed: LoginFeed): void {
    this.#count--
    if (!feed.isWatched) this.#feeds.delete(feed)
  }

  dropped(): void {
    this.#dropped.add({})
  }

  metrics(): readonly Family[] {
    const readers = 'Those who watch logins as they come.'
    return [
      gauge('tokenstile_login_stream_readers', readers, [{ labels: {}, value: this.#count }]),
      this.#dropped.collect(),
    ]
  }

  /** Ends all of them: the server stops. */
  close(): void {
    for (const feed of this.#feeds) feed.close()
  }
}

export class LoginFeed {
  readonly #clock: Clock
  readonly #source: () => FeedSource
  readonly #readers = new Set<Reader>()
  readonly #all: LoginReaders
  readonly #readersMax: number
  #position: FeedPosition | undefined
  #isLooking = false

  constructor(parts: {
    readonly clock: Clock
    /** Throws, or rejects, while nobody may read there: that ends all readers. */
    readonly source: () => FeedSource
    readonly all: LoginReaders
    readonly isOfRoot: boolean
  }) {
    this.#clock = parts.clock
    this.#source = parts.source
    this.#all = parts.all
    this.#readersMax = parts.isOfRoot ? readersMax : namespaceReadersMax
  }

  get isWatched(): boolean {
    return this.#readers.size > 0
  }

  /** Undefined when there are too many already. */
  open(
    filter: FeedFilter,
    isAllowed: () => Promise<boolean>,
  ): AsyncGenerator<FeedItem> | undefined {
    if (this.#readers.size >= this.#readersMax || !this.#all.enter(this)) return undefined
    const nowMs = this.#clock.monotonicMs()
    const reader: Reader = {
      filter,
      isAllowed,
      waiting: [],
      isGreeted: false,
      wake: () => undefined,
      toldMs: nowMs,
      end: undefined,
    }
    this.#readers.add(reader)
    void this.#look()
    return this.#read(reader)
  }

  /** Ends all readers: the seal closes, or the server stops. */
  close(): void {
    for (const reader of this.#readers) this.#end(reader, 'closed')
  }

  async *#read(reader: Reader): AsyncGenerator<FeedItem> {
    try {
      for (;;) {
        const item = reader.waiting.shift()
        if (item !== undefined) {
          yield item
          continue
        }
        if (reader.end !== undefined) {
          yield { kind: 'end', why: reader.end }
          return
        }
        await new Promise<void>((resolve) => {
          reader.wake = resolve
        })
      }
    } finally {
      this.#remove(reader)
    }
  }

  #remove(reader: Reader): void {
    if (this.#readers.delete(reader)) this.#all.leave(this)
  }

  /** Goes on for as long as somebody reads. */
  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      while (this.#readers.size > 0) {
        const { position, records } = await this.#source().follow(this.#position)
        this.#position = position
        // Asked after the records were read: whoever was revoked before gets none of them.
        await this.#dismiss()
        const logins = records.map((record): LoginItem => ({ kind: 'login', record }))
        for (const reader of this.#readers) this.#give(reader, logins)
        this.#keepAlive()
        await new Promise<void>((resolve) => {
          this.#clock.after(lookEveryMs, resolve)
        })
      }
    } catch {
      this.close()
    } finally {
      this.#position = undefined
      this.#isLooking = false
    }
  }

  #give(reader: Reader, logins: readonly LoginItem[]): void {
    if (reader.waiting.length > waitingMax) {
      this.#all.dropped()
      this.#end(reader, 'slow')
      return
    }
    if (!reader.isGreeted) reader.waiting.push({ kind: 'alive' })
    reader.isGreeted = true
    for (const item of logins) {
      if (fits(item.record, reader.filter)) reader.waiting.push(item)
    }
    if (reader.waiting.length > 0) {
      reader.toldMs = this.#clock.monotonicMs()
      reader.wake()
    }
  }

  /** Ends those whose token or right is gone. */
  async #dismiss(): Promise<void> {
    const asked = [...this.#readers].map(async (reader) => {
      if (!(await reader.isAllowed())) this.#end(reader, 'not_allowed')
    })
    await Promise.all(asked)
  }

  #keepAlive(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const reader of this.#readers) {
      if (nowMs - reader.toldMs >= aliveEveryMs && reader.waiting.length === 0) {
        reader.toldMs = nowMs
        reader.waiting.push({ kind: 'alive' })
        reader.wake()
      }
    }
  }

  /** What it has not read yet is forgotten. */
  #end(reader: Reader, why: 'slow' | 'not_allowed' | 'closed'): void {
    reader.end = why
    reader.waiting.length = 0
    this.#remove(reader)
    reader.wake()
  }
}
