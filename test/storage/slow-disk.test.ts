/**
 * Many writers on a disk that takes its time: whoever changes records of their own is not turned
 * away.
 */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { SystemClock } from '../../src/platform/clock.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { Keyring } from '../../src/storage/keyring.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import {
  recordKey,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineView,
} from '../../src/storage/store.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

const syncMs = 10
const writersCount = 8
const writesEach = 20

/** An engine on a disk that takes that long to sync. */
class SlowDisk implements Engine {
  readonly type = 'lmdb'
  readonly #engine: Engine
  readonly #clock = new SystemClock()
  commits = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  view<T>(work: (view: EngineView) => Promise<T>): Promise<T> {
    return this.#engine.view(work)
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    this.commits++
    const outcomes = await this.#engine.commit(changes)
    await this.#clock.sleep(syncMs)
    return outcomes
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

async function withSlowDisk(
  work: (store: SealedStore, disk: SlowDisk) => Promise<void>,
): Promise<void> {
  const disk = new SlowDisk(await openAt(freshFolder()))
  const store = new SealedStore({ engine: disk, cacheEntriesMax: 100, onFatal: () => {} })
  store.openWith(Keyring.create(new SystemRandom(), 0))
  try {
    await work(store, disk)
  } finally {
    await disk.close()
  }
}

function raise(store: SealedStore, name: string): Promise<void> {
  const key = recordKey<number>(name)
  return store.write(async (txn) => txn.put(key, ((await txn.get(key)) ?? 0) + 1))
}

test('8 writers of different roles share their commits and none loses', async () => {
  await withSlowDisk(async (store, disk) => {
    const writer = async (name: string): Promise<void> => {
      for (let count = 0; count < writesEach; count++) await raise(store, name)
    }
    const names = Array.from({ length: writersCount }, (_, at) => `c/role/${at}`)
    await Promise.all(names.map(writer))
    for (const name of names) {
      assert.equal(await store.view((view) => view.get(recordKey<number>(name))), writesEach)
    }
    // At 10 ms each this is some 100 writes a second of each writer; one alone needs as many
    // commits.
    assert.ok(disk.commits <= writesEach * 2, `${disk.commits} commits`)
  })
})

test('100 writers of one role all come to their end', async () => {
  await withSlowDisk(async (store) => {
    await Promise.all(Array.from({ length: 100 }, () => raise(store, 'c/role')))
    assert.equal(await store.view((view) => view.get(recordKey<number>('c/role'))), 100)
  })
})
