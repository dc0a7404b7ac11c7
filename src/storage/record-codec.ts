/**
 * Records of a definition in the store: whatever version wrote one, it is read with every member
 * that this version knows. A codec is made once for each definition, since what was decoded is
 * remembered together with it.
 */

import type { RecordDefinition, RecordTable, StoredOf } from '../schema/record.ts'
import { exactCodec, plainCodec, type Codec } from './store.ts'

/** For records that hold values from requests: every number keeps its digits. */
export function recordCodec<T extends RecordTable>(
  definition: RecordDefinition<T>,
): Codec<StoredOf<T>> {
  return upgrading(definition, exactCodec<StoredOf<T>>())
}

/** For records that hold nothing but what the server makes: quicker. */
export function plainRecordCodec<T extends RecordTable>(
  definition: RecordDefinition<T>,
): Codec<StoredOf<T>> {
  return upgrading(definition, plainCodec<StoredOf<T>>())
}

function upgrading<T extends RecordTable>(
  definition: RecordDefinition<T>,
  { encode, decode }: Codec<StoredOf<T>>,
): Codec<StoredOf<T>> {
  return { encode, decode: (text) => definition.upgrade(decode(text)) }
}
