/** The ID token and the user info of a sign-in: what a provider may say, and what is refused of it. */

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import type { Members } from '../harness/scripted-provider.ts'
import { assertReason, assertRefused, assertStatus, makeSigner, part, signAs } from './fixture.ts'
import { redirectUri, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup
const plain = { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: [redirectUri] }

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

function now(): number {
  return Math.floor(Date.now() / 1000)
}

/** Runs a sign-in whose ID token has these claims instead. */
async function signIn(change: (claims: Members) => Members | string, role: object = {}) {
  const { idp } = setup
  idp.idToken = (claims) => {
    const changed = change(claims)
    return typeof changed === 'string' ? changed : idp.key.sign({ nbf: undefined, ...changed })
  }
  const name = await setup.role(role, plain)
  const { code, state } = await setup.begin(name)
  const answer = await setup.callback({ code, state })
  idp.idToken = undefined
  return answer
}

type Row = readonly [
  id: string,
  what: string,
  change: (claims: Members) => Members,
  reason: string | undefined,
  role?: object,
]

const rows: readonly Row[] = [
  [
    'IDT-001, CBK-006, SEC-OID-08',
    'another nonce',
    (c) => ({ ...c, nonce: 'n_other' }),
    'nonce_mismatch',
  ],
  ['SEC-OID-08', 'no nonce', (c) => ({ ...c, nonce: undefined }), 'nonce_mismatch'],
  ['SEC-OID-08', 'a null nonce', (c) => ({ ...c, nonce: null }), 'nonce_mismatch'],
  ['SEC-OID-08', 'a list of nonces', (c) => ({ ...c, nonce: [c['nonce']] }), 'nonce_mismatch'],
  ['IDT-002, SEC-OID-09', 'an empty sub', (c) => ({ ...c, sub: '' }), 'claims_malformed'],
  ['IDT-002, SEC-OID-09', 'no sub', (c) => ({ ...c, sub: undefined }), 'claims_malformed'],
  ['IDT-002', 'an empty aud', (c) => ({ ...c, aud: [] }), 'audience_missing'],
  ['SEC-OID-09', 'no aud', (c) => ({ ...c, aud: undefined }), 'audience_missing'],
  [
    'IDT-004, SEC-OID-09',
    'another issuer',
    (c) => ({ ...c, iss: 'https://x.test' }),
    'issuer_mismatch',
  ],
  [
    'IDT-004',
    'the issuer with a slash',
    (c) => ({ ...c, iss: `${String(c['iss'])}/` }),
    'issuer_mismatch',
  ],
  ['IDT-005, SEC-OID-09', 'exp a second ago', (c) => ({ ...c, exp: now() - 1 }), 'expired'],
  ['SEC-OID-09', 'no exp', (c) => ({ ...c, exp: undefined }), 'time_missing'],
  ['IDT-006', 'nbf in 4 minutes', (c) => ({ ...c, nbf: now() + 240 }), undefined],
  ['IDT-006', 'nbf in 6 minutes', (c) => ({ ...c, nbf: now() + 360 }), 'not_yet_valid'],
  ['IDT-007', 'iat in 50 seconds', (c) => ({ ...c, iat: now() + 50 }), undefined],
  ['IDT-007', 'iat in 70 seconds', (c) => ({ ...c, iat: now() + 70 }), 'issued_in_future'],
  ['OpenID Connect Core §2', 'no iat', (c) => ({ ...c, iat: undefined }), 'time_missing'],
  [
    'IDT-008',
    'no audience of the role',
    (c) => c,
    'audience_mismatch',
    { bound_audiences: ['api'] },
  ],
  [
    'IDT-009',
    'two audiences without the client',
    (c) => ({ ...c, aud: ['a', 'b'], azp: 'abc' }),
    'authorized_party_mismatch',
  ],
  [
    'IDT-010, SEC-OID-09',
    'two audiences, no azp',
    (c) => ({ ...c, aud: ['abc', 'b'] }),
    'authorized_party_mismatch',
  ],
  [
    'IDT-010, SEC-OID-09',
    'two audiences, wrong azp',
    (c) => ({ ...c, aud: ['abc', 'b'], azp: 'b' }),
    'authorized_party_mismatch',
  ],
  [
    'IDT-010',
    'two audiences, right azp',
    (c) => ({ ...c, aud: ['abc', 'b'], azp: 'abc' }),
    undefined,
  ],
  [
    'IDT-011',
    'one foreign audience, no azp',
    (c) => ({ ...c, aud: 'b' }),
    'authorized_party_mismatch',
  ],
  [
    'IDT-011',
    'one foreign audience, azp is the client',
    (c) => ({ ...c, aud: 'b', azp: 'abc' }),
    undefined,
  ],
  [
    'IDT-012, SEC-OID-09',
    'aud is the client, azp another',
    (c) => ({ ...c, azp: 'b' }),
    'authorized_party_mismatch',
  ],
  [
    'IDT-013',
    'auth_time recent',
    (c) => ({ ...c, auth_time: now() - 10 }),
    undefined,
    { max_age: 60 },
  ],
  [
    'IDT-013, SEC-OID-17',
    'auth_time too old',
    (c) => ({ ...c, auth_time: now() - 200 }),
    'expired',
    { max_age: 60 },
  ],
  ['IDT-013, SEC-OID-17', 'auth_time missing', (c) => c, 'time_missing', { max_age: 60 }],
  [
    'SEC-OID-17',
    'auth_time a text',
    (c) => ({ ...c, auth_time: String(now()) }),
    'time_malformed',
    { max_age: 60 },
  ],
  [
    'SEC-OID-17',
    'auth_time after the year 9999',
    (c) => ({ ...c, auth_time: 1e20 }),
    'time_malformed',
    { max_age: 60 },
  ],
  ['SEC-OID-11', 'at_hash a number', (c) => ({ ...c, at_hash: 1 }), 'claim_mismatch'],
  ['SEC-OID-11', 'c_hash a list', (c) => ({ ...c, c_hash: [] }), 'claim_mismatch'],
  ['IDT-014, SEC-OID-11', 'a wrong at_hash', (c) => ({ ...c, at_hash: 'x' }), 'claim_mismatch'],
  ['IDT-014', 'the right at_hash', (c) => ({ ...c, at_hash: half('access1') }), undefined],
  ['IDT-014, SEC-OID-11', 'a wrong c_hash', (c) => ({ ...c, c_hash: 'x' }), 'claim_mismatch'],
  ['IDT-014', 'an empty c_hash', (c) => ({ ...c, c_hash: '' }), undefined],
  [
    'IDT-017',
    'a source that is not there',
    (c) => ({ ...c, _claim_names: { groups: 'src1' } }),
    'claims_malformed',
  ],
  [
    'IDT-017',
    'a source that is there',
    (c) => ({ ...c, _claim_names: { groups: 's' }, _claim_sources: { s: {} } }),
    undefined,
  ],
  ['jwt-oidc.md §3.7', 'a look-alike', (c) => ({ ...c, SUB: 'x' }), 'claim_ambiguous'],
]

for (const [id, what, change, reason, role] of rows) {
  test(`${id} ${what}: ${reason ?? 'accepted'}`, async () => {
    const answer = await signIn(change, role)
    if (reason === undefined) assertStatus(answer, 200)
    else {
      assertReason(answer, reason)
      assert.match(answer.body.errors[0], /^Token verification failed\. /)
    }
  })
}

test('IDT-013 it is said what is wrong with auth_time', async () => {
  const missing = await signIn((claims) => claims, { max_age: 60 })
  assertRefused(missing, /auth_time claim: it is missing, and the role has a max_age$/)
  const old = await signIn((claims) => ({ ...claims, auth_time: now() - 200 }), { max_age: 60 })
  assertRefused(old, /auth_time claim: the last authentication is longer ago than max_age$/)
})

function half(value: string): string {
  return createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url')
}

test('SEC-OID-10 an unsigned token, one signed with the client secret and one signed by a stranger are refused', async () => {
  const { idp } = setup
  const stranger = makeJwtMaker('k1')
  const hmac = (claims: Members) => {
    const signed = `${part({ alg: 'HS256', kid: 'k1' })}.${part(claims)}`
    return `${signed}.${createHmac('sha256', idp.clientSecret).update(signed).digest('base64url')}`
  }
  assertReason(await signIn((c) => `${part({ alg: 'none' })}.${part(c)}.`), 'algorithm_refused')
  assertReason(await signIn(hmac), 'algorithm_refused')
  assertReason(await signIn((c) => stranger.sign(c)), 'signature_invalid')
})

test('IDT-003, IDT-018, SEC-ALG-13 without a list RS256 alone is taken', async () => {
  await setup.configure({ jwt_supported_algs: [] })
  assertReason(await signIn((c) => c), 'algorithm_refused')
  const rsa = makeSigner('RS256')
  setup.idp.jwks = { keys: [{ ...rsa.jwk, kid: 'rsa' }] }
  await setup.configure({ jwt_supported_algs: [] })
  const signed = (c: Members) => signAs('RS256', rsa.privateKey, { alg: 'RS256', kid: 'rsa' }, c)
  assertStatus(await signIn(signed), 200)
  setup.idp.jwks = undefined
  await setup.configure()
})

test('IDT-015 EdDSA names no hash, so at_hash is not compared', async () => {
  const key = makeSigner('EdDSA')
  setup.idp.jwks = { keys: [{ ...key.jwk, kid: 'ed' }] }
  await setup.configure({ jwt_supported_algs: ['EdDSA'] })
  const signed = (c: Members) =>
    signAs('EdDSA', key.privateKey, { alg: 'EdDSA', kid: 'ed' }, { ...c, at_hash: 'x' })
  assertStatus(await signIn(signed), 200)
  setup.idp.jwks = undefined
  await setup.configure()
})

const overlay = { ...plain, user_claim: 'sub' }
const infoRows: readonly (readonly [string, string, Members, boolean])[] = [
  ['UIN-001', 'another sub', { sub: 'mallory', team: 'x' }, false],
  ['UIN-001', 'no sub', { team: 'x' }, false],
  ['UIN-002', 'another issuer', { sub: 'bob-subject', iss: 'https://x.test', team: 'x' }, false],
  [
    'UIN-004',
    'an unclear email_verified',
    { sub: 'bob-subject', email_verified: 'maybe', team: 'x' },
    false,
  ],
  [
    'UIN-004',
    'a clear email_verified',
    { sub: 'bob-subject', email_verified: 'true', team: 'x' },
    true,
  ],
  ['jwt-oidc.md §3.7', 'a look-alike', { sub: 'bob-subject', AUD: 'x', team: 'x' }, false],
]

for (const [id, what, info, isUsed] of infoRows) {
  test(`${id} user info with ${what} is ${isUsed ? 'used' : 'ignored'}, and the sign-in goes on`, async () => {
    setup.idp.userInfo = info
    const mapping = { claim_mappings: { team: 'team' }, optional_claim_mappings: ['*'] }
    const answer = await signIn((c) => c, { ...overlay, ...mapping })
    assertStatus(answer, 200)
    assert.equal(answer.body.auth.metadata.team, isUsed ? 'x' : undefined)
  })
}

test('UIN-003 a user-info endpoint that fails or is not there is no obstacle', async () => {
  setup.idp.userInfo = { status: 500, body: {} }
  assertStatus(await signIn((c) => c), 200)
  setup.idp.metadata = { userinfo_endpoint: undefined }
  await setup.configure()
  assertStatus(await signIn((c) => c), 200)
  setup.idp.metadata = {}
  await setup.configure()
})

test('UIN-005, UIN-007, SEC-MAT-15 members are replaced whole, and those that were proven stay', async () => {
  setup.idp.userInfo = {
    sub: 'bob-subject',
    nested: { a: 'b' },
    aud: 'other',
    azp: 'other',
    nonce: 'other',
    auth_time: 1,
    exp: 1,
    email: 'new@example.com',
  }
  const mapping = {
    claim_mappings: {
      ...{ email: 'email', aud: 'aud', '/nested/a': 'a', '/nested/Size': 'size' },
      ...{ azp: 'azp', nonce: 'nonce', auth_time: 'auth_time' },
    },
    optional_claim_mappings: ['*'],
  }
  const { metadata } = (await signIn((c) => c, { ...overlay, ...mapping })).body.auth
  const { role: _, ...mapped } = metadata
  assert.deepEqual(mapped, { email: 'new@example.com', aud: 'abc', a: 'b' })
})

test('UIN-006 signed user info counts when its signature does', async () => {
  const mapping = { claim_mappings: { team: 'team' }, optional_claim_mappings: ['*'] }
  const info = { sub: 'bob-subject', team: 'x', aud: 'abc' }
  for (const [key, team] of [
    [setup.idp.key, 'x'],
    [makeJwtMaker('k1'), undefined],
  ] as const) {
    setup.idp.userInfo = { body: key.sign(info), type: 'application/jwt' }
    const answer = await signIn((c) => c, { ...overlay, ...mapping })
    assertStatus(answer, 200)
    assert.equal(answer.body.auth.metadata.team, team)
  }
  setup.idp.userInfo = { sub: 'bob-subject' }
})
