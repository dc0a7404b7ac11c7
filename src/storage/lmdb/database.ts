/** The type of the open LMDB database: texts as keys, bytes as values. */

import type { RootDatabase } from 'lmdb'

/** A text, or raw bytes for the engine's own records. */
export type RawKey = string | Buffer

export type Database = RootDatabase<Uint8Array, RawKey>
