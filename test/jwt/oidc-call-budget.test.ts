/** Calls to the provider that strangers cause, at the seams: between a look and the transition behind it, and between two budgets. */

import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { manualClock } from '../harness/test-server.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { nextAddress, roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

/** It stands still, so that no budget is refilled: what one address may cause is its burst. */
const clock = manualClock()
const burst = 10
const own = 'https://server.test/ui/vault/auth/oidc/oidc/callback'
let setup: SignInSetup

before(async () => {
  setup = await setUpSignIn({ clock, storage: 'lmdb' })
  setup.idp.metadata = { device_authorization_endpoint: `${setup.idp.issuer}/device` }
  setup.idp.onDevice = () => ({
    body: { device_code: 'd', user_code: 'WDJB-MJHT', verification_uri: 'https://idp.test/d' },
  })
})

after(() => setup.stop())

test('an answer that is parked between the look at a sign-in and its end is exchanged within the budget (SEC-OID-33)', async () => {
  await setup.configure({ oidc_response_mode: 'form_post' })
  const role = await setup.role({ allowed_redirect_uris: [own] })
  const stranger = setup.server.client().from(nextAddress())
  const path = `auth/${setup.mount}/oidc/callback`
  const asked = setup.idp.tokenRequests.length
  for (let round = 0; round < 40; round++) {
    const { state } = await setup.begin(role, { redirect_uri: own, client_nonce: 'n1' })
    const parking = stranger.write(path, { state, code: `junk${round}`, client_nonce: 'n1' })
    const query = new URLSearchParams({ state, client_nonce: 'n1' }).toString()
    // Each begins a little later than the one before, so that some come while the answer is being written.
    const asking: Promise<unknown>[] = []
    for (let i = 0; i < 16; i++) {
      asking.push(stranger.read(`${path}?${query}`))
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all([parking, ...asking])
  }
  // Each may be asked once more with the credentials in the body (jwt-oidc.md §4.10).
  const calls = setup.idp.tokenRequests.length - asked
  assert.ok(calls <= 2 * burst, `${calls} calls`)
  // The honest neighbour, whose answer is there before it is asked for.
  const honest = setup.server.client().from(nextAddress())
  const { state, code } = await setup.begin(role, { redirect_uri: own, client_nonce: 'n1' })
  await honest.write(path, { state, code, client_nonce: 'n1' })
  assertStatus(await honest.read(`${path}?state=${state}&client_nonce=n1`), 200)
  await setup.configure()
})

test('to start and to ask pays for neither: device starts and polls of one address stay within their bursts (SEC-OID-33)', async () => {
  const device = { ...roleO, callback_mode: 'device', allowed_redirect_uris: [], bound_claims: {} }
  const role = await setup.role({}, device)
  const path = `auth/${setup.mount}/oidc`
  const stranger = setup.server.client().from(nextAddress())
  const starts = setup.idp.deviceRequests.length
  const polls = setup.idp.tokenRequests.length
  setup.idp.onToken = () => ({ status: 400, body: { error: 'authorization_pending' } })
  for (let i = 0; i < 40; i++) {
    const begun = await stranger.write(`${path}/auth_url`, { role, client_nonce: 'n1' })
    if (begun.status !== 200) continue
    const { state } = begun.body.data
    const poll = () => stranger.write(`${path}/poll`, { state, client_nonce: 'n1' })
    await Promise.all(Array.from({ length: 8 }, poll))
  }
  const startCalls = setup.idp.deviceRequests.length - starts
  const pollCalls = setup.idp.tokenRequests.length - polls
  assert.ok(startCalls <= burst, `${startCalls} device starts`)
  assert.ok(pollCalls <= burst, `${pollCalls} polls`)
})

test('an office behind one address signs in one after the other, and a crowd of polls costs one call (SEC-OID-33)', async () => {
  const device = { ...roleO, callback_mode: 'device', allowed_redirect_uris: [], bound_claims: {} }
  const role = await setup.role({}, device)
  const path = `auth/${setup.mount}/oidc`
  const office = setup.server.client().from(nextAddress())
  setup.idp.onToken = () => ({
    body: { access_token: 'access1', id_token: setup.idp.mint(undefined) },
  })
  for (let i = 0; i < 3 * burst; i++) {
    const begun = await office.write(`${path}/auth_url`, { role, client_nonce: 'n1' })
    assertStatus(begun, 200)
    const body = { state: begun.body.data.state, client_nonce: 'n1' }
    const answers = await Promise.all([1, 2, 3, 4].map(() => office.write(`${path}/poll`, body)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  }
  setup.idp.onToken = undefined
})

test('sixty-four people of one address sign in at the same moment, and junk among them takes no place (SEC-OID-33)', async () => {
  const role = await setup.role({ bound_claims: {} })
  const office = nextAddress()
  const begun = await Promise.all(Array.from({ length: 64 }, () => codeOf(role)))
  const junk = await Promise.all(Array.from({ length: burst - 1 }, () => codeOf(role)))
  const asked = [
    ...junk.map(({ state }) => setup.callback({ state, code: 'junk' }, office)),
    ...begun.map((one) => setup.callback(one, office)),
  ]
  const statuses = (await Promise.all(asked)).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 400).length, junk.length)
  assert.equal(statuses.filter((status) => status === 200).length, begun.length)
})

test('strangers with many addresses stop nobody of whom the provider has proven somebody (SEC-OID-33)', async () => {
  const role = await setup.role({ bound_claims: {} })
  const office = nextAddress()
  const signIn = async () => setup.callback(await codeOf(role), office)
  assertStatus(await signIn(), 200)
  let calls = 0
  for (let i = 0; i < 2 * burst; i++) {
    const stranger = nextAddress()
    for (let round = 0; round < burst; round++) {
      const { state } = await codeOf(role)
      const answer = await setup.callback({ state, code: 'junk' }, stranger)
      if (answer.status !== 429) calls++
    }
  }
  // What all strangers together may cause.
  assert.ok(calls <= 10 * burst, `${calls}`)
  for (let i = 0; i < 2 * burst; i++) assertStatus(await signIn(), 200)
})

async function codeOf(role: string): Promise<{ code: string; state: string }> {
  const { code, state } = await setup.begin(role)
  return { code, state }
}

test('an ID token is kept for the sign-in that it was made for, and fills no disk from another (SEC-OID-24)', async () => {
  await setup.configure({ oidc_response_mode: 'form_post', oidc_response_types: ['id_token'] })
  const role = await setup.role({ allowed_redirect_uris: [own], bound_claims: {} })
  const begin = () => setup.begin(role, { redirect_uri: own, client_nonce: 'n1' })
  const post = (state: string, id_token: string) =>
    setup.server
      .client()
      .write(`auth/${setup.mount}/oidc/callback`, { state, id_token, client_nonce: 'n1' })
  const nonceOf = ({ authUrl }: { authUrl: string }) =>
    new URL(authUrl).searchParams.get('nonce') ?? ''
  const dataBytes = () => statSync(join(setup.server.folder, 'data', 'data.mdb')).size
  const first = await begin()
  const large = setup.idp.mint(nonceOf(first), { groups: 'g'.repeat(150_000) })
  const before = dataBytes()
  for (let i = 0; i < 100; i++) await post((await begin()).state, large)
  const grown = dataBytes() - before
  assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes`)
  await post(first.state, large)
  assertStatus(await setup.callback({ state: first.state, client_nonce: 'n1' }), 200)
  const other = await begin()
  await post(other.state, large)
  assertReason(await setup.callback({ state: other.state, client_nonce: 'n1' }), 'nonce_mismatch')
  await setup.configure()
})
