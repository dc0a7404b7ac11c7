/** Parameter limits of a rule and their check against request data (platform.md §4.5, §4.6). */

import {
  isJsonArray,
  isJsonObject,
  JsonNumber,
  member,
  type JsonObject,
  type JsonValue,
} from '../../lib/json.ts'

/** Names in lower case with the values listed for them; an empty list stands for any value. */
export type ParameterValues = ReadonlyMap<string, readonly JsonValue[]>

export interface ParameterLimits {
  readonly allowed: ParameterValues
  readonly denied: ParameterValues
  /** Names in lower case. */
  readonly required: readonly string[]
}

export const noParameterLimits: ParameterLimits = {
  allowed: new Map(),
  denied: new Map(),
  required: [],
}

interface Lists {
  readonly allowed: Map<string, JsonValue[]>
  readonly denied: Map<string, JsonValue[]>
  readonly required: Set<string>
}

/**
 * Limits that hold together, of one rule or of many; adding costs what is added and not what is
 * there.
 */
export class ParameterSum {
  /** Most rules have none. */
  #lists: Lists | undefined

  allow(name: string, values: readonly JsonValue[]): void {
    addValues(this.#own().allowed, name, values)
  }

  deny(name: string, values: readonly JsonValue[]): void {
    addValues(this.#own().denied, name, values)
  }

  require(name: string): void {
    this.#own().required.add(name)
  }

  add(limits: ParameterLimits): void {
    if (limits === noParameterLimits) return
    for (const [name, values] of limits.allowed) this.allow(name, values)
    for (const [name, values] of limits.denied) this.deny(name, values)
    for (const name of limits.required) this.require(name)
  }

  get limits(): ParameterLimits {
    if (this.#lists === undefined) return noParameterLimits
    return { ...this.#lists, required: [...this.#lists.required] }
  }

  #own(): Lists {
    this.#lists ??= { allowed: new Map(), denied: new Map(), required: new Set() }
    return this.#lists
  }
}

/** Values listed twice add up; "any value" swallows a list. */
function addValues(
  target: Map<string, JsonValue[]>,
  name: string,
  values: readonly JsonValue[],
): void {
  const known = target.get(name)
  if (known === undefined) target.set(name, [...values])
  else if (values.length === 0) known.length = 0
  else if (known.length > 0) for (const value of values) known.push(value)
}

/**
 * Steps 2 to 5 of platform.md §4.6. Where it cannot be told with the work that there is, the answer
 * is no.
 */
export function areParametersAllowed(limits: ParameterLimits, data: JsonObject): boolean {
  const { allowed, denied, required } = limits
  const names = Object.keys(data)
  if (required.length > 0) {
    // Vault compatibility is not wanted here: the reference lower-cases only the policy's side.
    const present = new Set(names.map((name) => name.toLowerCase()))
    if (!required.every((name) => present.has(name))) return false
  }
  if (names.length === 0) return true
  if (denied.has('*')) return false
  const allowsAnyName = allowed.has('*')
  const checksAllowed = allowed.size > (allowsAnyName ? 1 : 0)
  if (denied.size === 0 && !checksAllowed) return true
  const work = new MatchWork()
  return names.every((name) => {
    const lower = name.toLowerCase()
    const value = member(data, name) ?? null
    const deniedValues = denied.get(lower)
    if (deniedValues !== undefined && isListed(deniedValues, value, work) !== 'no') return false
    if (!checksAllowed) return true
    const allowedValues = allowed.get(lower)
    if (allowedValues === undefined) return allowsAnyName
    return isListed(allowedValues, value, work) === 'yes'
  })
}

/**
 * Some hundredths of a second: a megabyte beside three globs, or what people write beside hundreds.
 */
const charactersMax = 4_000_000
/** Looking at a value costs something, however short it is. */
const lookCharacters = 32

/**
 * What the comparisons of one request may cost: whoever is held to the values of a policy chooses
 * how long his own are (ruling R12).
 */
class MatchWork {
  readonly #counts = new WeakMap<JsonObject, number>()
  #left = charactersMax

  /** How many names it has, counted once: the engine needs as long for that as there are many. */
  countOf(object: JsonObject): number {
    const known = this.#counts.get(object)
    if (known !== undefined) return known
    const count = Object.keys(object).length
    this.#counts.set(object, count)
    return count
  }

  /** False when there is not so much left. */
  look(characters: number): boolean {
    this.#left -= characters + lookCharacters
    return this.#left >= 0
  }
}

type Listed = 'yes' | 'no' | 'unknown'

function isListed(listed: readonly JsonValue[], value: JsonValue, work: MatchWork): Listed {
  if (listed.length === 0) return 'yes'
  const size = value instanceof JsonNumber ? value.text.length : 0
  for (const item of listed) {
    if (!work.look(isText(item) && isText(value) ? globWork(item, value) : size)) return 'unknown'
    if (matchesValue(item, value, work)) return 'yes'
  }
  return 'no'
}

function isText(value: JsonValue): value is string {
  return typeof value === 'string'
}

/** Only what may stand anywhere is looked for everywhere. */
function globWork(glob: string, text: string): number {
  return glob.startsWith('*') && glob.endsWith('*') ? text.length : glob.length
}

function matchesValue(listed: JsonValue, value: JsonValue, work: MatchWork): boolean {
  return isText(listed) && isText(value)
    ? matchesGlob(listed, value)
    : isSameValue(listed, value, work)
}

/** A star is special at either end only. */
function matchesGlob(glob: string, text: string): boolean {
  const startsOpen = glob.startsWith('*')
  const endsOpen = glob.endsWith('*')
  if (startsOpen && endsOpen) return text.includes(glob.slice(1, Math.max(1, glob.length - 1)))
  if (startsOpen) return text.endsWith(glob.slice(1))
  if (endsOpen) return text.startsWith(glob.slice(0, -1))
  return text === glob
}

/**
 * Deep equality of JSON; numbers by value whatever their spelling, so that a numeric deny fires
 * (SEC-ACL-05).
 */
function isSameValue(a: JsonValue, b: JsonValue, work: MatchWork): boolean {
  if (a === b) return true
  const numberA = canonicalNumber(a)
  if (numberA !== undefined) return numberA === canonicalNumber(b)
  if (isJsonArray(a)) {
    return (
      isJsonArray(b) &&
      a.length === b.length &&
      a.every((item, i) => isSameValue(item, b[i] ?? null, work))
    )
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false
  return (
    work.countOf(a) === work.countOf(b) &&
    Object.keys(a).every((name) => {
      const other = member(b, name)
      return other !== undefined && isSameValue(member(a, name) ?? null, other, work)
    })
  )
}

/** Sign, digits without zeros at either end, and exponent: equal texts mean equal numbers. */
function canonicalNumber(value: JsonValue): string | undefined {
  const text = value instanceof JsonNumber ? value.text : value
  if (typeof text === 'string' && !(value instanceof JsonNumber)) return undefined
  if (typeof text !== 'string' && typeof text !== 'number') return undefined
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(String(text))
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  const padded = whole + fraction
  let start = 0
  while (padded.charCodeAt(start) === 0x30) start++
  let end = padded.length
  while (end > start && padded.charCodeAt(end - 1) === 0x30) end--
  if (start === end) return '0'
  return `${sign}${padded.slice(start, end)}e${Number(exponent) + whole.length - start}`
}
