/** A JWT in place of a token: judged at each request as at a login, and nothing is stored. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAudited, type AuditedServer } from '../audit/fixture.ts'
import type { ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { changeEntity } from '../platform/fixture.ts'
import { assertStatus, configS, fresh, keyK, makeMount, plainClaims, plainRole } from './fixture.ts'

let server: AuditedServer
let mount: string

const jwt = (claims: object = {}): string => keyK.sign(fresh({ ...plainClaims, ...claims }))

/** As a client sends it that knows nothing of Vault. */
function get(path: string, text: string): Promise<ApiResult> {
  return server
    .client()
    .call('GET', path, undefined, { headers: { authorization: `Bearer ${text}` } })
}

before(async () => {
  server = await startAudited()
  const { root } = server
  mount = await makeMount(root, configS)
  await root.must(`auth/${mount}/role/job`, plainRole)
  await root.must('sys/policies/acl/p', {
    policy:
      'path "kv/{{identity.entity.metadata.none}}" { capabilities = ["read"] }\npath "kv/app" { capabilities = ["read", "update", "create"] }\npath "kv/big" { capabilities = ["create", "update"] }',
  })
  await root.must('sys/mounts/kv', { type: 'kv' })
  await root.must('kv/app', { x: 'y' })
})

after(() => server.stop())

test('no mount takes a JWT unless it says so', async () => {
  assertStatus(await get('kv/app', jwt()), 403)
  await server.root.must(`sys/auth/${mount}/tune`, { direct_bearer: 'Job' })
  const tuned = await server.root.read(`sys/auth/${mount}/tune`)
  assert.equal(tuned.body.data.direct_bearer, 'job')
})

test('a good one may what the role grants, and no more', async () => {
  const read = await get('kv/app', jwt())
  assert.deepEqual([read.status, read.body.data], [200, { x: 'y' }])
  assertStatus(await get('kv/other', jwt()), 403)
  assertStatus(await get('sys/mounts', jwt()), 403)
  // Where a client has one place for its token.
  assertStatus(await server.client().as(jwt()).read('kv/app'), 200)
  const self = await get('auth/token/lookup-self', jwt())
  assert.deepEqual([self.body.data.type, self.body.data.accessor], ['batch', ''])
  assert.doesNotMatch(self.text, /hvb\./)
})

test('nothing is stored, and nothing can be made with it that outlives it', async () => {
  const before = (await server.root.list('auth/token/accessors')).body.data.keys.length
  for (let i = 0; i < 5; i++) assertStatus(await get('kv/app', jwt()), 200)
  const all = await server.root.list('auth/token/accessors')
  assert.equal(all.body.data.keys.length, before)
  const caller = server.client().as(jwt())
  for (const path of ['auth/token/create', 'auth/token/renew-self', 'cubbyhole/a']) {
    const answer = await caller.write(path, { x: 'y' })
    assert.ok(answer.status >= 400 && answer.status < 500, `${path} ${answer.text}`)
  }
})

test('a bad one is refused as a dead token is, with the reason of the login', async () => {
  const bad: readonly (readonly [string, string])[] = [
    ['audience_mismatch', jwt({ aud: 'other' })],
    ['expired', keyK.sign({ ...plainClaims, iat: 1, exp: 2 })],
    ['signature_invalid', makeJwtMaker('k1').sign(fresh(plainClaims))],
    ['issuer_mismatch', jwt({ iss: 'https://other/' })],
  ]
  for (const [reason, text] of bad) {
    const refused = await get('kv/app', text)
    assertStatus(refused, 403, reason)
    assert.equal(refused.body.errors[0], 'permission denied')
    assert.equal(refused.headers['x-login-reason'], reason)
    const logins = await server.root.read(`sys/logins?mount=${mount}&decision=refused&limit=1`)
    assert.equal(logins.body.data.logins[0].reason, reason)
  }
  for (const text of ['eyJ.a.b', 'eyJh.eyJh.x', `${jwt()}x`, `${jwt()}.x`]) {
    assertStatus(await get('kv/app', text), 403)
  }
})

test('it is one event for an auditor: who, by which token, and never the JWT', async () => {
  const text = jwt({ sub: 'auditor' })
  assertStatus(await get('kv/app', text), 200)
  const { request, response } = server.last()
  for (const record of [request, response]) {
    assert.equal(record.auth.display_name, `${mount}-auditor`)
    assert.equal(record.auth.token_type, 'batch')
    assert.equal(record.request.path, 'kv/app')
    assert.doesNotMatch(JSON.stringify(record), /eyJ/)
  }
  assertStatus(await get('kv/app', jwt({ sub: 'auditor', aud: 'x' })), 403)
  assert.equal(server.last().response.error, 'permission denied')
})

test('an open path looks at no JWT, and a disabled entity comes nowhere', async () => {
  const login = await server
    .client()
    .as('eyJh.eyJh.x')
    .write(`auth/${mount}/login`, { role: 'job', jwt: jwt({ sub: 'gone' }) })
  assertStatus(login, 200)
  assertStatus(await get('kv/app', jwt({ sub: 'gone' })), 200)
  await changeEntity(server, login.body.auth.entity_id, { disabled: true })
  assertStatus(await get('kv/app', jwt({ sub: 'gone' })), 403)
})

test('a body that is read only for those who may send it is read for it as well', async () => {
  const value = 'x'.repeat(100_000)
  const caller = server.client().as(jwt())
  assertStatus(await caller.write('kv/big', { value }), 204)
  assert.equal((await server.root.read('kv/big')).body.data.value, value)
  assertStatus(await caller.write('kv/other', { value }), 403)
})

test('limits of logins count it', async () => {
  const name = 'sys/quotas/rate-limit/logins'
  await server.root.must(name, { path: `auth/${mount}/login`, rate: 1, interval: '60s' })
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await get('kv/app', jwt())).status)
  assert.deepEqual(statuses.slice(1), [429, 429])
  assert.equal((await server.root.call('DELETE', name)).status, 204)
})

test('one mount of those that take a JWT can have it', async () => {
  const { root } = server
  const other = await makeMount(root, configS)
  const second = await root.write(`sys/auth/${other}/tune`, { direct_bearer: 'job' })
  assertStatus(second, 400)
  assert.match(second.body.errors[0], /'direct_bearer' is set on auth\/m\d+\/ already/)
  const made = { type: 'jwt', config: { direct_bearer: 'job' } }
  assertStatus(await root.write('sys/auth/third', made), 400)
  const people = { type: 'userpass', config: { direct_bearer: 'job' } }
  assert.match((await root.write('sys/auth/people', people)).text, /whose login takes a JWT/)
  assertStatus(await root.write('sys/mounts/kv/tune', { direct_bearer: 'job' }), 400)
  assertStatus(await root.write(`sys/auth/${other}/tune`, { direct_bearer: 7 }), 400)
  await root.must(`sys/auth/${mount}/tune`, { direct_bearer: '' })
  assertStatus(await get('kv/app', jwt()), 403)
  await root.must(`sys/auth/${other}/tune`, { direct_bearer: 'job' })
  assert.equal((await get('kv/app', jwt())).headers['x-login-reason'], 'role_unknown')
  assertStatus(await root.call('DELETE', `sys/auth/${other}`), 204)
  assertStatus(await get('kv/app', jwt()), 403)
})
