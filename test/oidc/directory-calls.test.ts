/** The time and the number of calls that one login may spend at a directory (jwt-oidc.md §5, SEC-NET-07). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectoryStandIn } from '../harness/directory-stand-in.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { DirectoryCalls, directoryCallsMax } from '../../src/oidc/directory-calls.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'

const host = 'directory.example.test'
const trust = { acceptedServerNames: [], toleratedCriticalExtensions: [] }

async function setUp() {
  const clock = new ManualClock(1_900_000_000_000)
  const standIn = await new DirectoryStandIn().start()
  const real = createOutbound({ clock, proxyFromEnvironment: {} })
  const outbound = standIn.rerouted(real, [host])
  const calls = new DirectoryCalls({ outbound, clock, trust, caPem: '' })
  const ask = (path = '/') => {
    return calls.ask({ method: 'GET', url: `https://${host}${path}`, headers: {} })
  }
  const stop = async () => {
    real.close()
    await standIn.stop()
  }
  return { clock, standIn, ask, stop }
}

/** Until the directory has heard so many questions. */
async function heard(standIn: DirectoryStandIn, count: number): Promise<void> {
  while (standIn.questions.length < count) await new Promise((resolve) => setImmediate(resolve))
}

test('a directory that stops in the middle ends after ten seconds, and all calls together after 25', async () => {
  const { clock, standIn, ask, stop } = await setUp()
  standIn.answer = () => ({ hangs: true })
  for (const [count, ms] of [10_000, 10_000, 5000].entries()) {
    const asked = ask('/slow?key=secret')
    await heard(standIn, count + 1)
    clock.advance(ms)
    const answer = await asked
    assert.equal(answer.ok, false)
    assert.match(answer.ok ? '' : answer.error, /no complete answer/)
    assert.doesNotMatch(answer.ok ? '' : answer.error, /secret/)
  }
  const late = await ask()
  assert.match(late.ok ? '' : late.error, /no time is left/)
  assert.equal(standIn.questions.length, 3)
  await stop()
})

test('no login makes more calls than it may', async () => {
  const { standIn, ask, stop } = await setUp()
  standIn.answer = () => ({ body: {} })
  for (let i = 0; i < directoryCallsMax; i++) assert.equal((await ask()).ok, true)
  assert.equal((await ask()).ok, false)
  assert.equal(standIn.questions.length, directoryCallsMax)
  await stop()
})
