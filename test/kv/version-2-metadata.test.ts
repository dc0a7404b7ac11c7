/** kv version 2: metadata, config, subkeys, unknown paths. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ManualClock } from '../harness/manual-clock.ts'
import { kvBackend } from '../../src/secrets/kv/index.ts'
import { PluginHarness, startMs } from '../harness/plugin-harness.ts'

const createdTime = '2026-01-02T03:04:05.678000000Z'

function create(clock = new ManualClock(startMs)): PluginHarness {
  return new PluginHarness(kvBackend, { options: { version: '2' }, clock })
}

test('KVS-25: metadata shows settings and versions', async () => {
  const kv = create()
  await kv.put('data/a', { data: { x: 1 } })
  await kv.put('data/a', { data: { x: 2 } })
  const facts = { created_time: createdTime, deletion_time: '', destroyed: false }
  assert.deepEqual((await kv.get('metadata/a')).data, {
    cas_required: false,
    created_time: createdTime,
    current_version: 2,
    custom_metadata: null,
    delete_version_after: '0s',
    max_versions: 0,
    oldest_version: 0,
    updated_time: createdTime,
    versions: { '1': facts, '2': facts },
  })
  assert.equal((await kv.get('metadata/none')).status, 404)
})

test('KVS-26: metadata can be there before the first version', async () => {
  const kv = create()
  assert.equal((await kv.put('metadata/new', { custom_metadata: { k: 'v' } })).status, 204)
  const metadata = (await kv.get('metadata/new')).data as Record<string, unknown>
  assert.equal(metadata['current_version'], 0)
  assert.deepEqual(metadata['custom_metadata'], { k: 'v' })
  const read = await kv.get('data/new')
  assert.equal(read.status, 404)
  assert.deepEqual(read.errors, [])
  const put = await kv.put('data/new', { data: { x: 1 }, options: { cas: 0 } })
  assert.equal((put.data as { version: number }).version, 1)
  assert.deepEqual((put.data as { custom_metadata: unknown }).custom_metadata, { k: 'v' })
})

test('KVS-27: a patch takes single pairs away', async () => {
  const kv = create()
  await kv.put('metadata/a', { custom_metadata: { k: 'v', keep: 'me' } })
  assert.equal((await kv.patch('metadata/a', { custom_metadata: { k: null } })).status, 204)
  const custom = async () =>
    ((await kv.get('metadata/a')).data as Record<string, unknown>)['custom_metadata']
  assert.deepEqual(await custom(), { keep: 'me' })
  await kv.patch('metadata/a', { custom_metadata: null })
  assert.equal(await custom(), null)
  assert.equal((await kv.patch('metadata/none', { max_versions: 1 })).status, 404)
})

test('settings that are not given stay, custom metadata is replaced as a whole', async () => {
  const clock = new ManualClock(startMs)
  const kv = create(clock)
  await kv.put('metadata/a', {
    max_versions: 3,
    cas_required: true,
    delete_version_after: '90m',
    custom_metadata: { a: '1' },
  })
  clock.advance(1000)
  await kv.put('metadata/a', { custom_metadata: { b: '2' } })
  assert.deepEqual((await kv.get('metadata/a')).data, {
    cas_required: true,
    created_time: createdTime,
    current_version: 0,
    custom_metadata: { b: '2' },
    delete_version_after: '1h30m0s',
    max_versions: 3,
    oldest_version: 0,
    updated_time: '2026-01-02T03:04:06.678000000Z',
    versions: {},
  })
})

test('custom metadata has limits', async () => {
  const kv = create()
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']))
  const accepted = [
    many(64),
    { ['k'.repeat(128)]: 'v'.repeat(512) },
    JSON.parse('{"__proto__":"x"}') as Record<string, string>,
    { 'grüße 😀': 'ja' },
  ]
  for (const custom_metadata of accepted) {
    assert.equal((await kv.put('metadata/a', { custom_metadata })).status, 204)
    const read = (await kv.get('metadata/a')).data as Record<string, unknown>
    assert.deepEqual(read['custom_metadata'], custom_metadata)
  }
  const refused = [
    many(65),
    { ['k'.repeat(129)]: 'v' },
    { '': 'v' },
    { k: 'v'.repeat(513) },
    { k: '' },
    { k: [1] },
    { k: null },
    { k: { deep: 'x' } },
    { 'k\n': 'v' },
    { k: 'a\u0000' },
    'k=v',
  ]
  for (const custom_metadata of refused) {
    assert.equal((await kv.put('metadata/a', { custom_metadata })).status, 400)
  }
})

test('numbers that cannot be settings are refused', async () => {
  const kv = create()
  for (const path of ['metadata/a', 'config']) {
    assert.equal((await kv.put(path, { max_versions: -1 })).status, 400)
    assert.equal((await kv.put(path, { max_versions: 10_001 })).status, 400)
    assert.equal((await kv.put(path, { max_versions: 'many' })).status, 400)
    assert.equal((await kv.put(path, { delete_version_after: '1d12h' })).status, 400)
  }
  assert.equal((await kv.put('metadata/a', { delete_version_after: '-1s' })).status, 400)
  assert.equal((await kv.get('metadata/a')).status, 404)
})

test('KVS-28: deleting metadata removes everything', async () => {
  const kv = create()
  for (let x = 0; x < 3; x++) await kv.put('data/a', { data: { x } })
  assert.equal((await kv.delete('metadata/a')).status, 204)
  assert.equal((await kv.get('metadata/a')).status, 404)
  assert.equal((await kv.get('data/a', { version: '1' })).status, 404)
  assert.deepEqual(await kv.storedPaths(), ['layout'])
  const put = await kv.put('data/a', { data: { x: 1 }, options: { cas: 0 } })
  assert.equal((put.data as { version: number }).version, 1)
  assert.equal((await kv.delete('metadata/none')).status, 204)
})

test('KVS-30: a list shows names and folders', async () => {
  const kv = create()
  await kv.put('data/a', { data: {} })
  await kv.put('data/b/c', { data: {} })
  assert.deepEqual((await kv.list('metadata')).data, { keys: ['a', 'b/'] })
  assert.deepEqual((await kv.list('metadata/b')).data, { keys: ['c'] })
  assert.equal((await kv.list('metadata/none')).status, 404)
  assert.equal((await kv.list('metadata/a')).status, 404)
})

test('KVS-31: a deleted key is still listed', async () => {
  const kv = create()
  await kv.put('data/a', { data: {} })
  await kv.delete('data/a')
  assert.deepEqual((await kv.list('metadata')).data, { keys: ['a'] })
})

test('KVS-32: a path without an area is a 404 that explains itself', async () => {
  const kv = create()
  for (const answer of [
    await kv.get('foo'),
    await kv.put('foo/bar', { x: 1 }),
    await kv.delete('foo'),
    await kv.patch('foo', { x: 1 }),
    await kv.list('foo'),
    await kv.list(''),
    await kv.get('data'),
  ]) {
    assert.equal(answer.status, 404)
    assert.equal(answer.errors, undefined)
    assert.equal(answer.data, null)
    assert.match(answer.warnings[0] ?? '', /^Invalid path for a versioned K\/V secrets engine\./)
  }
})

test('an area does not take every verb', async () => {
  const kv = create()
  assert.equal((await kv.get('delete/a')).status, 405)
  assert.equal((await kv.put('subkeys/a', { x: 1 })).status, 405)
  assert.equal((await kv.list('data/a')).status, 405)
  assert.equal((await kv.delete('config')).status, 405)
})

test('KVS-33: the settings of a mount that nobody touched', async () => {
  assert.deepEqual((await create().get('config')).data, {
    max_versions: 0,
    cas_required: false,
    delete_version_after: '0s',
  })
})

test('settings of the mount that are not given stay', async () => {
  const kv = create()
  assert.equal((await kv.put('config', { max_versions: 3, cas_required: true })).status, 204)
  await kv.put('config', { delete_version_after: '768h' })
  assert.deepEqual((await kv.get('config')).data, {
    max_versions: 3,
    cas_required: true,
    delete_version_after: '768h0m0s',
  })
})

test('KVS-35: subkeys show names without what they hold', async () => {
  const kv = create()
  await kv.put('data/a', { data: { x: { y: 1 } } })
  const answer = await kv.get('subkeys/a')
  assert.equal(answer.status, 200)
  const { subkeys, metadata } = answer.data as Record<string, Record<string, unknown>>
  assert.deepEqual(subkeys, { x: { y: null } })
  assert.equal(metadata?.['version'], 1)
})

test('subkeys go as deep as they are asked to', async () => {
  const kv = create()
  await kv.put('data/a', { data: { a: { b: { c: 1 } }, list: [{ x: 1 }], empty: {}, none: null } })
  const subkeys = async (depth: string) =>
    ((await kv.get('subkeys/a', { depth })).data as Record<string, unknown>)['subkeys']
  const leaves = { list: null, empty: null, none: null }
  assert.deepEqual(await subkeys('0'), { a: { b: { c: null } }, ...leaves })
  assert.deepEqual(await subkeys('1'), { a: null, ...leaves })
  assert.deepEqual(await subkeys('2'), { a: { b: null }, ...leaves })
  assert.deepEqual(await subkeys('9'), { a: { b: { c: null } }, ...leaves })
})

test('subkeys of a version that is gone are a 404 that shows its metadata', async () => {
  const kv = create()
  await kv.put('data/a', { data: { x: 1 } })
  await kv.put('data/a', { data: { y: 1 } })
  await kv.delete('data/a')
  const answer = await kv.get('subkeys/a')
  assert.equal(answer.status, 404)
  assert.equal((answer.data as Record<string, unknown>)['subkeys'], null)
  assert.equal((await kv.get('subkeys/a', { version: '1' })).status, 200)
  assert.deepEqual((await kv.get('subkeys/a', { version: '7' })).errors, [])
})

test('a cas beside data instead of inside options is told, and so is a misspelt setting (FIX-F10)', async () => {
  const kv = create()
  const put = await kv.put('data/a', { data: { x: 1 }, cas: 1 })
  assert.match(put.warnings[0] ?? '', /unrecognized parameters: \[cas\]/)
  const settings = await kv.put('metadata/a', { max_version: 3 })
  assert.match(settings.warnings.join(), /did you mean "max_versions"/)
})

test('a version 1 secret has any members and is never warned about', async () => {
  const plain = new PluginHarness(kvBackend)
  const put = await plain.put('a', { datta: 1, cas: 1 })
  assert.deepEqual([put.status, put.warnings], [204, []])
})

test('every path, operation and field has a sentence of help', () => {
  for (const path of create().backend.paths) {
    assert.equal(path.access, 'token')
    assert.ok(path.summary.length > 0)
    for (const operation of Object.values(path.operations)) assert.ok(operation.summary.length > 0)
    for (const one of Object.values(path.fields)) assert.ok(one.help.length > 0)
  }
})

test('updated_time moves with every change of a version, and stays when nothing changes (FIX-F15)', async () => {
  const clock = new ManualClock(startMs)
  const kv = create(clock)
  await kv.put('data/a', { data: { x: 1 } })
  const updated = async () =>
    ((await kv.get('metadata/a')).data as { updated_time: string }).updated_time
  const times = [await updated()]
  for (const part of ['delete', 'undelete', 'destroy'] as const) {
    clock.advance(1000)
    await kv.put(`${part}/a`, { versions: [1] })
    times.push(await updated())
  }
  assert.equal(new Set(times).size, 4)
  clock.advance(1000)
  await kv.put('destroy/a', { versions: [1] })
  assert.equal(await updated(), times.at(-1))
})
