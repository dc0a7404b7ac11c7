/** sys/internal, help, OpenAPI and other small sys paths (platform.md §1.12, §2.8 to §2.11). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, want403P, wantError } from './fixture.ts'

const preflight = (path: string) =>
  `preflight capability check returned 403, please ensure client's policies grant access to path "${path}"`

let server: TestServer
let root: ApiClient
let nobody: ApiClient
let plain: ApiClient
let reader: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  nobody = server.client()
  await enableJwt(server)
  plain = (await create(root, { policies: ['default'] })).client
  reader = await root.tokenFor('reader', 'path "secret/data/x" { capabilities = ["read"] }')
})

after(() => server.stop())

test('SYS-48, SYS-49, SEC-ACL-12: without a token only mounts that were made visible are named', async () => {
  const hidden = (await nobody.read('sys/internal/ui/mounts')).body.data
  assert.deepEqual(hidden, { secret: {}, auth: {} })
  await root.must('sys/auth/jwt/tune', {
    listing_visibility: 'unauth',
    description: 'sign in here',
  })
  const { auth } = (await nobody.read('sys/internal/ui/mounts')).body.data
  assert.deepEqual(auth, { 'jwt/': { type: 'jwt', description: 'sign in here', options: {} } })
  assert.deepEqual(
    (await nobody.as('nonsense').read('sys/internal/ui/mounts')).body.data.auth,
    auth,
  )
  await root.must('sys/auth/jwt/tune', { listing_visibility: 'hidden' })
  assert.deepEqual((await nobody.read('sys/internal/ui/mounts')).body.data.auth, {})
})

test('SYS-50: with a token the mounts that it reaches into', async () => {
  const { secret, auth } = (await reader.read('sys/internal/ui/mounts')).body.data
  assert.deepEqual(Object.keys(secret), ['secret/'])
  assert.deepEqual(auth, {})
  assert.match(secret['secret/'].accessor, /^kv_/)
  const more = (await plain.read('sys/internal/ui/mounts')).body.data
  assert.deepEqual(Object.keys(more.secret).toSorted(), ['cubbyhole/', 'identity/', 'sys/'])
  assert.deepEqual(Object.keys(more.auth), ['token/'])
})

test('SYS-51: the mount of a path', async () => {
  const { data } = (await reader.read('sys/internal/ui/mounts/secret/data/x')).body
  assert.equal(data.path, 'secret/')
  assert.equal(data.type, 'kv')
  assert.equal(data.options.version, '2')
  assert.equal((await reader.read('sys/internal/ui/mounts/secret')).body.data.path, 'secret/')
  assert.equal(
    (await root.read('sys/internal/ui/mounts/auth/jwt/login')).body.data.path,
    'auth/jwt/',
  )
})

test('SYS-52, SYS-53, SYS-54: what is not there and what is not yours have one answer', async () => {
  for (const [path, shown] of [
    ['secret', 'secret/'],
    ['nomount', 'nomount/'],
    ['secret/data/y', 'secret/data/y/'],
    ['nomount/data/y', 'nomount/data/y/'],
    ['auth/jwt', 'auth/jwt/'],
  ] as const) {
    for (const by of [plain, nobody, nobody.as('nonsense')]) {
      wantError(await by.read(`sys/internal/ui/mounts/${path}`), 403, preflight(shown))
    }
  }
})

test('SYS-55: resulting rules', async () => {
  const none = await nobody.read('sys/internal/ui/resultant-acl')
  assert.equal(none.status, 204)
  assert.deepEqual((await root.read('sys/internal/ui/resultant-acl')).body.data, { root: true })
  const { data } = (await reader.read('sys/internal/ui/resultant-acl')).body
  assert.deepEqual(data, {
    root: false,
    exact_paths: { 'secret/data/x': { capabilities: ['read'] } },
    glob_paths: {},
  })
})

test('SYS-76, SYS-77: there are no audit devices to see or to make', async () => {
  const weak = await root.tokenFor('auditor', 'path "sys/audit" { capabilities = ["read"] }')
  want403P(await weak.read('sys/audit'))
  assert.deepEqual((await root.read('sys/audit')).body.data, {})
  const device = { type: 'file', options: { file_path: '/tmp/x' } }
  wantError(
    await root.call('PUT', 'sys/audit/f', device),
    400,
    /^cannot enable audit device via API/,
  )
})

test('SYS-79: there is no replication, and anybody may know', async () => {
  assert.deepEqual((await nobody.read('sys/replication/status')).body.data, {
    mode: 'disabled',
    dr: { mode: 'disabled' },
    performance: { mode: 'disabled' },
  })
})

test('SYS-80: the OpenAPI document has every path that is declared', async () => {
  const { body } = await root.read('sys/internal/specs/openapi')
  assert.match(body.openapi, /^3\./)
  assert.equal('request_id' in body, false)
  const { core } = server.server
  const { mounts } = (await core.configuration()).mounts
  let count = 0
  for (const mount of mounts) {
    const prefix = `/${mount.class === 'auth' ? 'auth/' : ''}${mount.path}`
    for (const { pattern, operations } of core.backends.of(mount).router.declarations) {
      const path = prefix + pattern.replaceAll(/[:*](\w+)\??/g, '{$1}')
      const item = body.paths[path]
      assert.ok(item !== undefined, path)
      const methods = {
        read: 'get',
        list: 'get',
        scan: 'get',
        write: 'post',
        patch: 'patch',
        delete: 'delete',
      }
      for (const operation of Object.keys(operations)) {
        assert.ok(methods[operation as keyof typeof methods] in item, `${path} ${operation}`)
      }
      count++
    }
  }
  assert.ok(count > 60)
  const ids = Object.values<Record<string, { operationId?: string }>>(body.paths).flatMap((item) =>
    ['get', 'post', 'patch', 'delete'].flatMap((method) => item[method]?.operationId ?? []),
  )
  assert.equal(new Set(ids).size, ids.length)
})

test('SYS-80, SEC-ACL-12: who shows no token learns no names of mounts from the OpenAPI document', async () => {
  const mountsOf = async (by: ApiClient) => {
    const { body } = await by.read('sys/internal/specs/openapi')
    const names = Object.keys(body.paths).map(
      (path) => /^\/(?:auth\/)?[^/]+\//.exec(path)?.[0] ?? path,
    )
    return [...new Set(names)].toSorted()
  }
  assert.deepEqual(await mountsOf(nobody), ['/auth/token/', '/cubbyhole/', '/identity/', '/sys/'])
  assert.deepEqual(await mountsOf(reader), [
    '/auth/token/',
    '/cubbyhole/',
    '/identity/',
    '/secret/',
    '/sys/',
  ])
  await root.must('sys/auth/jwt/tune', { listing_visibility: 'unauth' })
  assert.deepEqual(await mountsOf(nobody), [
    '/auth/jwt/',
    '/auth/token/',
    '/cubbyhole/',
    '/identity/',
    '/sys/',
  ])
  await root.must('sys/auth/jwt/tune', { listing_visibility: '' })
})

test('a kept OpenAPI document is not given to who sees other mounts, nor after a mount has come or moved', async () => {
  const paths = async () => {
    const { body } = await root.read('sys/internal/specs/openapi')
    return Object.keys(body.paths).filter((path) => /^\/(?:here|there)\//.test(path)).length
  }
  assert.equal(await paths(), 0)
  await root.must('sys/mounts/here', { type: 'kv' })
  const count = await paths()
  assert.ok(count > 0)
  await root.must('sys/remount', { from: 'here', to: 'there' })
  assert.equal(await paths(), count)
  await root.remove('sys/mounts/there')
  assert.equal(await paths(), 0)
})

test('help is there for a path, for a mount and for what is open, and only for who has a token', async () => {
  for (const [by, path] of [
    [plain, 'auth/token/create'],
    [plain, 'sys/seal'],
    [plain, 'auth/jwt/role/x'],
    [plain, 'auth/jwt/'],
    [nobody, 'auth/jwt/login'],
    [nobody, 'sys/health'],
  ] as const) {
    for (const result of [await by.read(`${path}?help=1`), await by.call('HELP', path)]) {
      assert.equal(result.status, 200, `${path}: ${result.text}`)
      assert.ok(result.body.help.length > 20)
      assert.equal(result.headers['content-type'], 'application/json')
    }
  }
  wantError(await nobody.read('auth/token/create?help=1'), 403, 'permission denied')
  assert.equal((await plain.read('nomount/x?help=1')).status, 404)
})

test('sys/tools hashes and draws', async () => {
  const hash = await root.write('sys/tools/hash', { input: 'YQ==' })
  assert.equal(
    hash.body.data.sum,
    'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
  )
  const random = await root.write('sys/tools/random/8', { format: 'hex' })
  assert.match(random.body.data.random_bytes, /^[0-9a-f]{16}$/)
  for (const [path, body] of [
    ['sys/tools/hash/md5', { input: 'YQ==' }],
    ['sys/tools/hash', { input: '%%' }],
    ['sys/tools/hash', { input: 'YQ==', format: 'roman' }],
    ['sys/tools/random/0', {}],
    ['sys/tools/random', { bytes: 10_000_000 }],
  ] as const) {
    wantError(await root.write(path, body), 400, /./)
  }
})

test('what is to be wrapped is never answered in clear', async () => {
  const headers = { 'X-Vault-Wrap-TTL': '60' }
  const result = await root.call('GET', 'auth/token/lookup-self', undefined, { headers })
  assert.equal(result.status, 200)
  assert.equal(result.body.data, null)
  assert.equal(result.text.includes(server.rootToken), false)
})
