/**
 * A token lives as long as `lease_duration` said, to the millisecond, and less than a second longer
 * (platform.md §3.7).
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as fc from '../harness/properties.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, enableJwt, wantAlive, wantDead } from './fixture.ts'

let clock: ManualClock
let server: TestServer

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock })
  await server.root.must('sys/policies/acl/self', {
    policy: `path "auth/token/lookup-self" { capabilities = ["read"] }
             path "auth/token/renew-self" { capabilities = ["update"] }`,
  })
})

after(() => server.stop())

const runs = { numRuns: 40 }
const offsetMs = fc.integer({ min: 0, max: 999 })
const seconds = fc.integer({ min: 1, max: 9 })

/** Goes to a time and asks there. */
async function wantAliveAt(token: ApiClient, atMs: number): Promise<void> {
  clock.advance(Math.max(atMs - clock.nowMs(), 0))
  await wantAlive(token)
}

async function wantDeadAt(token: ApiClient, atMs: number): Promise<void> {
  clock.advance(Math.max(atMs - clock.nowMs(), 0))
  await wantDead(token)
}

test('from its issue a token lives exactly its TTL, whatever its kind', async () => {
  await fc.assert(
    fc.asyncProperty(
      offsetMs,
      seconds,
      fc.constantFrom('service', 'batch'),
      async (offset, ttl, type) => {
        clock.advance(offset)
        const issuedMs = clock.nowMs()
        const { client, auth } = await create(server.root, {
          policies: ['self'],
          ttl: `${ttl}s`,
          type,
        })
        assert.equal(auth.lease_duration, ttl)
        const { data } = (await client.read('auth/token/lookup-self')).body
        assert.equal(data.ttl, ttl)
        assert.equal(data.creation_time, Math.floor(issuedMs / 1000))
        assert.equal(Date.parse(data.expire_time), (data.creation_time + ttl) * 1000)
        await wantAliveAt(client, issuedMs + ttl * 1000 - 1)
        await wantDeadAt(client, issuedMs + ttl * 1000)
      },
    ),
    runs,
  )
})

test('a renewed token lives at least as long as it was told, and less than a second longer', async () => {
  const renewal = fc.record({ waitMs: fc.integer({ min: 0, max: 1500 }), increment: seconds })
  await fc.assert(
    fc.asyncProperty(
      offsetMs,
      fc.integer({ min: 0, max: 9 }),
      fc.array(renewal, { minLength: 1, maxLength: 4 }),
      async (offset, explicitMax, renewals) => {
        clock.advance(offset)
        const issuedMs = clock.nowMs()
        const { client, auth } = await create(server.root, {
          policies: ['self'],
          ttl: '2s',
          ...(explicitMax === 0 ? {} : { explicit_max_ttl: `${explicitMax}s` }),
        })
        let toldMs = issuedMs + auth.lease_duration * 1000
        for (const { increment, waitMs } of renewals) {
          // The last moment that was promised is early enough to renew.
          clock.advance(Math.min(waitMs, toldMs - 1 - clock.nowMs()))
          const renewed = await client.write('auth/token/renew-self', { increment })
          const isPast = explicitMax > 0 && issuedMs + explicitMax * 1000 - clock.nowMs() < 1000
          assert.equal(renewed.status, isPast ? 400 : 200, renewed.text)
          if (isPast) break
          const told: number = renewed.body.auth.lease_duration
          assert.ok(told >= 1 && told <= increment, String(told))
          toldMs = clock.nowMs() + told * 1000
        }
        await wantAliveAt(client, toldMs - 1)
        await wantDeadAt(client, toldMs + 999)
      },
    ),
    runs,
  )
})

test('a login renewed to its maximum lives the whole of it', async () => {
  const jwt = await enableJwt(server, { path: 'maximum' })
  for (const offset of [0, 1, 300, 999]) {
    await jwt.mustRole('r', { token_policies: ['self'], token_ttl: '2s', token_max_ttl: '6s' })
    clock.advance(offset)
    const issuedMs = clock.nowMs()
    const { body } = await jwt.mustLogin('r')
    const token = server.client(body.auth.client_token)
    for (const atMs of [1900, 3500, 5000]) {
      await wantAliveAt(token, issuedMs + atMs)
      assert.equal((await token.write('auth/token/renew-self', { increment: '9s' })).status, 200)
    }
    await wantAliveAt(token, issuedMs + 5999)
    await wantDeadAt(token, issuedMs + 6000)
  }
})

test('a child ends with its parent, in the same millisecond', async () => {
  clock.advance(377)
  const issuedMs = clock.nowMs()
  const policy = `path "auth/token/*" { capabilities = ["create", "read", "update"] }`
  await server.root.must('sys/policies/acl/maker', { policy })
  const parent = await create(server.root, { policies: ['maker'], ttl: '3s' })
  clock.advance(500)
  const child = await create(parent.client, { policies: ['maker'], ttl: '1h' })
  await wantAliveAt(child.client, issuedMs + 2999)
  await wantDeadAt(child.client, issuedMs + 3000)
})
