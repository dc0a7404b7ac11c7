/** Copies of an LMDB store while it is being written to: one state of it, whatever is changed meanwhile. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { BackupCheck, encodeBackup } from '../../src/lib/backup-format.ts'
import { restoreFolder } from '../../src/storage/lmdb/lmdb-restore.ts'
import { viewOf, type Engine } from '../../src/storage/store.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

const keysCount = 3000

const keyOf = (place: number) => `k/${String(place).padStart(6, '0')}`

/** Every record says in which round it was written. */
function round(engine: Engine, number: number, from = 0, to = keysCount): Promise<unknown> {
  const puts = Array.from({ length: to - from }, (_, i) => {
    const bytes = Buffer.alloc(1500, number)
    return [keyOf(from + i), bytes] as const
  })
  return engine.commit([{ expects: [], puts, deletes: [] }])
}

async function contentOf(engine: Engine): Promise<Map<string, number>> {
  return viewOf(engine, async (view) => {
    const found = new Map<string, number>()
    for await (const [key, value] of view.range({ start: 'k/', end: 'k0' })) {
      assert.equal(value.length, 1500)
      assert.ok(value.every((byte) => byte === value[0]))
      found.set(key, value[0] ?? 0)
    }
    return found
  })
}

test('a copy is one state, however much is changed and deleted while it is read', async () => {
  const engine = await openAt(freshFolder())
  // Pages that are free before the copy begins are the first that a change takes.
  for (const number of [1, 2, 3]) await round(engine, number)
  const copy = engine.copy()
  const header = {
    engine: 'lmdb',
    format: copy.format,
    store: copy.store,
    cluster_id: '',
    created: '',
    bytes: copy.bytes,
  }
  const pieces: Uint8Array[] = []
  let number = 4
  for await (const piece of encodeBackup(header, copy.content)) {
    // It is lent until the next one is asked for.
    pieces.push(Buffer.from(piece))
    await round(engine, number++)
    const deletes = Array.from({ length: keysCount / 2 }, (_, i) => keyOf(2 * i))
    await engine.commit([{ expects: [], puts: [], deletes }])
  }
  assert.ok(pieces.length > 5, `${pieces.length} pieces`)
  copy.release()
  await engine.close()
  const file = `${freshFolder()}.backup`
  const restoredAt = freshFolder()
  writeFileSync(file, Buffer.concat(pieces))
  await restoreFolder(file, restoredAt, undefined)
  const restored = await openAt(restoredAt)
  const content = await contentOf(restored)
  await round(restored, 99, 0, 10)
  await restored.close()
  assert.equal(content.size, keysCount)
  assert.deepEqual([...new Set(content.values())], [3])
})

test('a copy that nobody reads to its end holds nothing back afterwards', async () => {
  const engine = await openAt(freshFolder())
  await round(engine, 1)
  for (let i = 0; i < 50; i++) {
    const copy = engine.copy()
    if (i % 2 === 0) for await (const _ of copy.content) break
    copy.release()
  }
  for (let number = 2; number < 30; number++) await round(engine, number)
  // Pages of earlier rounds are used again, so nothing keeps them.
  const { bytes, release } = engine.copy()
  release()
  assert.ok(bytes < 40 * 1024 * 1024, `${bytes} bytes`)
  await engine.close()
})

test('a backup is checked in pieces of any size', async () => {
  const content = Buffer.alloc(300, 7)
  const header = {
    engine: 'lmdb',
    format: 1,
    store: 's',
    cluster_id: 'c',
    created: 'now',
    bytes: 300,
  }
  const pieces: Uint8Array[] = []
  for await (const piece of encodeBackup(
    header,
    (async function* () {
      yield content
    })(),
  )) {
    pieces.push(piece)
  }
  const whole = Buffer.concat(pieces)
  for (const size of [1, 2, 31, 32, 33, 100, whole.length]) {
    const check = new BackupCheck()
    for (let at = 0; at < whole.length; at += size) check.add(whole.subarray(at, at + size))
    const checked = check.end()
    assert.ok(checked.ok, `pieces of ${size}`)
    assert.deepEqual(checked.value.header, header)
  }
  for (let place = 0; place < whole.length; place++) {
    const damaged = Buffer.from(whole)
    damaged[place] = (damaged[place] ?? 0) ^ 0x10
    const check = new BackupCheck()
    check.add(damaged)
    assert.equal(check.end().ok, false, `byte ${place}`)
  }
})
