/** System TTLs from the configuration of the server (platform.md §3.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, wantAlive, wantDead } from './fixture.ts'

let clock: ManualClock
let server: TestServer

before(async () => {
  clock = manualClock()
  server = await startTestServer({
    clock,
    defaultLeaseTtlSeconds: 3600,
    maxLeaseTtlSeconds: 36_000,
  })
})

after(() => server.stop())

test('TTL-41: the system’s default is granted, and nothing lives beyond its maximum', async () => {
  const jwt = await enableJwt(server)
  await jwt.mustRole('r')
  const issued = clock.nowMs()
  const { body } = await jwt.mustLogin('r')
  assert.equal(body.auth.lease_duration, 3600)
  const token = server.client(body.auth.client_token)
  for (let minutes = 50; minutes < 600; minutes += 50) {
    clock.advance(50 * 60_000)
    const renewed = await token.write('auth/token/renew-self', { increment: '20h' })
    assert.equal(renewed.body.auth.lease_duration, 36_000 - minutes * 60)
  }
  clock.advance(issued + 36_000_000 - 1000 - clock.nowMs())
  await wantAlive(token)
  clock.advance(1000)
  await wantDead(token)
})
