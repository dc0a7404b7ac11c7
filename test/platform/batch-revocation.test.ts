/**
 * Batch tokens end with the prefix that they were made below (platform.md §3.8), though
 * nothing is stored of them.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prefixRange } from '../../src/storage/store.ts'
import { keys } from '../../src/core/keys.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, wantAlive, wantDead, type JwtMount } from './fixture.ts'

const day = 86_400_000

async function batchMount(server: TestServer, path: string): Promise<JwtMount> {
  const jwt = await enableJwt(server, { path })
  await jwt.mustRole('r', { token_type: 'batch', token_ttl: '30d' })
  return jwt
}

async function markersOf(server: TestServer): Promise<number> {
  return server.server.core.store.view(async (view) => {
    let count = 0
    for await (const _ of view.keys(prefixRange(keys.markerPrefix))) count++
    return count
  })
}

for (const storage of ['inmem', 'lmdb'] as const) {
  test(`${storage}: revoke-prefix ends batch tokens of before, and none of after`, async () => {
    const clock = manualClock()
    const server = await startTestServer({ clock, storage })
    try {
      const [one, other] = [await batchMount(server, 'one'), await batchMount(server, 'one2')]
      const login = async (jwt: JwtMount) =>
        server.client(String((await jwt.mustLogin('r')).body.auth.client_token))
      const before = await login(one)
      const beside = await login(other)
      const revoked = await server.root.write('sys/leases/revoke-prefix/auth/one')
      assert.equal(revoked.status, 204)
      await wantDead(before)
      await wantAlive(beside)
      // In the same millisecond of a clock that stands still.
      const after = await login(one)
      await wantAlive(after)
      const { sweep } = server.server.core
      await sweep.run()
      await wantDead(before)
      await wantAlive(after)
      assert.equal(await markersOf(server), 1)

      // Once more: the marker is the same one.
      clock.advance(1000)
      await server.root.must('sys/leases/revoke-prefix/auth/one')
      await wantDead(after)
      await sweep.run()
      assert.equal(await markersOf(server), 1)
      clock.advance(29 * day)
      await sweep.run()
      await wantDead(after)
      assert.equal(await markersOf(server), 1)
      clock.advance(4 * day)
      await sweep.run()
      assert.equal(await markersOf(server), 0)
      await wantDead(after)
    } finally {
      await server.stop()
    }
  })
}

test('sealing forgets no batch token that was ended', async () => {
  const server = await startTestServer({ storage: 'lmdb' })
  try {
    const jwt = await batchMount(server, 'kept')
    const token = server.client(String((await jwt.mustLogin('r')).body.auth.client_token))
    await wantAlive(token)
    await server.root.must('sys/leases/revoke-prefix/auth/kept')
    await server.server.core.sweep.run()
    await server.root.must('sys/seal')
    await server.client().must('sys/unseal', { key: server.unsealKey })
    await wantDead(token)
    const next = await jwt.mustLogin('r')
    await wantAlive(server.client(String(next.body.auth.client_token)))
  } finally {
    await server.stop()
  }
})
