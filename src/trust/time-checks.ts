/**
 * Checks of the times of a JWT (jwt-oidc.md §3.5 and §3.2, row 16). The rules themselves are
 * in `times.ts`.
 */

import { member } from '../lib/json.ts'
import {
  defineCheck,
  fail,
  pass,
  passWith,
  present,
  skip,
  type Found,
  type LoginCheck,
  type Shown,
} from './login-check.ts'
import type { JwtLoginInput } from './login-facts.ts'
import {
  isExpired,
  isIssuedInFuture,
  isNotYetValid,
  parseTokenDates,
  timeWindow,
  type DateProblem,
} from './times.ts'

const outer = 'error validating token:'

export const dateTexts: Readonly<Record<DateProblem['claim'], string>> = {
  iat: 'invalid issued at (iat) claim',
  nbf: 'invalid not before (nbf) claim',
  exp: 'invalid expiration time (exp) claim',
}

const dates = defineCheck({
  id: 'dates',
  title: 'Dates present',
  question: 'Does it say when it counts?',
  spec: 'RFC 7519 §2',
  stage: 'token',
  refusals: {
    time_missing: `${outer} no issued at (iat), not before (nbf), or expiration time (exp) claims in token`,
    time_malformed: `${outer} {}: not a date`,
  },
  judge({ role }: JwtLoginInput, { claims }) {
    if (role === undefined || claims === undefined) return skip
    const read = parseTokenDates(claims)
    if (read.ok) return passWith({ dates: read.value, window: timeWindow(read.value, role.rules) })
    if (read.error.reason === 'time_missing') return fail(read.error.reason)
    const { reason, claim, got } = read.error
    return fail(reason, { claim, got }, dateTexts[claim])
  },
})

const notBefore = defineCheck({
  id: 'not_before',
  title: 'Not before',
  question: 'Has its time begun?',
  spec: 'RFC 7519 §4.1.5',
  stage: 'token',
  refusals: { not_yet_valid: `${outer} ${dateTexts.nbf}: token not yet valid` },
  judge({ nowSeconds }: JwtLoginInput, found) {
    const { window } = found
    if (window === undefined) return skip
    if (!isNotYetValid(window, nowSeconds)) return pass
    const seconds = Math.ceil(window.notBefore - window.skewSeconds - nowSeconds)
    const note = `It counts in ${seconds} seconds.`
    return fail('not_yet_valid', { ...shownDate(found, ['nbf', 'iat', 'exp']), note })
  },
  shown: (_, found) => shownDate(found, ['nbf', 'iat', 'exp']),
})

const expiration = defineCheck({
  id: 'expiration',
  title: 'Expiration',
  question: 'Is its time not over?',
  spec: 'RFC 7519 §4.1.4',
  stage: 'token',
  refusals: { expired: `${outer} ${dateTexts.exp}: token is expired` },
  judge({ nowSeconds }: JwtLoginInput, found) {
    const { window } = found
    if (window === undefined) return skip
    if (!isExpired(window, nowSeconds)) return pass
    const note = `It ended ${Math.ceil(nowSeconds - window.expires)} seconds ago.`
    return fail('expired', { ...shownDate(found, ['exp', 'nbf', 'iat']), note })
  },
  shown: (_, found) => shownDate(found, ['exp', 'nbf', 'iat']),
})

const issuedAt = defineCheck({
  id: 'issued_at',
  title: 'Issued at',
  question: 'Was it made in the past?',
  spec: 'RFC 7519 §4.1.6',
  stage: 'token',
  refusals: { issued_in_future: `${outer} ${dateTexts.iat}: token issued in the future` },
  judge({ nowSeconds }: JwtLoginInput, found) {
    const { window } = found
    if (window === undefined || found.dates?.iat === undefined) return skip
    if (!isIssuedInFuture(window, nowSeconds)) return pass
    const note = `It lies ${Math.ceil(window.issuedAt - nowSeconds)} seconds ahead.`
    return fail('issued_in_future', { ...shownDate(found, ['iat']), note })
  },
  shown: (_, found) => shownDate(found, ['iat']),
})

export const timeChecks: readonly LoginCheck<JwtLoginInput>[] = [
  dates,
  notBefore,
  expiration,
  issuedAt,
]

/** With an absent date the bound was worked out, and a claim must be named that the token has. */
function shownDate(
  { dates: read, claims = {} }: Found,
  inOrder: readonly DateProblem['claim'][],
): Shown {
  const claim = inOrder.find((name) => read?.[name] !== undefined) ?? inOrder[0] ?? 'exp'
  return { claim, ...present(member(claims, claim)) }
}
