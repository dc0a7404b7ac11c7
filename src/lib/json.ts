/**
 * JSON texts (RFC 8259) read strictly and without losing digits.
 *
 * The platform's own parser keeps the last of two members with one name and turns every number into a
 * double. A token with two `sub` members must be refused (RFC 7519 §4) and a secret's number must come
 * back as it was written, so both have to be visible here. Limits bound what a hostile text can cost.
 */

import { BoundedCache } from './bounded-cache.ts'
import { err, ok, type Result } from './result.ts'

/** A number whose decimal text a double would not give back: kept as it was written. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Text that is known to be JSON and is put into an answer as it stands. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type JsonValue =
  null | boolean | number | string | JsonNumber | JsonText | readonly JsonValue[] | JsonObject

export interface JsonObject {
  readonly [name: string]: JsonValue
}

export interface JsonLimits {
  /** Levels of lists and objects; the outermost is level 1. */
  readonly depthMax: number
  /** Characters of one string or name after unescaping. */
  readonly stringLengthMax: number
  /** Elements of one list, members of one object. */
  readonly entriesMax: number
  /** Two members of one name in one object: the last wins, or the text is refused. */
  readonly duplicates: 'last' | 'refuse'
  /** Half of a surrogate pair in a string or name (RFC 7493 §2.1). */
  readonly loneSurrogates: 'accept' | 'refuse'
}

export type JsonProblemKind =
  'syntax' | 'depth' | 'string_length' | 'entries' | 'duplicate_member' | 'lone_surrogate'

export interface JsonProblem {
  readonly kind: JsonProblemKind
  /** Zero-based character position in the text. */
  readonly at: number
  /** One sentence without any part of the text itself. */
  readonly detail: string
}

export const requestJsonLimits: JsonLimits = {
  depthMax: 300,
  stringLengthMax: 1_048_576,
  entriesMax: 10_000,
  duplicates: 'last',
  loneSurrogates: 'accept',
}

/** True for an object, false for a list, a number kept as text, and everything else. */
export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof JsonNumber) &&
    !(value instanceof JsonText)
  )
}

export function isJsonArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** The member of that name if the object itself has it; names of inherited properties are ordinary names. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** An object without a prototype, so that every name is an ordinary name. */
export function emptyObject(): Record<string, JsonValue> {
  return Object.create(null) as Record<string, JsonValue>
}

/** Reads one JSON text; gives the value or the first problem. Objects come without a prototype. */
export function parseJson(text: string, limits: JsonLimits): Result<JsonValue, JsonProblem> {
  const reader = new Reader(text, limits)
  try {
    return ok(reader.readDocument())
  } catch (problem) {
    if (problem instanceof Stop) return err(problem.problem)
    throw problem
  }
}

/** Writes a value as JSON text; numbers kept as text and ready JSON go in as they are. Absent members are left out. */
export function encodeJson(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return 'null'
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean':
      return value ? 'true' : 'false'
    default:
      break
  }
  if (value instanceof JsonNumber || value instanceof JsonText) return value.text
  if (isJsonArray(value)) {
    let text = '['
    for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + encodeJson(value[i])
    return text + ']'
  }
  let text = '{'
  const object = value as JsonObject
  for (const name of Object.keys(object)) {
    const item = object[name]
    if (item === undefined) continue
    text += (text.length === 1 ? '' : ',') + quotedName(name) + encodeJson(item)
  }
  return text + '}'
}

const quotedNamesMax = 4096
const quotedNameLengthMax = 64
/** Members of answers have the same names each time. */
const quotedNames = new BoundedCache<string, string>(quotedNamesMax)

function quotedName(name: string): string {
  const known = quotedNames.get(name)
  if (known !== undefined) return known
  const quoted = `${JSON.stringify(name)}:`
  if (name.length <= quotedNameLengthMax) quotedNames.set(name, quoted)
  return quoted
}

class Stop extends Error {
  readonly problem: JsonProblem

  constructor(problem: JsonProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

const quote = 0x22
const backslash = 0x5c

class Reader {
  readonly #text: string
  readonly #limits: JsonLimits
  #at = 0
  #depth = 0

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
  }

  readDocument(): JsonValue {
    this.#space()
    const value = this.#value()
    this.#space()
    if (this.#at !== this.#text.length) this.#syntax('there is text after the JSON value')
    return value
  }

  #value(): JsonValue {
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#object()
      case 0x5b:
        return this.#array()
      case quote:
        return this.#string()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(): JsonObject {
    this.#enter()
    const object = emptyObject()
    let count = 0
    this.#at++
    this.#space()
    if (this.#text.charCodeAt(this.#at) === 0x7d) {
      this.#at++
      this.#depth--
      return object
    }
    for (;;) {
      if (this.#text.charCodeAt(this.#at) !== quote) this.#syntax('a member name was expected')
      const nameAt = this.#at
      const name = this.#string()
      this.#space()
      if (this.#text.charCodeAt(this.#at) !== 0x3a) this.#syntax('a colon was expected')
      this.#at++
      this.#space()
      const value = this.#value()
      if (this.#limits.duplicates === 'refuse' && name in object) {
        this.#stop('duplicate_member', nameAt, 'an object has two members of one name')
      }
      object[name] = value
      if (++count > this.#limits.entriesMax) this.#tooMany()
      this.#space()
      const code = this.#text.charCodeAt(this.#at++)
      if (code === 0x7d) break
      if (code !== 0x2c) this.#syntax('a comma or the end of the object was expected')
      this.#space()
    }
    this.#depth--
    return object
  }

  #array(): JsonValue[] {
    this.#enter()
    const list: JsonValue[] = []
    this.#at++
    this.#space()
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#at++
      this.#depth--
      return list
    }
    for (;;) {
      list.push(this.#value())
      if (list.length > this.#limits.entriesMax) this.#tooMany()
      this.#space()
      const code = this.#text.charCodeAt(this.#at++)
      if (code === 0x5d) break
      if (code !== 0x2c) this.#syntax('a comma or the end of the list was expected')
      this.#space()
    }
    this.#depth--
    return list
  }

  #string(): string {
    const text = this.#text
    const start = ++this.#at
    let plain = true
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code === quote) break
      // NaN at the end of the text fails this comparison as well.
      if (!(code >= 0x20)) this.#syntax('a string is not closed or holds a raw control character')
      if (code === backslash) {
        plain = false
        this.#at++
      } else if (code >= 0xd800 && code <= 0xdfff) {
        plain = false
      }
      this.#at++
    }
    const raw = text.slice(start, this.#at)
    this.#at++
    const value = plain ? raw : this.#unescape(raw, start)
    if (value.length > this.#limits.stringLengthMax) {
      this.#stop('string_length', start, 'a string is too long')
    }
    return value
  }

  #unescape(raw: string, start: number): string {
    let value: string
    try {
      value = JSON.parse(`"${raw}"`) as string
    } catch {
      this.#at = start
      this.#syntax('a string holds an escape that JSON does not know')
    }
    if (this.#limits.loneSurrogates === 'refuse' && !value.isWellFormed()) {
      this.#stop('lone_surrogate', start, 'a string holds half of a surrogate pair')
    }
    return value
  }

  #number(): JsonValue {
    const text = this.#text
    const start = this.#at
    if (text.charCodeAt(this.#at) === 0x2d) this.#at++
    const first = this.#digits()
    if (first === 0) {
      this.#at = start
      this.#syntax('a value was expected')
    }
    if (first > 1 && text.charCodeAt(this.#at - first) === 0x30) {
      this.#syntax('a number has a leading zero')
    }
    let plain = this.#at - start <= 15
    if (text.charCodeAt(this.#at) === 0x2e) {
      plain = false
      this.#at++
      if (this.#digits() === 0) this.#syntax('a number has no digit after its point')
    }
    const exponent = text.charCodeAt(this.#at)
    if (exponent === 0x65 || exponent === 0x45) {
      plain = false
      this.#at++
      const sign = text.charCodeAt(this.#at)
      if (sign === 0x2b || sign === 0x2d) this.#at++
      if (this.#digits() === 0) this.#syntax('a number has no digit in its exponent')
    }
    const literal = text.slice(start, this.#at)
    const value = Number(literal)
    if (plain && !Object.is(value, -0)) return value
    return String(value) === literal ? value : new JsonNumber(literal)
  }

  #digits(): number {
    const start = this.#at
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (!(code >= 0x30 && code <= 0x39)) return this.#at - start
      this.#at++
    }
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#syntax('a value was expected')
    this.#at += word.length
    return value
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at++
    }
  }

  #enter(): void {
    if (++this.#depth > this.#limits.depthMax) {
      this.#stop(
        'depth',
        this.#at,
        `lists and objects are nested deeper than ${this.#limits.depthMax}`,
      )
    }
  }

  #tooMany(): never {
    this.#stop(
      'entries',
      this.#at,
      `a list or object has more than ${this.#limits.entriesMax} entries`,
    )
  }

  #syntax(detail: string): never {
    this.#stop('syntax', this.#at, detail)
  }

  #stop(kind: JsonProblemKind, at: number, detail: string): never {
    throw new Stop({ kind, at, detail })
  }
}
