/** What several workers may do together: each has a part, and the parts are no more than the whole. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProviderBudget, KnownCustomers } from '../../src/auth/jwt/provider-budget.ts'
import { BoundedLogger } from '../../src/core/line-budget.ts'
import { RateBuckets } from '../../src/core/quotas/rate-buckets.ts'
import type { RateLimit } from '../../src/core/quotas/rate-limit.ts'
import { createBodyBudgets } from '../../src/http/body-budget.ts'
import { partOf } from '../../src/lib/allowance.ts'
import { Counter, gauge, joined } from '../../src/lib/metrics.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { ManualClock } from '../harness/manual-clock.ts'

const limit: RateLimit = {
  name: 'q',
  path: '',
  role: '',
  rate: 32,
  interval: 1,
  block_interval: 0,
  inheritable: false,
}
const counts = [1, 2, 3, 8, 16] as const

/** How often the work succeeds before it fails. */
function howOften(work: () => boolean): number {
  let times = 0
  while (times < 10_000 && work()) times++
  return times
}

/** The same in each of so many processes, together. */
function together(processes: number, ofOne: () => number): number {
  return Array.from({ length: processes }, ofOne).reduce((sum, count) => sum + count, 0)
}

test('calls to a provider, quotas and bodies of all workers stay within those of one', () => {
  for (const processes of counts) {
    const whole = { burst: 10, perMinute: 30 }
    const part = partOf(whole, processes)
    assert.ok(part.burst >= 1 && part.burst * processes <= Math.max(whole.burst, processes))
    assert.equal(part.perMinute * processes, whole.perMinute)

    const calls = together(processes, () => {
      const budget = new ProviderBudget(new KnownCustomers(), processes)
      return howOften(() => budget.take('192.0.2.1', 0))
    })
    assert.ok(calls >= 1 && calls <= Math.max(10, processes), `${calls} calls`)

    const requests = together(processes, () => {
      const buckets = new RateBuckets(processes)
      return howOften(() => buckets.take(limit, 'c', 0).isAllowed)
    })
    assert.ok(requests > 16 && requests <= 32, `${requests} requests`)

    const bodies = together(processes, () => {
      const { strangers } = createBodyBudgets(1_048_576, processes)
      let customer = 0
      return howOften(() => strangers.take(`customer ${customer++}`, 1_048_576))
    })
    assert.ok(bodies > 64 && bodies <= 128, `${bodies} MiB`)
  }
})

test('lines that strangers cause at all workers are no more than at one', () => {
  for (const processes of counts) {
    const lines = together(processes, () => {
      const clock = new ManualClock(0)
      let written = 0
      const own = new LineLogger({
        level: 'info',
        format: 'standard',
        nowMs: () => 0,
        write: () => written++,
      })
      const logger = new BoundedLogger(own, clock, processes)
      for (let i = 0; i < 1000; i++) logger.log('warn', 'm')
      return written
    })
    assert.ok(lines > 100 && lines <= 200, `${lines} lines of ${processes}`)
  }
})

test('what workers have counted is told as if one had', () => {
  const countOf = (mount: string, by: number) => {
    const counter = new Counter('logins', 'Logins.')
    counter.add({ mount }, by)
    return [counter.collect(), gauge('age', 'Age.', [{ labels: {}, value: by }])]
  }
  const [logins, age] = joined([countOf('a', 2), countOf('b', 3), countOf('a', 5)])
  assert.deepEqual(
    logins?.samples.map(({ labels, value }) => [labels['mount'], value]),
    [
      ['a', 7],
      ['b', 3],
    ],
  )
  assert.deepEqual(
    age?.samples.map(({ value }) => value),
    [5],
  )
})
