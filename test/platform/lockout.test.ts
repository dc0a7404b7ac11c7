/** The lock-out of names by itself: what strangers may store, and what a write of it costs. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { userLockoutOf } from '../../src/core/user-lockout.ts'
import { approleBackend } from '../../src/auth/approle/index.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { PluginHarness, startMs } from '../harness/plugin-harness.ts'

test('names of nobody fill a fixed number of places, a bounded number of them in a second', async () => {
  const clock = new ManualClock(startMs)
  const harness = new PluginHarness(approleBackend, { clock })
  const fail = (name: string) => harness.put('login', { role_id: name, secret_id: 'x' })
  for (let i = 0; i < 150; i++) assert.equal((await fail(`a${i}`)).status, 400)
  assert.ok((await harness.storedPaths()).length <= 100)
  for (let i = 0; i < 3000; i++) {
    if (i % 50 === 0) clock.advance(1000)
    await fail(`b${i}`)
  }
  const paths = await harness.storedPaths()
  assert.ok(paths.length > 500 && paths.length <= 1024, String(paths.length))
  assert.ok(paths.every((path) => /^lockout\/stranger\/\d+$/.test(path)))
})

test('settings that an older version has stored are read as far as they make sense', () => {
  const standard = userLockoutOf(undefined)
  assert.deepEqual(userLockoutOf({ lockout_threshold: 'many', lockout_duration: -1 }), standard)
  assert.equal(userLockoutOf({ lockout_threshold: '7' }).threshold, 7)
  assert.equal(userLockoutOf({ lockout_duration: '30m' }).durationSeconds, 1800)
  assert.equal(userLockoutOf({ lockout_disable: 'true' }).isDisabled, true)
})
