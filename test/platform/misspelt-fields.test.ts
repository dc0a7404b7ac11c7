/** A misspelt field is told: a role whose only rule is misspelt admits everybody (jwt-oidc.md §0.3). */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

const publicKeyPem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ format: 'pem', type: 'spki' })
  .toString()

const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }
const policy = 'path "a" { capabilities = ["read"] }'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  for (const mount of ['jwt', 'old']) {
    await root.must(`sys/auth/${mount}`, { type: 'jwt' })
    await root.must(`auth/${mount}/config`, { jwt_validation_pubkeys: [publicKeyPem] })
  }
  await root.must('sys/auth/old/tune', { compat: 'vault' })
})

after(() => server.stop())

const misspelt: readonly (readonly [path: string, body: object, wrong: string, right: string])[] = [
  [
    'auth/jwt/config',
    { jwt_validation_pubkeys: [publicKeyPem], bound_isuer: 'x' },
    'bound_isuer',
    'bound_issuer',
  ],
  ['auth/jwt/role/r', { ...role, bound_clams: { a: 'b' } }, 'bound_clams', 'bound_claims'],
  [
    'auth/jwt/issuers/i',
    { issuer: 'https://i.test', jwt_validation_pubkeys: [publicKeyPem], audience: ['a'] },
    'audience',
    'audiences',
  ],
  ['sys/policies/acl/p', { policy, polcy: 'x' }, 'polcy', 'policy'],
  ['sys/policy/p', { policy, ruls: 'x' }, 'ruls', 'rules'],
  ['sys/mounts/m', { type: 'kv', opions: { version: '2' } }, 'opions', 'options'],
  ['sys/auth/m', { type: 'jwt', desription: 'x' }, 'desription', 'description'],
  ['sys/mounts/m/tune', { max_lease_tll: '1h' }, 'max_lease_tll', 'max_lease_ttl'],
  ['sys/auth/m/tune', { listing_visibilty: 'unauth' }, 'listing_visibilty', 'listing_visibility'],
]

for (const [path, body, wrong, right] of misspelt) {
  test(`a misspelt field of ${path} is told with the name that was probably meant (FIX-U2)`, async () => {
    const result = await root.write(path, body)
    assert.equal(result.status, 200, result.text)
    assert.ok(
      result.body.warnings.includes(`Endpoint ignored these unrecognized parameters: [${wrong}]`),
    )
    assert.ok(
      result.body.warnings.includes(
        `"${wrong}" is no field of this path; did you mean "${right}"?`,
      ),
      result.text,
    )
  })
}

test('with compat=vault the same writes are silent', async () => {
  assert.equal((await root.write('auth/old/role/r', { ...role, bound_clams: {} })).status, 204)
  const config = { jwt_validation_pubkeys: [publicKeyPem], bound_isuer: 'x' }
  assert.equal((await root.write('auth/old/config', config)).status, 204)
})

test('a field that repeats a part of the path makes no body of its own', async () => {
  assert.equal((await root.write('auth/jwt/role/r', { ...role, name: 'other' })).status, 204)
})

test('a cas beside data is told in a version 2 store, and nothing in a version 1 store or a cubbyhole', async () => {
  await root.must('sys/mounts/plain', { type: 'kv', options: { version: '1' } })
  const versioned = await root.write('secret/data/a', { data: { x: 1 }, cas: 0 })
  assert.match(versioned.body.warnings.join(), /\[cas\]/)
  assert.equal((await root.write('plain/a', { data: { x: 1 }, cas: 0 })).status, 204)
  assert.equal((await root.write('cubbyhole/a', { dta: 1, cas: 0 })).status, 204)
})

test('ten thousand unknown fields are told in a warning that a person can read', async () => {
  const many = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`f${i}`, i]))
  const result = await root.write('auth/jwt/role/r', { ...role, ...many })
  assert.equal(result.status, 200)
  assert.ok(result.text.length < 4000, String(result.text.length))
})
