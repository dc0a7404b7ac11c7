/**
 * The requests of the agents' and proxies' automatic login with a JWT, and of their lifetime
 * watcher (platform.md §10.5).
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'

const clock = manualClock()
const key = makeJwtMaker()
let server: TestServer

before(async () => {
  server = await startTestServer({ clock })
  const { root } = server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] })
  await root.must('auth/jwt/role/pod', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_subject: 'pod',
    token_policies: ['reader'],
    token_ttl: '60s',
    token_max_ttl: '120s',
  })
})

after(() => server.stop())

/** What the platform writes into the file anew before the old one ends. */
function fileJwt(subject = 'pod'): string {
  const now = Math.floor(clock.nowMs() / 1000)
  return key.sign({ sub: subject, iat: now, exp: now + 600 })
}

function login(jwt: string, headers: Readonly<Record<string, string>> = {}): Promise<ApiResult> {
  const asked = { 'X-Vault-Request': 'true', ...headers }
  return server.client().call('PUT', 'auth/jwt/login', { role: 'pod', jwt }, { headers: asked })
}

function renew(token: string, increment: number): Promise<ApiResult> {
  return server.client(token).call('PUT', 'auth/token/renew-self', { increment })
}

test('CLT-32: it renews at two thirds, sees that no more is granted, and logs in again', async () => {
  const { auth } = (await login(fileJwt())).body
  assert.deepEqual([auth.lease_duration, auth.renewable], [60, true])
  const granted: number[] = []
  let waited = 0
  let left: number = auth.lease_duration
  while (left > 10) {
    const wait = Math.floor((left * 2) / 3)
    clock.advance(wait * 1000)
    waited += wait
    const renewed = await renew(auth.client_token, 60)
    assert.equal(renewed.status, 200, renewed.text)
    assert.equal(renewed.body.auth.client_token, auth.client_token)
    left = renewed.body.auth.lease_duration
    granted.push(left)
    assert.ok(waited + left <= 120)
  }
  // Less than was asked for is how the watcher knows that the end is near.
  assert.deepEqual(granted.slice(0, 2), [60, 40])
  clock.advance(11_000)
  assert.ok((await renew(auth.client_token, 60)).status >= 400)
  const again = (await login(fileJwt())).body.auth
  assert.equal(again.lease_duration, 60)
  assert.notEqual(again.client_token, auth.client_token)
})

test('CLT-32: a token that it was given is looked up first', async () => {
  const { auth } = (await login(fileJwt())).body
  const self = await server.client(auth.client_token).read('auth/token/lookup-self')
  const { ttl, renewable, creation_ttl: first } = self.body.data
  assert.deepEqual([ttl, renewable, first], [60, true, 60])
})

test('CLT-33: a refused login is a 4xx with a body, however often it comes', async () => {
  const refusals: number[] = []
  for (let i = 0; i < 5; i++) {
    const answer = await login(fileJwt('another'))
    refusals.push(answer.status)
    assert.equal(answer.headers['content-type'], 'application/json')
    assert.ok(answer.body.errors.length > 0)
  }
  assert.deepEqual(new Set(refusals), new Set([400]))
  assert.equal((await login('')).status, 400)
  assert.equal((await login(fileJwt())).status, 200)
})

test('CLT-34: with a wrapping time the sink has the wrapping, and who unwraps has the token', async () => {
  const wrapped = await login(fileJwt(), { 'X-Vault-Wrap-TTL': '300' })
  const { wrap_info: info, auth } = wrapped.body
  assert.equal(auth, null)
  assert.deepEqual(Object.keys(info).toSorted(), [
    'accessor',
    'creation_path',
    'creation_time',
    'token',
    'ttl',
    'wrapped_accessor',
  ])
  assert.deepEqual([info.ttl, info.creation_path], [300, 'auth/jwt/login'])
  // What is a time for the Go client.
  assert.ok(Number.isFinite(Date.parse(info.creation_time)))
  const inner = await server.client(info.token).call('PUT', 'sys/wrapping/unwrap', {})
  assert.equal(inner.body.auth.accessor, info.wrapped_accessor)
  assert.equal((await renew(inner.body.auth.client_token, 60)).status, 200)
})

test('CLT-34: templates read kv after they have asked where it is', async () => {
  await server.root.must('sys/policies/acl/reader', {
    policy: 'path "secret/data/app" { capabilities = ["read"] }',
  })
  await server.root.must('secret/data/app', { data: { a: 'b' } })
  const { auth } = (await login(fileJwt())).body
  const pod = server.client(auth.client_token)
  const place = await pod.read('sys/internal/ui/mounts/secret/app')
  assert.deepEqual([place.body.data.path, place.body.data.options.version], ['secret/', '2'])
  assert.equal((await pod.read('secret/data/app')).body.data.data.a, 'b')
})
