/**
 * Checks of an ID token beside its signature (contract jwt-oidc.md §4.9; OpenID Connect Core §3.1.3.7, §3.1.3.8). They fill the same
 * ordered list as those of a JWT login. The role's leeways, `bound_issuer` and `token_audiences` play no part here.
 */

import { createHash } from 'node:crypto'
import { equalSecrets } from '../lib/constant-time.ts'
import { emptyObject, isJsonObject, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { ParsedJwt } from '../jose/compact-jwt.ts'
import { algorithmFacts } from '../jose/algorithms.ts'
import { checkAudience, parseAudience } from './audience.ts'
import { checkClaimNames, checkClaimTypes } from './registered-claims.ts'
import type { CompiledRole } from './role-rules.ts'
import { quote } from './shown-value.ts'
import { parseTokenDates } from './times.ts'
import type { CheckId, Failure, Trace } from './trace.ts'

/** What of the sign-in the token must fit. */
export interface SignInFacts {
  readonly issuer: string
  readonly clientId: string
  /** Undefined in the device flow, which has none. */
  readonly nonce: string | undefined
  /** `max_age` that was asked for, and when; undefined when none was. */
  readonly maxAge: { readonly seconds: number; readonly askedAtSeconds: number } | undefined
  /** What came beside the token; empty when nothing did. */
  readonly accessToken: string
  readonly code: string
}

const notBeforeLeewaySeconds = 300
const clockLeewaySeconds = 60

type IdTokenCheck = (trace: Trace, input: IdTokenInput) => void

export interface IdTokenInput {
  readonly jwt: ParsedJwt
  readonly facts: SignInFacts
  readonly role: CompiledRole
  readonly nowSeconds: number
}

const inOrder: readonly IdTokenCheck[] = [
  checkNames,
  checkTypes,
  checkDistributedClaims,
  checkIssuer,
  checkTimes,
  checkNonce,
  checkSubjectPresent,
  checkAudiences,
  checkAuthorizedParty,
  checkAuthenticationAge,
  checkHashes,
]

export function checkIdToken(trace: Trace, input: IdTokenInput): void {
  for (const check of inOrder) {
    check(trace, input)
    if (trace.isOver) return
  }
}

function checkNames(trace: Trace, { jwt: { claims } }: IdTokenInput): void {
  const names = checkClaimNames(claims)
  if (names.ok) return
  const { reason, claim, registered } = names.error
  const text = `ambiguous claim: key ${quote(claim)} is equal to ${quote(registered)} under Unicode case folding`
  trace.fail('claims', { reason, text })
}

function checkTypes(trace: Trace, { jwt: { claims } }: IdTokenInput): void {
  const types = checkClaimTypes(claims)
  if (types.ok) {
    trace.pass('claims')
    trace.pass('algorithm')
    return
  }
  const { reason, claim, got } = types.error
  const text =
    reason === 'time_malformed'
      ? `the ${claim} claim is not a date`
      : `claim ${quote(claim)} has the wrong JSON type`
  trace.fail('claims', { reason, text, claim, got })
}

/** OpenID Connect Core §5.6.2: each name leads to a source that is there. */
function checkDistributedClaims(trace: Trace, { jwt: { claims } }: IdTokenInput): void {
  const names = member(claims, '_claim_names')
  if (names === undefined) return
  const sources = member(claims, '_claim_sources')
  const isSound =
    isJsonObject(names) &&
    Object.values(names).every(
      (source) =>
        typeof source === 'string' &&
        source !== '' &&
        isJsonObject(sources) &&
        Object.hasOwn(sources, source),
    )
  if (isSound) return
  const text = 'a distributed claim names a source that is not in _claim_sources'
  trace.fail('claims', { reason: 'claims_malformed', text, claim: '_claim_names' })
}

function checkIssuer(trace: Trace, { jwt: { claims }, facts }: IdTokenInput): void {
  const got = member(claims, 'iss')
  // Google leaves the scheme out at times; its own documents allow it.
  const isGoogle = facts.issuer === 'https://accounts.google.com' && got === 'accounts.google.com'
  const shown = { claim: 'iss', expected: facts.issuer, ...present(got) }
  if (got === facts.issuer || isGoogle) {
    trace.pass('issuer', () => shown)
    return
  }
  const reason = got === undefined ? 'issuer_missing' : 'issuer_mismatch'
  trace.fail('issuer', { reason, text: 'invalid issuer (iss) claim', ...shown })
}

function checkTimes(trace: Trace, { jwt: { claims }, nowSeconds }: IdTokenInput): void {
  const dates = parseTokenDates(claims)
  if (!dates.ok && dates.error.reason === 'time_malformed') {
    const { reason, claim, got } = dates.error
    trace.fail('dates', { reason, text: `the ${claim} claim is not a date`, claim, got })
    return
  }
  const { exp, nbf, iat } = dates.ok
    ? dates.value
    : { exp: undefined, nbf: undefined, iat: undefined }
  // OpenID Connect Core §2 demands both.
  if (exp === undefined || iat === undefined) {
    const claim = exp === undefined ? 'exp' : 'iat'
    trace.fail('dates', { reason: 'time_missing', text: `the ${claim} claim is missing`, claim })
    return
  }
  trace.pass('dates')
  judgeTime(trace, 'expiration', nowSeconds <= exp, {
    reason: 'expired',
    text: 'invalid expiration time (exp) claim: token is expired',
    claim: 'exp',
    got: exp,
  })
  if (trace.isOver) return
  if (nbf !== undefined) {
    judgeTime(trace, 'not_before', nbf <= nowSeconds + notBeforeLeewaySeconds, {
      reason: 'not_yet_valid',
      text: 'invalid not before (nbf) claim: token not yet valid',
      claim: 'nbf',
      got: nbf,
    })
  }
  if (trace.isOver) return
  judgeTime(trace, 'issued_at', iat <= nowSeconds + clockLeewaySeconds, {
    reason: 'issued_in_future',
    text: 'invalid issued at (iat) claim: token issued in the future',
    claim: 'iat',
    got: iat,
  })
}

function judgeTime(trace: Trace, id: CheckId, isGood: boolean, failure: Failure): void {
  const { claim, got } = failure
  if (isGood) trace.pass(id, () => ({ ...(claim === undefined ? {} : { claim }), ...present(got) }))
  else trace.fail(id, failure)
}

/** OpenID Connect Core §3.1.3.7 rule 11: the token was made for this very sign-in. */
function checkNonce(trace: Trace, { jwt: { claims }, facts }: IdTokenInput): void {
  if (facts.nonce === undefined) return
  const got = member(claims, 'nonce')
  if (typeof got === 'string' && equalSecrets(got, facts.nonce)) return
  // Neither value is shown: the right one is a secret of the sign-in.
  trace.fail('claims', { reason: 'nonce_mismatch', text: 'invalid nonce claim', claim: 'nonce' })
}

function checkSubjectPresent(trace: Trace, { jwt: { claims } }: IdTokenInput): void {
  const sub = member(claims, 'sub')
  if (typeof sub === 'string' && sub !== '') return
  trace.fail('claims', {
    reason: 'claims_malformed',
    text: 'the sub claim is missing',
    claim: 'sub',
  })
}

function checkAudiences(trace: Trace, { jwt: { claims }, role }: IdTokenInput): void {
  const got = parseAudience(member(claims, 'aud')) ?? []
  if (got.every((audience) => audience === '')) {
    const text = 'the aud claim is missing'
    trace.fail('audience', { reason: 'audience_missing', text, claim: 'aud' })
    return
  }
  const want = role.rules.bound_audiences
  const shown = { claim: 'aud', got, ...(want.length === 0 ? {} : { expected: { any_of: want } }) }
  const checked = checkAudience(want, got)
  if (checked.ok) trace.pass('audience', () => shown)
  else {
    const text = 'invalid audience (aud) claim: audience claim does not match any expected audience'
    trace.fail('audience', { reason: checked.error.reason, text, ...shown })
  }
}

/** OpenID Connect Core §3.1.3.7 rules 3 to 5. */
function checkAuthorizedParty(trace: Trace, { jwt: { claims }, facts }: IdTokenInput): void {
  const audiences = parseAudience(member(claims, 'aud')) ?? []
  const party = member(claims, 'azp')
  const isOurs = audiences.includes(facts.clientId)
  const mustName = audiences.length > 1 || !isOurs
  const isNamed = party === facts.clientId
  const isGood =
    (party === undefined || isNamed) && (!mustName || isNamed) && (audiences.length <= 1 || isOurs)
  if (isGood) {
    trace.pass('audience_bound')
    return
  }
  const text = 'invalid authorized party (azp) claim: the token was issued to another client'
  trace.fail('audience_bound', {
    reason: 'authorized_party_mismatch',
    text,
    claim: 'azp',
    ...present(party),
    expected: facts.clientId,
  })
}

/** OpenID Connect Core §3.1.2.1, `max_age`: how long ago the person proved who they are. */
function checkAuthenticationAge(trace: Trace, { jwt: { claims }, facts }: IdTokenInput): void {
  const { maxAge } = facts
  if (maxAge === undefined) return
  const got = member(claims, 'auth_time')
  const isNumber = typeof got === 'number' && Number.isFinite(got)
  if (isNumber && got + clockLeewaySeconds > maxAge.askedAtSeconds - maxAge.seconds) return
  trace.fail('issued_at', {
    reason: got === undefined ? 'time_missing' : isNumber ? 'expired' : 'time_malformed',
    text: 'invalid auth_time claim: the last authentication is unknown or longer ago than max_age',
    claim: 'auth_time',
    ...present(got),
  })
}

/** OpenID Connect Core §3.1.3.8, §3.3.2.11: what came beside the token belongs to it. */
function checkHashes(trace: Trace, { jwt, facts }: IdTokenInput): void {
  const { hash } = algorithmFacts[jwt.header.alg]
  // EdDSA names no hash.
  if (hash === null) return
  const beside = [
    ['at_hash', facts.accessToken],
    ['c_hash', facts.code],
  ] as const
  for (const [claim, value] of beside) {
    const got = member(jwt.claims, claim)
    if (typeof got !== 'string' || value === '' || (claim === 'c_hash' && got === '')) continue
    if (equalSecrets(got, leftHalfHash(hash, value))) continue
    const text = `invalid ${claim} claim: the token belongs to another ${claim === 'c_hash' ? 'code' : 'access token'}`
    trace.fail('claims', { reason: 'claim_mismatch', text, claim })
    return
  }
}

function leftHalfHash(hash: string, value: string): string {
  const digest = createHash(hash).update(value, 'latin1').digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

function present(got: JsonValue | undefined): { readonly got?: JsonValue } {
  return got === undefined ? {} : { got }
}

/** Members of user info that never replace those of the token, which was proven (contract §4.11). */
const protectedClaims = ['iss', 'aud', 'exp', 'nbf', 'iat', 'azp', 'nonce', 'auth_time', 'sub']

export interface UserInfoProblem {
  readonly reason: 'userinfo_failed' | 'userinfo_subject_mismatch'
  readonly detail: string
}

/** The claims with what the provider says about the person laid over them, or why it cannot be used (OpenID Connect Core §5.3.2, §5.3.4). */
export function overlayUserInfo(
  claims: JsonObject,
  info: JsonObject,
  issuer: string,
): Result<JsonObject, UserInfoProblem> {
  // OpenID Connect Core §5.3.4: or the answer is about somebody else.
  if (member(info, 'sub') !== member(claims, 'sub')) {
    return err({
      reason: 'userinfo_subject_mismatch',
      detail: 'its sub is not that of the ID token',
    })
  }
  const iss = member(info, 'iss')
  if (iss !== undefined && iss !== issuer) return unusable('it names another issuer')
  const names = checkClaimNames(info)
  if (!names.ok)
    return unusable(`its member ${quote(names.error.claim)} looks like a registered claim`)
  const verified = member(info, 'email_verified')
  const isVerdict =
    verified === undefined ||
    typeof verified === 'boolean' ||
    verified === 'true' ||
    verified === 'false'
  if (!isVerdict) return unusable('its email_verified is neither true nor false')
  // A claim may be named __proto__.
  const merged = emptyObject()
  for (const [name, value] of Object.entries(claims)) merged[name] = value
  for (const [name, value] of Object.entries(info)) {
    if (!protectedClaims.includes(name)) merged[name] = value
  }
  return ok(merged)
}

function unusable(detail: string): Result<never, UserInfoProblem> {
  return err({ reason: 'userinfo_failed', detail })
}
