/**
 * Removes what is dead: expired and revoked tokens with their children and cubbyholes, tokens named by a revocation
 * marker, and mounts that were disabled. Everything it removes was unusable before, so it may run at any time, on any
 * node, be killed anywhere and start again. It works in small commits, so that it never holds up a login for long.
 */

import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { prefixRange, StoreSealed, type Store, type StoreTransaction } from '../storage/store.ts'
import { isEndedBy } from './configuration.ts'
import { keys, lastSegment } from './keys.ts'
import type { CleanupJob, TokenRecord } from './records.ts'
import { revokedAtSeconds, type Tokens } from './tokens.ts'

const pauseMs = 1000
const dueAtOnceMax = 256
const childrenAtOnceMax = 256
const keysAtOnceMax = 512
const roundsOfOneTokenMax = 10_000

export class TokenSweep {
  readonly #store: Store
  readonly #tokens: Tokens
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #cubbyholePrefix: (tokenId: string) => string | undefined
  #cancel: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(parts: {
    readonly store: Store
    readonly tokens: Tokens
    readonly clock: Clock
    readonly logger: Logger
    readonly cubbyholePrefix: (tokenId: string) => string | undefined
  }) {
    this.#store = parts.store
    this.#tokens = parts.tokens
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.#cubbyholePrefix = parts.cubbyholePrefix
  }

  start(): void {
    this.#stopped = false
    this.#schedule(0)
  }

  /** Resolves when the running round is over. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#running
  }

  /** Does all that is due now; what the timer does, for callers that want it done. */
  async run(): Promise<void> {
    await this.#jobs()
    while (!this.#stopped && (await this.#dueTokens()) === dueAtOnceMax) continue
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#running = this.run()
        .catch((problem: unknown) => {
          if (!(problem instanceof StoreSealed)) {
            const detail = problem instanceof Error ? problem.message : 'unknown'
            this.#logger.log('warn', 'sweep failed, it will be tried again', { detail })
          }
        })
        .then(() => this.#schedule(pauseMs))
    })
  }

  // ------------------------------------------------------------ tokens

  async #dueTokens(): Promise<number> {
    const now = this.#tokens.nowSeconds
    const due = await this.#store.view(async (view) => {
      const found: string[] = []
      const range = { start: keys.expiryPrefix, end: keys.expiryEnd(now), limit: dueAtOnceMax }
      for await (const key of view.keys(range)) found.push(key)
      return found
    })
    for (const key of due) {
      if (this.#stopped) break
      await this.finish(lastSegment(key), key)
    }
    return due.length
  }

  /** Removes one dead token with everything below it. */
  async finish(id: string, expiryKey?: string): Promise<void> {
    for (let round = 0; round < roundsOfOneTokenMax; round++) {
      const more = await this.#store.write((txn) => this.#step(txn, id, expiryKey))
      if (!more) return
    }
  }

  /** One bounded step; true when there is more to do. */
  async #step(txn: StoreTransaction, id: string, expiryKey: string | undefined): Promise<boolean> {
    const record = await txn.get(keys.token(id))
    const now = this.#tokens.nowSeconds
    if (record === undefined || record.expires === 0 || record.expires > now) {
      // The token was renewed or removed after its row was found: the row alone is stale.
      if (
        expiryKey !== undefined &&
        (record === undefined || keys.expiry(record.expires, id) !== expiryKey)
      ) {
        txn.delete(expiryKey)
      }
      return false
    }
    if (await this.#endChildren(txn, id)) return true
    if (await this.#emptyCubbyhole(txn, id)) return true
    this.#tokens.remove(txn, id, record)
    if (expiryKey !== undefined) txn.delete(expiryKey)
    return false
  }

  async #endChildren(txn: StoreTransaction, id: string): Promise<boolean> {
    let count = 0
    for await (const key of txn.keys(
      prefixRange(keys.childPrefix(id), { limit: childrenAtOnceMax }),
    )) {
      count++
      const child = lastSegment(key)
      const record = await txn.get(keys.token(child))
      txn.delete(key)
      if (record === undefined || record.expires === revokedAtSeconds) continue
      if (record.expires !== 0) txn.delete(keys.expiry(record.expires, child))
      txn.put(keys.token(child), { ...record, expires: revokedAtSeconds, renewable: false })
      txn.putIndex(keys.expiry(revokedAtSeconds, child))
    }
    return count > 0
  }

  async #emptyCubbyhole(txn: StoreTransaction, id: string): Promise<boolean> {
    const prefix = this.#cubbyholePrefix(id)
    if (prefix === undefined) return false
    let count = 0
    for await (const key of txn.keys(prefixRange(prefix, { limit: keysAtOnceMax }))) {
      txn.delete(key)
      count++
    }
    return count > 0
  }

  /** True when a token has children or a cubbyhole, so that its removal takes more than one step. */
  async hasMore(txn: StoreTransaction, id: string): Promise<boolean> {
    for await (const _ of txn.keys(prefixRange(keys.childPrefix(id), { limit: 1 }))) return true
    const prefix = this.#cubbyholePrefix(id)
    if (prefix === undefined) return false
    for await (const _ of txn.keys(prefixRange(prefix, { limit: 1 }))) return true
    return false
  }

  /** Makes children of a token orphans, then the token can go alone. */
  async orphanChildren(id: string): Promise<void> {
    for (let round = 0; round < roundsOfOneTokenMax; round++) {
      const count = await this.#store.write(async (txn) => {
        let found = 0
        for await (const key of txn.keys(
          prefixRange(keys.childPrefix(id), { limit: childrenAtOnceMax }),
        )) {
          found++
          txn.delete(key)
          const child = keys.token(lastSegment(key))
          const record = await txn.get(child)
          if (record === undefined) continue
          const { parent: _, ...rest } = record
          txn.put(child, { ...rest, orphan: true })
        }
        return found
      })
      if (count === 0) return
    }
  }

  // ------------------------------------------------------------ jobs

  async #jobs(): Promise<void> {
    const jobs = await this.#store.view(async (view) => {
      const found: CleanupJob[] = []
      for await (const key of view.keys(prefixRange(keys.jobPrefix, { limit: 100 }))) {
        const job = await view.get(keys.job(lastSegment(key)))
        if (job !== undefined) found.push(job)
      }
      return found
    })
    for (const job of jobs) {
      if (this.#stopped) return
      if (job.kind === 'revoked_prefix') await this.#sweepPrefix(job)
      else await this.#sweepMount(job)
    }
  }

  async #sweepPrefix(job: CleanupJob & { kind: 'revoked_prefix' }): Promise<void> {
    const marker = await this.#store.view((view) => view.get(keys.marker(job.marker)))
    if (marker !== undefined) {
      await this.#endTokens(marker.upTo, (record) => isEndedBy(marker, record))
    }
    if (this.#stopped) return
    await this.#store.write((txn) => {
      txn.delete(keys.marker(job.marker).text)
      txn.delete(keys.job(job.id).text)
    })
  }

  async #sweepMount(job: CleanupJob & { kind: 'mount' }): Promise<void> {
    if (job.wasAuth) {
      await this.#endTokens(undefined, (record) => record.mount === job.mount)
    }
    for (const prefix of [keys.mountDataPrefix(job.mount), keys.mountConfigPrefix(job.mount)]) {
      while (!this.#stopped && (await this.#deleteKeys(prefix)) > 0) continue
    }
    if (this.#stopped) return
    await this.#store.write((txn) => {
      txn.delete(keys.mount(job.mount).text)
      txn.delete(keys.job(job.id).text)
    })
  }

  async #deleteKeys(prefix: string): Promise<number> {
    return this.#store.write(async (txn) => {
      let count = 0
      for await (const key of txn.keys(prefixRange(prefix, { limit: keysAtOnceMax }))) {
        txn.delete(key)
        count++
      }
      return count
    })
  }

  /** Ends every service token up to an id whose path or mount is named. */
  async #endTokens(
    upTo: string | undefined,
    isNamed: (record: TokenRecord) => boolean,
  ): Promise<void> {
    let after: string | undefined
    for (;;) {
      if (this.#stopped) return
      const from = after
      const page = await this.#store.view(async (view) => {
        const ids: string[] = []
        const named: string[] = []
        const options = from === undefined ? {} : { after: from }
        for await (const key of view.keys(
          prefixRange(keys.tokenPrefix, { ...options, limit: dueAtOnceMax }),
        )) {
          const id = lastSegment(key)
          ids.push(id)
          const record = await view.get(keys.token(id))
          if (record !== undefined && isNamed(record)) named.push(id)
        }
        return { ids, named }
      })
      for (const id of page.named) {
        if (upTo !== undefined && id > upTo) continue
        await this.#tokens.revoke(id, (txn) => this.hasMore(txn, id))
        await this.finish(id)
      }
      after = page.ids.at(-1)
      if (after === undefined || (upTo !== undefined && after > upTo)) return
    }
  }
}
