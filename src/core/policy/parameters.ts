/** Parameter limits of a rule and their check against request data (platform contract §4.5, §4.6). */

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

/** Steps 2 to 5 of contract §4.6. */
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
  return names.every((name) => {
    const lower = name.toLowerCase()
    const value = member(data, name) ?? null
    const deniedValues = denied.get(lower)
    if (deniedValues !== undefined && isListed(deniedValues, value)) return false
    if (!checksAllowed) return true
    const allowedValues = allowed.get(lower)
    return allowedValues === undefined ? allowsAnyName : isListed(allowedValues, value)
  })
}

function isListed(listed: readonly JsonValue[], value: JsonValue): boolean {
  return listed.length === 0 || listed.some((item) => matchesValue(item, value))
}

function matchesValue(listed: JsonValue, value: JsonValue): boolean {
  return typeof listed === 'string' && typeof value === 'string'
    ? matchesGlob(listed, value)
    : isSameValue(listed, value)
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

/** Deep equality of JSON; numbers by value whatever their spelling, so that a numeric deny fires (SEC-ACL-05). */
function isSameValue(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true
  const numberA = canonicalNumber(a)
  if (numberA !== undefined) return numberA === canonicalNumber(b)
  if (isJsonArray(a)) {
    return (
      isJsonArray(b) &&
      a.length === b.length &&
      a.every((item, i) => isSameValue(item, b[i] ?? null))
    )
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const other = member(b, name)
      return other !== undefined && isSameValue(member(a, name) ?? null, other)
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
