/**
 * The requests of hashicorp/vault-action and of its own tests, and what it reads of the answers
 * (platform.md §10.3).
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer
const key = makeJwtMaker()

/** As the action signs for itself (`jwtPrivateKey`), without a subject. */
const ownJwt = (): string => {
  const now = Math.floor(Date.now() / 1000)
  return key.sign({ iss: 'vault-action', iat: now, exp: now + 3600 })
}

before(async () => {
  server = await startTestServer()
  const { root } = server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  // One plain text where a list is meant, and nothing beside it but the role that is usual.
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: key.pem, default_role: 'default' })
  await root.must('auth/jwt/role/default', {
    role_type: 'jwt',
    bound_audiences: null,
    bound_claims: { iss: 'vault-action' },
    user_claim: 'iss',
    policies: ['reader'],
  })
  await root.must('sys/policies/acl/reader', {
    policy: 'path "secret/*" { capabilities = ["read"] }\npath "old/*" { capabilities = ["read"] }',
  })
  await root.must('sys/mounts/old', { type: 'kv', options: { version: '1' } })
  await root.must('old/app', { value: 'v1' })
  await root.must('secret/data/app', { data: { first: '1', second: '2', 'a.b': '3' } })
})

after(() => server.stop())

/** `X-Vault-Namespace` comes always, as the empty text where the workflow sets none. */
async function login(method: string, body: object, path = method): Promise<ApiResult> {
  const headers = { 'X-Vault-Namespace': '', 'Content-Type': 'application/json' }
  return server.client().call('POST', `auth/${path}/login`, body, { headers })
}

async function secret(token: string, path: string): Promise<ApiResult> {
  return server.client(token).call('GET', path, undefined, { headers: { 'X-Vault-Namespace': '' } })
}

test('CLT-19: method jwt: a role that is empty, null or absent is the one of the mount', async () => {
  for (const role of ['', null, undefined]) {
    const answer = await login('jwt', { role, jwt: ownJwt() })
    assert.equal(answer.status, 200, answer.text)
    assert.match(answer.body.auth.client_token, /^hvs\./)
    assert.ok(answer.body.auth.policies.includes('reader'))
  }
})

test('CLT-20: two members of one kv 2 path, a kv 1 path, and all members by a wildcard', async () => {
  const token = (await login('jwt', { role: '', jwt: ownJwt() })).body.auth.client_token
  const second = await secret(token, 'secret/data/app')
  assert.equal(second.headers['content-type'], 'application/json')
  // It looks into `data.data` where there is one.
  assert.deepEqual(second.body.data.data, { first: '1', second: '2', 'a.b': '3' })
  const first = await secret(token, 'old/app')
  assert.deepEqual(first.body.data, { value: 'v1' })
})

test('CLT-21: a secret that is not there: 404 with a body that the job can print', async () => {
  const token = (await login('jwt', { role: '', jwt: ownJwt() })).body.auth.client_token
  const missing = await secret(token, 'secret/data/none')
  assert.deepEqual([missing.status, missing.body], [404, { errors: [] }])
  const foreign = await secret(token, 'sys/mounts')
  assert.equal(foreign.status, 403)
  assert.match(foreign.body.errors[0], /permission denied/)
})

test('CLT-22: methods approle, userpass and token', async () => {
  const { root } = server
  await root.must('sys/auth/approle', { type: 'approle' })
  await root.must('auth/approle/role/ci', { policies: 'reader' })
  const { role_id } = (await root.read('auth/approle/role/ci/role-id')).body.data
  const { secret_id } = (await root.must('auth/approle/role/ci/secret-id', {})).body.data
  await root.must('sys/auth/userpass', { type: 'userpass' })
  await root.must('auth/userpass/users/ann', { password: 'of-the-test', policies: 'reader' })
  const given = await root.must('auth/token/create', { policies: ['reader'] })
  const tokens = [
    (await login('approle', { role_id, secret_id })).body.auth.client_token,
    (await server.client().call('POST', 'auth/userpass/login/ann', { password: 'of-the-test' }))
      .body.auth.client_token,
    given.body.auth.client_token,
  ]
  for (const token of tokens) {
    assert.equal((await secret(token, 'old/app')).body.data.value, 'v1')
  }
  // It ends its token where the workflow asks for that.
  const [first = ''] = tokens
  const ended = await server
    .client(first)
    .call('POST', 'auth/token/revoke-self', {}, { headers: { 'X-Vault-Namespace': '' } })
  assert.equal(ended.status, 204)
  assert.equal((await secret(first, 'old/app')).status, 403)
})

test('CLT-23: a server that is away answers with a status that the action tries again', async () => {
  const again = new Set([408, 412, 413, 429, 500, 502, 503, 504, 521, 522, 524])
  const token = (await login('jwt', { role: '', jwt: ownJwt() })).body.auth.client_token
  await server.root.write('sys/seal')
  for (let i = 0; i < 2; i++) {
    const { status } = await secret(token, 'old/app')
    assert.equal(status, 503)
    assert.ok(again.has(status))
  }
  assert.equal((await server.client().write('sys/unseal', { key: server.unsealKey })).status, 200)
  assert.equal((await secret(token, 'old/app')).body.data.value, 'v1')
})
