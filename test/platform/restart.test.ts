/** What a server on LMDB keeps over a stop, also in the middle of its work (platform.md §2.3, §3.7, §3.13). */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { LineLogger, SilentLogger, type Logger } from '../../src/platform/logger.ts'
import { prefixRange } from '../../src/storage/store.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, wantAlive, wantDead, wantError } from './fixture.ts'

let clock: ManualClock
let folder: string
let server: TestServer
let rootToken: string
let unsealKey: string
let root: ApiClient

before(async () => {
  clock = manualClock()
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-platform-'))
  server = await startTestServer({ storage: 'lmdb', folder, clock })
  rootToken = server.rootToken
  unsealKey = server.unsealKey
  root = server.root
})

after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function restart(logger: Logger = new SilentLogger()): Promise<void> {
  await server.stop()
  server = await startTestServer({ storage: 'lmdb', folder, clock, raw: true, logger })
  await server.client().must('sys/unseal', { key: unsealKey })
  root = server.client(rootToken)
}

/** The same token at the server that runs now. */
function now(token: ApiClient): ApiClient {
  return server.client(token.token)
}

async function keyCount(...prefixes: string[]): Promise<number> {
  return server.server.core.store.view(async (view) => {
    let found = 0
    for (const prefix of prefixes) for await (const _ of view.keys(prefixRange(prefix))) found++
    return found
  })
}

afterEach(async () => {
  await server.server.core.sweep.run()
  assert.equal(await keyCount(keys.jobPrefix), 0)
})

test('IDN-99, TOK-65, SYS-61: tokens, entities, policies and roles are as before', async () => {
  const jwt = await enableJwt(server, { root })
  await jwt.mustRole('r', { token_ttl: '1h' })
  const { body } = await jwt.mustLogin('r')
  const login = server.client(body.auth.client_token)
  const batch = (await create(root, { type: 'batch', policies: ['default'], ttl: '1h' })).client
  const child = (await create(login.as(rootToken), { policies: ['default'], ttl: '1h' })).client
  const limited = (await create(root, { policies: ['default'], num_uses: 2 })).client
  const chosen = (await create(root, { policies: ['default'], id: 'chosen' })).client
  const revoked = (await create(root, { policies: ['default'] })).client
  await root.must('auth/token/revoke', { token: revoked.token })
  await wantAlive(limited)
  const original = String((await root.read('sys/policies/acl/default')).body.data.policy)
  await root.must('sys/policies/acl/default', { policy: `${original}\n# mine\n` })
  await restart()
  for (const one of [login, batch, child, chosen, limited]) await wantAlive(now(one))
  for (const one of [revoked, limited]) await wantDead(now(one))
  assert.match((await root.read('sys/policies/acl/default')).body.data.policy, /# mine/)
  assert.equal((await root.read('auth/jwt/role/r')).body.data.token_ttl, 3600)
  const again = await server.client().write('auth/jwt/login', { role: 'r', jwt: jwt.jwt('alice') })
  assert.equal(again.body.auth.entity_id, body.auth.entity_id)
  clock.advance(3_599_000)
  for (const one of [login, batch, child]) await wantAlive(now(one))
  clock.advance(1000)
  for (const one of [login, batch, child]) await wantDead(now(one))
})

test('TTL-74, SEC-CLK-04: time runs on while the server is down', async () => {
  const minute = (await create(root, { policies: ['default'], ttl: '1m' })).client
  const hour = (await create(root, { policies: ['default'], ttl: '1h' })).client
  await server.stop()
  clock.advance(30 * 60_000)
  server = await startTestServer({ storage: 'lmdb', folder, clock, raw: true })
  await server.client().must('sys/unseal', { key: unsealKey })
  root = server.client(rootToken)
  await wantDead(now(minute))
  assert.equal((await now(hour).read('auth/token/lookup-self')).body.data.ttl, 1800)
})

test('SEC-CLK-02, SEC-CLK-01: a start with a clock before the last stored time revives nothing and lengthens nothing', async () => {
  const short = (await create(root, { policies: ['default'], ttl: '10m' })).client
  const long = (await create(root, { policies: ['default'], ttl: '2h' })).client
  clock.advance(h(1))
  await create(root, { policies: ['default'] })
  await wantDead(short)
  clock.setWallClock(clock.nowMs() - h(3))
  const lines: string[] = []
  const logger = new LineLogger({
    level: 'warn',
    format: 'standard',
    nowMs: () => clock.nowMs(),
    write: (line) => lines.push(line),
  })
  await restart(logger)
  assert.ok(lines.some((line) => line.includes('the clock is behind the newest stored token')))
  await wantDead(now(short))
  const { data } = (await now(long).read('auth/token/lookup-self')).body
  assert.equal(data.ttl, 3600)
  clock.advance(h(1))
  await wantDead(now(long))
  clock.setWallClock(clock.nowMs() + h(3))
})

test('SEC-CLK-01: a token made after the clock was ahead and went back ends in its time, after a restart too', async () => {
  clock.setWallClock(clock.nowMs() + h(1))
  await root.read('auth/token/lookup-self')
  clock.setWallClock(clock.nowMs() - h(1))
  const brief = (await create(root, { policies: ['default'], ttl: '1m' })).client
  await restart()
  clock.advance(h(1) / 2)
  await wantDead(now(brief))
})

function h(hours: number): number {
  return hours * 3_600_000
}

test('SYS-70, SEC-TKN-03: a revoked prefix stays revoked when the server stops before the sweep ran', async () => {
  const jwt = await enableJwt(server, { path: 'prefix', root })
  await jwt.mustRole('r')
  const tokens = await Promise.all(
    Array.from({ length: 40 }, (_, i) => jwt.client('r', `user-${i}`)),
  )
  await root.must('sys/leases/revoke-prefix/auth/prefix/login')
  assert.equal(await keyCount(keys.jobPrefix), 1)
  await restart()
  for (const one of tokens) await wantDead(now(one))
  const fresh = await server
    .client()
    .write('auth/prefix/login', { role: 'r', jwt: jwt.jwt('alice') })
  const later = server.client(fresh.body.auth.client_token)
  await wantAlive(later)
  await server.server.core.sweep.run()
  // The marker alone stays, for batch tokens, of which nothing is stored.
  assert.deepEqual([await keyCount(keys.jobPrefix), await keyCount(keys.markerPrefix)], [0, 1])
  for (const one of tokens) await wantDead(now(one))
  await wantAlive(later)
})

test('SYS-40: a disabled mount stays gone when the server stops half-way through deleting it', async () => {
  await root.must('sys/mounts/big', { type: 'kv' })
  const jwt = await enableJwt(server, { path: 'half', root })
  await jwt.mustRole('r')
  const token = await jwt.client('r')
  const big = (await root.read('sys/mounts/big')).body.data.uuid
  const half = (await root.read('sys/auth/half')).body.data.uuid
  const { core } = server.server
  await core.store.write((txn) => {
    for (let i = 0; i < 3000; i++) txn.putIndex(`${keys.mountDataPrefix(big)}filler/${i}`)
  })
  await root.must('big/k', { v: '1' })
  await root.remove('sys/mounts/big')
  await root.remove('sys/auth/half')
  await wantDead(token)
  assert.equal((await root.read('big/k')).status, 404)
  const sweep = core.sweep.run().catch(() => undefined)
  await restart()
  await sweep
  await wantDead(now(token))
  assert.equal((await root.read('big/k')).status, 404)
  assert.equal((await root.read('sys/mounts')).body.data['big/'], undefined)
  await root.must('sys/mounts/big', { type: 'kv' })
  assert.equal((await root.read('big/k')).status, 404)
  await root.must('big/k', { v: 'new' })
  await server.server.core.sweep.run()
  const prefixes = [big, half].flatMap((uuid) => [
    keys.mountDataPrefix(uuid),
    keys.mountConfigPrefix(uuid),
  ])
  assert.equal(await keyCount(...prefixes), 0)
  await wantDead(now(token))
  assert.deepEqual((await root.read('big/k')).body.data, { v: 'new' })
  wantError(
    await server.client().write('auth/half/login', { role: 'r', jwt: jwt.jwt('x') }),
    403,
    'permission denied',
  )
})

test('a tree that is revoked stays dead when the server stops before its children are removed', async () => {
  await root.must('sys/policies/acl/create', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  const parent = (await create(root, { policies: ['create', 'default'] })).client
  const children = await Promise.all(
    Array.from({ length: 30 }, async () => (await create(parent, {})).client),
  )
  await root.must('auth/token/revoke', { token: parent.token })
  await restart()
  for (const one of [parent, ...children]) await wantDead(now(one))
  const left = await keyCount(keys.tokenPrefix)
  await server.server.core.sweep.run()
  assert.equal(await keyCount(keys.tokenPrefix), left - 30)
})

test('TOK-119, SEC-TKN-02: no token, accessor or secret text is in the files', async () => {
  const { client, auth } = await create(root, { policies: ['default'], display_name: 'CANARYNAME' })
  const chosen = await create(root, { policies: ['default'], id: 'CANARYTOKEN' })
  await client.write('cubbyhole/a', { v: 'CANARYVALUE' })
  const batch = await create(root, { policies: ['default'], type: 'batch' })
  await server.stop()
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  assert.ok(files.length > 0)
  const texts = [
    rootToken,
    rootToken.slice(4),
    auth.client_token.slice(4),
    auth.accessor,
    chosen.auth.accessor,
    batch.auth.client_token.slice(4, 40),
    'CANARYNAME',
    'CANARYTOKEN',
    'CANARYVALUE',
  ]
  for (const file of files) for (const text of texts) assert.equal(file.indexOf(text), -1, text)
  server = await startTestServer({ storage: 'lmdb', folder, clock, raw: true })
  await server.client().must('sys/unseal', { key: unsealKey })
  root = server.client(rootToken)
})

test('SEC-TKN-05: a crowd of callers of one token on disk is served exactly, and nobody is told to come again', async () => {
  const client = (await create(root, { policies: ['default'], num_uses: 100 })).client
  const all = await Promise.all(
    Array.from({ length: 150 }, () => client.read('auth/token/lookup-self')),
  )
  assert.equal(all.filter((result) => result.status === 200).length, 100)
  assert.equal(all.filter((result) => result.status === 403).length, 50)
})

test('a crowd of renewals of one token is served as a whole', async () => {
  const client = (await create(root, { policies: ['default'], ttl: '1h' })).client
  const all = await Promise.all(
    Array.from({ length: 120 }, () => client.write('auth/token/renew-self')),
  )
  assert.deepEqual([...new Set(all.map((result) => result.status))], [200])
})

test('SEC-TKN-05, SEC-TKN-04: the last use and a revocation are as exact on disk', async () => {
  const client = (await create(root, { policies: ['default'], num_uses: 9 })).client
  const all = await Promise.all(
    Array.from({ length: 32 }, () => client.read('auth/token/lookup-self')),
  )
  assert.equal(all.filter((result) => result.status === 200).length, 9)
  const counts = all.flatMap((result) => result.body.data?.num_uses ?? [])
  assert.deepEqual(
    counts.toSorted((a, b) => a - b),
    [-1, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  await wantDead(client)
  const other = (await create(root, { policies: ['default'] })).client
  let revoked = false
  const late: number[] = []
  const users = Array.from({ length: 32 }, async () => {
    for (let i = 0; i < 4; i++) {
      const startedLate = revoked
      const { status } = await other.read('auth/token/lookup-self')
      if (startedLate) late.push(status)
    }
  })
  const revocation = root.write('auth/token/revoke', { token: other.token }).then(() => {
    revoked = true
  })
  await Promise.all([...users, revocation])
  assert.deepEqual(
    late.filter((status) => status !== 403),
    [],
  )
})
