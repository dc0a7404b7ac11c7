/** sys/logins/stream: logins as they are decided, for bounded readers (explain.md §4). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LoginFeed, LoginReaders, type FeedItem } from '../../src/core/login-feed.ts'
import type { DecisionRecord } from '../../src/core/decision-records.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { Watcher } from '../harness/watcher.ts'
import { enableJwt, want403P, want403T, type JwtMount } from './fixture.ts'

let server: TestServer
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  jwt = await enableJwt(server)
  await jwt.mustRole('dev')
  await jwt.mustRole('other')
})
after(() => server.stop())

const policy = 'path "sys/logins/stream" { capabilities = ["read"] }'

async function watcherToken(at: TestServer): Promise<ApiClient> {
  return at.root.tokenFor('watcher', policy)
}

test('accepted and refused logins come within a second, filtered as asked, and without a token', async () => {
  const { token = '' } = await watcherToken(server)
  const all = await Watcher.open(server, token)
  const refused = await Watcher.open(server, token, {
    query: '?decision=refused&mount=auth/jwt/',
  })
  assert.equal(all.type, 'text/event-stream')
  const yes = await jwt.mustLogin('dev', 'alice')
  const no = await jwt.login('nobody', 'bob')
  const ids = [yes, no].map(({ headers }) => headers['x-request-id'])
  await all.until(() => all.logins.length === 2, 3_000)
  await refused.until(() => refused.logins.length === 1, 3_000)
  assert.deepEqual(
    all.logins.map(({ request_id }) => request_id),
    ids,
  )
  assert.deepEqual(
    refused.logins.map(({ request_id, decision }) => [request_id, decision]),
    [[ids[1], 'refused']],
  )
  assert.equal(/eyJ|hvs\./.test(all.text), false)
  const metrics = await server.root.read('sys/metrics?format=prometheus')
  assert.match(metrics.text, /^tokenstile_login_stream_readers 2$/m)
  all.close()
  refused.close()
})

test('it needs the capability, and ends soon after the token or the right does', async () => {
  want403T(await server.client().read('sys/logins/stream'))
  want403P(await (await server.root.tokenWith(['nothing'])).read('sys/logins/stream'))
  const asker = await watcherToken(server)
  const revoked = await Watcher.open(server, asker.token ?? '')
  const other = await watcherToken(server)
  const narrowed = await Watcher.open(server, other.token ?? '')
  await server.root.must('auth/token/revoke', { token: asker.token })
  await revoked.until(() => revoked.hasEnded, 4_000)
  assert.match(revoked.text, /event: end\ndata: {"why":"not_allowed"}/)
  assert.equal(narrowed.hasEnded, false)
  await server.root.must('sys/policies/acl/watcher', { policy: 'path "x" {}' })
  await narrowed.until(() => narrowed.hasEnded, 4_000)
})

test('what is decided after a revocation is not read any more, and the stream ends within a second (SEC-CLU-05)', async () => {
  for (let i = 0; i < 5; i++) {
    const asker = await watcherToken(server)
    const watcher = await Watcher.open(server, asker.token ?? '')
    const seen = await jwt.mustLogin('dev', 'before')
    await watcher.until(() => watcher.logins.length === 1, 3_000)
    // At another moment between two looks each time.
    await new Promise((resolve) => {
      setTimeout(resolve, i * 70)
    })
    const revokedMs = Date.now()
    await server.root.must('auth/token/revoke', { token: asker.token })
    await jwt.mustLogin('dev', 'after')
    await watcher.until(() => watcher.hasEnded, 4_000)
    assert.ok(Date.now() - revokedMs < 1_000, `${Date.now() - revokedMs} ms`)
    assert.deepEqual(
      watcher.logins.map(({ request_id }) => request_id),
      [seen.headers['x-request-id']],
    )
  }
})

test('a seal ends it at once, and a server that stops does not wait for it', async () => {
  const own = await startTestServer()
  const sealed = await Watcher.open(own, own.rootToken)
  await own.root.must('sys/seal')
  await sealed.until(() => sealed.hasEnded, 2_000)
  await own.stop()
  const second = await startTestServer()
  const stopped = await Watcher.open(second, second.rootToken)
  const startedMs = Date.now()
  await second.stop()
  assert.ok(Date.now() - startedMs < 4_000)
  await stopped.until(() => stopped.hasEnded, 1_000)
})

/** Every look but the first finds so many. */
function sourceOf(length: number) {
  const records: readonly DecisionRecord[] = Array.from({ length }, (_, i) => ({
    id: String(i),
    timeMs: i,
    mount: 'jwt/',
    decision: 'accepted',
  }))
  let looks = 0
  return () => ({
    follow: () => {
      const found = looks++ === 0 ? [] : records
      return Promise.resolve({ position: { fromMs: 0, seen: new Set<string>() }, records: found })
    },
  })
}

test('a reader that does not keep up is let go and counted; there are two hundred at most', async () => {
  const readers = new LoginReaders()
  const source = sourceOf(600)
  const feed = new LoginFeed({ clock: new SystemClock(), source, all: readers, isOfRoot: true })
  const always = (): Promise<boolean> => Promise.resolve(true)
  const slow = feed.open({}, always)
  const quick = feed.open({ role: 'none' }, always)
  assert.ok(slow !== undefined && quick !== undefined)
  const first = await slow.next()
  assert.equal((first.value as FeedItem).kind, 'alive')
  const dropped = (): number => readers.metrics()[1]?.samples[0]?.value ?? 0
  const late = Date.now() + 5_000
  while (dropped() === 0 && Date.now() < late) {
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
  assert.equal(dropped(), 1)
  assert.deepEqual((await slow.next()).value, { kind: 'end', why: 'slow' })
  assert.equal((await slow.next()).done, true)
  for (let i = 1; i < 200; i++) assert.ok(feed.open({}, always) !== undefined)
  assert.equal(feed.open({}, always), undefined)
  feed.close()
  assert.deepEqual((await quick.next()).value, { kind: 'end', why: 'closed' })
})

test('a reader that takes everything stays, however many logins one look finds', async () => {
  const source = sourceOf(5_000)
  const all = new LoginReaders()
  const feed = new LoginFeed({ clock: new SystemClock(), source, all, isOfRoot: true })
  const items = feed.open({}, () => Promise.resolve(true))
  assert.ok(items !== undefined)
  let count = 0
  for await (const item of items) {
    assert.notEqual(item.kind, 'end')
    if (item.kind === 'login' && ++count === 10_000) break
  }
  assert.equal(all.metrics()[1]?.samples[0]?.value ?? 0, 0)
})
