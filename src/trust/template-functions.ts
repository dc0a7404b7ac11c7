/**
 * Functions of policy templates: the standard ones of Go's text/template that compare, index and
 * print, and those of jwt-oidc.md §2.8. Clock and randomness come in through the environment.
 */

import { createHash } from 'node:crypto'

import {
  encodeJson,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import {
  compareDecimals,
  parseDecimal,
  plainDecimal,
  truncateDecimal,
  type Decimal,
} from './decimal.ts'
import { globMatches, parseGlob } from './glob.ts'
import { formatGoTime } from './template-time.ts'
import { sizeOf, TemplateStop, type TemplateWork } from './template-work.ts'

export interface TemplateEnvironment {
  readonly nowMs: number
  readonly randomBytes: (count: number) => Uint8Array
}

/** Characters of one value that a function takes or gives, or of the whole result. */
export const templateValueLengthMax = 65_536
const numberLengthMax = 400
const randomLengthMax = 1_024
const widthMax = 256
const layoutLengthMax = 256
/** A random letter costs as much as looking at so many characters. */
const randomLetterPrice = 32

/**
 * The strings and numbers among the arguments are paid for; what lies inside lists and objects is
 * paid for as it is read.
 */
type TemplateFunction = (
  args: readonly JsonValue[],
  env: TemplateEnvironment,
  work: TemplateWork,
) => JsonValue

/** `and` and `or` judge their arguments one by one and are therefore part of the evaluator. */
export const lazyFunctions: ReadonlySet<string> = new Set(['and', 'or'])

export function isTemplateFunction(name: string): boolean {
  return lazyFunctions.has(name) || functions.has(name)
}

export function callTemplateFunction(
  name: string,
  args: readonly JsonValue[],
  env: TemplateEnvironment,
  work: TemplateWork,
): JsonValue {
  const call = functions.get(name)
  if (call === undefined) throw new TemplateStop(`function ${name} is not defined`)
  try {
    for (const given of args) {
      const size = sizeOf(given)
      if (size > templateValueLengthMax) throw new TemplateStop('an argument is too long')
      work.look(size)
    }
    const value = call(args, env, work)
    if (typeof value === 'string' && value.length > templateValueLengthMax) {
      throw new TemplateStop('the result is too long')
    }
    return value
  } catch (problem) {
    if (problem instanceof TemplateStop) throw new TemplateStop(`${name}: ${problem.message}`)
    throw problem
  }
}

export function isTruthy(value: JsonValue, work: TemplateWork): boolean {
  work.look(sizeOf(value))
  if (value === null || typeof value === 'boolean') return value === true
  if (typeof value === 'string' || isJsonArray(value)) return value.length > 0
  const decimal = parseDecimal(value)
  if (decimal !== undefined) return decimal.digits !== ''
  return isJsonObject(value) && work.namesOf(value).length > 0
}

/** How a value looks in the result: numbers in plain digits, lists and maps as Go prints them. */
export function printValue(value: JsonValue, work: TemplateWork): string {
  work.step()
  work.look(sizeOf(value))
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  // Go prints `<no value>`, which would become part of a policy name.
  if (value === null) throw new TemplateStop('a value is null or absent')
  const decimal = parseDecimal(value)
  if (decimal !== undefined) return plain(decimal)
  if (isJsonArray(value)) {
    return `[${bounded(value.map((item) => printValue(item, work)).join(' '))}]`
  }
  if (!isJsonObject(value)) return encodeJson(value)
  const members = sortedNames(value, work).map((name) => {
    work.look(name.length)
    return `${name}:${printValue(value[name] ?? null, work)}`
  })
  return `map[${bounded(members.join(' '))}]`
}

/**
 * Names in sorted order, as Go ranges over maps and prints them; paid for before they are sorted.
 */
export function sortedNames(object: JsonObject, work: TemplateWork): readonly string[] {
  const names = work.namesOf(object)
  work.steps(names.length)
  return names.toSorted()
}

/** The member of that name, or undefined when there is none. */
export function fieldOf(value: JsonValue, name: string): JsonValue | undefined {
  return isJsonObject(value) ? member(value, name) : undefined
}

function bounded(text: string): string {
  if (text.length > templateValueLengthMax) throw new TemplateStop('the result is too long')
  return text
}

function plain(decimal: Decimal): string {
  const text = plainDecimal(decimal, numberLengthMax)
  if (text === undefined) throw new TemplateStop('a number is too long to print')
  return text
}

const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['not', (args, _, work) => !isTruthy(arg(args, 0, 1), work)],
  ['eq', equalsAny],
  ['ne', (args) => !equals(arg(args, 0, 2), arg(args, 1, 2))],
  ['lt', (args) => compare(args) < 0],
  ['le', (args) => compare(args) <= 0],
  ['gt', (args) => compare(args) > 0],
  ['ge', (args) => compare(args) >= 0],
  ['len', (args, _, work) => lengthOf(arg(args, 0, 1), work)],
  ['index', index],
  ['slice', slice],
  ['print', (args, _, work) => print(args, work)],
  ['println', (args, _, work) => `${args.map((one) => printValue(one, work)).join(' ')}\n`],
  ['printf', (args, _, work) => printf(args, work)],
  ['random', random],
  ['truncate', (args) => truncate(wholeNumber(arg(args, 0, 2)), text(args, 1, 2))],
  ['truncate_sha256', truncateSha256],
  ['uppercase', (args) => text(args, 0, 1).toUpperCase()],
  ['lowercase', (args) => text(args, 0, 1).toLowerCase()],
  ['replace', replace],
  ['sha256', (args) => sha256(text(args, 0, 1))],
  ['base64', (args) => Buffer.from(text(args, 0, 1)).toString('base64')],
  ['decode_base64', (args) => decode(text(args, 0, 1), 'base64')],
  ['hex', (args) => Buffer.from(text(args, 0, 1)).toString('hex')],
  ['decode_hex', (args) => decode(text(args, 0, 1), 'hex')],
  ['unix_time', (args, env) => noArgs(args, Math.floor(env.nowMs / 1000))],
  ['unix_time_millis', (args, env) => noArgs(args, env.nowMs)],
  ['timestamp', timestamp],
  ['uuid', uuid],
  ['glob', (args) => globMatches(parseGlob(text(args, 0, 2)), text(args, 1, 2))],
])

function arg(args: readonly JsonValue[], at: number, count: number): JsonValue {
  const value = args[at]
  if (args.length !== count || value === undefined) {
    throw new TemplateStop(`takes ${count} argument${count === 1 ? '' : 's'}, ${args.length} given`)
  }
  return value
}

function text(args: readonly JsonValue[], at: number, count: number): string {
  const value = arg(args, at, count)
  if (typeof value !== 'string') throw new TemplateStop('an argument must be a string')
  return value
}

function noArgs(args: readonly JsonValue[], value: JsonValue): JsonValue {
  if (args.length > 0) throw new TemplateStop('takes no arguments')
  return value
}

function wholeNumber(value: JsonValue | undefined): number {
  const decimal = parseDecimal(value)
  const number = decimal === undefined ? undefined : truncateDecimal(decimal)
  if (number === undefined) throw new TemplateStop('an argument must be a whole number')
  return number
}

function equalsAny(args: readonly JsonValue[]): boolean {
  const [first, ...others] = args
  if (first === undefined || others.length === 0)
    throw new TemplateStop('takes two arguments or more')
  return others.some((other) => equals(first, other))
}

/** Values of different kinds are different; numbers compare exactly. */
function equals(a: JsonValue, b: JsonValue): boolean {
  if (isJsonArray(a) || isJsonArray(b) || isJsonObject(a) || isJsonObject(b)) {
    throw new TemplateStop('lists and objects cannot be compared')
  }
  const left = parseDecimal(a)
  const right = parseDecimal(b)
  if (left !== undefined && right !== undefined) return compareDecimals(left, right) === 0
  return a === b
}

function compare(args: readonly JsonValue[]): number {
  const a = arg(args, 0, 2)
  const b = arg(args, 1, 2)
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b)
  const left = parseDecimal(a)
  const right = parseDecimal(b)
  if (left === undefined || right === undefined) {
    throw new TemplateStop('only two strings or two numbers have an order')
  }
  return compareDecimals(left, right)
}

function lengthOf(value: JsonValue, work: TemplateWork): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isJsonArray(value)) return value.length
  if (isJsonObject(value)) return work.namesOf(value).length
  throw new TemplateStop('takes a string, a list or an object')
}

/**
 * An absent member is nil, as in Go, so that `if index . "x"` can ask for it; printing nil still
 * fails.
 */
function index(args: readonly JsonValue[]): JsonValue {
  const [first, ...steps] = args
  if (first === undefined || steps.length === 0)
    throw new TemplateStop('takes two arguments or more')
  let value: JsonValue = first
  for (const step of steps) {
    if (isJsonArray(value)) {
      const item: JsonValue | undefined = value[wholeNumber(step)]
      if (item === undefined) throw new TemplateStop('the index is out of range')
      value = item
    } else if (isJsonObject(value) && typeof step === 'string') {
      value = member(value, step) ?? null
    } else {
      throw new TemplateStop('takes a list and a number or an object and a name')
    }
  }
  return value
}

function slice(args: readonly JsonValue[], _: TemplateEnvironment, work: TemplateWork): JsonValue {
  const [value, from = 0, to] = args
  if (
    args.length > 3 ||
    (typeof value !== 'string' && !(value !== undefined && isJsonArray(value)))
  ) {
    throw new TemplateStop('takes a string or list and at most two numbers')
  }
  const start = wholeNumber(from)
  const end = to === undefined ? value.length : wholeNumber(to)
  if (start < 0 || end > value.length || start > end) throw new TemplateStop('is out of range')
  work.look(end - start)
  return value.slice(start, end)
}

/** Go puts a space between two operands when neither is a string. */
function print(args: readonly JsonValue[], work: TemplateWork): string {
  let result = ''
  args.forEach((value, i) => {
    if (i > 0 && typeof value !== 'string' && typeof args[i - 1] !== 'string') result += ' '
    result = bounded(result + printValue(value, work))
  })
  return result
}

// Counted, since flags and width can be the same zeros.
const directive = /%([-0+ ]{0,8})([0-9]{0,8})(?:\.([0-9]{1,8}))?([a-zA-Z%])|%/g

function printf(args: readonly JsonValue[], work: TemplateWork): string {
  const [format, ...values] = args
  if (typeof format !== 'string') throw new TemplateStop('takes a format first')
  let next = 0
  const result = format.replace(
    directive,
    (
      _,
      flags = '',
      width: string = '',
      precision: string | undefined,
      verb: string | undefined,
    ) => {
      if (verb === '%') return '%'
      const value = values[next++]
      if (value === undefined || verb === undefined)
        throw new TemplateStop('the format asks for more values')
      const widthNumber = Number(width)
      const digits = precision === undefined ? undefined : Number(precision)
      if (widthNumber > widthMax || (digits ?? 0) > widthMax)
        throw new TemplateStop('a width is too large')
      const shown = formatVerb(verb, value, digits, work)
      if (String(flags).includes('-')) return shown.padEnd(widthNumber)
      const zeros = String(flags).includes('0') && typeof value !== 'string'
      if (zeros && shown.startsWith('-')) return `-${shown.slice(1).padStart(widthNumber - 1, '0')}`
      return shown.padStart(widthNumber, zeros ? '0' : ' ')
    },
  )
  if (next < values.length) throw new TemplateStop('the format asks for fewer values')
  return bounded(result)
}

function formatVerb(
  verb: string,
  value: JsonValue,
  precision: number | undefined,
  work: TemplateWork,
): string {
  switch (verb) {
    case 'v':
      return printValue(value, work)
    case 's':
      return truncateTo(precision ?? Infinity, printValue(value, work))
    case 'd':
      return String(wholeNumber(value))
    case 'q':
      return JSON.stringify(printValue(value, work))
    case 't':
      if (typeof value !== 'boolean') throw new TemplateStop('%t takes a boolean')
      return String(value)
    case 'x':
      if (typeof value === 'string') return Buffer.from(value).toString('hex')
      return wholeNumber(value).toString(16)
    case 'f':
      return numberOf(value).toFixed(Math.min(precision ?? 6, 100))
    default:
      throw new TemplateStop(`%${verb} is not supported`)
  }
}

function numberOf(value: JsonValue): number {
  if (typeof value === 'number') return value
  if (value instanceof JsonNumber) return Number(value.text)
  throw new TemplateStop('%f takes a number')
}

const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function random(args: readonly JsonValue[], env: TemplateEnvironment, work: TemplateWork): string {
  const length = wholeNumber(arg(args, 0, 1))
  if (length < 1 || length > randomLengthMax) {
    throw new TemplateStop(`takes a length from 1 to ${randomLengthMax}`)
  }
  work.look(length * randomLetterPrice)
  let result = ''
  // 64 bytes give about 62 letters, so a few rounds always do; the bound is for a broken source.
  for (let round = 0; result.length < length && round < randomLengthMax; round++) {
    for (const byte of env.randomBytes(64)) {
      // 248 is the largest multiple of 62 in a byte: the rest would favour some letters.
      if (byte < 248 && result.length < length) result += letters.charAt(byte % 62)
    }
  }
  if (result.length < length) throw new TemplateStop('the source of randomness failed')
  return result
}

function truncate(length: number, value: string): string {
  if (length <= 0) throw new TemplateStop('takes a length above 0')
  return truncateTo(length, value)
}

/** Whole characters, so that no half of a pair is left. */
function truncateTo(length: number, value: string): string {
  return value.slice(0, endOfCharacters(value, length))
}

/** Where so many whole characters of the text end; its own end when it has no more. */
function endOfCharacters(value: string, count: number): number {
  if (value.length <= count) return value.length
  let end = 0
  for (let taken = 0; taken < count && end < value.length; taken++) {
    end += (value.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  }
  return end
}

function truncateSha256(args: readonly JsonValue[]): string {
  const length = wholeNumber(arg(args, 0, 2))
  const value = text(args, 1, 2)
  if (length <= 8) throw new TemplateStop('takes a length above 8')
  if (endOfCharacters(value, length) === value.length) return value
  const end = endOfCharacters(value, length - 8)
  return value.slice(0, end) + sha256(value.slice(end)).slice(0, 8)
}

function replace(args: readonly JsonValue[]): string {
  const from = text(args, 0, 3)
  const to = text(args, 1, 3)
  const value = text(args, 2, 3)
  if (from === '') return value
  const pieces = value.split(from)
  // Counted before it is built: a claim must not be able to ask for gigabytes.
  const length = value.length + (pieces.length - 1) * (to.length - from.length)
  if (length > templateValueLengthMax) throw new TemplateStop('the result is too long')
  return pieces.join(to)
}

function timestamp(args: readonly JsonValue[], env: TemplateEnvironment): string {
  const layout = text(args, 0, 1)
  if (layout.length > layoutLengthMax) throw new TemplateStop('the layout is too long')
  return formatGoTime(env.nowMs, layout)
}

function sha256(value: string): string {
  return createHash('sha256').update(value).digest('hex')
}

function decode(value: string, encoding: 'base64' | 'hex'): string {
  const bytes = Buffer.from(value, encoding)
  const isCanonical =
    encoding === 'hex'
      ? bytes.toString('hex') === value.toLowerCase()
      : bytes.toString('base64') === value
  if (!isCanonical) throw new TemplateStop(`the argument is not ${encoding}`)
  const decoded = bytes.toString('utf8')
  if (!Buffer.from(decoded).equals(bytes)) throw new TemplateStop('the argument does not hold text')
  return decoded
}

function uuid(args: readonly JsonValue[], env: TemplateEnvironment): JsonValue {
  const bytes = Buffer.from(env.randomBytes(16))
  // RFC 9562 §5.4: version 4, variant 10.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ]
  return noArgs(args, parts.join('-'))
}
