/**
 * Records of a definition in the store: whatever version wrote one, it is read with every member
 * that this version knows.
 */

import type { RecordDefinition, RecordTable, StoredOf } from '../schema/record.ts'
import { exactCodec, type Codec } from './store.ts'

/**
 * One for each definition, made once: what was decoded is remembered with its codec. Numbers of
 * requests keep their digits.
 */
export function recordCodec<T extends RecordTable>(
  definition: RecordDefinition<T>,
): Codec<StoredOf<T>> {
  const exact = exactCodec<StoredOf<T>>()
  return {
    encode: exact.encode,
    decode: (text) => definition.upgrade(exact.decode(text)),
  }
}
