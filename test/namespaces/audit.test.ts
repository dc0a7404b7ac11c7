/** Audit records say in which namespace a request was made, and where its token is from. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAudited, type AuditedServer } from '../audit/fixture.ts'
import { enableJwt } from '../platform/fixture.ts'

let server: AuditedServer
let id: string

before(async () => {
  server = await startAudited({ file: {}, blue: { filter: 'namespace == "blue/"' } })
  id = (await server.root.must('sys/namespaces/blue')).body.data.id
})

after(() => server.stop())

test('records carry the id and the path of the namespace, and paths as they read there (NSP-19)', async () => {
  const inside = server.root.in('blue')
  await inside.must('sys/mounts/kv', { type: 'kv' })
  await inside.must('kv/x', { secret: 'hunter2' })
  for (const record of Object.values(server.last())) {
    assert.deepEqual(record.request.namespace, { id, path: 'blue/' })
    assert.equal(record.request.path, 'kv/x')
    assert.equal(record.request.mount_point, 'kv/')
    assert.deepEqual(record.auth.policy_results.granting_policies, [
      { name: 'root', namespace_id: 'root', type: 'acl' },
    ])
  }
  assert.equal(JSON.stringify(server.records()).includes('hunter2'), false)
  await server.root.read('blue/kv/x')
  assert.equal(server.last().response.request.path, 'kv/x')
  assert.deepEqual(server.last().response.request.namespace, { id, path: 'blue/' })
})

test('policies that allowed it are named with their namespace', async () => {
  const inside = server.root.in('blue')
  await inside.must('sys/policies/acl/reader', {
    policy: 'path "kv/*" { capabilities = ["read"] }',
  })
  const { auth } = (await inside.must('auth/token/create', { policies: ['reader'] })).body
  assert.equal((await inside.as(auth.client_token).read('kv/x')).status, 200)
  assert.deepEqual(server.last().response.auth.policy_results.granting_policies, [
    { name: 'reader', namespace_id: id, namespace_path: 'blue/', type: 'acl' },
  ])
})

test('refusals leave records too: of an unknown namespace, of a token of elsewhere, of a large body', async () => {
  await server.root.in('nowhere').read('kv/x')
  assert.equal(server.last().response.error, 'namespace not found')
  const { auth } = (await server.root.in('blue').must('auth/token/create', {})).body
  await server.root.as(auth.client_token).read('secret/data/x')
  assert.match(server.last().response.error, /permission denied/)
  assert.deepEqual(server.last().response.request.namespace, { id: 'root' })
  const bad = await server.root.in('blue').call('POST', 'kv/y', undefined, { raw: '{"a":' })
  assert.equal(bad.status, 400)
  assert.deepEqual(server.last().response.request.namespace, { id, path: 'blue/' })
  assert.equal(server.last().response.request.path, 'kv/y')
})

test('a device can choose the records of one namespace', async () => {
  const jwt = await enableJwt(server, { root: server.root.in('blue') })
  await jwt.mustRole('r')
  await jwt.mustLogin('r')
  await server.root.read('secret/data/x')
  const chosen = server.records('blue')
  assert.ok(chosen.length > 4)
  for (const record of chosen) assert.equal(record.request.namespace.path, 'blue/')
  assert.equal(chosen.at(-1).request.path, 'auth/jwt/login')
})
