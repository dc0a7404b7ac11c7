/** Tokens in namespaces: where they lie, what they may there, below and beside. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { want403P, want403T, wantError } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient
const ids = new Map<string, string>()

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const path of ['team', 'team/a', 'team/a/x', 'other']) {
    ids.set(path, (await root.must(`sys/namespaces/${path}`)).body.data.id)
    await root.in(path).must('sys/mounts/kv', { type: 'kv' })
    await root.in(path).must('kv/where', { here: path })
    await root.in(path).must('sys/policies/acl/all', {
      policy: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    })
  }
})

after(() => server.stop())

/** A token of the namespace, made there by the root token. */
async function tokenOf(namespace: string, body: object = {}): Promise<ApiClient> {
  const inside = root.in(namespace)
  const made = await inside.must('auth/token/create', { policies: ['all'], ...body })
  return inside.as(made.body.auth.client_token)
}

test('texts and accessors end in the id of the namespace, also those of batch tokens and leases (SEC-TKN-11)', async () => {
  const inside = root.in('team/a')
  const { auth } = (await inside.must('auth/token/create', { policies: ['all'] })).body
  const id = ids.get('team/a') ?? ''
  assert.match(auth.client_token, new RegExp(`^hvs\\.[A-Za-z0-9]{48}\\.${id}$`))
  assert.match(auth.accessor, new RegExp(`^[A-Za-z0-9]{24}\\.${id}$`))
  const batch = (await inside.must('auth/token/create', { policies: ['all'], type: 'batch' })).body
  assert.match(batch.auth.client_token, new RegExp(`^hvb\\.[A-Za-z0-9_-]+\\.${id}$`))
  const looked = await inside.as(batch.auth.client_token).read('auth/token/lookup-self')
  assert.equal(looked.body.data.namespace_path, 'team/a/')
  const leases = await inside.list('sys/leases/lookup/auth/token/create')
  assert.ok(leases.body.data.keys.every((key: string) => key.endsWith(`.${id}`)))
  const [lease] = leases.body.data.keys
  const found = await inside.write('sys/leases/lookup', { lease_id: `auth/token/create/${lease}` })
  assert.equal(found.status, 200)
  for (const elsewhere of [root, root.in('other'), root.in('team')]) {
    const lost = await elsewhere.write('sys/leases/lookup', {
      lease_id: `auth/token/create/${lease}`,
    })
    wantError(lost, 400, 'invalid lease')
  }
})

test('a token acts in its namespace and below, by its rules for the whole path, and nowhere else (NSP-09)', async () => {
  const team = await tokenOf('team')
  assert.equal((await team.read('kv/where')).body.data.here, 'team')
  assert.equal((await team.in('team/a').read('kv/where')).body.data.here, 'team/a')
  assert.equal((await team.in().read('team/a/x/kv/where')).body.data.here, 'team/a/x')
  want403T(await team.in().read('kv/where'))
  want403T(await team.in().read('secret/data/x'))
  want403T(await team.in('other').read('kv/where'))
  want403T(await team.in('other').read('auth/token/lookup-self'))
  const low = await tokenOf('team/a/x')
  for (const namespace of [undefined, 'team', 'team/a', 'other']) {
    want403T(await low.in(namespace).read('kv/where'))
    want403T(await low.in(namespace).read('auth/token/lookup-self'))
    want403T(await low.in(namespace).read('sys/mounts'))
  }
  const batch = await tokenOf('team', { type: 'batch' })
  assert.equal((await batch.in('team/a').read('kv/where')).status, 200)
  want403T(await batch.in('other').read('kv/where'))
  want403T(await batch.in().read('sys/mounts'))
})

test('rules of a parent name the namespace that they reach into (NSP-10)', async () => {
  await root.in('team').must('sys/policies/acl/into-a', {
    policy: 'path "a/kv/where" { capabilities = ["read"] }',
  })
  const token = await tokenOf('team', { policies: ['into-a'] })
  want403P(await token.read('kv/where'))
  assert.equal((await token.in('team/a').read('kv/where')).body.data.here, 'team/a')
  want403P(await token.in('team/a/x').read('kv/where'))
  want403P(await token.in('team/a').read('kv/other'))
  // Policies of the same name elsewhere say nothing about it.
  want403P(await token.in('team/a').read('auth/token/lookup-self'))
  const asked = await token.in('team/a').write('sys/capabilities-self', { paths: ['kv/where'] })
  want403P(asked)
  const seen = await root.in('team/a').write('sys/capabilities-self', { path: 'kv/where' })
  assert.deepEqual(seen.body.capabilities, ['root'])
})

test('a text with another namespace behind it is no token (NSP-11)', async () => {
  const text = (await tokenOf('team')).token ?? ''
  const own = text.slice(0, text.lastIndexOf('.'))
  for (const suffix of ['', `.${ids.get('other')}`, `.${ids.get('team/a')}`, '.aaaaaa', '.root']) {
    for (const namespace of [undefined, 'team', 'team/a', 'other']) {
      want403T(
        await root
          .in(namespace)
          .as(own + suffix)
          .read('kv/where'),
      )
    }
  }
  const rootText = root.token ?? ''
  for (const id of ids.values())
    want403T(await root.in('team').as(`${rootText}.${id}`).read('kv/where'))
  const batch = (await tokenOf('team', { type: 'batch' })).token ?? ''
  const moved = `${batch.slice(0, batch.lastIndexOf('.'))}.${ids.get('other')}`
  want403T(await root.in('other').as(moved).read('kv/where'))
})

test('accessors, lookups and revocations of one namespace know nothing of another', async () => {
  const held = await tokenOf('team/a')
  const { accessor } = (await held.read('auth/token/lookup-self')).body.data
  for (const elsewhere of [root, root.in('team'), root.in('other'), root.in('team/a/x')]) {
    const revoked = await elsewhere.write('auth/token/revoke-accessor', { accessor })
    assert.deepEqual(revoked.body.warnings, ['No token found with this accessor'])
    for (const path of ['lookup-accessor', 'renew-accessor']) {
      wantError(await elsewhere.write(`auth/token/${path}`, { accessor }), 400, /invalid accessor/)
    }
    const looked = await elsewhere.write('auth/token/lookup', { token: held.token })
    assert.ok(looked.status >= 400)
    await elsewhere.write('auth/token/revoke', { token: held.token })
    const listed = await elsewhere.list('auth/token/accessors')
    const known: readonly string[] = listed.body.data?.keys ?? []
    assert.equal(known.includes(accessor), false)
    const lost = await elsewhere.write('sys/capabilities-accessor', { accessor, path: 'kv/where' })
    assert.equal(lost.status, 400)
  }
  assert.equal((await held.read('auth/token/lookup-self')).status, 200)
  assert.ok(
    (await root.in('team/a').list('auth/token/accessors')).body.data.keys.includes(accessor),
  )
  assert.equal(
    (await root.in('team/a').write('auth/token/revoke-accessor', { accessor })).status,
    204,
  )
  want403T(await held.read('auth/token/lookup-self'))
})

test('there are no root rights below the root (NSP-13)', async () => {
  const inside = root.in('team')
  wantError(
    await inside.write('auth/token/create', { policies: ['root'] }),
    400,
    'root tokens may only be created in the root namespace',
  )
  wantError(
    await inside.write('auth/token/create', { id: 'chosen', policies: ['all'] }),
    400,
    'token IDs can only be specified in the root namespace',
  )
  assert.deepEqual((await inside.list('sys/policies/acl')).body.data.keys.includes('root'), false)
  assert.equal((await inside.read('sys/policies/acl/root')).status, 404)
  wantError(await inside.write('sys/policies/acl/root', { policy: 'path "x" {}' }), 400, /"root"/)
  const plain = await inside.must('auth/token/create', {})
  assert.deepEqual(plain.body.auth.policies, ['default'])
})

test('what a token of above makes below ends with it, and has none of its policies (NSP-12)', async () => {
  const maker = await tokenOf('team')
  const { auth } = (await maker.in('team/a').must('auth/token/create', { policies: ['all'] })).body
  const child = root.in('team/a').as(auth.client_token)
  const grandchild = child.as(
    (await child.must('auth/token/create', { policies: ['all'] })).body.auth.client_token,
  )
  const free = (await maker.in('team/a').must('auth/token/create-orphan', { policies: ['all'] }))
    .body
  assert.equal(auth.orphan, false)
  assert.equal((await grandchild.read('kv/where')).status, 200)
  assert.equal((await maker.in('team/a').write('auth/token/revoke-self')).status, 204)
  want403T(await maker.read('kv/where'))
  want403T(await child.read('kv/where'))
  want403T(await grandchild.read('kv/where'))
  assert.equal((await child.as(free.auth.client_token).read('kv/where')).status, 200)
})

test('a token asks about itself from below as it does at home', async () => {
  const team = await tokenOf('team', { ttl: '1h' })
  const looked = (await team.in('team/a').read('auth/token/lookup-self')).body.data
  assert.equal(looked.namespace_path, 'team/')
  assert.deepEqual(looked, {
    ...(await team.read('auth/token/lookup-self')).body.data,
    ttl: looked.ttl,
  })
  assert.equal((await team.in('team/a').write('auth/token/renew-self')).status, 200)
  const cubbyhole = await team.in('team/a').write('cubbyhole/x', { a: 'b' })
  assert.equal(cubbyhole.status, 400, cubbyhole.text)
  const own = await tokenOf('team/a')
  assert.equal((await own.write('cubbyhole/x', { a: 'b' })).status, 204)
  assert.equal((await own.read('cubbyhole/x')).body.data.a, 'b')
  assert.equal((await own.in('team/a/x').read('cubbyhole/x')).status >= 400, true)
})

test('uses are taken where the token is, wherever it acts', async () => {
  const counted = await tokenOf('team', { num_uses: 2 })
  assert.equal((await counted.in('team/a').read('kv/where')).status, 200)
  assert.equal((await counted.in('team/a/x').read('kv/where')).status, 200)
  want403T(await counted.in('team/a').read('kv/where'))
  want403T(await counted.read('kv/where'))
})

test('an answer is wrapped and unwrapped in its namespace alone', async () => {
  const wrapped = await root
    .in('team')
    .call('GET', 'kv/where', undefined, { headers: { 'X-Vault-Wrap-TTL': '60' } })
  const { token } = wrapped.body.wrap_info
  assert.ok(token.endsWith(`.${ids.get('team')}`))
  for (const elsewhere of [undefined, 'other', 'team/a']) {
    const lost = await root.in(elsewhere).write('sys/wrapping/unwrap', { token })
    assert.ok(lost.status >= 400)
  }
  const found = await root.in('team').write('sys/wrapping/unwrap', { token })
  assert.equal(found.body.data.here, 'team')
})
