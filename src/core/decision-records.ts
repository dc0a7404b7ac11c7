/**
 * What was decided about each login, kept for the operator (explain.md §4): a ring of sealed blocks
 * in storage. A block is written with the commit that makes the tokens of its accepted logins, so
 * that it costs a share of one write and no sync; refused logins go along with the next commit, or
 * have one of their own after a moment.
 */

import { isJsonArray, type JsonObject } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import {
  exactCodec,
  prefixRange,
  type Codec,
  type Companion,
  type Key,
  type Store,
} from '../storage/store.ts'
import type { Reason } from '../trust/reasons.ts'
import type { LoginEnd, LoginNote } from '../framework/login-log.ts'
import { keys } from './keys.ts'

/** How long a refused login may wait for somebody else's commit. */
const waitMs = 100
/** Refused logins kept a second; a flood of them neither fills the disk nor slows the others. */
const refusedPerSecondMax = 200
const secondMs = 1000
/** Of one block, so that none is long in the making. */
const entriesOfBlockMax = 512
/** Beyond the ring before the oldest go, so that this is rare. */
const overMax = 1000
const deletedAtOnce = 500
/** Clocks of two processes may differ by so much, and a block wait so long for its commit. */
const overlapMs = 5_000
const blocksOfLookMax = 512
const keysOfLookMax = 8_192
const textLengthMax = 256

/** One login, as it is kept. Never a token or a signature. */
export interface DecisionRecord {
  /** The request id: the caller has it, and the log. */
  readonly id: string
  readonly timeMs: number
  readonly mount: string
  readonly decision: LoginEnd
  readonly reason?: Reason | undefined
  readonly role?: string | undefined
  readonly roleVersion?: number | undefined
  readonly kind?: 'jwt' | 'oidc' | undefined
  /** Id of the check that failed, and the claim that it was about. */
  readonly check?: string | undefined
  readonly claim?: string | undefined
  readonly issuer?: string | undefined
  readonly keyId?: string | undefined
  readonly source?: string | undefined
  readonly displayName?: string | undefined
  readonly entityId?: string | undefined
  readonly accessor?: string | undefined
  /** Those on the allow-list, cut; only of a token that was proven. */
  readonly claims?: JsonObject | undefined
  /** By a list of the mount's own: what is not among them may have been there. */
  readonly claimsListed?: boolean | undefined
  readonly isCel?: boolean | undefined
  readonly verifyMs?: number | undefined
  readonly keysMs?: number | undefined
  readonly decideMs?: number | undefined
  /** Of an accepted one, and known a little later: the commit that it was written with. */
  readonly commitMs?: number | undefined
}

/** From what a method notes about a login. */
export function decisionRecord(parts: {
  readonly note: LoginNote
  readonly requestId: string
  readonly end: LoginEnd
  readonly mount: string
  readonly clientAddress: string | undefined
  readonly timeMs: number
  readonly displayName?: string | undefined
  readonly accessor?: string | undefined
  readonly entityId?: string | undefined
}): DecisionRecord {
  const { note } = parts
  return {
    id: parts.requestId,
    timeMs: Math.floor(parts.timeMs),
    mount: parts.mount,
    decision: parts.end,
    reason: note.reason,
    role: note.role?.slice(0, textLengthMax),
    roleVersion: note.roleVersion,
    kind: note.kind,
    check: note.check,
    claim: note.claim?.slice(0, textLengthMax),
    issuer: note.issuer?.slice(0, textLengthMax),
    keyId: note.keyId?.slice(0, textLengthMax),
    source: parts.clientAddress,
    displayName: parts.displayName?.slice(0, textLengthMax),
    entityId: parts.entityId,
    accessor: parts.accessor,
    claims: note.claims,
    claimsListed: note.claimsListed,
    isCel: note.isCel,
    verifyMs: rounded(note.verifyMs),
    keysMs: rounded(note.keysMs),
    decideMs: rounded(note.decideMs),
  }
}

/** To the microsecond, which is as much as the clock knows. */
function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000
}

/** A commit that a block was written with. */
interface WrittenBlock {
  readonly key: string
  readonly ms: number
}

/** The format of a block. */
interface Block {
  readonly v: 1
  readonly entries: readonly DecisionRecord[]
  /** Refused logins that were left out before it. */
  readonly dropped: number
  /** How long the commit of the block before it took: no block can say that of itself. */
  readonly before?: WrittenBlock & JsonObject
}

type StoredBlock = Block & JsonObject

const exact = exactCodec<StoredBlock>()

/** Nearly all claims are texts and plain numbers, which the platform writes at once. */
const blockCodec: Codec<StoredBlock> = {
  ...exact,
  encode: (block) =>
    block.entries.every(({ claims }) => claims === undefined || isPlain(claims))
      ? JSON.stringify(block)
      : exact.encode(block),
  isShortLived: true,
}

function isPlain(claims: JsonObject): boolean {
  for (const name of Object.keys(claims)) {
    const value = claims[name]
    if (typeof value !== 'object' || value === null) continue
    if (!isJsonArray(value) || value.some((item) => typeof item === 'object')) return false
  }
  return true
}

export interface RecordQuery {
  readonly mount?: string | undefined
  readonly role?: string | undefined
  readonly decision?: string | undefined
  readonly reason?: string | undefined
  /** Only what is not older. */
  readonly sinceMs?: number | undefined
  /** Only what is older than the record of that id. */
  readonly after?: string | undefined
  readonly limit: number
}

export type FeedFilter = Pick<RecordQuery, 'mount' | 'role' | 'decision' | 'reason'>

export interface Followed {
  readonly position: FeedPosition
  readonly records: readonly DecisionRecord[]
}

/**
 * Blocks are keyed by the clocks of their makers, so that one may come behind a later one: those of
 * the last seconds are looked at again, and known by their keys.
 */
export interface FeedPosition {
  readonly fromMs: number
  readonly seen: ReadonlySet<string>
}

/** How many refused logins are kept a second. */
export class RefusalShare {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #secondStartedMs = Number.NEGATIVE_INFINITY
  #refusedOfSecond = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** Takes one; false when there is none left. */
  take(): boolean {
    const now = this.#clock.monotonicMs()
    if (now - this.#secondStartedMs >= secondMs) {
      this.#secondStartedMs = now
      this.#refusedOfSecond = 0
    }
    return ++this.#refusedOfSecond <= refusedPerSecondMax
  }
}

export class DecisionRecords {
  readonly #store: Store
  readonly #clock: Clock
  readonly #random: Random
  readonly #recordsMax: number
  #pending: DecisionRecord[] = []
  #dropped = 0
  #cancelFlush: (() => void) | undefined
  readonly #refusals: RefusalShare
  #lastMs = 0
  /** The last block that was written, until the next one says how long that took. */
  #written: WrittenBlock | undefined
  /** Kept since the last count, beside what was counted then; undefined until the first one. */
  #estimate: number | undefined
  #isTrimming = false
  #isClosed = false

  constructor(parts: {
    readonly store: Store
    readonly clock: Clock
    readonly random: Random
    /** 0 keeps none. */
    readonly recordsMax: number
    /** Of the whole server, whose namespaces share it. */
    readonly refusals: RefusalShare
  }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#random = parts.random
    this.#refusals = parts.refusals
    this.#recordsMax = parts.recordsMax
  }

  get isOn(): boolean {
    return this.#recordsMax > 0
  }

  /** Goes along with the next commit: called in the step in which the login's own is submitted. */
  add(record: DecisionRecord): void {
    if (!this.isOn || this.#isClosed) return
    if (record.decision === 'refused' && !this.#refusals.take()) {
      this.#dropped++
      return
    }
    this.#pending.push(record)
    this.#cancelFlush ??= this.#clock.after(waitMs, () => {
      this.#cancelFlush = undefined
      void this.#flush().catch(() => undefined)
    })
  }

  /** What goes along with a commit that is about to be made. */
  takeCompanion(): Companion | undefined {
    const block = this.#takeBlock()
    if (block === undefined) return undefined
    const key = this.#nextKey(block.entries.length)
    return { key: key as Key<never>, value: block, written: this.#timer(key) }
  }

  /** What nobody's commit has taken along yet would be lost. */
  get isPending(): boolean {
    return this.#pending.length > 0
  }

  /** Writes what waits; resolves when that is kept, or cannot be. */
  async close(): Promise<void> {
    await this.#flush().catch(() => undefined)
    this.#isClosed = true
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
  }

  // ---------------------------------------------------------------- reads

  /** The newest record of that request. */
  async find(id: string): Promise<DecisionRecord | undefined> {
    for await (const record of this.#newestFirst()) if (record.id === id) return record
    return undefined
  }

  /** Newest first. */
  async list(query: RecordQuery): Promise<readonly DecisionRecord[]> {
    const found: DecisionRecord[] = []
    const seen = new Set<string>()
    let isAfter = query.after === undefined
    for await (const record of this.#newestFirst()) {
      if (query.sinceMs !== undefined && record.timeMs < query.sinceMs) break
      // What was said of an attempt last is what holds.
      if (seen.has(record.id)) continue
      seen.add(record.id)
      if (!isAfter) {
        isAfter = record.id === query.after
        continue
      }
      if (!fits(record, query)) continue
      found.push(record)
      if (found.length >= query.limit) break
    }
    return found
  }

  /** What came since that position, of all processes; without one it begins at the present. */
  async follow(position: FeedPosition | undefined): Promise<Followed> {
    await this.#flush()
    const nowMs = Math.floor(this.#clock.nowMs())
    const startMs = position?.fromMs ?? nowMs - overlapMs
    const start = keys.decisionsFrom(startMs)
    const range = { ...prefixRange(keys.decisionPrefix), start, limit: keysOfLookMax }
    return this.#store.view(async (view) => {
      const found: string[] = []
      for await (const key of view.keys(range)) found.push(key)
      // Who is so far behind begins anew: the records themselves are still there to be listed.
      if (position === undefined || found.length === keysOfLookMax) {
        return { position: { fromMs: nowMs - overlapMs, seen: new Set(found) }, records: [] }
      }
      const fresh = found.filter((key) => !position.seen.has(key))
      const taken = fresh.slice(0, blocksOfLookMax)
      const blocks = (await view.getMany(
        taken.map((text) => ({ text, codec: blockCodec })),
      )) as readonly (StoredBlock | undefined)[]
      const left = new Set(fresh.slice(blocksOfLookMax))
      return {
        position: {
          fromMs: left.size === 0 ? nowMs - overlapMs : startMs,
          seen: new Set(found.filter((key) => !left.has(key))),
        },
        records: blocks.flatMap((block) => block?.entries ?? []),
      }
    })
  }

  /** Refused logins that were left out, of the time that is kept. */
  async droppedCount(): Promise<number> {
    let count = 0
    for await (const { dropped } of this.#newestBlocks()) count += dropped
    return count + this.#dropped
  }

  async *#newestFirst(): AsyncGenerator<DecisionRecord> {
    for await (const { entries } of this.#newestBlocks()) yield* entries.toReversed()
  }

  async *#newestBlocks(): AsyncGenerator<Block> {
    await this.#flush()
    const range = { ...prefixRange(keys.decisionPrefix), reverse: true }
    let end = range.end
    const took = new Map<string, number>()
    if (this.#written !== undefined) took.set(this.#written.key, this.#written.ms)
    for (;;) {
      const blocks = await this.#store.view(async (view) => {
        const found: Key<StoredBlock>[] = []
        for await (const text of view.keys({ ...range, end, limit: 64 })) {
          found.push({ text, codec: blockCodec })
        }
        const values = (await view.getMany(found)) as readonly (StoredBlock | undefined)[]
        return found.map(({ text }, i) => ({ text, block: values[i] }))
      })
      for (const { text, block } of blocks) {
        end = text
        if (block === undefined) continue
        if (block.before !== undefined) took.set(block.before.key, block.before.ms)
        const commitMs = took.get(text)
        took.delete(text)
        yield commitMs === undefined ? block : withCommit(block, commitMs)
      }
      if (blocks.length === 0) return
    }
  }

  // ---------------------------------------------------------------- writes

  #takeBlock(): StoredBlock | undefined {
    if (this.#pending.length === 0) return undefined
    const entries = this.#pending.splice(0, entriesOfBlockMax)
    const before = this.#written
    const block: Block = {
      v: 1,
      entries,
      dropped: this.#dropped,
      ...(before === undefined ? {} : { before: { ...before } }),
    }
    this.#dropped = 0
    this.#written = undefined
    if (this.#pending.length === 0) {
      this.#cancelFlush?.()
      this.#cancelFlush = undefined
    }
    this.#count(entries.length)
    return block as StoredBlock
  }

  /** Ordered by time; of two processes, or of one whose clock went back, none takes another's. */
  #nextKey(count: number): Key<StoredBlock> {
    this.#lastMs = Math.max(this.#lastMs + 1, Math.floor(this.#clock.nowMs()))
    const suffix = this.#random.bytes(4).toString('hex')
    return { text: keys.decisionBlock(this.#lastMs, suffix, count), codec: blockCodec }
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0 && !this.#isClosed) {
      const block = this.#takeBlock()
      if (block === undefined) return
      const key = this.#nextKey(block.entries.length)
      const written = this.#timer(key)
      await this.#store.write((txn) => txn.put(key, block))
      written()
    }
  }

  /** From the begin of a commit; to be called at its end. */
  #timer({ text: key }: Key<StoredBlock>): () => void {
    const startedMs = this.#clock.monotonicMs()
    return () => {
      this.#written = { key, ms: rounded(this.#clock.monotonicMs() - startedMs) ?? 0 }
    }
  }

  #count(added: number): void {
    if (this.#estimate !== undefined) this.#estimate += added
    const isDue = this.#estimate === undefined || this.#estimate > this.#recordsMax + overMax
    if (!isDue || this.#isTrimming) return
    this.#isTrimming = true
    void this.#trim()
      .catch(() => undefined)
      .finally(() => {
        this.#isTrimming = false
      })
  }

  /** Deletes the oldest blocks that the ring has no room for; blocks say how many are in them. */
  async #trim(): Promise<void> {
    const blocks: { readonly key: string; readonly count: number }[] = []
    await this.#store.view(async (view) => {
      for await (const key of view.keys(prefixRange(keys.decisionPrefix))) {
        blocks.push({ key, count: keys.decisionsIn(key) })
      }
    })
    let left = blocks.reduce((sum, { count }) => sum + count, 0)
    const gone: string[] = []
    for (const { key, count } of blocks) {
      if (left - count < this.#recordsMax) break
      gone.push(key)
      left -= count
    }
    for (let at = 0; at < gone.length && !this.#isClosed; at += deletedAtOnce) {
      await this.#store.write((txn) => {
        for (const key of gone.slice(at, at + deletedAtOnce)) txn.delete(key)
      })
    }
    this.#estimate = left
  }
}

function withCommit(block: Block, commitMs: number): Block {
  const entries = block.entries.map((entry) =>
    entry.decision === 'accepted' ? { ...entry, commitMs } : entry,
  )
  return { ...block, entries }
}

/** Whether a record is among those that are asked for. */
export function fits(
  record: DecisionRecord,
  { mount, role, decision, reason }: FeedFilter,
): boolean {
  if (mount !== undefined && record.mount !== mount) return false
  if (role !== undefined && record.role !== role) return false
  if (decision !== undefined && record.decision !== decision) return false
  return reason === undefined || record.reason === reason
}
