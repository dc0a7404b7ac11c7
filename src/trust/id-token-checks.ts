/**
 * Checks of an ID token (jwt-oidc.md §4.9; OpenID Connect Core §3.1.3.7, §3.1.3.8), in the
 * order in which they are made. The role's leeways, `bound_issuer` and `token_audiences` play no
 * part here.
 */

import { createHash } from 'node:crypto'
import { equalSecrets } from '../lib/constant-time.ts'
import { emptyObject, isJsonObject, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { algorithmFacts } from '../jose/algorithms.ts'
import { checkAudience, parseAudience } from './audience.ts'
import {
  defineCheck,
  fail,
  needs,
  pass,
  passWith,
  present,
  skip,
  type Found,
  type LoginCheck,
  type Shown,
  type Verdict,
} from './login-check.ts'
import type { OidcLoginInput } from './login-facts.ts'
import type { Reason } from './reasons.ts'
import { checkClaimNames, checkClaimTypes } from './registered-claims.ts'
import { quote } from './shown-value.ts'
import { dateTexts } from './time-checks.ts'
import { audienceText } from './token-checks.ts'
import { dateSeconds, parseTokenDates } from './times.ts'

const notBeforeLeewaySeconds = 300
const clockLeewaySeconds = 60

const form = defineCheck({
  id: 'token',
  title: 'Form and algorithm of the ID token',
  question: 'Is it a proper JWT with an allowed algorithm?',
  spec: 'RFC 7515 §5.2',
  stage: 'token',
  refusals: {
    jwt_missing: '{}',
    jwt_malformed: '{}',
    jwt_too_large: '{}',
    jwt_encrypted: '{}',
    not_a_jwt: '{}',
    header_refused: '{}',
    algorithm_refused: '{}',
    token_type_refused: '{}',
    claims_malformed: '{}',
  },
  judge({ idToken }: OidcLoginInput) {
    if (!('ok' in idToken) || idToken.ok) return pass
    return fail(idToken.error.reason, undefined, idToken.error.detail)
  },
})

const keySource = defineCheck({
  id: 'key_source',
  title: 'Key source',
  question: 'Are there keys of the provider?',
  stage: 'token',
  proves: true,
  refusals: { key_source_invalid: '{}' },
  judge({ signature: verdict }: OidcLoginInput, { claims }) {
    if (claims === undefined) return skip
    if (verdict === undefined) return needs('signature')
    if (verdict.ok || verdict.error.reason !== 'key_source_invalid') return pass
    return fail(verdict.error.reason, undefined, verdict.error.detail)
  },
})

const signature = defineCheck({
  id: 'signature',
  title: 'Signature',
  question: 'Is it signed by a key of the provider?',
  spec: 'RFC 7515 §5.2',
  stage: 'token',
  proves: true,
  refusals: {
    keys_unreachable: '{}',
    keys_stale: '{}',
    key_unknown: '{}',
    key_unusable: '{}',
    signature_invalid: '{}',
    issuer_missing: '{}',
    issuer_unknown: '{}',
  },
  judge({ signature: verdict }: OidcLoginInput, { claims }) {
    if (claims === undefined) return skip
    if (verdict === undefined) return needs('signature')
    if (verdict.ok) return pass
    const { reason, detail } = verdict.error
    return reason === 'key_source_invalid' ? skip : fail(reason, undefined, detail)
  },
})

const registeredClaims = defineCheck({
  id: 'claims',
  title: 'Claim names and types',
  question: 'Are names and types of the registered claims right?',
  spec: 'RFC 7519 §4',
  stage: 'token',
  refusals: {
    claim_ambiguous: 'ambiguous claim: key {} is equal to {} under Unicode case folding',
    claims_malformed: 'claim {} has the wrong JSON type',
    time_malformed: 'the {} claim is not a date',
  },
  judge: withClaims((claims) => {
    const names = checkClaimNames(claims)
    if (!names.ok) {
      const { reason, claim, registered } = names.error
      return fail(reason, undefined, quote(claim), quote(registered))
    }
    const types = checkClaimTypes(claims)
    if (types.ok) return pass
    const { reason, claim, got } = types.error
    return fail(reason, { claim, got }, reason === 'time_malformed' ? claim : quote(claim))
  }),
})

const distributedClaims = defineCheck({
  id: 'distributed_claims',
  title: 'Distributed claims',
  question: 'Does each distributed claim lead to a source?',
  spec: 'OpenID Connect Core §5.6.2',
  stage: 'token',
  refusals: {
    claims_malformed: 'a distributed claim names a source that is not in _claim_sources',
  },
  judge: withClaims((claims) => {
    const names = member(claims, '_claim_names')
    if (names === undefined) return skip
    const sources = member(claims, '_claim_sources')
    // Each name leads to a source that is there.
    const isSound =
      isJsonObject(names) &&
      Object.values(names).every(
        (source) =>
          typeof source === 'string' &&
          source !== '' &&
          isJsonObject(sources) &&
          Object.hasOwn(sources, source),
      )
    return isSound ? pass : fail('claims_malformed', { claim: '_claim_names' })
  }),
})

const issuer = defineCheck({
  id: 'issuer',
  title: 'Issuer',
  question: 'Does it come from the provider, exactly?',
  spec: 'OpenID Connect Core §3.1.3.7, 2',
  stage: 'token',
  keptBy: 'iss',
  refusals: {
    issuer_missing: 'invalid issuer (iss) claim',
    issuer_mismatch: 'invalid issuer (iss) claim',
  },
  judge: withClaims((claims, { facts }) => {
    const got = member(claims, 'iss')
    // Google leaves the scheme out at times; its own documents allow it.
    const isGoogle = facts.issuer === 'https://accounts.google.com' && got === 'accounts.google.com'
    if (got === facts.issuer || isGoogle) return pass
    const reason = got === undefined ? 'issuer_missing' : 'issuer_mismatch'
    return fail(reason, { claim: 'iss', expected: facts.issuer, ...present(got) })
  }),
  shown: ({ facts }: OidcLoginInput, found) => ({
    ...shownClaim('iss')(facts, found),
    expected: facts.issuer,
  }),
})

const dates = defineCheck({
  id: 'dates',
  title: 'Dates present',
  question: 'Does it say when it was made and when it ends?',
  spec: 'OpenID Connect Core §2',
  stage: 'token',
  refusals: {
    time_malformed: 'the {} claim is not a date',
    time_missing: 'the {} claim is missing',
  },
  judge: withClaims((claims) => {
    const read = parseTokenDates(claims)
    if (!read.ok && read.error.reason === 'time_malformed') {
      const { reason, claim, got } = read.error
      return fail(reason, { claim, got }, claim)
    }
    const { exp, iat } = read.ok ? read.value : { exp: undefined, iat: undefined }
    // OpenID Connect Core §2 demands both.
    if (read.ok && exp !== undefined && iat !== undefined) return passWith({ dates: read.value })
    const claim = exp === undefined ? 'exp' : 'iat'
    return fail('time_missing', { claim }, claim)
  }),
})

const expiration = defineCheck({
  id: 'expiration',
  title: 'Expiration',
  question: 'Is its time not over?',
  spec: 'RFC 7519 §4.1.4',
  stage: 'token',
  refusals: { expired: `${dateTexts.exp}: token is expired` },
  judge({ nowSeconds }: OidcLoginInput, found) {
    const exp = found.dates?.exp
    if (exp === undefined) return skip
    return nowSeconds <= exp ? pass : fail('expired', { claim: 'exp', got: exp })
  },
  shown: shownClaim('exp'),
})

const notBefore = defineCheck({
  id: 'not_before',
  title: 'Not before',
  question: 'Has its time begun?',
  spec: 'RFC 7519 §4.1.5',
  stage: 'token',
  refusals: { not_yet_valid: `${dateTexts.nbf}: token not yet valid` },
  judge({ nowSeconds }: OidcLoginInput, found) {
    const nbf = found.dates?.nbf
    if (nbf === undefined) return skip
    return nbf <= nowSeconds + notBeforeLeewaySeconds
      ? pass
      : fail('not_yet_valid', { claim: 'nbf', got: nbf })
  },
  shown: shownClaim('nbf'),
})

const issuedAt = defineCheck({
  id: 'issued_at',
  title: 'Issued at',
  question: 'Was it made in the past?',
  spec: 'RFC 7519 §4.1.6',
  stage: 'token',
  refusals: { issued_in_future: `${dateTexts.iat}: token issued in the future` },
  judge({ nowSeconds }: OidcLoginInput, found) {
    const iat = found.dates?.iat
    if (iat === undefined) return skip
    return iat <= nowSeconds + clockLeewaySeconds
      ? pass
      : fail('issued_in_future', { claim: 'iat', got: iat })
  },
  shown: shownClaim('iat'),
})

const nonce = defineCheck({
  id: 'nonce',
  title: 'Nonce of the sign-in',
  question: 'Was it made for this very sign-in?',
  spec: 'OpenID Connect Core §3.1.3.7, 11',
  stage: 'token',
  refusals: { nonce_mismatch: 'invalid nonce claim' },
  judge: withClaims((claims, { facts }) => {
    // It is compared here, and no rule of a role may depend on it.
    const found = { claims: withoutNonce(claims) }
    if (facts.nonce === undefined) return { kind: 'skip', found }
    const got = member(claims, 'nonce')
    // Neither value is shown: the right one is a secret of the sign-in.
    return typeof got === 'string' && equalSecrets(got, facts.nonce)
      ? passWith(found)
      : fail('nonce_mismatch', { claim: 'nonce' })
  }),
})

const subjectPresent = defineCheck({
  id: 'subject_present',
  title: 'Subject present',
  question: 'Does it name somebody?',
  spec: 'OpenID Connect Core §2',
  stage: 'token',
  refusals: { claims_malformed: 'the sub claim is missing' },
  judge: withClaims((claims) => {
    const sub = member(claims, 'sub')
    return typeof sub === 'string' && sub !== '' ? pass : fail('claims_malformed', { claim: 'sub' })
  }),
})

const audience = defineCheck({
  id: 'audience',
  title: 'Audience',
  question: 'Is it made out to an audience of the role?',
  spec: 'RFC 7519 §4.1.3',
  stage: 'token',
  keptBy: 'aud',
  refusals: {
    audience_missing: '{}',
    audience_mismatch: audienceText,
  },
  judge: withClaims((claims, { role }) => {
    const got = audiencesOf(claims)
    if (got.every((one) => one === '')) {
      return fail('audience_missing', { claim: 'aud' }, 'the aud claim is missing')
    }
    const want = role.audiences
    const checked = checkAudience(want, got)
    if (checked.ok) return pass
    return fail('audience_mismatch', { claim: 'aud', got, expected: { any_of: want } })
  }),
  shown: ({ role }: OidcLoginInput, { claims = {} }) => ({
    claim: 'aud',
    got: audiencesOf(claims),
    ...(role.audiences.length === 0 ? {} : { expected: { any_of: role.audiences } }),
  }),
})

/**
 * jwt-oidc.md §4.9, 11: among several audiences this client is one, and the token says that it was
 * asked for by it.
 */
const severalAudiences = defineCheck({
  id: 'several_audiences',
  title: 'Several audiences',
  question: 'Is this server among several audiences, and is it said who asked for the token?',
  spec: 'OpenID Connect Core §3.1.3.7, 3 and 4',
  stage: 'token',
  keptBy: 'client',
  refusals: { authorized_party_mismatch: '{}' },
  judge: withClaims((claims, { facts }) => {
    const audiences = audiencesOf(claims)
    if (audiences.length <= 1) return skip
    if (!audiences.includes(facts.clientId)) {
      const text = 'invalid audience (aud) claim: it has several audiences and not this client'
      return fail('authorized_party_mismatch', { claim: 'aud', got: audiences }, text)
    }
    if (member(claims, 'azp') !== undefined) return pass
    return fail('authorized_party_mismatch', { claim: 'azp' }, partyMissing('several audiences'))
  }),
})

/** jwt-oidc.md §4.9, 12 (and 11): whoever it names as the one that asked for it is this client. */
const authorizedParty = defineCheck({
  id: 'authorized_party',
  title: 'Authorized party',
  question: 'Was it this server that asked for it?',
  spec: 'OpenID Connect Core §3.1.3.7, 5',
  stage: 'token',
  keptBy: 'client',
  refusals: {
    authorized_party_mismatch:
      'invalid authorized party (azp) claim: the token was issued to another client',
  },
  judge: withClaims((claims, { facts }) => {
    const party = member(claims, 'azp')
    if (party === undefined) return skip
    if (party === facts.clientId) return pass
    const shown = { claim: 'azp', got: party, expected: facts.clientId }
    return fail('authorized_party_mismatch', shown)
  }),
})

/**
 * jwt-oidc.md §4.9, 13: made out to somebody else alone, it must say that this client asked for it.
 */
const otherAudience = defineCheck({
  id: 'other_audience',
  title: 'Single audience',
  question: 'If it is made out to another alone, was it this server that asked for it?',
  spec: 'OpenID Connect Core §3.1.3.7, 3',
  stage: 'token',
  keptBy: 'client',
  refusals: { authorized_party_mismatch: '{}' },
  judge: withClaims((claims, { facts }) => {
    const [only, ...more] = audiencesOf(claims)
    if (only === undefined || more.length > 0 || only === facts.clientId) return skip
    if (member(claims, 'azp') !== undefined) return pass
    return fail('authorized_party_mismatch', { claim: 'azp' }, partyMissing('another audience'))
  }),
})

/** How long ago the person proved who they are. */
const authenticationAge = defineCheck({
  id: 'authentication_age',
  title: 'Age of the authentication',
  question: 'Did the person prove recently enough who they are?',
  spec: 'OpenID Connect Core §3.1.2.1',
  stage: 'token',
  refusals: {
    time_missing: authTimeText('it is missing, and the role has a max_age'),
    time_malformed: authTimeText('it is not a number'),
    expired: authTimeText('the last authentication is longer ago than max_age'),
  },
  judge: withClaims((claims, { facts: { maxAge } }) => {
    if (maxAge === undefined) return skip
    const got = member(claims, 'auth_time')
    const refused = (reason: 'time_missing' | 'time_malformed' | 'expired') =>
      fail(reason, { claim: 'auth_time', ...present(got) })
    if (got === undefined) return refused('time_missing')
    const at = dateSeconds(got)
    if (at === undefined) return refused('time_malformed')
    return at + clockLeewaySeconds > maxAge.askedAtSeconds - maxAge.seconds
      ? pass
      : refused('expired')
  }),
})

/** What came beside the token belongs to it. */
const hashes = defineCheck({
  id: 'hashes',
  title: 'Hashes of code and access token',
  question: 'Do the code and the access token belong to it?',
  spec: 'OpenID Connect Core §3.1.3.8, §3.3.2.11',
  stage: 'token',
  refusals: { claim_mismatch: 'invalid {} claim: the token belongs to another {}' },
  judge({ idToken, facts }: OidcLoginInput) {
    if (!('ok' in idToken) || !idToken.ok) return skip
    const { claims, header } = idToken.value
    const { hash } = algorithmFacts[header.alg]
    // EdDSA names no hash.
    if (hash === null) return skip
    if (!isHashOf(member(claims, 'at_hash'), hash, facts.accessToken)) {
      return fail('claim_mismatch', { claim: 'at_hash' }, 'at_hash', 'access token')
    }
    // Providers that send an empty one mean none.
    const codeHash = member(claims, 'c_hash')
    if (codeHash !== '' && !isHashOf(codeHash, hash, facts.code)) {
      return fail('claim_mismatch', { claim: 'c_hash' }, 'c_hash', 'code')
    }
    return pass
  },
})

/** About the role already: a token that is refused here was itself in order. */
export const boundSubject = defineCheck({
  id: 'subject',
  title: 'Subject',
  question: 'Is it the bound subject, exactly?',
  spec: 'RFC 7519 §4.1.2',
  stage: 'identity',
  keptBy: 'sub',
  refusals: { subject_mismatch: 'sub claim does not match bound subject' },
  judge: withClaims((claims, { role }) => {
    const want = role.rules.bound_subject
    if (want === '') return skip
    const got = member(claims, 'sub')
    return got === want
      ? pass
      : fail('subject_mismatch', { claim: 'sub', expected: want, ...present(got) })
  }),
  shown: ({ role, facts }: OidcLoginInput, found) => ({
    ...shownClaim('sub')(facts, found),
    expected: role.rules.bound_subject,
  }),
})

/** jwt-oidc.md §4.11, 3. That it could not be had refuses nobody. */
export const userInfo = defineCheck({
  id: 'user_info',
  title: 'User info',
  question: 'What else does the provider say about the person?',
  spec: 'OpenID Connect Core §5.3',
  stage: 'identity',
  refusals: {},
  judge({ overlaid }: OidcLoginInput, { claims }): Verdict<never> {
    if (claims === undefined) return skip
    return overlaid === undefined ? needs('user_info') : passWith({ claims: overlaid })
  },
})

export const idTokenChecks: readonly LoginCheck<OidcLoginInput>[] = [
  form,
  keySource,
  signature,
  registeredClaims,
  distributedClaims,
  issuer,
  dates,
  expiration,
  notBefore,
  issuedAt,
  nonce,
  subjectPresent,
  audience,
  severalAudiences,
  authorizedParty,
  otherAudience,
  authenticationAge,
  hashes,
]

function withClaims<R extends Reason>(
  judge: (claims: JsonObject, input: OidcLoginInput) => Verdict<R>,
): (input: OidcLoginInput, found: Found) => Verdict<R> {
  return (input, { claims }) => (claims === undefined ? skip : judge(claims, input))
}

function audiencesOf(claims: JsonObject): readonly string[] {
  return parseAudience(member(claims, 'aud')) ?? []
}

function partyMissing(having: string): string {
  return `invalid authorized party (azp) claim: it is missing, and the token has ${having}`
}

function authTimeText(what: string): string {
  return `invalid auth_time claim: ${what}`
}

function withoutNonce(claims: JsonObject): JsonObject {
  const rest = emptyObject()
  for (const [name, value] of Object.entries(claims)) if (name !== 'nonce') rest[name] = value
  return rest
}

/** True also when there is no hash, or nothing that it could be of. */
function isHashOf(got: JsonValue | undefined, hash: string, value: string): boolean {
  if (got === undefined || got === null || value === '') return true
  if (typeof got !== 'string') return false
  const digest = createHash(hash).update(value, 'latin1').digest()
  return equalSecrets(got, digest.subarray(0, digest.length / 2).toString('base64url'))
}

function shownClaim(claim: string): (_: unknown, found: Found) => Shown {
  return (_, { claims = {} }) => ({ claim, ...present(member(claims, claim)) })
}
