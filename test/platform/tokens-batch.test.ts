/** Batch tokens and the type of a login's token (platform.md §3.1, §3.11). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ManualClock } from '../harness/manual-clock.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { changeEntity, create, enableJwt, wantAlive, wantDead, wantError } from './fixture.ts'

let clock: ManualClock
let server: TestServer
let root: ApiClient

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock })
  root = server.root
  await root.must('sys/policies/acl/create', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
})

after(() => server.stop())

test('TOK-58: a batch token has its prefix and no accessor, and is not renewable', async () => {
  const { auth } = await create(root, { type: 'batch', policies: ['a'] })
  assert.match(auth.client_token, /^hvb\.[A-Za-z0-9_-]+$/)
  assert.equal(auth.accessor, '')
  assert.equal(auth.renewable, false)
  assert.equal(auth.token_type, 'batch')
  assert.equal(auth.lease_duration, 2_764_800)
})

test('TOK-59, TOK-60: a batch token has neither children nor a cubbyhole', async () => {
  const { client } = await create(root, { type: 'batch', policies: ['create', 'default'] })
  wantError(await client.write('auth/token/create'), 400, 'batch tokens cannot create more tokens')
  wantError(
    await client.write('cubbyhole/a', { v: '1' }),
    400,
    "cubbyhole operations are only supported by 'service' type tokens",
  )
})

test('TOK-63, SEC-TKN-13: a batch child dies with its parent at once', async () => {
  const parent = (await create(root, { policies: ['create', 'default'] })).client
  const made = await create(parent, { type: 'batch' })
  await wantAlive(made.client)
  await root.must('auth/token/revoke', { token: parent.token })
  await wantDead(made.client)
})

test('TOK-64: a batch token of a login works until its second', async () => {
  const jwt = await enableJwt(server, { path: 'batch' })
  await jwt.mustRole('b', { token_type: 'batch', token_ttl: '10m' })
  const client = await jwt.client('b')
  await wantAlive(client)
  clock.advance(599_000)
  await wantAlive(client)
  clock.advance(1000)
  await wantDead(client)
})

test('a batch token dies with its entity, and nobody can make or change one', async () => {
  const jwt = await enableJwt(server, { path: 'batch-entity' })
  await jwt.mustRole('b', { token_type: 'batch' })
  const { body } = await jwt.mustLogin('b')
  const client = server.client(body.auth.client_token)
  const text = String(client.token)
  for (const at of [4, 10, 40, text.length - 1]) {
    const other = text[at] === 'A' ? 'B' : 'A'
    await wantDead(server.client(text.slice(0, at) + other + text.slice(at + 1)))
  }
  for (const other of [`${text}A`, `${text}=`, text.slice(0, -2), 'hvb.', 'hvb.AAAA']) {
    await wantDead(server.client(other))
  }
  await wantAlive(client)
  await changeEntity(server, body.auth.entity_id, { disabled: true })
  await wantDead(client)
})

test('SEC-TKN-13: a batch token lives on after a rotation of the barrier key', async () => {
  const { client } = await create(root, { type: 'batch', policies: ['default'] })
  assert.equal((await root.call('PUT', 'sys/rotate', {})).status, 204)
  await wantAlive(client)
  const { client: after } = await create(root, { type: 'batch', policies: ['default'] })
  await wantAlive(after)
})

const typeRows = [
  ['TOK-106', 'default-service', ['service', 'service', 'batch']],
  ['TOK-107', 'default-batch', ['batch', 'service', 'batch']],
  ['TOK-108', 'service', ['service', 'service', 'service']],
  ['TOK-109', 'batch', ['batch', 'batch', 'batch']],
] as const

for (const [id, tuned, types] of typeRows) {
  test(`${id}: on a mount tuned ${tuned} a role of default, service, batch gives ${types.join(', ')}`, async () => {
    const jwt = await enableJwt(server, { path: `type-${tuned}`, config: { token_type: tuned } })
    const given: string[] = []
    for (const token_type of ['default', 'service', 'batch']) {
      await jwt.mustRole('r', { token_type })
      given.push((await jwt.mustLogin('r')).body.auth.token_type)
    }
    assert.deepEqual(given, types)
  })
}

test('ROL-036: default-service and default-batch are a choice of roles of every method, and read back', async () => {
  const jwt = await enableJwt(server, { path: 'role-types' })
  for (const type of ['userpass', 'approle', 'kubernetes']) {
    await root.must(`sys/auth/${type}`, { type })
  }
  const roles = [
    ['auth/role-types/role/r', {}],
    ['auth/userpass/users/u', { password: 'long-password-1' }],
    ['auth/approle/role/r', {}],
    [
      'auth/kubernetes/role/r',
      { bound_service_account_names: 'a', bound_service_account_namespaces: 'b' },
    ],
  ] as const
  for (const [token_type, given] of [
    ['default-service', 'service'],
    ['default-batch', 'batch'],
  ] as const) {
    await jwt.mustRole('r', { token_type })
    assert.equal((await jwt.mustLogin('r')).body.auth.token_type, given)
    for (const [path, body] of roles) {
      assert.ok((await root.write(path, { ...body, token_type })).status < 300, path)
      assert.equal((await root.read(path)).body.data.token_type, token_type, path)
    }
    const login = await root.write('auth/userpass/login/u', { password: 'long-password-1' })
    assert.equal(login.body.auth.token_type, given)
  }
  wantError(await jwt.role('r', { token_type: 'other' }), 400, /token_type/)
})

test('TOK-110: a batch role can have no period and no uses', async () => {
  const jwt = await enableJwt(server, { path: 'batch-role' })
  wantError(await jwt.role('r', { token_type: 'batch', token_period: '1h' }), 400, /batch/)
  wantError(await jwt.role('r', { token_type: 'batch', token_num_uses: 3 }), 400, /batch/)
  wantError(await jwt.role('r', { token_type: 'default-batch', token_period: '1h' }), 400, /batch/)
})
