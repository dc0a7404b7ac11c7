/** Tokens bound to addresses (platform.md §3.10), behind a proxy that says where a request comes from. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  enableJwt,
  forwardingListener,
  from,
  want403T,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer({ listeners: [forwardingListener()] })
  root = server.root
  jwt = await enableJwt(server)
  await root.must('sys/policies/acl/maker', {
    policy: `path "auth/token/create" { capabilities = ["update"] }
             path "auth/token/create/plain" { capabilities = ["update"] }
             path "auth/token/create-orphan" { capabilities = ["update"] }`,
  })
  await root.must('auth/token/roles/plain', {})
})

after(() => server.stop())

async function loginFrom(address: string, role: string): Promise<ApiClient> {
  const result = await jwt.login(role, 'alice', from(address).headers)
  assert.equal(result.status, 200, result.text)
  return server.client(result.body.auth.client_token)
}

function selfFrom(client: ApiClient, address: string): Promise<ApiResult> {
  return client.call('GET', 'auth/token/lookup-self', undefined, from(address))
}

test('TOK-73: a bound token works from its network only, and survives a use from elsewhere', async () => {
  await jwt.mustRole('ten', { token_bound_cidrs: '10.0.0.0/8' })
  const client = await loginFrom('10.1.1.1', 'ten')
  want403T(await selfFrom(client, '192.168.0.1'))
  assert.equal((await selfFrom(client, '10.1.1.1')).status, 200)
  want403T(await client.read('auth/token/lookup-self'))
})

test('TOK-72: a child is bound as its parent is, an orphan and who is made by a role are not', async () => {
  await jwt.mustRole('maker', { token_bound_cidrs: ['10.0.0.0/8'], token_policies: 'maker' })
  const parent = await loginFrom('10.1.1.1', 'maker')
  const create = async (path: string, body: object) => {
    const made = await parent.call('POST', `auth/token/${path}`, body, from('10.1.1.1'))
    assert.equal(made.status, 200, made.text)
    return server.client(made.body.auth.client_token)
  }
  const child = await create('create', {})
  want403T(await selfFrom(child, '192.168.0.1'))
  const own = (await selfFrom(child, '10.2.2.2')).body.data
  assert.deepEqual(own.bound_cidrs, ['10.0.0.0/8'])
  const grandchild = await create('create', { ttl: '1h' })
  want403T(await selfFrom(grandchild, '11.0.0.1'))
  for (const path of ['create-orphan', 'create/plain']) {
    const free = (await selfFrom(await create(path, {}), '192.168.0.1')).body.data
    assert.equal('bound_cidrs' in free, false)
  }
  const made = await parent.call('POST', 'auth/token/create', { type: 'batch' }, from('10.1.1.1'))
  const batch = server.client(made.body.auth.client_token)
  want403T(await selfFrom(batch, '192.168.0.1'))
  assert.equal((await selfFrom(batch, '10.0.0.1')).status, 200)
})

test('TOK-74: a single address is shown without its length', async () => {
  await jwt.mustRole('one', { token_bound_cidrs: '10.0.0.1' })
  assert.deepEqual((await root.read('auth/jwt/role/one')).body.data.token_bound_cidrs, ['10.0.0.1'])
  const client = await loginFrom('10.0.0.1', 'one')
  assert.deepEqual((await selfFrom(client, '10.0.0.1')).body.data.bound_cidrs, ['10.0.0.1'])
  want403T(await selfFrom(client, '10.0.0.2'))
})

test('TOK-75: a login from outside the role’s network is refused', async () => {
  await jwt.mustRole('ten', { token_bound_cidrs: '10.0.0.0/8' })
  want403T(await jwt.login('ten', 'alice', from('192.168.0.1').headers))
})

test('TOK-76, TOK-77, SEC-TKN-08: a strictly bound token works from the address of its login only', async () => {
  await jwt.mustRole('strict', { token_strictly_bind_ip: true })
  const client = await loginFrom('10.0.0.5', 'strict')
  assert.equal((await selfFrom(client, '10.0.0.5')).status, 200)
  want403T(await selfFrom(client, '10.0.0.6'))
  wantError(
    await jwt.role('both', { token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.0/8' }),
    400,
    "'token_strictly_bind_ip' conflicts with 'token_bound_cidrs'; set only one",
  )
})

test('SEC-TKN-08: an IPv4 address and its mapped IPv6 form are one address', async () => {
  await jwt.mustRole('mapped', { token_strictly_bind_ip: true })
  const client = await loginFrom('::ffff:10.0.0.5', 'mapped')
  assert.equal((await selfFrom(client, '10.0.0.5')).status, 200)
  assert.equal((await selfFrom(client, '::ffff:10.0.0.5')).status, 200)
  want403T(await selfFrom(client, '::ffff:10.0.0.6'))
  want403T(await selfFrom(client, '::10.0.0.5'))
  await jwt.mustRole('ten', { token_bound_cidrs: '10.0.0.0/8' })
  const bound = await loginFrom('::ffff:10.9.9.9', 'ten')
  assert.equal((await selfFrom(bound, '10.0.0.1')).status, 200)
})

test('SEC-TKN-08: IPv6 networks', async () => {
  await jwt.mustRole('six', { token_bound_cidrs: ['2001:db8::/32'] })
  const client = await loginFrom('2001:db8::1', 'six')
  assert.equal((await selfFrom(client, '2001:db8:ffff::2')).status, 200)
  want403T(await selfFrom(client, '2001:db9::1'))
  want403T(await selfFrom(client, '10.0.0.1'))
})

test('a root token without end is bound to no address; open paths and the mounts list are no way around', async () => {
  assert.equal((await selfFrom(root, '203.0.113.1')).status, 200)
  await jwt.mustRole('ten', { token_bound_cidrs: '10.0.0.0/8', token_policies: 'maker' })
  const client = await loginFrom('10.1.1.1', 'ten')
  const seen = async (address: string) =>
    (await client.call('GET', 'sys/internal/ui/mounts', undefined, from(address))).body.data.auth
  assert.ok('token/' in (await seen('10.1.1.1')))
  assert.deepEqual(await seen('192.168.0.1'), {})
})
