/**
 * Checks of the token itself: signature, registered claims, issuer, subject, audience and times (contract
 * jwt-oidc.md §3.2, 7 to 17). The cryptography is done elsewhere; its result is judged here in its place.
 */

import type { JwtProblem } from '../jose/compact-jwt.ts'
import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { checkAudience, checkAudienceBound, parseAudience } from './audience.ts'
import type { JwtLoginInput, SignatureProblem } from './decision.ts'
import { checkIssuer, expectedIssuer } from './issuer.ts'
import { checkClaimNames, checkClaimTypes } from './registered-claims.ts'
import type { RoleRules } from './role-rules.ts'
import { quote } from './shown-value.ts'
import { checkSubject } from './subject.ts'
import {
  isExpired,
  isIssuedInFuture,
  isNotYetValid,
  parseTokenDates,
  timeWindow,
  type DateProblem,
} from './times.ts'
import type { Trace } from './trace.ts'

const outer = 'error validating token:'
const signatureOuter = `${outer} error verifying token signature:`
const algorithmText = `${outer} invalid algorithm (alg) header parameter: token signed with unexpected algorithm`

/** A token that cannot be read has failed where it would have been read. */
export function failToken(trace: Trace, problem: JwtProblem): void {
  const { reason, detail } = problem
  if (reason === 'jwt_missing') return
  if (reason === 'algorithm_refused') {
    trace.fail('algorithm', { reason, text: algorithmText, note: sentence(detail) })
  } else if (reason === 'claims_malformed' || reason === 'token_type_refused') {
    trace.fail('claims', { reason, text: `${outer} ${detail}`, note: sentence(detail) })
  } else {
    trace.fail('signature', { reason, text: `${signatureOuter} ${detail}`, note: sentence(detail) })
  }
}

/** From here on nothing is proven: what is still judged would pass, or fails. */
export function failSignature(trace: Trace, problem: SignatureProblem): void {
  failKeys(trace, problem)
  trace.isProven = false
}

function failKeys(trace: Trace, { reason, detail }: SignatureProblem): void {
  switch (reason) {
    case 'key_source_invalid':
      trace.fail('key_source', { reason, text: `error configuring token validator: ${detail}` })
      return
    case 'issuer_missing':
    case 'issuer_unknown':
      trace.fail('key_source', {
        reason,
        text: `${outer} invalid issuer (iss) claim`,
        claim: 'iss',
      })
      return
    case 'keys_unreachable':
    case 'keys_stale':
    case 'key_unknown':
    case 'key_unusable':
    case 'signature_invalid':
      trace.pass('key_source')
      trace.fail('signature', { reason, text: `${signatureOuter} ${detail}` })
      return
  }
}

/** All checks of registered claims in order; `input.role` may be unknown while everything is evaluated. */
export function checkToken(trace: Trace, input: JwtLoginInput, claims: JsonObject): void {
  checkRegisteredClaims(trace, claims)
  if (trace.isOver) return
  trace.pass('algorithm')
  checkIssuerClaim(trace, input, claims)
  if (trace.isOver || input.role === undefined) return
  const { rules } = input.role
  checkSubjectClaim(trace, rules, claims)
  if (trace.isOver) return
  // A value of the wrong type was refused above and is no audience here.
  const audience = parseAudience(member(claims, 'aud'))
  if (audience !== undefined) checkAudiences(trace, input, rules, audience)
  if (trace.isOver) return
  checkTimes(trace, rules, claims, input.nowSeconds)
  if (trace.isOver || audience === undefined) return
  checkUnboundAudience(trace, input, rules, audience)
}

function checkRegisteredClaims(trace: Trace, claims: JsonObject): void {
  const names = checkClaimNames(claims)
  if (!names.ok) {
    const { reason, claim, registered } = names.error
    const text = `${outer} ambiguous claim: key ${quote(claim)} is equal to ${quote(registered)} under Unicode case folding`
    trace.fail('claims', { reason, text, note: `The claim is ${quote(claim)}.` })
    return
  }
  const types = checkClaimTypes(claims)
  if (types.ok) trace.pass('claims')
  else if (types.error.reason === 'time_malformed') failDate(trace, 'claims', types.error)
  else {
    const { reason, claim, got } = types.error
    trace.fail('claims', {
      reason,
      text: `${outer} claim ${quote(claim)} has the wrong JSON type`,
      claim,
      got,
    })
  }
}

function checkIssuerClaim(trace: Trace, input: JwtLoginInput, claims: JsonObject): void {
  const want = expectedIssuer(input.config, input.compat)
  if (want === '') return
  const got = stringClaim(claims, 'iss')
  const checked = checkIssuer(want, got)
  const facts = { claim: 'iss', expected: want, ...present(got) }
  if (checked.ok) trace.pass('issuer', () => facts)
  else {
    const text = `${outer} invalid issuer (iss) claim`
    trace.fail('issuer', { reason: checked.error.reason, text, ...facts })
  }
}

function checkSubjectClaim(trace: Trace, rules: RoleRules, claims: JsonObject): void {
  if (rules.bound_subject === '') return
  const got = stringClaim(claims, 'sub')
  const checked = checkSubject(rules.bound_subject, got)
  const facts = { claim: 'sub', expected: rules.bound_subject, ...present(got) }
  if (checked.ok) trace.pass('subject', () => facts)
  else {
    const text = `${outer} invalid subject (sub) claim`
    trace.fail('subject', { reason: checked.error.reason, text, ...facts })
  }
}

function checkAudiences(
  trace: Trace,
  input: JwtLoginInput,
  rules: RoleRules,
  audience: readonly string[],
): void {
  const wanted = [rules.bound_audiences, input.config.token_audiences]
  if (wanted.every((list) => list.length === 0)) return
  for (const want of wanted) {
    const checked = checkAudience(want, audience)
    if (checked.ok) continue
    trace.fail('audience', {
      reason: checked.error.reason,
      text: `${outer} invalid audience (aud) claim: audience claim does not match any expected audience`,
      claim: 'aud',
      got: audience,
      expected: { any_of: want },
    })
    return
  }
  trace.pass('audience', () => ({
    claim: 'aud',
    got: audience,
    expected: { any_of: wanted.flat() },
  }))
}

function checkTimes(trace: Trace, rules: RoleRules, claims: JsonObject, nowSeconds: number): void {
  const dates = parseTokenDates(claims)
  if (!dates.ok) {
    if (dates.error.reason === 'time_malformed') failDate(trace, 'dates', dates.error)
    else {
      const text = `${outer} no issued at (iat), not before (nbf), or expiration time (exp) claims in token`
      trace.fail('dates', { reason: dates.error.reason, text })
    }
    return
  }
  trace.pass('dates')
  const window = timeWindow(dates.value, rules)
  const { skewSeconds } = window
  // With an absent nbf the bound is worked out, and a claim must be named that the token has.
  const nbfClaim =
    dates.value.nbf !== undefined ? 'nbf' : dates.value.iat !== undefined ? 'iat' : 'exp'
  const notBefore = { claim: nbfClaim, ...present(member(claims, nbfClaim)) }
  if (isNotYetValid(window, nowSeconds)) {
    const text = `${outer} invalid not before (nbf) claim: token not yet valid`
    const seconds = Math.ceil(window.notBefore - skewSeconds - nowSeconds)
    const note = `It counts in ${seconds} seconds.`
    trace.fail('not_before', { reason: 'not_yet_valid', text, ...notBefore, note })
  } else trace.pass('not_before', () => notBefore)
  if (trace.isOver) return
  const expClaim =
    dates.value.exp !== undefined ? 'exp' : dates.value.nbf !== undefined ? 'nbf' : 'iat'
  const expires = { claim: expClaim, ...present(member(claims, expClaim)) }
  if (isExpired(window, nowSeconds)) {
    const text = `${outer} invalid expiration time (exp) claim: token is expired`
    const note = `It ended ${Math.ceil(nowSeconds - window.expires)} seconds ago.`
    trace.fail('expiration', { reason: 'expired', text, ...expires, note })
  } else trace.pass('expiration', () => expires)
  if (trace.isOver || dates.value.iat === undefined) return
  const issued = { claim: 'iat', ...present(member(claims, 'iat')) }
  if (isIssuedInFuture(window, nowSeconds)) {
    const text = `${outer} invalid issued at (iat) claim: token issued in the future`
    const note = `It lies ${Math.ceil(window.issuedAt - nowSeconds)} seconds ahead.`
    trace.fail('issued_at', { reason: 'issued_in_future', text, ...issued, note })
  } else trace.pass('issued_at', () => issued)
}

function checkUnboundAudience(
  trace: Trace,
  input: JwtLoginInput,
  rules: RoleRules,
  audience: readonly string[],
): void {
  const isBound = rules.bound_audiences.length > 0 || input.config.token_audiences.length > 0
  const checked = checkAudienceBound(isBound, audience)
  if (checked.ok) {
    trace.pass('audience_bound')
    return
  }
  trace.fail('audience_bound', {
    reason: checked.error.reason,
    text: 'audience claim found in JWT but no audiences bound to the role',
    claim: 'aud',
    got: audience,
  })
}

const dateTexts = {
  iat: 'invalid issued at (iat) claim',
  nbf: 'invalid not before (nbf) claim',
  exp: 'invalid expiration time (exp) claim',
}

function failDate(trace: Trace, id: 'claims' | 'dates', { reason, claim, got }: DateProblem): void {
  trace.fail(id, { reason, text: `${outer} ${dateTexts[claim]}: not a date`, claim, got })
}

function stringClaim(claims: JsonObject, name: string): string | undefined {
  const value = member(claims, name)
  return typeof value === 'string' ? value : undefined
}

function present(got: JsonValue | undefined): { readonly got?: JsonValue } {
  return got === undefined ? {} : { got }
}

function sentence(detail: string): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${detail.endsWith('.') ? '' : '.'}`
}
