/** The cubbyhole: private to one token. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { cubbyholeBackend } from '../../src/secrets/cubbyhole/index.ts'
import { aliceCaller, PluginHarness } from '../harness/plugin-harness.ts'

const bobCaller = { ...aliceCaller, tokenId: 'tokenbob' }
const rootCaller = { ...aliceCaller, tokenId: 'tokenroot', isRoot: true, policies: ['root'] }
const batchCaller = { ...aliceCaller, type: 'batch', tokenId: '' } as const

test('KVS-38: a token writes, reads, lists and deletes', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  assert.equal((await cubbyhole.put('a', '{"x":1.50}')).status, 204)
  await cubbyhole.put('deep/b', { y: 1 })
  const read = await cubbyhole.get('a')
  assert.equal(read.status, 200)
  assert.equal(read.text, '{"x":1.50}')
  assert.equal(read.leaseSeconds, 0)
  assert.deepEqual((await cubbyhole.list('')).data, { keys: ['a', 'deep/'] })
  assert.deepEqual((await cubbyhole.list('deep')).data, { keys: ['b'] })
  assert.equal((await cubbyhole.delete('a')).status, 204)
  assert.equal((await cubbyhole.get('a')).status, 404)
})

test('KVS-39: another token does not see it', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  await cubbyhole.put('a', { x: 1 })
  assert.deepEqual((await cubbyhole.send('read', 'a', {}, bobCaller)).errors, [])
  assert.equal((await cubbyhole.send('list', '', {}, bobCaller)).status, 404)
  await cubbyhole.send('delete', 'a', {}, bobCaller)
  assert.equal((await cubbyhole.get('a')).status, 200)
  // A token's name at the front of a path leads nowhere.
  const crossed = await cubbyhole.send('read', 'tokenalice/a', {}, bobCaller)
  assert.equal(crossed.status, 404)
  assert.equal((await cubbyhole.send('read', '../tokenalice/a', {}, bobCaller)).status, 404)
})

test('KVS-40: root has its own', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  await cubbyhole.put('a', { x: 1 })
  assert.equal((await cubbyhole.send('read', 'a', {}, rootCaller)).status, 404)
})

test('TOK-60: a batch token has none', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  for (const verb of ['write', 'read', 'list', 'delete'] as const) {
    const answer = await cubbyhole.send(verb, 'a', { x: 1 }, batchCaller)
    assert.equal(answer.status, 400)
    assert.deepEqual(answer.errors, [
      "cubbyhole operations are only supported by 'service' type tokens",
    ])
  }
})

test('a write replaces, and knows whether there was something', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  assert.equal((await cubbyhole.put('a', { x: 1, y: 2 })).operation, 'create')
  assert.equal((await cubbyhole.put('a', { x: 3 })).operation, 'update')
  assert.deepEqual((await cubbyhole.get('a')).data, { x: 3 })
  assert.deepEqual((await cubbyhole.put('a', {})).errors, ['missing data fields'])
  assert.deepEqual((await cubbyhole.put('', { x: 1 })).errors, ['missing path'])
  assert.match((await cubbyhole.put('x'.repeat(1201), { x: 1 })).errors?.[0] ?? '', /1200/)
})

test('PAR-33: no member is unknown', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  assert.deepEqual((await cubbyhole.put('a', { zzz: 1 })).warnings, [])
})

test('what stands in it lies below the id of its token', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  await cubbyhole.put('response', { response: '{}' })
  assert.deepEqual(await cubbyhole.storedPaths(), ['tokenalice/response'])
})

test('reading a wrapped response with its token warns that this is an old way', async () => {
  const cubbyhole = new PluginHarness(cubbyholeBackend)
  const wrapping = { ...aliceCaller, policies: ['response-wrapping'] }
  await cubbyhole.put('response', { response: '{"a":1}' })
  const read = await cubbyhole.send('read', 'response', {}, wrapping)
  assert.deepEqual(read.data, { response: '{"a":1}' })
  assert.match(read.warnings[0] ?? '', /deprecated/)
  assert.deepEqual((await cubbyhole.get('response')).warnings, [])
})
