/** What is kept of decided logins: the ring of blocks behind sys/logins (explain.md §4). */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import type { ApiResult } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P, wantError, type JwtMount } from './fixture.ts'

const clock = manualClock()
let server: TestServer
let jwt: JwtMount

before(async () => {
  server = await startTestServer({ clock })
  jwt = await enableJwt(server)
  await jwt.mustRole('dev', { token_policies: ['p'], claim_mappings: {} })
  await jwt.mustRole('batch', { token_type: 'batch' })
})

after(() => server.stop())

const requestId = (answer: ApiResult): string => answer.headers['x-request-id'] ?? ''

async function recordOf(answer: ApiResult): Promise<ApiResult['body']> {
  const read = await server.root.read(`sys/logins/${requestId(answer)}`)
  assert.equal(read.status, 200, read.text)
  return read.body.data
}

test('an accepted login is found by its request id, with what its token was made from', async () => {
  const answer = await jwt.mustLogin('dev')
  const { time, claims, duration_ms, ...record } = await recordOf(answer)
  assert.match(time, /^\d{4}-/)
  assert.deepEqual(record, {
    request_id: requestId(answer),
    mount: 'jwt/',
    kind: 'jwt',
    role: 'dev',
    role_version: 1,
    decision: 'accepted',
    reason: null,
    check: null,
    claim: null,
    issuer: 'https://iss/',
    key_id: record.key_id,
    source_address: '127.0.0.1',
    display_name: 'jwt-alice',
    entity_id: answer.body.auth.entity_id,
    accessor: answer.body.auth.accessor,
  })
  assert.deepEqual(Object.keys(duration_ms), ['verify', 'keys', 'decide', 'commit'])
  assert.equal(claims.sub, 'alice')
  assert.equal(typeof claims.exp, 'number')
  const batch = await jwt.mustLogin('batch')
  assert.equal((await recordOf(batch)).accessor, '')
})

test('a refused login has its reason, and nothing of a token that was not proven', async () => {
  const refused = await server.client().write('auth/jwt/login', {
    role: 'dev',
    jwt: `${jwt.jwt('mallory').slice(0, -8)}AAAAAAAA`,
  })
  assert.equal(refused.status, 400)
  const record = await recordOf(refused)
  assert.equal(record.decision, 'refused')
  assert.equal(record.reason, 'signature_invalid')
  assert.equal(record.check, 'signature')
  assert.equal(record.claims, null)
  assert.equal(record.accessor, null)
  assert.ok(!JSON.stringify(record).includes('mallory'))
  wantError(await server.root.read('sys/logins/none'), 404)
})

test('they are read newest first, with filters and page by page', async () => {
  const ids: string[] = []
  for (let i = 0; i < 7; i++) {
    clock.advance(10)
    const role = i % 2 === 0 ? 'dev' : 'nobody'
    ids.unshift(requestId(await jwt.login(role, `user${i}`)))
  }
  const all = (await server.root.read('sys/logins?limit=7')).body.data
  assert.deepEqual(
    all.logins.map((one: { request_id: string }) => one.request_id),
    ids,
  )
  const refused = await server.root.read('sys/logins?decision=refused&role=nobody&mount=auth/jwt')
  assert.equal(refused.body.data.logins.length, 3)
  assert.equal(refused.body.data.logins[0].reason, 'role_unknown')
  const first = (await server.root.read('sys/logins?limit=3')).body.data
  assert.equal(first.next, ids[2])
  const second = (await server.root.read(`sys/logins?limit=3&after=${first.next}`)).body.data
  assert.deepEqual(
    second.logins.map((one: { request_id: string }) => one.request_id),
    ids.slice(3, 6),
  )
  const listed = await server.root.list('sys/logins')
  assert.deepEqual(listed.body.data.keys.slice(0, 7), ids)
  wantError(await server.root.read('sys/logins?limit=0'), 400, /"limit"/)
  const { counts } = (await server.root.read('sys/logins/summary')).body.data
  const unknown = counts.find((one: { reason: string }) => one.reason === 'role_unknown')
  assert.equal(unknown.count, 3)
  assert.equal(unknown.newest, ids[1])
  want403P(await (await server.root.tokenWith(['none'])).read('sys/logins'))
})

test('a login of the past is explained by its id', async () => {
  await jwt.mustRole('bound', { bound_claims: { sub: 'bob' } })
  const refused = await jwt.login('bound', 'alice')
  const explained = await server.root.write('sys/explain/login', { id: requestId(refused) })
  assert.equal(explained.status, 200, explained.text)
  const { data } = explained.body
  assert.equal(data.reason, refused.headers['x-login-reason'])
  assert.equal(data.record.request_id, requestId(refused))
  assert.equal(data.role, 'bound')
  // Judged with the rules of now.
  await jwt.mustRole('bound', { bound_claims: { sub: 'alice' } })
  const mended = await server.root.write('sys/explain/login', { id: requestId(refused) })
  assert.equal(mended.body.data.decision, 'accept', mended.text)
})

test('a flood of refused logins keeps two hundred a second and counts the rest', async () => {
  const before = (await server.root.read('sys/logins/summary')).body.data.total
  clock.advance(2000)
  for (let i = 0; i < 300; i += 50) {
    await Promise.all(Array.from({ length: 50 }, () => jwt.login('nobody')))
  }
  const summary = (await server.root.read('sys/logins/summary')).body.data
  const after = summary.total
  assert.ok(summary.dropped > 0)
  assert.equal(after - before, 200)
  clock.advance(2000)
  await jwt.login('nobody')
  assert.equal((await server.root.read('sys/logins/summary')).body.data.total, after + 1)
})

test('the ring keeps so many, in storage, over a restart, and loses no acknowledged login', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-logins-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const options = { storage: 'lmdb', folder, loginRecordsMax: 500 } as const
  const first = await startTestServer(options)
  const mount = await enableJwt(first)
  await mount.mustRole('dev')
  let last = await mount.mustLogin('dev', 'first')
  for (let i = 0; i < 1800; i += 60) {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => mount.mustLogin('dev', `u${i + n}`)),
    )
    last = answers.at(-1) ?? last
  }
  const kept = async (running: TestServer): Promise<number> =>
    running.server.core.store.view(async (view) => {
      let count = 0
      for await (const key of view.keys(prefixRange(keys.decisionPrefix))) {
        count += keys.decisionsIn(key)
      }
      return count
    })
  assert.ok((await kept(first)) <= 1600, String(await kept(first)))
  await first.stop()
  const second = await startTestServer({ ...options, raw: true })
  t.after(() => second.stop())
  await second.client().must('sys/unseal', { key: first.unsealKey })
  const root = second.client().as(first.rootToken)
  assert.equal((await root.read(`sys/logins/${requestId(last)}`)).status, 200)
  assert.ok((await kept(second)) >= 500)
})

test('with none to keep nothing is kept', async (t) => {
  const none = await startTestServer({ loginRecordsMax: 0 })
  t.after(() => none.stop())
  const mount = await enableJwt(none)
  await mount.mustRole('dev')
  await mount.mustLogin('dev')
  await mount.login('nobody')
  assert.deepEqual((await none.root.read('sys/logins')).body.data, { logins: [], next: null })
})
