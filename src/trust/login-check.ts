/**
 * What a check of a login is: data about it, and one pure function. A login is a list of checks
 * (`login-lists.ts`), and `run-checks.ts` is the one loop that goes through such a list. A check
 * knows nothing of its place in it.
 */

import type { JsonObject, JsonValue } from '../lib/json.ts'
import type { LoginOutcome } from './login-outcome.ts'
import type { Reason } from './reasons.ts'
import type { TimeWindow, TokenDates } from './times.ts'

/** What only somebody outside can answer; the caller asks, and decides again with the answer. */
export type Need = 'signature' | 'user_info' | 'provider' | 'roles'

/** Whom a check is about: the request, the token itself, or what a role makes of its claims. */
export type Stage = 'request' | 'token' | 'identity'

/**
 * What of a login a renewal still has, so that the check can be made again. `request` is the one
 * that renews; `client` is the OAuth client that the ID token was issued to; the others are claims.
 */
export type KeptFact = 'request' | 'iss' | 'sub' | 'aud' | 'client' | 'bound_claims'

/** What the checks before have worked out. */
export interface Found {
  /** The claims that count from here on; undefined when no token could be read. */
  readonly claims?: JsonObject | undefined
  readonly dates?: TokenDates
  readonly window?: TimeWindow
  readonly aliasName?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly groups?: readonly string[]
  readonly tokenPolicies?: readonly string[]
  readonly outcome?: LoginOutcome
}

/** Values for those who may read the list of checks. */
export interface Shown {
  readonly claim?: string
  readonly got?: JsonValue
  readonly expected?: JsonValue
  readonly note?: string
}

export interface Refused<R extends Reason = Reason> {
  readonly kind: 'fail'
  readonly reason: R
  readonly shown: Shown | undefined
  /** What the places of the compatible text are filled with. */
  readonly values: readonly string[]
}

export type Verdict<R extends Reason = Reason> =
  | { readonly kind: 'pass'; readonly found?: Found }
  /** The rule is not set, or there is nothing that it could be held against. */
  | { readonly kind: 'skip'; readonly found?: Found }
  | { readonly kind: 'needs'; readonly need: Need }
  | Refused<R>

export interface LoginCheck<F, R extends Reason = Reason> {
  /** Stable: explain and decision records show it. */
  readonly id: string
  readonly title: string
  /** What it asks, for the reference page. */
  readonly question: string
  readonly spec?: string
  readonly stage: Stage
  /**
   * Undefined when a renewal cannot make it again: it is about the token, or the moment of the
   * login.
   */
  readonly keptBy?: KeptFact
  /**
   * Until all checks with this mark have passed, those behind them rest on nothing that was proven.
   */
  readonly proves?: true
  /**
   * Every reason it can give, with the compatible text, `errors[0]`; a value stands where `{}` is.
   */
  readonly refusals: Readonly<Partial<Record<R, string>>>
  readonly judge: (facts: F, found: Found) => Verdict<R>
  /** Asked for a check that passed, and only when the list is for reading. */
  readonly shown?: (facts: F, found: Found) => Shown
}

/** Holds the reasons that a check gives against those it lists, and forgets them after that. */
export function defineCheck<F, R extends Reason>(
  check: Omit<LoginCheck<F, R>, 'refusals'> & { readonly refusals: Readonly<Record<R, string>> },
): LoginCheck<F> {
  return check
}

// Shared by all logins: a check that passes costs no allocation.
export const pass: Verdict<never> = Object.freeze({ kind: 'pass' })
export const skip: Verdict<never> = Object.freeze({ kind: 'skip' })

export function passWith(found: Found): Verdict<never> {
  return { kind: 'pass', found }
}

export function needs(need: Need): Verdict<never> {
  return { kind: 'needs', need }
}

export function fail<const R extends Reason>(
  reason: R,
  shown?: Shown,
  ...values: readonly string[]
): Refused<R> {
  return { kind: 'fail', reason, shown, values }
}

/** A member for a value that may be absent. */
export function present(got: JsonValue | undefined): Pick<Shown, 'got'> {
  return got === undefined ? {} : { got }
}
