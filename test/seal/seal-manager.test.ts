/** Init, unseal, seal and rotation on the memory engine. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InitRequest } from '../../src/core/seal/init-request.ts'
import { SealManager, type InitOutcome } from '../../src/core/seal/seal-manager.ts'
import { SealProblem } from '../../src/core/seal/seal-problem.ts'
import { createStaticSeal, shamirSeal, type SealType } from '../../src/core/seal/static-seal.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { sealsPerTermMax, sealsUnsavedMax } from '../../src/storage/keyring.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import {
  recordKey,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineSnapshot,
  viewOf,
} from '../../src/storage/store.ts'

const random = new SystemRandom()
const rootToken = recordKey<string>('t/root')
const staticSeal = createStaticSeal(random.bytes(32))

interface Server {
  readonly seal: SealManager
  readonly store: SealedStore
  readonly clock: ManualClock
}

/** A server process on the engine. */
function start(engine: Engine, type: SealType = shamirSeal): Server {
  const store = new SealedStore({ engine, cacheEntriesMax: 100, onFatal: () => {} })
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const seal = new SealManager({ engine, store, type, clock, random, logger: new SilentLogger() })
  return { seal, store, clock }
}

function init(seal: SealManager, request: InitRequest): Promise<InitOutcome<string>> {
  return seal.init(request, (txn, keyring) => {
    assert.equal(keyring.subkey('tokens').length, 32)
    txn.put(rootToken, 'root')
    txn.put(recordKey('c/mounts'), [])
    return 'token text'
  })
}

const threeOfFive: InitRequest = { secretShares: 5, secretThreshold: 3 }

async function unsealAll(seal: SealManager, keys: readonly Buffer[]): Promise<void> {
  for (const key of keys) await seal.unseal({ key: key.toString('hex') })
}

function refused(work: Promise<unknown>, text: string | RegExp): Promise<void> {
  return assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof SealProblem, String(error))
    if (typeof text === 'string') assert.equal(error.message, text)
    else assert.match(error.message, text)
    return true
  })
}

async function keysOf(engine: Engine): Promise<readonly string[]> {
  return viewOf(engine, async (view) => {
    const keys: string[] = []
    for await (const [key] of view.range({ start: '', end: '\u{10ffff}' })) keys.push(key)
    return keys
  })
}

/** Memory that loses its process at a commit: before it, or after it without an answer. */
class CrashingEngine implements Engine {
  readonly type = 'inmem'
  readonly memory: MemoryEngine
  crash: 'before' | 'after' | undefined

  constructor(memory: MemoryEngine) {
    this.memory = memory
  }

  snapshot(): EngineSnapshot {
    return this.memory.snapshot()
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    if (this.crash === 'before') throw new Error('crashed')
    const outcomes = await this.memory.commit(changes)
    if (this.crash === 'after') throw new Error('crashed')
    return outcomes
  }

  close(): Promise<void> {
    return this.memory.close()
  }
}

test('SYS-01, SYS-02: a new store is not initialised', async () => {
  const { seal } = start(new MemoryEngine())
  assert.equal(await seal.isInitialized(), false)
  assert.deepEqual(await seal.status(), {
    type: 'shamir',
    initialized: false,
    sealed: true,
    t: 0,
    n: 0,
    progress: 0,
    nonce: '',
    migration: false,
    recovery_seal: false,
    storage_type: 'inmem',
  })
})

test('SYS-03, SYS-04, SYS-05: init gives the keys once and leaves the store sealed', async () => {
  const { seal, store } = start(new MemoryEngine())
  const { keys, recoveryKeys, value } = await init(seal, threeOfFive)
  assert.equal(value, 'token text')
  assert.deepEqual(
    keys.map((key) => key.length),
    [33, 33, 33, 33, 33],
  )
  assert.deepEqual(recoveryKeys, [])
  assert.equal(store.sealed, true)
  const status = await seal.status()
  assert.deepEqual(
    [
      status.initialized,
      status.sealed,
      status.t,
      status.n,
      status.progress,
      status.nonce,
      status.cluster_id,
    ],
    [true, true, 3, 5, 0, '', undefined],
  )
  await refused(init(seal, threeOfFive), 'Vault is already initialized')
})

test('two inits at once give one set of keys, also from two processes', async () => {
  const engine = new MemoryEngine()
  const [one, two] = [start(engine), start(engine)]
  const outcomes = await Promise.allSettled([
    init(one.seal, threeOfFive),
    init(one.seal, threeOfFive),
    init(two.seal, threeOfFive),
  ])
  const done = outcomes.filter((outcome) => outcome.status === 'fulfilled')
  assert.equal(done.length, 1)
  await unsealAll(two.seal, done[0]?.value.keys.slice(0, 3) ?? [])
  assert.equal(two.seal.sealed, false)
})

test('SYS-06, SYS-07, SYS-08: every bad seal configuration is refused and nothing is written', async () => {
  const cases: readonly (readonly [SealType, InitRequest, string | RegExp])[] = [
    [shamirSeal, {}, 'invalid seal configuration: shares must be at least one'],
    [shamirSeal, { secretShares: 1 }, 'invalid seal configuration: threshold must be at least one'],
    [
      shamirSeal,
      { secretShares: 2, secretThreshold: 1 },
      /^invalid seal configuration: threshold must be greater/,
    ],
    [
      shamirSeal,
      { secretShares: 2, secretThreshold: 3 },
      /^invalid seal configuration: threshold cannot/,
    ],
    [
      shamirSeal,
      { secretShares: 256, secretThreshold: 256 },
      /^invalid seal configuration: shares must be less/,
    ],
    [shamirSeal, { secretShares: -1, secretThreshold: 1 }, /^invalid seal configuration:/],
    [shamirSeal, { secretShares: 2.5, secretThreshold: 2 }, /^invalid seal configuration:/],
    [
      shamirSeal,
      { ...threeOfFive, recoveryShares: 1 },
      'parameters recovery_shares not applicable to seal type shamir',
    ],
    [
      shamirSeal,
      { ...threeOfFive, recoveryShares: 1, recoveryThreshold: 1 },
      'parameters recovery_shares,recovery_threshold not applicable to seal type shamir',
    ],
    [shamirSeal, { ...threeOfFive, pgpKeys: ['x'] }, /^invalid seal configuration: count mismatch/],
    [
      shamirSeal,
      { secretShares: 1, secretThreshold: 1, pgpKeys: ['x'] },
      /^pgp_keys: expected the base64/,
    ],
    [
      staticSeal,
      threeOfFive,
      'parameters secret_shares,secret_threshold not applicable to seal type static',
    ],
    [staticSeal, { recoveryShares: 2, recoveryThreshold: 1 }, /^invalid seal configuration:/],
    [staticSeal, { recoveryShares: 0, recoveryThreshold: 1 }, /^invalid seal configuration:/],
  ]
  for (const [type, request, text] of cases) {
    const engine = new MemoryEngine()
    await refused(init(start(engine, type).seal, request), text)
    assert.deepEqual(await keysOf(engine), [])
  }
})

test('init takes the zeros and empty lists that the official client sends', async () => {
  const { seal } = start(new MemoryEngine())
  const { keys } = await init(seal, {
    secretShares: 1,
    secretThreshold: 1,
    pgpKeys: [],
    recoveryShares: 0,
    recoveryThreshold: 0,
    recoveryPgpKeys: [],
    rootTokenPgpKey: '',
  })
  assert.deepEqual(
    keys.map((key) => key.length),
    [32],
  )
  const status = await seal.unseal({ key: keys[0]?.toString('base64') ?? '' })
  assert.equal(status.sealed, false)
})

test('SYS-09, SYS-10, SYS-11, SYS-12: shares are counted once, forgotten on reset, and open at the threshold', async () => {
  const { seal, store } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  const [one, two, three, four] = keys
  assert.ok(one && two && three && four)
  const first = await seal.unseal({ key: one.toString('hex') })
  assert.deepEqual([first.progress, first.sealed], [1, true])
  assert.notEqual(first.nonce, '')
  const repeated = await seal.unseal({ key: one.toString('base64') })
  assert.deepEqual([repeated.progress, repeated.nonce], [1, first.nonce])
  const reset = await seal.unseal({ reset: true })
  assert.deepEqual([reset.progress, reset.nonce], [0, ''])
  const again = await seal.unseal({ key: four.toString('hex').toUpperCase() })
  assert.notEqual(again.nonce, first.nonce)
  assert.equal((await seal.unseal({ key: two.toString('base64') })).progress, 2)
  const open = await seal.unseal({ key: three.toString('hex') })
  assert.deepEqual([open.sealed, open.progress, open.nonce], [false, 0, ''])
  assert.match(open.cluster_id ?? '', /^[0-9a-f-]{36}$/)
  assert.match(open.cluster_name ?? '', /^vault-cluster-[0-9a-f]{8}$/)
  assert.equal(await store.view((view) => view.get(rootToken)), 'root')
  assert.equal(await store.view((view) => view.epoch()), 1)
})

test('SYS-13: a wrong share at the threshold is refused and the attempt begins again', async () => {
  const { seal } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  await unsealAll(seal, keys.slice(0, 2))
  await refused(
    seal.unseal({ key: random.bytes(33).toString('hex') }),
    'unseal failed, invalid key',
  )
  const status = await seal.status()
  assert.deepEqual([status.progress, status.nonce, status.sealed], [0, '', true])
  await unsealAll(seal, keys.slice(2))
  assert.equal(seal.sealed, false)
})

test('SYS-14, SYS-15: a request without a key or with no key text is refused with the exact text', async () => {
  const { seal } = start(new MemoryEngine())
  await refused(
    seal.unseal({}),
    "'key' must be specified in request body as JSON, or 'reset' set to true",
  )
  await refused(seal.unseal({ key: '', reset: false }), /^'key' must be specified/)
  await refused(seal.unseal({ key: 'zz!' }), "'key' must be a valid hex or base64 string")
  await refused(seal.unseal({ key: 'abcd' }), 'server is not yet initialized')
  await init(seal, threeOfFive)
  await refused(seal.unseal({ key: 'zz!' }), "'key' must be a valid hex or base64 string")
})

test('SYS-16: on an open store a key is ignored and a reset refused', async () => {
  const { seal } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  await unsealAll(seal, keys.slice(0, 3))
  const status = await seal.unseal({ key: 'ab' })
  assert.deepEqual([status.sealed, status.progress], [false, 0])
  await refused(seal.unseal({ reset: true }), 'vault is unsealed')
})

test('two last shares at once open the store once', async () => {
  const { seal } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  let opened = 0
  seal.onUnsealed(() => {
    opened++
  })
  await Promise.all(keys.map((key) => seal.unseal({ key: key.toString('hex') })))
  assert.equal(seal.sealed, false)
  assert.equal(opened, 1)
})

test('SEC-STO-17: truncated, long, foreign and mixed shares open nothing, in 10,000 tries', async () => {
  const { seal } = start(new MemoryEngine())
  const { keys } = await init(seal, { secretShares: 3, secretThreshold: 2 })
  const foreign = await init(start(new MemoryEngine()).seal, {
    secretShares: 3,
    secretThreshold: 2,
  })
  const [mine] = keys
  const [theirs] = foreign.keys
  assert.ok(mine && theirs)
  for (const length of [0, 1, 16, 31, 32, 34, 64]) {
    const bytes = Buffer.alloc(length, 1)
    mine.copy(bytes)
    if (length > 0)
      await refused(seal.unseal({ key: bytes.toString('hex') }), /^unseal failed, invalid key/)
    assert.equal((await seal.status()).progress, 0)
  }
  await refused(seal.unseal({ key: 'ab'.repeat(5000) }), /invalid key/)
  await refused(seal.unseal({ key: '!'.repeat(1_000_000) }), /valid hex or base64/)
  await seal.unseal({ key: mine.toString('hex') })
  await refused(seal.unseal({ key: theirs.toString('hex') }), 'unseal failed, invalid key')
  // The same place as another share, with other content.
  const sibling = Buffer.from(mine)
  sibling[0] = (sibling[0] ?? 0) ^ 1
  await seal.unseal({ key: mine.toString('hex') })
  await refused(seal.unseal({ key: sibling.toString('hex') }), 'unseal failed, invalid key')
  let refusals = 0
  for (let i = 0; i < 10_000; i++) {
    await seal.unseal({ key: random.bytes(33).toString('hex') }).catch((error: unknown) => {
      assert.ok(error instanceof SealProblem)
      refusals++
    })
  }
  assert.equal(refusals, 5000)
  assert.equal(seal.sealed, true)
  await unsealAll(seal, keys.slice(1))
  assert.equal(seal.sealed, false)
})

test('every set of as many shares as the threshold opens, and none of fewer', async () => {
  const engine = new MemoryEngine()
  const { keys } = await init(start(engine).seal, { secretShares: 4, secretThreshold: 2 })
  for (const a of keys) {
    for (const b of keys) {
      const { seal } = start(engine)
      await unsealAll(seal, [a, b])
      assert.equal(seal.sealed, a === b)
    }
  }
})

test('SEC-STO-18, SYS-19: a seal runs what was registered, then forgets; the shares open it again', async () => {
  const { seal, store } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  const events: string[] = []
  seal.onUnsealed(() => void events.push('unsealed'))
  seal.onSealing(async () => {
    assert.equal(seal.sealed, true)
    await store.view(async () => {})
    events.push('sealing')
  })
  await unsealAll(seal, keys.slice(0, 3))
  const { keyring } = store
  await seal.seal()
  assert.equal(seal.sealed, true)
  assert.throws(() => keyring.seal('a', 'b'), { name: 'StoreSealed' })
  await assert.rejects(
    store.view((view) => view.get(rootToken)),
    { name: 'StoreSealed' },
  )
  assert.throws(() => seal.keyStatus(), { name: 'StoreSealed' })
  await assert.rejects(seal.rotate(), { name: 'StoreSealed' })
  await unsealAll(seal, keys.slice(2))
  assert.deepEqual(events, ['unsealed', 'sealing', 'unsealed'])
  assert.equal(await store.view((view) => view.get(rootToken)), 'root')
})

test('when the server cannot be made ready after an unseal it is sealed again', async () => {
  const { seal, store } = start(new MemoryEngine())
  const { keys } = await init(seal, threeOfFive)
  let broken = true
  seal.onUnsealed(() => {
    assert.equal(seal.sealed, true)
    if (broken) throw new Error('mount table')
  })
  await assert.rejects(unsealAll(seal, keys.slice(0, 3)), /mount table/)
  assert.equal(store.sealed, true)
  assert.equal((await seal.status()).progress, 0)
  broken = false
  await unsealAll(seal, keys.slice(0, 3))
  assert.equal(seal.sealed, false)
})

test('rotation makes a new term; old records open, and so does the next start', async () => {
  const engine = new MemoryEngine()
  const { seal, store, clock } = start(engine)
  const { keys } = await init(seal, threeOfFive)
  await unsealAll(seal, keys.slice(0, 3))
  assert.deepEqual(
    [seal.keyStatus().term, seal.keyStatus().install_time],
    [1, '2026-01-01T00:00:00.000Z'],
  )
  const before = store.keyring.subkey('tokens')
  clock.advance(3_600_000)
  await seal.rotate()
  const status = seal.keyStatus()
  assert.deepEqual(status, { term: 2, install_time: '2026-01-01T01:00:00.000Z', encryptions: 0 })
  await store.write((txn) => txn.put(recordKey('new'), 1))
  assert.equal(seal.keyStatus().encryptions, 1)
  assert.equal(await store.view((view) => view.get(rootToken)), 'root')
  await seal.seal()
  await unsealAll(seal, keys.slice(0, 3))
  assert.deepEqual(await store.view((view) => view.getMany([rootToken, recordKey('new')])), [
    'root',
    1,
  ])
  assert.deepEqual(store.keyring.subkey('tokens'), before)
  assert.equal(seal.keyStatus().encryptions, 1)
})

test('a rotation by one process is followed by the others at their next read', async () => {
  const engine = new MemoryEngine()
  const [one, two] = [start(engine, staticSeal), start(engine, staticSeal)]
  await init(one.seal, {})
  await two.seal.autoUnseal()
  await one.seal.rotate()
  await one.store.write((txn) => txn.put(recordKey('a'), 'new term'))
  assert.equal(await two.store.view((view) => view.get(recordKey('a'))), 'new term')
  assert.equal(two.seal.keyStatus().term, 2)
  await Promise.all([one.seal.rotate(), two.seal.rotate(), one.seal.rotate()])
  await two.store.write((txn) => txn.put(recordKey('b'), 'b'))
  assert.equal(await one.store.view((view) => view.get(recordKey('b'))), 'b')
  await one.seal.seal()
  await one.seal.autoUnseal()
  assert.equal(one.seal.keyStatus().term, 5)
})

test('SEC-STO-04: the count of seals is kept over restarts, and the key is rotated long before its limit', async () => {
  const engine = new MemoryEngine()
  await init(start(engine, staticSeal).seal, {})
  const next = start(engine, staticSeal)
  await next.seal.autoUnseal()
  const seal500 = (): void => {
    for (let i = 0; i < 500; i++) next.store.keyring.seal('k', '')
  }
  seal500()
  await next.seal.seal()
  await next.seal.autoUnseal()
  assert.equal(next.seal.keyStatus().encryptions, 500)
  const nearlyDue = Buffer.from(JSON.stringify({ term: 1, count: sealsPerTermMax / 2 - 600 }))
  await engine.commit([{ expects: [], puts: [['seal/encryptions', nearlyDue]], deletes: [] }])
  await next.seal.seal()
  await next.seal.autoUnseal()
  seal500()
  await next.seal.seal()
  await next.seal.autoUnseal()
  assert.equal(next.seal.keyStatus().term, 1)
  for (let i = 0; i < sealsUnsavedMax; i++) next.store.keyring.seal('k', '')
  // In turn after the rotation that the last of these has asked for.
  await next.seal.unseal({ key: 'any' })
  assert.deepEqual([next.seal.keyStatus().term, next.seal.keyStatus().encryptions], [2, 0])
  assert.equal(await next.store.view((view) => view.get(rootToken)), 'root')
})

test('SEC-STO-12: a crash in init leaves nothing or everything', async () => {
  for (const crash of ['before', 'after'] as const) {
    const engine = new CrashingEngine(new MemoryEngine())
    engine.crash = crash
    await assert.rejects(init(start(engine, staticSeal).seal, {}), /crashed/)
    const next = start(engine.memory, staticSeal)
    assert.equal(await next.seal.isInitialized(), crash === 'after')
    assert.equal(await next.seal.autoUnseal(), crash === 'after')
    if (crash === 'before') assert.deepEqual(await keysOf(engine.memory), [])
    else assert.equal(await next.store.view((view) => view.get(rootToken)), 'root')
  }
})

test('init whose work throws writes nothing and can be repeated', async () => {
  const engine = new MemoryEngine()
  const { seal } = start(engine)
  const broken = seal.init(threeOfFive, () => {
    throw new Error('no token')
  })
  await assert.rejects(broken, /no token/)
  assert.deepEqual(await keysOf(engine), [])
  assert.equal((await init(seal, threeOfFive)).keys.length, 5)
})

test('SEC-STO-12: a crash in a rotation leaves the old keyring or the new one', async () => {
  for (const crash of ['before', 'after'] as const) {
    const engine = new CrashingEngine(new MemoryEngine())
    const first = start(engine, staticSeal)
    await init(first.seal, {})
    engine.crash = crash
    await assert.rejects(first.seal.rotate(), /crashed/)
    const next = start(engine.memory, staticSeal)
    await next.seal.autoUnseal()
    assert.equal(next.seal.keyStatus().term, crash === 'before' ? 1 : 2)
    assert.equal(await next.store.view((view) => view.get(rootToken)), 'root')
  }
})

test('a crash in a rekey leaves the old keys or the new ones, and never neither (SEC-STO-12)', async () => {
  for (const crash of ['before', 'after'] as const) {
    const engine = new CrashingEngine(new MemoryEngine())
    const first = start(engine)
    const { keys } = await init(first.seal, threeOfFive)
    await unsealAll(first.seal, keys.slice(0, 3))
    assert.equal(await first.seal.areTrue(keys.slice(1, 4)), true)
    const key = random.bytes(32)
    engine.crash = crash
    const counts = { shares: 1, threshold: 1 }
    await assert.rejects(first.seal.replaceSplitKey(key, counts), /crashed/)
    const next = start(engine.memory)
    const opening = crash === 'before' ? keys.slice(0, 3) : [key]
    const other = crash === 'before' ? Buffer.concat([key, key.subarray(0, 1)]) : keys[0]
    assert.ok(other !== undefined)
    assert.equal((await next.seal.status()).n, crash === 'before' ? 5 : 1)
    await next.seal.unseal({ key: other.toString('hex') }).catch(() => undefined)
    await next.seal.unseal({ reset: true })
    await unsealAll(next.seal, opening)
    assert.equal(await next.store.view((view) => view.get(rootToken)), 'root')
  }
})

test('a static seal opens at init and at start, and needs no keys', async () => {
  const engine = new MemoryEngine()
  const { seal } = start(engine, staticSeal)
  assert.equal(await seal.autoUnseal(), false)
  const { keys, recoveryKeys } = await init(seal, {})
  assert.deepEqual([keys, recoveryKeys, seal.sealed], [[], [], false])
  const status = await seal.status()
  assert.deepEqual([status.type, status.recovery_seal, status.t, status.n], ['static', true, 0, 0])
  const next = start(engine, staticSeal)
  assert.equal(await next.seal.autoUnseal(), true)
  assert.equal(await next.store.view((view) => view.get(rootToken)), 'root')
  await next.seal.seal()
  await refused(
    next.seal.unseal({ key: 'ab'.repeat(33) }),
    'unseal keys are not used with seal type static: the server opens itself when it is restarted',
  )
})

test('a static seal gives recovery keys when it is asked for them', async () => {
  const { seal } = start(new MemoryEngine(), staticSeal)
  const { recoveryKeys } = await init(seal, { recoveryShares: 5, recoveryThreshold: 3 })
  assert.equal(recoveryKeys.length, 5)
  const status = await seal.status()
  assert.deepEqual([status.t, status.n, status.sealed], [3, 5, false])
})

test('another static key, or another kind of seal, is refused with the reason and writes nothing', async () => {
  const engine = new MemoryEngine()
  await init(start(engine, staticSeal).seal, {})
  const before = await keysOf(engine)
  const wrong = start(engine, createStaticSeal(random.bytes(32), ' of seal.key'))
  await refused(
    wrong.seal.autoUnseal(),
    /^the static seal key of seal\.key does not open this store: it was made with another key/,
  )
  assert.throws(
    () => createStaticSeal('short', ' of seal.key'),
    /key of seal\.key must be 32 bytes/,
  )
  assert.equal(wrong.seal.sealed, true)
  await refused(
    start(engine).seal.autoUnseal(),
    /initialised with seal type static, and the server is configured for shamir/,
  )
  assert.deepEqual(await keysOf(engine), before)
  const shamir = new MemoryEngine()
  await init(start(shamir).seal, threeOfFive)
  await refused(start(shamir, staticSeal).seal.autoUnseal(), /initialised with seal type shamir/)
})

test('a static key comes as raw bytes, hex or base64, and nothing else', () => {
  const key = random.bytes(32)
  for (const input of [
    key,
    key.toString('hex'),
    key.toString('base64'),
    `${key.toString('hex')}\n`,
    Buffer.from(key.toString('base64')),
  ]) {
    assert.deepEqual(createStaticSeal(input).key, key)
  }
  for (const input of [
    '',
    'abc',
    key.toString('hex').slice(2),
    Buffer.alloc(31),
    Buffer.alloc(33),
    'x'.repeat(64),
  ]) {
    assert.throws(() => createStaticSeal(input), /must be 32 bytes/)
  }
})
