/** Namespaces themselves: made, read, changed, locked, removed, and found by a request. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { want403T, wantError } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
})

after(() => server.stop())

async function make(path: string, body: object = {}): Promise<Record<string, string>> {
  return (await root.must(`sys/namespaces/${path}`, body)).body.data
}

test('a namespace is made, read, listed, changed and found again with its metadata (NSP-01)', async () => {
  const made = await make('shown', { custom_metadata: { team: 'blue' } })
  assert.match(made['id'] ?? '', /^[A-Za-z0-9]{6}$/)
  assert.match(made['uuid'] ?? '', /^[0-9a-f-]{36}$/)
  assert.deepEqual(made, {
    custom_metadata: { team: 'blue' },
    id: made['id'],
    locked: false,
    path: 'shown/',
    tainted: false,
    uuid: made['uuid'],
  })
  assert.deepEqual((await root.read('sys/namespaces/shown')).body.data, made)
  assert.deepEqual((await root.read('sys/namespaces/shown/')).body.data, made)
  const listed = (await root.list('sys/namespaces')).body.data
  assert.ok(listed.keys.includes('shown/'))
  assert.deepEqual(listed.key_info['shown/'], made)

  const again = await make('shown', {})
  assert.deepEqual(again, made)
  const patch = { custom_metadata: { team: null, floor: '3' } }
  const patched = await root.call('PATCH', 'sys/namespaces/shown', patch)
  assert.deepEqual(patched.body.data.custom_metadata, { floor: '3' })
  const replaced = await make('shown', { custom_metadata: { a: 'b' } })
  assert.deepEqual(replaced['custom_metadata'], { a: 'b' })
  assert.equal(replaced['id'], made['id'])
  assert.equal((await root.read('sys/namespaces/nowhere')).status, 404)
  assert.equal((await root.call('PATCH', 'sys/namespaces/nowhere', patch)).status, 404)
})

test('namespaces nest, and each lists those directly below it (NSP-02)', async () => {
  await make('deep')
  await make('deep/a')
  await root.in('deep/a').must('sys/namespaces/b')
  assert.deepEqual((await root.in('deep').list('sys/namespaces')).body.data.keys, ['a/'])
  const scanned = await root.in('deep').call('GET', 'sys/namespaces/?scan=true')
  assert.deepEqual(scanned.body.data.keys, ['a/', 'a/b/'])
  assert.equal((await root.in('deep/a').read('sys/namespaces/b')).body.data.path, 'b/')
  assert.equal((await root.read('sys/namespaces/deep/a/b')).body.data.path, 'deep/a/b/')
  wantError(await root.write('sys/namespaces/nowhere/b'), 400, 'there is no namespace nowhere/')
})

test('names that mean something else are refused with a sentence (NSP-03)', async () => {
  const refused = ['root', 'sys', 'audit', 'auth', 'cubbyhole', 'identity', 'SYS', 'a%20b', 'a%00b']
  for (const name of [...refused, '%2e%2e', 'a,ns=b', 'a+', 'a*', 'é', 'x/sys', 'x'.repeat(129)]) {
    const result = await root.write(`sys/namespaces/${name}`)
    assert.ok(result.status === 400 || result.status === 404, `${name}: ${result.status}`)
    assert.equal((await root.list('sys/namespaces')).body.data.keys.includes(`${name}/`), false)
  }
  wantError(
    await root.write('sys/namespaces/sys'),
    400,
    '"sys" is a reserved path and cannot be used as a namespace',
  )
})

test('a request names its namespace by header, path or both; slashes do not matter (NSP-04, ENV-47)', async () => {
  await make('found')
  await make('found/a')
  await root.in('found/a').must('sys/policies/acl/mine', { policy: 'path "x" {}' })
  const ways: readonly (readonly [header: string | undefined, path: string])[] = [
    ['found/a', 'sys/policies/acl/mine'],
    ['/found/a/', 'sys/policies/acl/mine'],
    ['found', 'a/sys/policies/acl/mine'],
    [undefined, 'found/a/sys/policies/acl/mine'],
    ['', 'found/a/sys/policies/acl/mine'],
    ['root', 'found/a/sys/policies/acl/mine'],
  ]
  for (const [header, path] of ways) {
    const result = await root.in(header).read(path)
    assert.equal(result.status, 200, `${header} ${path}: ${result.text}`)
    assert.equal(result.headers['x-vault-namespace'], header === '' ? undefined : header)
  }
  assert.equal((await root.read('sys/policies/acl/mine')).status, 404)
  assert.equal((await root.in('found').read('sys/policies/acl/mine')).status, 404)
  for (const header of ['nowhere', 'found/b', 'FOUND', 'a']) {
    const result = await root.in(header).read('sys/policies/acl/mine')
    wantError(result, 404, 'namespace not found')
    assert.equal(result.headers['x-vault-namespace'], header)
  }
})

test('what is about the whole server is refused in a namespace (NSP-05)', async () => {
  await make('small')
  const inside = root.in('small')
  const paths: readonly (readonly [method: string, path: string])[] = [
    ['PUT', 'sys/seal'],
    ['PUT', 'sys/unseal'],
    ['PUT', 'sys/init'],
    ['GET', 'sys/seal-status'],
    ['GET', 'sys/health'],
    ['GET', 'sys/leader'],
    ['PUT', 'sys/step-down'],
    ['PUT', 'sys/generate-root/attempt'],
    ['PUT', 'sys/rekey/init'],
    ['GET', 'sys/audit'],
    ['PUT', 'sys/audit/file'],
    ['PUT', 'sys/audit-hash/file'],
    ['GET', 'sys/config/cors'],
    ['GET', 'sys/config/auditing/request-headers'],
    ['PUT', 'sys/rotate'],
    ['GET', 'sys/key-status'],
    ['GET', 'sys/metrics'],
    ['GET', 'sys/in-flight-req'],
    ['GET', 'sys/host-info'],
    ['PUT', 'sys/quotas/rate-limit/x'],
    ['GET', 'sys/quotas/config'],
  ]
  for (const [method, path] of paths) {
    const known = await root.call('HELP', path)
    if (known.status === 404) continue
    const result = await inside.call(method, path, method === 'GET' ? undefined : {})
    wantError(result, 400, 'operation unavailable in namespaces')
    wantError(await inside.as(undefined).call('GET', path), 400, /unavailable in namespaces/)
  }
  assert.equal((await root.read('sys/seal-status')).body.sealed, false)
})

test('a mount and a namespace never share a path (NSP-06)', async () => {
  await make('taken')
  wantError(await root.write('sys/namespaces/secret'), 400, 'path is already in use at secret/')
  for (const path of ['taken', 'taken/kv']) {
    wantError(
      await root.write(`sys/mounts/${path}`, { type: 'kv' }),
      400,
      'path is already in use at the namespace taken/',
    )
  }
  const move = { from: 'secret', to: 'taken/secret' }
  assert.equal((await root.write('sys/remount', move)).status, 400)
  await root.in('taken').must('sys/mounts/inner/kv', { type: 'kv' })
  wantError(await root.in('taken').write('sys/namespaces/inner'), 400, /in use at inner\/kv\//)
  // In another namespace the same path is free.
  await root.in('taken').must('sys/mounts/taken', { type: 'kv' })
})

test('a locked namespace answers 503 to everybody but its unlock, also below it (NSP-07)', async () => {
  await make('shut')
  await make('shut/a')
  wantError(
    await root.write('sys/namespaces/api-lock/lock'),
    400,
    /root namespace cannot be locked/,
  )
  const { unlock_key: key } = (await root.must('sys/namespaces/api-lock/lock/shut')).body.data
  assert.equal(typeof key, 'string')
  wantError(await root.write('sys/namespaces/api-lock/lock/shut'), 400, /locked already/)
  // Before its body is read as well, whoever shows whatever.
  for (const client of [root, root.as('hvs.nobody')]) {
    const large = await client.in('shut').write('secret/a', { value: 'x'.repeat(100_000) })
    assert.equal(large.status, 503, large.text)
  }
  for (const inside of [root.in('shut'), root.in('shut/a'), root.in('shut').as(undefined)]) {
    const result = await inside.read('sys/mounts')
    assert.equal(result.status, 503)
    assert.match(result.body.errors[0], /locked by an administrator - "shut\/" must be unlocked/)
  }
  assert.equal((await root.read('sys/namespaces/shut')).body.data.locked, true)
  assert.equal((await root.read('sys/namespaces/shut/a')).body.data.locked, true)
  wantError(
    await root.write('sys/namespaces/api-lock/unlock/shut', { unlock_key: 'wrong' }),
    400,
    '"unlock_key" is not the right one',
  )
  want403T(await root.in('shut').as('hvs.none').write('sys/namespaces/api-lock/unlock'))
  const opened = await root.in('shut').write('sys/namespaces/api-lock/unlock', { unlock_key: key })
  assert.equal(opened.status, 204, opened.text)
  assert.equal((await root.in('shut/a').read('sys/mounts')).status, 200)
  await root.in('shut').must('sys/namespaces/api-lock/lock')
  assert.equal((await root.write('sys/namespaces/api-lock/unlock/shut')).status, 204)
  assert.equal((await root.in('shut').read('sys/mounts')).status, 200)
})

test('a namespace with others below it stays; without them it goes with all that it had (NSP-08)', async () => {
  await make('gone')
  await make('gone/a')
  wantError(
    await root.remove('sys/namespaces/gone'),
    400,
    'cannot delete namespace (gone/) containing child namespaces',
  )
  await root.in('gone/a').must('sys/mounts/kv', { type: 'kv' })
  await root.in('gone/a').must('kv/x', { a: 'b' })
  const made = await root.in('gone/a').must('auth/token/create', { policies: ['default'] })
  const held = root.in('gone/a').as(made.body.auth.client_token)
  assert.equal((await held.read('auth/token/lookup-self')).status, 200)
  assert.equal((await root.remove('sys/namespaces/gone/a')).status, 202)
  wantError(await root.in('gone/a').read('kv/x'), 404, 'namespace not found')
  wantError(await held.read('auth/token/lookup-self'), 404, 'namespace not found')
  assert.equal((await root.remove('sys/namespaces/gone')).status, 202)
  const nothing = await root.remove('sys/namespaces/gone')
  assert.equal(nothing.status < 300, true)

  for (let tries = 0; (await root.write('sys/namespaces/gone')).status !== 200; tries++) {
    assert.ok(tries < 200, 'the namespace is never emptied')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await root.must('sys/namespaces/gone/a')
  assert.equal((await root.in('gone/a').read('kv/x')).status, 404)
  want403T(await held.read('auth/token/lookup-self'))
})
