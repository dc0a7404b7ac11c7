/** The budget of calls to a provider that strangers cause, as a bucket and by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  KnownCustomers,
  ProviderBudget,
  type AdmittedCall,
  type CallOutcome,
} from '../../src/auth/jwt/provider-budget.ts'

/** How many of so many attempts go through. */
function taken(budget: ProviderBudget, attempts: number, address: string, atMs: number): number {
  let count = 0
  for (let i = 0; i < attempts; i++) if (budget.take(address, atMs)) count++
  return count
}

test('one address has a burst of ten calls and thirty a minute after that', () => {
  const budget = new ProviderBudget()
  assert.equal(taken(budget, 1000, '192.0.2.1', 0), 10)
  let later = 0
  // A thousand attempts, spread over a minute.
  for (let i = 1; i <= 1000; i++) if (budget.take('192.0.2.1', i * 60)) later++
  assert.equal(later, 30)
})

test('an address that has spent its calls leaves those of others alone', () => {
  const budget = new ProviderBudget()
  taken(budget, 100_000, '192.0.2.1', 0)
  assert.equal(taken(budget, 20, '192.0.2.2', 0), 10)
})

test('all addresses together have a hundred calls and three hundred a minute after that', () => {
  const budget = new ProviderBudget()
  let count = 0
  for (let i = 0; i < 5000; i++) if (budget.take(`10.0.${i >> 8}.${i & 255}`, 0)) count++
  assert.equal(count, 100)
  for (let i = 0; i < 5000; i++) if (budget.take(`10.1.${i >> 8}.${i & 255}`, 10_000)) count++
  assert.equal(count, 150)
})

test('an IPv6 network of one customer counts as one address, and so does a mapped address', () => {
  const budget = new ProviderBudget()
  let count = 0
  for (let i = 0; i < 100; i++) if (budget.take(`2001:db8:1:2::${i.toString(16)}`, 0)) count++
  assert.equal(count, 10)
  assert.equal(taken(budget, 20, '2001:db8:1:3::1', 0), 10)
  assert.equal(taken(budget, 5, '198.51.100.7', 0), 5)
  assert.equal(taken(budget, 20, '::ffff:198.51.100.7', 0), 5)
})

test('a sign-in that succeeds gives its call back, so that an office behind one address goes on', () => {
  const budget = new ProviderBudget()
  for (let i = 0; i < 500; i++) {
    assert.ok(budget.take('203.0.113.9', 0))
    budget.giveBack('203.0.113.9')
  }
  assert.equal(taken(budget, 100, '203.0.113.9', 0), 10)
})

test('giving back more than was taken does not make a larger burst', () => {
  const budget = new ProviderBudget()
  budget.take('203.0.113.9', 0)
  for (let i = 0; i < 50; i++) budget.giveBack('203.0.113.9')
  assert.equal(taken(budget, 100, '203.0.113.9', 0), 10)
})

test('a clock that goes back gives no calls', () => {
  const budget = new ProviderBudget()
  assert.equal(taken(budget, 20, '192.0.2.1', 60_000), 10)
  assert.equal(taken(budget, 20, '192.0.2.1', 0), 0)
  assert.equal(taken(budget, 20, '192.0.2.1', 2000), 1)
})

test('a known customer has the allowance of the own address whatever strangers spend, in each budget of the mount', () => {
  const known = new KnownCustomers()
  const [codes, polls] = [new ProviderBudget(known), new ProviderBudget(known)]
  assert.ok(codes.take('203.0.113.9', 0))
  codes.repay('203.0.113.9')
  for (const budget of [codes, polls]) {
    for (let i = 0; i < 500; i++) budget.take(`10.0.${i >> 8}.${i & 255}`, 0)
    assert.equal(taken(budget, 20, '203.0.113.10', 0), 0)
    assert.equal(taken(budget, 20, '203.0.113.9', 0), 10)
    // What it gives back is not more for strangers.
    for (let i = 0; i < 10; i++) budget.giveBack('203.0.113.9')
    assert.equal(taken(budget, 20, '203.0.113.10', 0), 0)
  }
})

/** Calls that end one after the other in a later turn, each with what the function says of it. */
async function crowd(
  budget: ProviderBudget,
  addresses: readonly string[],
  outcomeOf: (n: number) => CallOutcome,
): Promise<{ admitted: number; mostAtOnce: number }> {
  const open: AdmittedCall[] = []
  let [admitted, mostAtOnce] = [0, 0]
  const asked = addresses.map(async (address) => {
    const call = await budget.admit(address, 0)
    if (call === undefined) return
    admitted++
    open.push(call)
    mostAtOnce = Math.max(mostAtOnce, open.length)
    while (open[0] !== call) await new Promise(setImmediate)
    await new Promise(setImmediate)
    open.shift()
    call.end(outcomeOf(admitted))
  })
  await Promise.all(asked)
  return { admitted, mostAtOnce }
}

const repeat = (address: string, times: number) => Array.from({ length: times }, () => address)

test('a whole office signs in at once: whoever has no call left waits for one that is under way', async () => {
  const budget = new ProviderBudget()
  const office = await crowd(budget, repeat('203.0.113.9', 200), () => 'answered')
  assert.deepEqual(office, { admitted: 200, mostAtOnce: 10 })
  assert.equal(taken(budget, 100, '203.0.113.9', 0), 10)
})

test('a crowd of junk makes no more calls than its burst, and nobody waits for nothing', async () => {
  const budget = new ProviderBudget()
  const junk = await crowd(budget, repeat('203.0.113.9', 200), () => 'in_vain')
  assert.equal(junk.admitted, 10)
  assert.equal(await budget.admit('203.0.113.9', 0), undefined)
  const mixed = await crowd(budget, repeat('203.0.113.10', 200), (n) =>
    n % 2 === 0 ? 'in_vain' : 'answered',
  )
  assert.ok(mixed.admitted <= 20, `${mixed.admitted}`)
})

test('a crowd from many addresses shares what strangers may cause together, and new addresses have one bucket each', async () => {
  const budget = new ProviderBudget()
  const many = Array.from({ length: 50 }, (_, n) => repeat(`10.0.0.${n}`, 20)).flat()
  const honest = await crowd(budget, many, () => 'answered')
  assert.deepEqual(honest.admitted, 1000)
  const strangers = Array.from({ length: 50 }, (_, n) => repeat(`10.1.0.${n}`, 20)).flat()
  const junk = await crowd(budget, strangers, () => 'in_vain')
  assert.equal(junk.admitted, 100)
  assert.ok(junk.mostAtOnce <= 100)
})

test('no more wait than a bound, of one customer and of all', async () => {
  const budget = new ProviderBudget()
  const calls = Array.from({ length: 600 }, () => budget.admit('203.0.113.9', 0))
  let answered = 0
  for (const call of calls) void call.then(() => answered++)
  await new Promise(setImmediate)
  // Ten were let through, and those beyond ten and the 256 that wait are turned away at once.
  assert.equal(answered, 600 - 256)
  for (let round = 0; round < 300; round++) {
    for (const call of calls.slice(0, 266)) {
      const admitted = await Promise.race([call, new Promise<void>((r) => void setImmediate(r))])
      admitted?.end('answered')
    }
    if (answered === 600) break
  }
  assert.equal(answered, 600)
})
