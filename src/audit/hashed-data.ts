/**
 * The data of a request or an answer as a record shows it (platform.md §8.3): every text is hashed,
 * names of members, numbers, truths and nulls stay. What is large is hashed a piece at a time, with
 * turns for everybody else between the pieces.
 */

import { BoundedCache } from '../lib/bounded-cache.ts'
import {
  emptyObject,
  encodeJson,
  encodeJsonName,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  JsonText,
  parseJson,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { parseJsonInTurns } from '../lib/json-in-turns.ts'
import { escapeControls } from '../lib/one-line.ts'
import { turn, type Turns } from '../lib/turns.ts'
import { storedJsonLimits } from '../storage/store.ts'

/** Gives what stands in the record for a text, as a string of JSON. */
export type HashText = (text: string) => string

/** Data up to this size is hashed at once: a fraction of a millisecond. */
const smallTextsMax = 256
const smallCharsMax = 65_536

/** Between two turns. */
const sliceTextsMax = 256
const sliceCharsMax = 131_072

export interface DataView {
  readonly hash: HashText
  /** Names of top-level members that are shown as they are. */
  readonly plainKeys: readonly string[]
}

/** JSON text of the data; it has to be small or prepared. */
export function hashedDataText(data: JsonObject, { hash, plainKeys }: DataView): string {
  let text = '{'
  for (const name of Object.keys(data)) {
    const value = data[name]
    if (value === undefined) continue
    text += (text.length === 1 ? '' : ',') + nameText(name)
    text += plainKeys.includes(name) ? escapeControls(encodeJson(value)) : hashedText(value, hash)
  }
  return text + '}'
}

const namesMax = 4096
const nameCharsMax = 64
const names = new BoundedCache<string, string>(namesMax)

/** A name with its colon. */
function nameText(name: string): string {
  const known = names.get(name)
  if (known !== undefined) return known
  const text = escapeControls(encodeJsonName(name))
  if (name.length <= nameCharsMax) names.set(name, text)
  return text
}

function hashedText(value: JsonValue, hash: HashText): string {
  if (typeof value === 'string') return hash(value)
  if (typeof value !== 'object' || value === null || value instanceof JsonNumber) {
    return encodeJson(value)
  }
  if (isJsonArray(value)) {
    let text = '['
    for (let i = 0; i < value.length; i++) {
      text += (i === 0 ? '' : ',') + hashedText(value[i] ?? null, hash)
    }
    return text + ']'
  }
  // Ready JSON has been read by `readData`; what were not would be shown as it is.
  if (value instanceof JsonText) return hash(value.text)
  let text = '{'
  for (const name of Object.keys(value)) {
    const item = value[name]
    if (item === undefined) continue
    text += (text.length === 1 ? '' : ',') + nameText(name) + hashedText(item, hash)
  }
  return text + '}'
}

/** Levels at which an answer holds ready JSON: deeper than any does. */
const readyLevelsMax = 8

/**
 * The data with all ready JSON in it read, so that its texts can be told from its names; at once
 * where it is small.
 */
export function readData(
  data: JsonObject | JsonText,
  turns: Turns,
): JsonObject | Promise<JsonObject> {
  if (!(data instanceof JsonText) && !holdsReadyJson(data, 0)) return data
  const left = { texts: smallTextsMax, chars: smallCharsMax }
  if (fits(data, left)) return objectOf(readNow(data, 0))
  return readInTurns(data, turns, 0).then(objectOf)
}

function objectOf(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : { value }
}

function readNow(value: JsonValue, level: number): JsonValue {
  if (value instanceof JsonText) {
    const parsed = parseJson(value.text, storedJsonLimits)
    // An answer whose text is no JSON cannot leave; its record shows one hash.
    return parsed.ok ? parsed.value : value.text
  }
  if (!isJsonObject(value) || !holdsReadyJson(value, level)) return value
  const read = emptyObject()
  for (const name of Object.keys(value)) read[name] = readNow(value[name] ?? null, level + 1)
  return read
}

async function readInTurns(value: JsonValue, turns: Turns, level: number): Promise<JsonValue> {
  if (value instanceof JsonText) {
    const parsed = await parseJsonInTurns(value.text, storedJsonLimits, turns)
    return parsed.ok ? parsed.value : value.text
  }
  if (!isJsonObject(value) || !holdsReadyJson(value, level)) return value
  const read = emptyObject()
  for (const name of Object.keys(value)) {
    read[name] = await readInTurns(value[name] ?? null, turns, level + 1)
  }
  return read
}

function holdsReadyJson(value: JsonValue, level: number): boolean {
  if (value instanceof JsonText) return true
  if (!isJsonObject(value) || level > readyLevelsMax) return false
  for (const name of Object.keys(value)) {
    const item = value[name]
    if (typeof item === 'object' && item !== null && holdsReadyJson(item, level + 1)) return true
  }
  return false
}

/** Whether hashing it at once would hold up others. */
export function isLarge(data: JsonObject): boolean {
  return !fits(data, { texts: smallTextsMax, chars: smallCharsMax })
}

function fits(value: JsonValue | undefined, left: { texts: number; chars: number }): boolean {
  if (left.texts < 0 || left.chars < 0) return false
  left.texts--
  if (typeof value === 'string' || value instanceof JsonText) {
    left.chars -= typeof value === 'string' ? value.length : value.text.length
    return left.chars >= 0
  }
  if (typeof value !== 'object' || value === null || value instanceof JsonNumber) return true
  if (isJsonArray(value)) return value.every((item) => fits(item, left))
  const object: JsonObject = value
  return Object.keys(object).every((name) => fits(object[name], left))
}

/** Hashes all texts of large data in turns; gives what then answers at once. */
export async function hashInTurns(
  data: JsonObject,
  hash: HashText,
  turns: Turns,
): Promise<HashText> {
  const texts: string[] = []
  collectTexts(data, texts)
  const hashes = new Map<string, string>()
  let count = 0
  let chars = 0
  for (const text of texts) {
    if (hashes.has(text)) continue
    hashes.set(text, hash(text))
    chars += text.length
    if (++count < sliceTextsMax && chars < sliceCharsMax) continue
    count = 0
    chars = 0
    await turn(turns)
  }
  return (text) => hashes.get(text) ?? hash(text)
}

function collectTexts(value: JsonValue | undefined, texts: string[]): void {
  if (typeof value === 'string') {
    texts.push(value)
    return
  }
  if (isJsonArray(value)) for (const item of value) collectTexts(item, texts)
  else if (isJsonObject(value)) {
    for (const name of Object.keys(value)) collectTexts(value[name], texts)
  }
}

/** In place of what a list answered, how much it was (`elide_list_responses`). */
export function elided(data: JsonObject): JsonObject {
  const { keys, key_info: info } = data
  return {
    ...data,
    ...(isJsonArray(keys) ? { keys: keys.length } : {}),
    ...(isJsonObject(info) ? { key_info: Object.keys(info).length } : {}),
  }
}

/** Shorter ones are in any text by chance. */
const hiddenCharsMin = 6
/** Beyond these a text is not looked through: its hash stands in its place. */
const searchedCharsMax = 4096
const searchedValuesMax = 256

/** A place in a text, and what stands there. */
interface Quote {
  readonly start: number
  readonly end: number
  readonly value: string
}

/**
 * A text that may quote what was sent, such as a refusal, with hashes in the places of what stands
 * in the data: as it is, as JSON writes it, or in lower case. The text is looked through once, and
 * never what was put into it.
 */
export function withoutValues(text: string, data: JsonObject, hash: HashText): string {
  const texts: string[] = []
  collectTexts(data, texts)
  const values = new Set(
    texts.filter(({ length }) => length >= hiddenCharsMin && length <= text.length),
  )
  if (values.size === 0) return text
  if (text.length > searchedCharsMax || values.size > searchedValuesMax) return hashed(text, hash)
  const quotes = [...values].flatMap((value) => quotesOf(value, text))
  quotes.sort((a, b) => a.start - b.start || b.end - a.end)
  let hidden = ''
  let at = 0
  for (const { start, end, value } of quotes) {
    // What reaches into the one before is hidden with it.
    if (start >= at) hidden += text.slice(at, start) + hashed(value, hash)
    at = Math.max(at, end)
  }
  return hidden + text.slice(at)
}

function quotesOf(value: string, text: string): readonly Quote[] {
  const written = JSON.stringify(value).slice(1, -1)
  const lower = value.toLowerCase()
  return [...new Set([value, written, lower])].flatMap((form) => {
    const found: Quote[] = []
    for (let start = text.indexOf(form); start !== -1; start = text.indexOf(form, start + 1)) {
      found.push({ start, end: start + form.length, value })
    }
    return found
  })
}

function hashed(text: string, hash: HashText): string {
  return hash(text).slice(1, -1)
}
