/**
 * What a request costs before anybody decided that it may be made: nothing that its sender chooses.
 * The other callers are asked how long they waited; a fault of this kind took them seconds.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

/** Far above what is asked (100 ms), for a busy machine; far below what a quadratic step takes. */
const waitMsMax = 400

let server: TestServer
let root: ApiClient
let nobody: ApiClient
let writer: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('sys/auth/jwt', { type: 'jwt' })
  nobody = await root.tokenFor(
    'lookup',
    'path "auth/token/lookup-self" { capabilities = ["read"] }',
  )
  writer = await root.tokenFor('writer', 'path "*" { capabilities = ["create", "update", "read"] }')
})

after(() => server.stop())

/** The answer, and the longest that another caller waited meanwhile. */
async function whileOthersWait(
  work: () => Promise<ApiResult>,
): Promise<{ readonly result: ApiResult; readonly waitedMs: number }> {
  let isDone = false
  let waitedMs = 0
  const watch = async () => {
    do {
      const startedMs = performance.now()
      assert.equal((await root.read('auth/token/lookup-self')).status, 200)
      waitedMs = Math.max(waitedMs, performance.now() - startedMs)
    } while (!isDone)
  }
  const watched = watch()
  const result = await work()
  isDone = true
  await watched
  return { result, waitedMs }
}

const pairs = 'a=,'.repeat(349_000).slice(0, 1_048_575)
const stanzas = 'path "a" { capabilities = ["read"] }\n'.repeat(20_000)
const manyPairs = Array.from({ length: 9999 }, (_, i) => `a=${i}`)

const bodies: readonly (readonly [what: string, path: string, body: object])[] = [
  ['349,000 pairs in a map field', 'auth/jwt/role/r', { bound_claims: pairs }],
  ['a list of 9,999 pairs of one name', 'auth/jwt/role/r', { bound_claims: manyPairs }],
  ['20,000 stanzas of one path', 'sys/policies/acl/p', { policy: stanzas }],
  ['a number of a million digits', 'auth/jwt/role/r', { poll_interval: '1'.repeat(1_000_000) }],
  ['a time of a million digits', 'auth/jwt/role/r', { token_ttl: '1'.repeat(1_000_000) }],
]

for (const [what, path, body] of bodies) {
  test(`a token without rights is refused before ${what} is read (SEC-HTP-17)`, async () => {
    const { result, waitedMs } = await whileOthersWait(() => nobody.write(path, body))
    assert.equal(result.status, 403)
    assert.ok(waitedMs < waitMsMax, `others waited ${Math.round(waitedMs)} ms`)
  })
}

test('a list that is written as text has no more elements than one that is written as a list (SEC-HTP-17)', async () => {
  const role = { role_type: 'jwt', user_claim: 'sub' }
  const texts = Array.from({ length: 80_000 }, (_, i) => `k${i}=v`).join()
  for (const bait of [
    { bound_claims: pairs },
    { bound_claims: texts },
    { token_policies: texts },
    { token_bound_cidrs: ','.repeat(1_000_000) },
  ]) {
    const body = { ...role, ...bait }
    const { result, waitedMs } = await whileOthersWait(() => writer.write('auth/jwt/role/r', body))
    assert.equal(result.status, 400)
    assert.match(result.text, /expected at most 10000 elements/)
    assert.ok(waitedMs < waitMsMax, `others waited ${Math.round(waitedMs)} ms`)
  }
  const most = Array.from({ length: 9_000 }, (_, i) => `p${i}`)
  const bound_subject = 'sub'
  const honest = { ...role, bound_subject, token_policies: most.join() }
  await writer.must('auth/jwt/role/many', honest)
  const { data } = (await root.read('auth/jwt/role/many')).body
  assert.deepEqual(data.token_policies.toSorted(), most.toSorted())
})

test('a megabyte beside the values of a policy holds up nobody, and is refused where it cannot be told (SEC-HTP-17)', async () => {
  await root.must('sys/mounts/plain', { type: 'kv' })
  const globs = (count: number) => Array.from({ length: count }, (_, i) => `"*x${i}y*"`).join()
  const objects = Array.from({ length: 5000 }, (_, i) => `{"a${i}"=1}`).join()
  const long = { a: 'x'.repeat(1_000_000) }
  const wide = { a: Object.fromEntries(Array.from({ length: 9_999 }, (_, i) => [`k${i}`, i])) }
  const rules = [
    ['allowed_parameters', globs(2000), long, 403],
    ['denied_parameters', globs(2000), long, 403],
    ['allowed_parameters', objects, wide, 403],
    ['denied_parameters', objects, wide, 204],
  ] as const
  for (const [i, [limit, values, data, status]] of rules.entries()) {
    const policy = `path "plain/*" { capabilities = ["create", "update"]\n ${limit} = { "a" = [${values}] } }`
    const held = await root.tokenFor(`held${i}`, policy)
    // The policy is compiled by the first request.
    await held.write('plain/a', { a: 'z' })
    const work = () => held.write('plain/a', data)
    const { result, otherCallerMs } = await besideOtherCaller(server, work)
    assert.equal(result.status, status)
    assert.ok(otherCallerMs < otherCallerMsMax, `${limit}: ${Math.round(otherCallerMs)} ms`)
    const isGlob = data === long
    const honest = await held.write('plain/a', isGlob ? { a: 'ax1999yb' } : { a: { a4999: 1 } })
    assert.equal(honest.status, limit === 'allowed_parameters' ? 204 : 403)
  }
  const few =
    'path "plain/*" { capabilities = ["create", "update"]\n denied_parameters = { "a" = ["*secret*", "*hidden*"] } }'
  const held = await root.tokenFor('few', few)
  assert.equal((await held.write('plain/a', long)).status, 204)
  assert.equal((await held.write('plain/a', { a: `${long.a}hidden` })).status, 403)
})

test('a token with many large policies holds up nobody with its first request and its questions (SEC-HTP-17)', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `large${i}`)
  for (const name of names) {
    const stanza = (i: number) => `path "plain/+/+/+/${name}/${i}" { capabilities = ["read"] }`
    const policy = Array.from({ length: 3500 }, (_, i) => stanza(i)).join('\n')
    await root.must(`sys/policies/acl/${name}`, { policy })
  }
  const { body } = await root.must('auth/token/create', { policies: names })
  const token = String(body.auth.client_token)
  const holder = server.client(token)
  const first = await besideOtherCaller(server, () => holder.read('auth/token/lookup-self'))
  assert.equal(first.result.status, 200)
  assert.ok(first.otherCallerMs < 2 * otherCallerMsMax, `${Math.round(first.otherCallerMs)} ms`)
  const paths = Array.from({ length: 1000 }, (_, i) => `plain/a/b/c/large0/${i}`)
  const asked = await besideOtherCaller(server, () =>
    holder.write('sys/capabilities-self', { paths }),
  )
  assert.equal(asked.result.status, 200)
  assert.deepEqual(asked.result.body.data['plain/a/b/c/large0/7'], ['read'])
  assert.ok(asked.otherCallerMs < 2 * otherCallerMsMax, `${Math.round(asked.otherCallerMs)} ms`)
})

test('the few pairs of an honest writer mean what they meant', async () => {
  const bound_claims = 'a=1,b=2,a=3,a=4'
  await writer.must('auth/jwt/role/few', { role_type: 'jwt', user_claim: 'sub', bound_claims })
  const { data } = (await root.read('auth/jwt/role/few')).body
  assert.deepEqual(data.bound_claims, { a: ['1', '3', '4'], b: '2' })
})

test('a name that is given in two cases is refused where case means nothing (SEC-HTP-07)', async () => {
  const raw = '{"key": "x", "KEY": "y"}'
  const result = await root.call('POST', 'sys/unseal', undefined, { raw })
  assert.equal(result.status, 400)
  assert.match(result.text, /more than once/)
})

test('an unexpected error is logged by kind and place, without its message', async () => {
  const { describeFault } = await import('../../src/lib/fault.ts')
  const hostile = 'hvs.secret\n    at hvs.secret (file.js:1:1)\nhvs.secret'
  const fault = Object.assign(new RangeError(hostile), { code: 'ENOSPC' })
  const text = describeFault(fault)
  assert.doesNotMatch(text, /hvs/)
  assert.match(text, /^RangeError ENOSPC at /)
  fault.message = 'another'
  assert.equal(describeFault(fault), 'RangeError ENOSPC')
  assert.equal(describeFault('hvs.secret'), 'string')
})
