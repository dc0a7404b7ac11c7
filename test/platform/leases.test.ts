/** sys/leases and its older names (platform.md §2.6). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  create,
  enableJwt,
  want403P,
  wantAlive,
  wantDead,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount
let other: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
  other = await enableJwt(server, { path: 'jwt2' })
  for (const mount of [jwt, other]) await mount.mustRole('r')
})

after(() => server.stop())

for (const [id, path] of [
  ['SYS-70', 'sys/leases/revoke-prefix/auth/jwt/login'],
  ['SYS-70', 'sys/leases/revoke-prefix/auth/jwt'],
  ['SYS-75', 'sys/revoke-prefix/auth/jwt/login'],
  ['SYS-70', 'sys/leases/revoke-force/auth/jwt/login'],
  ['SYS-75', 'sys/revoke-force/auth/jwt'],
] as const) {
  test(`${id}, SEC-TKN-03: ${path} ends the tokens of that mount only, at once`, async () => {
    const dying = [
      await jwt.client('r'),
      await jwt.client('r', 'bob'),
      await jwt.client('r', 'carol'),
    ]
    const spared = [await other.client('r'), (await create(root, { policies: ['default'] })).client]
    assert.equal((await root.call('PUT', path, {})).status, 204)
    for (const one of dying) await wantDead(one)
    for (const one of spared) await wantAlive(one)
    const later = await jwt.client('r')
    await wantAlive(later)
    await server.server.core.sweep.run()
    for (const one of dying) await wantDead(one)
    for (const one of [...spared, later]) await wantAlive(one)
  })
}

test('SYS-70: the first root token has no lease and outlives every prefix, others of its mount do not', async () => {
  const made = (await create(root, {})).client
  const child = (await create(root, { policies: ['default'] })).client
  assert.equal((await root.call('PUT', 'sys/leases/revoke-prefix/auth', {})).status, 204)
  await wantDead(made)
  await wantDead(child)
  await wantAlive(root)
  await server.server.core.sweep.run()
  await wantAlive(root)
})

test('SYS-70: children of a revoked token go with it', async () => {
  await root.must('sys/policies/acl/create', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  await jwt.mustRole('maker', { token_policies: 'create' })
  const parent = await jwt.client('maker')
  const child = (await create(parent, {})).client
  const batch = (await create(parent, { type: 'batch' })).client
  await root.call('PUT', 'sys/leases/revoke-prefix/auth/jwt/login', {})
  for (const one of [parent, child, batch]) await wantDead(one)
  await server.server.core.sweep.run()
  for (const one of [parent, child, batch]) await wantDead(one)
})

test('a token made in the millisecond of a revocation, but after it, lives', async () => {
  const clock = manualClock()
  const still = await startTestServer({ clock })
  try {
    const mount = await enableJwt(still)
    await mount.mustRole('r')
    const before = await mount.client('r')
    await still.root.must('sys/leases/revoke-prefix/auth/jwt/login')
    const later = await mount.client('r')
    await wantDead(before)
    await wantAlive(later)
    clock.setWallClock(clock.nowMs() - 60_000)
    await wantAlive(await mount.client('r'))
  } finally {
    await still.stop()
  }
})

test('SYS-72: revoke-prefix needs sudo', async () => {
  const weak = await root.tokenFor(
    'prefixer',
    'path "sys/leases/revoke-prefix/*" { capabilities = ["update"] }',
  )
  const token = await jwt.client('r')
  want403P(await weak.call('PUT', 'sys/leases/revoke-prefix/auth/jwt/login', {}))
  await wantAlive(token)
})

test('SYS-73, SYS-74: one lease', async () => {
  assert.equal(
    (await root.write('sys/leases/revoke', { lease_id: 'auth/jwt/login/h00' })).status,
    204,
  )
  assert.equal(
    (await root.write('sys/leases/revoke', { lease_id: 'unknown', sync: false })).status,
    202,
  )
  wantError(await root.write('sys/leases/lookup', { lease_id: 'unknown' }), 400, 'invalid lease')
  const token = await jwt.client('r')
  const { keys } = (await root.list('sys/leases/lookup/auth/jwt/login')).body.data
  const leases = (keys as string[]).map((key) => `auth/jwt/login/${key}`)
  assert.ok(leases.every((lease) => /^auth\/jwt\/login\/h[0-9a-f]{64}$/.test(lease)))
  const lease = leases.at(-1) ?? ''
  for (const path of ['sys/leases/renew', 'sys/renew']) {
    wantError(
      await root.call('PUT', path, { lease_id: lease }),
      400,
      'tokens cannot be renewed through this endpoint',
    )
    wantError(await root.call('PUT', `${path}/${lease}`, {}), 400, /^tokens cannot be renewed/)
  }
  const looked = (await root.write('sys/leases/lookup', { lease_id: lease })).body.data
  assert.equal(looked.id, lease)
  assert.equal(looked.renewable, true)
  assert.equal(looked.last_renewal, null)
  assert.equal(looked.path, 'auth/jwt/login')
  // A lease id with another path in front of it is no lease id.
  wantError(
    await root.write('sys/leases/lookup', { lease_id: lease.replace('auth/jwt/', 'auth/jwt2/') }),
    400,
    'invalid lease',
  )
  for (const one of leases)
    assert.equal((await root.write('sys/leases/revoke', { lease_id: one })).status, 204)
  await wantDead(token)
  wantError(await root.write('sys/leases/lookup', { lease_id: lease }), 400, 'invalid lease')
  assert.equal((await root.list('sys/leases/lookup/auth/jwt/login')).status, 404)
})

test('one exact lease id is tried before a folder, and the older paths revoke too', async () => {
  const exact = async (revoke: (lease: string) => Promise<unknown>) => {
    await root.call('PUT', 'sys/leases/revoke-prefix/auth/jwt/login', {})
    await server.server.core.sweep.run()
    const token = await jwt.client('r')
    const key = String((await root.list('sys/leases/lookup/auth/jwt/login')).body.data.keys[0])
    await wantAlive(token)
    await revoke(`auth/jwt/login/${key}`)
    await wantDead(token)
  }
  await exact((lease) => root.call('PUT', `sys/leases/revoke-prefix/${lease}`, {}))
  await exact((lease) => root.call('PUT', `sys/leases/revoke/${lease}`, {}))
  await exact((lease) => root.call('PUT', `sys/revoke/${lease}`, {}))
  await exact((lease) => root.call('PUT', 'sys/revoke', { lease_id: lease }))
})

test('leases are listed folder by folder, from the top', async () => {
  const token = await jwt.client('r')
  for (const [path, folder] of [
    ['sys/leases/lookup', 'auth/'],
    ['sys/leases/lookup/', 'auth/'],
    ['sys/leases/lookup/auth', 'jwt/'],
    ['sys/leases/lookup/auth/jwt/', 'login/'],
  ] as const) {
    const result = await root.call('LIST', path)
    assert.equal(result.status, 200, `${path}: ${result.text}`)
    assert.ok(result.body.data.keys.includes(folder), path)
  }
  await token.write('auth/token/revoke-self')
})

test('sys/leases/tidy starts in the background', async () => {
  const { status, body } = await root.write('sys/leases/tidy')
  assert.ok(status === 202 || status === 200)
  assert.match(body.warnings[0], /^Tidy operation/)
})

test('SEC-ACL-03: a body cannot name another lease than the path that the policy allowed', async () => {
  const id = `auth/jwt/login/h${'0'.repeat(64)}`
  const answer = await root.call('PUT', `sys/leases/revoke/${id}`, { lease_id: `${id}1` })
  wantError(answer, 400, /lease_id/)
  assert.equal((await root.call('PUT', `sys/leases/revoke/${id}`, { lease_id: id })).status, 204)
})
