/** SIGKILL while the provider is being asked: nobody gets a token for it, nobody waits for ten minutes, and the next sign-in works. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { ProgramFolder, type RunningProgram } from '../harness/program-folder.ts'

const redirectUri = 'https://example.com'
/** A claim ends after fifteen seconds. */
const endMsMax = 25_000

const folder = new ProgramFolder()
let idp: ScriptedProvider
let server: RunningProgram

before(async () => {
  idp = await new ScriptedProvider().start()
  idp.metadata = { device_authorization_endpoint: `${idp.issuer}/device` }
  idp.onDevice = () => ({
    body: { device_code: 'd', user_code: 'U', verification_uri: 'https://idp.test/d' },
  })
  server = await folder.start()
  const root = await folder.init(server.client)
  await root.must('sys/auth/oidc', { type: 'oidc' })
  await root.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: 'ES256',
  })
  const role = { user_claim: 'sub', allowed_redirect_uris: redirectUri }
  for (const mode of ['client', 'direct', 'device']) {
    await root.must(`auth/oidc/role/${mode}`, { ...role, callback_mode: mode })
  }
})

after(async () => {
  await folder.stop()
  await idp.stop()
})

async function begin(role: string) {
  const body = { role, redirect_uri: redirectUri, client_nonce: 'n' }
  const { data } = (await server.client.must('auth/oidc/oidc/auth_url', body)).body
  if (role === 'device') return { state: String(data.state), code: '' }
  return idp.authorize(String(data.auth_url))
}

const poll = (at: ApiClient, state: string) =>
  at.write('auth/oidc/oidc/poll', { state, client_nonce: 'n' })

/** Resolves when the token endpoint has been asked; it never answers. */
async function whileAsked(request: Promise<unknown>): Promise<void> {
  idp.onToken = () => ({ body: {}, waitsFor: new Promise(() => undefined) })
  const asked = idp.tokenRequests.length
  request.catch(() => undefined)
  while (idp.tokenRequests.length === asked) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function killAndStart(): Promise<void> {
  await folder.end(server.process, 'SIGKILL')
  idp.onToken = undefined
  server = await folder.start()
}

/** What the poller hears when it is no longer pending. */
async function endOf(state: string) {
  const until = performance.now() + endMsMax
  for (;;) {
    const answer = await poll(server.client, state)
    const isPending = answer.body.errors?.[0] === 'authorization_pending'
    if (!isPending || performance.now() > until) return answer
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

test('a kill between yes and answer, in each mode: told as failed within the call’s time, and never a token (SEC-OID-31)', async () => {
  const browser = new DirectBrowser(server.client, 'oidc')
  const direct = await begin('direct')
  const page = await browser.arrive(direct)
  const device = await begin('device')
  const client = await begin('client')
  const callback = `auth/oidc/oidc/callback?state=${client.state}&code=${client.code}&client_nonce=n`
  await whileAsked(browser.press(page, 'yes'))
  await whileAsked(poll(server.client, device.state))
  await whileAsked(server.client.read(callback))
  await killAndStart()

  const again = new DirectBrowser(server.client, 'oidc')
  assert.equal((await again.press(page, 'yes')).status, 400)
  assert.equal((await server.client.read(callback)).status, 400)
  for (const { state } of [direct, device]) {
    const told = await endOf(state)
    assert.equal(told.status, 400, told.text)
    assert.match(String(told.body.errors[0]), /broken off/)
    assert.match(String((await poll(server.client, state)).body.errors[0]), /Expired or missing/)
  }

  const next = await begin('direct')
  const done = await again.press(await again.arrive(next), 'yes')
  assert.equal(done.status, 200, done.text)
  assert.equal((await poll(server.client, next.state)).status, 200)
})
