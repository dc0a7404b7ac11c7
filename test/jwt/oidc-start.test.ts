/** `oidc/auth_url`: what it gives, and what it keeps to itself. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { assertRefused, assertStatus } from './fixture.ts'
import { redirectUri, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

async function queryOf(role: string, more: object = {}): Promise<URLSearchParams> {
  const answer = await setup.authUrl(role, more)
  assertStatus(answer, 200)
  assert.notEqual(answer.body.data.auth_url, '', answer.text)
  return new URL(answer.body.data.auth_url).searchParams
}

test('OID-001, OID-013 the address of a sign-in has all that the provider needs and nothing of the state beside it', async () => {
  const role = await setup.role()
  const answer = await setup.authUrl(role)
  assertStatus(answer, 200)
  assert.deepEqual(Object.keys(answer.body.data), ['auth_url'])
  const url = new URL(answer.body.data.auth_url)
  assert.equal(`${url.origin}${url.pathname}`, `${setup.idp.issuer}/authorize`)
  const query = Object.fromEntries(url.searchParams)
  assert.match(query['state'] ?? '', /^st_[0-9A-Za-z]{43}$/)
  assert.match(query['nonce'] ?? '', /^n_[0-9A-Za-z]{43}$/)
  assert.match(query['code_challenge'] ?? '', /^[\w-]{43}$/)
  const { state: _, nonce: __, code_challenge: ___, ...rest } = query
  assert.deepEqual(rest, {
    client_id: 'abc',
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: 'openid',
    code_challenge_method: 'S256',
  })
  await setup.root.must(`auth/${setup.mount}/role/test`, { ...rest0 })
  assert.match((await setup.authUrl('')).body.data.auth_url, /client_id=abc/)
})

const rest0 = { user_claim: 'email', allowed_redirect_uris: [redirectUri] }

test('OID-002 a redirect URI in another case is another one', async () => {
  const role = await setup.role()
  const answer = await setup.authUrl(role, { redirect_uri: 'https://EXAMPLE.com' })
  assert.deepEqual(answer.body.data, { auth_url: '' })
})

test('OID-003, OID-006, OID-009 role and redirect URI must be named, and the role must be there', async () => {
  assertRefused(await setup.authUrl('nobody'), /role "nobody" could not be found/)
  const role = await setup.role()
  assertRefused(await setup.authUrl(role, { redirect_uri: '' }), /missing redirect_uri/)
  await setup.configure({ default_role: '' })
  assertRefused(await setup.authUrl(''), /missing role/)
  await setup.configure()
})

test('OID-004, OID-005 one of several redirect URIs is taken, a foreign one gives an empty address', async () => {
  const role = await setup.role({ allowed_redirect_uris: ['https://a.test', 'https://b.test/cb'] })
  const answer = await setup.authUrl(role, { redirect_uri: 'https://b.test/cb' })
  assert.match(answer.body.data.auth_url, /redirect_uri=https%3A%2F%2Fb\.test%2Fcb/)
  const foreign = await setup.authUrl(role, { redirect_uri: 'https://c.test' })
  assertStatus(foreign, 200)
  assert.deepEqual(foreign.body.data, { auth_url: '' })
})

test('OID-007, OID-008 a mount for JWTs says the words that the UI knows; one without configuration says so', async () => {
  await setup.root.must('sys/auth/keys', { type: 'jwt' })
  const url = 'auth/keys/oidc/auth_url'
  const client = setup.server.client()
  const body = { role: 'x', redirect_uri: redirectUri }
  assertRefused(await client.write(url, body), /^could not load configuration$/)
  await setup.root.must('auth/keys/config', { jwks_url: `${setup.idp.issuer}/jwks` })
  assertRefused(await client.write(url, body), /^OIDC login is not configured for this mount$/)
})

test('OID-010, OID-011, OID-012 direct mode wants a client_nonce and gives state and interval', async () => {
  const role = await setup.role({ callback_mode: 'direct' })
  assertRefused(await setup.authUrl(role), /missing client_nonce/)
  const device = await setup.role({ callback_mode: 'device', allowed_redirect_uris: [] })
  assertRefused(await setup.authUrl(device), /missing client_nonce/)
  const answer = await setup.authUrl(role, { client_nonce: 'abc' })
  assert.equal(answer.body.data.poll_interval, '5')
  const query = new URL(answer.body.data.auth_url).searchParams
  assert.equal(answer.body.data.state, query.get('state'))
  const slow = await setup.role({ callback_mode: 'direct', poll_interval: 9 })
  assert.equal((await setup.authUrl(slow, { client_nonce: 'abc' })).body.data.poll_interval, '9')
})

test('OID-014 openid is asked for once, other scopes in their order', async () => {
  const role = await setup.role({ oidc_scopes: ['openid', 'profile'] })
  assert.equal((await queryOf(role)).get('scope'), 'openid profile')
  const other = await setup.role({ oidc_scopes: ['profile', 'email'] })
  assert.equal((await queryOf(other)).get('scope'), 'openid profile email')
})

test('OID-015, OID-016, OID-017 a posted answer is asked for, at the address of the API', async () => {
  const own = 'https://s.test/ui/vault/auth/oidc/oidc/callback'
  const role = await setup.role({ allowed_redirect_uris: [own] })
  await setup.configure({ oidc_response_mode: 'form_post' })
  const code = await queryOf(role, { redirect_uri: own })
  assert.equal(code.get('response_mode'), 'form_post')
  assert.equal(code.get('response_type'), 'code')
  assert.ok(code.has('code_challenge'))
  assert.equal(code.get('redirect_uri'), 'https://s.test/v1/auth/oidc/oidc/callback')
  for (const types of [['id_token'], ['code', 'id_token']]) {
    await setup.configure({ oidc_response_mode: 'form_post', oidc_response_types: types })
    const query = await queryOf(role, { redirect_uri: own })
    assert.equal(query.get('response_mode'), 'form_post')
    assert.equal(query.get('response_type'), 'id_token')
    assert.ok(!query.has('code_challenge'))
  }
  await setup.configure()
})

test('OID-018 a provider that does not answer gives an empty address', async () => {
  const gone = await new ScriptedProvider().start()
  await gone.stop()
  await setup.root.must('sys/auth/down', { type: 'oidc' })
  await setup.root.must('auth/down/config', {
    ...setup.config,
    oidc_discovery_url: gone.issuer,
    skip_jwks_validation: true,
  })
  await setup.root.must('auth/down/role/r', rest0)
  const client = setup.server.client()
  const body = { role: 'r', redirect_uri: redirectUri }
  const answer = await client.write('auth/down/oidc/auth_url', body)
  assertStatus(answer, 200)
  assert.deepEqual(answer.body.data, { auth_url: '' })
})

test('OID-019 a role for JWTs starts no sign-in', async () => {
  const role = await setup.role({ role_type: 'jwt', bound_audiences: ['a'] })
  assert.deepEqual((await setup.authUrl(role)).body.data, { auth_url: '' })
})

interface NamespaceRow {
  readonly id: string
  readonly inState: boolean
  readonly allowed: string
  readonly sent: string
  /** Undefined for an empty address. */
  readonly redirect?: string
  readonly suffix?: string
}

const base = 'https://x.test/cb'
const namespaceRows: readonly NamespaceRow[] = [
  {
    id: 'OID-020, SED-016',
    inState: false,
    allowed: `${base}?namespace=test`,
    sent: `${base}?namespace=test`,
    redirect: `${base}?namespace=test`,
  },
  { id: 'OID-021', inState: false, allowed: base, sent: `${base}?namespace=test` },
  {
    id: 'OID-022',
    inState: true,
    allowed: base,
    sent: `${base}?namespace=test`,
    redirect: base,
    suffix: ',ns=test',
  },
  {
    id: 'OID-023, SED-016',
    inState: true,
    allowed: `${base}?namespace=test`,
    sent: `${base}?namespace=test`,
  },
  {
    id: 'OID-024',
    inState: true,
    allowed: base,
    sent: `${base}?namespace=org4321/dev`,
    redirect: base,
    suffix: ',ns=org4321/dev',
  },
  { id: 'OID-025', inState: true, allowed: base, sent: base, redirect: base },
  { id: 'OID-025', inState: false, allowed: base, sent: base, redirect: base },
]

for (const { id, inState, allowed, sent, redirect, suffix = '' } of namespaceRows) {
  test(`${id} namespace_in_state=${inState}, ${sent} where ${allowed} is allowed`, async () => {
    await setup.configure({ namespace_in_state: inState })
    const role = await setup.role({ allowed_redirect_uris: [allowed] })
    const answer = await setup.authUrl(role, { redirect_uri: sent })
    const url = String(answer.body.data.auth_url)
    if (redirect === undefined) assert.equal(url, '')
    else {
      const query = new URL(url).searchParams
      assert.equal(query.get('redirect_uri'), redirect)
      assert.equal((query.get('state') ?? '').slice('st_'.length + 43), suffix)
    }
    await setup.configure({ namespace_in_state: true })
  })
}
