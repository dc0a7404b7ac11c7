/** What of an ID token can only be shown without a provider of that name. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../../src/lib/result.ts'
import { decideOidcLogin, type OidcLoginInput } from '../../src/trust/decide-oidc.ts'
import { inputOf, nowSeconds, roleOf, tokenOf, withClaims } from './fixture.ts'

function decide(claims: Record<string, unknown>, change: Partial<OidcLoginInput> = {}) {
  const token = tokenOf(
    withClaims({ aud: 'client', nonce: 'n', iat: nowSeconds, exp: nowSeconds + 60, ...claims }),
  )
  if (token === undefined || !('ok' in token)) throw new Error('the fixture gave no token')
  const { env, signature } = inputOf()
  return decideOidcLogin({
    mountPath: 'oidc/',
    role: roleOf({ role_type: 'oidc', bound_audiences: [], bound_subject: '', user_claim: 'sub' }),
    compat: 'strict',
    sourceAddress: '192.0.2.1',
    idToken: token,
    signature: signature ?? ok({ keyId: 'k', thumbprint: 't' }),
    facts: {
      issuer: 'https://accounts.google.com',
      clientId: 'client',
      nonce: 'n',
      maxAge: undefined,
      accessToken: '',
      code: '',
    },
    overlaid: {},
    has_provider: false,
    provided: undefined,
    nowSeconds,
    env,
    explainToCaller: 'own_claims',
    evaluateAll: false,
    ...change,
  })
}

test('IDT-016 Google may leave out the scheme of its issuer, and nobody else may', () => {
  const google = decide({ iss: 'accounts.google.com' })
  assert.ok(google.kind === 'decided')
  // User info came empty here, so the user claim is the first thing that is missed.
  assert.equal(google.decision.reason, 'user_claim_missing')
  assert.equal(google.isTokenRefused, false)
  const other = decide({ iss: 'idp.test' })
  assert.ok(other.kind === 'decided' && other.isTokenRefused)
  assert.equal(other.decision.reason, 'issuer_mismatch')
})

test('every check is in the list, and those behind an unproven signature are unverified', () => {
  const problem = { reason: 'signature_invalid', detail: 'no key fits' } as const
  const step = decide(
    { iss: 'https://accounts.google.com', sub: '' },
    { signature: { ok: false, error: problem }, evaluateAll: true, overlaid: { sub: 'x' } },
  )
  assert.ok(step.kind === 'decided')
  assert.equal(step.decision.checks.length, 25)
  assert.equal(step.decision.accepted, false)
  assert.deepEqual(step.decision.also_fails, ['claims_malformed'])
  assert.equal(step.decision.proven, false)
  const statusOf = (id: string) => step.decision.checks.find((check) => check.id === id)?.status
  assert.equal(statusOf('issuer'), 'unverified')
  assert.equal(statusOf('source_address'), 'skipped')
})

test('nothing is asked of the provider for a token that is refused, and user info only after its proof', () => {
  const unproven = decide({ iss: 'https://accounts.google.com' }, { signature: undefined })
  assert.equal(unproven.kind, 'needs_signature')
  const proven = decide({ iss: 'https://accounts.google.com' }, { overlaid: undefined })
  assert.equal(proven.kind, 'needs_user_info')
  if (proven.kind === 'needs_user_info') assert.ok(!Object.hasOwn(proven.claims, 'nonce'))
  assert.equal(decide({ iss: 'x' }, { overlaid: undefined }).kind, 'decided')
})
