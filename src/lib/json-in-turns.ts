/**
 * Large JSON texts, read and written a slice at a time with a turn of the event loop between the
 * slices: one caller's megabytes are nobody else's wait. Results are those of `json.ts`.
 */

import {
  encodeJson,
  encodeJsonName,
  isJsonArray,
  isJsonObject,
  JsonReader,
  parseJson,
  type JsonLimits,
  type JsonProblem,
  type JsonValue,
} from './json.ts'
import type { Result } from './result.ts'
import { turn, type Turns } from './turns.ts'
import { decodeUtf8 } from './utf8.ts'

/** Characters or bytes between two turns: a millisecond or two. */
const sliceLength = 131_072

/** The bytes as text; they are UTF-8, as the caller has made sure. */
export async function decodeInTurns(bytes: Buffer, turns: Turns): Promise<string> {
  if (bytes.length <= sliceLength) return decodeUtf8(bytes)
  const parts: string[] = []
  let start = 0
  while (start < bytes.length) {
    let end = Math.min(start + sliceLength * 8, bytes.length)
    // Back to where a character begins.
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    parts.push(decodeUtf8(bytes.subarray(start, end)))
    start = end
    await turn(turns)
  }
  return parts.join('')
}

export async function parseJsonInTurns(
  text: string,
  limits: JsonLimits,
  turns: Turns,
): Promise<Result<JsonValue, JsonProblem>> {
  if (text.length <= sliceLength) return parseJson(text, limits)
  const reader = new JsonReader(text, limits)
  for (;;) {
    const result = reader.read(sliceLength)
    if (result !== undefined) return result
    await turn(turns)
  }
}

/** As `encodeJson`; lists and objects are waited for, what stands in them is not. */
export async function encodeJsonInTurns(value: JsonValue, turns: Turns): Promise<string> {
  const text = new TextInTurns(turns)
  await writeValue(text, value, '')
  return text.whole
}

async function writeValue(text: TextInTurns, value: JsonValue, before: string): Promise<void> {
  if (isJsonArray(value)) {
    text.add(`${before}[`)
    for (let i = 0; i < value.length; i++) {
      const written = writeEntry(text, value[i] ?? null, i === 0 ? '' : ',')
      if (written !== undefined) await written
    }
    text.add(']')
    if (text.isSliceFull) await text.pause()
    return
  }
  if (!isJsonObject(value)) {
    text.add(before + encodeJson(value))
    return
  }
  text.add(`${before}{`)
  let comma = ''
  for (const name of Object.keys(value)) {
    const item = value[name]
    if (item === undefined) continue
    const written = writeEntry(text, item, comma + encodeJsonName(name))
    if (written !== undefined) await written
    comma = ','
  }
  text.add('}')
  if (text.isSliceFull) await text.pause()
}

/**
 * Undefined when there is nothing to wait for: most entries are plain, and a promise for each costs
 * more than they do.
 */
function writeEntry(
  text: TextInTurns,
  value: JsonValue,
  before: string,
): Promise<void> | undefined {
  if (isJsonArray(value) || isJsonObject(value)) return writeValue(text, value, before)
  text.add(before + encodeJson(value))
  return text.isSliceFull ? text.pause() : undefined
}

/** A text that grows by pieces, and how much of it was made since the last turn. */
class TextInTurns {
  readonly #turns: Turns
  readonly #pieces: string[] = []
  #length = 0

  constructor(turns: Turns) {
    this.#turns = turns
  }

  get whole(): string {
    return this.#pieces.join('')
  }

  get isSliceFull(): boolean {
    return this.#length >= sliceLength
  }

  /** A piece costs something, however short it is. */
  add(piece: string): void {
    this.#pieces.push(piece)
    this.#length += piece.length + 32
  }

  pause(): Promise<void> {
    this.#length = 0
    return turn(this.#turns)
  }
}
