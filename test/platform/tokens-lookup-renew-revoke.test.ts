/** lookup, renew, revoke and the tree of tokens (platform.md §3.3, §3.6, §3.13). TTLs are in ttl.test.ts. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  changeEntity,
  create,
  enableJwt,
  want403P,
  want403T,
  wantAlive,
  wantDead,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
  await jwt.mustRole('r')
  await root.must('sys/policies/acl/create', {
    policy: `path "auth/token/create" { capabilities = ["update"] }
             path "auth/token/lookup-self" { capabilities = ["read", "update"] }
             path "auth/token/create-orphan" { capabilities = ["update"] }`,
  })
})

after(() => server.stop())

/** A client that can look up itself and create children. */
async function parentToken(by: ApiClient = root): Promise<ApiClient> {
  return (await create(by, { policies: ['create', 'default'] })).client
}

/** P, its child and its grandchild. */
async function family() {
  const p = await parentToken()
  const c = await parentToken(p)
  const g = await parentToken(c)
  for (const one of [p, c, g]) await wantAlive(one)
  return { p, c, g }
}

async function self(client: ApiClient): Promise<Record<string, unknown>> {
  const result = await client.read('auth/token/lookup-self')
  assert.equal(result.status, 200, result.text)
  return result.body.data
}

test('TOK-29: what the first root token says about itself', async () => {
  const data = await self(root)
  assert.equal(data['id'], server.rootToken)
  assert.match(String(data['accessor']), /^[0-9A-Za-z]{24}$/)
  assert.deepEqual(data['policies'], ['root'])
  assert.equal(data['ttl'], 0)
  assert.equal(data['expire_time'], null)
  assert.equal(data['path'], 'auth/token/root')
  assert.equal(data['orphan'], true)
  assert.equal(data['type'], 'service')
  assert.equal('issue_time' in data || 'renewable' in data, false)
})

test('TOK-30, TOK-36, TOK-37: a token about itself, by GET as by POST', async () => {
  const client = await parentToken()
  const read = await self(client)
  const written = (await client.write('auth/token/lookup-self')).body.data
  assert.deepEqual(written, read)
  const now = Math.floor(server.clock.nowMs() / 1000)
  const { accessor, creation_time, ttl, expire_time, issue_time, ...rest } = read
  assert.ok(Math.abs(Number(creation_time) - now) <= 2)
  assert.ok(Number(ttl) > 2_764_700 && Number(ttl) <= 2_764_800)
  assert.match(String(accessor), /^[0-9A-Za-z]{24}$/)
  assert.equal(Date.parse(String(expire_time)) - Date.parse(String(issue_time)), 2_764_800_000)
  assert.deepEqual(rest, {
    id: client.token,
    policies: ['create', 'default'],
    path: 'auth/token/create',
    meta: null,
    display_name: 'token',
    num_uses: 0,
    orphan: false,
    creation_ttl: 2_764_800,
    explicit_max_ttl: 0,
    entity_id: '',
    type: 'service',
    renewable: true,
  })
})

test('TOK-31, TOK-32: lookup of another token, of an unknown one, of oneself', async () => {
  const client = await parentToken()
  const other = (await root.write('auth/token/lookup', { token: client.token })).body.data
  assert.equal(other.id, client.token)
  for (const token of ['unknown', `${client.token}x`, 'hvs.short', 'hvb.AAAA', 's.abc']) {
    wantError(await root.write('auth/token/lookup', { token }), 403, 'bad token')
  }
  assert.equal((await root.write('auth/token/lookup', {})).body.data.id, server.rootToken)
  assert.equal(
    (await root.write('auth/token/lookup', { token: '' })).body.data.id,
    server.rootToken,
  )
  assert.equal((await root.read('auth/token/lookup')).body.data.id, server.rootToken)
})

test('TOK-33, TOK-34, PAR-30: lookup by accessor gives everything but the token', async () => {
  const client = await parentToken()
  const own = await self(client)
  const given = { accessor: own['accessor'], zzz: 1, aaa: 2 }
  const { body } = await root.write('auth/token/lookup-accessor', given)
  assert.deepEqual({ ...body.data, ttl: 0 }, { ...own, id: '', ttl: 0 })
  assert.deepEqual(body.warnings, ['Endpoint ignored these unrecognized parameters: [aaa zzz]'])
  wantError(
    await root.write('auth/token/lookup-accessor', { accessor: 'unknown' }),
    400,
    'invalid accessor',
  )
  wantError(await root.write('auth/token/lookup-accessor', {}), 400, 'missing accessor')
})

test('TOK-35: identity policies are shown beside the token’s own', async () => {
  const { body } = await jwt.mustLogin('r', 'tok-35')
  await changeEntity(server, body.auth.entity_id, { policies: ['z'] })
  const data = await self(server.client(body.auth.client_token))
  assert.deepEqual(data['policies'], ['default'])
  assert.deepEqual(data['identity_policies'], ['z'])
  assert.deepEqual(data['external_namespace_policies'], {})
})

test('TOK-38, TOK-39: accessors of live tokens, for who has sudo', async () => {
  const { auth } = await create(root, { policies: ['a'] })
  const list = async () => (await root.list('auth/token/accessors')).body.data.keys as string[]
  assert.ok((await list()).includes(auth.accessor))
  await root.must('auth/token/revoke-accessor', { accessor: auth.accessor })
  assert.equal((await list()).includes(auth.accessor), false)
  const lister = await root.tokenFor(
    'lister',
    'path "auth/token/accessors" { capabilities = ["list"] }',
  )
  want403P(await lister.list('auth/token/accessors'))
})

test('TOK-40, TOK-41: renewal of others', async () => {
  wantError(await root.write('auth/token/renew', { token: 'unknown' }), 400, 'token not found')
  wantError(await root.write('auth/token/renew', {}), 400, 'missing token ID')
  wantError(
    await root.write('auth/token/renew-accessor', { accessor: 'unknown' }),
    400,
    'invalid accessor',
  )
  wantError(await root.write('auth/token/renew-accessor', {}), 400, 'missing accessor')
  const { auth } = await create(root, { policies: ['a'] })
  const byAccessor = (await root.write('auth/token/renew-accessor', { accessor: auth.accessor }))
    .body.auth
  assert.equal(byAccessor.client_token, '')
  assert.equal(byAccessor.accessor, auth.accessor)
  const byText = (await root.write('auth/token/renew', { token: auth.client_token })).body.auth
  assert.equal(byText.client_token, auth.client_token)
  assert.deepEqual(byText.token_policies, ['a', 'default'])
})

test('TOK-42, TOK-43, SEC-TKN-06: a batch token, the first root token and a dead token cannot be renewed', async () => {
  const batch = (await create(root, { type: 'batch', policies: ['default'] })).client
  wantError(await batch.write('auth/token/renew-self'), 400, 'batch tokens cannot be renewed')
  wantError(
    await root.write('auth/token/renew', { token: batch.token }),
    400,
    'batch tokens cannot be renewed',
  )
  wantError(await root.write('auth/token/renew-self'), 400, 'invalid lease ID')
  const forever = (await create(root, {})).client
  wantError(await forever.write('auth/token/renew-self'), 400, 'lease is not renewable')
  const dead = (await create(root, { policies: ['default'] })).client
  await root.must('auth/token/revoke', { token: dead.token })
  want403T(await dead.write('auth/token/renew-self'))
  wantError(await root.write('auth/token/renew', { token: dead.token }), 400, 'token not found')
})

test('TOK-44, TOK-45, TOK-46, TOK-47: revoking what is not there', async () => {
  assert.equal((await root.write('auth/token/revoke', { token: 'unknown' })).status, 204)
  assert.equal((await root.write('auth/token/revoke', {})).status, 400)
  const byAccessor = await root.write('auth/token/revoke-accessor', { accessor: 'unknown' })
  assert.equal(byAccessor.status, 200)
  assert.deepEqual(byAccessor.body.warnings, ['No token found with this accessor'])
  wantError(
    await root.write('auth/token/revoke-orphan', { token: 'unknown' }),
    400,
    'token to revoke not found',
  )
})

test('TOK-48: revoke-orphan needs sudo', async () => {
  const weak = await root.tokenFor(
    'orphaner',
    'path "auth/token/revoke-orphan" { capabilities = ["update"] }',
  )
  const { client } = await create(root, { policies: ['default'] })
  wantError(
    await weak.write('auth/token/revoke-orphan', { token: client.token }),
    400,
    'root or sudo privileges required to revoke and orphan',
  )
  await wantAlive(client)
})

test('TOK-49, TOK-56: revoking a parent ends the whole tree at once', async () => {
  const { p, c, g } = await family()
  assert.equal((await root.write('auth/token/revoke', { token: p.token })).status, 204)
  for (const one of [p, c, g]) await wantDead(one)
  await server.server.core.sweep.run()
  for (const one of [p, c, g]) await wantDead(one)
})

test('TOK-50, TOK-51: revoke-orphan spares the children, which are orphans then', async () => {
  const { p, c, g } = await family()
  assert.equal((await root.write('auth/token/revoke-orphan', { token: p.token })).status, 204)
  await wantDead(p)
  assert.equal((await self(c))['orphan'], true)
  assert.equal((await self(g))['orphan'], false)
  await root.must('auth/token/revoke', { token: c.token })
  await wantDead(c)
  await wantDead(g)
})

test('TOK-51: a child that was made while its parent was revoked alone lives, or was refused', async () => {
  const parent = (await create(root, { policies: ['default', 'maker'] })).client
  await root.must('sys/policies/acl/maker', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  const made: ApiClient[] = []
  let isOver = false
  const make = async (): Promise<void> => {
    while (!isOver) {
      const answer = await parent.write('auth/token/create', { policies: ['default'] })
      if (answer.status === 200) made.push(server.client(answer.body.auth.client_token))
      else isOver = true
    }
  }
  const makers = Array.from({ length: 6 }, make)
  while (made.length < 20) await new Promise(setImmediate)
  await root.must('auth/token/revoke-orphan', { token: parent.token })
  await Promise.all(makers)
  for (const child of made) assert.equal((await self(child))['orphan'], true)
})

test('TOK-52, TOK-54: a child may go without its parent, an orphan stays without its maker', async () => {
  const { p, c, g } = await family()
  assert.equal((await c.write('auth/token/revoke-self')).status, 204)
  await wantAlive(p)
  await wantDead(c)
  await wantDead(g)
  const orphan = server.client((await p.write('auth/token/create-orphan')).body.auth.client_token)
  await root.must('auth/token/revoke', { token: p.token })
  await wantAlive(orphan)
})

test('a tree that is wider and deeper than one step of the sweep goes as a whole, and leaves nothing behind', async () => {
  const { store } = server.server.core
  const count = () =>
    store.view(async (view) => {
      let found = 0
      for (const prefix of [
        keys.tokenPrefix,
        keys.expiryPrefix,
        keys.childPrefix('').slice(0, -1),
      ]) {
        for await (const _ of view.keys(prefixRange(prefix))) found++
      }
      return found
    })
  await server.server.core.sweep.run()
  const before = await count()
  const p = await parentToken()
  const children: ApiClient[] = []
  for (let round = 0; round < 10; round++) {
    children.push(...(await Promise.all(Array.from({ length: 30 }, () => parentToken(p)))))
  }
  const deep = await parentToken(await parentToken(children[7]))
  await root.must('auth/token/revoke', { token: p.token })
  for (const one of [p, children[0], children[299], deep]) await wantDead(one ?? p)
  for (let round = 0; round < 4; round++) await server.server.core.sweep.run()
  assert.equal(await count(), before)
})

test('TOK-55: the cubbyhole of a revoked token is deleted', async () => {
  const { client } = await create(root, { policies: ['default'] })
  assert.equal((await client.write('cubbyhole/a', { v: 'canary' })).status, 204)
  const { core } = server.server
  const mount = (await core.configuration()).mounts.byPath('cubbyhole/')
  assert.ok(mount !== undefined)
  const left = () =>
    core.store.view(async (view) => {
      let found = 0
      for await (const _ of view.keys(prefixRange(keys.mountDataPrefix(mount.uuid)))) found++
      return found
    })
  assert.equal(await left(), 1)
  assert.equal((await client.write('auth/token/revoke-self')).status, 204)
  assert.equal(await left(), 0)
})

test('TOK-57, TOK-120: a batch token cannot be revoked; a root token can end itself', async () => {
  const batch = (await create(root, { type: 'batch', policies: ['default'] })).client
  wantError(
    await root.write('auth/token/revoke', { token: batch.token }),
    400,
    'batch tokens cannot be revoked',
  )
  wantError(await batch.write('auth/token/revoke-self'), 400, 'batch tokens cannot be revoked')
  await wantAlive(batch)
  const other = (await create(root, {})).client
  assert.equal((await other.write('auth/token/revoke-self')).status, 204)
  await wantDead(other)
  assert.equal((await server.client().read('sys/health')).status, 200)
})

test('TOK-115, TOK-116, TOK-117: what a login’s token says', async () => {
  const corp = await enableJwt(server, { path: 'corp/oidc' })
  await corp.mustRole('r')
  const one = await self(await jwt.client('r'))
  assert.equal(one['display_name'], 'jwt-alice')
  assert.equal(one['path'], 'auth/jwt/login')
  assert.equal(one['orphan'], true)
  assert.equal((await self(await corp.client('r')))['display_name'], 'corp-oidc-alice')
  const two = await self(await jwt.client('r'))
  assert.notEqual(two['id'], one['id'])
  assert.notEqual(two['accessor'], one['accessor'])
  assert.equal(two['entity_id'], one['entity_id'])
})

test('TOK-118: one tidy at a time; its answer has no data, as typed clients read it', async () => {
  const all = await Promise.all(Array.from({ length: 6 }, () => root.write('auth/token/tidy')))
  for (const { status, body } of all) {
    assert.ok(status === 202 || status === 200)
    assert.equal(body.data, null)
    assert.match(
      body.warnings[0],
      status === 202
        ? /^Tidy operation successfully started/
        : /^Tidy operation already in progress\.$/,
    )
  }
  assert.equal(all.filter((result) => result.status === 202).length, 1)
})

test('SEC-TKN-11: an accessor is no token and a token is no accessor', async () => {
  const { client, auth } = await create(root, { policies: ['default'] })
  await wantDead(server.client(auth.accessor))
  await wantDead(server.client(`hvs.${auth.accessor}`))
  wantError(await root.write('auth/token/lookup', { token: auth.accessor }), 403, 'bad token')
  wantError(
    await root.write('auth/token/lookup-accessor', { accessor: client.token }),
    400,
    'invalid accessor',
  )
  assert.equal((await root.write('auth/token/revoke', { token: auth.accessor })).status, 204)
  await wantAlive(client)
})

test('any changed character makes another token, which is nobody’s', async () => {
  const { client } = await create(root, { policies: ['default'] })
  const text = client.token ?? ''
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'A' ? 'B' : 'A'
    await wantDead(server.client(text.slice(0, at) + other + text.slice(at + 1)))
  }
  await wantDead(server.client(`${text}A`))
  await wantDead(server.client(text.slice(0, -1)))
})

test('SEC-TKN-04, TOK-56: after the answer to a revocation no use begins that succeeds', async () => {
  for (let round = 0; round < 6; round++) {
    const { client } = await create(root, { policies: ['default'] })
    let revoked = false
    const late: number[] = []
    const users = Array.from({ length: 32 }, async () => {
      for (let i = 0; i < 4; i++) {
        const startedLate = revoked
        const { status } = await client.read('auth/token/lookup-self')
        if (startedLate) late.push(status)
      }
    })
    const revocation = root.write('auth/token/revoke', { token: client.token }).then((result) => {
      assert.equal(result.status, 204)
      revoked = true
    })
    await Promise.all([...users, revocation])
    assert.deepEqual(
      late.filter((status) => status !== 403),
      [],
    )
    await wantDead(client)
  }
})

test('SEC-TKN-06: a renewal that races with a revocation never brings the token back', async () => {
  for (let round = 0; round < 10; round++) {
    const parent = await parentToken()
    const child = await parentToken(parent)
    await Promise.all([
      child.write('auth/token/renew-self'),
      child.write('auth/token/renew-self', { increment: '1h' }),
      root.write('auth/token/revoke', { token: parent.token }),
      child.write('auth/token/renew-self'),
    ])
    await wantDead(parent)
    await wantDead(child)
    await server.server.core.sweep.run()
    await wantDead(child)
  }
})
