/** A kv mount that is tuned from version 1 to version 2. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SystemClock } from '../../src/platform/clock.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { kvBackend } from '../../src/secrets/kv/index.ts'
import { upgradeText } from '../../src/secrets/kv/upgrade.ts'
import { createMemoryStore } from '../harness/memory-store.ts'
import { PluginHarness, startMs, type PluginAnswer } from '../harness/plugin-harness.ts'

const version2 = { version: '2' }

test('KVS-36: the data of a tuned mount is reachable under data/', async () => {
  const kv = new PluginHarness(kvBackend)
  await kv.put('a', '{"n":1.50}')
  await kv.put('deep/down', { x: 2 })
  const warnings = await kv.tune(version2)
  assert.match(warnings[0] ?? '', /^Upgrading mount from version 1 to version 2\./)
  const read = await kv.get('data/a')
  assert.equal(read.status, 200)
  assert.ok(read.text.startsWith('{"data":{"n":1.50},'))
  assert.equal((read.data as { metadata: { version: number } }).metadata.version, 1)
  assert.deepEqual((await kv.list('metadata/')).data, { keys: ['a', 'deep/'] })
  assert.equal((await kv.put('data/a', { data: { x: 1 }, options: { cas: 1 } })).status, 200)
  assert.deepEqual(
    (await kv.storedPaths()).filter((path) => path.startsWith('s/')),
    [],
  )
})

test('KVS-37: version 2 does not go back', async () => {
  const kv = new PluginHarness(kvBackend, { options: version2 })
  for (const version of ['1', '3', '']) {
    await assert.rejects(kv.tune({ version }), { message: 'cannot downgrade mount from version 2' })
  }
  assert.deepEqual(await kv.tune({ other: 'x' }), [])
  assert.deepEqual(await kv.tune(version2), [])
  await assert.rejects(new PluginHarness(kvBackend).tune({ version: '3' }), /version must be/)
})

test('a large mount answers 400 while it moves, and everything has moved afterwards', async () => {
  const clock = new SystemClock()
  const kv = new PluginHarness(kvBackend, { clock })
  const count = 700
  for (let n = 0; n < count; n++) await kv.put(`key-${n}`, { n })
  await kv.tune(version2)
  const first = await kv.get('data/key-0')
  assert.equal(first.status, 400)
  assert.deepEqual(first.errors, [upgradeText])
  assert.equal((await untilDone(clock, kv)).status, 200)
  const { keys } = (await kv.list('metadata/')).data as { keys: string[] }
  assert.equal(keys.length, count)
  const last = await kv.get('data/key-699')
  assert.deepEqual((last.data as { data: unknown }).data, { n: 699 })
})

test('an upgrade that stopped half-way is finished by another process', async () => {
  const clock = new SystemClock()
  const store = createMemoryStore(new SeededRandom('two processes'), startMs)
  const before = new PluginHarness(kvBackend, { clock, store })
  for (let n = 0; n < 600; n++) await before.put(`key-${n}`, { n })
  await before.tune(version2)
  assert.equal((await before.get('data/key-0')).status, 400)
  await before.backend.close?.()
  const stopped = await before.storedPaths()
  assert.ok(stopped.some((path) => path.startsWith('s/')))
  assert.ok(stopped.some((path) => path.startsWith('m/')))
  const after = new PluginHarness(kvBackend, { clock, store, options: version2 })
  assert.equal((await untilDone(clock, after)).status, 200)
  const { keys } = (await after.list('metadata/')).data as { keys: string[] }
  assert.equal(keys.length, 600)
})

test('a write of version 1 that is late leaves nothing behind', async () => {
  const store = createMemoryStore(new SeededRandom('late writer'), startMs)
  const late = new PluginHarness(kvBackend, { store })
  const tuned = new PluginHarness(kvBackend, { store, options: version2 })
  await late.put('a', { x: 1 })
  assert.equal((await tuned.get('data/a')).status, 200)
  for (const answer of [await late.put('b', { x: 1 }), await late.delete('a')]) {
    assert.equal(answer.status, 400)
    assert.deepEqual(answer.errors, [upgradeText])
  }
  assert.deepEqual(
    (await tuned.storedPaths()).filter((path) => path.startsWith('s/')),
    [],
  )
})

test('large secrets move in steps of bounded size', async () => {
  const clock = new SystemClock()
  const kv = new PluginHarness(kvBackend, { clock })
  for (let n = 0; n < 3; n++) await kv.put(`big-${n}`, { text: 'x'.repeat(2_500_000) })
  await kv.tune(version2)
  assert.equal((await kv.get('data/big-0')).status, 400)
  for (const name of ['big-0', 'big-1', 'big-2']) {
    assert.equal((await untilDone(clock, kv, `data/${name}`)).status, 200)
  }
})

async function untilDone(
  clock: SystemClock,
  kv: PluginHarness,
  path = 'data/key-0',
): Promise<PluginAnswer> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = await kv.get(path)
    if (answer.status !== 400) return answer
    await clock.sleep(2)
  }
  throw new Error('the upgrade did not end')
}
