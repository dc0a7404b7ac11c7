/** Calls to the provider that one caller makes for many: claimed by one, ended for all, and paid for by nobody else. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DirectBrowser, ticketOf } from '../harness/direct-browser.ts'
import { manualClock } from '../harness/test-server.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

const own = 'https://server.test/v1/auth/oidc/oidc/callback'
const clock = manualClock()
let setup: SignInSetup
let browser: DirectBrowser

before(async () => {
  setup = await setUpSignIn({ clock })
  browser = new DirectBrowser(setup.server.client(), setup.mount)
  setup.idp.metadata = { device_authorization_endpoint: `${setup.idp.issuer}/device` }
  setup.idp.onDevice = () => ({
    body: { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: 'https://idp.test/d' },
  })
  await setup.configure()
})

after(() => setup.stop())

/** A promise and the function that keeps it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** The provider's clock is that of the server. */
function advance(ms: number): void {
  clock.advance(ms)
  const at = Math.floor(clock.nowMs() / 1000)
  setup.idp.claims = { ...setup.idp.claims, iat: at - 5, nbf: at - 5, exp: at + 60 }
}

async function startDevice(): Promise<string> {
  const role = await setup.role(
    {},
    { ...roleO, callback_mode: 'device', allowed_redirect_uris: [] },
  )
  const answer = await setup.authUrl(role, { client_nonce: 'n1', redirect_uri: undefined })
  assertStatus(answer, 200)
  return String(answer.body.data.state)
}

const poll = (state: string) => setup.poll({ state, client_nonce: 'n1' })

test('of 32 device polls at once one asks the provider and receives the token; the others hear pending or the end (SEC-OID-31)', async () => {
  const state = await startDevice()
  const { opened, open } = gate()
  const asked = setup.idp.tokenRequests.length
  setup.idp.onToken = () => ({
    body: { access_token: 'access1', id_token: setup.idp.mint(undefined, { temperature: '76' }) },
    waitsFor: opened,
  })
  const first = Array.from({ length: 16 }, () => poll(state))
  while (setup.idp.tokenRequests.length === asked) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  const second = Array.from({ length: 16 }, () => poll(state))
  for (const answer of await Promise.all(second)) {
    assert.deepEqual([answer.status, answer.body.errors], [400, ['authorization_pending']])
  }
  open()
  const answers = await Promise.all(first)
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  for (const { status, body } of answers) {
    if (status !== 200) assert.match(String(body.errors[0]), /authorization_pending|Expired or/)
  }
  assert.equal(setup.idp.tokenRequests.length, asked + 1)
  assertReason(await poll(state), 'state_unknown')
  setup.idp.onToken = undefined
})

test('a claim has an end: whoever does not come back is told as a failure, once, and gives nobody a token later (SEC-OID-31)', async () => {
  const { opened, open } = gate()
  const role = { ...roleO, callback_mode: 'direct', allowed_redirect_uris: [own] }
  const begun = await setup.begin(await setup.role({}, role), {
    client_nonce: 'n1',
    redirect_uri: own,
  })
  const page = await browser.arrive(begun)
  setup.idp.onToken = () => ({ status: 400, body: { error: 'invalid_grant' }, waitsFor: opened })
  const asked = setup.idp.tokenRequests.length
  const yes = browser.press(page, 'yes')
  while (setup.idp.tokenRequests.length === asked) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual((await poll(begun.state)).body.errors, ['authorization_pending'])
  advance(14_999)
  assert.deepEqual((await poll(begun.state)).body.errors, ['authorization_pending'])
  advance(1)
  const told = await poll(begun.state)
  assertStatus(told, 400)
  assert.match(String(told.body.errors[0]), /broken off/)
  assertReason(await poll(begun.state), 'state_unknown')
  open()
  assert.equal((await yes).status, 400)
  assertReason(await poll(begun.state), 'state_unknown')
  setup.idp.onToken = undefined
})

test('junk is paid for by who sends it: a thousand callbacks, starts and polls of one address make few calls, and others sign in (SEC-OID-33)', async () => {
  advance(600_000)
  const junk = '127.0.0.66'
  const stranger = setup.server.client().from(junk)
  const role = await setup.role({}, { ...roleO, bound_claims: {} })
  const device = { ...roleO, callback_mode: 'device', allowed_redirect_uris: [] }
  const deviceRole = await setup.role({}, device)
  const { tokenRequests, deviceRequests } = setup.idp
  setup.idp.onToken = ({ form }) =>
    form.get('grant_type')?.includes('device_code') === true
      ? { status: 400, body: { error: 'authorization_pending' } }
      : undefined
  const codes = tokenRequests.length
  for (let i = 0; i < 1000; i++) {
    const { state } = await setup.begin(role)
    const refused = await setup.callback({ state, code: `junk${i}` }, junk)
    assert.ok([400, 429].includes(refused.status), refused.text)
    if (refused.status === 429) assert.match(refused.headers['retry-after'] ?? '', /^\d+$/)
    advance(60)
  }
  // Each may be asked once more with the credentials in the body (jwt-oidc.md §4.10).
  const called = tokenRequests.length - codes
  assert.ok(called <= 45, `${called} calls of the token endpoint in a minute`)
  assert.ok(called >= 20, `${called}`)
  const starts = deviceRequests.length
  const path = `auth/${setup.mount}/oidc`
  const states: string[] = []
  for (let i = 0; i < 1000; i++) {
    const body = { role: deviceRole, client_nonce: 'n1' }
    const begun = await stranger.write(`${path}/auth_url`, body)
    if (begun.status === 200) states.push(String(begun.body.data.state))
    advance(60)
  }
  assert.ok(deviceRequests.length - starts <= 42, `${deviceRequests.length - starts} device starts`)
  const polls = tokenRequests.length
  for (let i = 0; i < 1000; i++) {
    const body = { state: states[i % states.length], client_nonce: 'n1' }
    const answer = await stranger.write(`${path}/poll`, body)
    assert.equal(answer.status, 400)
    advance(60)
  }
  assert.ok(tokenRequests.length - polls <= 42, `${tokenRequests.length - polls} polls`)
  // The honest neighbour.
  for (let i = 0; i < 60; i++) {
    const { state, code } = await setup.begin(role)
    assertStatus(await setup.callback({ state, code }), 200)
  }
  setup.idp.onToken = undefined
})

test('a refused budget leaves the sign-in as it was (SEC-OID-33)', async () => {
  const role = await setup.role({ bound_claims: {} })
  const from = '127.0.0.67'
  for (let i = 0; i < 12; i++) {
    const { state } = await setup.begin(role)
    await setup.callback({ state, code: 'junk' }, from)
  }
  const { state, code } = await setup.begin(role)
  const refused = await setup.callback({ state, code }, from)
  assertStatus(refused, 429)
  assert.equal(refused.headers['x-login-reason'], 'quota_exceeded')
  advance(2000)
  assertStatus(await setup.callback({ state, code }, from), 200)
})

test('an interval is one to sixty seconds, whatever provider and role say (SEC-OID-34)', async () => {
  const grant = { device_code: 'd', user_code: 'U', verification_uri: 'https://idp.test/d' }
  const device = { ...roleO, callback_mode: 'device', allowed_redirect_uris: [] }
  const intervalOf = async (interval: unknown, poll_interval: number) => {
    advance(60_000)
    setup.idp.onDevice = () => ({ body: { ...grant, interval } })
    const role = await setup.role({ poll_interval }, device)
    const answer = await setup.authUrl(role, { client_nonce: 'n1' })
    return answer.body.data.poll_interval as string
  }
  for (const [interval, ofRole, want] of [
    [0, 0, '5'],
    [-7, 0, '5'],
    [0.001, 0, '5'],
    ['x', 0, '5'],
    [2 ** 31, 0, '60'],
    [10 ** 12, 0, '60'],
    [99_999_999_999, 0, '60'],
    [7, 0, '7'],
    [7, 3, '3'],
    [7, 2 ** 31, '60'],
  ] as const) {
    assert.equal(await intervalOf(interval, ofRole), want, `${interval} ${ofRole}`)
  }
  const refused = await setup.root.write(`auth/${setup.mount}/role/negative`, {
    ...device,
    poll_interval: -1,
  })
  assertStatus(refused, 400)
})

test('the largest sign-ins that a stranger can make stay small, and so does the store (SEC-OID-24, SEC-OID-32)', async () => {
  await setup.configure({ oidc_response_mode: 'form_post' })
  const loopback = `http://localhost:8250/${'p'.repeat(400)}`
  const role = await setup.role({ allowed_redirect_uris: [loopback] })
  const hostile = { client_nonce: '\u{1F600}'.repeat(128), redirect_uri: loopback }
  const { state } = await setup.begin(role, hostile)
  assertStatus(await setup.authUrl(role, { ...hostile, client_nonce: 'n'.repeat(257) }), 400)
  const posted = await setup.post({ state, code: 'c'.repeat(4096), iss: 'i'.repeat(2048) })
  assertStatus(posted, 400)
  assertStatus(await setup.post({ state, code: 'd'.repeat(4096) }), 400)
  assertStatus(await setup.post({ state, code: 'd'.repeat(4097) }), 400)
  // As many characters of the kind that takes six times the room in a record, sent while the sign-in is open.
  const wide = await setup.begin(role, hostile)
  const control = '\u0001'
  const tooWide = { client_nonce: control.repeat(256), redirect_uri: loopback }
  assertStatus(await setup.authUrl(role, tooWide), 400)
  const tooWideAnswers: readonly Readonly<Record<string, string>>[] = [
    { code: control.repeat(4096) },
    { code: '漢'.repeat(4096) },
    { code: '"'.repeat(4096) },
    { code: 'c', iss: control.repeat(2048) },
    { error: control.repeat(200) },
  ]
  for (const fields of tooWideAnswers) {
    const refused = await setup.post({ state: wide.state, ...fields })
    assertStatus(refused, 400)
    assert.match(refused.text, /expected at most \d+ bytes/)
  }
  const taken = await setup.post({ state: wide.state, code: 'c'.repeat(4096) })
  assert.doesNotMatch(taken.text, /expected at most/)
  await setup.configure()
})

test('a ticket is of one page and one sign-in: that of another is none (SEC-OID-29)', async () => {
  const role = { ...roleO, callback_mode: 'direct', allowed_redirect_uris: [own] }
  const name = await setup.role({}, role)
  const [a, b] = [
    await setup.begin(name, { client_nonce: 'n1', redirect_uri: own }),
    await setup.begin(name, { client_nonce: 'n1', redirect_uri: own }),
  ]
  const [pageA, pageB] = [await browser.arrive(a), await browser.arrive(b)]
  assertStatus(await browser.post({ state: a.state, ticket: ticketOf(pageB), answer: 'yes' }), 400)
  assertStatus(await browser.post({ state: a.state, ticket: ticketOf(pageB), answer: 'no' }), 400)
  assertStatus(await browser.press(pageA, 'yes'), 200)
  assertStatus(await poll(a.state), 200)
  assert.deepEqual((await poll(b.state)).body.errors, ['authorization_pending'])
})
