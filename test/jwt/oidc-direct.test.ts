/** Direct mode and form post: sign-ins whose browser comes to this server. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { confirmationCode } from '../../src/lib/confirmation-code.ts'
import { confirmationPage } from '../../src/ui/flow-pages.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup
const own = 'https://server.test/v1/auth/oidc/oidc/callback'
const nested = 'https://server.test/v1/auth/team/oidc/oidc/callback'
const directRole = { ...roleO, callback_mode: 'direct', allowed_redirect_uris: [own] }

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

async function beginDirect(role: string) {
  return setup.begin(role, { client_nonce: 'n1', redirect_uri: own })
}

function assertPage(
  answer: { status: number; headers: Readonly<Record<string, string>> },
  status: number,
) {
  assert.equal(answer.status, status)
  assert.match(answer.headers['content-type'] ?? '', /^text\/html/)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.equal(answer.headers['x-frame-options'], 'DENY')
  assert.equal(answer.headers['referrer-policy'], 'no-referrer')
  assert.match(answer.headers['content-security-policy'] ?? '', /frame-ancestors 'none'/)
}

test('CBK-039, CBK-040, CBK-045, SEC-OID-19, SEC-OID-20 a person says yes first; then the client collects the token', async () => {
  const role = await setup.role({}, directRole)
  const { code, state } = await beginDirect(role)
  const asked = setup.idp.tokenRequests.length
  // As often as a prefetcher likes.
  for (let i = 0; i < 3; i++) {
    const page = await setup.callback({ code, state })
    assertPage(page, 200)
    assert.match(page.text, /127\.0\.0\.1/)
    assert.ok(page.text.includes(role))
    assert.ok(page.text.includes(confirmationCode(state)))
    assert.ok(page.text.includes('confirmation=1'))
  }
  assert.equal(setup.idp.tokenRequests.length, asked, 'nothing was exchanged before the yes')
  const pending = await setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual([pending.status, pending.body.errors], [400, ['authorization_pending']])
  assertPage(await setup.callback({ code, state, confirmation: '1' }), 200)
  assertReason(await setup.callback({ code, state, confirmation: '1' }), 'state_unknown')
  const answer = await setup.poll({ state, client_nonce: 'n1' })
  assertStatus(answer, 200)
  assert.equal(answer.body.auth.lease_duration, 180)
  assert.equal(answer.body.auth.metadata.role, role)
})

test('CBK-046 whatever is known of who asks is shown as text', () => {
  const hostile = '"><img src=x onerror=alert(1)>'
  const page = confirmationPage({
    nonce: 'bm9uY2Vub25jZW5vbmNl',
    address: hostile,
    role: hostile,
    mount: hostile,
    startedAt: '2026-01-02T03:04:05.000Z',
    code: hostile,
    confirmUrl: '/v1/auth/oidc/oidc/callback?confirmation=1',
  })
  assert.ok(!page.body.includes('<img'))
  assert.match(page.body, /&(?:lt|#60|#x3c);img/i)
})

test('CBK-041, CBK-042, CBK-044 without confirmation one visit is enough, and one poll collects', async () => {
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const { code, state } = await beginDirect(role)
  for (let i = 0; i < 2; i++) {
    const pending = await setup.poll({ state, client_nonce: 'n1' })
    assert.deepEqual(pending.body.errors, ['authorization_pending'])
  }
  assertPage(await setup.callback({ code, state }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  assertReason(await setup.poll({ state, client_nonce: 'n1' }), 'state_unknown')
})

test('CBK-043, SEC-OID-04 a poll with a wrong nonce ends the sign-in', async () => {
  const { state } = await beginDirect(await setup.role({}, directRole))
  assertReason(await setup.poll({ state, client_nonce: 'other' }), 'client_nonce_mismatch')
  assertReason(await setup.poll({ state, client_nonce: 'n1' }), 'state_unknown')
})

test('SEC-OID-03 of 32 polls of one finished sign-in one receives the token', async () => {
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const { code, state } = await beginDirect(role)
  await setup.callback({ code, state })
  const before = await setup.root.list('auth/token/accessors')
  const polls = Array.from({ length: 32 }, () => setup.poll({ state, client_nonce: 'n1' }))
  const answers = await Promise.all(polls)
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1)
  const after_ = await setup.root.list('auth/token/accessors')
  assert.equal(after_.body.data.keys.length, before.body.data.keys.length + 1)
})

test('SEC-OID-02 of 32 confirmed visits with one code one exchanges it', async () => {
  const { code, state } = await beginDirect(await setup.role({}, directRole))
  const asked = setup.idp.tokenRequests.length
  const visits = Array.from({ length: 32 }, () =>
    setup.callback({ code, state, confirmation: '1' }),
  )
  const answers = await Promise.all(visits)
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1)
  assert.equal(setup.idp.tokenRequests.length, asked + 1)
})

test('CBK-047 a sign-in that failed in the browser is told to the client once', async () => {
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const { state } = await beginDirect(role)
  const page = await setup.callback({
    state,
    error: 'access_denied',
    error_description: '<i>x</i>',
  })
  assertPage(page, 400)
  assert.ok(!page.text.includes('<i>x</i>'))
  const told = await setup.poll({ state, client_nonce: 'n1' })
  assertReason(told, 'idp_denied')
  assert.equal(told.body.errors[0], 'Vault login failed. OAuth error: access_denied')
  assertReason(await setup.poll({ state, client_nonce: 'n1' }), 'state_unknown')
})

test('SEC-OID-06 where the browser comes here, an announced iss must be there', async () => {
  setup.idp.metadata = { authorization_response_iss_parameter_supported: true }
  await setup.configure()
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const first = await beginDirect(role)
  assertPage(await setup.callback({ code: first.code, state: first.state }), 400)
  assertReason(await setup.poll({ state: first.state, client_nonce: 'n1' }), 'issuer_missing')
  const second = await beginDirect(role)
  const { code, state } = second
  assertPage(await setup.callback({ code, state, iss: setup.idp.issuer }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  setup.idp.metadata = {}
  await setup.configure()
})

test('the address of the polling client is judged, and bound when the role says so', async () => {
  const bound = { oidc_disable_confirmation: true, token_strictly_bind_ip: true, token_num_uses: 0 }
  const { code, state } = await beginDirect(await setup.role(bound, directRole))
  await setup.callback({ code, state })
  const answer = await setup.poll({ state, client_nonce: 'n1' })
  const own_ = setup.server.client(answer.body.auth.client_token)
  const looked = await own_.read('auth/token/lookup-self')
  assert.deepEqual(looked.body.data.bound_cidrs, ['127.0.0.1'])
})

// ---------------------------------------------------------------- form post

const loopback = 'http://localhost:8250/oidc/callback'

async function configurePosts(types: readonly string[] = []): Promise<void> {
  await setup.configure({ oidc_response_mode: 'form_post', oidc_response_types: types })
}

test('CBK-030 a post is refused where answers come by query', async () => {
  await setup.configure()
  assertStatus(await setup.post({ state: 'x' }), 405)
})

test('CBK-029, CBK-032, IDT-019 a posted ID token waits for the GET, wherever the post came from', async () => {
  await configurePosts(['id_token'])
  const role = await setup.role({ allowed_redirect_uris: [loopback] })
  const { state, authUrl } = await setup.begin(role, { redirect_uri: loopback })
  const nonce = new URL(authUrl).searchParams.get('nonce') ?? ''
  const id_token = setup.idp.mint(nonce, { temperature: '76' })
  assertPage(await setup.post({ state, id_token }), 400)
  const answer = await setup.callback({ state })
  assertStatus(answer, 200)
  assert.equal(answer.body.auth.metadata.color, 'green')
  const other = await setup.begin(role, { redirect_uri: loopback })
  const exchanged = await setup.callback({ state: other.state, code: other.code })
  assertReason(exchanged, 'code_exchange_failed')
})

test('CBK-031, SEC-OID-18 a post without a sign-in is a page that says so', async () => {
  await configurePosts()
  const page = await setup.post({ state: 'st_</script><script>alert(1)</script>', code: 'x' })
  assertPage(page, 400)
  assert.ok(!page.text.includes('<script>alert'))
})

test('CBK-033, CBK-034, CBK-035, CBK-036 a posted code is handed to the window that opened this one', async () => {
  await configurePosts()
  for (const [uri, mount] of [
    [own, 'oidc'],
    [nested, 'team/oidc'],
  ] as const) {
    const role = await setup.role({ allowed_redirect_uris: [uri] })
    const { code, state } = await setup.begin(role, { redirect_uri: uri })
    const page = await setup.post({ code, state: `${state},ns=a` })
    assertPage(page, 200)
    const found = /\{[^{}]*oidc-callback[^{}]*\}/.exec(page.text)?.[0] ?? ''
    assert.deepEqual(JSON.parse(found), {
      source: 'oidc-callback',
      path: mount,
      code: 'no_code',
      state,
    })
    assert.match(page.headers['content-security-policy'] ?? '', /script-src 'nonce-/)
    assertStatus(await setup.callback({ state, code: 'no_code' }), 200)
  }
})

test('CBK-038, SEC-OID-18 a posted error is reported by the GET that follows', async () => {
  await configurePosts()
  const role = await setup.role({ allowed_redirect_uris: [own] })
  const { state } = await setup.begin(role, { redirect_uri: own })
  await setup.post({ state, error: 'access_denied' })
  assertReason(await setup.callback({ state, code: 'no_code' }), 'idp_denied')
})

test('a post of a direct sign-in asks the person, and the code stays out of the address', async () => {
  await configurePosts()
  const role = await setup.role({}, directRole)
  const { code, state } = await beginDirect(role)
  const page = await setup.post({ code, state })
  assertPage(page, 200)
  assert.ok(page.text.includes('confirmation=1'))
  assert.ok(!page.text.includes(code))
  assertPage(await setup.callback({ state, code: 'no_code', confirmation: '1' }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  await setup.configure()
})

test('a post of a sign-in that the UI began leads there, with neither code nor state in the address', async () => {
  await configurePosts()
  const uri = 'https://server.test/ui/vault/auth/oidc/oidc/callback'
  const role = await setup.role({ allowed_redirect_uris: [uri] })
  const begun = await setup.begin(role, { redirect_uri: uri, form_post_redirect: true })
  const answer = await setup.post({ code: begun.code, state: begun.state })
  assertStatus(answer, 303)
  assert.equal(answer.headers['location'], '/ui/vault/auth/oidc/oidc/callback?code=no_code')
  assertStatus(await setup.callback({ state: begun.state, code: 'no_code' }), 200)
  await setup.configure()
})
