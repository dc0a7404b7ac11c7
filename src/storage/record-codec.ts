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
 * The same in the shortest form, for records of which there are millions. `wordOf` names a text
 * that may stand in a record more than once, such as the name of whoever logged in. Records that an
 * earlier version has written in full are told apart by their first character.
 */
export function packedRecordCodec<T extends RecordTable>(
  definition: RecordDefinition<T>,
  wordOf: (record: StoredOf<T>) => string,
): Codec<StoredOf<T>> {
  const full = plainRecordCodec(definition)
  const packed = new PackedRecord(definition)
  const { decode } = plainCodec<JsonValue>()
  return {
    encode: (record) => foldWord(JSON.stringify(packed.pack(record)), wordOf(record)),
    decode: (text) =>
      text.startsWith('{') ? full.decode(text) : packed.unpack(decode(unfoldWord(text))),
  }
}

/** Stands for the word; JSON writes this character as it is, and hardly any text has it. */
const wordMark = '\u007f'
const wordLengthMin = 8

/** `<mark><word as JSON writes it>` in a line before the text in which the mark stands for it. */
function foldWord(text: string, word: string): string {
  if (word.length < wordLengthMin || text.includes(wordMark)) return text
  const written = JSON.stringify(word).slice(1, -1)
  return `${wordMark}${written}\n${text.replaceAll(written, wordMark)}`
}

function unfoldWord(text: string): string {
  if (!text.startsWith(wordMark)) return text
  // JSON writes a line feed as an escape, so the first one ends the word.
  const end = text.indexOf('\n')
  const written = text.slice(wordMark.length, end)
  return text.slice(end + 1).replaceAll(wordMark, () => written)
}

function upgrading<T extends RecordTable>(
  definition: RecordDefinition<T>,
  { encode, decode }: Codec<StoredOf<T>>,
): Codec<StoredOf<T>> {
  return { encode, decode: (text) => definition.upgrade(decode(text)) }
}
