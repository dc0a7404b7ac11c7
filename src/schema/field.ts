/**
 * Field kinds: how a value from a request becomes a typed one. platform.md §1.8, jwt-oidc.md §0.3.
 * Conversions are weak on purpose, because the command line sends every value as text. What does
 * not convert is refused with a sentence that never repeats the value.
 */

import { parseDurationMs } from '../lib/duration.ts'
import {
  emptyObject,
  encodeJson,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { trimEnds } from '../lib/trim.ts'

export type FieldKind =
  | 'string'
  | 'lower_string'
  | 'folded_string'
  | 'path'
  | 'name'
  | 'int'
  | 'float'
  | 'bool'
  | 'duration'
  | 'signed_duration'
  | 'comma_list'
  | 'string_list'
  | 'comma_int_list'
  | 'map'
  | 'text_map'
  | 'kv_pairs'
  | 'list'
  | 'time'
  | 'any'

export interface FieldOptions {
  /** One sentence for help, OpenAPI and the reference pages. */
  readonly help: string
  /** Never shown again, hashed in audit records. */
  readonly secret?: boolean
  readonly required?: boolean
  readonly deprecated?: boolean
  /**
   * Taken because clients send it, and used for nothing; whoever asks for something by it is
   * warned.
   */
  readonly withoutEffect?: boolean
  /**
   * UTF-16 units of a text, or of all texts of a list together: what a stranger may store or make
   * us work through, and what becomes part of a storage key, has a length of its own.
   */
  readonly charsMax?: number
  /**
   * Bytes of a text as it is written into a record, where a stranger's text is stored: there one
   * character of his choice takes six times the room of a letter.
   */
  readonly bytesMax?: number
  /** An explicit null counts as not given, although the kind has a zero value for it. */
  readonly nullIsAbsent?: true
}

export interface Field<T> extends FieldOptions {
  readonly kind: FieldKind
  /** What an explicit null means: nothing was given, or the kind's zero value. */
  readonly nullIs: 'absent' | 'zero'
  readonly zero: T
  /**
   * The one spelling of a text that this kind reads in several. Where the field is a part of the
   * path, policies are asked for that spelling too, so that no other one leads past a deny.
   */
  readonly spell: ((text: string) => string) | undefined
  readonly parse: (value: JsonValue) => Result<T, string>
}

export type FieldTable = Readonly<Record<string, Field<unknown>>>

/** What a handler receives: each field's value, undefined when it was not given. */
export type Input<F extends FieldTable> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T | undefined : never
}

interface KindOptions {
  readonly nullIs?: 'absent' | 'zero'
  readonly spell?: (text: string) => string
  /** When the declaration names no other. */
  readonly charsMax?: number
}

function make<T>(
  kind: FieldKind,
  zero: T,
  parse: (value: JsonValue) => Result<T, string>,
  options: FieldOptions,
  { nullIs = 'zero', spell, charsMax = Infinity }: KindOptions = {},
): Field<T> {
  const bounded = withinChars(
    withinBytes(parse, options.bytesMax ?? Infinity),
    options.charsMax ?? charsMax,
  )
  const readsNull = options.nullIsAbsent === true ? 'absent' : nullIs
  return { ...options, kind, zero, parse: bounded, spell, nullIs: readsNull }
}

/** The length of a text is looked at before anything is made of it. */
function withinChars<T>(
  parse: (value: JsonValue) => Result<T, string>,
  charsMax: number,
): (value: JsonValue) => Result<T, string> {
  if (charsMax === Infinity) return parse
  return (value) =>
    charsOf(value) > charsMax ? err(`expected at most ${charsMax} characters`) : parse(value)
}

function withinBytes<T>(
  parse: (value: JsonValue) => Result<T, string>,
  bytesMax: number,
): (value: JsonValue) => Result<T, string> {
  if (bytesMax === Infinity) return parse
  return (value) =>
    typeof value === 'string' && Buffer.byteLength(encodeJson(value)) - 2 > bytesMax
      ? err(`expected at most ${bytesMax} bytes`)
      : parse(value)
}

function charsOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length
  if (value instanceof JsonNumber) return value.text.length
  if (!isJsonArray(value)) return 0
  let chars = 0
  for (const element of value) if (typeof element === 'string') chars += element.length
  return chars
}

/** A text that is read in another spelling than it may be sent in. */
function makeSpelt(
  kind: FieldKind,
  spell: (text: string) => string,
  options: FieldOptions,
): Field<string> {
  const parse = (value: JsonValue) => map(parseText(value), spell)
  return make(kind, '', parse, options, { spell })
}

/** No number, truth or time needs more; what is longer is not worth looking at. */
const scalarCharsMax = 64
const scalar: KindOptions = { charsMax: scalarCharsMax }
const optionalScalar: KindOptions = { ...scalar, nullIs: 'absent' }

export const field = {
  string: (options: FieldOptions) => make('string', '', parseText, options),
  lowerString: (options: FieldOptions) =>
    makeSpelt('lower_string', (text) => text.toLowerCase(), options),
  /** A name in which case and blanks at its ends mean nothing. */
  foldedString: (options: FieldOptions) => makeSpelt('folded_string', foldText, options),
  /** A path in which slashes at its ends mean nothing. */
  path: (options: FieldOptions) => makeSpelt('path', (text) => trimEnds(text, '/'), options),
  /** A name of word characters, with "-" and "." inside. */
  name: (options: FieldOptions) =>
    make(
      'name',
      '',
      (value) => {
        const text = parseText(value)
        if (!text.ok) return text
        return isName(text.value) ? text : err('field does not match the formatting rules')
      },
      options,
    ),
  int: (options: FieldOptions) =>
    make('int', 0, parseInteger, options, { ...scalar, spell: spellInteger }),
  /** A number that is finite. */
  float: (options: FieldOptions) => make('float', 0, parseFloating, options, scalar),
  bool: (options: FieldOptions) => make('bool', false, parseBoolean, options, scalar),
  /** Whole seconds, never negative. */
  duration: (options: FieldOptions) =>
    make('duration', 0, (value) => parseSeconds(value, false), options, optionalScalar),
  /** Whole seconds, negative allowed. */
  signedDuration: (options: FieldOptions) =>
    make('signed_duration', 0, (value) => parseSeconds(value, true), options, optionalScalar),
  /** Text is split at commas, a list is not; empty pieces are dropped unless they are kept. */
  commaList: (options: FieldOptions & { readonly emptyElements?: 'keep' | 'drop' }) =>
    make<readonly string[]>(
      'comma_list',
      [],
      (value) => parseCommaList(value, options.emptyElements ?? 'drop'),
      options,
    ),
  /** One text is one element. */
  stringList: (options: FieldOptions) =>
    make<readonly string[]>('string_list', [], parseStringList, options),
  commaIntList: (options: FieldOptions) =>
    make<readonly number[]>('comma_int_list', [], parseCommaIntList, options),
  map: (options: FieldOptions) => make<JsonObject>('map', {}, parseMap, options),
  /** A map that may also be written as JSON text or as `key=value` text (jwt-oidc.md §8.3). */
  textMap: (options: FieldOptions) => make<JsonObject>('text_map', {}, parseTextMap, options),
  kvPairs: (options: FieldOptions) =>
    make<Readonly<Record<string, string>>>('kv_pairs', {}, parseKvPairs, options),
  list: (options: FieldOptions) =>
    make<readonly JsonValue[]>(
      'list',
      [],
      (value) => ok(isJsonArray(value) ? value : [value]),
      options,
    ),
  /** Milliseconds since 1970, from RFC 3339 text or seconds. */
  time: (options: FieldOptions) => make('time', 0, parseTime, options, optionalScalar),
  any: (options: FieldOptions) => make<JsonValue>('any', null, (value) => ok(value), options),
} as const

/** Word characters, with "-" and "." allowed between the first and the last. */
function isName(text: string): boolean {
  return /^\w(?:[\w.-]*\w)?$/.test(text)
}

/** As names of policies are kept: trimmed, in lower case. */
export function foldText(text: string): string {
  return text.trim().toLowerCase()
}

function map<A, B>(result: Result<A, string>, change: (value: A) => B): Result<B, string> {
  return result.ok ? ok(change(result.value)) : result
}

/** The text that a scalar stands for; lists and objects have none. */
function parseText(value: JsonValue): Result<string, string> {
  if (typeof value === 'string') return ok(value)
  if (typeof value === 'number') return ok(String(value))
  if (value instanceof JsonNumber) return ok(value.text)
  if (typeof value === 'boolean') return ok(value ? '1' : '0')
  if (value === null) return ok('')
  return err(`expected text, got ${nameOf(value)}`)
}

function parseInteger(value: JsonValue): Result<number, string> {
  if (typeof value === 'boolean') return ok(value ? 1 : 0)
  const text = parseText(value)
  if (!text.ok) return err(`expected a whole number, got ${nameOf(value)}`)
  const trimmed = text.value
  if (trimmed === '') return ok(0)
  const number = integerOf(trimmed)
  return number === undefined ? err('expected a whole number') : ok(number)
}

function parseFloating(value: JsonValue): Result<number, string> {
  const text = parseText(value)
  if (!text.ok) return err(`expected a number, got ${nameOf(value)}`)
  if (text.value === '') return ok(0)
  const isNumber = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$/.test(
    text.value,
  )
  const number = Number(text.value)
  return isNumber && Number.isFinite(number) ? ok(number) : err('expected a number')
}

/** `0x10` and `16` are one number; what is none stays as it is and is refused later. */
function spellInteger(text: string): string {
  if (text.length > scalarCharsMax) return text
  const number = integerOf(text)
  return number === undefined ? text : String(number)
}

/** Go's integer literals: decimal, 0x, 0o or a leading zero (octal), 0b, with a sign. */
function integerOf(text: string): number | undefined {
  const match = /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(
    text,
  )
  if (match === null) return undefined
  const [, sign, hex, binary, octal, decimal] = match
  const size =
    hex !== undefined
      ? Number.parseInt(hex, 16)
      : binary !== undefined
        ? Number.parseInt(binary, 2)
        : octal !== undefined
          ? Number.parseInt(octal, 8)
          : Number(decimal)
  if (!Number.isSafeInteger(size)) return undefined
  return sign === '-' && size !== 0 ? -size : size
}

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const untruths = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False', ''])

/** Go's boolean words; undefined for anything else. */
export function parseBooleanWord(text: string): boolean | undefined {
  if (truths.has(text)) return true
  return untruths.has(text) ? false : undefined
}

function parseBoolean(value: JsonValue): Result<boolean, string> {
  if (typeof value === 'boolean') return ok(value)
  if (typeof value === 'number') return ok(value !== 0)
  if (value instanceof JsonNumber) return ok(Number(value.text) !== 0)
  if (typeof value === 'string') {
    const word = parseBooleanWord(value)
    if (word !== undefined) return ok(word)
    return err('expected true or false')
  }
  return value === null ? ok(false) : err(`expected true or false, got ${nameOf(value)}`)
}

function parseSeconds(value: JsonValue, signed: boolean): Result<number, string> {
  if (typeof value !== 'string' && typeof value !== 'number') {
    return err(`expected a duration, got ${nameOf(value)}`)
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    return err('expected a duration of whole seconds')
  }
  const ms = typeof value === 'number' ? value * 1000 : parseDurationMs(value)
  if (ms === undefined || Math.abs(ms) > 9_223_372_036_000) {
    return err('expected a duration such as 90, "90s", "1h30m" or "7d"')
  }
  if (ms < 0 && !signed) return err(`cannot provide negative value '${String(value)}'`)
  const seconds = Math.trunc(ms / 1000)
  return ok(seconds === 0 ? 0 : seconds)
}

const elementsMax = requestJsonLimits.entriesMax

function parseCommaList(
  value: JsonValue,
  emptyElements: 'keep' | 'drop',
): Result<readonly string[], string> {
  const all = typeof value === 'string' ? parseListText(value) : parseStringList(value)
  if (!all.ok || emptyElements === 'keep') return all
  return ok(all.value.filter((element) => element !== ''))
}

/** Its pieces; no more of them than a list that is written as one may have. */
function splitList(text: string): Result<readonly string[], string> {
  const pieces = text.split(',', elementsMax + 1)
  return pieces.length > elementsMax ? err(`expected at most ${elementsMax} elements`) : ok(pieces)
}

function parseListText(text: string): Result<readonly string[], string> {
  if (text === '') return ok([])
  return map(splitList(text), (pieces) => pieces.map((piece) => piece.trim()))
}

function parseStringList(value: JsonValue): Result<readonly string[], string> {
  if (value === null || value === '') return ok([])
  if (!isJsonArray(value)) return map(parseText(value), (text) => [text])
  const list: string[] = []
  for (const element of value) {
    const text = parseText(element)
    if (!text.ok) return err(`expected a list of texts, got ${nameOf(element)} in it`)
    list.push(text.value.trim())
  }
  return ok(list)
}

function parseCommaIntList(value: JsonValue): Result<readonly number[], string> {
  const texts = parseCommaList(value, 'drop')
  if (!texts.ok) return texts
  const list: number[] = []
  for (const text of texts.value) {
    const number = integerOf(text)
    if (number === undefined) return err('expected whole numbers')
    list.push(number)
  }
  return ok(list)
}

function parseMap(value: JsonValue): Result<JsonObject, string> {
  if (value === null) return ok({})
  return isJsonObject(value) ? ok(value) : err(`expected an object, got ${nameOf(value)}`)
}

function parseTextMap(value: JsonValue): Result<JsonObject, string> {
  if (isJsonObject(value)) return ok(value)
  if (value === null) return ok({})
  if (typeof value === 'string') {
    const text = value.trim()
    if (text === '') return ok({})
    if (text.startsWith('{')) {
      const parsed = parseJson(text, requestJsonLimits)
      return parsed.ok && isJsonObject(parsed.value)
        ? ok(parsed.value)
        : err('its text is no JSON object')
    }
    const pieces = splitList(text)
    return pieces.ok ? collectPairs(pieces.value) : pieces
  }
  if (isJsonArray(value)) {
    const pairs: string[] = []
    for (const element of value) {
      if (typeof element !== 'string') return err('expected a list of key=value texts')
      pairs.push(element)
    }
    return collectPairs(pairs)
  }
  return err(`expected an object or key=value text, got ${nameOf(value)}`)
}

function collectPairs(pairs: readonly string[]): Result<JsonObject, string> {
  const object = emptyObject()
  // The lists of names that were given more than once; they are ours, so that they can grow.
  const lists = new Map<string, JsonValue[]>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, at).trim()
    if (at < 0 || key === '') return err('expected key=value')
    const text = pair.slice(at + 1).trim()
    const list = lists.get(key)
    const present = object[key]
    if (list !== undefined) list.push(text)
    else if (present === undefined) object[key] = text
    else {
      const several = [present, text]
      lists.set(key, several)
      object[key] = several
    }
  }
  return ok(object)
}

function parseKvPairs(value: JsonValue): Result<Readonly<Record<string, string>>, string> {
  const pairs = Object.create(null) as Record<string, string>
  if (value === null || value === '') return ok(pairs)
  if (isJsonObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      const text = parseText(item)
      if (!text.ok) return err(`expected a text for each key, got ${nameOf(item)}`)
      pairs[key] = text.value
    }
    return ok(pairs)
  }
  for (const item of isJsonArray(value) ? value : [value]) {
    const text = parseText(item)
    if (!text.ok) return err(`expected key=value texts, got ${nameOf(item)}`)
    const at = text.value.indexOf('=')
    if (at < 1) return err(`invalid key pair ${JSON.stringify(text.value.slice(0, 64))}`)
    pairs[text.value.slice(0, at)] = text.value.slice(at + 1)
  }
  return ok(pairs)
}

function parseTime(value: JsonValue): Result<number, string> {
  const text = parseText(value)
  if (!text.ok || text.value === '') return err('expected a time')
  if (/^-?\d{1,12}$/.test(text.value)) return ok(Number(text.value) * 1000)
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text.value)) {
    const ms = Date.parse(text.value)
    if (!Number.isNaN(ms)) return ok(ms)
  }
  return err('expected a time as RFC 3339 or as seconds since 1970')
}

/** Names the type of a value for an error text, never the value. */
function nameOf(value: JsonValue): string {
  if (value === null) return 'null'
  if (isJsonArray(value)) return 'a list'
  if (value instanceof JsonNumber || typeof value === 'number') return 'a number'
  if (typeof value === 'boolean') return 'a boolean'
  return typeof value === 'string' ? 'a text' : 'an object'
}
