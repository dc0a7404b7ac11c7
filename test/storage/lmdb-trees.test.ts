/** The trees of the data file: several on the disk, one order of keys for whoever reads. */

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { growingPrefixes } from '../../src/storage/lmdb/trees.ts'
import type { LmdbEngine } from '../../src/storage/lmdb/lmdb-engine.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { viewOf, type Change, type Engine, type KeyRange } from '../../src/storage/store.ts'
import * as fc from '../harness/properties.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

function put(...names: readonly string[]): Change {
  return { expects: [], puts: names.map((name) => [name, Buffer.from(name)]), deletes: [] }
}

function listed(engine: Engine, range: KeyRange): Promise<readonly string[]> {
  return viewOf(engine, async (view) => {
    const found: string[] = []
    for await (const [key, bytes] of view.range(range)) {
      assert.equal(Buffer.from(bytes).toString(), key)
      found.push(key)
    }
    return found
  })
}

/** A folder as version 0.1 has made it, with one tree. */
function folderOfFormat1(): string {
  const path = freshFolder()
  mkdirSync(path)
  const record = { product: 'tokenstile', format: 1, uuid: '', state: 'creating' }
  writeFileSync(join(path, 'format.json'), JSON.stringify(record))
  return path
}

const name = fc
  .tuple(
    fc.constantFrom('', 's', 's0', 't', 't.', 't/', 't0', 'u', 'w/', 'x', 'x/', 'x0', 'y', 'é'),
    fc.string({ unit: fc.constantFrom('/', '0', 'a', 'é'), maxLength: 3 }),
  )
  .map((parts) => parts.join(''))
const key = name.filter((text) => text !== '')
const range = fc.record(
  { start: name, end: name, reverse: fc.boolean(), limit: fc.integer({ min: 0, max: 6 }) },
  { requiredKeys: ['start', 'end', 'reverse'] },
)

test('what is in several trees is read as one order of keys, from both ends', async () => {
  const lmdb = await openAt(freshFolder())
  const memory = new MemoryEngine()
  const everything = { start: '', end: '\u{10ffff}' }
  await fc.assert(
    fc.asyncProperty(
      fc.array(key, { maxLength: 40 }),
      fc.array(key, { maxLength: 10 }),
      fc.array(range, { minLength: 1, maxLength: 8 }),
      async (added, gone, ranges) => {
        for (const engine of [lmdb, memory]) {
          const before = await listed(engine, everything)
          await engine.commit([{ expects: [], puts: [], deletes: before }])
          await engine.commit([put(...added)])
          // What is listed is what the change rests on, across all trees.
          const held = await listed(engine, everything)
          const expects = [{ kind: 'keys' as const, range: everything, keys: held }]
          const rested: Change = { expects, puts: [], deletes: gone }
          assert.deepEqual(await engine.commit([rested]), ['committed'])
        }
        for (const one of [everything, ...ranges]) {
          assert.deepEqual(await listed(lmdb, one), await listed(memory, one), JSON.stringify(one))
        }
      },
    ),
    { numRuns: 100 },
  )
  await lmdb.close()
})

test('a reader between two commits sees all trees as they were after one of them', async () => {
  const engine = await openAt(freshFolder())
  const names = ['a/1', 't/1', 'x/1']
  const write = (text: string): Promise<unknown> =>
    engine.commit([
      { expects: [], puts: names.map((one) => [one, Buffer.from(text)]), deletes: [] },
    ])
  await write('0')
  let isOver = false
  const writing = (async () => {
    for (let round = 1; round <= 200; round++) await write(String(round))
    isOver = true
  })()
  const seen = new Set<string>()
  while (!isOver) {
    const snapshot = engine.snapshot()
    const first = (await snapshot.getMany(names)).map((bytes) =>
      Buffer.from(bytes ?? []).toString(),
    )
    assert.equal(new Set(first).size, 1, String(first))
    seen.add(first[0] ?? '')
    await new Promise((resolve) => setImmediate(resolve))
    // However many commits came meanwhile.
    const again = names.map((one) => Buffer.from(snapshot.getNow?.(one) ?? []).toString())
    assert.deepEqual(again, first)
    snapshot.release()
  }
  await writing
  assert.ok(seen.size > 1)
  await engine.close()
})

test('a change over several trees is refused whole when what it rests on is gone', async () => {
  const engine = await openAt(freshFolder())
  const expects = [{ kind: 'value' as const, key: 't/1', value: Buffer.from('t/1') }]
  const change: Change = { ...put('a/2', 't/2', 'x/2'), expects }
  assert.deepEqual(await engine.commit([change]), ['conflict'])
  assert.deepEqual(await engine.commit([put('t/1'), change]), ['committed', 'committed'])
  assert.deepEqual(await listed(engine, { start: '', end: 'z' }), ['a/2', 't/1', 't/2', 'x/2'])
  await engine.close()
})

test('a folder of version 0.1 keeps its one tree, and all that is in it', async () => {
  const path = folderOfFormat1()
  const names = ['c/1', 't/1', 't/2', 'x/1', 'z']
  let engine: LmdbEngine = await openAt(path)
  await engine.commit([put(...names)])
  await engine.close()
  assert.match(readFileSync(join(path, 'format.json'), 'utf8'), /"format":1/)
  engine = await openAt(path)
  assert.deepEqual(await listed(engine, { start: '', end: '\u{10ffff}' }), names)
  await engine.commit([{ expects: [], puts: [], deletes: ['t/1'] }])
  assert.deepEqual(await listed(engine, { start: 't/', end: 't0' }), ['t/2'])
  await engine.close()
})

test('the keys of tokens and of their expiry are those that have trees of their own', () => {
  assert.ok(keys.token('1').text.startsWith(growingPrefixes[0] ?? '-'))
  assert.ok(keys.expiry(1, '1').startsWith(growingPrefixes[1] ?? '-'))
  assert.deepEqual(growingPrefixes, growingPrefixes.toSorted())
})

test('what grows at its end fills its pages', async () => {
  const size = async (path: string): Promise<number> => {
    const engine = await openAt(path)
    for (let commit = 0; commit < 60; commit++) {
      const ids = Array.from({ length: 50 }, (_, i) => String(commit * 50 + i).padStart(18, '0'))
      const puts = ids.flatMap((id) => [
        [`t/root/${id}`, Buffer.alloc(570, 1)] as const,
        [`x/1764325822/root/${id}`, Buffer.alloc(0)] as const,
      ])
      await engine.commit([{ expects: [], puts, deletes: [] }])
    }
    await engine.close()
    return statSync(join(path, 'data.mdb')).size / 3000
  }
  const [apart, together] = [await size(freshFolder()), await size(folderOfFormat1())]
  assert.ok(apart < 800, `${apart} bytes for each`)
  assert.ok(apart < together * 0.8, `${apart} and ${together} bytes for each`)
})
