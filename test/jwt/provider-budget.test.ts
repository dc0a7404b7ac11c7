/** The budget of calls to a provider that strangers cause, as a bucket and by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KnownCustomers, ProviderBudget } from '../../src/auth/jwt/provider-budget.ts'

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
