/** The whole path once: a JWT in, a token out, one secret read and nothing else. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const keys = makeJwtMaker()
let server: TestServer

before(async () => {
  server = await startTestServer()
  const { root } = server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', {
    jwt_validation_pubkeys: [keys.pem],
    bound_issuer: 'https://iss/',
  })
  await root.must('auth/jwt/role/ci', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['vault'],
    bound_claims: { env: 'prod' },
    token_policies: 'reader',
    token_ttl: '15m',
  })
  await root.must('sys/policies/acl/reader', {
    policy: 'path "secret/data/app" { capabilities = ["read"] }',
  })
  await root.must('secret/data/app', { data: { password: 'p' } })
})

after(() => server.stop())

test('ENV-05, AUT-31: a JWT is traded for a token that reads its secret and nothing else', async () => {
  const jwt = keys.sign({ iss: 'https://iss/', sub: 'repo:a/b', aud: 'vault', env: 'prod' })
  const login = await server.client().write('auth/jwt/login', { role: 'ci', jwt })
  assert.equal(login.status, 200, login.text)
  const { auth } = login.body
  assert.equal(login.body.data, null)
  assert.deepEqual(auth.policies, ['default', 'reader'])
  assert.equal(auth.lease_duration, 900)
  assert.equal(auth.metadata.role, 'ci')
  assert.equal(auth.mfa_requirement, null)
  assert.match(auth.client_token, /^hvs\.[0-9A-Za-z]{48}$/)
  assert.match(auth.accessor, /^[0-9A-Za-z]{24}$/)
  const mine = server.client(auth.client_token)
  const secret = await mine.read('secret/data/app')
  assert.equal(secret.status, 200, secret.text)
  assert.equal(secret.body.data.data.password, 'p')
  assert.equal((await mine.read('secret/data/other')).status, 403)
  const self = await mine.read('auth/token/lookup-self')
  assert.equal(self.body.data.path, 'auth/jwt/login')
  assert.equal(self.body.data.display_name, 'jwt-repo:a/b')
  assert.equal((await mine.write('auth/token/revoke-self')).status, 204)
  assert.equal((await mine.read('auth/token/lookup-self')).status, 403)
})

test('a refused login says why, in text, sentence and header', async () => {
  const jwt = keys.sign({ iss: 'https://iss/', sub: 's', aud: 'other', env: 'prod' })
  const login = await server.client().write('auth/jwt/login', { role: 'ci', jwt })
  assert.equal(login.status, 400)
  assert.equal(login.headers['x-login-reason'], 'audience_mismatch')
  assert.match(login.body.errors[0], /^error validating token: /)
  assert.match(login.body.errors[1], /other/)
})
