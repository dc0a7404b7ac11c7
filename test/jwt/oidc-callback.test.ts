/** `oidc/callback` of a client: what becomes of a code, and what never becomes a token. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { manualClock } from '../harness/test-server.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { assertReason, assertStatus, plainRole } from './fixture.ts'
import { redirectUri, roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

const clock = manualClock()
let setup: SignInSetup

before(async () => {
  setup = await setUpSignIn({ clock })
})

after(() => setup.stop())

/** Provider tokens carry the present time; the server's clock stands still at the start of the run. */
const plainO = { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: [redirectUri] }

test('CBK-001, CBK-002, CBK-005 a code becomes a token with alias, groups and metadata of the role', async () => {
  const role = await setup.role()
  const { code, state } = await setup.begin(role, { client_nonce: '456' })
  const answer = await setup.callback({ code, state, client_nonce: '456' })
  assertStatus(answer, 200)
  assert.equal(answer.body.data, null)
  assert.equal(answer.body.warnings, null)
  const { auth } = answer.body
  assert.equal(auth.lease_duration, 180)
  assert.equal(auth.num_uses, 10)
  assert.equal(auth.renewable, true)
  assert.deepEqual(auth.policies, ['default'])
  const { oauth2_id_token, ...metadata } = auth.metadata
  assert.deepEqual(metadata, { role, color: 'green', size: 'medium' })
  assert.match(oauth2_id_token, /^eyJ/)
  const { aliases } = (await setup.root.read(`identity/entity/id/${auth.entity_id}`)).body.data
  assert.deepEqual([aliases[0].name, aliases[0].metadata], ['bob@example.com', metadata])
  const looked = await setup.server.client(auth.client_token).read('auth/token/lookup-self')
  assert.equal(looked.body.data.display_name, 'oidc-bob@example.com')
})

test('CBK-003 the address of the caller is judged by the role', async () => {
  const role = await setup.role({ bound_cidrs: '127.0.0.42' })
  for (const [from, status] of [
    ['127.0.0.42', 200],
    ['127.0.0.99', 403],
  ] as const) {
    const answer = await setup.callback(await codeAndState(role), from)
    assertStatus(answer, status)
    if (status === 403) assert.deepEqual(answer.body.errors, ['permission denied'])
  }
})

test('CBK-004 bound_issuer and token_audiences are for JWT logins only', async () => {
  await setup.configure({ bound_issuer: 'http://elsewhere.test', token_audiences: ['api'] })
  assertStatus(await setup.callback(await codeAndState(await setup.role())), 200)
  await setup.configure()
})

test('CBK-007, CBK-023 bound claims and subject refuse who does not fit', async () => {
  const wrongClaim = await setup.role({ bound_claims: { sk: '43' } })
  const refused = await setup.callback(await codeAndState(wrongClaim))
  assertReason(refused, 'claim_mismatch')
  assert.match(refused.body.errors[0], /^Vault login failed\. error validating claims: claim "sk"/)
  assert.equal(refused.body.errors.length, 1)
  const subject = await setup.role({ bound_subject: 'somebody' })
  assertReason(await setup.callback(await codeAndState(subject)), 'subject_mismatch')
})

test('an error without a state is told, and ends no sign-in (CBK-008)', async () => {
  const { code, state } = await setup.begin(await setup.role())
  const refused = await setup.callback({ error: 'access_denied', error_description: 'No, thanks' })
  assertReason(refused, 'state_unknown')
  assert.match(
    refused.body.errors[0],
    /^Vault login failed\. Expired or missing OAuth state\. The identity provider reported access_denied without the state of the sign-in\.$/,
  )
  const odd = await setup.callback({ error: '<b>mine</b>' })
  assert.match(odd.body.errors[0], /OAuth state\.$/)
  assertStatus(await setup.callback({ code, state }), 200)
})

test('CBK-008, CBK-018, SEC-OID-01 an unknown, absent or used state is refused', async () => {
  const text = /^Vault login failed\. Expired or missing OAuth state\.$/
  const unknown: readonly Record<string, string>[] = [{ code: 'x' }, { code: 'x', state: 'st_x' }]
  for (const parameters of unknown) {
    const answer = await setup.callback(parameters)
    assertReason(answer, 'state_unknown')
    assert.match(answer.body.errors[0], text)
  }
  const parameters = await codeAndState(await setup.role())
  assertStatus(await setup.callback(parameters), 200)
  assertReason(await setup.callback(parameters), 'state_unknown')
})

test('CBK-009, CBK-010, CBK-012 no code, a wrong code and a silent provider say what happened', async () => {
  const role = await setup.role()
  const first = await codeAndState(role)
  const none = await setup.callback({ state: first.state })
  assertReason(none, 'code_missing')
  assert.match(none.body.errors[0], /^Vault login failed\. No code or id_token received/)
  const second = await codeAndState(role)
  const wrong = await setup.callback({ ...second, code: 'wrong' })
  assertReason(wrong, 'code_exchange_failed')
  assert.match(
    wrong.body.errors[0],
    /^Vault login failed\. Error exchanging oidc code: ".*invalid_grant/,
  )
  // Of one letter, which stands in the provider's own word too.
  const short = await setup.callback({ ...(await codeAndState(role)), code: 'a' })
  assert.match(short.body.errors[0], /invalid_grant/)
  const third = await codeAndState(role)
  setup.idp.metadata = { token_endpoint: 'http://127.0.0.1:9/token' }
  await setup.configure()
  const fourth = await codeAndState(role)
  const down = await setup.callback(fourth)
  assertReason(down, 'code_exchange_failed')
  assert.match(down.body.errors[0], /127\.0\.0\.1:9\/token/)
  setup.idp.metadata = {}
  await setup.configure()
  // A configuration write leaves what was begun before.
  assertStatus(await setup.callback(third), 200)
})

test('CBK-011 the provider refuses a verifier that is not that of the start', async () => {
  const role = await setup.role()
  const mine = await codeAndState(role)
  const other = await codeAndState(role)
  assertReason(await setup.callback({ ...mine, code: other.code }), 'code_exchange_failed')
})

const nonceRows = [
  ['CBK-014', undefined, undefined, 200],
  ['CBK-015', 'abc123', 'abc123', 200],
  ['CBK-016', 'abc123', 'abc123xyz', 400],
  ['CBK-016, SEC-OID-04', 'abc123', undefined, 400],
  ['CBK-017', undefined, 'abc123', 200],
] as const

for (const [id, started, finished, status] of nonceRows) {
  test(`${id} client_nonce ${started ?? 'none'} at the start, ${finished ?? 'none'} at the end`, async () => {
    const role = await setup.role()
    const parameters = await codeAndState(
      role,
      started === undefined ? {} : { client_nonce: started },
    )
    const more: Record<string, string> = finished === undefined ? {} : { client_nonce: finished }
    const answer = await setup.callback({ ...parameters, ...more })
    assertStatus(answer, status)
    if (status === 400) {
      const right: Record<string, string> = started === undefined ? {} : { client_nonce: started }
      assertReason(await setup.callback({ ...parameters, ...right }), 'state_unknown')
    }
  })
}

test('CBK-019 a sign-in lives ten minutes', async () => {
  const role = await setup.role()
  const late = await codeAndState(role)
  clock.advance(600_001)
  assertReason(await setup.callback(late), 'state_unknown')
  clock.advance(-600_001)
})

test('CBK-020, SEC-OID-16 the role as it is now decides', async () => {
  const role = await setup.role()
  const gone = await codeAndState(role)
  await setup.root.remove(`auth/oidc/role/${role}`)
  assertReason(await setup.callback(gone), 'role_unknown')
  const changing = await setup.role()
  const open = await codeAndState(changing)
  await setup.root.must(`auth/oidc/role/${changing}`, { ...roleO, token_ttl: '1m' })
  assert.equal((await setup.callback(open)).body.auth.lease_duration, 60)
  const elsewhere = await setup.role()
  const comingBack = await codeAndState(elsewhere)
  const allowed_redirect_uris = ['https://other.example.com/ui/vault/auth/oidc/oidc/callback']
  await setup.root.must(`auth/oidc/role/${elsewhere}`, { ...roleO, allowed_redirect_uris })
  assertReason(await setup.callback(comingBack), 'redirect_uri_refused')
  const turned = await setup.role()
  const forJwt = await codeAndState(turned)
  await setup.root.must(`auth/oidc/role/${turned}`, plainRole)
  assertReason(await setup.callback(forJwt), 'role_type_mismatch')
})

test('CBK-021, CBK-022, SEC-NET-16 an error of the provider is echoed when it is a known one, and ends the sign-in', async () => {
  const role = await setup.role()
  const first = await codeAndState(role)
  const denied = await setup.callback({
    state: first.state,
    error: ' Access_Denied ',
    error_description: '<b>no</b>',
  })
  assertReason(denied, 'idp_denied')
  assert.equal(denied.body.errors[0], 'Vault login failed. OAuth error: access_denied')
  assertReason(await setup.callback(first), 'state_unknown')
  const second = await codeAndState(role)
  const strange = await setup.callback({ state: second.state, error: '<script>' })
  assertReason(strange, 'idp_error')
  assert.ok(!strange.text.includes('script'))
})

const userClaims = [
  ['CBK-024', { user_claim: 'email' }, 'bob@example.com'],
  ['CBK-025', { user_claim: '/nested/username' }, 'the literal one'],
  ['CBK-026', { user_claim: '/nested/username', user_claim_json_pointer: true }, 'nested_username'],
  ['CBK-027', { user_claim: '/email', user_claim_json_pointer: true }, 'bob@example.com'],
  ['CBK-028', { user_claim: 'nothing' }, undefined],
  ['CBK-028', { user_claim: '/nested/username/email', user_claim_json_pointer: true }, undefined],
] as const

for (const [id, fields, alias] of userClaims) {
  test(`${id} user_claim ${fields.user_claim} gives ${alias ?? 'a refusal'}`, async () => {
    const before = setup.idp.claims
    setup.idp.claims = { ...before, '/nested/username': 'the literal one' }
    const answer = await setup.callback(await codeAndState(await setup.role(fields, plainO)))
    setup.idp.claims = before
    if (alias === undefined) assertReason(answer, 'user_claim_missing')
    else {
      const { client_token } = answer.body.auth
      const looked = await setup.server.client(client_token).read('auth/token/lookup-self')
      assert.equal(looked.body.data.display_name, `oidc-${alias}`)
    }
  })
}

test('CBK-037 a namespace behind the state is ignored', async () => {
  const parameters = await codeAndState(await setup.role())
  assertStatus(await setup.callback({ ...parameters, state: `${parameters.state},ns=foo` }), 200)
})

test('CBK-048 a sign-in of a browser cannot be polled for, and is not harmed by it', async () => {
  const parameters = await codeAndState(await setup.role())
  const polled = await setup.poll({ state: parameters.state, client_nonce: '' })
  assertStatus(polled, 400)
  assertStatus(await setup.callback(parameters), 200)
})

test('CBK-049 only a POST polls', async () => {
  assertStatus(await setup.server.client().read('auth/oidc/oidc/poll'), 405)
})

test('IDT-020, IDT-021, SEC-NET-13 a token endpoint that wants the secret in the body gets it, and an error with 200 is one', async () => {
  const role = await setup.role()
  await setup.configure()
  setup.idp.onToken = ({ authorization }) =>
    authorization === undefined ? undefined : { status: 401, body: { error: 'invalid_client' } }
  const asked = setup.idp.tokenRequests.length
  assertStatus(await setup.callback(await codeAndState(role)), 200)
  assert.equal(setup.idp.tokenRequests.length, asked + 2)
  assertStatus(await setup.callback(await codeAndState(role)), 200)
  assert.equal(setup.idp.tokenRequests.length, asked + 3, 'what worked is remembered')
  setup.idp.onToken = () => ({ body: { error: 'server_error', access_token: 'a', id_token: 'b' } })
  assertReason(await setup.callback(await codeAndState(role)), 'code_exchange_failed')
  setup.idp.onToken = () => ({ body: '<html>', type: 'text/html' })
  const page = await setup.callback(await codeAndState(role))
  assertReason(page, 'code_exchange_failed')
  assert.match(page.body.errors[0], /is a proxy in front/)
  setup.idp.onToken = () => ({ body: { access_token: 'a', token_type: 'bearer' } })
  assertReason(await setup.callback(await codeAndState(role)), 'id_token_missing')
  let nonce = ''
  setup.idp.onToken = () => ({
    body: new URLSearchParams({ access_token: 'a', id_token: setup.idp.mint(nonce) }).toString(),
    type: 'application/x-www-form-urlencoded; charset=utf-8',
  })
  const form = await setup.begin(role)
  nonce = new URL(form.authUrl).searchParams.get('nonce') ?? ''
  assertStatus(await setup.callback({ code: form.code, state: form.state }), 200)
  setup.idp.onToken = undefined
})

test('SEC-OID-02 of 32 callbacks with one state and code one succeeds, and the code is exchanged once', async () => {
  const parameters = await codeAndState(await setup.role())
  const asked = setup.idp.tokenRequests.length
  const answers = await Promise.all(Array.from({ length: 32 }, () => setup.callback(parameters)))
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1)
  assert.equal(answers.filter((answer) => answer.status === 400).length, 31)
  assert.equal(setup.idp.tokenRequests.length, asked + 1)
})

test('SEC-OID-05 a parameter that comes twice is refused', async () => {
  const { code, state } = await codeAndState(await setup.role())
  const client = setup.server.client()
  for (const query of [
    `state=${state}&state=${state}&code=${code}`,
    `state=${state}&code=${code}&code=${code}`,
    `state=${state}&code=${code}&iss=a&iss=b`,
  ]) {
    assertStatus(await client.read(`auth/oidc/oidc/callback?${query}`), 400)
  }
  assertStatus(await setup.callback({ code, state }), 200)
})

test('SEC-OID-06 an iss parameter must name the provider of the mount', async () => {
  const role = await setup.role()
  const mixed = await codeAndState(role)
  assertReason(await setup.callback({ ...mixed, iss: 'https://evil.test' }), 'issuer_mismatch')
  assertReason(await setup.callback(mixed), 'state_unknown')
  const good = await codeAndState(role)
  assertStatus(await setup.callback({ ...good, iss: setup.idp.issuer }), 200)
  setup.idp.metadata = { authorization_response_iss_parameter_supported: true }
  await setup.configure()
  // Clients of their own may not know the parameter.
  assertStatus(await setup.callback(await codeAndState(role)), 200)
  setup.idp.metadata = {}
  await setup.configure()
})

test('SEC-OID-07, SEC-OID-01 the answer of one provider is worth nothing at the mount of another', async () => {
  const other = await new ScriptedProvider().start()
  await setup.root.must('sys/auth/other', { type: 'oidc' })
  await setup.root.must('auth/other/config', { ...setup.config, oidc_discovery_url: other.issuer })
  await setup.root.must('auth/other/role/r', plainO)
  const { code, state } = await codeAndState(await setup.role())
  const client = setup.server.client()
  const wrong = await client.read(`auth/other/oidc/callback?state=${state}&code=${code}`)
  assertReason(wrong, 'state_unknown')
  assert.equal(other.count('/token'), 0)
  // Nor does the code of the one end a sign-in that the other began.
  const begun = await client.write('auth/other/oidc/auth_url', {
    role: 'r',
    redirect_uri: redirectUri,
  })
  const otherState = new URL(begun.body.data.auth_url).searchParams.get('state') ?? ''
  const answer = await client.read(`auth/other/oidc/callback?state=${otherState}&code=${code}`)
  assertReason(answer, 'code_exchange_failed')
  await other.stop()
})

test('CBK-013, CBK-059 an ID token for another client is refused', async () => {
  setup.idp.idToken = (claims) => setup.idp.key.sign({ ...claims, aud: 'another' })
  assertReason(
    await setup.callback(await codeAndState(await setup.role())),
    'authorized_party_mismatch',
  )
  setup.idp.idToken = undefined
})

test('LOG-031, LOG-004 a JWT login works on an OIDC mount with a role for it, and an oidc role is refused there', async () => {
  const name = 'jwtrole'
  await setup.root.must(`auth/oidc/role/${name}`, { ...plainRole, bound_audiences: ['abc'] })
  await setup.configure({ bound_issuer: '' })
  const jwt = setup.idp.mint(undefined)
  const client = setup.server.client()
  assertStatus(await client.write('auth/oidc/login', { role: name, jwt }), 200)
  const oidcRole = await setup.role()
  assertReason(await client.write('auth/oidc/login', { role: oidcRole, jwt }), 'role_type_mismatch')
  await setup.configure()
})

test("another client's ID token of the same provider does not log in at a jwt role (SEC-OID-25)", async () => {
  const role = 'jwtclient'
  await setup.root.must(`auth/oidc/role/${role}`, { ...plainRole, bound_audiences: ['abc'] })
  await setup.configure({ bound_issuer: '' })
  const client = setup.server.client()
  const login = (aud: string | readonly string[]) =>
    client.write('auth/oidc/login', { role, jwt: setup.idp.mint(undefined, { aud }) })
  assertStatus(await login('abc'), 200)
  const others = Array.from({ length: 1_000 }, (_, index) => `abc${index}`)
  for (const aud of ['another', 'ABC', 'abc ', ['another', 'abc/'], others]) {
    assertReason(await login(aud), 'audience_mismatch')
  }
  await setup.configure()
})

test('a renewed token of a sign-in is judged by the role as it is now, and by no audience of the mount', async () => {
  await setup.configure({ token_audiences: ['api'] })
  const role = await setup.role({ token_num_uses: 0 })
  const answer = await setup.callback(await codeAndState(role))
  const own = setup.server.client(answer.body.auth.client_token)
  assertStatus(await own.write('auth/token/renew-self'), 200)
  await setup.root.must(`auth/oidc/role/${role}`, { ...roleO, token_num_uses: 0, token_ttl: '2m' })
  assertStatus(await own.write('auth/token/renew-self'), 200)
  await setup.root.must(`auth/oidc/role/${role}`, { ...roleO, bound_subject: 'other' })
  assertStatus(await own.write('auth/token/renew-self'), 400)
  await setup.configure()
})

async function codeAndState(
  role: string,
  more: object = {},
): Promise<{ code: string; state: string }> {
  const { code, state } = await setup.begin(role, more)
  return { code, state }
}
