/** One resource has one decision: spellings that reach the same thing must not be judged as other paths (SEC-ACL-03). */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const publicKeyPem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ format: 'pem', type: 'spki' })
  .toString()

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('sys/auth/jwt', { type: 'jwt' })
})

after(() => server.stop())

const all = '["create", "read", "update", "delete", "list", "sudo"]'
const allBut = (glob: string, denied: string) =>
  `path "${glob}" { capabilities = ${all} }\npath "${denied}" { capabilities = ["deny"] }`

test('SEC-ACL-03: a policy that may not be written cannot be written in another case or with a space', async () => {
  await root.must('sys/policies/acl/guarded', { policy: 'path "a" { capabilities = ["read"] }' })
  const limited = await root.tokenFor(
    'editor',
    allBut('sys/policies/acl/*', 'sys/policies/acl/guarded'),
  )
  const grab = { policy: 'path "*" { capabilities = ["sudo", "read", "update"] }' }
  assert.equal((await limited.write('sys/policies/acl/guarded', grab)).status, 403)
  for (const spelling of ['GUARDED', 'Guarded', '%20guarded', 'guarded%20']) {
    const { status } = await limited.write(`sys/policies/acl/${spelling}`, grab)
    assert.ok(status === 403 || status === 400, `${spelling}: ${status}`)
  }
  const text = (await root.read('sys/policies/acl/guarded')).body.data.policy
  assert.doesNotMatch(text, /sudo/)
})

test('SEC-ACL-03: a policy that may not be read or deleted stays so in another case', async () => {
  await root.must('sys/policies/acl/kept', { policy: 'path "a" { capabilities = ["read"] }' })
  const limited = await root.tokenFor(
    'keeper',
    allBut('sys/policies/acl/*', 'sys/policies/acl/kept'),
  )
  assert.notEqual((await limited.read('sys/policies/acl/KEPT')).status, 200)
  await limited.remove('sys/policies/acl/KEPT')
  assert.equal((await root.read('sys/policies/acl/kept')).status, 200)
})

test('SEC-ACL-03: a slash at the end does not lead past a deny of the path without it', async () => {
  await root.must('sys/mounts/precious', { type: 'kv' })
  const mounts = await root.tokenFor('mount-er', allBut('sys/mounts/*', 'sys/mounts/precious'))
  assert.equal((await mounts.remove('sys/mounts/precious')).status, 403)
  const tricked = await mounts.remove('sys/mounts/precious/')
  assert.ok('precious/' in (await root.read('sys/mounts')).body.data, `disabled: ${tricked.status}`)
})

test('SEC-ACL-03: the same for an auth mount', async () => {
  await root.must('sys/auth/kept', { type: 'jwt' })
  const auth = await root.tokenFor('auth-er', allBut('sys/auth/*', 'sys/auth/kept'))
  await auth.remove('sys/auth/kept/')
  assert.ok('kept/' in (await root.read('sys/auth')).body.data)
})

test('SEC-ACL-03: the same for the role of a method', async () => {
  const write = 'auth/jwt/role/admin'
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [publicKeyPem] })
  await root.must(write, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] })
  const roles = await root.tokenFor('role-er', allBut('auth/jwt/role/*', write))
  assert.equal((await roles.read(write)).status, 403)
  assert.notEqual((await roles.read(`${write}/`)).status, 200)
  await roles.remove(`${write}/`)
  assert.equal((await root.read(write)).status, 200)
})

test('SEC-ACL-03: the same for a path without parts to fill in', async () => {
  const self = await root.tokenFor('selfless', allBut('auth/token/*', 'auth/token/lookup-self'))
  assert.equal((await self.read('auth/token/lookup-self')).status, 403)
  const { status } = await self.read('auth/token/lookup-self/')
  assert.ok(status === 403 || status === 400, String(status))
})
