/**
 * What the rest of the server sees of storage: an ordered map from text keys to records, read in
 * snapshots and changed in atomic, durable steps. `Engine` is what memory, LMDB and PostgreSQL
 * implement (bytes, no secrets visible to it); `Store` is the sealed, typed view above it (see
 * `sealed-store.ts`).
 *
 * Keys are segments joined by "/", at most `keyBytesMax` bytes of UTF-8, ordered by their bytes.
 * Every record is sealed with its own key as associated data; a record moved to another key does
 * not open.
 */

import {
  encodeJson,
  parseJson,
  requestJsonLimits,
  type JsonLimits,
  type JsonValue,
} from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'

export const keyBytesMax = 1536

/** Records under this prefix are configuration: each commit that changes one advances the epoch. */
export const configurationPrefix = 'c/'

// ---------------------------------------------------------------- engines

export interface KeyRange {
  /** First key of the range, included. */
  readonly start: string
  /** First key after the range; never part of it. */
  readonly end: string
  readonly limit?: number
  readonly reverse?: boolean
}

export interface EngineView {
  /**
   * One value without waiting, from engines that read from memory of this machine. It is only valid
   * until the next call.
   */
  getNow?(key: string): Uint8Array | undefined
  /**
   * Values in the order of the keys, from one snapshot; undefined where there is none. A value is
   * only valid until the next call.
   */
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Entries in order. */
  range(range: KeyRange): AsyncIterable<readonly [key: string, value: Uint8Array]>
}

/** A view that stays as it is until it is released. */
export interface EngineSnapshot extends EngineView {
  release(): void
}

/** What a change rests on; it is refused as a conflict when that no longer holds. */
export type Expectation =
  | { readonly kind: 'value'; readonly key: string; readonly value: Uint8Array | undefined }
  | { readonly kind: 'keys'; readonly range: KeyRange; readonly keys: readonly string[] }
  /** Whatever it is. What rests on nothing else costs an engine no reading before the commit. */
  | { readonly kind: 'present'; readonly key: string }

export interface Change {
  readonly expects: readonly Expectation[]
  readonly puts: readonly (readonly [key: string, value: Uint8Array])[]
  readonly deletes: readonly string[]
  /** The engine raises the epoch in the same commit, see `epoch.ts`. */
  readonly advancesEpoch?: true
}

export type CommitOutcome = 'committed' | 'conflict'

/** All that was committed at one moment, as the engine keeps it. */
export interface EngineCopy {
  /** The store's own name for itself. */
  readonly store: string
  /** Of the engine's own. */
  readonly format: number
  readonly bytes: number
  /** To be read once, to its end or not; a piece is valid until the next one is asked for. */
  readonly content: AsyncIterable<Uint8Array>
  /** Whatever was read of it: what it holds back is free again. */
  release(): void
}

export interface Engine {
  /** Name in `storage_type` of the seal status. */
  readonly type: 'inmem' | 'lmdb' | 'postgresql'
  /** All that is committed now, and nothing of what comes later. */
  snapshot(): EngineSnapshot
  /**
   * Applies changes in order, each whole or not at all, later ones seeing earlier ones. Resolves
   * when all that committed is durable. Rejects when durability is unknown: the caller must then
   * stop serving.
   */
  commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]>
  /** Engines that keep a file of their own; commits go on meanwhile. */
  copy?(): EngineCopy
  close(): Promise<void>
}

/** Runs `work` on one snapshot. */
export async function viewOf<T>(
  engine: Pick<Engine, 'snapshot'>,
  work: (view: EngineView) => Promise<T>,
): Promise<T> {
  const snapshot = engine.snapshot()
  try {
    return await work(snapshot)
  } finally {
    snapshot.release()
  }
}

// ---------------------------------------------------------------- store

/** How a record becomes text and back. */
export interface Codec<T> {
  encode(value: T): string
  decode(text: string): T
  /** What is read once or twice and then gone is not worth remembering. */
  readonly isShortLived?: boolean
  /**
   * For the rare record that is not sealed; undefined for bytes of another form, which are opened
   * as usual.
   */
  readonly decodeUnsealed?: (stored: Uint8Array) => T | undefined
}

/** A key that knows the type of its record. */
export interface Key<T> {
  readonly text: string
  readonly codec: Codec<T>
}

/**
 * Records made of plain JSON; what was written by this server is trusted to have its type, since it
 * opened.
 */
export function plainCodec<T>(): Codec<T> {
  return plainJson as Codec<T>
}

const plainJson: Codec<unknown> = {
  encode: (value) => JSON.stringify(value),
  decode: (text) => JSON.parse(text) as unknown,
}

/**
 * Records that hold values from requests: every number keeps its digits. Objects come back without
 * a prototype.
 */
export function exactCodec<T extends object>(): Codec<T> {
  return exactJson as unknown as Codec<T>
}

const exactJson: Codec<JsonValue> = {
  encode: encodeJson,
  decode: (text) => {
    const parsed = parseJson(text, storedJsonLimits)
    if (!parsed.ok) throw new TypeError('a record is no JSON text')
    return parsed.value
  },
}

/** Of what this server wrote itself: deeper by its own frame, and otherwise as it was let in. */
export const storedJsonLimits: JsonLimits = {
  ...requestJsonLimits,
  depthMax: requestJsonLimits.depthMax + 16,
  stringLengthMax: Number.MAX_SAFE_INTEGER,
  entriesMax: Number.MAX_SAFE_INTEGER,
  entriesTotalMax: Number.MAX_SAFE_INTEGER,
}

/** Text records, for bodies that must come back digit by digit. */
export const textCodec: Codec<string> = { encode: (value) => value, decode: (text) => text }

/** A record that goes along with somebody else's commit. */
export interface Companion {
  readonly key: Key<never>
  readonly value: unknown
  /** It is written while there is a record at this key alone. */
  readonly dependsOn?: string
  /** Called once it is durable. */
  readonly written?: () => void
}

export function recordKey<T>(text: string): Key<T> {
  return { text, codec: plainCodec<T>() }
}

export function textKey(text: string): Key<string> {
  return { text, codec: textCodec }
}

export interface StoreView {
  /**
   * The record, or undefined. The same object comes back as long as the stored bytes are the same
   * and it is still cached, so it can key a WeakMap of what was compiled from it. Never change it.
   * It comes at once from an engine that can answer so.
   */
  get<T>(key: Key<T>): Soon<T | undefined>
  /** Two records and the epoch from one moment, in one step: for hot paths. */
  getMany(keys: readonly Key<unknown>[]): Promise<readonly unknown[]>
  /**
   * The same without waiting, for hot paths: `view.getNow(keys) ?? (await view.getMany(keys))`.
   * Undefined when the engine cannot answer at once.
   */
  getNow(keys: readonly Key<unknown>[]): readonly unknown[] | undefined
  /**
   * Grows with every commit that changed a record below `configurationPrefix`, on whichever node.
   */
  epoch(): Soon<number>
  /** Keys in order. */
  keys(range: KeyRange): AsyncIterable<string>
}

export interface StoreTransaction extends StoreView {
  put<T>(key: Key<T>, value: T): void
  /** A key without a record: a row of an index. */
  putIndex(key: string): void
  delete(key: string): void
  /** What this changes is a conflict unless there is a record at that key when it is committed. */
  dependOn(key: string): void
}

export interface Store {
  readonly type: Engine['type']
  view<T>(work: (view: StoreView) => Soon<T>): Promise<T>
  /**
   * The same on the way of every request: what `work` gives at once comes at once, and what it
   * throws is thrown.
   */
  look<T>(work: (view: StoreView) => Soon<T>): Soon<T>
  /**
   * Runs `work`, which may be run again when another commit came between, and commits what it put
   * and deleted in one atomic durable step. What it read is checked again at the commit. Throws
   * what `work` throws, having written nothing. The work must not write itself: when it has lost
   * too often, it runs while no other write may commit.
   */
  write<T>(work: (txn: StoreTransaction) => Soon<T>): Promise<T>
}

/** Seals texts that leave the store and come back, such as batch tokens and cookies. */
export interface TextSealer {
  /** The purpose is bound to it. */
  sealText(purpose: string, text: string): Buffer
  /** The text, or undefined for anything that was not sealed here for this purpose. */
  openText(purpose: string, sealed: Uint8Array): string | undefined
  /** A keyed hash of a text, the same for ever: what stands for a secret that is only compared. */
  hashText(purpose: string, text: string): string
}

/** The range of all keys that begin with the prefix. */
export function prefixRange(
  prefix: string,
  options: { limit?: number; after?: string } = {},
): KeyRange {
  const last = prefix.charCodeAt(prefix.length - 1)
  const end = prefix.slice(0, -1) + String.fromCharCode(last + 1)
  const start = options.after === undefined ? prefix : `${prefix}${options.after}\u0000`
  return options.limit === undefined ? { start, end } : { start, end, limit: options.limit }
}

/** The store is sealed: nothing can be read or written until it is opened. */
export class StoreSealed extends Error {
  override readonly name = 'StoreSealed'
  constructor() {
    super('the store is sealed')
  }
}

/** A record does not open: it was changed, moved or written under a lost key. */
export class RecordDamaged extends Error {
  override readonly name = 'RecordDamaged'
  constructor(key: string) {
    super(`the record at ${key} does not open`)
  }
}

/**
 * The engine cannot take a commit now (disk full, read-only, connection lost before anything was
 * sent).
 */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}
