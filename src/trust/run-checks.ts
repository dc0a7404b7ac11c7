/**
 * The one loop over the checks of a login: it owns their order, stopping at the first failure or
 * going on behind it, what is not proven, and what has to be asked outside. Pure; the asking is the
 * caller's.
 *
 * Every check is in the result each time, with the same number and id. An accepted login puts
 * shared, frozen entries into it, so that the list costs an array and nothing else.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Found, LoginCheck, Need, Refused, Shown, Stage, Verdict } from './login-check.ts'
import type { Reason } from './reasons.ts'

export interface Check extends Shown {
  readonly n: number
  readonly id: string
  readonly title: string
  /** `unverified` would pass, but rests on what was not proven or not asked. */
  readonly status: 'pass' | 'fail' | 'skipped' | 'unverified'
  readonly reason?: Reason
  readonly compatible_error?: string
  readonly spec?: string
}

/** What failed, in the words of the wire and as values for those who may see them. */
export interface Failure extends Shown {
  readonly reason: Reason
  /** The compatible text, `errors[0]`. */
  readonly text: string
  /** Id and stage of the check. */
  readonly check: string
  readonly stage: Stage
}

/** The checks of one kind of login in their order, with what is the same for every run. */
export interface LoginList<F> {
  readonly checks: readonly LoginCheck<F>[]
  readonly rows: Readonly<Record<'pass' | 'skipped' | 'unverified', readonly Check[]>>
  /** Place of the first check that proves something, and how many there are. */
  readonly proof: { readonly at: number; readonly count: number }
}

export interface RunOptions<F> {
  /** Goes on behind a failure, and shows the values that checks looked at. */
  readonly evaluateAll?: boolean
  /** False when nothing may be asked outside: what needs an answer is unverified. */
  readonly mayAsk?: boolean
  /**
   * Checks that are made; the others are shown as skipped, and what they prove counts as proven.
   */
  readonly isMade?: (check: LoginCheck<F>) => boolean
}

/** What a run found out. */
export interface Findings {
  readonly kind: 'done'
  readonly checks: readonly Check[]
  /** The first failure in login order. */
  readonly failure: Failure | undefined
  /** Other reasons for which it would be refused. */
  readonly alsoFails: readonly Reason[]
  /** Everything was proven that is to be proven. */
  readonly isProven: boolean
  readonly found: Found
}

/** Everything before that check is in order: ask outside, and run again with the answer. */
export interface Asking {
  readonly kind: 'needs'
  readonly need: Need
  readonly found: Found
}

/**
 * Throws for a list that could accept somebody without a proof, or whose rows cannot be told apart.
 */
export function createLogin<F>(checks: readonly LoginCheck<F>[]): LoginList<F> {
  const proofs = checks.filter((check) => check.proves === true).length
  if (proofs === 0) throw new Error('a login has no check that proves anything')
  if (new Set(checks.map(({ id }) => id)).size !== checks.length) {
    throw new Error('two checks of a login have one id')
  }
  const rows = (status: 'pass' | 'skipped' | 'unverified'): readonly Check[] =>
    checks.map(({ id, title, spec }, place) =>
      Object.freeze({ n: place + 1, id, title, status, ...(spec === undefined ? {} : { spec }) }),
    )
  return {
    checks,
    rows: { pass: rows('pass'), skipped: rows('skipped'), unverified: rows('unverified') },
    proof: { at: checks.findIndex((check) => check.proves === true), count: proofs },
  }
}

export function runChecks<F>(
  login: LoginList<F>,
  facts: F,
  claims: JsonObject | undefined,
  options: RunOptions<F> = {},
): Findings | Asking {
  const { evaluateAll = false, mayAsk = true, isMade } = options
  const checks = login.rows.skipped.slice()
  const found: Found = { claims }
  const alsoFails: Reason[] = []
  let failure: Failure | undefined
  let unproven = isMade === undefined ? login.proof.count : 0
  for (const [place, check] of login.checks.entries()) {
    if (isMade?.(check) === false) continue
    const verdict: Verdict = check.judge(facts, found)
    if (verdict.kind === 'fail') {
      const failed = failureOf(check, verdict)
      checks[place] = failedRow(login.rows.skipped[place], failed)
      if (failure === undefined) failure = failed
      else if (failed.reason !== failure.reason && !alsoFails.includes(failed.reason)) {
        alsoFails.push(failed.reason)
      }
      if (!evaluateAll) break
      continue
    }
    if (verdict.kind === 'needs') {
      // A login that has failed is refused whatever the answer: nobody is asked for it, also not to
      // explain it.
      if (mayAsk && failure === undefined) return { kind: 'needs', need: verdict.need, found }
    } else {
      if (verdict.found !== undefined) Object.assign(found, verdict.found)
      if (verdict.kind === 'skip') continue
      if (check.proves === true && unproven > 0) unproven--
    }
    const isSure =
      verdict.kind === 'pass' && (unproven === 0 || place < login.proof.at || check.proves === true)
    const row = (isSure ? login.rows.pass : login.rows.unverified)[place]
    if (row === undefined) continue
    checks[place] =
      evaluateAll && check.shown !== undefined ? { ...row, ...check.shown(facts, found) } : row
  }
  return { kind: 'done', checks, failure, alsoFails, isProven: unproven === 0, found }
}

function failureOf<F>(check: LoginCheck<F>, { reason, shown, values }: Refused): Failure {
  const text = fill(check.refusals[reason] ?? '', values)
  return { reason, text, check: check.id, stage: check.stage, ...shown }
}

function failedRow(row: Check | undefined, failure: Failure): Check {
  if (row === undefined) throw new Error('a check has no row')
  const { text, check: _, stage: __, ...rest } = failure
  return { ...row, ...rest, status: 'fail', compatible_error: text }
}

/** The text with a value at each of its places. */
function fill(text: string, values: readonly string[]): string {
  const [first = '', ...rest] = text.split('{}')
  return rest.reduce((filled, part, i) => filled + (values[i] ?? '') + part, first)
}
