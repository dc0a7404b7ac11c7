/**
 * Records of a definition in the store: whatever version wrote one, it is read with every member
 * that this version knows. A codec is made once for each definition, since what was decoded is
 * remembered together with it.
 */

import type { JsonValue } from '../lib/json.ts'
import type { RecordDefinition, RecordTable, StoredOf } from '../schema/record.ts'
import { PackedRecord } from '../schema/packed-record.ts'
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

/**
 * The same in the shortest form, for records of which there are millions. Those that an earlier
 * version has written in full are told apart by their first character.
 */
export function packedRecordCodec<T extends RecordTable>(
  definition: RecordDefinition<T>,
): Codec<StoredOf<T>> {
  const full = plainRecordCodec(definition)
  const packed = new PackedRecord(definition)
  const { decode } = plainCodec<JsonValue>()
  return {
    encode: (record) => JSON.stringify(packed.pack(record)),
    decode: (text) => (text.startsWith('[') ? packed.unpack(decode(text)) : full.decode(text)),
  }
}

function upgrading<T extends RecordTable>(
  definition: RecordDefinition<T>,
  { encode, decode }: Codec<StoredOf<T>>,
): Codec<StoredOf<T>> {
  return { encode, decode: (text) => definition.upgrade(decode(text)) }
}
