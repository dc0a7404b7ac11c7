/** Users of the userpass method on a real server: what is written, read and renewed. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { firstError } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer
const users = 'auth/userpass/users'

before(async () => {
  server = await startTestServer()
  await server.root.must('sys/auth/userpass', { type: 'userpass' })
})
after(() => server.stop())

const login = (name: string, password: string) =>
  server.client().write(`auth/userpass/login/${name}`, { password })

test('a user written in one case logs in in another (AUT-01)', async () => {
  const made = await server.root.write(`${users}/Bob`, { password: 'open', token_policies: 'a' })
  assert.equal(made.status, 204, made.text)
  const { status, body, text } = await login('BOB', 'open')
  assert.equal(status, 200, text)
  assert.deepEqual(body.auth.metadata, { username: 'bob' })
  assert.deepEqual(body.auth.policies, ['a', 'default'])
  const self = await server.client(body.auth.client_token).read('auth/token/lookup-self')
  assert.equal(self.body.data.display_name, 'userpass-bob')
  assert.deepEqual((await server.root.list(users)).body.data.keys, ['bob'])
})

test('a new user needs a password, and only one kind of it (AUT-02)', async () => {
  const { root } = server
  assert.equal((await root.write(`${users}/new`)).status, 400)
  assert.equal((await root.write(`${users}/new`, { password: '' })).status, 400)
  const hash = '$2a$10$abcdefghijklmnopqrstuv'
  const both = await root.write(`${users}/new`, { password: 'x', password_hash: hash })
  assert.match(firstError(both), /only one of/)
  for (const [bad, problem] of [
    [hash, /'password_hash': expected a bcrypt hash/],
    ['x', /'password_hash': expected a bcrypt hash/],
    [`$2x$05$${'a'.repeat(53)}`, /'password_hash': expected a bcrypt hash/],
    [`$2b$03$${'a'.repeat(53)}`, /'password_hash': the cost/],
    [`$2b$15$${'a'.repeat(53)}`, /'password_hash': the cost/],
    [`$2b$31$${'a'.repeat(53)}`, /'password_hash': the cost/],
    ['$'.repeat(129), /"password_hash"/],
  ] as const) {
    const refused = await root.write(`${users}/new`, { password_hash: bad })
    assert.equal(refused.status, 400)
    assert.match(firstError(refused), problem)
  }
  const long = await root.write(`${users}/new`, { password: 'x'.repeat(1025) })
  assert.match(firstError(long), /"password"/)
  assert.equal((await root.read(`${users}/new`)).status, 404)
  assert.equal((await root.write(`${users}/new/password`, { password: 'x' })).status, 400)
})

test('a read shows the token settings and nothing of the password (AUT-04)', async () => {
  const { root } = server
  await root.must(`${users}/shown`, { password: 'plain-text-of-it', token_ttl: '1h' })
  const { body, text } = await root.read(`${users}/shown`)
  const names = ['token_ttl', 'token_max_ttl', 'token_period', 'token_explicit_max_ttl']
  names.push('token_policies', 'token_bound_cidrs', 'token_no_default_policy', 'token_num_uses')
  for (const name of [...names, 'token_type', 'token_strictly_bind_ip']) {
    assert.ok(Object.hasOwn(body.data, name), name)
  }
  assert.doesNotMatch(text, /password|hash|salt|plain-text/)
})

test('older names are shown where they were used, and the newer one wins (AUT-08, AUT-09)', async () => {
  const { root } = server
  await root.must(`${users}/older`, { password: 'x', policies: 'one' })
  const { data } = (await root.read(`${users}/older`)).body
  assert.deepEqual([data.policies, data.token_policies], [['one'], ['one']])
  await root.must(`${users}/older/policies`, { policies: 'one', token_policies: 'two' })
  assert.deepEqual((await root.read(`${users}/older`)).body.data.token_policies, ['two'])
})

test('a token renews while its user has the same policies but for `default` (AUT-05, AUT-06)', async () => {
  const { root } = server
  await root.must(`${users}/renewed`, { password: 'x', token_policies: 'a', token_ttl: '1m' })
  const { client_token } = (await login('renewed', 'x')).body.auth
  const own = server.client(client_token)
  await root.must(`${users}/renewed`, { token_policies: ['Default', 'A'], token_ttl: '2m' })
  const renewed = await own.write('auth/token/renew-self')
  assert.equal(renewed.body.auth.lease_duration, 120, renewed.text)
  await root.must(`${users}/renewed/policies`, { token_policies: 'a,b' })
  const refused = await own.write('auth/token/renew-self')
  assert.equal(refused.status, 400)
  assert.equal(firstError(refused), 'policies have changed, not renewing')
})

test('a token of a deleted user is not extended, also not by who bears the name next (AUT-34)', async () => {
  const { root } = server
  await root.must(`${users}/gone`, { password: 'x', token_ttl: '1m' })
  const own = server.client((await login('gone', 'x')).body.auth.client_token)
  assert.equal((await root.remove(`${users}/gone`)).status, 204)
  assert.equal((await own.write('auth/token/renew-self')).status, 400)
  await root.must(`${users}/gone`, { password: 'y', token_ttl: '1m' })
  assert.equal((await own.write('auth/token/renew-self')).status, 400)
})

test('a new password counts at once, and the old one no more', async () => {
  const { root } = server
  await root.must(`${users}/moved`, { password: 'old' })
  await root.must(`${users}/moved/password`, { password: 'new' })
  assert.equal((await login('moved', 'old')).status, 400)
  assert.equal((await login('moved', 'new')).status, 200)
})

test('an address outside the networks of the user is refused after the password', async () => {
  await server.root.must(`${users}/far`, { password: 'x', token_bound_cidrs: '192.0.2.0/24' })
  assert.equal((await login('far', 'wrong')).status, 400)
  const refused = await login('far', 'x')
  assert.equal(refused.status, 403)
  assert.equal(refused.headers['x-login-reason'], 'source_address_refused')
})
