/** kv version 1 as requests see it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { kvBackend } from '../../src/secrets/kv/index.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'

test('KVS-01: what was put comes back with the lease of the mount', async () => {
  const kv = new PluginHarness(kvBackend)
  assert.equal((await kv.put('a', { x: 1 })).status, 204)
  const read = await kv.get('a')
  assert.equal(read.status, 200)
  assert.deepEqual(read.data, { x: 1 })
  assert.equal(read.leaseSeconds, 2_764_800)
})

test('KVS-02: a secret without members is refused', async () => {
  const kv = new PluginHarness(kvBackend)
  const put = await kv.put('a', {})
  assert.equal(put.status, 400)
  assert.deepEqual(put.errors, ['missing data fields'])
  assert.deepEqual((await kv.put('', { x: 1 })).errors, ['missing path'])
})

test('KVS-03: a list shows names and folders', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', { x: 1 })
  await kv.put('b/c', { x: 1 })
  assert.deepEqual((await kv.list('')).data, { keys: ['a', 'b/'] })
  assert.deepEqual((await kv.list('b')).data, { keys: ['c'] })
})

test('KVS-04: what is not there is a 404 without a message', async () => {
  const kv = new PluginHarness(kvBackend)
  for (const answer of [await kv.get('none'), await kv.list('none'), await kv.list('')]) {
    assert.equal(answer.status, 404)
    assert.deepEqual(answer.errors, [])
  }
})

test('KVS-05: a write replaces the whole secret', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', { x: 1, y: 2 })
  await kv.put('a', { x: 3 })
  assert.deepEqual((await kv.get('a')).data, { x: 3 })
})

test('a deleted secret is gone, and deleting again is no error', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', { x: 1 })
  assert.equal((await kv.delete('a')).status, 204)
  assert.equal((await kv.get('a')).status, 404)
  assert.equal((await kv.delete('a')).status, 204)
})

test('PAR-28: numbers keep their digits', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', '{"n":12345678901234567890,"f":1.50,"deep":[{"e":1E400}]}')
  assert.equal((await kv.get('a')).text, '{"n":12345678901234567890,"f":1.50,"deep":[{"e":1E400}]}')
})

test('PAR-33: no member is unknown, and none is a field of another version', async () => {
  const kv = new PluginHarness(kvBackend)
  const body = { zzz: 1, version: 'x', limit: [], after: {}, versions: 'q', max_versions: 'many' }
  const put = await kv.put('a', body)
  assert.equal(put.status, 204)
  assert.deepEqual(put.warnings, [])
  assert.deepEqual((await kv.get('a')).data, body)
})

test('ENV-60: of two members with one name the last is stored', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', '{"a":1,"a":2}')
  assert.equal((await kv.get('a')).text, '{"a":2}')
})

test('TTL-77: a secret without ttl has the lease of the mount', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', { ttl_is: 'absent' })
  assert.equal((await kv.get('a')).leaseSeconds, 2_764_800)
})

test('TTL-78: the ttl or lease of a secret is its lease, and stays a member', async () => {
  const kv = new PluginHarness(kvBackend)
  const leases: readonly (readonly [string, number])[] = [
    ['{"ttl":"30m"}', 1800],
    ['{"ttl":90}', 90],
    ['{"lease":"1h"}', 3600],
    ['{"lease":"1h","ttl":"2h"}', 7200],
    ['{"ttl":"soon"}', 2_764_800],
    ['{"ttl":"-5s"}', 2_764_800],
    ['{"ttl":1.5}', 2_764_800],
    ['{"ttl":{}}', 2_764_800],
  ]
  for (const [text, seconds] of leases) {
    await kv.put('a', text)
    const read = await kv.get('a')
    assert.equal(read.leaseSeconds, seconds, text)
    assert.equal(read.text, text)
  }
})

test('paths that mean something in version 2 are ordinary secrets', async () => {
  const kv = new PluginHarness(kvBackend)
  const paths = ['config', 'data/a', 'metadata', 'metadata/a', 'destroy/a/b', 'subkeys/x']
  for (const path of paths) {
    assert.equal((await kv.put(path, { secret_path: 'mine', path, data: 1 })).status, 204, path)
  }
  // Where nothing is captured, even the name of the capture is free.
  for (const path of ['config', 'metadata']) {
    assert.deepEqual((await kv.get(path)).data, { secret_path: 'mine', path, data: 1 })
  }
  for (const path of paths) {
    const { path: stored } = (await kv.get(path)).data as { path: string }
    assert.equal(stored, path)
  }
  assert.deepEqual((await kv.list('')).data, {
    keys: ['config', 'data/', 'destroy/', 'metadata', 'metadata/', 'subkeys/'],
  })
  assert.deepEqual((await kv.list('metadata')).data, { keys: ['a'] })
  for (const path of paths) assert.equal((await kv.delete(path)).status, 204)
  assert.equal((await kv.list('')).status, 404)
})

test('a captured path is no member of the secret', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('some/where', { x: 1 })
  assert.equal((await kv.get('some/where')).text, '{"x":1}')
  await kv.put('data/where', { x: 1 })
  assert.equal((await kv.get('data/where')).text, '{"x":1}')
})

test('a write knows whether the secret was there', async () => {
  const kv = new PluginHarness(kvBackend)
  assert.equal((await kv.put('config', { x: 1 })).operation, 'create')
  assert.equal((await kv.put('config', { x: 1 })).operation, 'update')
  assert.equal((await kv.put('subkeys/x', { x: 1 })).operation, 'create')
  assert.equal((await kv.put('a/b', { x: 1 })).operation, 'create')
  assert.equal((await kv.put('a/b', { x: 1 })).operation, 'update')
})

test('version 1 does not patch', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('data/a', { x: 1 })
  assert.equal((await kv.patch('data/a', { x: 2 })).status, 405)
  assert.equal((await kv.patch('a', { x: 2 })).status, 405)
})

test('paths take any printable character up to a limit', async () => {
  const kv = new PluginHarness(kvBackend)
  for (const path of ['ä/ö ü', 'a:b*c?d#e%', '.', '..', '😀', '\uffee', '__proto__', "it's"]) {
    await kv.put(path, { path })
    assert.deepEqual((await kv.get(path)).data, { path })
  }
  assert.equal((await kv.put('x'.repeat(1200), { x: 1 })).status, 204)
  const long = await kv.put('ä'.repeat(601), { x: 1 })
  assert.equal(long.status, 400)
  assert.match(long.errors?.[0] ?? '', /1200 bytes/)
  assert.equal((await kv.put('a//b', { x: 1 })).status, 400)
  assert.equal((await kv.put('a/', { x: 1 })).status, 400)
})

test('names of inherited members are ordinary names (ruling R11)', async () => {
  const kv = new PluginHarness(kvBackend)
  const text = '{"__proto__":{"a":1},"constructor":2,"toString":3}'
  await kv.put('a', text)
  assert.equal((await kv.get('a')).text, text)
  await kv.put('a', '{"__proto__":{"ttl":"1s"}}')
  assert.equal((await kv.get('a')).leaseSeconds, 2_764_800)
})
