/** What of an ID token can only be shown without a provider of that name. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ok } from '../../src/lib/result.ts'
import { decideOidcLogin, explainOidcLogin, type OidcLoginInput } from '../../src/trust/decide.ts'
import { oidcLogin } from '../../src/trust/login-lists.ts'
import { inputOf, nowSeconds, roleOf, tokenOf, withClaims } from './fixture.ts'

function inputWith(
  claims: Record<string, unknown>,
  change: Partial<OidcLoginInput> = {},
): OidcLoginInput {
  const token = tokenOf(
    withClaims({ aud: 'client', nonce: 'n', iat: nowSeconds, exp: nowSeconds + 60, ...claims }),
  )
  if (token === undefined || !('ok' in token)) throw new Error('the fixture gave no token')
  const { env, signature } = inputOf()
  return {
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
    config: { has_provider: false },
    provided: undefined,
    nowSeconds,
    env,
    explainToCaller: 'own_claims',
    ...change,
  }
}

function decide(claims: Record<string, unknown>, change: Partial<OidcLoginInput> = {}) {
  return decideOidcLogin(inputWith(claims, change))
}

test('IDT-016 Google may leave out the scheme of its issuer, and nobody else may', () => {
  const google = decide({ iss: 'accounts.google.com' })
  assert.ok(google.kind === 'decided' && google.decision.kind === 'refused')
  // User info came empty here, so the user claim is the first thing that is missed.
  assert.equal(google.decision.failure.reason, 'user_claim_missing')
  assert.equal(google.decision.failure.stage, 'identity')
  const other = decide({ iss: 'idp.test' })
  assert.ok(other.kind === 'decided' && other.decision.kind === 'refused')
  assert.equal(other.decision.failure.reason, 'issuer_mismatch')
  assert.equal(other.decision.failure.stage, 'token')
})

test('every check is in the list, and those behind an unproven signature are unverified', () => {
  const problem = { reason: 'signature_invalid', detail: 'no key fits' } as const
  const step = explainOidcLogin(
    inputWith(
      { iss: 'https://accounts.google.com', sub: '' },
      { signature: { ok: false, error: problem }, overlaid: { sub: 'x' } },
    ),
  )
  assert.ok(step.kind === 'explained')
  const { explanation } = step
  assert.equal(explanation.checks.length, oidcLogin.checks.length)
  assert.equal(explanation.failure?.reason, 'signature_invalid')
  assert.deepEqual(explanation.also_fails, ['claims_malformed'])
  assert.equal(explanation.proven, false)
  const statusOf = (id: string) => explanation.checks.find((check) => check.id === id)?.status
  assert.equal(statusOf('issuer'), 'unverified')
  assert.equal(statusOf('source_address'), 'skipped')
})

test('nothing is asked of the provider for a token that is refused, and user info only after its proof', () => {
  const unproven = decide({ iss: 'https://accounts.google.com' }, { signature: undefined })
  assert.ok(unproven.kind === 'needs' && unproven.need === 'signature')
  const proven = decide({ iss: 'https://accounts.google.com' }, { overlaid: undefined })
  assert.ok(proven.kind === 'needs' && proven.need === 'user_info')
  assert.ok(!Object.hasOwn(proven.claims, 'nonce'))
  assert.equal(decide({ iss: 'x' }, { overlaid: undefined }).kind, 'decided')
})

test('explaining a sign-in asks nobody about a token that is refused already', () => {
  const open = { signature: undefined, overlaid: undefined, config: { has_provider: true } }
  const unread = { ok: false, error: { reason: 'jwt_malformed', detail: 'no dots' } } as const
  const refused = [
    inputWith({}, { ...open, role: roleOf({ role_type: 'jwt' }) }),
    inputWith({}, { ...open, idToken: unread }),
    inputWith({ iss: 'x' }, { ...open, signature: ok({ keyId: 'k', thumbprint: 't' }) }),
    inputWith({ sub: 7 }, { ...open, signature: ok({ keyId: 'k', thumbprint: 't' }) }),
  ]
  for (const input of refused) assert.equal(explainOidcLogin(input).kind, 'explained')
})
