/** What each namespace has for itself: logins, identity, records of logins, locks of names, quotas. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keyClasses, keys } from '../../src/core/keys.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P, want403T, wantError, type JwtMount } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient
/** The same mount, role and subject in three places. */
const mounts = new Map<string, JwtMount>()
const places = [undefined, 'blue', 'blue/inner'] as const
const ids = new Map<string | undefined, string>([[undefined, 'root']])

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const place of places) {
    if (place !== undefined) {
      ids.set(place, (await root.must(`sys/namespaces/${place}`)).body.data.id)
    }
    const mount = await enableJwt(server, { root: root.in(place) })
    await mount.mustRole('r', { token_policies: ['p'] })
    mounts.set(place ?? '', mount)
    await root.in(place).must('sys/policies/acl/p', {
      policy: 'path "identity/*" { capabilities = ["read"] }',
    })
  }
})

after(() => server.stop())

function mountOf(place: string | undefined): JwtMount {
  const mount = mounts.get(place ?? '')
  assert.ok(mount)
  return mount
}

test('the same subject is another entity in each namespace (NSP-14)', async () => {
  const entities = new Map<string, string | undefined>()
  for (const place of places) {
    const { auth } = (await mountOf(place).mustLogin('r', 'alice')).body
    assert.equal(entities.has(auth.entity_id), false)
    entities.set(auth.entity_id, place)
    const shown = await root.in(place).read(`identity/entity/id/${auth.entity_id}`)
    assert.equal(shown.body.data.namespace_id, ids.get(place))
    assert.equal(shown.body.data.aliases[0].mount_path, 'auth/jwt/')
  }
  for (const [entity, home] of entities) {
    for (const place of places) {
      const found = await root.in(place).read(`identity/entity/id/${entity}`)
      assert.equal(found.status, place === home ? 200 : 404)
    }
  }
  for (const place of places) {
    const listed = await root.in(place).list('identity/entity/id')
    assert.equal(listed.body.data.keys.length, 1)
  }
})

test('groups, their names and their policies stay in their namespace', async () => {
  const group = { name: 'writers', policies: ['more'] }
  const seen = new Set<string>()
  for (const place of places) {
    const inside = root.in(place)
    const [entity] = (await inside.list('identity/entity/id')).body.data.keys
    const made = await inside.must('identity/group', { ...group, member_entity_ids: [entity] })
    seen.add(made.body.data.id)
  }
  assert.equal(seen.size, 3)
  const [entity] = (await root.list('identity/entity/id')).body.data.keys
  const foreign = { ...group, name: 'strangers', member_entity_ids: [entity] }
  assert.equal((await root.in('blue').write('identity/group', foreign)).status, 400)
  await root.in('blue').must('sys/policies/acl/more', {
    policy: 'path "sys/auth" { capabilities = ["read"] }',
  })
  const blue = await mountOf('blue').client('r', 'alice')
  assert.equal((await blue.read('sys/auth')).status, 200)
  want403P(await (await mountOf('blue/inner').client('r', 'alice')).read('sys/auth'))
  want403P(await (await mountOf(undefined).client('r', 'alice')).read('sys/auth'))
})

test('records of logins are of the namespace of the login, as its explain is', async () => {
  const { body, headers } = await mountOf('blue').mustLogin('r', 'recorded')
  assert.equal(headers['x-vault-namespace'], 'blue')
  const id = body.request_id
  assert.equal((await root.in('blue').read(`sys/logins/${id}`)).status, 200)
  for (const place of [undefined, 'blue/inner']) {
    assert.equal((await root.in(place).read(`sys/logins/${id}`)).status, 404)
  }
  const refused = await mountOf('blue/inner').login('none')
  const refusedId = refused.headers['x-request-id'] ?? refused.body.request_id
  const listed = await root.in('blue/inner').list('sys/logins')
  assert.ok(refusedId === undefined || JSON.stringify(listed.body.data).includes(refusedId))
  const asked = { path: 'jwt', role: 'r', jwt: mountOf('blue').jwt('alice') }
  const explained = await root.in('blue').write('sys/explain/login', asked)
  assert.equal(explained.status, 200, explained.text)
  const [entity] = (await root.in('blue').list('identity/entity/id')).body.data.keys
  assert.ok(entity !== undefined)
})

test('a token of one namespace opens nothing of another, whatever its policies are called', async () => {
  for (const place of places) {
    const client = await mountOf(place).client('r', 'alice')
    for (const other of places) {
      const isBelow = other !== undefined && (place === undefined || other.startsWith(`${place}/`))
      const result = await client.in(other).read('identity/entity/id/none')
      if (place === other) assert.equal(result.status, 404)
      else if (isBelow) want403P(result)
      else want403T(result)
    }
  }
})

test('a name is locked out in its namespace alone', async () => {
  for (const place of places) {
    await root.in(place).must('sys/auth/users', {
      type: 'userpass',
      config: { user_lockout_config: { lockout_threshold: '2', lockout_duration: '1h' } },
    })
    await root.in(place).must('auth/users/users/u', { password: 'right-password-1' })
  }
  const login = (place: string | undefined, password: string) =>
    root.in(place).as(undefined).write('auth/users/login/u', { password })
  for (let tries = 0; tries < 3; tries++) await login('blue', 'wrong')
  assert.ok((await login('blue', 'right-password-1')).status >= 400)
  assert.equal((await login(undefined, 'right-password-1')).status, 200)
  assert.equal((await login('blue/inner', 'right-password-1')).status, 200)
})

test('a quota of a namespace counts its requests, and those below where it is handed down (NSP-18)', async () => {
  const read = (place: string | undefined) => root.in(place).read('sys/policies/acl/p')
  const limit = { path: 'blue', rate: 2, interval: '1h' }
  await root.must('sys/quotas/rate-limit/blue', limit)
  const statuses: number[] = []
  for (let tries = 0; tries < 3; tries++) statuses.push((await read('blue')).status)
  assert.deepEqual(statuses, [200, 200, 429])
  wantError(
    await read('blue'),
    429,
    'request path "blue/sys/policies/acl/p": rate limit quota exceeded',
  )
  wantError(await root.read('blue/sys/policies/acl/p'), 429, /quota exceeded/)
  assert.equal((await read(undefined)).status, 200)
  assert.equal((await read('blue/inner')).status, 200)
  await root.must('sys/quotas/rate-limit/blue', { ...limit, rate: 1, inheritable: true })
  for (let tries = 0; tries < 2; tries++) await read('blue/inner')
  assert.equal((await read('blue/inner')).status, 429)
  await root.remove('sys/quotas/rate-limit/blue')

  const path = { path: 'blue/auth/jwt', rate: 1, interval: '1h' }
  await root.must('sys/quotas/rate-limit/login', path)
  await mountOf('blue').login('r')
  assert.equal((await mountOf('blue').login('r')).status, 429)
  assert.equal((await mountOf(undefined).login('r')).status, 200)
  assert.equal((await read('blue')).status, 200)
  await root.remove('sys/quotas/rate-limit/login')
  wantError(
    await root.write('sys/quotas/rate-limit/x', { path: 'gone/x', rate: 1 }),
    400,
    /namespace/,
  )
})

test('every class of keys is known, and each key of a namespace lies in its scope', async () => {
  for (const [name, key] of Object.entries(keys)) {
    const text = typeof key === 'string' ? key : undefined
    if (text === undefined) continue
    const isKnown = keyClasses.some((letter) => text.startsWith(`${letter}/`))
    assert.ok(isKnown, `${name}: ${text}`)
  }
  const all: string[] = []
  await server.server.core.store.view(async (view) => {
    for await (const key of view.keys({ start: '', end: '\u{10ffff}' })) all.push(key)
  })
  const scoped = all.filter((key) => key.includes('~'))
  assert.ok(scoped.length > 50)
  const known = [...ids.values()].filter((id) => id !== 'root')
  for (const key of scoped)
    assert.ok(known.includes(/^[a-z]\/~(\w{6})\//.exec(key)?.[1] ?? ''), key)
  const outside = all.filter((key) => !key.includes('~') && keyClasses.includes(key.slice(0, 1)))
  for (const key of outside)
    assert.equal(
      known.some((id) => key.includes(`/${id}/`)),
      false,
      key,
    )
})

test('passwords of all namespaces wait in one line', async () => {
  const lastingMs = async (place: string | undefined, password: string): Promise<number> => {
    const startedMs = performance.now()
    await root.in(place).as(undefined).write('auth/users/login/u', { password })
    return performance.now() - startedMs
  }
  await root.in('blue').must('auth/users/users/u', { password: 'right-password-1' })
  // Ends the rest after what was in vain before.
  await lastingMs(undefined, 'right-password-1')
  const firstMs = await lastingMs(undefined, 'wrong')
  assert.ok((await lastingMs('blue/inner', 'wrong')) > firstMs * 2)
})

test('a JWT in place of a token counts in the namespace of its mount, and not below', async () => {
  for (const place of ['blue', 'blue/inner']) {
    await root.in(place).must('sys/policies/acl/bearer', {
      policy: 'path "sys/auth" { capabilities = ["read"] }',
    })
  }
  await mountOf('blue').mustRole('direct', { token_policies: ['bearer'], token_type: 'batch' })
  await root.in('blue').must('sys/auth/jwt/tune', { direct_bearer: 'direct' })
  const jwt = mountOf('blue').jwt('alice')
  const shown = (place: string | undefined) => root.in(place).as(jwt).read('sys/auth')
  assert.equal((await shown('blue')).status, 200)
  want403T(await shown(undefined))
  want403T(await shown('blue/inner'))
})
