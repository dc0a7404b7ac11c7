/**
 * Exact decimal numbers as JSON writes them (RFC 8259 §6), for comparing without a double in
 * between.
 *
 * Two numbers are equal when their canonical texts are: 10.0 is 10, 1e3 is 1000, and integers
 * beyond 2^53 that differ in the last digit differ. No number is ever written out, so 1e999999999
 * costs nothing.
 */

import { JsonNumber, type JsonValue } from '../lib/json.ts'

/** ±0.digits × 10^exponent; digits without zeros at either end, empty for zero. */
export interface Decimal {
  readonly negative: boolean
  readonly digits: string
  readonly exponent: number
}

/**
 * An exponent of more digits than this never compares equal to anything, and never costs anything.
 */
const exponentDigitsMax = 15

/**
 * The number behind a JSON value, undefined for other kinds and for what no JSON number can say.
 */
export function parseDecimal(value: JsonValue | undefined): Decimal | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? parseDecimalText(String(value)) : undefined
  }
  return value instanceof JsonNumber ? parseDecimalText(value.text) : undefined
}

const pattern = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?$/

export function parseDecimalText(text: string): Decimal | undefined {
  const parts = pattern.exec(text)
  if (parts === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponentSign = '', exponentText = '0'] = parts
  const all = whole + fraction
  let start = 0
  while (all.charCodeAt(start) === 0x30) start++
  let end = all.length
  while (end > start && all.charCodeAt(end - 1) === 0x30) end--
  if (start === end) return { negative: false, digits: '', exponent: 0 }
  const magnitude = exponentText.replace(/^0+/, '')
  if (magnitude.length > exponentDigitsMax) return undefined
  const exponent = exponentSign === '-' ? -Number(magnitude) : Number(magnitude)
  return {
    negative: sign === '-',
    digits: all.slice(start, end),
    exponent: exponent + whole.length - start,
  }
}

/** Equal texts mean equal numbers. */
export function canonicalDecimal(decimal: Decimal): string {
  return `${decimal.negative ? '-' : ''}${decimal.digits}e${decimal.exponent}`
}

/** The number without its fraction if it lies within ±2^53, else undefined. */
export function truncateDecimal(decimal: Decimal): number | undefined {
  const whole = decimal.exponent
  if (whole > 16) return undefined
  if (whole <= 0) return 0
  const value = Number(decimal.digits.slice(0, whole).padEnd(whole, '0'))
  if (value > Number.MAX_SAFE_INTEGER) return undefined
  return decimal.negative ? -value : value
}

/** Negative, zero or positive as a is less than, equal to or greater than b. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const signs = sign(a) - sign(b)
  if (signs !== 0 || a.digits === '') return signs
  const size =
    a.exponent === b.exponent
      ? a.digits < b.digits
        ? -1
        : Number(a.digits > b.digits)
      : a.exponent < b.exponent
        ? -1
        : 1
  return a.negative ? -size : size
}

/**
 * Plain digits without an exponent, or undefined when that would take more than `lengthMax`
 * characters.
 */
export function plainDecimal(decimal: Decimal, lengthMax: number): string | undefined {
  if (decimal.digits === '') return '0'
  const { digits, exponent } = decimal
  if (Math.abs(exponent) > lengthMax || digits.length > lengthMax) return undefined
  const point = exponent
  let text: string
  if (point <= 0) text = `0.${'0'.repeat(-point)}${digits}`
  else if (point >= digits.length) text = digits.padEnd(point, '0')
  else text = `${digits.slice(0, point)}.${digits.slice(point)}`
  return decimal.negative ? `-${text}` : text
}

function sign(decimal: Decimal): number {
  if (decimal.digits === '') return 0
  return decimal.negative ? -1 : 1
}
