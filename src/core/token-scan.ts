/**
 * Goes over all stored service tokens in small snapshots and lets other work run between them,
 * however many there are.
 */

import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import {
  prefixRange,
  RecordDamaged,
  type Codec,
  type Key,
  type Store,
  type StoreView,
} from '../storage/store.ts'
import { keys, lastSegment } from './keys.ts'
import type { TokenRecord } from './records.ts'

/** What a login waits for between two of its own turns (SEC-LOA-07). */
const pageSize = 32
const reportedMax = 1000

export interface ScanOptions {
  /** What is read is not remembered: nobody asked for those tokens. */
  readonly isPassing?: boolean
  readonly isStopped?: () => boolean
  /** Called after each page, outside its snapshot. */
  readonly afterPage?: () => Promise<void>
}

export class TokenScan {
  readonly #store: Store
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #reported = new Set<string>()

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly logger: Logger }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#logger = parts.logger
  }

  /**
   * Visits every token, oldest first; what cannot be read is reported and passed over. Gives how
   * many.
   */
  async each(
    visit: (id: string, record: TokenRecord, view: StoreView) => Promise<void> | void,
    { isPassing = false, isStopped, afterPage }: ScanOptions = {},
  ): Promise<number> {
    let damaged = 0
    let after: string | undefined
    for (;;) {
      if (isStopped?.() === true) return damaged
      const from = after
      const ids = await this.#store.view(async (view) => {
        const page: string[] = []
        const options = from === undefined ? {} : { after: from }
        const range = prefixRange(keys.tokenPrefix, { ...options, limit: pageSize })
        for await (const key of view.keys(range)) page.push(lastSegment(key))
        for (const id of page) {
          const isSound = await this.unlessDamaged(id, async () => {
            const record = await view.get(isPassing ? passing(keys.token(id)) : keys.token(id))
            if (record !== undefined) await visit(id, record, view)
          })
          if (!isSound) damaged++
        }
        return page
      })
      await afterPage?.()
      after = ids.at(-1)
      if (ids.length < pageSize || after === undefined) return damaged
      await this.turn()
    }
  }

  /**
   * Does the work on one token; false when its record or one that it needs is damaged, which is
   * reported once.
   */
  async unlessDamaged(id: string, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (problem) {
      if (!(problem instanceof RecordDamaged)) throw problem
      if (!this.#reported.has(id) && this.#reported.size < reportedMax) {
        this.#reported.add(id)
        this.#logger.log('error', 'a token record is damaged; the others are not affected', {
          detail: problem.message,
        })
      }
      return false
    }
  }

  /** Lets everything that is ready now go first. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#clock.soon(resolve))
  }
}

/** One codec for each, as the store remembers by it. */
const passingCodecs = new WeakMap<Codec<TokenRecord>, Codec<TokenRecord>>()

function passing({ text, codec }: Key<TokenRecord>): Key<TokenRecord> {
  const known = passingCodecs.get(codec) ?? { ...codec, isShortLived: true }
  passingCodecs.set(codec, known)
  return { text, codec: known }
}
