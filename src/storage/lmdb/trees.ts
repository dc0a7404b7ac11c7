/**
 * The trees of the data file. LMDB fills its pages only where a tree grows at its very end: a page
 * in the middle is split into halves, and the one behind which nothing comes any more stays half
 * empty. So what grows at its end has a tree of its own. The engine above sees one order of keys.
 */

import { compareKeys } from '../key-order.ts'
import type { KeyRange } from '../store.ts'
import type { Database, RawKey, Tree } from './database.ts'

/**
 * Tokens and the rows of their ends (core/keys.ts), in the order of keys. This is the format of the
 * folder: another list is another format.
 */
export const growingPrefixes: readonly string[] = ['t/', 'x/']

/**
 * LMDB keeps a tree under its name among the keys of the root; no record has such a key. It reads
 * the name up to its first zero byte.
 */
const namePrefix = '\u0001tree '

interface Apart {
  /** The keys that are in this tree. */
  readonly start: string
  readonly end: string
  /** Undefined for the names of the trees, which are nobody's records. */
  readonly tree: Tree | undefined
}

/** A piece of a range that lies in one tree. */
export interface TreeRange {
  readonly tree: Tree
  readonly start: string
  readonly end: string
}

export class Trees {
  readonly root: Database
  readonly #apart: readonly Apart[]

  /** `openTree` is asked for each tree that the folder's format has beside the root. */
  constructor(root: Database, prefixes: readonly string[], openTree: (name: string) => Tree) {
    this.root = root
    const names = { start: namePrefix, end: endOf(namePrefix), tree: undefined }
    const apart = prefixes.map((start) => {
      return { start, end: endOf(start), tree: openTree(namePrefix + start) }
    })
    this.#apart = [names, ...apart]
  }

  /** The tree that a record with this key is in, whether or not there is one. */
  of(key: RawKey): Tree {
    if (typeof key !== 'string') return this.root
    for (const { start, tree } of this.#apart) {
      if (tree !== undefined && key.startsWith(start)) return tree
    }
    return this.root
  }

  /** The range in pieces, one behind the other in the order of keys. */
  piecesOf({ start, end }: KeyRange): readonly TreeRange[] {
    const pieces: TreeRange[] = []
    let at = start
    for (const apart of this.#apart) {
      pieces.push({ tree: this.root, start: at, end: smaller(end, apart.start) })
      if (apart.tree !== undefined) {
        const { tree, start: first } = apart
        pieces.push({ tree, start: larger(at, first), end: smaller(end, apart.end) })
      }
      at = larger(at, apart.end)
    }
    pieces.push({ tree: this.root, start: at, end })
    return pieces.filter((piece) => compareKeys(piece.start, piece.end) < 0)
  }
}

/** The first key behind all those that begin with the prefix. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

function smaller(a: string, b: string): string {
  return compareKeys(a, b) < 0 ? a : b
}

function larger(a: string, b: string): string {
  return compareKeys(a, b) < 0 ? b : a
}
