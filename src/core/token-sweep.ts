/**
 * Removes what is dead: expired and revoked tokens with their children and cubbyholes, tokens named
 * by a revocation marker, and mounts that were disabled. Everything it removes was unusable before,
 * so it may run at any time, on any node, be killed anywhere and start again. It works in small
 * commits, so that it never holds up a login for long.
 */

import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import { prefixRange, type Store, type StoreTransaction } from '../storage/store.ts'
import { isEndedBy } from './configuration.ts'
import { keys, lastSegment } from './keys.ts'
import type { CleanupJob, RevocationMarker } from './records.ts'
import { Rounds } from './rounds.ts'
import type { TokenScan } from './token-scan.ts'
import { revokedAtSeconds, type Tokens } from './tokens.ts'

const pauseMs = 1000
const dueAtOnceMax = 256
const childrenAtOnceMax = 256
const keysAtOnceMax = 512
const roundsOfOneTokenMax = 10_000
const jobsAtOnceMax = 1000
const retryDamagedMs = 60_000
const markersEveryMs = 600_000
const markersAtOnceMax = 10_000

export class TokenSweep {
  readonly #store: Store
  readonly #tokens: Tokens
  readonly #scan: TokenScan
  readonly #retryAtMs = new Map<string, number>()
  readonly #clock: Clock
  readonly #rounds: Rounds
  readonly #cubbyholePrefix: (tokenId: string) => string | undefined
  #markersAtMs = 0

  constructor(parts: {
    readonly store: Store
    readonly tokens: Tokens
    readonly scan: TokenScan
    readonly clock: Clock
    readonly logger: Logger
    /** Of several processes one sweeps; another begins when that one is gone. */
    readonly leads: () => boolean
    readonly cubbyholePrefix: (tokenId: string) => string | undefined
  }) {
    this.#store = parts.store
    this.#tokens = parts.tokens
    this.#scan = parts.scan
    this.#clock = parts.clock
    this.#cubbyholePrefix = parts.cubbyholePrefix
    const { clock, logger, leads } = parts
    const failed = 'sweep failed, it will be tried again'
    this.#rounds = new Rounds({ clock, logger, leads, pauseMs, failed, round: () => this.run() })
  }

  start(): void {
    this.#rounds.start()
  }

  /** Resolves when the running round is over. */
  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Does all that is due now; what the timer does, for callers that want it done. */
  async run(): Promise<void> {
    await this.#jobs()
    await this.#endedMarkers()
    // What ends with a token is due at once, so the way is taken again until nothing was left to
    // remove.
    while ((await this.#dueTokens()) > 0) continue
  }

  // ------------------------------------------------------------ tokens

  /** One way through what is due; gives the number of tokens that were removed. */
  async #dueTokens(): Promise<number> {
    let removed = 0
    let start: string = keys.expiryPrefix
    for (;;) {
      const range = { start, end: keys.expiryEnd(this.#tokens.nowSeconds), limit: dueAtOnceMax }
      const due = await this.#store.view(async (view) => {
        const found: string[] = []
        for await (const key of view.keys(range)) found.push(key)
        return found
      })
      for (const key of due) {
        if (this.#rounds.isStopped) return 0
        const id = lastSegment(key)
        if (await this.#scan.unlessDamaged(id, () => this.finish(id, key))) removed++
      }
      const last = due.at(-1)
      if (due.length < dueAtOnceMax || last === undefined) return removed
      start = `${last}\u0000`
      await this.#scan.turn()
    }
  }

  /**
   * Ends a token and with it all below it, or with its children as orphans: durable, and what has
   * ended unusable, when it resolves. False when there was none. What is more than one commit
   * should carry takes further ones.
   */
  async end(id: string, keepChildren = false): Promise<boolean> {
    for (let round = 0; round < roundsOfOneTokenMax; round++) {
      const done = await this.#store.write((txn) => this.#endStep(txn, id, keepChildren))
      if (done === 'more') continue
      if (done === 'begun') await this.finish(id)
      return done !== 'none'
    }
    return true
  }

  async #endStep(
    txn: StoreTransaction,
    id: string,
    keepChildren: boolean,
  ): Promise<'none' | 'more' | 'begun' | 'gone'> {
    const record = await txn.get(keys.token(id))
    if (record === undefined) return 'none'
    // The last of them and the token in one commit: a child that comes meanwhile is among them, or
    // finds no parent.
    if (keepChildren && (await orphanChildren(txn, id)) === childrenAtOnceMax) return 'more'
    const isAll = await this.#removeBelow(txn, id)
    if (isAll) this.#tokens.remove(txn, id, record)
    else this.#tokens.markRevoked(txn, id, record)
    return isAll ? 'gone' : 'begun'
  }

  /** Removes one dead token with everything below it. */
  async finish(id: string, expiryKey?: string): Promise<void> {
    for (let round = 0; round < roundsOfOneTokenMax; round++) {
      const more = await this.#store.write((txn) => this.#step(txn, id, expiryKey))
      if (!more) return
      await this.#scan.turn()
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
    if (!(await this.#removeBelow(txn, id))) return true
    this.#tokens.remove(txn, id, record)
    if (expiryKey !== undefined) txn.delete(expiryKey)
    return false
  }

  /** What of children and cubbyhole one commit carries; true when nothing is left of them. */
  async #removeBelow(txn: StoreTransaction, id: string): Promise<boolean> {
    return (
      (await this.#endChildren(txn, id)) < childrenAtOnceMax &&
      (await this.#emptyCubbyhole(txn, id)) < keysAtOnceMax
    )
  }

  async #endChildren(txn: StoreTransaction, id: string): Promise<number> {
    let count = 0
    for await (const key of txn.keys(
      prefixRange(keys.childPrefix(id), { limit: childrenAtOnceMax }),
    )) {
      count++
      const child = lastSegment(key)
      const record = await txn.get(keys.token(child))
      txn.delete(key)
      if (record === undefined || record.expires === revokedAtSeconds) continue
      this.#tokens.markRevoked(txn, child, record)
    }
    return count
  }

  async #emptyCubbyhole(txn: StoreTransaction, id: string): Promise<number> {
    const prefix = this.#cubbyholePrefix(id)
    return prefix === undefined ? 0 : deleteSome(txn, prefix)
  }

  // ------------------------------------------------------------ jobs

  /** All jobs together take one way through the tokens. */
  async #jobs(): Promise<void> {
    const jobs = await this.#readJobs()
    const markers = new Map<string, RevocationMarker | undefined>()
    const mounts = new Set<string>()
    for (const { job, marker } of jobs) {
      if (job.kind === 'revoked_prefix') markers.set(job.id, marker)
      else if (job.wasAuth) mounts.add(job.mount)
    }
    const damaged = await this.#endTokens([...markers.values()], mounts)
    for (const { job } of jobs) {
      if (this.#rounds.isStopped) return
      if (job.kind === 'mount') await this.#removeMount(job)
      // A token that cannot be read now may be readable later, so what ends it stays.
      else if (damaged > 0) this.#retryAtMs.set(job.id, this.#clock.monotonicMs() + retryDamagedMs)
      else await this.#removeMarker(job, markers.get(job.id))
    }
  }

  async #readJobs(): Promise<
    readonly { readonly job: CleanupJob; readonly marker: RevocationMarker | undefined }[]
  > {
    const now = this.#clock.monotonicMs()
    return this.#store.view(async (view) => {
      const found: { job: CleanupJob; marker: RevocationMarker | undefined }[] = []
      for await (const key of view.keys(keys.jobs(jobsAtOnceMax))) {
        const id = lastSegment(key)
        if ((this.#retryAtMs.get(id) ?? 0) > now) continue
        const job = await view.get(keys.job(id))
        if (job === undefined) continue
        const marker =
          job.kind === 'revoked_prefix' ? await view.get(keys.marker(job.marker)) : undefined
        found.push({ job, marker })
      }
      return found
    })
  }

  async #removeMarker(
    job: CleanupJob & { kind: 'revoked_prefix' },
    swept: RevocationMarker | undefined,
  ): Promise<void> {
    this.#retryAtMs.delete(job.id)
    await this.#store.write(async (txn) => {
      const marker = await txn.get(keys.marker(job.marker))
      // The same prefix was revoked again meanwhile: the next round ends those tokens too.
      if (marker?.upTo !== swept?.upTo) return
      txn.delete(keys.job(job.id).text)
      if (marker === undefined || this.#isEnded(marker)) txn.delete(keys.marker(job.marker).text)
      else txn.put(keys.marker(marker.id), { ...marker, swept: true })
    })
  }

  #isEnded(marker: RevocationMarker): boolean {
    return (marker.keepUntilMs ?? 0) <= this.#tokens.nowMs
  }

  /** Now and then: markers that stayed for batch tokens of which none can live any more. */
  async #endedMarkers(): Promise<void> {
    const nowMs = this.#tokens.nowMs
    if (nowMs < this.#markersAtMs) return
    await this.#store.write(async (txn) => {
      for await (const key of txn.keys(
        prefixRange(keys.markerPrefix, { limit: markersAtOnceMax }),
      )) {
        const marker = await txn.get(keys.marker(lastSegment(key)))
        if (marker?.swept === true && this.#isEnded(marker)) txn.delete(key)
      }
    })
    this.#markersAtMs = nowMs + markersEveryMs
  }

  async #removeMount(job: CleanupJob & { kind: 'mount' }): Promise<void> {
    for (const prefix of [keys.mountDataPrefix(job.mount), keys.mountConfigPrefix(job.mount)]) {
      const step = () => this.#store.write((txn) => deleteSome(txn, prefix))
      while (!this.#rounds.isStopped && (await step()) > 0) await this.#scan.turn()
    }
    if (this.#rounds.isStopped) return
    await this.#store.write((txn) => {
      txn.delete(keys.mount(job.mount).text)
      txn.delete(keys.job(job.id).text)
    })
  }

  /**
   * Ends every service token that a marker or a removed mount names; gives the number of those that
   * cannot be read.
   */
  async #endTokens(
    given: readonly (RevocationMarker | undefined)[],
    mounts: ReadonlySet<string>,
  ): Promise<number> {
    const markers = given.filter((marker) => marker !== undefined)
    if (markers.length === 0 && mounts.size === 0) return 0
    let named: string[] = []
    return this.#scan.each(
      (id, record) => {
        const isNamed =
          mounts.has(record.mount) ||
          markers.some((marker) => id <= marker.upTo && isEndedBy(marker, record))
        if (isNamed) named.push(id)
      },
      {
        isStopped: () => this.#rounds.isStopped,
        afterPage: async () => {
          const page = named
          named = []
          for (const id of page) {
            await this.#scan.unlessDamaged(id, () => this.end(id))
          }
        },
      },
    )
  }
}

/** Makes children of a token orphans; gives their number. */
async function orphanChildren(txn: StoreTransaction, id: string): Promise<number> {
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
}

/** As many keys below a prefix as one commit carries; gives how many they were. */
async function deleteSome(txn: StoreTransaction, prefix: string): Promise<number> {
  let count = 0
  for await (const key of txn.keys(prefixRange(prefix, { limit: keysAtOnceMax }))) {
    txn.delete(key)
    count++
  }
  return count
}
