/** What strangers can do to a namespace by coming to more of them than are kept loaded. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { Watcher } from '../harness/watcher.ts'
import { enableJwt, wantAlive, wantDead, type JwtMount } from '../platform/fixture.ts'

/** One more than are kept loaded, beside the one that is looked at. */
const others = 1_025
const atOnce = 25

let clock: ManualClock
let server: TestServer
let jwt: JwtMount

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock })
  await server.root.must('sys/namespaces/held')
  await eachOther((name) => server.root.must(`sys/namespaces/${name}`))
  jwt = await enableJwt(server, { root: server.root.in('held') })
  await jwt.mustRole('r')
})
after(() => server.stop())

async function eachOther(work: (name: string) => Promise<unknown>): Promise<void> {
  const names = Array.from({ length: others }, (_, i) => `n${i}`)
  for (let at = 0; at < names.length; at += atOnce) {
    await Promise.all(names.slice(at, at + atOnce).map(work))
  }
}

/** A stranger comes to all the others. */
function visitOthers(): Promise<void> {
  return eachOther(async (name) => {
    assert.equal((await server.client().in(name).read('kv/x')).status, 403)
  })
}

test('who watches a namespace, and what was just decided there, outlast a crowd of strangers elsewhere (NSP-21)', async () => {
  const watcher = await Watcher.open(server, server.rootToken, { namespace: 'held' })
  await visitOthers()
  assert.equal(watcher.hasEnded, false, watcher.text)
  const refused = await jwt.login('nobody')
  watcher.close()
  await visitOthers()
  const kept = await server.root.in('held').list('sys/logins')
  assert.deepEqual(kept.body.data?.keys, [refused.headers['x-request-id']])
})

test('a refused login is kept when the seal closes right after it (NSP-21)', async () => {
  const { headers } = await jwt.login('nobody')
  await server.root.must('sys/seal')
  const key = { key: server.unsealKey }
  assert.equal((await server.root.call('PUT', 'sys/unseal', key)).body.sealed, false)
  const kept = await server.root.in('held').list('sys/logins')
  assert.equal(kept.body.data?.keys[0], headers['x-request-id'])
})

test('SEC-CLK-01: what expired in a namespace stays dead when the wall clock went back and the namespace is loaded anew', async () => {
  const inside = server.root.in('held')
  const tokenOf = async (body: object) => {
    const { auth } = (await inside.must('auth/token/create', body)).body
    return inside.as(auth.client_token)
  }
  const short = [
    await tokenOf({ type: 'batch', ttl: '10m' }),
    await tokenOf({ type: 'batch', ttl: '20m' }),
    await tokenOf({ ttl: '10m' }),
  ]
  const long = await tokenOf({ type: 'batch', ttl: '5h' })
  const rootShort = server.client(
    (await server.root.must('auth/token/create', { type: 'batch', ttl: '10m', policies: ['x'] }))
      .body.auth.client_token,
  )
  const start = clock.nowMs()
  clock.setWallClock(start + 1_800_000)
  for (const token of [...short, rootShort]) await wantDead(token)
  clock.setWallClock(start - 3_600_000)
  for (const token of [...short, rootShort]) await wantDead(token)
  await visitOthers()
  for (const token of short) await wantDead(token)
  await wantAlive(long)
  await server.root.must('sys/seal')
  await server.root.call('PUT', 'sys/unseal', { key: server.unsealKey })
  for (const token of [...short, rootShort]) await wantDead(token)
  await wantAlive(long)
})
