/** Two server processes on one LMDB folder: a sign-in begun at one is finished at the other, once. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { DirectBrowser } from '../harness/direct-browser.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'

const startMsMax = 20_000
const redirectUri = 'https://example.com'

const folder = mkdtempSync(join(tmpdir(), 'tokenstile-two-'))
const children: ChildProcess[] = []
let idp: ScriptedProvider
let one: ApiClient
let two: ApiClient

function findRoot(at: string): string {
  return existsSync(join(at, 'package.json')) || dirname(at) === at ? at : findRoot(dirname(at))
}

/** Gives a client of a new server process. */
function startServer(): Promise<ApiClient> {
  const program = join(findRoot(import.meta.dirname), 'bin/tokenstile.js')
  const child = spawn(
    process.execPath,
    [program, 'server', '-config', join(folder, 'server.hcl')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  children.push(child)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not start')), startMsMax)
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(new ApiClient(address))
    })
  })
}

before(async () => {
  writeFileSync(join(folder, 'key'), randomBytes(32).toString('hex'), { mode: 0o600 })
  const config = [
    `storage "lmdb" {\n  path = "${join(folder, 'data')}"\n  shared = true\n}`,
    `seal "static" {\n  key_file = "${join(folder, 'key')}"\n}`,
    'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}',
    'log_level = "error"',
  ]
  writeFileSync(join(folder, 'server.hcl'), `${config.join('\n')}\n`, { mode: 0o600 })
  idp = await new ScriptedProvider().start()
  one = await startServer()
  const made = await one.must('sys/init')
  const root = one.as(String(made.body.root_token))
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
  two = await startServer()
})

after(async () => {
  for (const child of children) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
  await idp.stop()
  rmSync(folder, { recursive: true, force: true })
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
