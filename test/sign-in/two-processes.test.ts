/** Two server processes on one LMDB folder: a sign-in begun at one is finished at the other, once. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { ProgramFolder } from '../harness/program-folder.ts'

const redirectUri = 'https://example.com'

const folder = new ProgramFolder({ isShared: true })
let idp: ScriptedProvider
let one: ApiClient
let two: ApiClient

before(async () => {
  idp = await new ScriptedProvider().start()
  one = (await folder.start()).client
  const root = await folder.init(one)
  await root.must('sys/auth/oidc', { type: 'oidc' })
  await root.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: 'ES256',
  })
  const role = { user_claim: 'sub', allowed_redirect_uris: redirectUri }
  await root.must('auth/oidc/role/people', role)
  await root.must('auth/oidc/role/direct', {
    ...role,
    callback_mode: 'direct',
    oidc_disable_confirmation: true,
  })
  two = (await folder.start()).client
})

after(async () => {
  await folder.stop()
  await idp.stop()
})

async function begin(at: ApiClient, role: string) {
  const body = { role, redirect_uri: redirectUri, client_nonce: 'n' }
  const begun = await at.must('auth/oidc/oidc/auth_url', body)
  return idp.authorize(String(begun.body.data.auth_url))
}

function finish(at: ApiClient, { code, state }: { code: string; state: string }) {
  return at.read(`auth/oidc/oidc/callback?state=${state}&code=${code}&client_nonce=n`)
}

test('SEC-OID-27 what one process began the other one ends, and its token is good at both', async () => {
  const answer = await finish(two, await begin(one, 'people'))
  assert.equal(answer.status, 200, answer.text)
  for (const at of [one, two]) {
    const own = at.as(String(answer.body.auth.client_token))
    assert.equal((await own.read('auth/token/lookup-self')).status, 200)
  }
})

test('SEC-OID-02 of callbacks at both processes with one code one succeeds', async () => {
  const asked = idp.tokenRequests.length
  const arrived = await begin(two, 'people')
  const calls = Array.from({ length: 16 }, (_, i) => finish(i % 2 === 0 ? one : two, arrived))
  const answers = await Promise.all(calls)
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal(idp.tokenRequests.length, asked + 1)
})

test('SEC-OID-03 a terminal polls one process while the browser goes to the other', async () => {
  const arrived = await begin(one, 'direct')
  const poll = (at: ApiClient) =>
    at.write('auth/oidc/oidc/poll', { state: arrived.state, client_nonce: 'n' })
  assert.deepEqual((await poll(one)).body.errors, ['authorization_pending'])
  const page = await new DirectBrowser(two, 'oidc').arrive(arrived)
  assert.equal(page.status, 200, page.text)
  const polls = await Promise.all([one, two, one, two].map(poll))
  assert.equal(polls.filter(({ status }) => status === 200).length, 1)
})
