/** Sign-ins against a certified provider (oidc-provider): every mode of the flow, as its own documents have it. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCertifiedProvider, type CertifiedProvider } from '../harness/certified-provider.ts'
import { DirectBrowser, handedOver } from '../harness/direct-browser.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let idp: CertifiedProvider
let server: TestServer
const loopback = 'http://localhost:8250/oidc/callback'
const direct = 'https://server.test/v1/auth/direct/oidc/callback'
const posted = 'https://server.test/v1/auth/posted/oidc/callback'
const implicit = 'https://server.test/v1/auth/implicit/oidc/callback'

before(async () => {
  idp = await startCertifiedProvider([
    {
      client_id: 'tokenstile',
      client_secret: 'a secret with + and %',
      redirect_uris: [loopback, direct, posted],
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
      application_type: 'native',
    },
    {
      client_id: 'body',
      client_secret: 'secret',
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [loopback],
      application_type: 'native',
    },
    {
      client_id: 'public',
      token_endpoint_auth_method: 'none',
      redirect_uris: [loopback],
      application_type: 'native',
    },
    {
      client_id: 'implicit',
      client_secret: 'secret',
      redirect_uris: [implicit],
      response_types: ['id_token'],
      grant_types: ['implicit'],
    },
  ])
  server = await startTestServer()
})

after(async () => {
  await server.stop()
  await idp.stop()
})

const client = {
  oidc_client_id: 'tokenstile',
  oidc_client_secret: 'a secret with + and %',
}
const people = {
  user_claim: 'email',
  groups_claim: 'groups',
  claim_mappings: { name: 'name' },
  oidc_scopes: ['email', 'profile'],
  token_policies: ['reader'],
}

async function mount(path: string, config: object, role: object): Promise<void> {
  await server.root.must(`sys/auth/${path}`, { type: 'oidc' })
  await server.root.must(`auth/${path}/config`, {
    oidc_discovery_url: idp.issuer,
    default_role: 'people',
    ...config,
  })
  await server.root.must(`auth/${path}/role/people`, { ...people, ...role })
}

async function start(path: string, redirect_uri: string): Promise<Record<string, string>> {
  const body = { redirect_uri, client_nonce: 'nonce' }
  const answer = await server.client().must(`auth/${path}/oidc/auth_url`, body)
  assert.notEqual(answer.body.data.auth_url, '', answer.text)
  return answer.body.data
}

function callback(path: string, parameters: Readonly<Record<string, string>>) {
  const query = new URLSearchParams({ ...parameters, client_nonce: 'nonce' }).toString()
  return server.client().read(`auth/${path}/oidc/callback?${query}`)
}

test('a client signs alice in, with her groups and name from the provider', async () => {
  await mount('people', client, { allowed_redirect_uris: [loopback] })
  const { auth_url = '' } = await start('people', loopback)
  const arrived = await idp.signIn(auth_url, 'alice')
  assert.equal(arrived.url, loopback)
  assert.equal(arrived.parameters['iss'], idp.issuer)
  const answer = await callback('people', arrived.parameters)
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.body
  assert.deepEqual(auth.policies, ['default', 'reader'])
  assert.equal(auth.metadata.name, 'alice')
  const own = await server.client(auth.client_token).read('auth/token/lookup-self')
  assert.equal(own.body.data.display_name, 'people-alice@example.com')
})

test('secret in the body, and a public client, as the provider wants them', async () => {
  const ways = [
    ['body', { oidc_client_id: 'body', oidc_client_secret: 'secret' }],
    ['public', { oidc_client_id: 'public', oidc_client_auth_method: 'none' }],
  ] as const
  for (const [path, config] of ways) {
    await mount(path, config, { allowed_redirect_uris: [loopback] })
    const { auth_url = '' } = await start(path, loopback)
    const answer = await callback(path, (await idp.signIn(auth_url, 'bob')).parameters)
    assert.equal(answer.status, 200, answer.text)
  }
})

test('direct mode: the browser comes here, a person confirms, the terminal collects', async () => {
  await mount('direct', client, { allowed_redirect_uris: [direct], callback_mode: 'direct' })
  const { auth_url = '', state = '' } = await start('direct', direct)
  const { url, parameters } = await idp.signIn(auth_url, 'alice')
  assert.equal(url, direct)
  const browser = new DirectBrowser(server.client(), 'direct')
  const done = await browser.press(await browser.arrive(parameters), 'yes')
  assert.equal(done.status, 200, done.text)
  const polled = await server
    .client()
    .write('auth/direct/oidc/poll', { state, client_nonce: 'nonce' })
  assert.equal(polled.status, 200, polled.text)
})

test('form post: the code, and the ID token of the implicit flow', async () => {
  const post = { oidc_response_mode: 'form_post' }
  await mount('posted', { ...client, ...post }, { allowed_redirect_uris: [posted] })
  await mount(
    'implicit',
    {
      ...post,
      oidc_client_id: 'implicit',
      oidc_client_secret: 'secret',
      oidc_response_types: ['id_token'],
    },
    // Without an access token there is no user info: only what the ID token says.
    { allowed_redirect_uris: [implicit], user_claim: 'sub', groups_claim: '', claim_mappings: {} },
  )
  for (const [path, address] of [
    ['posted', posted],
    ['implicit', implicit],
  ] as const) {
    const { auth_url = '' } = await start(path, address)
    const { method, url, parameters } = await idp.signIn(auth_url, 'alice')
    assert.deepEqual([method, url], ['POST', address])
    const page = await server.client().call('POST', `auth/${path}/oidc/callback`, undefined, {
      raw: new URLSearchParams(parameters).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    assert.equal(page.status, 200, page.text)
    const { state = '' } = parameters
    const answer = await callback(path, { state, code: handedOver(page).code })
    assert.equal(answer.status, 200, answer.text)
  }
})

test('device mode: pending until the person said yes elsewhere', async () => {
  await mount('device', client, { callback_mode: 'device', poll_interval: 1 })
  const data = await start('device', '')
  const { auth_url = '', state = '' } = data
  const poll = () =>
    server.client().write('auth/device/oidc/poll', { state, client_nonce: 'nonce' })
  const pending = await poll()
  assert.deepEqual(pending.body.errors, ['authorization_pending'], pending.text)
  const userCode = data['user_code'] ?? new URL(auth_url).searchParams.get('user_code') ?? ''
  await idp.approveDevice(auth_url.split('?')[0] ?? '', userCode, 'alice')
  const answer = await poll()
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.body.auth.metadata.name, 'alice')
})

test('a code is worth nothing a second time, and a person who says no is reported', async () => {
  const first = await start('people', loopback)
  const { parameters } = await idp.signIn(first['auth_url'] ?? '', 'alice')
  assert.equal((await callback('people', parameters)).status, 200)
  const second = await start('people', loopback)
  const state = new URL(second['auth_url'] ?? '').searchParams.get('state') ?? ''
  const replayed = await callback('people', { ...parameters, state })
  assert.equal(replayed.status, 400)
  assert.equal(replayed.headers['x-login-reason'], 'code_exchange_failed')
})
