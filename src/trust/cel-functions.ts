/**
 * Functions of CEL programs beyond the standard ones (jwt-oidc.md §6.3), and those of the library
 * that would do more work than they pay for.
 */

import {
  celFunc,
  celList,
  celMap,
  celMethod,
  CelScalar,
  isCelList,
  isCelMap,
  listType,
  type CelFunc,
  type CelInput,
  type CelList,
  type CelMap,
  type CelValue,
} from '@bufbuild/cel'
import { strings } from '@bufbuild/cel/ext'
import { RE2JS } from 're2js'
import { BoundedCache } from '../lib/bounded-cache.ts'
import {
  emptyObject,
  encodeJson,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  JsonText,
  parseJson,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import type { CelGate } from './cel-gate.ts'
import { tickName } from './cel-syntax.ts'
import { isEmailAddress } from './email-address.ts'
import { expressionFinds, parseExpression, type Expression } from './expression.ts'

const { BOOL, DOUBLE, DYN, INT, STRING, BYTES } = CelScalar
const LIST = listType(DYN)

const compilePrice = 25_000
const expressionsMax = 64
/** So many units of `expression.ts` are one of the gate's. */
const expressionUnits = 40
/** Saying where something matches takes so much longer than saying whether. */
const placePrice = 3

const decodeLimits: JsonLimits = {
  depthMax: 32,
  stringLengthMax: 65_536,
  entriesMax: 10_000,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

export function celFunctions(gate: CelGate): CelFunc[] {
  const expressions = new BoundedCache<string, Expression>(expressionsMax)
  /** What is in lists that were joined here: a loop joins one element after the other to them. */
  const joinedLists = new WeakMap<CelList, CelValue[]>()

  function expressionOf(source: string): Expression {
    const known = expressions.get(source)
    if (known !== undefined) return known
    gate.pay(compilePrice)
    const parsed = parseExpression(source)
    if (!parsed.ok) throw new Error(parsed.error)
    expressions.set(source, parsed.value)
    return parsed.value
  }

  function lookedAt(text: string, source: string, times: number): Expression {
    const expression = expressionOf(source)
    gate.pay((text.length * expression.price * times) / expressionUnits)
    return expression
  }

  const searched = (text: string, source: string): RE2JS =>
    lookedAt(text, source, placePrice).program

  return [
    ...strings,
    celFunc(tickName, [INT], BOOL, (price) => {
      gate.pay(Number(price))
      return true
    }),
    // The library's own joins list to list to list, and walking through ten thousand overflows.
    celFunc('_+_', [LIST, LIST], LIST, (a, b) => {
      const joined = (joinedLists.get(a) ?? [...a]).concat(joinedLists.get(b) ?? [...b])
      const list = celList(joined)
      joinedLists.set(list, joined)
      return list
    }),
    celMethod('matches', STRING, [STRING], BOOL, function (source) {
      return expressionFinds(lookedAt(this, source, 1), this)
    }),
    celMethod('replace', STRING, [STRING, STRING], STRING, function (part, by) {
      return replaced(this, part, by, Infinity)
    }),
    celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (part, by, count) {
      return replaced(this, part, by, Number(count))
    }),
    celFunc('regex.extract', [STRING, STRING], STRING, (text, source) => {
      const [first] = found(searched(text, source), text, 1)
      if (first === undefined) throw new Error('nothing matches the expression')
      return first
    }),
    celFunc('regex.extractAll', [STRING, STRING], LIST, (text, source) =>
      celList(found(searched(text, source), text, foundMax)),
    ),
    celFunc('regex.replace', [STRING, STRING, STRING], STRING, (text, source, by) =>
      searched(text, source).matcher(text).replaceAll(RE2JS.quoteReplacement(by)),
    ),
    celFunc('base64.encode', [BYTES], STRING, (bytes) => Buffer.from(bytes).toString('base64')),
    celFunc('base64.decode', [STRING], BYTES, (text) =>
      Uint8Array.from(Buffer.from(text, 'base64')),
    ),
    celFunc('sets.contains', [LIST, LIST], BOOL, (all, some) => isWithin(gate, some, all)),
    celFunc('sets.equivalent', [LIST, LIST], BOOL, (a, b) => {
      return isWithin(gate, a, b) && isWithin(gate, b, a)
    }),
    celFunc('sets.intersects', [LIST, LIST], BOOL, (a, b) => {
      const keys = keysOf(gate, b)
      return [...a].some((value) => keys.has(keyOf(value)))
    }),
    ...(['greatest', 'least'] as const).flatMap((name) => {
      const isFirst = (a: number | bigint, b: number | bigint) =>
        name === 'greatest' ? a > b : a < b
      return [
        celFunc(`math.${name}`, [INT, INT], INT, (a, b) => (isFirst(a, b) ? a : b)),
        celFunc(`math.${name}`, [DOUBLE, DOUBLE], DOUBLE, (a, b) => (isFirst(a, b) ? a : b)),
      ]
    }),
    celFunc('check_valid_email', [STRING], BOOL, isEmailAddress),
    celFunc('encode_json', [DYN], DYN, (value) => {
      return isCelMap(value) ? encodeJson(jsonOf(value)) : false
    }),
    celFunc('decode_json', [STRING], DYN, (text) => {
      const parsed = parseJson(text, decodeLimits)
      return parsed.ok ? celOf(parsed.value) : false
    }),
  ]
}

const foundMax = 1000

/** What matches: the first group of each, or all of it where the expression has none. */
function found(program: RE2JS, text: string, countMax: number): string[] {
  const matcher = program.matcher(text)
  const group = matcher.groupCount() > 0 ? 1 : 0
  const texts: string[] = []
  while (texts.length < countMax && matcher.find()) texts.push(matcher.group(group) ?? '')
  return texts
}

function replaced(text: string, part: string, by: string, countMax: number): string {
  if (part === '' || countMax <= 0) return text
  const pieces = text.split(part)
  if (pieces.length - 1 <= countMax) return pieces.join(by)
  const first = pieces.slice(0, countMax + 1)
  return [first.join(by), ...pieces.slice(countMax + 1)].join(part)
}

function isWithin(gate: CelGate, some: CelList, all: CelList): boolean {
  const keys = keysOf(gate, all)
  return [...some].every((value) => keys.has(keyOf(value)))
}

function keysOf(gate: CelGate, list: CelList): ReadonlySet<string> {
  gate.pay(list.size * 4)
  return new Set([...list].map(keyOf))
}

function keyOf(value: CelValue): string {
  const isNumber = typeof value === 'number' || typeof value === 'bigint'
  return isNumber ? `n${value}` : `${typeof value}${encodeJson(jsonOf(value))}`
}

/** JSON as CEL sees it: numbers are doubles (jwt-oidc.md §6.3). */
function celOf(value: JsonValue): CelInput {
  if (isJsonArray(value)) return celList(value.map(celOf))
  if (value instanceof JsonNumber) return exactNumber(value.text)
  if (isJsonObject(value)) return celMapOf(value)
  // Only answers have prepared texts in them.
  return value instanceof JsonText ? null : value
}

/** A whole number that no double is exactly stays one: two of them must not be taken for one. */
function exactNumber(text: string): number | bigint {
  const near = Number(text)
  if (!/^-?\d{1,19}$/.test(text)) return near
  const exact = BigInt(text)
  return BigInt.asIntN(64, exact) === exact ? exact : near
}

export function celMapOf(object: JsonObject): CelMap {
  return celMap(new Map(Object.entries(object).map(([name, value]) => [name, celOf(value)])))
}

/** Throws for what JSON cannot say. */
function jsonOf(value: CelValue): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (isCelList(value)) return [...value].map(jsonOf)
  if (isCelMap(value)) return jsonOfMap(value)
  throw new Error('a value is of a type that JSON does not have')
}

function jsonOfMap(map: CelMap): JsonValue {
  const object = emptyObject()
  for (const [key, value] of map) object[String(key)] = jsonOf(value)
  return object
}
