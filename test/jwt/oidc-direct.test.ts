/** Direct mode and form post: sign-ins whose browser comes to this server. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { confirmationCode } from '../../src/lib/confirmation-code.ts'
import { confirmationPage } from '../../src/ui/flow-pages.ts'
import { DirectBrowser, handedOver, ticketOf } from '../harness/direct-browser.ts'
import { textOf } from '../ui/visitor.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup
let browser: DirectBrowser
const own = 'https://server.test/v1/auth/oidc/oidc/callback'
const nested = 'https://server.test/v1/auth/team/oidc/oidc/callback'
const directRole = { ...roleO, callback_mode: 'direct', allowed_redirect_uris: [own] }

before(async () => {
  setup = await setUpSignIn()
  browser = new DirectBrowser(setup.server.client(), setup.mount)
})

after(() => setup.stop())

async function beginDirect(role: string) {
  return setup.begin(role, { client_nonce: 'n1', redirect_uri: own })
}

function cookieOf({ headers }: { headers: Readonly<Record<string, string>> }): string {
  return (headers['set-cookie'] ?? '').split(';')[0] ?? ''
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

test('a person says yes first; then the client collects the token (CBK-039, CBK-040, CBK-045, SEC-OID-19, SEC-OID-20)', async () => {
  const role = await setup.role({}, directRole)
  const { code, state } = await beginDirect(role)
  const asked = setup.idp.tokenRequests.length
  // As often as a prefetcher likes.
  let page = await browser.arrive({ code, state }, { 'sec-purpose': 'prefetch' })
  for (let i = 0; i < 3; i++) {
    page = await browser.arrive({ code, state })
    assertPage(page, 200)
    assert.match(page.text, /127\.0\.0\.1/)
    assert.ok(page.text.includes(role))
    assert.ok(page.text.includes(confirmationCode(state)))
    assert.ok(page.text.includes(new URL(setup.idp.issuer).host))
    assert.ok(!page.text.includes(code), 'the code stays on the server')
  }
  assert.equal(setup.idp.tokenRequests.length, asked, 'nothing was exchanged before the yes')
  const pending = await setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual([pending.status, pending.body.errors], [400, ['authorization_pending']])
  const done = await browser.press(page, 'yes')
  assertPage(done, 200)
  assert.match(textOf(done), /is signed in/)
  assertReason(await setup.callback({ code, state }), 'state_unknown')
  const answer = await setup.poll({ state, client_nonce: 'n1' })
  assertStatus(answer, 200)
  assert.equal(answer.body.auth.lease_duration, 180)
  assert.equal(answer.body.auth.metadata.role, role)
})

test('a page of the API has the frame of all others, and Back after the yes is a page too (FIX-U8, FIX-G2, FIX-G5, FIX-G16, FIX-G18)', async (t) => {
  const shown = await setUpSignIn({ ui: true })
  t.after(() => shown.stop())
  const client = shown.server.client()
  const visitor = new DirectBrowser(client, shown.mount)
  const { pathname } = new URL(own)
  const role = await shown.role({}, directRole)
  const { code, state } = await shown.begin(role, { client_nonce: 'n1', redirect_uri: own })
  const look = (cookie: string) => client.call('GET', pathname, undefined, { headers: { cookie } })
  const left = cookieOf(await visitor.callback({ code, state }))
  const page = await look(left)
  assert.match(page.text, /<html lang="en" class="auto">/)
  assert.match(page.text, /<span class="where dev">dev<\/span>/)
  const change = `/ui/theme/dark?return_to=${encodeURIComponent(pathname)}`
  assert.ok(page.text.includes(`href="${change}"`), page.text)
  const changed = await client.call('GET', change)
  assert.equal(changed.headers['location'], pathname)
  const cookie = `${left}; ${cookieOf(changed)}`
  const again = await look(cookie)
  assertPage(again, 200)
  assert.match(again.text, /<html lang="en" class="dark">/)
  assert.match(textOf(again), /Started just now \(/)
  assert.match(textOf(again), /Yes, this is me No, block it/)
  const done = await visitor.press(again, 'yes', { cookie })
  assert.match(done.text, /<html lang="en" class="dark">/)
  assert.match(textOf(done), /is signed in/)
  // A second look would be at what is over: its colours lead to the start.
  assert.match(done.text, /return_to=%2Fui%2F"/)
  assert.match(textOf(done), /is signed in on 127\.0\.0\.1/)
  // The back button of a browser leads to what is over.
  const back = await look(cookie)
  assert.match(back.headers['content-type'] ?? '', /^text\/html/)
  assert.match(textOf(back), /The sign-in was already finished/)
  assert.match(textOf(back), /What to do Start the sign-in again\./)
})

test('no is told to the terminal at once, and the sign-in is over (SEC-OID-19)', async () => {
  const { code, state } = await beginDirect(await setup.role({}, directRole))
  const asked = setup.idp.tokenRequests.length
  const page = await browser.arrive({ code, state })
  const blocked = await browser.press(page, 'no')
  assertPage(blocked, 200)
  assert.match(textOf(blocked), /This sign-in is blocked/)
  const told = await setup.poll({ state, client_nonce: 'n1' })
  assertReason(told, 'idp_denied')
  assert.ok(String(told.body.errors[0]).endsWith('access_denied'))
  assertPage(await browser.press(page, 'yes'), 400)
  assertReason(await setup.poll({ state, client_nonce: 'n1' }), 'state_unknown')
  assert.equal(setup.idp.tokenRequests.length, asked)
})

test('only a form of the page itself says yes (SEC-OID-29)', async () => {
  const role = await setup.role({}, directRole)
  const { code, state } = await beginDirect(role)
  const other = await beginDirect(role)
  const asked = setup.idp.tokenRequests.length
  const page = await browser.arrive({ code, state })
  const foreign = await browser.arrive({ code: other.code, state: other.state })
  const ticket = ticketOf(page)
  const path = `auth/${setup.mount}/oidc/callback`
  const client = setup.server.client()
  const link = new URLSearchParams({ state, code, ticket, confirmation: '1', answer: 'yes' })
  const requests: readonly Readonly<Record<string, string>>[] = [
    { accept: 'text/html' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'image' },
    { accept: 'text/html', 'sec-purpose': 'prefetch', purpose: 'prefetch' },
    { 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' },
  ]
  for (const headers of requests) {
    const answer = await client.call('GET', `${path}?${link.toString()}`, undefined, { headers })
    assertStatus(answer, 303)
  }
  const image = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
  assertPage(await browser.callback({ code, state }, image), 200)
  const fresh = await browser.arrive({ code, state })
  for (const [fields, headers] of [
    [{ ticket: ticketOf(fresh) }, { 'sec-fetch-site': 'cross-site' }],
    [{ ticket: ticketOf(fresh) }, { 'sec-fetch-site': 'same-site' }],
    [{ ticket: ticketOf(foreign) }, {}],
    [{ ticket }, {}],
    [{ ticket: 'no_code' }, {}],
    [{ ticket: '' }, {}],
    [{ ticket: ticketOf(fresh), answer: 'maybe' }, {}],
  ] as const) {
    const refused = await browser.post({ state, answer: 'yes', ...fields }, headers)
    assertPage(refused, 400)
    assert.match(textOf(refused), /Is this you signing in\?/)
    assert.ok(!refused.text.includes('name="ticket"'), 'nobody is handed a ticket for asking')
  }
  const twice = await browser.post(`state=${state}&ticket=x&ticket=${ticketOf(fresh)}&answer=yes`)
  assert.notEqual(twice.status, 200)
  assert.equal(setup.idp.tokenRequests.length, asked, 'nothing was exchanged')
  assertPage(await browser.press(fresh, 'yes', { 'sec-fetch-site': 'same-origin' }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
})

test('who began a sign-in collects nobody’s answer: state and nonce are not enough (SEC-OID-28)', async () => {
  await configurePosts()
  const role = await setup.role({}, directRole)
  const { code, state } = await beginDirect(role)
  const page = await setup.post({ code, state })
  assertPage(page, 200)
  assert.ok(!page.text.includes(code))
  const tries: readonly Readonly<Record<string, string>>[] = [
    { code: 'no_code' },
    { code: '' },
    { code: 'guess' },
    { client_nonce: 'n1' },
  ]
  for (const more of tries) {
    const answer = await browser.arrive({ state, confirmation: '1', ...more })
    assert.ok(!/signed in|name="ticket"/.test(answer.text), answer.text)
    assertPage(await browser.post({ state, answer: 'yes', ticket: more['code'] ?? 'n1' }), 400)
  }
  assertPage(await setup.post({ code: 'other', state }), 400)
  const pending = await setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual(pending.body.errors, ['authorization_pending'])
  assertPage(await browser.press(page, 'yes'), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  await setup.configure()
})

test('CBK-046 whatever is known of who asks is shown as text', () => {
  const hostile = '"><img src=x onerror=alert(1)>'
  const page = confirmationPage({
    nonce: 'bm9uY2Vub25jZW5vbmNl',
    browserAddress: '127.0.0.1',
    address: hostile,
    role: hostile,
    mount: hostile,
    startedAt: '2026-01-02T03:04:05.000Z',
    startedSecondsAgo: 4,
    code: hostile,
    provider: hostile,
    status: 200,
    form: { action: '/v1/auth/oidc/oidc/callback', state: hostile, ticket: hostile },
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
  assertPage(await browser.arrive({ code, state }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  assertReason(await setup.poll({ state, client_nonce: 'n1' }), 'state_unknown')
})

test('a program has no address bar: it gets each page as the answer of the callback itself (CBK-039, CBK-040, CBK-041, CBK-045, CBK-047)', async () => {
  const asking = await setup.role({}, directRole)
  const first = await beginDirect(asking)
  const parameters = { code: first.code, state: first.state }
  // As Node.js asks.
  const page = await browser.callback(parameters, { accept: '*/*', 'sec-fetch-mode': 'cors' })
  assertPage(page, 200)
  assert.match(page.text, /127\.0\.0\.1/)
  assert.ok(page.text.includes(asking))
  assert.ok(!page.text.includes(first.code), 'the code stays on the server')
  const poll = (state: string) => setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual((await poll(first.state)).body.errors, ['authorization_pending'])
  assertPage(await browser.press(page, 'yes'), 200)
  assertReason(await setup.callback(parameters), 'state_unknown')
  assertStatus(await poll(first.state), 200)

  const trusting = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const second = await beginDirect(trusting)
  assertPage(await setup.callback({ code: second.code, state: second.state }), 200)
  assertReason(await setup.callback({ code: second.code, state: second.state }), 'state_unknown')
  assertStatus(await poll(second.state), 200)

  const { state } = await beginDirect(trusting)
  const refused = await setup.callback({ code: 'wrong', state })
  assertPage(refused, 400)
  assert.match(textOf(refused), /invalid_grant/)
  assertReason(await poll(state), 'code_exchange_failed')
  assertReason(await poll(state), 'state_unknown')
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
  const page = await browser.arrive({ code, state })
  const visits = Array.from({ length: 32 }, () => browser.press(page, 'yes'))
  const answers = await Promise.all(visits)
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1)
  assert.equal(setup.idp.tokenRequests.length, asked + 1)
})

test('CBK-047 a sign-in that failed in the browser is told to the client once', async () => {
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const { state } = await beginDirect(role)
  const page = await browser.arrive({
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
  assertPage(await browser.arrive({ code: first.code, state: first.state }), 400)
  assertReason(await setup.poll({ state: first.state, client_nonce: 'n1' }), 'issuer_missing')
  const second = await beginDirect(role)
  const { code, state } = second
  assertPage(await browser.arrive({ code, state, iss: setup.idp.issuer }), 200)
  assertStatus(await setup.poll({ state, client_nonce: 'n1' }), 200)
  setup.idp.metadata = {}
  await setup.configure()
})

test('the address of the polling client is judged, and bound when the role says so', async () => {
  const bound = { oidc_disable_confirmation: true, token_strictly_bind_ip: true, token_num_uses: 0 }
  const { code, state } = await beginDirect(await setup.role(bound, directRole))
  await browser.arrive({ code, state })
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
  const { state, authUrl } = await setup.begin(role, { redirect_uri: loopback, client_nonce: 'c' })
  const nonce = new URL(authUrl).searchParams.get('nonce') ?? ''
  const id_token = setup.idp.mint(nonce, { temperature: '76' })
  // As a command line does: it shows its nonce with the post, and again with the GET.
  assertPage(await setup.post({ state, id_token, client_nonce: 'c' }), 400)
  assertReason(await setup.callback({ state }), 'code_missing')
  assertReason(await setup.callback({ state, client_nonce: 'd' }), 'code_missing')
  const answer = await setup.callback({ state, client_nonce: 'c' })
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
    const { code: ticket, ...message } = handedOver(page)
    assert.deepEqual(message, { source: 'oidc-callback', path: mount, state })
    assert.match(ticket, /^[\w-]{43}$/)
    for (const wrong of ['no_code', '', 'x'.repeat(43)]) {
      assertReason(await setup.callback({ state, code: wrong }), 'code_missing')
    }
    assert.match(page.headers['content-security-policy'] ?? '', /script-src 'nonce-/)
    assertStatus(await setup.callback({ state, code: ticket }), 200)
  }
})

test('CBK-038, SEC-OID-18 a posted error is reported by the GET that follows', async () => {
  await configurePosts()
  const role = await setup.role({ allowed_redirect_uris: [own] })
  const { state } = await setup.begin(role, { redirect_uri: own })
  const { code: ticket } = handedOver(await setup.post({ state, error: 'access_denied' }))
  assertReason(await setup.callback({ state, code: ticket }), 'idp_denied')
})

test('a post of a sign-in that another client began is handed to its window, whatever it asks for', async () => {
  await configurePosts()
  const uri = 'https://server.test/ui/vault/auth/oidc/oidc/callback'
  const role = await setup.role({ allowed_redirect_uris: [uri] })
  const begun = await setup.begin(role, { redirect_uri: uri, form_post_redirect: true })
  const page = await setup.post({ code: begun.code, state: begun.state })
  assertPage(page, 200)
  assertStatus(await setup.callback({ state: begun.state, code: handedOver(page).code }), 200)
  await setup.configure()
})

test('an ID token beside a code spares nobody the iss parameter (SEC-OID-06)', async () => {
  setup.idp.metadata = { authorization_response_iss_parameter_supported: true }
  await configurePosts()
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const besides: readonly Readonly<Record<string, string>>[] = [{}, { id_token: 'x' }]
  for (const more of besides) {
    const { code, state } = await beginDirect(role)
    const page = await setup.post({ code, state, ...more })
    assertPage(page, 400)
    assert.notEqual((await setup.poll({ state, client_nonce: 'n1' })).status, 200)
  }
  setup.idp.metadata = {}
  await setup.configure()
})

test('an ID token that nobody signed is not kept, only why it is worth nothing (SEC-OID-32)', async () => {
  await configurePosts(['id_token'])
  const role = await setup.role({ allowed_redirect_uris: [loopback] })
  const { state } = await setup.begin(role, { redirect_uri: loopback, client_nonce: 'c' })
  const junk = `${setup.idp.mint('n').split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`
  assertPage(await setup.post({ state, id_token: junk, client_nonce: 'c' }), 400)
  const told = await setup.callback({ state, client_nonce: 'c' })
  assertReason(told, 'signature_invalid')
  assert.match(String(told.body.errors[0]), /^Token verification failed\./)
  await setup.configure()
})

test('what is longer than it can be is refused and not stored (SEC-OID-32)', async () => {
  await configurePosts()
  const role = await setup.role({}, directRole)
  const { state } = await beginDirect(role)
  for (const [name, charsMax] of [
    ['code', 4096],
    ['id_token', 262_144],
    ['iss', 2048],
    ['error', 200],
  ] as const) {
    assertStatus(await setup.post({ state, [name]: 'a'.repeat(charsMax + 1) }), 400)
  }
  assertStatus(await setup.post({ state: 's'.repeat(129), code: 'x' }), 400)
  const answer = await setup.authUrl(role, { client_nonce: 'n'.repeat(257), redirect_uri: own })
  assertStatus(answer, 400)
  assertStatus(await setup.poll({ state: 's'.repeat(129), client_nonce: 'n1' }), 400)
  const pending = await setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual(pending.body.errors, ['authorization_pending'], 'the sign-in is as it was')
  await setup.configure()
})

test('the address that a browser keeps has neither code nor state nor ticket, however it ends (SEC-WEB-13)', async () => {
  await setup.configure()
  const asked = await setup.role({}, directRole)
  const plain = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const waiting = await beginDirect(asked)
  const finished = await beginDirect(plain)
  const refused = await beginDirect(plain)
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  for (const [parameters, want] of [
    [{ code: waiting.code, state: waiting.state }, /Is this you signing in/],
    [{ code: finished.code, state: finished.state }, /is signed in/],
    [{ code: 'wrong', state: refused.state }, /code_exchange_failed/],
    [{ code: 'x', state: 'st_unknown' }, /state_unknown/],
  ] as const) {
    const first = await browser.callback(parameters, navigation)
    assertStatus(first, 303)
    assert.equal(first.headers['location'], `/v1/auth/${setup.mount}/oidc/callback`)
    const shown = await browser.follow(first)
    assert.match(textOf(shown), want)
    assert.match(shown.headers['content-type'] ?? '', /^text\/html/)
  }
})

test('a browser that comes back to a sign-in that cannot go on is led to a clean address too, a program is not (SEC-WEB-13)', async () => {
  await setup.configure()
  const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  const direct = await setup.role({}, directRole)
  const { code, state } = await beginDirect(direct)
  const client = await setup.role()
  const other = await setup.begin(client)
  assertStatus(await setup.root.call('DELETE', `auth/${setup.mount}/role/${direct}`), 204)
  assertStatus(await setup.root.call('DELETE', `auth/${setup.mount}/role/${client}`), 204)
  assertReason(await setup.callback({ code, state }), 'role_unknown')
  for (const parameters of [
    { code, state },
    { code: other.code, state: other.state },
  ]) {
    const first = await browser.callback(parameters, navigation)
    assertStatus(first, 303)
    assert.equal(first.headers['location'], `/v1/auth/${setup.mount}/oidc/callback`)
    assert.match(textOf(await browser.follow(first)), /role_unknown/)
  }
})

test('a yes is worth nothing after the role or the provider has changed: what was right then is not handed out now (SEC-OID-16)', async () => {
  await setup.configure()
  const confirm = async (role: string) => {
    const { code, state } = await beginDirect(role)
    assertPage(await browser.press(await browser.arrive({ code, state }), 'yes'), 200)
    return state
  }
  const poll = (state: string) => setup.poll({ state, client_nonce: 'n1' })
  const role = await setup.role({ token_policies: ['much'] }, directRole)
  const path = `auth/${setup.mount}/role/${role}`
  const narrowed = await confirm(role)
  await setup.root.must(path, { ...directRole, token_policies: ['little'] })
  assertReason(await poll(narrowed), 'state_used')
  assertReason(await poll(narrowed), 'state_unknown')
  const withdrawn = await confirm(role)
  await setup.configure({ oidc_client_id: 'another' })
  assertReason(await poll(withdrawn), 'state_used')
  await setup.configure()
  const answer = await poll(await confirm(role))
  assertStatus(answer, 200)
  assert.deepEqual(answer.body.auth.token_policies, ['default', 'little'])
})

test('a form post in a frame is no visit, also where the role asks for no confirmation (SEC-OID-20)', async () => {
  await configurePosts()
  const role = await setup.role({ oidc_disable_confirmation: true }, directRole)
  const framed = await beginDirect(role)
  const { code, state } = framed
  const page = await browser.post({ code, state }, { 'sec-fetch-dest': 'iframe' })
  assertPage(page, 200)
  assert.match(textOf(page), /Is this you signing in/)
  const pending = await setup.poll({ state, client_nonce: 'n1' })
  assert.deepEqual(pending.body.errors, ['authorization_pending'])
  const visited = await beginDirect(role)
  const fields = { code: visited.code, state: visited.state }
  assertPage(await browser.post(fields, { 'sec-fetch-dest': 'document' }), 200)
  assertStatus(await setup.poll({ state: visited.state, client_nonce: 'n1' }), 200)
  await setup.configure()
})
