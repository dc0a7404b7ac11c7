/** A name that cannot be a storage key is bad input: 400, never 500 (jwt-oidc.md §0.2). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { firstError, type ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('sys/mounts/plain', { type: 'kv', options: { version: '1' } })
})

after(() => server.stop())

/** Of one, two, three and four bytes, and one that grows in lower case. */
const letters = ['x', 'ä', '€', '😀', 'İ']
const lengths = [129, 480, 481, 510, 512, 513, 1200, 1201, 2000]
const policy = 'path "a" { capabilities = ["read"] }'

const named: readonly (readonly [path: (name: string) => string, body: object])[] = [
  [(name) => `auth/jwt/role/${name}`, { user_claim: 'sub', role_type: 'jwt', bound_subject: 's' }],
  [
    (name) => `auth/jwt/issuers/${name}`,
    { issuer: 'https://i.test', jwks_url: 'http://127.0.0.1:9/' },
  ],
  [(name) => `sys/policies/acl/${name}`, { policy }],
  [(name) => `sys/policy/${name}`, { policy }],
  [(name) => `sys/mounts/${name}`, { type: 'kv' }],
  [(name) => `sys/mounts/${name}/tune`, { description: 'x' }],
  [(name) => `sys/auth/${name}`, { type: 'jwt' }],
  [(name) => `sys/audit/${name}`, { type: 'file' }],
  [(name) => `plain/${name}`, { x: 1 }],
  [(name) => `secret/data/${name}`, { data: { x: 1 } }],
  [(name) => `secret/metadata/${name}`, { max_versions: 1 }],
  [(name) => `cubbyhole/${name}`, { x: 1 }],
  [(name) => `sys/leases/revoke-prefix/${name}`, {}],
  [(name) => `sys/leases/renew/${name}`, {}],
]

test('no length of a name in a path and no alphabet is an internal error', async () => {
  for (const [pathOf, body] of named) {
    for (const letter of letters) {
      for (const length of lengths) {
        const path = pathOf(encodeURIComponent(letter.repeat(length)))
        if (path.length > 8000) continue
        for (const method of ['POST', 'GET', 'LIST', 'DELETE']) {
          const result = await root.call(method, path, method === 'POST' ? body : undefined)
          const what = `${method} ${pathOf(letter)} × ${length}: ${result.status}`
          assert.ok(result.status < 500, what)
        }
      }
    }
  }
})

test('a role, an issuer and a policy with a name of 2,000 letters are refused with the field', async () => {
  for (const [pathOf, body] of named.slice(0, 4)) {
    const result = await root.write(pathOf('x'.repeat(2000)), body)
    assert.equal(result.status, 400)
    assert.match(firstError(result), /field "name": expected at most \d+ characters/)
  }
})

test('the longest policy name works in any alphabet, also when it grows in lower case', async () => {
  for (const letter of letters) {
    const name = encodeURIComponent(letter.repeat(480 / letter.length))
    const path = `sys/policies/acl/${name}`
    const { status } = await root.write(path, { policy })
    assert.equal(status, letter === 'İ' ? 400 : 204, letter)
  }
})

test('who may not write there is told that and not what is wrong with the name', async () => {
  const nobody = await root.tokenWith(['none'])
  assert.equal((await nobody.write(`auth/jwt/role/${'x'.repeat(2000)}`)).status, 403)
})
