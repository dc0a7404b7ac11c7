/** What records say, through a socket and out of the file (platform.md §8.2, §8.3). */

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { enableJwt, type JwtMount } from '../platform/fixture.ts'
import { startAudited, type AuditedServer } from './fixture.ts'

let server: AuditedServer
let jwt: JwtMount

before(async () => {
  server = await startAudited({ file: {}, second: {}, raw: { log_raw: 'true' } })
  jwt = await enableJwt(server)
})

after(() => server.stop())

const hashed = /^hmac-sha256:[0-9a-f]{64}$/

test('a request leaves two records with one id, and its caller in both (AUD-02)', async () => {
  await server.root.must('secret/data/app', { data: { password: 'hunter2' } })
  const before = server.records().length
  const answer = await server.root.read('secret/data/app')
  assert.equal(answer.status, 200)
  assert.equal(server.records().length, before + 2)
  const { request, response } = server.last()
  assert.equal(request.type, 'request')
  assert.equal(response.type, 'response')
  assert.equal(request.request.id, response.request.id)
  assert.equal(request.request.id, answer.headers['x-request-id'])
  for (const record of [request, response]) {
    assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
    assert.equal(record.request.operation, 'read')
    assert.equal(record.request.path, 'secret/data/app')
    assert.equal(record.request.mount_point, 'secret/')
    assert.equal(record.request.mount_type, 'kv')
    assert.equal(record.request.mount_class, 'secret')
    assert.deepEqual(record.request.namespace, { id: 'root' })
    assert.equal(record.request.remote_address, '127.0.0.1')
    assert.equal(typeof record.request.remote_port, 'number')
    assert.deepEqual(record.auth.policies, ['root'])
    assert.equal(record.auth.policy_results.allowed, true)
    assert.equal(record.auth.policy_results.granting_policies[0].name, 'root')
    assert.equal(record.error, undefined)
  }
  assert.match(response.response.data.data.password, hashed)
  assert.equal(statSync(server.file('file')).mode & 0o777, 0o600)
})

test('a token is only seen as its hash, which sys/audit-hash gives as well (AUD-03)', async () => {
  await server.root.read('auth/token/lookup-self')
  const { request, response } = server.last()
  const shown = request.request.client_token
  assert.match(shown, hashed)
  assert.equal(request.auth.client_token, shown)
  assert.equal(response.response.data.id, shown)
  const made = await server.root.must('sys/audit-hash/file', { input: server.rootToken })
  assert.equal(made.body.data.hash, shown)
  assert.equal(made.body.hash, shown)
  const unknown = await server.root.write('sys/audit-hash/none', { input: 'x' })
  assert.equal(unknown.status, 400)
  assert.equal(unknown.body.errors[0], 'unknown audit backend')
})

test('texts are hashed at every depth; names, numbers, truths and nulls are not (AUD-04)', async () => {
  const body = '{"a":"x","n":12345678901234567890,"b":true,"z":null,"m":{"k":"v","l":["w",1]}}'
  await server.root.call('POST', 'cubbyhole/one', undefined, { raw: body })
  const { data } = server.last().request.request
  assert.match(data.a, hashed)
  assert.match(data.m.k, hashed)
  assert.match(data.m.l[0], hashed)
  assert.deepEqual([data.b, data.z, data.m.l[1]], [true, null, 1])
  const lines = readFileSync(server.file('file'), 'utf8')
  assert.ok(lines.includes('"n":12345678901234567890'), 'every digit is there')
})

test('members that the mount names are shown as they are (AUD-05)', async () => {
  await server.root.must('sys/mounts/open', { type: 'kv' })
  await server.root.must('sys/mounts/open/tune', {
    audit_non_hmac_request_keys: ['a'],
    audit_non_hmac_response_keys: ['b'],
  })
  await server.root.must('open/x', { a: 'plain', b: 'hidden', c: { a: 'hidden' } })
  const { data } = server.last().request.request
  assert.equal(data.a, 'plain')
  assert.match(data.b, hashed)
  assert.match(data.c.a, hashed)
  await server.root.read('open/x')
  const told = server.last().response.response.data
  assert.equal(told.b, 'hidden')
  assert.match(told.a, hashed)
})

test('a device that wants its records raw hashes nothing (AUD-06)', async () => {
  await server.root.must('cubbyhole/two', { a: 'plain "text"' })
  const { request } = server.last('raw')
  assert.equal(request.request.data.a, 'plain "text"')
  assert.equal(request.request.client_token, server.rootToken)
})

test('two devices have two salts, and each keeps its own (AUD-08)', async () => {
  await server.root.must('cubbyhole/three', { a: 'x' })
  const one = server.last('file').request.request
  const other = server.last('second').request.request
  assert.equal(one.id, other.id)
  assert.notEqual(one.data.a, other.data.a)
  assert.notEqual(one.client_token, other.client_token)
  const plain = `hmac-sha256:${createHmac('sha256', '').update('x').digest('hex')}`
  assert.notEqual(one.data.a, plain)
})

test('who is not allowed leaves both records with the error (AUD-09)', async () => {
  const weak = await server.root.tokenFor('weak', 'path "cubbyhole/*" { capabilities = ["list"] }')
  const before = server.records().length
  const denied = await weak.read('secret/data/app')
  assert.equal(denied.status, 403)
  assert.equal(server.records().length, before + 2)
  const { request, response } = server.last()
  assert.equal(request.type, 'request')
  assert.equal(response.type, 'response')
  for (const record of [request, response]) {
    assert.equal(record.error, '1 error occurred:\n\t* permission denied\n\n')
    assert.equal(record.auth.policy_results.allowed, false)
    assert.equal(record.request.path, 'secret/data/app')
  }
  assert.equal(response.response, undefined)
})

test('questions about health and seal leave no record (AUD-14)', async () => {
  const before = server.records().length
  for (const path of ['sys/health', 'sys/seal-status', 'sys/leader', 'sys/init']) {
    assert.equal((await server.client().read(path)).status, 200)
  }
  await server.client().call('POST', 'sys/unseal', undefined, { raw: '{"key":' })
  assert.equal(server.records().length, before)
})

test('a login shows the token that it made, and its JWT never in clear (AUD-16, AUD-18)', async () => {
  await jwt.mustRole('dev', { claim_mappings: { iss: 'issuer' } })
  const first = await jwt.mustLogin('dev', 'carol')
  const { request, response } = server.last()
  assert.match(request.request.data.jwt, hashed)
  assert.match(request.request.data.role, hashed)
  assert.equal(request.auth.client_token, undefined)
  assert.match(response.auth.client_token, hashed)
  assert.equal(response.auth.client_token, response.response.auth.client_token)
  const same = await server.root.must('sys/audit-hash/file', {
    input: first.body.auth.client_token,
  })
  assert.equal(response.auth.client_token, same.body.data.hash)
  assert.equal(response.auth.display_name, 'jwt-carol')
  assert.equal(response.auth.entity_id, first.body.auth.entity_id)
  assert.equal(response.auth.entity_created, true)
  assert.equal(response.auth.metadata.issuer, 'https://iss/')
  assert.equal(response.auth.token_type, 'service')
  await jwt.mustLogin('dev', 'carol')
  assert.equal(server.last().response.auth.entity_created, undefined)
})

test('a wrapped answer shows its wrapping token as a hash, and who unwraps what is in it', async () => {
  const answer = await server.root.call('GET', 'secret/data/app', undefined, {
    headers: { 'X-Vault-Wrap-TTL': '60' },
  })
  const { request, response } = server.last()
  assert.equal(request.request.wrap_ttl, 60)
  assert.match(response.response.wrap_info.token, hashed)
  assert.match(response.response.wrap_info.accessor, hashed)
  assert.equal(response.response.wrap_info.ttl, 60)
  assert.equal(response.response.wrap_info.creation_path, 'secret/data/app')
  assert.equal(response.response.data, undefined)
  await server.root.must('sys/wrapping/unwrap', { token: answer.body.wrap_info.token })
  const unwrapped = server.last()
  assert.equal(unwrapped.request.request.data.token, response.response.wrap_info.token)
  assert.match(unwrapped.response.response.data.data.password, hashed)
})

test('renewing, revoking and every refusal have their records', async () => {
  const token = await server.root.tokenWith(['default'])
  for (const call of [
    () => token.write('auth/token/renew-self'),
    () => token.write('auth/token/revoke-self'),
    () => token.read('auth/token/lookup-self'),
    () => server.root.read('nowhere/at/all'),
    () => server.root.write('sys/mounts/x', { type: 'nothing' }),
    () => server.client().read('secret/data/app'),
    () =>
      server.root.call('GET', 'secret/data/app', undefined, {
        headers: { 'X-Vault-Namespace': 'other' },
      }),
    () => server.root.call('GET', 'secret/data/app?help=1'),
  ]) {
    const before = server.records().length
    const { status } = await call()
    const { request, response } = server.last()
    assert.equal(server.records().length, before + 2)
    assert.equal(request.request.id, response.request.id)
    assert.equal(response.error !== undefined, status >= 400, String(status))
  }
})
