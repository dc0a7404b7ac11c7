/** The types of an open LMDB data file and of a tree in it: texts as keys, bytes as values. */

import type { Database as NamedDatabase, RootDatabase } from 'lmdb'

/** A text, or raw bytes for the engine's own records. */
export type RawKey = string | Buffer

export type Database = RootDatabase<Uint8Array, RawKey>

/** The root or another. */
export type Tree = NamedDatabase<Uint8Array, RawKey>
