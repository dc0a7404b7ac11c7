/** Device mode: sign-ins without a browser on this machine (RFC 8628). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ScriptedAnswer } from '../harness/scripted-provider.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { nextAddress, roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup
const deviceRole = { ...roleO, callback_mode: 'device', allowed_redirect_uris: [] }
const granted = {
  device_code: 'dev1',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://idp.test/device',
  expires_in: 600,
}

/** Stands in words of the standards too, which are no echo of it. */
const shortCode = { ...granted, device_code: 'd' }

before(async () => {
  setup = await setUpSignIn()
  setup.idp.metadata = { device_authorization_endpoint: `${setup.idp.issuer}/device` }
  setup.idp.onDevice = () => ({ body: granted })
  await setup.configure()
})

after(() => setup.stop())

async function start(role: object = {}) {
  const answer = await begin(await setup.role(role, deviceRole))
  assertStatus(answer, 200)
  return answer.body.data as Record<string, string>
}

/** Starts that lead to nothing have a budget for each address. */
function begin(role: string) {
  return setup.server
    .client()
    .from(nextAddress())
    .write(`auth/${setup.mount}/oidc/auth_url`, { role, client_nonce: 'n1' })
}

function poll(state: string | undefined) {
  return setup.poll({ state, client_nonce: 'n1' })
}

function answerTokens(answer: ScriptedAnswer): void {
  setup.idp.onToken = () => answer
}

function tokens(more: Record<string, unknown> = {}): ScriptedAnswer {
  return {
    body: {
      access_token: 'access1',
      token_type: 'Bearer',
      id_token: setup.idp.mint(undefined, more),
    },
  }
}

test('CBK-050 a device sign-in ends with the token of any other', async () => {
  const data = await start()
  const { state, ...shown } = data
  assert.deepEqual(shown, {
    auth_url: 'https://idp.test/device',
    user_code: 'WDJB-MJHT',
    poll_interval: '5',
  })
  const { form } = setup.idp.deviceRequests.at(-1) ?? { form: new URLSearchParams() }
  assert.equal(form.get('client_id'), 'abc')
  assert.equal(form.get('client_secret'), 'def')
  assert.equal(form.get('scope'), 'openid')
  assert.equal(form.get('code_challenge_method'), 'S256')
  answerTokens(tokens())
  const answer = await poll(state)
  assertStatus(answer, 200)
  assert.equal(answer.body.auth.lease_duration, 180)
  assert.equal(answer.body.auth.metadata.color, 'green')
  const asked = setup.idp.tokenRequests.at(-1)?.form
  assert.equal(asked?.get('grant_type'), 'urn:ietf:params:oauth:grant-type:device_code')
  assert.equal(asked?.get('device_code'), 'dev1')
  assert.equal(asked?.get('code_verifier')?.length, 43)
  assertReason(await poll(state), 'state_unknown')
})

const shapes: readonly (readonly [string, Record<string, unknown>, Record<string, string>])[] = [
  [
    'CBK-051',
    { verification_uri_complete: 'https://idp.test/d?c=1' },
    { auth_url: 'https://idp.test/d?c=1' },
  ],
  [
    'CBK-052',
    { verification_uri: undefined, verification_url: 'https://old.test/d' },
    { auth_url: 'https://old.test/d', user_code: 'WDJB-MJHT' },
  ],
]

for (const [id, change, want] of shapes) {
  test(`${id} the provider's address is given as it is`, async () => {
    setup.idp.onDevice = () => ({ body: { ...granted, ...change } })
    const { state: _, poll_interval: __, ...shown } = await start()
    assert.deepEqual(shown, want)
    setup.idp.onDevice = () => ({ body: granted })
  })
}

test('CBK-053 the interval is that of the role, else that of the provider', async () => {
  setup.idp.onDevice = () => ({ body: { ...granted, interval: 7 } })
  assert.equal((await start())['poll_interval'], '7')
  assert.equal((await start({ poll_interval: 3 }))['poll_interval'], '3')
  setup.idp.onDevice = () => ({ body: granted })
})

test('CBK-054 a provider without device sign-ins says so, without being asked again', async () => {
  const before = setup.idp.metadata
  setup.idp.metadata = {}
  await setup.configure()
  const role = await setup.role({}, deviceRole)
  const ask = () => setup.authUrl(role, { client_nonce: 'n1' })
  assertReason(await ask(), 'provider_failed')
  const fetched = setup.idp.count('/.well-known/openid-configuration')
  assertStatus(await ask(), 400)
  assert.equal(setup.idp.count('/.well-known/openid-configuration'), fetched)
  setup.idp.metadata = before
  await setup.configure()
})

test('CBK-055, SEC-OID-22 a person who takes time is no failure', async () => {
  setup.idp.onDevice = () => ({ body: shortCode })
  const { state } = await start()
  for (const error of ['authorization_pending', 'slow_down', 'authorization_pending']) {
    answerTokens({ status: 400, body: { error } })
    const answer = await poll(state)
    assert.deepEqual([answer.status, answer.body.errors], [400, [error]])
  }
  answerTokens(tokens())
  assertStatus(await poll(state), 200)
  setup.idp.onDevice = () => ({ body: granted })
})

test('CBK-056, SEC-OID-22 what the provider refuses ends the sign-in', async () => {
  setup.idp.onDevice = () => ({ body: shortCode })
  for (const [error, reason] of [
    ['expired_token', 'device_expired'],
    ['access_denied', 'idp_denied'],
  ] as const) {
    const { state } = await start()
    answerTokens({ status: 400, body: { error } })
    const refused = await poll(state)
    assertReason(refused, reason)
    assert.ok(refused.body.errors[0].endsWith(error))
    assertReason(await poll(state), 'state_unknown')
  }
  setup.idp.onDevice = () => ({ body: granted })
})

test('CBK-057 an answer without ID token ends the sign-in', async () => {
  const { state } = await start()
  answerTokens({ body: { access_token: 'a' } })
  const refused = await poll(state)
  assertReason(refused, 'id_token_missing')
  assert.match(refused.body.errors[0], /^Token verification failed\. /)
  assertReason(await poll(state), 'state_unknown')
})

test('CBK-058, SEC-OID-22 a provider that is down keeps the sign-in open', async () => {
  const { state } = await start()
  answerTokens({ status: 503, body: '' })
  const down = await poll(state)
  assertStatus(down, 500)
  assert.match(down.body.errors[0], /\/token answered with status 503/)
  answerTokens(tokens())
  assertStatus(await poll(state), 200)
})

test('CBK-059, SEC-OID-21 the ID token is verified as any other', async () => {
  const signed = setup.idp.mint(undefined)
  const bad: readonly (readonly [string, string])[] = [
    ['audience', setup.idp.mint(undefined, { aud: 'another' })],
    ['expired', setup.idp.mint(undefined, { exp: 1_000_000_000 })],
    ['signature', `${signed.slice(0, -8)}AAAAAAAA`],
    ['unsigned', `${signed.slice(0, signed.lastIndexOf('.'))}.`],
  ]
  for (const [note, id_token] of bad) {
    const { state } = await start()
    answerTokens({ body: { access_token: 'access1', id_token } })
    const answer = await poll(state)
    assertStatus(answer, 400, note)
    assert.match(answer.body.errors[0], /^Token verification failed\. /)
  }
})

test('what a provider says against a device sign-in is told at its start and at a poll (CBK-058)', async () => {
  const said = { error: 'unauthorized_client', error_description: 'the device grant is off: def' }
  setup.idp.onDevice = () => ({ status: 400, body: said })
  const role = await setup.role({}, deviceRole)
  const refused = await begin(role)
  assertStatus(refused, 500)
  const want = /\/device answered "unauthorized_client": "the device grant is off: …"$/
  assert.match(refused.body.errors[0], want)
  setup.idp.onDevice = () => ({ body: granted })
  const { state } = await start()
  answerTokens({ status: 401, body: { error: 'invalid_client', error_description: 'dev1 def' } })
  const polled = await poll(state)
  assertStatus(polled, 500)
  assert.match(polled.body.errors[0], /\/token answered "invalid_client": "… …"$/)
  answerTokens(tokens())
  assertStatus(await poll(state), 200)
})

test('a provider that turns the secret in the body away gets it as Basic credentials, from then on at once (CBK-050)', async () => {
  const basic = `Basic ${Buffer.from('abc:def').toString('base64')}`
  // Glewlwyd says it with this word, others with invalid_client.
  const turnedAway = { status: 401, body: { error: 'unauthorized_client' } }
  await setup.configure()
  setup.idp.onDevice = ({ authorization }) =>
    authorization === basic ? { body: granted } : turnedAway
  const asked = setup.idp.deviceRequests.length
  const { state } = await start()
  assert.equal(setup.idp.deviceRequests.length, asked + 2)
  setup.idp.onToken = ({ authorization }) => (authorization === basic ? tokens() : turnedAway)
  const polls = setup.idp.tokenRequests.length
  assertStatus(await poll(state), 200)
  assert.equal(setup.idp.tokenRequests.length, polls + 1)
  const { form } = setup.idp.tokenRequests.at(-1) ?? { form: new URLSearchParams() }
  assert.deepEqual([form.get('client_id'), form.get('client_secret')], ['abc', null])
  // One that asks for no secret at the start turns it away when the person has said yes.
  await setup.configure()
  setup.idp.onDevice = () => ({ body: granted })
  const later = await start()
  assertStatus(await poll(later['state']), 200)
})

test('a provider that takes the secret in no way is quoted for both, and the sign-in is kept (CBK-058)', async () => {
  await setup.configure()
  setup.idp.onDevice = () => ({ body: granted })
  const { state } = await start()
  // As django-allauth does where the client is no public one.
  setup.idp.onToken = ({ authorization }) =>
    authorization === undefined
      ? { status: 401, body: { error: 'invalid_client' } }
      : { status: 400, body: { error: 'invalid_request' } }
  const refused = await poll(state)
  assertStatus(refused, 500)
  assert.match(
    refused.body.errors[0],
    /^with the secret in the form: .*"invalid_client"; with the secret as Basic credentials: .*"invalid_request"$/,
  )
  answerTokens(tokens())
  assertStatus(await poll(state), 200)
})

test('CBK-060 a caller from elsewhere is refused before the provider is asked', async () => {
  const { state } = await start({ token_bound_cidrs: ['192.0.2.0/24'] })
  const asked = setup.idp.tokenRequests.length
  assertStatus(await poll(state), 403)
  assert.equal(setup.idp.tokenRequests.length, asked)
})

test('SEC-OID-23 a verification address that is no web address is refused, however long it is', async () => {
  setup.idp.onDevice = () => ({ body: { ...granted, verification_uri: 'javascript:alert(1)' } })
  const role = await setup.role({}, deviceRole)
  const hostile = [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JavaScript:alert(1)//https://idp.test/d',
    'data:text/html,x',
    'file:///etc/passwd',
    'https://idp.test/\u202ed',
    'https://idp.test/d\nhttps://evil.test',
    `javascript:${'x'.repeat(500_000)}`,
    `https://idp.test/${'x'.repeat(500_000)}`,
  ]
  for (const uri of hostile) {
    setup.idp.onDevice = () => ({ body: { ...granted, verification_uri: uri } })
    const refused = await begin(role)
    // An answer that is too long is a fault of the provider.
    if (uri.length > 100_000) assertStatus(refused, 500, uri.slice(0, 40))
    else assertReason(refused, 'provider_failed', uri.slice(0, 40))
    setup.idp.onDevice = () => ({ body: { ...granted, verification_uri_complete: uri } })
    const { text } = await begin(role)
    assert.ok(!text.includes(JSON.stringify(uri)), `passed on: ${text.slice(0, 200)}`)
  }
  setup.idp.onDevice = () => ({ status: 500, body: '' })
  assertStatus(await begin(role), 500)
  setup.idp.onDevice = () => ({ body: granted })
})
