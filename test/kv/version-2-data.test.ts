/** kv version 2: data, its versions, check-and-set. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ManualClock } from '../harness/manual-clock.ts'
import { kvBackend } from '../../src/secrets/kv/index.ts'
import { PluginHarness, startMs } from '../harness/plugin-harness.ts'

const createdTime = '2026-01-02T03:04:05.678000000Z'
const mismatch = 'check-and-set parameter did not match the current version'
const required = 'check-and-set parameter required for this call'

interface Read {
  readonly data: Record<string, unknown> | null
  readonly metadata: {
    readonly version: number
    readonly deletion_time: string
    readonly destroyed: boolean
    readonly custom_metadata: unknown
  }
}

function create(clock = new ManualClock(startMs)): PluginHarness {
  return new PluginHarness(kvBackend, { options: { version: '2' }, clock })
}

/** A store whose key `a` has that many versions: {x: 1}, {x: 2}, … */
async function withVersions(count: number, clock?: ManualClock): Promise<PluginHarness> {
  const kv = create(clock)
  for (let x = 1; x <= count; x++) await kv.put('data/a', { data: { x } })
  return kv
}

async function read(kv: PluginHarness, path = 'a', version?: number): Promise<[number, Read]> {
  const answer = await kv.get(`data/${path}`, version === undefined ? {} : { version })
  return [answer.status, answer.data as Read]
}

test('KVS-06: the first write is version 1', async () => {
  const put = await create().put('data/a', { data: { x: 1 } })
  assert.equal(put.status, 200)
  assert.deepEqual(put.data, {
    version: 1,
    created_time: createdTime,
    deletion_time: '',
    destroyed: false,
    custom_metadata: null,
  })
})

test('KVS-07: members outside of data are no data', async () => {
  const kv = create()
  for (const body of ['{"x":1}', '{}', '{"data":null}']) {
    const put = await kv.put('data/a', body)
    assert.equal(put.status, 400)
    assert.deepEqual(put.errors, ['no data provided'])
  }
  assert.equal((await kv.put('data/a', { data: 'x' })).status, 400)
  assert.equal((await kv.put('data/a', { data: {} })).status, 200)
})

test('KVS-08: a check-and-set must name the current version', async () => {
  const kv = await withVersions(1)
  for (const cas of [0, 2, -1]) {
    const put = await kv.put('data/a', { data: { x: 2 }, options: { cas } })
    assert.equal(put.status, 400)
    assert.deepEqual(put.errors, [mismatch])
  }
  const put = await kv.put('data/a', { data: { x: 2 }, options: { cas: '1' } })
  assert.equal(put.status, 200)
  assert.equal((put.data as { version: number }).version, 2)
  const odd = await kv.put('data/a', { data: { x: 2 }, options: { cas: 'first' } })
  assert.deepEqual(odd.errors, ['error parsing check-and-set parameter'])
})

test('KVS-09: check-and-set 0 writes what was never written', async () => {
  const put = await create().put('data/a', { data: { x: 1 }, options: { cas: 0 } })
  assert.equal(put.status, 200)
  assert.equal((put.data as { version: number }).version, 1)
})

test('KVS-10: check-and-set 0 fails after a soft delete', async () => {
  const kv = await withVersions(1)
  await kv.delete('data/a')
  const put = await kv.put('data/a', { data: { x: 1 }, options: { cas: 0 } })
  assert.equal(put.status, 400)
  assert.deepEqual(put.errors, [mismatch])
})

test('KVS-11: the mount can ask for check-and-set', async () => {
  const kv = create()
  await kv.put('config', { cas_required: true })
  const put = await kv.put('data/a', { data: { x: 1 } })
  assert.equal(put.status, 400)
  assert.deepEqual(put.errors, [required])
  assert.equal((await kv.put('data/a', { data: { x: 1 }, options: { cas: 0 } })).status, 200)
})

test('KVS-12: a key can ask for check-and-set', async () => {
  const kv = create()
  await kv.put('metadata/a', { cas_required: true })
  const put = await kv.put('data/a', { data: { x: 1 } })
  assert.equal(put.status, 400)
  assert.deepEqual(put.errors, [required])
  assert.equal((await kv.put('data/b', { data: { x: 1 } })).status, 200)
})

test('KVS-13: a version is read by its number, 0 or none is the newest', async () => {
  const kv = await withVersions(2)
  assert.deepEqual((await read(kv, 'a', 1))[1].data, { x: 1 })
  assert.deepEqual((await read(kv, 'a', 0))[1].data, { x: 2 })
  assert.deepEqual((await read(kv))[1].data, { x: 2 })
  for (const version of [9, -1]) {
    const answer = await kv.get('data/a', { version: String(version) })
    assert.equal(answer.status, 404)
    assert.deepEqual(answer.errors, [])
  }
  assert.match((await kv.get('data/a', { version: 'one' })).errors?.[0] ?? '', /field "version"/)
})

test('KVS-14: a deleted version is a 404 that shows its metadata', async () => {
  const kv = await withVersions(2)
  assert.equal((await kv.delete('data/a')).status, 204)
  const answer = await kv.get('data/a')
  assert.equal(answer.status, 404)
  assert.deepEqual(answer.data, {
    data: null,
    metadata: {
      version: 2,
      created_time: createdTime,
      deletion_time: createdTime,
      destroyed: false,
      custom_metadata: null,
    },
  })
})

test('KVS-15: an older version stays after the newest is deleted', async () => {
  const kv = await withVersions(2)
  await kv.delete('data/a')
  const [status, answer] = await read(kv, 'a', 1)
  assert.equal(status, 200)
  assert.deepEqual(answer.data, { x: 1 })
})

test('KVS-16: an undeleted version is back', async () => {
  const kv = await withVersions(2)
  await kv.delete('data/a')
  assert.equal((await kv.put('undelete/a', { versions: [2] })).status, 204)
  const [status, answer] = await read(kv)
  assert.equal(status, 200)
  assert.deepEqual(answer.data, { x: 2 })
  assert.equal(answer.metadata.deletion_time, '')
})

test('KVS-17: a destroyed version is a 404 that says so, and its body is gone', async () => {
  const kv = await withVersions(2)
  assert.equal((await kv.put('destroy/a', { versions: '1,2' })).status, 204)
  const [status, answer] = await read(kv, 'a', 1)
  assert.equal(status, 404)
  assert.equal(answer.data, null)
  assert.equal(answer.metadata.destroyed, true)
  assert.deepEqual(
    (await kv.storedPaths()).filter((path) => path.startsWith('v/')),
    [],
  )
})

test('KVS-18: a destroyed version does not come back', async () => {
  const kv = await withVersions(1)
  await kv.put('destroy/a', { versions: [1] })
  assert.equal((await kv.put('undelete/a', { versions: [1] })).status, 204)
  assert.equal((await read(kv))[0], 404)
})

test('KVS-19: versions must be named, unknown ones are passed over', async () => {
  const kv = await withVersions(1)
  for (const action of ['delete', 'undelete', 'destroy']) {
    const none = await kv.put(`${action}/a`, {})
    assert.equal(none.status, 400)
    assert.deepEqual(none.errors, ['No version number provided'])
    assert.equal((await kv.put(`${action}/a`, { versions: [99, 0, -1] })).status, 204)
    assert.equal((await kv.put(`${action}/none`, { versions: [1] })).status, 204)
  }
  assert.equal((await read(kv))[0], 200)
})

test('deleting twice keeps the first time', async () => {
  const clock = new ManualClock(startMs)
  const kv = await withVersions(2, clock)
  await kv.put('delete/a', { versions: [1, 2] })
  clock.advance(5000)
  await kv.put('delete/a', { versions: [1] })
  await kv.delete('data/a')
  assert.equal((await read(kv, 'a', 1))[1].metadata.deletion_time, createdTime)
  assert.equal((await read(kv, 'a', 2))[1].metadata.deletion_time, createdTime)
})

test('KVS-20: a patch changes members and makes a new version', async () => {
  const kv = create()
  await kv.put('data/a', '{"data":{"x":1,"n":1.50,"deep":{"a":1,"b":12345678901234567890}}}')
  const patched = await kv.patch('data/a', { data: { x: null, y: 2, deep: { a: null } } })
  assert.equal(patched.status, 200)
  assert.equal((patched.data as { version: number }).version, 2)
  const text = (await kv.get('data/a')).text
  assert.ok(text.startsWith('{"data":{"n":1.50,"deep":{"b":12345678901234567890},"y":2},'), text)
  assert.deepEqual((await kv.patch('data/a', {})).errors, ['no data provided'])
})

test('KVS-21: what is deleted or absent cannot be patched', async () => {
  const kv = await withVersions(1)
  assert.equal((await kv.patch('data/none', { data: { x: 1 } })).status, 404)
  await kv.delete('data/a')
  assert.equal((await kv.patch('data/a', { data: { x: 1 } })).status, 404)
  await kv.put('metadata/empty', {})
  assert.equal((await kv.patch('data/empty', { data: { x: 1 } })).status, 404)
})

test('KVS-22: a patch with a wrong check-and-set is refused', async () => {
  const kv = await withVersions(1)
  const wrong = await kv.patch('data/a', { data: { x: 1 }, options: { cas: 2 } })
  assert.equal(wrong.status, 400)
  assert.deepEqual(wrong.errors, [mismatch])
  assert.equal((await kv.patch('data/a', { data: { x: 1 }, options: { cas: 1 } })).status, 200)
})

test('KVS-23: ten versions are kept when nothing is said', async () => {
  const kv = await withVersions(12)
  const metadata = (await kv.get('metadata/a')).data as {
    versions: Record<string, unknown>
    oldest_version: number
  }
  assert.deepEqual(
    Object.keys(metadata.versions),
    Array.from({ length: 10 }, (_, index) => String(index + 3)),
  )
  assert.equal(metadata.oldest_version, 3)
  const gone = await kv.get('data/a', { version: '2' })
  assert.equal(gone.status, 404)
  assert.deepEqual(gone.errors, [])
  assert.equal((await kv.storedPaths()).filter((path) => path.startsWith('v/')).length, 10)
})

test('KVS-24: the larger number of versions wins', async () => {
  const kv = create()
  await kv.put('config', { max_versions: 5 })
  await kv.put('metadata/a', { max_versions: 2 })
  for (let x = 1; x <= 6; x++) await kv.put('data/a', { data: { x } })
  const { versions } = (await kv.get('metadata/a')).data as { versions: Record<string, unknown> }
  assert.deepEqual(Object.keys(versions), ['2', '3', '4', '5', '6'])
})

test('a lowered number of versions takes effect with the next write', async () => {
  const kv = await withVersions(8)
  await kv.put('config', { max_versions: 2 })
  assert.equal((await read(kv, 'a', 1))[0], 200)
  await kv.put('data/a', { data: { x: 9 } })
  const { versions } = (await kv.get('metadata/a')).data as { versions: Record<string, unknown> }
  assert.deepEqual(Object.keys(versions), ['8', '9'])
  assert.equal((await kv.storedPaths()).filter((path) => path.startsWith('v/')).length, 2)
})

test('KVS-29: a version is deleted by its age', async () => {
  const clock = new ManualClock(startMs)
  const kv = create(clock)
  await kv.put('metadata/a', { delete_version_after: '30s' })
  await kv.put('data/a', { data: { x: 1 } })
  const [status, answer] = await read(kv)
  assert.equal(status, 200)
  assert.equal(answer.metadata.deletion_time, '2026-01-02T03:04:35.678000000Z')
  clock.advance(31_000)
  const [later, gone] = await read(kv)
  assert.equal(later, 404)
  assert.equal(gone.data, null)
  // Coming back, it gets its whole time again.
  await kv.put('undelete/a', { versions: [1] })
  assert.equal((await read(kv))[1].metadata.deletion_time, '2026-01-02T03:05:06.678000000Z')
  // A deletion still to come can happen now.
  await kv.delete('data/a')
  assert.equal((await read(kv))[0], 404)
})

test('the smaller age of mount and key counts, and the mount can switch it off', async () => {
  const kv = create()
  const deletionTime = async () => {
    const put = await kv.put('data/a', { data: { x: 1 } })
    return (put.data as { deletion_time: string }).deletion_time
  }
  await kv.put('config', { delete_version_after: '1m' })
  assert.equal(await deletionTime(), '2026-01-02T03:05:05.678000000Z')
  await kv.put('metadata/a', { delete_version_after: '10s' })
  assert.equal(await deletionTime(), '2026-01-02T03:04:15.678000000Z')
  await kv.put('metadata/a', { delete_version_after: '1h' })
  assert.equal(await deletionTime(), '2026-01-02T03:05:05.678000000Z')
  await kv.put('config', { delete_version_after: '-5s' })
  assert.equal(await deletionTime(), '')
  assert.equal((await kv.get('config')).text.includes('"delete_version_after":"-1s"'), true)
})

test('KVS-34: the first write is a create, the next an update', async () => {
  const kv = create()
  const body = { data: { x: 1 } }
  assert.equal((await kv.put('data/a', body)).operation, 'create')
  assert.equal((await kv.put('data/a', body)).operation, 'update')
  for (const action of ['delete', 'undelete', 'destroy']) {
    assert.equal((await kv.put(`${action}/a`, { versions: [1] })).operation, 'update')
    assert.equal((await kv.put(`${action}/none`, { versions: [1] })).operation, 'create')
  }
  assert.equal((await kv.put('metadata/none', {})).operation, 'create')
  assert.equal((await kv.put('metadata/none', {})).operation, 'update')
  assert.equal((await kv.put('config', {})).operation, 'create')
  assert.equal((await kv.put('config', {})).operation, 'update')
})

test('KVS-41: of 20 parallel writes with one check-and-set exactly one succeeds', async () => {
  const kv = await withVersions(5)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, x) =>
      kv.put('data/a', { data: { x: `parallel ${x}` }, options: { cas: 5 } }),
    ),
  )
  const statuses = answers.map((answer) => answer.status)
  assert.equal(statuses.filter((status) => status === 200).length, 1)
  assert.equal(statuses.filter((status) => status === 400).length, 19)
  assert.equal((await read(kv))[1].metadata.version, 6)
})

test('20 parallel writes without check-and-set make 20 versions', async () => {
  const kv = await withVersions(1)
  await Promise.all(Array.from({ length: 20 }, (_, x) => kv.put('data/a', { data: { x } })))
  assert.equal((await read(kv))[1].metadata.version, 21)
})

test('PAR-29: numbers keep their digits', async () => {
  const kv = create()
  await kv.put('data/a', '{"data":{"n":12345678901234567890,"f":1.50}}')
  assert.ok(
    (await kv.get('data/a')).text.startsWith('{"data":{"n":12345678901234567890,"f":1.50},'),
  )
})

test('ENV-51: a secret may have thousands of members', async () => {
  const kv = create()
  const data = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`k${n}`, `v${n}`]))
  assert.equal((await kv.put('data/a', { data })).status, 200)
  assert.deepEqual((await read(kv))[1].data, data)
})

test('names of inherited members are ordinary names, also in a patch (ruling R11)', async () => {
  const kv = create()
  await kv.put('data/a', '{"data":{"__proto__":{"a":1},"constructor":{"b":2}}}')
  await kv.patch('data/a', '{"data":{"__proto__":{"c":3},"constructor":null,"toString":4}}')
  const text = (await kv.get('data/a')).text
  assert.ok(text.startsWith('{"data":{"__proto__":{"a":1,"c":3},"toString":4},'), text)
})

test('a path that looks like the version of another key is its own key', async () => {
  const kv = create()
  await kv.put('data/a', { data: { x: 'a' } })
  for (const path of ['a/0000000001', 'a/1', 'a-1']) {
    await kv.put(`data/${path}`, { data: { x: path } })
  }
  assert.equal((await kv.put('data/a//0000000001', { data: { x: 1 } })).status, 400)
  await kv.delete('metadata/a/1')
  assert.deepEqual((await read(kv))[1].data, { x: 'a' })
  assert.deepEqual((await read(kv, 'a/0000000001'))[1].data, { x: 'a/0000000001' })
})

test('a path that is too long is refused with the limit', async () => {
  const kv = create()
  const body = { data: { x: 1 }, versions: [1] }
  for (const area of ['data', 'metadata', 'delete', 'undelete', 'destroy']) {
    const answer = await kv.put(`${area}/${'x'.repeat(1201)}`, body)
    assert.equal(answer.status, 400, area)
    assert.match(answer.errors?.[0] ?? '', /1200/)
  }
  assert.equal((await kv.put(`data/${'x'.repeat(1200)}`, body)).status, 200)
})
