/**
 * Times that conditions compare with: a fixed one (RFC 3339, or seconds since 1970 as RFC 7519 §2
 * has them), or one that moves with the present. No clock is asked here; the present is handed in.
 */

import type { JsonValue } from '../lib/json.ts'
import { parseDurationMs } from '../lib/duration.ts'
import { parseDecimal, parseDecimalText, type Decimal } from './decimal.ts'

export type TimePoint =
  | { readonly kind: 'fixed'; readonly at: Decimal }
  /** Seconds after the present; negative before it. */
  | { readonly kind: 'moving'; readonly offsetSeconds: number }

/** Undefined for what is no time. */
export function parseTimePoint(value: JsonValue): TimePoint | undefined {
  if (typeof value === 'string' && value.startsWith('now')) return parseMoving(value.slice(3))
  const at = secondsOfDate(value)
  return at === undefined ? undefined : { kind: 'fixed', at }
}

function parseMoving(offset: string): TimePoint | undefined {
  if (offset === '') return { kind: 'moving', offsetSeconds: 0 }
  const isSigned = offset.startsWith('-') || offset.startsWith('+')
  const ms = isSigned && offset.length > 1 ? parseDurationMs(offset) : undefined
  return ms === undefined ? undefined : { kind: 'moving', offsetSeconds: Math.trunc(ms / 1000) }
}

export function timeOf(point: TimePoint, nowSeconds: number): Decimal {
  if (point.kind === 'fixed') return point.at
  return decimalOf(nowSeconds + point.offsetSeconds)
}

/** RFC 3339 §5.6, with its offset: a text without one names no moment. */
const datePattern =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/
const dateLengthMax = 40

/** A claim that holds a time, in seconds since 1970; undefined for every other value. */
export function secondsOfDate(value: JsonValue): Decimal | undefined {
  if (typeof value !== 'string') return parseDecimal(value)
  if (value.length > dateLengthMax || !datePattern.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : decimalOf(ms / 1000)
}

function decimalOf(value: number): Decimal {
  const decimal = parseDecimalText(String(value))
  if (decimal === undefined) throw new Error('a time is no decimal number')
  return decimal
}
