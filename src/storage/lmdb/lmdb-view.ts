/** Reads from one LMDB read transaction, which all trees share. */

import { compareKeys } from '../key-order.ts'
import type { EngineSnapshot, KeyRange } from '../store.ts'
import type { Database, Tree } from './database.ts'
import type { TreeRange, Trees } from './trees.ts'

export type Snapshot = ReturnType<Database['useReadTransaction']>

/** Entries read in one go: no cursor stays open while the caller works on what it got. */
const firstEntries = 32
const furtherEntries = 256

/** Longer bounds than LMDB compares are cut; what that adds is filtered. */
const boundLengthMax = 600

export class LmdbView implements EngineSnapshot {
  readonly #trees: Trees
  readonly #snapshot: Snapshot
  readonly #options: { readonly transaction: Snapshot }

  constructor(trees: Trees, snapshot: Snapshot) {
    this.#trees = trees
    this.#snapshot = snapshot
    this.#options = { transaction: snapshot }
  }

  release(): void {
    this.#snapshot.done()
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => binaryReads(this.#trees.of(key)).getBinary(key, this.#options))
  }

  getNow(key: string): Uint8Array | undefined {
    const database = binaryReads(this.#trees.of(key))
    const borrowed = database.getBinaryFast(key, this.#options)
    // A window onto the shared buffer: a copy would cost more than the read itself.
    return borrowed === undefined
      ? undefined
      : Uint8Array.prototype.subarray.call(borrowed, 0, database.lastSize)
  }

  async *range(range: KeyRange): AsyncGenerator<readonly [string, Uint8Array]> {
    let { start, end } = range
    let left = range.limit ?? Infinity
    let entriesMax = firstEntries
    const reverse = range.reverse === true
    while (left > 0) {
      const entries = readEntries(this.#trees, this.#snapshot, {
        start,
        end,
        reverse,
        limit: Math.min(left, entriesMax),
      })
      const isLast = entries.length < Math.min(left, entriesMax)
      for (const entry of entries) yield entry
      const last = entries.at(-1)
      if (isLast || last === undefined) return
      left -= entries.length
      entriesMax = furtherEntries
      if (reverse) end = last[0]
      else start = `${last[0]}\u0000`
    }
  }
}

interface BinaryReads {
  getBinary(key: string, options: { transaction: Snapshot }): Uint8Array | undefined
  /** Into a buffer that the next read uses again; its true size is `lastSize`. */
  getBinaryFast(key: string, options: { transaction: Snapshot }): Uint8Array | undefined
  readonly lastSize: number
}

/** The typings know these without options only. */
function binaryReads(tree: Tree): BinaryReads {
  return tree as unknown as BinaryReads
}

/**
 * Entries of a range in order, within a snapshot or, without one, within the write transaction that
 * is running.
 */
export function readEntries(
  trees: Trees,
  snapshot: Snapshot | undefined,
  range: KeyRange,
): (readonly [string, Uint8Array])[] {
  const { reverse = false, limit = Infinity } = range
  const pieces = trees.piecesOf(range)
  const entries: (readonly [string, Uint8Array])[] = []
  for (const piece of reverse ? pieces.toReversed() : pieces) {
    const left = limit - entries.length
    if (left <= 0) break
    for (const entry of readPiece(piece, snapshot, reverse, left)) entries.push(entry)
  }
  return entries
}

function readPiece(
  range: TreeRange,
  snapshot: Snapshot | undefined,
  reverse: boolean,
  limit: number,
): (readonly [string, Uint8Array])[] {
  const start = range.start.slice(0, boundLengthMax)
  const isEndCut = range.end.length > boundLengthMax
  const end = isEndCut ? `${range.end.slice(0, boundLengthMax)}\u{10ffff}` : range.end
  const isCut = isEndCut || start !== range.start
  // LMDB has no empty key; the smallest one it has begins with a zero byte.
  const low = start === '' ? '\u0000' : start
  const entries: (readonly [string, Uint8Array])[] = []
  const found = range.tree.getRange({
    start: reverse ? end : low,
    end: reverse ? low : end,
    reverse,
    exclusiveStart: reverse,
    inclusiveEnd: reverse,
    ...(snapshot === undefined ? {} : { transaction: snapshot }),
    ...(isCut || limit === Infinity ? {} : { limit }),
  })
  for (const { key, value } of found) {
    if (typeof key !== 'string') continue
    if (isCut && (compareKeys(key, range.start) < 0 || compareKeys(key, range.end) >= 0)) continue
    entries.push([key, value])
    if (entries.length >= limit) break
  }
  return entries
}
