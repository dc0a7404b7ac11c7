/** Kills: whatever was acknowledged before a SIGKILL is there after it, and what was revoked stays dead (ruling R14). */

import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'

const keys = makeJwtMaker()
const staticKey = 'ab'.repeat(32)
const program = fileURLToPath(new URL('./kill-child.js', import.meta.url))
const readyMsMax = 3000
const rounds = 12

let folder: string
let rootToken = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-kill-'))
})

after(() => rmSync(folder, { recursive: true, force: true }))

interface Acknowledged {
  readonly live: Set<string>
  readonly revoked: Set<string>
  /** Highest acknowledged version of each secret. */
  readonly versions: Map<string, number>
}

async function start(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const child = fork(program, [join(folder, 'data'), staticKey], { stdio: ['ignore', 1, 2, 'ipc'] })
  const said = await new Promise<{ url: string; rootToken: string }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { url: string; rootToken: string }))
    child.once('exit', (code) => reject(new Error(`the server ended with ${String(code)}`)))
  })
  if (said.rootToken !== '') rootToken = said.rootToken
  return { child, url: said.url }
}

function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill(signal)
  })
}

/** Works until the connection breaks; notes only what was answered with a success. */
async function work(url: string, index: number, known: Acknowledged): Promise<void> {
  const client = new ApiClient(url)
  const root = new ApiClient(url, rootToken)
  try {
    for (let turn = 0; turn < 10_000; turn++) {
      const login = await client.write('auth/jwt/login', {
        role: 'app',
        jwt: keys.sign({ sub: `app-${index}` }),
      })
      if (login.status !== 200) continue
      const token = String(login.body.auth.client_token)
      if (turn % 2 === 0) {
        known.live.add(token)
      } else {
        // Until the answer it may be either; afterwards it must be dead.
        const revoked = await client.as(token).write('auth/token/revoke-self')
        if (revoked.status === 204) known.revoked.add(token)
      }
      const path = `secret/data/worker-${index}`
      const written = await root.write(path, { data: { turn } })
      if (written.status === 200) known.versions.set(path, Number(written.body.data.version))
    }
  } catch {
    // The server was killed.
  }
}

async function check(url: string, known: Acknowledged): Promise<void> {
  for (const token of known.live) {
    const self = await new ApiClient(url, token).read('auth/token/lookup-self')
    assert.equal(self.status, 200, 'an acknowledged login is gone')
  }
  for (const token of known.revoked) {
    const self = await new ApiClient(url, token).read('auth/token/lookup-self')
    assert.equal(self.status, 403, 'a revoked token lives')
  }
  const root = new ApiClient(url, rootToken)
  for (const [path, version] of known.versions) {
    const secret = await root.read(path)
    assert.equal(secret.status, 200, 'an acknowledged secret is gone')
    assert.ok(Number(secret.body.data.metadata.version) >= version, 'a version is gone')
  }
}

test('SEC-STO-05, SEC-STO-06: nothing acknowledged is lost by kills at random moments', async () => {
  const known: Acknowledged = { live: new Set(), revoked: new Set(), versions: new Map() }
  let { child, url } = await start()
  const root = new ApiClient(url, rootToken)
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [keys.pem] })
  await root.must('auth/jwt/role/app', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_claims: { sub: Array.from({ length: 8 }, (_, i) => `app-${i}`) },
    token_ttl: '1h',
  })
  await root.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  for (let round = 0; round < rounds; round++) {
    const address = url
    const workers = Array.from({ length: 8 }, (_, index) => work(address, index, known))
    await new Promise((resolve) => setTimeout(resolve, 60 + Math.floor(Math.random() * 240)))
    await end(child, 'SIGKILL')
    await Promise.all(workers)
    const began = performance.now()
    ;({ child, url } = await start())
    assert.ok(performance.now() - began < readyMsMax, 'the restart took too long')
    await check(url, known)
    // Older tokens were looked at once; later rounds look at their own.
    known.live.clear()
    known.revoked.clear()
  }
  assert.ok(known.versions.size > 0)
  assert.equal(await end(child, 'SIGTERM'), 0)
})

test('SEC-STO-19: a stop under load loses nothing that was acknowledged', async () => {
  const known: Acknowledged = { live: new Set(), revoked: new Set(), versions: new Map() }
  const first = await start()
  const workers = Array.from({ length: 8 }, (_, index) => work(first.url, index, known))
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal(await end(first.child, 'SIGTERM'), 0)
  await Promise.all(workers)
  assert.ok(known.live.size > 0)
  const second = await start()
  await check(second.url, known)
  assert.equal(await end(second.child, 'SIGTERM'), 0)
})
