/**
 * Checks of a JWT itself: signature, registered claims, issuer, subject and audience
 * (jwt-oidc.md §3.2, 7 to 15 and 17). The cryptography is done elsewhere; its result is judged here
 * in its place.
 */

import type { JwtProblem } from '../jose/compact-jwt.ts'
import { member, type JsonObject } from '../lib/json.ts'
import { checkAudience, checkAudienceBound, parseAudience } from './audience.ts'
import { checkIssuer, expectedIssuer } from './issuer.ts'
import {
  defineCheck,
  fail,
  needs,
  pass,
  present,
  skip,
  type Found,
  type LoginCheck,
  type Shown,
} from './login-check.ts'
import type { JwtLoginInput } from './login-facts.ts'
import { checkClaimNames, checkClaimTypes } from './registered-claims.ts'
import { quote } from './shown-value.ts'
import { checkSubject } from './subject.ts'
import { dateTexts } from './time-checks.ts'

const outer = 'error validating token:'
/** Of an ID token too, which has nothing before it. */
export const audienceText =
  'invalid audience (aud) claim: audience claim does not match any expected audience'
const signatureText = `${outer} error verifying token signature: {}`
const issuerText = `${outer} invalid issuer (iss) claim`
const wrongAudience = `${outer} ${audienceText}`

const keySource = defineCheck({
  id: 'key_source',
  title: 'Key source',
  question: 'Are there keys for its issuer?',
  stage: 'token',
  keptBy: 'iss',
  proves: true,
  refusals: {
    key_source_invalid: 'error configuring token validator: {}',
    issuer_missing: issuerText,
    issuer_unknown: issuerText,
  },
  judge({ token, signature }: JwtLoginInput, { claims }) {
    // A token that cannot be read has no issuer whose keys could be asked for.
    if (token === undefined || claims === undefined) return skip
    if (signature === undefined) return needs('signature')
    if (signature.ok) return pass
    const { reason, detail } = signature.error
    switch (reason) {
      case 'key_source_invalid':
        return fail(reason, undefined, detail)
      case 'issuer_missing':
      case 'issuer_unknown':
        return fail(reason, { claim: 'iss' })
      default:
        return pass
    }
  },
})

const signature = defineCheck({
  id: 'signature',
  title: 'Form and signature',
  question: 'Is it a proper JWT, signed by a key of its issuer?',
  spec: 'RFC 7515 §5.2',
  stage: 'token',
  proves: true,
  refusals: {
    jwt_malformed: signatureText,
    jwt_too_large: signatureText,
    jwt_encrypted: signatureText,
    not_a_jwt: signatureText,
    header_refused: signatureText,
    keys_unreachable: signatureText,
    keys_stale: signatureText,
    key_unknown: signatureText,
    key_unusable: signatureText,
    signature_invalid: signatureText,
  },
  judge(facts: JwtLoginInput, { claims }) {
    const problem = problemOf(facts)
    switch (problem?.reason) {
      case 'jwt_malformed':
      case 'jwt_too_large':
      case 'jwt_encrypted':
      case 'not_a_jwt':
      case 'header_refused':
        return fail(problem.reason, noteOf(problem), problem.detail)
      default:
    }
    // A token that was readable enough for a later check to refuse it.
    if (claims === undefined) return skip
    if (facts.signature === undefined) return needs('signature')
    if (facts.signature.ok) return pass
    const { reason, detail } = facts.signature.error
    switch (reason) {
      case 'key_source_invalid':
      case 'issuer_missing':
      case 'issuer_unknown':
        return skip
      default:
        return fail(reason, undefined, detail)
    }
  },
  shown({ token }) {
    if (token === undefined || !('ok' in token) || !token.ok) return {}
    const { alg, kid } = token.value.header
    return { got: { alg, kid: kid ?? null } }
  },
})

const registeredClaims = defineCheck({
  id: 'claims',
  title: 'Claim names and types',
  question: 'Are names and types of the registered claims right?',
  spec: 'RFC 7519 §4',
  stage: 'token',
  refusals: {
    claims_malformed: `${outer} {}`,
    token_type_refused: `${outer} {}`,
    claim_ambiguous: `${outer} ambiguous claim: key {} is equal to {} under Unicode case folding`,
    time_malformed: `${outer} {}: not a date`,
  },
  judge(facts: JwtLoginInput, { claims }) {
    const problem = problemOf(facts)
    if (problem?.reason === 'claims_malformed' || problem?.reason === 'token_type_refused') {
      return fail(problem.reason, noteOf(problem), problem.detail)
    }
    if (claims === undefined) return skip
    const names = checkClaimNames(claims)
    if (!names.ok) {
      const { reason, claim, registered } = names.error
      const note = `The claim is ${quote(claim)}.`
      return fail(reason, { note }, quote(claim), quote(registered))
    }
    const types = checkClaimTypes(claims)
    if (types.ok) return pass
    const { reason, claim, got } = types.error
    return reason === 'time_malformed'
      ? fail(reason, { claim, got }, dateTexts[claim])
      : fail(reason, { claim, got }, `claim ${quote(claim)} has the wrong JSON type`)
  },
})

const algorithm = defineCheck({
  id: 'algorithm',
  title: 'Signing algorithm',
  question: 'Is the algorithm allowed?',
  spec: 'RFC 8725 §3.1',
  stage: 'token',
  refusals: {
    algorithm_refused: `${outer} invalid algorithm (alg) header parameter: token signed with unexpected algorithm`,
  },
  judge(facts: JwtLoginInput, { claims }) {
    const problem = problemOf(facts)
    if (problem?.reason === 'algorithm_refused') {
      return fail(problem.reason, noteOf(problem))
    }
    return claims === undefined ? skip : pass
  },
})

const issuer = defineCheck({
  id: 'issuer',
  title: 'Issuer',
  question: 'Does it come from the expected issuer, exactly?',
  spec: 'RFC 7519 §4.1.1',
  stage: 'token',
  keptBy: 'iss',
  refusals: { issuer_missing: issuerText, issuer_mismatch: issuerText },
  judge(facts: JwtLoginInput, found) {
    const want = expectedIssuer(facts.config, facts.compat)
    if (want === '' || found.claims === undefined) return skip
    const checked = checkIssuer(want, stringClaim(found.claims, 'iss'))
    return checked.ok ? pass : fail(checked.error.reason, shownIssuer(facts, found))
  },
  shown: shownIssuer,
})

const subject = defineCheck({
  id: 'subject',
  title: 'Subject',
  question: 'Is it the bound subject, exactly?',
  spec: 'RFC 7519 §4.1.2',
  stage: 'token',
  keptBy: 'sub',
  refusals: { subject_mismatch: `${outer} invalid subject (sub) claim` },
  judge(facts: JwtLoginInput, found) {
    const want = facts.role?.rules.bound_subject ?? ''
    if (want === '' || found.claims === undefined) return skip
    const checked = checkSubject(want, stringClaim(found.claims, 'sub'))
    return checked.ok ? pass : fail(checked.error.reason, shownSubject(facts, found))
  },
  shown: shownSubject,
})

const audience = defineCheck({
  id: 'audience',
  title: 'Audience',
  question: 'Is it made out to this server?',
  spec: 'RFC 7519 §4.1.3',
  stage: 'token',
  keptBy: 'aud',
  refusals: { audience_missing: wrongAudience, audience_mismatch: wrongAudience },
  judge({ role, config }: JwtLoginInput, { claims }) {
    const got = audienceOf(claims)
    if (role === undefined || got === undefined) return skip
    const ofRole = role.audiences
    const ofMount = config.token_audiences
    if (ofRole.length === 0 && ofMount.length === 0) return skip
    const first = checkAudience(ofRole, got)
    const checked = first.ok ? checkAudience(ofMount, got) : first
    if (checked.ok) return pass
    const { reason, want } = checked.error
    return fail(reason, { claim: 'aud', got, expected: { any_of: want } })
  },
  shown: ({ role, config }, { claims }) => ({
    claim: 'aud',
    got: audienceOf(claims) ?? [],
    expected: { any_of: [...(role?.audiences ?? []), ...config.token_audiences] },
  }),
})

export const audienceBound = defineCheck({
  id: 'audience_bound',
  title: 'Audience bound',
  question: 'Does a token with an audience meet a role that names one?',
  spec: 'RFC 7519 §4.1.3',
  stage: 'token',
  keptBy: 'aud',
  refusals: {
    audience_unbound: 'audience claim found in JWT but no audiences bound to the role',
  },
  judge({ role, config }: JwtLoginInput, { claims }) {
    const got = audienceOf(claims)
    if (role === undefined || got === undefined) return skip
    const isBound = role.audiences.length > 0 || config.token_audiences.length > 0
    const checked = checkAudienceBound(isBound, got)
    return checked.ok ? pass : fail(checked.error.reason, { claim: 'aud', got })
  },
})

/** Up to the times of the token; `audienceBound` comes after those. */
export const tokenChecks: readonly LoginCheck<JwtLoginInput>[] = [
  keySource,
  signature,
  registeredClaims,
  algorithm,
  issuer,
  subject,
  audience,
]

/** Why the token could not be read; undefined when it could. */
function problemOf({ token }: JwtLoginInput): JwtProblem | undefined {
  return token !== undefined && 'ok' in token && !token.ok ? token.error : undefined
}

/**
 * Undefined also for a value of the wrong type, which was refused before and is no audience here.
 */
function audienceOf(claims: JsonObject | undefined): readonly string[] | undefined {
  return claims === undefined ? undefined : parseAudience(member(claims, 'aud'))
}

function shownIssuer({ config, compat }: JwtLoginInput, { claims = {} }: Found): Shown {
  const got = present(stringClaim(claims, 'iss'))
  return { claim: 'iss', expected: expectedIssuer(config, compat), ...got }
}

function shownSubject({ role }: JwtLoginInput, { claims = {} }: Found): Shown {
  const got = present(stringClaim(claims, 'sub'))
  return { claim: 'sub', expected: role?.rules.bound_subject ?? '', ...got }
}

function stringClaim(claims: JsonObject, name: string): string | undefined {
  const value = member(claims, name)
  return typeof value === 'string' ? value : undefined
}

/** The form of a token may be told to anybody. */
function noteOf({ detail, hint }: JwtProblem): Pick<Shown, 'note'> {
  return { note: hint === undefined ? sentence(detail) : `${sentence(detail)} ${sentence(hint)}` }
}

function sentence(detail: string): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${detail.endsWith('.') ? '' : '.'}`
}
