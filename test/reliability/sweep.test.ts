/**
 * Background work and long lists leave the server able to answer (ruling R12, SEC-STO-02,
 * SEC-LOA-07).
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys, lastSegment } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'

async function issue(server: TestServer, count: number, ttl = 3600): Promise<void> {
  const { core } = server.server
  const mount = (await core.configuration()).mounts.byPath('auth/token/')?.uuid ?? ''
  const now = core.tokens.nowSeconds
  const content = {
    policies: ['default'],
    path: 'auth/token/create',
    mount,
    meta: null,
    name: 'token',
    uses: 0,
    created: now,
    ttl,
    expires: now + ttl,
    explicitMax: 0,
    period: 0,
    renewable: true,
    entity: '',
    orphan: true,
  }
  for (let made = 0; made < count; made += 1000) {
    await core.store.write((txn) => {
      for (let i = 0; i < Math.min(1000, count - made); i++) {
        core.tokens.issue(txn, 'service', content)
      }
    })
  }
}

/** Turns of the event loop that others get while the work runs. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await work()
  isOver = true
  return turns
}

test('the search for tokens of a revoked prefix lets other requests in (ruling R12)', async () => {
  const server = await startTestServer()
  await issue(server, 5000)
  const { core } = server.server
  await core.sweep.stop()
  await core.mounts.revokePrefix('auth/other')
  // Lets the sweep run again; its timer comes after this turn.
  core.sweep.start()
  const turns = await turnsDuring(() => core.sweep.run())
  await server.stop()
  assert.ok(turns >= 10, `5000 tokens were searched in ${turns} turns of the event loop`)
})

test('a list of accessors or leases lets other requests in (SEC-LOA-07, ruling R12)', async () => {
  const server = await startTestServer()
  await issue(server, 5000)
  const { core } = server.server
  const accessors = await turnsDuring(() => core.tokenOperations.accessors({}))
  await server.stop()
  assert.ok(accessors >= 150, `5000 accessors were listed in ${accessors} turns of the event loop`)
})

test('SEC-STO-02: one damaged token record does not stop the removal of all later ones', async () => {
  const clock = manualClock()
  const server = await startTestServer({ clock })
  await issue(server, 20, 60)
  const { core } = server.server
  await core.sweep.stop()
  const { engine } = core.store
  const names = await core.store.view(async (view) => {
    const found: string[] = []
    for await (const key of view.keys(prefixRange(keys.expiryPrefix))) found.push(key)
    return found
  })
  const damaged = keys.token(lastSegment(names[0] ?? '')).text
  await engine.commit([{ expects: [], puts: [[damaged, Buffer.alloc(80, 7)]], deletes: [] }])
  clock.advance(120_000)
  core.sweep.start()
  await core.sweep.run().catch(() => undefined)
  const left = await core.store.view(async (view) => {
    let count = 0
    for await (const _ of view.keys(prefixRange(keys.expiryPrefix))) count++
    return count
  })
  await server.stop()
  assert.ok(left <= 1, `${left} of 20 expired tokens are still there`)
})

test('a request that runs while the server is sealed answers 503 and not 500 (platform.md §1.3)', async () => {
  const server = await startTestServer({ storage: 'lmdb' })
  const { root } = server
  const limited = await root.tokenFor(
    'spender',
    'path "auth/token/*" { capabilities = ["update", "read"] }',
    {
      num_uses: 1000,
      ttl: '1h',
    },
  )
  const calls = Array.from({ length: 60 }, () => limited.write('auth/token/renew-self'))
  await calls[0]
  const seal = root.write('sys/seal')
  const later = Array.from({ length: 60 }, () => limited.write('auth/token/renew-self'))
  const statuses = (await Promise.all([...calls, ...later])).map((answer) => answer.status)
  assert.equal((await seal).status, 204)
  await server.stop()
  const wrong = statuses.filter((status) => status !== 200 && status !== 503)
  assert.deepEqual(wrong, [])
})
