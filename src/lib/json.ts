/**
 * JSON texts (RFC 8259) read strictly and without losing digits.
 *
 * The platform's own parser keeps the last of two members with one name and turns every number into
 * a double. A token with two `sub` members must be refused (RFC 7519 §4) and a secret's number must
 * come back as it was written, so both have to be visible here. Limits bound what a hostile text
 * can cost.
 */

import { BoundedCache } from './bounded-cache.ts'
import { parsePlainJson } from './plain-json.ts'
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
  /**
   * All of them together: many short lists cost as much as one long one. Unbounded when it is not
   * said.
   */
  readonly entriesTotalMax?: number
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
  entriesTotalMax: 100_000,
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

/**
 * The member of that name if the object itself has it; names of inherited properties are ordinary
 * names.
 */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** An object without a prototype, so that every name is an ordinary name. */
export function emptyObject(): Record<string, JsonValue> {
  return Object.create(null) as Record<string, JsonValue>
}

/**
 * Gives an ordinary object a member of any name. Such objects are read and written quicker than
 * those without a prototype; whoever reads them by names of others uses `member`.
 */
export function setMember<V>(object: Record<string, V>, name: string, value: V): void {
  if (name !== '__proto__') object[name] = value
  else
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

/** Reads one JSON text; gives the value or the first problem. Objects come without a prototype. */
export function parseJson(text: string, limits: JsonLimits): Result<JsonValue, JsonProblem> {
  const plain = parsePlainJson(text, limits)
  if (plain !== undefined) return ok(plain as JsonValue)
  const result = new JsonReader(text, limits).read()
  if (result === undefined) throw new Error('a reader without a limit stopped')
  return result
}

/**
 * Writes a value as JSON text; numbers kept as text and ready JSON go in as they are. Absent
 * members are left out.
 */
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
    text += (text.length === 1 ? '' : ',') + encodeJsonName(name) + encodeJson(item)
  }
  return text + '}'
}

const quotedNamesMax = 4096
const quotedNameLengthMax = 64
/** Members of answers have the same names each time. */
const quotedNames = new BoundedCache<string, string>(quotedNamesMax)

/** A member's name with its colon. */
export function encodeJsonName(name: string): string {
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
const comma = 0x2c
const colon = 0x3a
const leftBracket = 0x5b
const rightBracket = 0x5d
const leftBrace = 0x7b
const rightBrace = 0x7d

/**
 * Any character that means more than itself in a string or needs a second look: a backslash, a
 * control character, a surrogate. A text without them has strings that end at the next quote. One
 * class and no repetition, so it takes one look at each character.
 */
const special = /[^ -[\]-\ud7ff\ue000-\uffff]/

/** A longer text is read in slices, and none of them may begin with a look at all of it. */
const simpleLengthMax = 65_536

/** A list or object that is being read, and where it goes when it is whole. */
type Open =
  | { readonly kind: 'list'; readonly value: JsonValue[] }
  | {
      readonly kind: 'object'
      readonly value: Record<string, JsonValue>
      count: number
      name: string
    }

/**
 * Reads one text, in one go or in slices: what is open stands in a list of our own and not on the
 * call stack, so that the reader can stop between two values and go on later.
 */
export class JsonReader {
  readonly #text: string
  readonly #limits: JsonLimits
  readonly #open: Open[] = []
  /** Raw characters that one string may take; an escape has six for one. */
  readonly #rawLengthMax: number
  readonly #entriesTotalMax: number
  /** Nothing in the text is `special`, so that its strings can be cut out as they are. */
  readonly #isSimple: boolean
  #at = 0
  #entries = 0
  #result: Result<JsonValue, JsonProblem> | undefined

  constructor(text: string, limits: JsonLimits) {
    this.#text = text
    this.#limits = limits
    this.#rawLengthMax = limits.stringLengthMax * 6
    this.#entriesTotalMax = limits.entriesTotalMax ?? Infinity
    this.#isSimple = text.length <= simpleLengthMax && !special.test(text)
  }

  /**
   * Undefined until the text is read to its end or has a problem. A value is never cut, so a slice
   * may be exceeded by one.
   */
  read(charactersMax = Infinity): Result<JsonValue, JsonProblem> | undefined {
    const stopAt = this.#at + charactersMax
    try {
      while (this.#result === undefined && this.#at < stopAt) this.#readValue()
    } catch (problem) {
      if (!(problem instanceof Stop)) throw problem
      this.#result = err(problem.problem)
    }
    return this.#result
  }

  /** One value that is no list or object, or the beginning of one, with all that ends behind it. */
  #readValue(): void {
    this.#space()
    const code = this.#text.charCodeAt(this.#at)
    if (code === leftBrace || code === leftBracket) {
      const opened = this.#enter(code)
      if (opened !== undefined) {
        this.#open.push(opened)
        return
      }
    }
    let value: JsonValue =
      code === leftBrace ? emptyObject() : code === leftBracket ? [] : this.#plainValue(code)
    for (;;) {
      this.#space()
      const around = this.#open.at(-1)
      if (around === undefined) return this.#finish(value)
      this.#add(around, value)
      const separator = this.#text.charCodeAt(this.#at)
      const isObject = around.kind === 'object'
      if (separator === comma) {
        this.#at++
        if (around.kind === 'object') this.#name(around)
        return
      }
      if (separator !== (isObject ? rightBrace : rightBracket)) {
        this.#syntax(`a comma or the end of the ${around.kind} was expected`)
      }
      this.#at++
      this.#open.pop()
      value = around.value
    }
  }

  /** Goes into a list or object; undefined when it is empty, and then behind it already. */
  #enter(code: number): Open | undefined {
    if (this.#open.length >= this.#limits.depthMax) {
      const levels = this.#limits.depthMax
      this.#stop('depth', this.#at, `lists and objects are nested deeper than ${levels}`)
    }
    this.#at++
    this.#space()
    if (this.#text.charCodeAt(this.#at) === (code === leftBrace ? rightBrace : rightBracket)) {
      this.#at++
      return undefined
    }
    if (code === leftBracket) return { kind: 'list', value: [] }
    const opened: Open = { kind: 'object', value: emptyObject(), count: 0, name: '' }
    this.#name(opened)
    return opened
  }

  #name(object: Extract<Open, { kind: 'object' }>): void {
    this.#space()
    if (this.#text.charCodeAt(this.#at) !== quote) this.#syntax('a member name was expected')
    const nameAt = this.#at
    object.name = this.#string()
    if (this.#limits.duplicates === 'refuse' && object.name in object.value) {
      this.#stop('duplicate_member', nameAt, 'an object has two members of one name')
    }
    this.#space()
    if (this.#text.charCodeAt(this.#at) !== colon) this.#syntax('a colon was expected')
    this.#at++
  }

  #add(around: Open, value: JsonValue): void {
    if (around.kind === 'list') around.value.push(value)
    else around.value[around.name] = value
    const count = around.kind === 'list' ? around.value.length : ++around.count
    if (count > this.#limits.entriesMax) {
      const most = this.#limits.entriesMax
      this.#stop('entries', this.#at, `a list or object has more than ${most} entries`)
    }
    if (++this.#entries > this.#entriesTotalMax) {
      const most = this.#entriesTotalMax
      this.#stop(
        'entries',
        this.#at,
        `all lists and objects together have more than ${most} entries`,
      )
    }
  }

  #finish(value: JsonValue): void {
    if (this.#at !== this.#text.length) this.#syntax('there is text after the JSON value')
    this.#result = ok(value)
  }

  #plainValue(code: number): JsonValue {
    switch (code) {
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

  #string(): string {
    const text = this.#text
    const start = this.#at + 1
    if (this.#isSimple) {
      const end = text.indexOf('"', start)
      if (end >= 0 && end - start <= this.#limits.stringLengthMax) {
        this.#at = end + 1
        return text.slice(start, end)
      }
    }
    const stopAt = start + this.#rawLengthMax
    let at = start
    let plain = true
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === quote) break
      // NaN at the end of the text fails this comparison as well.
      if (!(code >= 0x20)) {
        this.#at = at
        this.#syntax('a string is not closed or holds a raw control character')
      }
      if (at > stopAt) this.#stop('string_length', start, 'a string is too long')
      if (code === backslash) {
        plain = false
        at++
      } else if (code >= 0xd800 && code <= 0xdfff) {
        plain = false
      }
      at++
    }
    const raw = text.slice(start, at)
    this.#at = at + 1
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
    const text = this.#text
    const start = this.#at
    let at = start
    for (;;) {
      const code = text.charCodeAt(at)
      if (!(code >= 0x30 && code <= 0x39)) break
      if (at - start >= this.#limits.stringLengthMax) {
        this.#stop('string_length', start, 'a number is too long')
      }
      at++
    }
    this.#at = at
    return at - start
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#syntax('a value was expected')
    this.#at += word.length
    return value
  }

  #space(): void {
    const text = this.#text
    const start = this.#at
    let at = start
    for (;;) {
      const code = text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break
      if (at - start >= this.#limits.stringLengthMax) {
        this.#stop('string_length', start, 'there are too many blanks in one place')
      }
      at++
    }
    this.#at = at
  }

  #syntax(detail: string): never {
    this.#stop('syntax', this.#at, detail)
  }

  #stop(kind: JsonProblemKind, at: number, detail: string): never {
    throw new Stop({ kind, at, detail })
  }
}
