/** Policies, their endpoints and when they count (platform.md §2.4, §4.8, §4.9). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, want403P, wantError } from './fixture.ts'

const text = 'path "sys/mounts" {\n  capabilities = ["read"] # kept as written\n}\n'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
})

after(() => server.stop())

test('SYS-56: a name is lower-cased, with a warning', async () => {
  const result = await root.call('PUT', 'sys/policies/acl/UPPER', { policy: text })
  assert.equal(result.status, 200)
  assert.equal(result.body.warnings.length, 1)
  assert.equal((await root.read('sys/policies/acl/upper')).body.data.name, 'upper')
  assert.equal((await root.read('sys/policies/acl/Upper')).body.data.policy, text)
  assert.ok((await root.list('sys/policies/acl')).body.data.keys.includes('upper'))
  assert.equal((await root.remove('sys/policies/acl/UPPER')).status, 204)
  assert.equal((await root.read('sys/policies/acl/upper')).status, 404)
})

test('SYS-57, SYS-58: lists are sorted, with root last and without what is hidden', async () => {
  for (const name of ['b', 'a']) await root.must(`sys/policies/acl/${name}`, { policy: text })
  const { keys } = (await root.list('sys/policies/acl')).body.data
  assert.deepEqual(keys, ['a', 'b', 'default', 'root'])
  const old = (await root.read('sys/policy')).body
  assert.deepEqual(old.data.keys, keys)
  assert.deepEqual(old.data.policies, keys)
  assert.deepEqual(old.policies, keys)
  assert.deepEqual((await root.list('sys/policy')).body.data.policies, keys)
  for (const name of ['a', 'b']) await root.remove(`sys/policies/acl/${name}`)
})

test('SYS-59, SYS-60, SYS-65: root, response-wrapping and default are protected', async () => {
  for (const name of ['root', 'ROOT', 'response-wrapping', 'Response-Wrapping']) {
    const clean = name.toLowerCase()
    wantError(
      await root.write(`sys/policies/acl/${name}`, { policy: text }),
      400,
      `cannot update "${clean}" policy`,
    )
    wantError(
      await root.write(`sys/policy/${name}`, { rules: text }),
      400,
      `cannot update "${clean}" policy`,
    )
    assert.equal((await root.remove(`sys/policies/acl/${name}`)).status, 400)
    assert.equal((await root.remove(`sys/policy/${name}`)).status, 400)
  }
  for (const name of ['default', 'Default']) {
    wantError(await root.remove(`sys/policies/acl/${name}`), 400, 'cannot delete default policy')
  }
  const { data } = (await root.read('sys/policies/acl/root')).body
  assert.deepEqual([data.name, data.policy], ['root', ''])
})

test('SYS-62: base64 of a text is that text', async () => {
  const policy = Buffer.from(text).toString('base64')
  await root.must('sys/policies/acl/coded', { policy })
  assert.equal((await root.read('sys/policies/acl/coded')).body.data.policy, text)
})

test('SYS-63: a policy that is empty or does not parse is refused, and the old one stays', async () => {
  await root.must('sys/policies/acl/kept', { policy: text })
  for (const [body, error] of [
    [{ policy: '' }, "'policy' parameter not supplied or empty"],
    [{}, "'policy' parameter not supplied or empty"],
    [{ policy: '   ' }, /./],
    [{ policy: 'path "x" { capabilities = ["fly"] }' }, /^failed to parse policy: /],
    [{ policy: 'path "x" {' }, /^failed to parse policy: /],
    [{ policy: ['a'] }, /^Field validation failed: error converting input for field "policy"/],
    [{ policy: {} }, /^Field validation failed: error converting input for field "policy"/],
  ] as const) {
    wantError(await root.write('sys/policies/acl/kept', body), 400, error)
  }
  assert.equal((await root.read('sys/policies/acl/kept')).body.data.policy, text)
})

test('SYS-64: rules is the older name, with a warning', async () => {
  const result = await root.call('PUT', 'sys/policy/older', { rules: text })
  assert.equal(result.status, 200)
  assert.match(result.body.warnings[0], /deprecated/)
  const { data, rules } = (await root.read('sys/policy/older')).body
  assert.deepEqual([data.rules, rules], [text, text])
})

test('PAR-31: a warning about unknown fields alone makes a body only where a misspelt field is told', async () => {
  const told = await root.write('sys/policies/acl/told', { policy: text, zzz: 1 })
  assert.deepEqual([told.status, told.body.warnings.length], [200, 1])
  const quiet = await root.write('sys/config/cors', { allowed_origins: 'https://a.test', zzz: 1 })
  assert.equal(quiet.status, 204)
})

test('a policy name may hold a slash, a space and any letter', async () => {
  for (const name of ['team/ci', 'a b', 'ünï']) {
    const path = `sys/policies/acl/${encodeURIComponent(name).replaceAll('%2F', '/')}`
    await root.must(path, { policy: text })
    assert.equal((await root.read(path)).body.data.name, name)
    assert.equal((await (await root.tokenWith([name])).read('sys/mounts')).status, 200)
    assert.equal((await root.remove(path)).status, 204)
  }
})

test('POL-77, POL-78, SEC-ACL-07: a rewritten or deleted policy counts for living tokens at the next request', async () => {
  const token = await root.tokenFor('living', text)
  assert.equal((await token.read('sys/mounts')).status, 200)
  await root.must('sys/policies/acl/living', {
    policy: 'path "sys/auth" { capabilities = ["read"] }',
  })
  want403P(await token.read('sys/mounts'))
  assert.equal((await token.read('sys/auth')).status, 200)
  await root.remove('sys/policies/acl/living')
  want403P(await token.read('sys/auth'))
})

test('SEC-ACL-07: of a policy rewritten over and over, no old rule is ever used after the answer to the write', async () => {
  const allowed = 'path "sys/mounts" { capabilities = ["read"] }'
  const denied = 'path "sys/mounts" { capabilities = ["deny"] }'
  const token = await root.tokenFor('flip', allowed)
  let stop = false
  const noise = Promise.all(
    [0, 1, 2].map(async () => {
      while (!stop) await token.read('sys/mounts')
    }),
  )
  for (let round = 0; round < 40; round++) {
    await root.must('sys/policies/acl/flip', { policy: denied })
    assert.equal((await token.read('sys/mounts')).status, 403)
    await root.must('sys/policies/acl/flip', { policy: allowed })
    assert.equal((await token.read('sys/mounts')).status, 200)
  }
  stop = true
  await noise
})

test('POL-58, POL-59: create and update are told apart where the thing may exist', async () => {
  await root.must('sys/mounts/kv1', { type: 'kv' })
  const creator = await root.tokenFor('creator', 'path "kv1/x" { capabilities = ["create"] }')
  assert.equal((await creator.write('kv1/x', { a: 1 })).status, 204)
  want403P(await creator.write('kv1/x', { a: 2 }))
  const updater = await root.tokenFor('updater', 'path "kv1/*" { capabilities = ["update"] }')
  want403P(await updater.write('kv1/absent', { a: 1 }))
  assert.equal((await updater.write('kv1/x', { a: 3 })).status, 204)
})

test('POL-60, POL-61, POL-62, POL-63: a role can be created; config, entities and tokens are always updates', async () => {
  await enableJwt(server)
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a' }
  const creator = await root.tokenFor(
    'role-creator',
    'path "auth/jwt/role/*" { capabilities = ["create"] }',
  )
  assert.equal((await creator.write('auth/jwt/role/dev', role)).status, 204)
  want403P(await creator.write('auth/jwt/role/dev', role))
  const others = await root.tokenFor(
    'other-creator',
    ['identity/entity', 'auth/jwt/config', 'auth/token/create']
      .map((path) => `path "${path}" { capabilities = ["create"] }`)
      .join('\n'),
  )
  want403P(await others.write('identity/entity', {}))
  want403P(await others.write('auth/jwt/config', { bound_issuer: 'x' }))
  want403P(await others.write('auth/token/create', {}))
  const maker = await root.tokenFor(
    'maker',
    'path "auth/token/create" { capabilities = ["update"] }',
  )
  assert.equal((await maker.write('auth/token/create', {})).status, 200)
})

test('who may create a role learns what is wrong with its fields, who may not learns nothing', async () => {
  const wrong = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a', token_ttl: 'soon' }
  const creator = await root.tokenFor(
    'new-roles',
    'path "auth/jwt/role/*" { capabilities = ["create"] }',
  )
  wantError(await creator.write('auth/jwt/role/new', wrong), 400, /"token_ttl"/)
  want403P(await creator.write('auth/jwt/role/dev', wrong))
  const { client } = await create(root, { policies: ['default'] })
  want403P(await client.write('auth/jwt/role/new', wrong))
  want403P(await client.write('auth/jwt/config', { bound_issuer: {} }))
  want403P(await client.write('auth/token/create', { ttl: 'soon', policies: {} }))
  want403P(await client.write('sys/mounts/x', { type: [] }))
})

test('POL-64: patch is a capability of its own', async () => {
  await root.must('secret/data/x', { data: { a: '1' } })
  const updater = await root.tokenFor(
    'patch-u',
    'path "secret/data/x" { capabilities = ["update"] }',
  )
  want403P(await updater.call('PATCH', 'secret/data/x', { data: { b: '2' } }))
  const patcher = await root.tokenFor(
    'patch-p',
    'path "secret/data/x" { capabilities = ["patch"] }',
  )
  assert.equal((await patcher.call('PATCH', 'secret/data/x', { data: { b: '2' } })).status, 200)
})

test('POL-126: the default policy lets a token look after itself', async () => {
  const { client } = await create(root, { policies: ['default'] })
  assert.equal((await client.read('auth/token/lookup-self')).status, 200)
  assert.equal((await client.write('auth/token/renew-self')).status, 200)
  assert.equal((await client.write('sys/capabilities-self', { path: 'a' })).status, 200)
  assert.equal((await client.write('sys/tools/hash', { input: 'YQ==' })).status, 200)
  assert.equal((await client.write('sys/tools/hash/sha2-512', { input: 'YQ==' })).status, 200)
  assert.equal((await client.read('sys/internal/ui/resultant-acl')).status, 200)
  assert.equal((await client.write('auth/token/revoke-self')).status, 204)
})

test('POL-127: and nothing else', async () => {
  const { client } = await create(root, { policies: ['default'] })
  want403P(await client.write('auth/token/create'))
  want403P(await client.read('secret/data/x'))
  want403P(await client.read('sys/mounts'))
})

test('POL-128: the default policy opens the own cubbyhole', async () => {
  const { client } = await create(root, { policies: ['default'] })
  assert.equal((await client.write('cubbyhole/a', { v: '1' })).status, 204)
  assert.deepEqual((await client.read('cubbyhole/a')).body.data, { v: '1' })
  assert.deepEqual((await client.list('cubbyhole')).body.data.keys, ['a'])
  assert.equal((await client.remove('cubbyhole/a')).status, 204)
  assert.equal((await client.read('cubbyhole/a')).status, 404)
})

test('POL-130, POL-131, POL-132: without default nothing, with root everything, help always', async () => {
  const bare = await root.tokenWith(['nothing'])
  want403P(await bare.read('auth/token/lookup-self'))
  assert.equal((await root.read('sys/plugins/catalog')).status, 200)
  assert.deepEqual((await root.write('sys/capabilities-self', { path: 'any' })).body.data.any, [
    'root',
  ])
  const help = await bare.read('sys/mounts?help=1')
  assert.equal(help.status, 200)
  assert.deepEqual(Object.keys(help.body).toSorted(), ['help', 'openapi', 'see_also'])
  assert.match(help.body.help, /sys\/mounts|mounts/)
  wantError(await server.client().read('sys/mounts?help=1'), 403, 'permission denied')
  assert.equal((await server.client().read('auth/jwt/login?help=1')).status, 200)
})

test('SEC-ACL-10: sudo paths stay shut for a policy that grants everything else', async () => {
  const all = ['create', 'read', 'update', 'delete', 'list', 'patch']
  const strong = await root.tokenFor('strong', `path "*" { capabilities = ${JSON.stringify(all)} }`)
  for (const [method, path] of [
    ['PUT', 'sys/seal'],
    ['PUT', 'sys/step-down'],
    ['PUT', 'sys/rotate'],
    ['PUT', 'sys/rotate/keyring'],
    ['GET', 'sys/audit'],
    ['PUT', 'sys/audit/x'],
    ['POST', 'sys/auth/x'],
    ['GET', 'sys/auth/jwt'],
    ['DELETE', 'sys/auth/jwt'],
    ['POST', 'sys/auth/jwt/tune'],
    ['POST', 'sys/remount'],
    ['PUT', 'sys/config/cors'],
    ['LIST', 'auth/token/accessors'],
    ['PUT', 'sys/leases/revoke-prefix/auth'],
    ['PUT', 'sys/revoke-prefix/auth'],
    ['PUT', 'sys/leases/revoke-force/auth'],
    ['PUT', 'sys/revoke-force/auth'],
    ['LIST', 'sys/leases/lookup'],
    ['LIST', 'sys/leases/lookup/auth'],
  ] as const) {
    const result = await strong.call(
      method,
      path,
      method === 'PUT' || method === 'POST' ? {} : undefined,
    )
    want403P(result)
  }
})
