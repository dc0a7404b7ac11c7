/** What every engine must do, on its own and below the sealed store. Run by each engine's test on the real thing. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SystemClock } from '../../src/platform/clock.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { compareKeys } from '../../src/storage/key-order.ts'
import { Keyring } from '../../src/storage/keyring.ts'
import { ScopedStore, scopedKey, scopedTransaction } from '../../src/storage/scoped-store.ts'
import { destroyRange, SealedStore } from '../../src/storage/sealed-store.ts'
import {
  prefixRange,
  recordKey,
  StoreSealed,
  textKey,
  viewOf,
  type Change,
  type Engine,
  type Expectation,
  type KeyRange,
  type Store,
  type StoreTransaction,
} from '../../src/storage/store.ts'
import { KeyNotStorable } from '../../src/storage/transaction.ts'

export interface OpenedEngine {
  readonly engine: Engine
  /** Opens the same data again after `engine` has been closed; absent where nothing stays. */
  readonly reopen?: () => Promise<Engine>
}

const everything: KeyRange = { start: '', end: '\u{10ffff}' }

export function storageSuite(name: string, openEngine: () => Promise<OpenedEngine>): void {
  const engineTest = (title: string, work: (engine: Engine) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const { engine } = await openEngine()
      try {
        await work(engine)
      } finally {
        await engine.close()
      }
    })
  }

  engineTest('keys are ordered by their bytes, above U+FFFF too', async (engine) => {
    const keys = ['a', 'a/', 'a/b', 'a0', 'z', 'é', '日本', '\ue000', '\uffff', '😀', '\u{10fffe}']
    await engine.commit([put(...keys.toReversed())])
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(await list(engine, everything), byBytes)
    assert.deepEqual(await list(engine, { ...everything, reverse: true }), byBytes.toReversed())
    assert.deepEqual(await list(engine, { start: '\uffff', end: '\u{10fffe}' }), ['\uffff', '😀'])
  })

  engineTest(
    'a range has its start, not its end, and at most its limit from the right side',
    async (engine) => {
      await engine.commit([put('a', 'b', 'c', 'd', 'e')])
      assert.deepEqual(await list(engine, { start: 'b', end: 'd' }), ['b', 'c'])
      assert.deepEqual(await list(engine, { start: 'b', end: 'e', limit: 2 }), ['b', 'c'])
      assert.deepEqual(await list(engine, { start: 'b', end: 'e', reverse: true }), ['d', 'c', 'b'])
      assert.deepEqual(await list(engine, { start: 'a', end: 'z', limit: 1, reverse: true }), ['e'])
      assert.deepEqual(await list(engine, { start: 'a', end: 'e', limit: 0 }), [])
      assert.deepEqual(await list(engine, { start: 'd', end: 'b' }), [])
      assert.deepEqual(await list(engine, { start: 'bb', end: 'bc' }), [])
      assert.deepEqual(await list(engine, { start: 'x'.repeat(5000), end: 'z' }), [])
      assert.deepEqual(await list(engine, { start: 'b', end: `d${'x'.repeat(5000)}` }), [
        'b',
        'c',
        'd',
      ])
    },
  )

  engineTest(
    'an engine agrees with a sorted list on any puts, deletes and ranges',
    async (engine) => {
      const text = fc.string({
        unit: fc.constantFrom('a', 'b', '/', 'é', '😀', '\ue000'),
        minLength: 1,
        maxLength: 3,
      })
      const model = new Map<string, string>()
      const steps = fc.array(
        fc.record({ key: text, value: fc.option(fc.string(), { nil: undefined }) }),
        { maxLength: 20 },
      )
      const ranges = fc.record({ start: text, end: text, limit: fc.nat(5), reverse: fc.boolean() })
      await fc.assert(
        fc.asyncProperty(steps, ranges, async (changes, range) => {
          const batch: Change[] = []
          for (const { key, value } of changes) {
            if (value === undefined) model.delete(key)
            else model.set(key, value)
            batch.push(
              change(
                value === undefined ? { deletes: [key] } : { puts: [[key, Buffer.from(value)]] },
              ),
            )
          }
          await engine.commit(batch)
          const inRange = [...model.keys()]
            .toSorted(compareKeys)
            .filter((key) => compareKeys(key, range.start) >= 0 && compareKeys(key, range.end) < 0)
          const wanted = (range.reverse ? inRange.toReversed() : inRange).slice(0, range.limit)
          assert.deepEqual(await list(engine, range), wanted)
          const keys = [...model.keys()]
          assert.deepEqual(
            await read(engine, ...keys),
            keys.map((key) => model.get(key)),
          )
        }),
        { numRuns: 40 },
      )
    },
  )

  engineTest(
    'a long range is read to its end, in both directions, while others write',
    async (engine) => {
      const keys = Array.from({ length: 1500 }, (_, i) => `k/${String(i).padStart(6, '0')}`)
      await engine.commit([put(...keys)])
      for (const reverse of [false, true]) {
        const seen: string[] = []
        await viewOf(engine, async (view) => {
          for await (const [key] of view.range({ ...prefixRange('k/'), reverse })) {
            if (seen.length % 500 === 10) await engine.commit([put(`k/${key}/new`, 'k/zzz')])
            seen.push(key)
          }
        })
        assert.deepEqual(reverse ? seen.toReversed() : seen, keys)
        await engine.commit([
          change({
            deletes: (await list(engine, prefixRange('k/'))).filter((key) => !keys.includes(key)),
          }),
        ])
      }
    },
  )

  engineTest('a view sees one moment, whatever is committed while it lasts', async (engine) => {
    await engine.commit([put('a', 'b')])
    await viewOf(engine, async (view) => {
      const [before] = await view.getMany(['a'])
      assert.equal(String(before && Buffer.from(before)), 'a')
      await engine.commit([
        change({
          puts: [
            ['a', Buffer.from('new')],
            ['c', Buffer.from('c')],
          ],
          deletes: ['b'],
        }),
      ])
      const [a, b, c] = await view.getMany(['a', 'b', 'c'])
      assert.equal(String(a && Buffer.from(a)), 'a')
      assert.equal(String(b && Buffer.from(b)), 'b')
      assert.equal(c, undefined)
      const keys: string[] = []
      for await (const [key] of view.range(everything)) keys.push(key)
      assert.deepEqual(keys, ['a', 'b'])
    })
    assert.deepEqual(await read(engine, 'a', 'b', 'c'), ['new', undefined, 'c'])
  })

  engineTest(
    'a commit is seen by every view that begins after it, and views do not disturb each other',
    async (engine) => {
      for (let round = 0; round < 50; round++) {
        const value = `value ${round}`
        await engine.commit([change({ puts: [['a', Buffer.from(value)]] })])
        const seen = await Promise.all(
          Array.from({ length: 8 }, () => read(engine, 'a', 'nothing', 'a')),
        )
        for (const values of seen) assert.deepEqual(values, [value, undefined, value])
      }
    },
  )

  engineTest('values of any size come back, the empty one too', async (engine) => {
    const sizes = [0, 1, 100, 4000, 8192, 40_000, 1_500_000]
    await engine.commit([
      change({ puts: sizes.map((size) => [`s/${size}`, Buffer.alloc(size, size % 251)]) }),
    ])
    await viewOf(engine, async (view) => {
      const values = await view.getMany(sizes.map((size) => `s/${size}`))
      for (const [i, size] of sizes.entries()) {
        const value = values[i]
        assert.ok(value !== undefined && Buffer.alloc(size, size % 251).equals(value), String(size))
      }
    })
  })

  engineTest(
    'a change whose expectation fails is skipped whole, and the others of its batch are not',
    async (engine) => {
      await engine.commit([put('a')])
      const outcomes = await engine.commit([
        change({ puts: [['b', Buffer.from('1')]] }),
        // Sees the put before it in the same batch.
        change({ expects: [value('b', '1')], puts: [['b', Buffer.from('2')]], deletes: ['a'] }),
        change({
          expects: [value('b', '1')],
          puts: [
            ['c', Buffer.from('c')],
            ['a', Buffer.from('again')],
          ],
          deletes: ['b'],
        }),
        change({
          expects: [value('a', undefined), value('b', '2')],
          puts: [['d', Buffer.from('d')]],
        }),
        change({ expects: [value('x', '')], puts: [['e', Buffer.from('e')]] }),
      ])
      assert.deepEqual(outcomes, ['committed', 'committed', 'conflict', 'committed', 'conflict'])
      assert.deepEqual(await read(engine, 'a', 'b', 'c', 'd', 'e'), [
        undefined,
        '2',
        undefined,
        'd',
        undefined,
      ])
    },
  )

  engineTest(
    'a listing that changed is a conflict, and one that did not is none',
    async (engine) => {
      await engine.commit([put('l/a', 'l/b', 'm')])
      const expects: Expectation[] = [
        { kind: 'keys', range: prefixRange('l/'), keys: ['l/a', 'l/b'] },
      ]
      const outcomes = await engine.commit([
        change({ expects, puts: [['m', Buffer.from('other value')]] }),
        change({ expects, puts: [['l/a', Buffer.from('same key')]] }),
        change({ expects, puts: [['l/aa', Buffer.from('new key')]] }),
        change({ expects, puts: [['n', Buffer.from('n')]] }),
        change({
          expects: [
            { kind: 'keys', range: { ...prefixRange('l/'), limit: 2 }, keys: ['l/a', 'l/aa'] },
          ],
        }),
      ])
      assert.deepEqual(outcomes, ['committed', 'committed', 'committed', 'conflict', 'committed'])
    },
  )

  engineTest(
    'what depends on a record is a conflict when there is none, also within one batch',
    async (engine) => {
      await engine.commit([put('c/a', 't/sign')])
      const outcomes = await engine.commit([
        dependent('c/a', 't/1', 'd/1'),
        dependent('c/none', 't/2', 'd/2'),
        put('d/3'),
        dependent('t/sign', 't/4'),
        { ...dependent('c/a', 't/5'), deletes: ['c/a', 'd/1'] },
        dependent('c/a', 't/6'),
        dependent('c/a', 'c/a'),
        put('c/none'),
        dependent('c/none', 'c/end'),
      ])
      assert.deepEqual(outcomes, [
        ...['committed', 'conflict', 'committed', 'committed', 'committed', 'conflict', 'conflict'],
        ...['committed', 'committed'],
      ])
      const left = ['c/end', 'c/none', 'd/3', 't/1', 't/4', 't/5', 't/sign']
      assert.deepEqual(await list(engine, everything), left)
      // Beside one that reads, and as one of several.
      const mixed = await engine.commit([
        change({ expects: [value('d/3', 'd/3')], puts: [['d/7', Buffer.from('7')]] }),
        dependent('c/none', 'd/8'),
        dependent('c/a', 'd/9'),
        change({
          expects: [...dependent('c/none').expects, ...dependent('c/a').expects],
          puts: [['d/9', Buffer.from('9')]],
        }),
      ])
      assert.deepEqual(mixed, ['committed', 'committed', 'conflict', 'conflict'])
      assert.deepEqual(await list(engine, prefixRange('d/')), ['d/3', 'd/7', 'd/8'])
    },
  )

  engineTest('large batches keep to what their changes depend on', async (engine) => {
    await engine.commit([put('c/0', 'c/1')])
    for (let round = 0; round < 4; round++) {
      const sign = (i: number): string | undefined => ['c/0', undefined, 'c/2', 'c/1'][i % 4]
      const name = (i: number): string => `t/${round}/${String(i).padStart(5, '0')}`
      // Single ones that take turns, and then long runs of one kind.
      const kinds = Array.from({ length: 4000 }, (_, i) => sign(round % 2 === 0 ? i : i >> 9))
      const changes = kinds.map((key, i) =>
        key === undefined ? put(name(i)) : dependent(key, name(i), `d/${name(i)}`),
      )
      const wanted = kinds.map((key) => (key === 'c/2' ? 'conflict' : 'committed'))
      assert.deepEqual(await engine.commit(changes), wanted)
      const names = kinds.flatMap((key, i) => (key === 'c/2' ? [] : [name(i)]))
      assert.deepEqual(await list(engine, prefixRange(`t/${round}/`)), names)
    }
  })

  engineTest('commits given at once all happen', async (engine) => {
    const keys = Array.from({ length: 300 }, (_, i) => `p/${String(i).padStart(4, '0')}`)
    const outcomes = await Promise.all(
      keys.map((key, i) =>
        engine.commit(
          i % 3 === 0
            ? [change({ expects: [value(key, undefined)], puts: [[key, Buffer.from('v')]] })]
            : [put(key)],
        ),
      ),
    )
    assert.ok(outcomes.flat().every((outcome) => outcome === 'committed'))
    assert.deepEqual(await list(engine, prefixRange('p/')), keys)
  })

  test(`${name}: what was committed is there after it was closed and opened again`, async (t) => {
    const { engine, reopen } = await openEngine()
    await engine.commit([put('a', 'b'), change({ deletes: ['a'] })])
    await engine.close()
    await assert.rejects(viewOf(engine, async () => {}))
    await assert.rejects(engine.commit([put('c')]))
    if (reopen === undefined) return t.diagnostic('this engine keeps nothing')
    const again = await reopen()
    try {
      assert.deepEqual(await list(again, everything), ['b'])
    } finally {
      await again.close()
    }
    return undefined
  })

  engineTest(
    'SEC-STO-01: nothing that is stored can be read below the sealed store, only keys',
    async (engine) => {
      const store = openStore(engine)
      await store.write((txn) => {
        txn.put(recordKey('r/1'), { planted: 'canary-4711' })
        txn.put(textKey('r/2'), 'canary-4711')
        txn.putIndex('i/1')
      })
      await viewOf(engine, async (view) => {
        for await (const [key, bytes] of view.range(everything)) {
          assert.ok(!Buffer.from(bytes).includes('canary'), key)
          assert.equal(bytes.length === 0, key === 'i/1')
        }
      })
      assert.deepEqual(await store.view((view) => view.get(recordKey('r/1'))), {
        planted: 'canary-4711',
      })
      assert.equal(await store.view((view) => view.get(textKey('r/2'))), 'canary-4711')
      assert.equal(await store.view((view) => view.get(textKey('i/1'))), undefined)
    },
  )

  engineTest(
    'a record comes back as the same object until its bytes change, by whichever process',
    async (engine) => {
      const keyring = Keyring.create(new SystemRandom(), 0)
      const mine = openStore(engine, keyring)
      const theirs = openStore(engine, Keyring.parse(new SystemRandom(), keyring.serialise()))
      const key = recordKey<{ n: number }>('r/1')
      await mine.write((txn) => txn.put(key, { n: 1 }))
      const first = await mine.view((view) => view.get(key))
      assert.equal(await mine.view((view) => view.get(key)), first)
      const inTransaction = await mine.write((txn) => txn.get(key))
      assert.equal(inTransaction, first)
      await theirs.write((txn) => txn.put(key, { n: 2 }))
      await nextStep()
      assert.deepEqual(await mine.view((view) => view.get(key)), { n: 2 })
      await theirs.write((txn) => txn.delete(key.text))
      await nextStep()
      assert.equal(await mine.view((view) => view.get(key)), undefined)
    },
  )

  engineTest('32 counters raised at once lose nothing', async (engine) => {
    const store = openStore(engine)
    const key = recordKey<number>('n')
    await Promise.all(
      Array.from({ length: 32 }, () =>
        store.write(async (txn) => txn.put(key, ((await txn.get(key)) ?? 0) + 1)),
      ),
    )
    assert.equal(await store.view((view) => view.get(key)), 32)
  })

  engineTest('however many raise one counter at once, each of them ends', async (engine) => {
    const store = openStore(engine)
    const key = recordKey<number>('n')
    let runs = 0
    const raise = (): Promise<void> =>
      store.write(async (txn) => {
        runs++
        txn.put(key, ((await txn.get(key)) ?? 0) + 1)
      })
    await Promise.all(Array.from({ length: 200 }, raise))
    assert.equal(await store.view((view) => view.get(key)), 200)
    // Eight runs among others and then, alone, one that holds; one more for what was on its way.
    assert.ok(runs <= 200 * 10, `${runs} runs`)
  })

  engineTest('of two that list and add only one adds to the list it saw', async (engine) => {
    const store = openStore(engine)
    const claim = (): Promise<string> =>
      store.write(async (txn) => {
        const taken: string[] = []
        for await (const key of txn.keys(prefixRange('slot/'))) taken.push(key)
        const mine = `slot/${taken.length}`
        txn.putIndex(mine)
        return mine
      })
    const slots = await Promise.all(Array.from({ length: 10 }, claim))
    assert.equal(new Set(slots).size, 10)
  })

  engineTest(
    'work that throws writes nothing, and work that only reads commits nothing',
    async (engine) => {
      const store = openStore(engine)
      await assert.rejects(
        store.write(async (txn) => {
          txn.put(recordKey('a'), 1)
          await txn.get(recordKey('b'))
          throw new Error('no')
        }),
        /no/,
      )
      assert.deepEqual(await list(engine, everything), [])
      assert.equal(await store.write((txn) => txn.get(recordKey('a'))), undefined)
    },
  )

  engineTest('a transaction sees its own puts and deletes, in listings too', async (engine) => {
    const store = openStore(engine)
    await store.write((txn) => {
      for (const key of ['k/b', 'k/d', 'k/f']) txn.put(recordKey(key), key)
    })
    await store.write(async (txn) => {
      txn.put(recordKey('k/a'), 'own')
      txn.putIndex('k/e')
      txn.putIndex('l')
      txn.delete('k/d')
      txn.delete('k/none')
      assert.equal(await txn.get(recordKey('k/a')), 'own')
      assert.deepEqual(
        await txn.getMany(['k/a', 'k/b', 'k/d', 'k/e', 'k/f'].map((key) => recordKey(key))),
        ['own', 'k/b', undefined, undefined, 'k/f'],
      )
      const all = ['k/a', 'k/b', 'k/e', 'k/f']
      assert.deepEqual(await collect(txn.keys(prefixRange('k/'))), all)
      assert.deepEqual(
        await collect(txn.keys({ ...prefixRange('k/'), reverse: true })),
        all.toReversed(),
      )
      assert.deepEqual(await collect(txn.keys(prefixRange('k/', { limit: 3 }))), all.slice(0, 3))
      assert.deepEqual(await collect(txn.keys(prefixRange('k/', { after: 'b' }))), ['k/e', 'k/f'])
    })
    assert.deepEqual(await collectKeys(store, everything), ['k/a', 'k/b', 'k/e', 'k/f', 'l'])
  })

  engineTest(
    'the epoch grows with each commit that touches configuration, and with no other',
    async (engine) => {
      const store = openStore(engine)
      const epoch = (): Promise<number> => store.view((view) => view.epoch())
      assert.equal(await epoch(), 0)
      await store.write((txn) => txn.put(recordKey('t/1'), 1))
      assert.equal(await epoch(), 0)
      await store.write((txn) => txn.put(recordKey('c/a'), 1))
      assert.equal(await epoch(), 1)
      await store.write((txn) => txn.delete('c/a'))
      assert.equal(await epoch(), 2)
      await Promise.all(
        Array.from({ length: 8 }, (_, i) => store.write((txn) => txn.putIndex(`c/${i}`))),
      )
      assert.equal(await epoch(), 10)
    },
  )

  engineTest('changes of different configuration never conflict', async (engine) => {
    const store = openStore(engine)
    let runs = 0
    const change = (at: number): Promise<void> =>
      store.write(async (txn) => {
        runs++
        const key = recordKey<number>(`c/${at}`)
        txn.put(key, ((await txn.get(key)) ?? 0) + 1)
      })
    await Promise.all(Array.from({ length: 64 }, (_, at) => change(at)))
    assert.equal(runs, 64)
    assert.equal(await store.view((view) => view.epoch()), 64)
  })

  engineTest(
    'whoever is told of a write reads it, whatever was read before in that step',
    async (engine) => {
      const store = openStore(engine)
      const key = recordKey<{ n: number }>('r/1')
      for (let n = 0; n < 20; n++) {
        const held = store.view(async (view) => {
          const before = await view.get(key)
          await store.write((txn) => txn.put(key, { n }))
          // A snapshot stays what it was for whoever holds it.
          assert.equal(await view.get(key), before)
        })
        await held
        assert.deepEqual(await store.view((view) => view.get(key)), { n })
      }
    },
  )

  engineTest(
    'all views of one step read one state, and the next step a newer one',
    async (engine) => {
      const keyring = Keyring.create(new SystemRandom(), 0)
      const mine = openStore(engine, keyring)
      const theirs = openStore(engine, Keyring.parse(new SystemRandom(), keyring.serialise()))
      const key = recordKey<{ n: number }>('r/1')
      await theirs.write((txn) => txn.put(key, { n: 1 }))
      await nextStep()
      const views = Array.from({ length: 64 }, () => mine.view((view) => view.get(key)))
      const [first, ...others] = await Promise.all(views)
      assert.deepEqual(first, { n: 1 })
      for (const other of others) assert.equal(other, first)
      await theirs.write((txn) => txn.put(key, { n: 2 }))
      await nextStep()
      assert.deepEqual(await mine.view((view) => view.get(key)), { n: 2 })
    },
  )

  engineTest(
    'a store that was sealed within a step gives nothing that was read before',
    async (engine) => {
      const store = openStore(engine)
      const key = recordKey<{ n: number }>('r/1')
      await store.write((txn) => txn.put(key, { n: 1 }))
      await store.view(async (view) => {
        assert.deepEqual(await view.get(key), { n: 1 })
        store.seal()
        await assert.rejects(async () => view.get(key), StoreSealed)
      })
    },
  )

  engineTest('two processes raise one epoch, and each sees the other', async (engine) => {
    const keyring = Keyring.create(new SystemRandom(), 0)
    const mine = openStore(engine, keyring)
    const theirs = openStore(engine, Keyring.parse(new SystemRandom(), keyring.serialise()))
    for (const [at, store] of [mine, theirs, theirs, mine].entries()) {
      await store.write((txn) => txn.putIndex(`c/${at}`))
      await nextStep()
      assert.equal(await mine.view((view) => view.epoch()), at + 1)
      assert.equal(await theirs.view((view) => view.epoch()), at + 1)
    }
  })

  engineTest('the sealed epoch of version 0.1 opens and goes on growing', async (engine) => {
    const keyring = Keyring.create(new SystemRandom(), 0)
    const store = openStore(engine, keyring)
    const sealed = keyring.seal('epoch', '41')
    await engine.commit([change({ puts: [['epoch', sealed]] })])
    const epoch = (): Promise<number> => store.view((view) => view.epoch())
    assert.equal(await epoch(), 41)
    await store.write((txn) => txn.putIndex('c/a'))
    const next = await epoch()
    assert.ok(next > 41, String(next))
    await store.write((txn) => txn.putIndex('c/b'))
    assert.equal(await epoch(), next + 1)
  })

  engineTest(
    'a change that is a conflict does not raise the epoch, and one that expects nothing does',
    async (engine) => {
      const outcomes = await engine.commit([
        change({ expects: [value('c/a', 'x')], advancesEpoch: true }),
        change({ puts: [['c/a', Buffer.from('x')]], advancesEpoch: true }),
        change({ puts: [['t/a', Buffer.from('x')]] }),
      ])
      assert.deepEqual(outcomes, ['conflict', 'committed', 'committed'])
      const store = openStore(engine)
      assert.equal(await store.view((view) => view.epoch()), 1)
    },
  )

  engineTest(
    'SEC-STO-02: one changed byte of a record anywhere and it does not open; others do',
    async (engine) => {
      const store = openStore(engine)
      await store.write((txn) => {
        txn.put(recordKey('a'), 'value')
        txn.put(recordKey('b'), 'value')
      })
      const [sealed] = await bytesOf(engine, 'a')
      assert.ok(sealed !== undefined)
      for (let at = 0; at < sealed.length; at++) {
        const changed = Buffer.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ 0x40
        await engine.commit([change({ puts: [['a', changed]] })])
        await assert.rejects(
          store.view((view) => view.get(recordKey('a'))),
          { name: 'RecordDamaged' },
          `byte ${at}`,
        )
      }
      await engine.commit([change({ puts: [['a', sealed.subarray(0, 20)]] })])
      await assert.rejects(
        store.view((view) => view.get(recordKey('a'))),
        { name: 'RecordDamaged' },
      )
      await assert.rejects(store.view((view) => view.getMany([recordKey('b'), recordKey('a')])))
      assert.equal(await store.view((view) => view.get(recordKey('b'))), 'value')
    },
  )

  engineTest('SEC-STO-03: a record that lies under another key does not open', async (engine) => {
    const store = openStore(engine)
    await store.write((txn) => {
      txn.put(recordKey('user/a'), { admin: false })
      txn.put(recordKey('user/b'), { admin: true })
    })
    assert.deepEqual(await store.view((view) => view.get(recordKey('user/a'))), { admin: false })
    const [sealed] = await bytesOf(engine, 'user/b')
    assert.ok(sealed !== undefined)
    await engine.commit([change({ puts: [['user/a', sealed]] })])
    await nextStep()
    await assert.rejects(
      store.view((view) => view.get(recordKey('user/a'))),
      { name: 'RecordDamaged' },
    )
  })

  engineTest(
    'keys that are too long, empty or half a character cannot be written and are never there',
    async (engine) => {
      const store = openStore(engine)
      for (const key of ['', 'x'.repeat(1537), 'é'.repeat(769), '\ud83d', 'a\udc00b', '\u0000a']) {
        await assert.rejects(
          store.write((txn) => txn.put(recordKey(key), 1)),
          KeyNotStorable,
        )
        assert.equal(await store.view((view) => view.get(recordKey(key))), undefined)
        await store.write((txn) => txn.delete(key))
      }
      const longest = 'x'.repeat(1536)
      await store.write((txn) => txn.put(recordKey(longest), 1))
      assert.deepEqual(
        await store.view((view) => view.getMany([recordKey('\ud83d'), recordKey(longest)])),
        [undefined, 1],
      )
      assert.deepEqual(await collectKeys(store, everything), [longest])
    },
  )

  engineTest(
    'a sealed store reads and writes nothing and has forgotten what it knew',
    async (engine) => {
      const store = openStore(engine)
      await store.write((txn) => txn.put(recordKey('a'), 1))
      await store.view(async (view) => {
        assert.equal(await view.get(recordKey('a')), 1)
        store.seal()
        await assert.rejects(async () => view.get(recordKey('a')), StoreSealed)
      })
      assert.equal(store.sealed, true)
      await assert.rejects(
        store.view(async () => {}),
        StoreSealed,
      )
      await assert.rejects(
        store.write((txn) => txn.put(recordKey('a'), 2)),
        StoreSealed,
      )
    },
  )

  engineTest(
    'what is on its way to a scope that ends is not written there, and asks why (NSP-17)',
    async (engine) => {
      const store = openStore(engine)
      const sign = 'c/sign'
      const guard = async (txn: StoreTransaction): Promise<void> => {
        if ((await txn.get(recordKey(scopedKey('one', sign)))) === undefined)
          throw new Error('over')
      }
      const scope = new ScopedStore({ store, scope: 'one', sign, guard })
      await store.write((txn) => scopedTransaction(txn, 'one').put(recordKey(sign), 1))
      await scope.write((txn) => txn.put(recordKey('t/1'), 1))
      let end = (): void => {}
      const isHeld = new Promise<void>((resolve) => {
        end = resolve
      })
      const late = scope.write(async (txn) => {
        await isHeld
        txn.put(recordKey('t/2'), 2)
      })
      await store.write((txn) => scopedTransaction(txn, 'one').delete(sign))
      end()
      await assert.rejects(late, /^Error: over$/)
      await assert.rejects(
        scope.write((txn) => txn.put(recordKey('t/3'), 3)),
        /^Error: over$/,
      )
      store.sendAlong(() => scope.companionOf({ key: recordKey<never>('l/1'), value: 'along' }))
      await store.write((txn) => txn.put(recordKey('t/4'), 4))
      assert.deepEqual(await list(engine, everything), ['epoch', 't/4', 't/~one/1'])
    },
  )

  engineTest('a write to a scope reads nothing, and rests on its sign alone', async (engine) => {
    const changes: Change[] = []
    const seen: Engine = {
      type: engine.type,
      snapshot: () => engine.snapshot(),
      commit: (batch) => {
        changes.push(...batch)
        return engine.commit(batch)
      },
      close: () => engine.close(),
    }
    await engine.commit([put('c/~one/sign')])
    const store = openStore(seen)
    const guard = (): void => assert.fail('it is not asked')
    const scope = new ScopedStore({ store, scope: 'one', sign: 'c/sign', guard })
    await scope.write((txn) => txn.putIndex('x/1'))
    assert.deepEqual(
      changes.map(({ expects }) => expects),
      [[{ kind: 'present', key: 'c/~one/sign' }]],
    )
  })

  engineTest('a store that is sealed while work runs does not commit it', async (engine) => {
    const store = openStore(engine)
    const work = store.write((txn) => {
      txn.put(recordKey('a'), 1)
      store.seal()
    })
    await assert.rejects(work, StoreSealed)
    assert.deepEqual(await list(engine, everything), [])
  })

  engineTest(
    'a prefix of any size is destroyed in steps, and nothing beside it',
    async (engine) => {
      const store = openStore(engine)
      await store.write((txn) => {
        for (let i = 0; i < 250; i++) txn.putIndex(`m/1/${i}`)
        txn.putIndex('m/10')
        txn.putIndex('m/1')
      })
      assert.equal(await destroyRange(store, prefixRange('m/1/'), 100), 250)
      assert.deepEqual(await collectKeys(store, everything), ['m/1', 'm/10'])
    },
  )
}

function openStore(
  engine: Engine,
  keyring = Keyring.create(new SeededRandom('suite'), 0),
): SealedStore {
  const store = new SealedStore({ engine, cacheEntriesMax: 100, onFatal: () => {} })
  store.openWith(keyring)
  return store
}

function change(parts: Partial<Change>): Change {
  return { expects: [], puts: [], deletes: [], ...parts }
}

/** Puts each key with itself as value. */
function put(...keys: readonly string[]): Change {
  return change({ puts: keys.map((key) => [key, Buffer.from(key)]) })
}

/** Puts each key, as long as there is a record at the first. */
function dependent(key: string, ...puts: readonly string[]): Change {
  return { ...put(...puts), expects: [{ kind: 'present', key }] }
}

function value(key: string, text: string | undefined): Expectation {
  return { kind: 'value', key, value: text === undefined ? undefined : Buffer.from(text) }
}

async function list(engine: Engine, range: KeyRange): Promise<readonly string[]> {
  return viewOf(engine, async (view) => {
    const keys: string[] = []
    for await (const [key, bytes] of view.range(range)) {
      keys.push(key)
      assert.ok(bytes instanceof Uint8Array)
    }
    return keys
  })
}

async function bytesOf(
  engine: Engine,
  ...keys: readonly string[]
): Promise<readonly (Buffer | undefined)[]> {
  return viewOf(engine, async (view) =>
    (await view.getMany(keys)).map((bytes) =>
      bytes === undefined ? undefined : Buffer.from(bytes),
    ),
  )
}

async function read(
  engine: Engine,
  ...keys: readonly string[]
): Promise<readonly (string | undefined)[]> {
  return (await bytesOf(engine, ...keys)).map((bytes) => bytes?.toString())
}

/** What another process has done is never heard of within the same step of the event loop. */
function nextStep(): Promise<void> {
  return new Promise((resolve) => new SystemClock().soon(resolve))
}

async function collect(keys: AsyncIterable<string>): Promise<readonly string[]> {
  const collected: string[] = []
  for await (const key of keys) collected.push(key)
  return collected
}

async function collectKeys(store: Store, range: KeyRange): Promise<readonly string[]> {
  return store.view((view) => collect(view.keys(range)))
}
