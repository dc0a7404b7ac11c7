/** The line in front of the hashing of passwords, and the hashes, each by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hashPassword,
  nobodysPassword,
  verifyPassword,
} from '../../src/auth/userpass/password-hash.ts'
import { PasswordLine, type Turn } from '../../src/auth/userpass/password-line.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { SeededRandom } from '../harness/seeded-random.ts'

function makeLine() {
  const clock = new ManualClock(0)
  const line = new PasswordLine(clock)
  const served: string[] = []
  const turns: Turn[] = []
  const enter = async (customer: string, as: 'operator' | 'customer' = 'customer') => {
    const turn = await (as === 'operator' ? line.enterAsOperator() : line.enter(customer))
    served.push(turn === undefined ? `${customer} turned away` : customer)
    if (turn !== undefined) turns.push(turn)
  }
  /** Ends the work that is being done, after so long. */
  const end = async (outcome: 'proven' | 'in_vain' | 'unasked', tookMs = 0) => {
    await settled()
    clock.advance(tookMs)
    turns.shift()?.end(outcome)
    await settled()
  }
  return { clock, served, enter, end }
}

/** Promises that are resolved have run what waits for them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('customers are served in turn, however many places one of them has', async () => {
  const { served, enter, end } = makeLine()
  for (const customer of ['a', 'a', 'a', 'a', 'b', 'c']) void enter(customer)
  for (let i = 0; i < 6; i++) await end('unasked')
  assert.deepEqual(served, ['a', 'a', 'b', 'c', 'a', 'a'])
})

test('whoever was proven once, and operators, wait for no crowd of strangers', async () => {
  const { served, enter, end } = makeLine()
  void enter('known')
  await end('proven')
  for (let i = 0; i < 20; i++) void enter(`s${i}`)
  void enter('known')
  void enter('operator', 'operator')
  for (let i = 0; i < 3; i++) await end('unasked')
  assert.deepEqual(served.slice(0, 4), ['known', 's0', 'operator', 'known'])
})

test('one customer has sixteen places, all strangers together 256, and whoever has most makes room', async () => {
  const { served, enter } = makeLine()
  for (let i = 0; i < 18; i++) void enter('a')
  await settled()
  assert.deepEqual(new Set(served), new Set(['a', 'a turned away']))
  for (let i = 0; i < 300; i++) void enter(`s${i}`)
  await settled()
  const turnedAway = served.filter((text) => /^s\d+ turned/.test(text))
  // Room was made by the one who had sixteen places.
  assert.equal(turnedAway.length, 45)
  assert.equal(served.filter((text) => text === 'a turned away').length, 16)
})

test('after work in vain there is a rest of three times as long, and after other work none', async () => {
  const { clock, served, enter, end } = makeLine()
  for (const customer of ['a', 'b', 'c']) void enter(customer)
  await end('in_vain', 300)
  clock.advance(899)
  await settled()
  assert.deepEqual(served, ['a'])
  clock.advance(1)
  await settled()
  assert.deepEqual(served, ['a', 'b'])
  await end('proven', 300)
  assert.deepEqual(served, ['a', 'b', 'c'])
})

test('whoever waits too long is turned away, and a turn ends once', async () => {
  const { clock, served, enter, end } = makeLine()
  void enter('slow')
  void enter('late')
  await settled()
  clock.advance(16_000)
  void enter('fresh')
  await end('unasked')
  assert.deepEqual(served, ['slow', 'late turned away', 'fresh'])
})

test('a hash opens to its password alone, in whichever spelling of Unicode and with older parameters', async () => {
  const random = new SeededRandom('passwords')
  const kept = await hashPassword('caf\u00e9', random)
  assert.doesNotMatch(JSON.stringify(kept), /caf/)
  assert.equal(await verifyPassword('cafe\u0301', kept), true)
  assert.equal(await verifyPassword('cafe', kept), false)
  assert.notEqual((await hashPassword('caf\u00e9', random)).hash, kept.hash)
  assert.equal(await verifyPassword('', nobodysPassword(random)), false)
  const cheaper = { ...kept, parallelization: 1 }
  assert.equal(await verifyPassword('caf\u00e9', cheaper), false)
  const { scryptSync } = await import('node:crypto')
  const hash = scryptSync('old', kept.salt, 32, { N: 1024, r: 8, p: 1 }).toString('base64url')
  const older = { ...kept, cost: 1024, parallelization: 1, hash }
  assert.equal(await verifyPassword('old', older), true)
})
