/** Which changes share a commit, and what becomes of them when it fails. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SystemRandom } from '../../src/platform/random.ts'
import { GroupCommit } from '../../src/storage/group-commit.ts'
import { Keyring } from '../../src/storage/keyring.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import {
  recordKey,
  StoreUnavailable,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineSnapshot,
} from '../../src/storage/store.ts'

/** Memory whose commits wait until they are let through, or fail as told. */
class GatedEngine implements Engine {
  readonly type = 'inmem'
  readonly sizes: number[] = []
  failure: Error | undefined
  readonly #memory = new MemoryEngine()
  #open: () => void = () => {}

  snapshot(): EngineSnapshot {
    return this.#memory.snapshot()
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    this.sizes.push(changes.length)
    await new Promise<void>((resolve) => {
      this.#open = resolve
    })
    if (this.failure !== undefined) throw this.failure
    return this.#memory.commit(changes)
  }

  /** Lets the running commit through and everything that follows from it happen. */
  async pass(): Promise<void> {
    await new Promise(setImmediate)
    this.#open()
    await new Promise(setImmediate)
  }

  close(): Promise<void> {
    return this.#memory.close()
  }
}

function put(key: string): Change {
  return { expects: [], puts: [[key, Buffer.from('v')]], deletes: [] }
}

test('what arrives during a commit forms the next one, at most 4096 changes at once', async () => {
  const engine = new GatedEngine()
  const commits = new GroupCommit(engine)
  const all = [commits.submit(put('a')), commits.submit(put('b'))]
  await new Promise(setImmediate)
  for (let i = 0; i < 5000; i++) all.push(commits.submit(put(`k/${i}`)))
  await engine.pass()
  await engine.pass()
  await engine.pass()
  assert.ok((await Promise.all(all)).every((outcome) => outcome === 'committed'))
  assert.deepEqual(engine.sizes, [2, 4096, 904])
})

test('each change of a batch gets its own outcome', async () => {
  const commits = new GroupCommit(new MemoryEngine())
  const key = 'once'
  const once: Change = { ...put(key), expects: [{ kind: 'value', key, value: undefined }] }
  const outcomes = await Promise.all(
    [once, once, put('other')].map((change) => commits.submit(change)),
  )
  assert.deepEqual(outcomes, ['committed', 'conflict', 'committed'])
})

test('a commit that wrote nothing fails its own batch only', async () => {
  const engine = new GatedEngine()
  const commits = new GroupCommit(engine, () => assert.fail('not fatal'))
  engine.failure = new StoreUnavailable('full')
  const refused = assert.rejects(commits.submit(put('a')), StoreUnavailable)
  await engine.pass()
  await refused
  engine.failure = undefined
  const second = commits.submit(put('b'))
  await engine.pass()
  assert.equal(await second, 'committed')
})

test('SEC-STO-08: after a failed sync nothing is acknowledged any more, what waited included', async () => {
  const engine = new GatedEngine()
  const fatal: Error[] = []
  const commits = new GroupCommit(engine, (error) => fatal.push(error))
  engine.failure = new Error('EIO')
  const first = assert.rejects(commits.submit(put('a')), /EIO/)
  await new Promise(setImmediate)
  const waiting = assert.rejects(commits.submit(put('b')), /EIO/)
  await engine.pass()
  await Promise.all([first, waiting])
  engine.failure = undefined
  await assert.rejects(commits.submit(put('c')), /EIO/)
  assert.deepEqual(engine.sizes, [1])
  assert.equal(fatal.length, 1)
})

test('SEC-STO-08: a failed sync seals the store at once and for good', async () => {
  const engine = new GatedEngine()
  const fatal: Error[] = []
  const store = new SealedStore({
    engine,
    cacheEntriesMax: 10,
    onFatal: (error) => fatal.push(error),
  })
  const random = new SystemRandom()
  store.openWith(Keyring.create(random, 0))
  engine.failure = new Error('EIO')
  const write = assert.rejects(
    store.write((txn) => txn.put(recordKey('a'), 1)),
    /EIO/,
  )
  await engine.pass()
  await write
  assert.equal(store.sealed, true)
  assert.equal(fatal.length, 1)
  await assert.rejects(
    store.view(async () => {}),
    { name: 'StoreSealed' },
  )
  assert.throws(() => store.openWith(Keyring.create(random, 0)), StoreUnavailable)
})

test('a change that loses every time against another process is given up after 72 runs', async () => {
  const engine = new MemoryEngine()
  const keyring = Keyring.create(new SystemRandom(), 0)
  const [store, elsewhere] = [1, 2].map(() => {
    const opened = new SealedStore({ engine, cacheEntriesMax: 10, onFatal: () => {} })
    opened.openWith(Keyring.parse(new SystemRandom(), keyring.serialise()))
    return opened
  })
  assert.ok(store !== undefined && elsewhere !== undefined)
  let runs = 0
  const unlucky = store.write(async (txn) => {
    runs++
    const before = await txn.get(recordKey<number>('n'))
    await elsewhere.write((other) => other.put(recordKey('n'), runs))
    txn.put(recordKey('n'), (before ?? 0) + 1)
  })
  await assert.rejects(unlucky, StoreUnavailable)
  assert.equal(runs, 8 + 64)
})
