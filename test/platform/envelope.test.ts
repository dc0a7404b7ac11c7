/** Envelope, statuses and routing of a whole server (platform.md §1). What the socket side decides alone is in test/http. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  changeEntity,
  create,
  enableJwt,
  policyProblem,
  tokenProblem,
  unsupportedOperation,
  unsupportedPath,
  want403T,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let jwt: JwtMount
let root: ApiClient
let plain: ApiClient
let nobody: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  nobody = server.client()
  jwt = await enableJwt(server)
  await jwt.mustRole('a')
  await jwt.mustRole('b')
  await root.must('sys/auth/empty', { type: 'jwt' })
  plain = (await create(root, { policies: ['default'] })).client
})

after(() => server.stop())

test('ENV-01, ENV-02, ENV-03, ENV-63: an envelope has all eight keys, the exact type, no cache and a newline', async () => {
  const result = await root.read('sys/mounts')
  assert.equal(result.status, 200)
  const { data, ...rest } = result.body
  assert.match(
    rest.request_id,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  const mounts = Object.keys(data)
  assert.deepEqual(
    Object.keys(rest).toSorted(),
    [
      ...mounts,
      'auth',
      'lease_duration',
      'lease_id',
      'renewable',
      'request_id',
      'warnings',
      'wrap_info',
    ].toSorted(),
  )
  assert.deepEqual(
    { ...rest, request_id: '', ...Object.fromEntries(mounts.map((name) => [name, 0])) },
    {
      request_id: '',
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      wrap_info: null,
      warnings: null,
      auth: null,
      ...Object.fromEntries(mounts.map((name) => [name, 0])),
    },
  )
  assert.equal(result.headers['content-type'], 'application/json')
  assert.equal(result.headers['cache-control'], 'no-store')
  assert.match(result.headers['strict-transport-security'] ?? '', /max-age/)
  assert.ok(result.text.endsWith('}\n'))
})

test('ENV-02, ENV-03, ENV-63: refusals and bare bodies carry the same headers', async () => {
  for (const result of [
    await nobody.read('sys/mounts'),
    await root.read('nomount/x'),
    await nobody.read('sys/seal-status'),
    await nobody.read('sys/health'),
  ]) {
    assert.equal(result.headers['content-type'], 'application/json')
    assert.equal(result.headers['cache-control'], 'no-store')
    assert.match(result.headers['strict-transport-security'] ?? '', /max-age/)
    assert.ok(result.text.endsWith('}\n'))
  }
})

test('ENV-04: each request has an id of its own', async () => {
  const one = await plain.read('auth/token/lookup-self')
  const two = await plain.read('auth/token/lookup-self')
  assert.notEqual(one.body.request_id, two.body.request_id)
})

test('ENV-05, ENV-06: a login has a complete auth object and no data', async () => {
  const { body } = await jwt.mustLogin('a')
  assert.equal(body.data, null)
  assert.deepEqual(Object.keys(body.auth).toSorted(), [
    'accessor',
    'client_token',
    'entity_id',
    'lease_duration',
    'metadata',
    'mfa_requirement',
    'num_uses',
    'orphan',
    'policies',
    'renewable',
    'token_policies',
    'token_type',
  ])
  assert.equal(body.auth.mfa_requirement, null)
})

test('ENV-07, ENV-08: data is repeated at the top level only where the contract lists the path', async () => {
  const acl = await root.read('sys/policies/acl/default')
  assert.ok(acl.body.data.policy.length > 0)
  assert.equal(acl.body.policy, undefined)
  const old = await root.read('sys/policy/default')
  assert.equal(old.body.name, 'default')
  assert.equal(old.body.rules, old.body.data.rules)
  assert.equal(old.body.data.name, 'default')
})

test('ENV-09: seal-status has no envelope', async () => {
  const { body } = await nobody.read('sys/seal-status')
  assert.equal('request_id' in body || 'data' in body, false)
})

interface Row {
  readonly id: string
  readonly says: string
  readonly by: () => ApiClient
  readonly method?: string
  readonly path: string
  readonly body?: object
  readonly status: number
  readonly error?: string | RegExp
}

const refusedRows: readonly Row[] = [
  {
    id: 'ENV-10',
    says: 'without a token',
    by: () => nobody,
    path: 'secret/data/x',
    status: 403,
    error: tokenProblem,
  },
  {
    id: 'ENV-11',
    says: 'with a nonsense token',
    by: () => nobody.as('nonsense'),
    path: 'secret/data/x',
    status: 403,
    error: tokenProblem,
  },
  {
    id: 'ENV-12',
    says: 'with a token whose policies say no',
    by: () => plain,
    path: 'secret/data/x',
    status: 403,
    error: policyProblem,
  },
  {
    id: 'ENV-16',
    says: 'where no mount is',
    by: () => root,
    path: 'nomount/x',
    status: 404,
    error: 'no handler for route "nomount/x". route entry not found.',
  },
  {
    id: 'ENV-17',
    says: 'policy comes before routing',
    by: () => plain,
    path: 'nomount/x',
    status: 403,
    error: policyProblem,
  },
  {
    id: 'ENV-18',
    says: 'where the mount knows no such path',
    by: () => root,
    path: 'auth/jwt/nosuch',
    status: 404,
    error: unsupportedPath,
  },
  {
    id: 'ENV-19',
    says: 'with an operation that the path has not',
    by: () => root,
    path: 'auth/token/create',
    status: 405,
    error: unsupportedOperation,
  },
  {
    id: 'ENV-20',
    says: 'with a verb that a bare path has not',
    by: () => nobody,
    path: 'sys/unseal',
    status: 405,
  },
  { id: 'ENV-21', says: 'TRACE', by: () => root, method: 'TRACE', path: 'sys/mounts', status: 405 },
  {
    id: 'ENV-21',
    says: 'PROPFIND',
    by: () => root,
    method: 'PROPFIND',
    path: 'secret/data/x',
    status: 405,
  },
  {
    id: 'ENV-22',
    says: 'a policy that is not there',
    by: () => root,
    path: 'sys/policies/acl/missing',
    status: 404,
  },
  {
    id: 'ENV-23',
    says: 'an empty list',
    by: () => root,
    path: 'auth/empty/role?list=true',
    status: 404,
  },
  {
    id: 'ENV-28',
    says: 'a list that is neither true nor false',
    by: () => root,
    path: 'auth/jwt/role?list=notabool',
    status: 400,
    error: /./,
  },
  {
    id: 'ENV-29',
    says: 'list=false is a read',
    by: () => root,
    path: 'auth/jwt/role?list=false',
    status: 405,
    error: unsupportedOperation,
  },
  {
    id: 'ENV-30',
    says: 'list and scan together',
    by: () => root,
    path: 'auth/jwt/role?list=true&scan=true',
    status: 400,
    error: /./,
  },
  {
    id: 'ENV-37',
    says: 'a write to a folder',
    by: () => root,
    method: 'POST',
    path: 'secret/data/',
    body: {},
    status: 400,
    error: "cannot write to a path ending in '/'",
  },
  {
    id: 'ENV-38',
    says: 'a relative path',
    by: () => root,
    path: 'secret/../sys/mounts',
    status: 400,
    error: 'relative paths not supported',
  },
  { id: 'ENV-61', says: 'another version of the API', by: () => root, path: '/v2/x', status: 404 },
  { id: 'ENV-61', says: 'outside the API', by: () => root, path: '/foo', status: 404 },
  { id: 'ENV-62', says: 'HEAD', by: () => root, method: 'HEAD', path: 'sys/mounts', status: 405 },
]

for (const row of refusedRows) {
  test(`${row.id}: ${row.says} (${row.method ?? 'GET'} ${row.path}) is ${row.status}`, async () => {
    const result = await row.by().call(row.method ?? 'GET', row.path, row.body)
    if (row.method === 'HEAD') assert.equal(result.status, row.status)
    else wantError(result, row.status, row.error)
  })
}

test('ENV-24, ENV-25, ENV-26, ENV-27: every way to ask for a list gives the same list', async () => {
  const ways: readonly (readonly [string, string])[] = [
    ['GET', 'auth/jwt/role?list=true'],
    ['LIST', 'auth/jwt/role'],
    ['LIST', 'auth/jwt/role/'],
    ...['1', 't', 'TRUE', 'True'].map((word) => ['GET', `auth/jwt/role?list=${word}`] as const),
  ]
  for (const [method, path] of ways) {
    const result = await root.call(method, path)
    assert.equal(result.status, 200, `${method} ${path}: ${result.text}`)
    assert.deepEqual(result.body.data, { keys: ['a', 'b'] })
  }
})

test('ENV-33, ENV-34, ENV-35: writes and deletes without anything to say are 204, by PUT as by POST, twice as once', async () => {
  const policy = 'path "x" { capabilities = ["read"] }'
  for (const [method, path, body] of [
    ['DELETE', 'sys/policies/acl/missing', undefined],
    ['POST', 'sys/policies/acl/p', { policy }],
    ['POST', 'sys/policies/acl/p', { policy }],
    ['PUT', 'sys/policies/acl/p', { policy }],
  ] as const) {
    const result = await root.call(method, path, body)
    assert.equal(result.status, 204)
    assert.equal(result.text, '')
  }
})

test('ENV-39: doubled slashes are one', async () => {
  const single = await root.read('auth/jwt/role/a')
  const doubled = await root.read('auth//jwt///role/a')
  assert.deepEqual(doubled.body.data, single.body.data)
  assert.equal(doubled.status, 200)
})

test('ENV-42, ENV-43, ENV-44: where the token is looked for', async () => {
  const bearer = (value: string) => ({ headers: { Authorization: value } })
  const path = 'auth/token/lookup-self'
  const token = server.rootToken
  assert.equal((await nobody.call('GET', path, undefined, bearer(`Bearer ${token}`))).status, 200)
  assert.equal((await root.call('GET', path, undefined, bearer('Bearer wrong'))).status, 200)
  want403T(await nobody.call('GET', path, undefined, bearer(`bearer ${token}`)))
})

test('ENV-42: lookup-self and renew-self show the token however it came', async () => {
  const { body } = await jwt.mustLogin('a')
  const token = String(body.auth.client_token)
  for (const headers of [
    { Authorization: `Bearer ${token}` },
    { Authorization: `Bearer  ${token} ` },
  ]) {
    const self = await nobody.call('GET', 'auth/token/lookup-self', undefined, { headers })
    assert.equal(self.body.data.id, token)
    const renewed = await nobody.call('POST', 'auth/token/renew-self', {}, { headers })
    assert.equal(renewed.body.auth.client_token, token)
  }
  const renewed = await nobody.as(token).write('auth/token/renew-self')
  assert.equal(renewed.body.auth.client_token, token)
})

test('ENV-45, ENV-67: a bad token, and the token of a disabled entity, are no obstacle to a login', async () => {
  const headers = { 'X-Vault-Token': 'garbage' }
  assert.equal((await jwt.login('a', 'alice', headers)).status, 200)
  const { body } = await jwt.mustLogin('a', 'mallory')
  await changeEntity(server, body.auth.entity_id, { disabled: true })
  want403T(await server.client(body.auth.client_token).read('auth/token/lookup-self'))
  const other = { 'X-Vault-Token': String(body.auth.client_token) }
  assert.equal((await jwt.login('a', 'alice', other)).status, 200)
})

test('ENV-46, ENV-47: only the root namespace exists', async () => {
  const inside = (namespace: string) => ({ headers: { 'X-Vault-Namespace': namespace } })
  const none = await root.call('GET', 'sys/mounts', undefined, inside(''))
  assert.equal(none.status, 200)
  assert.equal(none.headers['x-vault-namespace'], undefined)
  const team = await root.call('GET', 'sys/mounts', undefined, inside('team/'))
  wantError(team, 404, 'namespace not found')
  assert.equal(team.headers['x-vault-namespace'], 'team/')
})

test('ENV-48, ENV-49: headers of other products change nothing', async () => {
  for (const name of [
    'Request',
    'Index',
    'Inconsistent',
    'Forward',
    'No-Request-Forwarding',
    'Policy-Override',
  ]) {
    const headers = { [`X-Vault-${name}`]: 'true' }
    assert.equal((await root.call('GET', 'sys/mounts', undefined, { headers })).status, 200, name)
  }
})

test('ENV-58: a write ignores the query string', async () => {
  const made = await root.must('auth/token/create?ttl=1h', { policies: ['a'] })
  assert.equal(made.body.auth.lease_duration, 2_764_800)
})

test('ENV-64, ENV-65, ENV-66: CORS is off until it is switched on, and then for that origin', async () => {
  const origin = (Origin: string, more: object = {}) => ({ headers: { Origin, ...more } })
  const preflight = { 'Access-Control-Request-Method': 'PUT' }
  const off = await nobody.call('OPTIONS', 'sys/health', undefined, origin('https://a', preflight))
  assert.equal(off.status, 405)
  assert.equal(off.headers['access-control-allow-origin'], undefined)
  await root.must('sys/config/cors', { allowed_origins: 'https://a' })
  assert.equal((await root.read('sys/config/cors')).body.allowed_origins[0], 'https://a')
  wantError(
    await nobody.call('GET', 'sys/health', undefined, origin('https://b')),
    403,
    'origin not allowed',
  )
  const on = await nobody.call('OPTIONS', 'sys/health', undefined, origin('https://a', preflight))
  assert.equal(on.status, 200)
  assert.equal(on.text, '')
  assert.equal(on.headers['access-control-allow-origin'], 'https://a')
  assert.match(on.headers['vary'] ?? '', /Origin/)
  assert.equal(on.headers['access-control-max-age'], '300')
  await root.remove('sys/config/cors')
  const again = await nobody.call(
    'OPTIONS',
    'sys/health',
    undefined,
    origin('https://a', preflight),
  )
  assert.equal(again.status, 405)
})

test('SEC-ACL-03: another spelling of a path is the same path or no path', async () => {
  const reader = await root.tokenFor(
    'one-policy',
    'path "sys/policies/acl/p" { capabilities = ["read"] }',
  )
  assert.equal((await reader.read('sys/policies/acl/p')).status, 200)
  assert.equal((await reader.read('sys//policies/acl/p')).status, 200)
  assert.equal((await reader.read('sys/policies/acl/%70')).status, 200)
  for (const path of [
    'sys/policies/acl/p/',
    'sys/policies/acl/P',
    'SYS/policies/acl/p',
    'sys/policies/acl/%2570',
  ]) {
    assert.equal((await reader.read(path)).status, 403, path)
  }
  for (const path of [
    'sys/policies/./acl/p',
    'sys/policies/acl/x/../p',
    'sys/policies/acl/x/%2e%2e/p',
  ]) {
    assert.equal((await reader.read(path)).status, 400, path)
  }
})

test('SEC-ACL-13: a header of ours or an operation name from outside is never obeyed', async () => {
  const reader = await root.tokenFor(
    'list-nothing',
    'path "auth/jwt/role" { capabilities = ["read"] }',
  )
  for (const name of ['X-Real-Verb', 'X-Vault-Operation', 'X-HTTP-Method-Override']) {
    const result = await reader.call('GET', 'auth/jwt/role', undefined, {
      headers: { [name]: 'LIST' },
    })
    assert.equal(result.status, 405)
  }
  const result = await plain.write('sys/policies/acl/p', { operation: 'read', policy: '' })
  wantError(result, 403, policyProblem)
})
