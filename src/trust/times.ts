/**
 * Time rules of a JWT login: the window of a token and how the leeway fields size it
 * (jwt-oidc.md §3.5, RFC 7519 §4.1.4 to §4.1.6). All values are seconds.
 *
 * Only `clock_skew_leeway` moves bounds that are present in the token. The other two size the
 * window that is made up for an absent claim, which is why a token with nothing but a distant `exp`
 * is not valid yet.
 */

import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseDecimal, truncateDecimal } from './decimal.ts'

export interface LeewayFields {
  readonly expiration_leeway: number
  readonly not_before_leeway: number
  readonly clock_skew_leeway: number
}

/** The claims as whole seconds, undefined where absent. */
export interface TokenDates {
  readonly iat: number | undefined
  readonly nbf: number | undefined
  readonly exp: number | undefined
}

/** The bounds that are judged, after absent ones were made up. */
export interface TimeWindow {
  readonly skewSeconds: number
  readonly notBefore: number
  readonly expires: number
  readonly issuedAt: number
}

export interface DateProblem {
  readonly reason: 'time_malformed'
  readonly claim: 'iat' | 'nbf' | 'exp'
  readonly got: JsonValue
}

const dateNames = ['iat', 'nbf', 'exp'] as const
/** 9999-12-31T23:59:59Z */
const dateSecondsMax = 253_402_300_799
const skewSecondsDefault = 60
const leewaySecondsDefault = 150

/**
 * Every date that is present is a finite JSON number within ±2^53 (ruling R9); null is not absent.
 */
export function checkDateTypes(claims: JsonObject): Result<void, DateProblem> {
  for (const claim of dateNames) {
    const got = member(claims, claim)
    if (got !== undefined && wholeSeconds(got) === undefined) {
      return err({ reason: 'time_malformed', claim, got })
    }
  }
  return ok(undefined)
}

/**
 * A date after 1970 and before the year 10000, in whole seconds; undefined for every other value.
 * The references take 0 for absent; a token that says 1970 is a mistake and not a token without
 * the claim.
 */
export function dateSeconds(value: JsonValue): number | undefined {
  const seconds = wholeSeconds(value)
  return seconds !== undefined && seconds > 0 && seconds <= dateSecondsMax ? seconds : undefined
}

/**
 * Every date that is present lies after 1970 and before the year 10000; at least one is present.
 */
export function parseTokenDates(
  claims: JsonObject,
): Result<TokenDates, DateProblem | { readonly reason: 'time_missing' }> {
  const dates: { iat?: number; nbf?: number; exp?: number } = {}
  for (const claim of dateNames) {
    const got = member(claims, claim)
    if (got === undefined) continue
    const seconds = dateSeconds(got)
    if (seconds === undefined) return err({ reason: 'time_malformed', claim, got })
    dates[claim] = seconds
  }
  const { iat, nbf, exp } = dates
  if (iat === undefined && nbf === undefined && exp === undefined) {
    return err({ reason: 'time_missing' })
  }
  return ok({ iat, nbf, exp })
}

export function timeWindow(dates: TokenDates, fields: LeewayFields): TimeWindow {
  const { iat = 0, nbf = 0 } = dates
  const expires =
    dates.exp ?? Math.max(iat, nbf) + leeway(fields.expiration_leeway, leewaySecondsDefault)
  const notBefore =
    dates.nbf ?? dates.iat ?? expires - leeway(fields.not_before_leeway, leewaySecondsDefault)
  return {
    skewSeconds: leeway(fields.clock_skew_leeway, skewSecondsDefault),
    notBefore,
    expires,
    issuedAt: iat,
  }
}

// All bounds are inclusive.

export function isNotYetValid(window: TimeWindow, nowSeconds: number): boolean {
  return nowSeconds + window.skewSeconds < window.notBefore
}

export function isExpired(window: TimeWindow, nowSeconds: number): boolean {
  return nowSeconds - window.skewSeconds > window.expires
}

export function isIssuedInFuture(window: TimeWindow, nowSeconds: number): boolean {
  return nowSeconds + window.skewSeconds < window.issuedAt
}

function leeway(field: number, fallback: number): number {
  if (field === 0) return fallback
  return field < 0 ? 0 : field
}

function wholeSeconds(value: JsonValue): number | undefined {
  if (typeof value === 'number') {
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? Math.trunc(value) : undefined
  }
  const decimal = parseDecimal(value)
  return decimal === undefined ? undefined : truncateDecimal(decimal)
}
