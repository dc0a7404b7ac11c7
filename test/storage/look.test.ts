/**
 * Reads without waiting: what the way of every request rests on. The same store is read by a second
 * process, rotated, sealed and broken meanwhile; whoever looks gets one state or a refusal.
 */

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Soon } from '../../src/lib/soon.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { Keyring } from '../../src/storage/keyring.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import {
  recordKey,
  StoreSealed,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineSnapshot,
} from '../../src/storage/store.ts'
import { freshFolder, openAt, removeFolders } from './folder.ts'

after(removeFolders)

const key = recordKey<{ readonly n: number }>('r/1')

/** Counts the snapshots that nobody has released, and can lose what a commit has come to. */
class Watched implements Engine {
  readonly #engine: Engine
  open = 0
  isLost = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get type(): Engine['type'] {
    return this.#engine.type
  }

  snapshot(): EngineSnapshot {
    const snapshot = this.#engine.snapshot()
    this.open++
    return {
      getNow: (text) => snapshot.getNow?.(text),
      getMany: (texts) => snapshot.getMany(texts),
      range: (range) => snapshot.range(range),
      release: () => {
        this.open--
        snapshot.release()
      },
    }
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    const outcomes = await this.#engine.commit(changes)
    if (this.isLost) throw new Error('nobody knows what is durable')
    return outcomes
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

function storeOn(engine: Engine, keyring: Keyring): SealedStore {
  const store = new SealedStore({ engine, cacheEntriesMax: 100, onFatal: () => {} })
  store.openWith(keyring)
  return store
}

function atOnce<T>(value: Soon<T>): T {
  assert.ok(!(value instanceof Promise))
  return value
}

const newKeyring = (): Keyring => Keyring.create(new SystemRandom(), 0)
const nextStep = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const engines = { memory: async () => new MemoryEngine(), lmdb: () => openAt(freshFolder()) }

for (const [name, create] of Object.entries(engines)) {
  test(`${name}: what is there comes at once, and what the work throws is thrown`, async () => {
    const engine = new Watched(await create())
    const store = storeOn(engine, newKeyring())
    await store.write((txn) => txn.put(key, { n: 1 }))
    assert.deepEqual(
      store.look((view) => view.get(key)),
      { n: 1 },
    )
    assert.equal(
      store.look((view) => view.epoch()),
      0,
    )
    assert.throws(
      () =>
        store.look(() => {
          throw new RangeError('of the work')
        }),
      RangeError,
    )
    const waiting = store.look(async (view) => {
      await nextStep()
      throw new RangeError(String((await view.get(key))?.n))
    })
    await assert.rejects(async () => waiting, { name: 'RangeError', message: '1' })
    await nextStep()
    assert.equal(engine.open, 0)
    await engine.close()
  })

  test(`${name}: whoever looks between two commits sees one state, and his own write at once`, async () => {
    const engine = await create()
    const store = storeOn(engine, newKeyring())
    const pair = [recordKey<number>('t/1'), recordKey<number>('x/1')] as const
    const both = (): readonly unknown[] =>
      atOnce(store.look((view) => pair.map((one) => atOnce(view.get(one)))))
    for (let n = 1; n <= 50; n++) {
      const written = store.write((txn) => pair.forEach((one) => txn.put(one, n)))
      for (let i = 0; i < 3; i++) {
        const [first, second] = both()
        assert.equal(first, second)
        await nextStep()
      }
      await written
      assert.deepEqual(both(), [n, n])
    }
    await engine.close()
  })

  test(`${name}: a key that another process rotated to is waited for, and then it comes at once`, async () => {
    const engine = await create()
    const mine = newKeyring()
    const theirs = Keyring.parse(new SystemRandom(), mine.serialise()).withNewTerm(1)
    const store = new SealedStore({ engine, cacheEntriesMax: 100, onFatal: () => {} })
    store.openWith(mine, async () => Keyring.parse(new SystemRandom(), theirs.serialise()))
    await storeOn(engine, theirs).write((txn) => txn.put(key, { n: 2 }))
    await nextStep()
    const found = store.look((view) => view.get(key))
    assert.ok(found instanceof Promise)
    assert.deepEqual(await found, { n: 2 })
    assert.deepEqual(
      store.look((view) => view.get(key)),
      { n: 2 },
    )
    await engine.close()
  })

  test(`${name}: nobody who looks gets anything from a store that was sealed, also within the work`, async () => {
    const engine = new Watched(await create())
    const store = storeOn(engine, newKeyring())
    await store.write((txn) => txn.put(key, { n: 1 }))
    const sealedWithin = (): unknown =>
      store.look((view) => {
        assert.deepEqual(view.get(key), { n: 1 })
        store.seal()
        return view.get(key)
      })
    assert.throws(sealedWithin, StoreSealed)
    assert.throws(() => store.look((view) => view.get(key)), StoreSealed)
    await nextStep()
    assert.equal(engine.open, 0)
    await engine.close()
  })

  test(`${name}: after a commit of unknown fate nobody sees what may not be durable`, async () => {
    const engine = new Watched(await create())
    const store = storeOn(engine, newKeyring())
    await store.write((txn) => txn.put(key, { n: 1 }))
    engine.isLost = true
    await assert.rejects(store.write((txn) => txn.put(key, { n: 2 })))
    assert.throws(() => store.look((view) => view.get(key)), StoreSealed)
    assert.equal(store.sealed, true)
    await engine.close()
  })
}
