/** Init, seal and health of a whole server (platform.md §2.1, §2.2); the seal's own rules are in test/seal. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, want403P, wantAlive, wantDead, wantError } from './fixture.ts'

let clock: ManualClock
let server: TestServer
let nobody: ApiClient
let root: ApiClient
let shares: { readonly hex: readonly string[]; readonly base64: readonly string[] }

before(async () => {
  clock = manualClock()
  server = await startTestServer({ raw: true, clock })
  nobody = server.client()
})

after(() => server.stop())

const status = async () => (await nobody.read('sys/seal-status')).body

// The tests of this file are one story, in this order.

test('SYS-01, SYS-02: before initialisation', async () => {
  assert.deepEqual((await nobody.read('sys/init')).body, { initialized: false })
  assert.equal((await nobody.read('sys/health')).status, 501)
  assert.equal((await nobody.read('sys/health?uninitcode=200')).status, 200)
  wantError(await nobody.read('sys/mounts'), 503, 'Vault is sealed')
  wantError(await nobody.write('sys/unseal', { key: 'AAAA' }), 400, /./)
})

test('SYS-06, SYS-07, SYS-08: initialisation that cannot be', async () => {
  const init = (body: object) => nobody.call('PUT', 'sys/init', body)
  wantError(await init({}), 400, /^invalid seal configuration:/)
  for (const [secret_shares, secret_threshold] of [
    [2, 1],
    [2, 3],
    [256, 256],
    [-1, -1],
    [3, 0],
  ]) {
    wantError(await init({ secret_shares, secret_threshold }), 400, /^invalid seal configuration:/)
  }
  wantError(
    await init({ secret_shares: 1, secret_threshold: 1, recovery_shares: 1 }),
    400,
    /not applicable to seal type shamir/,
  )
  wantError(await init({ secret_shares: 'many', secret_threshold: 1 }), 400, /"secret_shares"/)
  assert.deepEqual((await nobody.read('sys/init')).body, { initialized: false })
})

test('SYS-03, SYS-04, SYS-05: initialisation', async () => {
  const { status: code, body } = await nobody.call('PUT', 'sys/init', {
    secret_shares: 5,
    secret_threshold: 3,
  })
  assert.equal(code, 200)
  assert.deepEqual(Object.keys(body).toSorted(), ['keys', 'keys_base64', 'root_token'])
  assert.equal(body.keys.length, 5)
  assert.deepEqual(
    body.keys_base64.map((key: string) => Buffer.from(key, 'base64').toString('hex')),
    body.keys,
  )
  shares = { hex: body.keys, base64: body.keys_base64 }
  root = server.client(body.root_token)
  const { sealed, initialized, t, n, progress, nonce } = await status()
  assert.deepEqual([sealed, initialized, t, n, progress, nonce], [true, true, 3, 5, 0, ''])
  wantError(
    await nobody.call('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }),
    400,
    'Vault is already initialized',
  )
  wantError(await root.read('sys/mounts'), 503, 'Vault is sealed')
})

const unseal = (key: string | undefined) => nobody.call('PUT', 'sys/unseal', { key })

test('SYS-09, SYS-10, SYS-11: progress, the same share twice, reset', async () => {
  const first = (await unseal(shares.hex[0])).body
  assert.deepEqual([first.progress, first.sealed], [1, true])
  assert.notEqual(first.nonce, '')
  assert.equal((await unseal(shares.hex[0])).body.progress, 1)
  assert.equal((await unseal(shares.base64[0])).body.progress, 1)
  const { progress, nonce } = (await nobody.call('PUT', 'sys/unseal', { reset: true })).body
  assert.deepEqual([progress, nonce], [0, ''])
})

test('SYS-13, SYS-14, SYS-15, SEC-TKN-15: wrong shares', async () => {
  wantError(
    await nobody.call('PUT', 'sys/unseal', {}),
    400,
    "'key' must be specified in request body as JSON, or 'reset' set to true",
  )
  wantError(await unseal('zz!'), 400, "'key' must be a valid hex or base64 string")
  await unseal(shares.hex[0])
  await unseal(shares.hex[1])
  const wrong = Buffer.from(shares.hex[2] ?? '', 'hex')
  wrong[0] = (wrong[0] ?? 0) ^ 1
  assert.equal((await unseal(wrong.toString('hex'))).status, 400)
  const { progress, sealed } = await status()
  assert.deepEqual([progress, sealed], [0, true])
})

test('ENV-14, ENV-15, SYS-20: what a sealed server answers', async () => {
  wantError(await root.read('sys/mounts'), 503, 'Vault is sealed')
  wantError(await nobody.write('auth/jwt/login', {}), 503, 'Vault is sealed')
  wantError(await nobody.read('nomount'), 503, 'Vault is sealed')
  wantError(await root.write('sys/seal'), 503, 'Vault is sealed')
  for (const path of ['sys/seal-status', 'sys/init', 'sys/leader']) {
    assert.equal((await nobody.read(path)).status, 200, path)
  }
  assert.equal((await nobody.read('sys/health')).status, 503)
  assert.equal((await nobody.read('sys/health?sealedcode=299')).status, 299)
  const head = await nobody.call('HEAD', 'sys/health?sealedcode=299')
  assert.deepEqual([head.status, head.text], [299, ''])
  const { body } = await nobody.read('sys/health')
  assert.equal('cluster_id' in body || 'cluster_name' in body, false)
  wantError(await nobody.write('sys/seal-status'), 405)
})

test('SYS-12, SYS-17: shares in hex or base64, the field in any case', async () => {
  assert.equal((await nobody.call('PUT', 'sys/unseal', { Key: shares.hex[4] })).body.progress, 1)
  assert.equal(
    (await nobody.call('POST', 'sys/unseal', { KEY: shares.base64[1] })).body.progress,
    2,
  )
  const done = (await unseal(shares.hex[2])).body
  assert.deepEqual([done.sealed, done.progress], [false, 0])
  assert.equal(typeof done.cluster_name, 'string')
  assert.match(done.cluster_id, /^[0-9a-f-]{36}$/)
  assert.equal((await root.read('sys/mounts')).status, 200)
})

test('SYS-16: an open server ignores a key', async () => {
  const { status: code, body } = await unseal(shares.hex[0])
  assert.deepEqual([code, body.sealed, body.progress], [200, false, 0])
  wantError(await nobody.call('PUT', 'sys/unseal', { reset: true }), 400, 'vault is unsealed')
})

test('SYS-21, SYS-22, SYS-23, SYS-24, SYS-25: health, leader, version', async () => {
  const { status: code, body } = await nobody.read('sys/health')
  assert.equal(code, 200)
  assert.equal(body.initialized, true)
  assert.equal(body.sealed, false)
  assert.equal(body.standby, false)
  assert.equal(body.performance_standby, false)
  assert.equal(body.replication_performance_mode, 'disabled')
  assert.equal(body.replication_dr_mode, 'disabled')
  assert.equal(body.server_time_utc, Math.floor(clock.nowMs() / 1000))
  assert.equal(typeof body.cluster_id, 'string')
  assert.equal((await nobody.read('sys/health?activecode=abc')).status, 400)
  assert.equal(
    (await nobody.read('sys/health?activecode=299&standbycode=299&drsecondarycode=299')).status,
    299,
  )
  assert.equal((await nobody.read('sys/health?standbyok=true')).status, 200)
  assert.equal((await nobody.read('sys/health?standbyok')).status, 200)
  const leader = (await nobody.read('sys/leader')).body
  assert.deepEqual([leader.ha_enabled, leader.is_self, leader.leader_address], [false, false, ''])
  const seal = await status()
  assert.match(seal.version, /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)?$/)
  assert.equal(seal.version, body.version)
  assert.ok(
    !Number.isNaN(Date.parse(seal.build_date)) && !Number.isNaN(Date.parse(seal.commit_date)),
  )
})

test('SYS-18: not everybody may seal', async () => {
  const { client } = await create(root, { policies: ['default'] })
  want403P(await client.call('PUT', 'sys/seal', {}))
  const weak = await root.tokenFor('half', 'path "sys/seal" { capabilities = ["update"] }')
  want403P(await weak.call('PUT', 'sys/seal', {}))
  assert.equal((await status()).sealed, false)
})

test('SYS-19, SYS-61, TTL-75: sealing and opening again keeps everything, and time runs on', async () => {
  const jwt = await enableJwt(server, { root })
  await jwt.mustRole('r')
  const { body } = await jwt.mustLogin('r')
  const login = server.client(body.auth.client_token)
  const policy = 'path "auth/token/lookup-self" { capabilities = ["read"] } # mine'
  await root.must('sys/policies/acl/default', { policy })
  const minute = (await create(root, { policies: ['default'], ttl: '1m' })).client
  const hour = (await create(root, { policies: ['default'], ttl: '1h' })).client
  const chosen = (await create(root, { policies: ['default'], id: 'chosen' })).client
  const batch = (await create(root, { policies: ['default'], type: 'batch' })).client
  assert.equal((await root.call('PUT', 'sys/seal', {})).status, 204)
  assert.equal((await status()).sealed, true)
  wantError(await hour.read('auth/token/lookup-self'), 503, 'Vault is sealed')
  clock.advance(30 * 60_000)
  for (const share of shares.hex.slice(0, 3)) await unseal(share)
  assert.equal((await status()).sealed, false)
  await wantDead(minute)
  assert.equal((await hour.read('auth/token/lookup-self')).body.data.ttl, 1800)
  for (const one of [login, chosen, batch, root]) await wantAlive(one)
  assert.equal((await root.read('sys/policies/acl/default')).body.data.policy, policy)
  const again = await jwt.mustLogin('r')
  assert.equal(again.body.auth.entity_id, body.auth.entity_id)
})

test('sealing while requests run answers each of them, and loses no token that was given out', async () => {
  const jwt = await enableJwt(server, { path: 'storm', root })
  await jwt.mustRole('r')
  const given: string[] = []
  const all = Array.from({ length: 24 }, async () => {
    const result = await jwt.login('r')
    assert.ok(result.status === 200 || result.status === 503, result.text)
    if (result.status === 200) given.push(result.body.auth.client_token)
  })
  const sealed = await root.call('PUT', 'sys/seal', {})
  assert.equal(sealed.status, 204)
  await Promise.all(all)
  for (const share of shares.hex.slice(2)) await unseal(share)
  for (const token of given) await wantAlive(server.client(token))
})

test('IDN-97: of parallel first logins one makes the entity, all get it', async () => {
  const jwt = await enableJwt(server, { path: 'many', root })
  await jwt.mustRole('r')
  const count = () =>
    server.server.core.store.view(async (view) => {
      const found = [0, 0]
      for await (const _ of view.keys(prefixRange('e/'))) found[0] = (found[0] ?? 0) + 1
      for await (const _ of view.keys(prefixRange('a/'))) found[1] = (found[1] ?? 0) + 1
      return found
    })
  assert.match(keys.entity('x').text, /^e\//)
  const before = await count()
  const all = await Promise.all(Array.from({ length: 50 }, () => jwt.mustLogin('r', 'new-person')))
  assert.equal(new Set(all.map(({ body }) => body.auth.entity_id)).size, 1)
  assert.deepEqual(
    await count(),
    before.map((one) => one + 1),
  )
})
