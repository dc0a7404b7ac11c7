/** Response wrapping: an answer is handed over once (platform.md §1.10, §2.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P, want403T, wantDead, wantError, type JwtMount } from './fixture.ts'

const notLive = 'wrapping token is not valid or does not exist'

const clock = manualClock()
let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer({ clock })
  root = server.root
  jwt = await enableJwt(server)
  await root.must('secret/data/x', { data: { key: 'value of x' } })
})

after(() => server.stop())

function wrapped(
  client: ApiClient,
  method: string,
  path: string,
  { ttl = '60', body }: { readonly ttl?: string; readonly body?: unknown } = {},
): Promise<ApiResult> {
  return client.call(method, path, body, { headers: { 'X-Vault-Wrap-TTL': ttl } })
}

async function wrappedSecret(): Promise<string> {
  const answer = await wrapped(root, 'GET', 'secret/data/x')
  assert.equal(answer.status, 200, answer.text)
  return String(answer.body.wrap_info.token)
}

const unwrap = (token: string): Promise<ApiResult> =>
  root.as(token).call('PUT', 'sys/wrapping/unwrap')

test('WRP-01, WRP-02, WRP-03: an answer is wrapped, given out once as it was, and then never again', async () => {
  const answer = await wrapped(root, 'GET', 'secret/data/x')
  const { wrap_info: info, ...outer } = answer.body
  assert.deepEqual(outer, {
    request_id: '',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    warnings: null,
    auth: null,
  })
  assert.deepEqual(Object.keys(info), [
    'token',
    'accessor',
    'ttl',
    'creation_time',
    'creation_path',
  ])
  assert.match(info.token, /^hvs\./)
  assert.equal(info.ttl, 60)
  assert.equal(info.creation_path, 'secret/data/x')
  assert.match(info.creation_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
  assert.ok(!answer.text.includes('value of x'))
  const inside = await unwrap(info.token)
  assert.equal(inside.status, 200)
  assert.equal(inside.headers['content-type'], 'application/json')
  assert.equal(inside.body.data.data.key, 'value of x')
  assert.equal(inside.body.request_id, answer.headers['x-request-id'])
  assert.equal(inside.body.wrap_info, null)
  wantError(await unwrap(info.token), 400, notLive)
})

test('WRP-04: somebody else unwraps with the token in the body, and it is dead then', async () => {
  const token = await wrappedSecret()
  const inside = await root.write('sys/wrapping/unwrap', { token })
  assert.equal(inside.body.data.data.key, 'value of x')
  await wantDead(root.as(token))
  wantError(await root.write('sys/wrapping/unwrap', { token }), 400, notLive)
  const noRights = await root.tokenWith(['nothing'])
  const other = await wrappedSecret()
  want403P(await noRights.write('sys/wrapping/unwrap', { token: other }))
  assert.equal((await unwrap(other)).status, 200)
})

test('the token of the request may stand in the body as well', async () => {
  const token = await wrappedSecret()
  const inside = await root.as(token).write('sys/wrapping/unwrap', { token })
  assert.equal(inside.body.data.data.key, 'value of x')
  wantError(await root.as(token).write('sys/wrapping/unwrap', { token }), 400, notLive)
})

test('WRP-05: to look at a wrapping token does not spend it', async () => {
  const token = await wrappedSecret()
  const stranger = server.client()
  const looks = [
    await stranger.write('sys/wrapping/lookup', { token }),
    await stranger.as(token).read('sys/wrapping/lookup'),
    await root.write('sys/wrapping/lookup', { token }),
    await stranger.as(token).write('sys/wrapping/lookup'),
  ]
  for (const look of looks) {
    assert.equal(look.status, 200, look.text)
    assert.equal(look.body.data.creation_ttl, 60)
    assert.equal(look.body.data.creation_path, 'secret/data/x')
    assert.match(look.body.data.creation_time, /Z$/)
  }
  assert.equal((await unwrap(token)).status, 200)
  wantError(await stranger.write('sys/wrapping/lookup', { token }), 400, notLive)
  wantError(await stranger.read('sys/wrapping/lookup'), 400, notLive)
  wantError(await root.read('sys/wrapping/lookup'), 400, notLive)
})

test('WRP-06: a wrapping token ends with its time', async () => {
  const token = await wrappedSecret()
  clock.advance(61_000)
  wantError(await unwrap(token), 400, notLive)
})

test('WRP-07, WRP-08, WRP-09: nothing, a refusal and an empty list are not wrapped', async () => {
  const written = await wrapped(root, 'POST', 'sys/policies/acl/w', {
    body: { policy: 'path "a" { capabilities = ["read"] }' },
  })
  assert.equal(written.status, 204)
  assert.equal(written.text, '')
  const failed = await wrapped(root, 'POST', 'secret/data/x', { body: { nothing: 1 } })
  assert.equal(failed.status, 400)
  assert.ok(Array.isArray(failed.body.errors))
  const list = await wrapped(root, 'GET', 'secret/metadata/none?list=true')
  wantError(list, 404)
})

test('WRP-10, WRP-11: the time is a duration', async () => {
  for (const [ttl, seconds] of [
    ['5m', 300],
    ['300', 300],
    // No longer than any token lives.
    ['100000h', 2_764_800],
  ] as const) {
    const answer = await wrapped(root, 'GET', 'secret/data/x', { ttl })
    assert.equal(answer.body.wrap_info.ttl, seconds)
  }
  const plain = await wrapped(root, 'GET', 'secret/data/x', { ttl: '0' })
  assert.equal(plain.body.wrap_info, null)
  assert.equal(plain.body.data.data.key, 'value of x')
  for (const ttl of ['-1', 'abc']) {
    const answer = await wrapped(root, 'GET', 'secret/data/x', { ttl })
    wantError(answer, 400, /^error parsing X-Vault-Wrap-TTL header/)
  }
})

test('WRP-12: a login is wrapped and its accessor told', async () => {
  await jwt.mustRole('dev')
  const answer = await jwt.login('dev', 'alice', { 'X-Vault-Wrap-TTL': '60' })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.body.auth, null)
  const { wrap_info: info } = answer.body
  assert.equal(info.creation_path, `auth/${jwt.path}/login`)
  const inside = await unwrap(info.token)
  assert.equal(inside.body.auth.accessor, info.wrapped_accessor)
  assert.notEqual(info.wrapped_accessor, info.accessor)
  assert.equal(
    (await root.as(inside.body.auth.client_token).read('auth/token/lookup-self')).status,
    200,
  )
  const made = await wrapped(root, 'POST', 'auth/token/create', { body: { policies: ['a'] } })
  const { auth } = (await unwrap(made.body.wrap_info.token)).body
  assert.equal(auth.accessor, made.body.wrap_info.wrapped_accessor)
  await jwt.mustRole('batch', { token_type: 'batch' })
  const batch = await jwt.login('batch', 'alice', { 'X-Vault-Wrap-TTL': '60' })
  assert.equal('wrapped_accessor' in batch.body.wrap_info, false)
})

test('WRP-13, WRP-14, WRP-19: anything is wrapped as it was sent, and only with a time', async () => {
  const body = '{"n":12345678901234567890,"list":[1.50,null],"o":{}}'
  const answer = await root.call('POST', 'sys/wrapping/wrap', undefined, {
    raw: body,
    headers: { 'X-Vault-Wrap-TTL': '60' },
  })
  const inside = await unwrap(answer.body.wrap_info.token)
  assert.ok(inside.text.includes('12345678901234567890'), inside.text)
  assert.deepEqual(inside.body.data.list, [1.5, null])
  wantError(
    await root.write('sys/wrapping/wrap', { a: 1 }),
    400,
    'endpoint requires response wrapping to be used',
  )
  const empty = await wrapped(root, 'POST', 'sys/wrapping/wrap', { body: {} })
  const nothing = await unwrap(empty.body.wrap_info.token)
  assert.equal(nothing.status, 200)
  assert.deepEqual(nothing.body.data, {})
})

test('WRP-15: wrapped again it is another token for the same answer', async () => {
  const token = await wrappedSecret()
  clock.advance(30_000)
  const again = await root.write('sys/wrapping/rewrap', { token })
  assert.equal(again.status, 200, again.text)
  const { wrap_info: info } = again.body
  assert.notEqual(info.token, token)
  assert.equal(info.ttl, 60)
  assert.equal(info.creation_path, 'secret/data/x')
  wantError(await unwrap(token), 400, notLive)
  wantError(await root.write('sys/wrapping/rewrap', { token }), 400, notLive)
  clock.advance(45_000)
  assert.equal((await unwrap(info.token)).body.data.data.key, 'value of x')
  const alone = await wrappedSecret()
  want403P(await root.as(alone).write('sys/wrapping/rewrap', { token: alone }))
})

test('WRP-16: a token that wraps nothing is told so', async () => {
  wantError(await root.write('sys/wrapping/unwrap'), 400, notLive)
  const login = String((await jwt.login('dev')).body.auth.client_token)
  wantError(await root.as(login).write('sys/wrapping/unwrap'), 400, notLive)
  wantError(await root.write('sys/wrapping/unwrap', { token: login }), 400, notLive)
  for (const text of ['', 'x', 'hvs.CAESIJ', 'hvb.AAAA', 'ü'.repeat(2000)]) {
    wantError(await root.write('sys/wrapping/unwrap', { token: text }), 400, notLive)
    wantError(await server.client().write('sys/wrapping/lookup', { token: text }), 400, notLive)
  }
  wantError(await server.client().write('sys/wrapping/unwrap', { token: 'x' }), 400, notLive)
})

test('WRP-17: a wrapping token that is used for something else is spent by that', async () => {
  const token = await wrappedSecret()
  want403P(await root.as(token).read('secret/data/x'))
  wantError(await unwrap(token), 400, notLive)
})

test('WRP-18: old clients read the answer from the cubbyhole, with a warning', async () => {
  const token = await wrappedSecret()
  const answer = await root.as(token).read('cubbyhole/response')
  assert.equal(answer.status, 200)
  assert.equal(JSON.parse(answer.body.data.response).data.data.key, 'value of x')
  assert.match(answer.body.warnings[0], /deprecated/)
  wantError(await unwrap(token), 400, notLive)
  want403T(await root.as(token).read('cubbyhole/response'))
})

test('of any number who unwrap at once one gets the answer (SEC-TKN-12)', async () => {
  const token = await wrappedSecret()
  const asks = Array.from({ length: 32 }, (_, i) =>
    i % 2 === 0 ? unwrap(token) : root.write('sys/wrapping/unwrap', { token }),
  )
  const answers = await Promise.all(asks)
  const given = answers.filter(({ status }) => status === 200)
  assert.equal(given.length, 1)
  assert.equal(answers.filter(({ text }) => text.includes('value of x')).length, 1)
  for (const answer of answers) if (answer.status !== 200) wantError(answer, 400, notLive)
  const again = await wrappedSecret()
  const moves = await Promise.all(
    Array.from({ length: 32 }, () => root.write('sys/wrapping/rewrap', { token: again })),
  )
  assert.equal(moves.filter(({ status }) => status === 200).length, 1)
  // A guess: the right accessor and one character that differs.
  const near = await wrappedSecret()
  const guess = near.slice(0, -1) + (near.endsWith('A') ? 'B' : 'A')
  wantError(await unwrap(guess), 400, notLive)
  assert.equal((await unwrap(near)).status, 200)
})

test('of two hundred who unwrap at once with the token itself one gets the answer (SEC-TKN-12)', async () => {
  const durable = await startTestServer({ storage: 'lmdb' })
  try {
    const { root: own } = durable
    for (const place of [own, own.in('deep')]) {
      if (place !== own) await own.must('sys/namespaces/deep')
      const made = await wrapped(place, 'POST', 'sys/wrapping/wrap', { body: { a: 'inside' } })
      const shown = place.as(String(made.body.wrap_info.token))
      const before = await commitsOf(own)
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => shown.call('PUT', 'sys/wrapping/unwrap')),
      )
      assert.equal(answers.filter(({ status }) => status === 200).length, 1)
      assert.equal(answers.filter(({ text }) => text.includes('inside')).length, 1)
      for (const answer of answers) if (answer.status !== 200) wantError(answer, 400, notLive)
      // Its use, the token and what was in it go together; nothing of it comes later.
      assert.ok((await commitsOf(own)) - before < 20)
      await wantDead(shown)
    }
    assert.equal((await own.read('sys/storage/check')).body.data.problem_count, 0)
  } finally {
    await durable.stop()
  }
})

/** Of the whole server so far. */
async function commitsOf(client: ApiClient): Promise<number> {
  const { text } = await client.read('sys/metrics?format=prometheus')
  return Number(/^tokenstile_storage_commit_seconds_count (\d+)$/m.exec(text)?.[1])
}

test('to unwrap is one commit, with which token and answer are gone', async () => {
  const token = await wrappedSecret()
  const keysOf = async (): Promise<readonly string[]> => {
    const found: string[] = []
    await server.server.core.store.view(async (view) => {
      for await (const key of view.keys({ start: '', end: '\u{10ffff}' })) found.push(key)
    })
    return found
  }
  const before = await keysOf()
  const commits = await commitsOf(root)
  assert.equal((await unwrap(token)).status, 200)
  assert.equal((await commitsOf(root)) - commits, 1)
  const left = new Set(await keysOf())
  const gone = before.filter((key) => !left.has(key)).map((key) => key.split('/')[0])
  assert.deepEqual(gone, ['d', 'd', 't', 'x'])
})

test('a wrapping token that is refused before it is opened keeps its answer', async () => {
  const token = await wrappedSecret()
  const own = root.as(token)
  const path = 'sys/wrapping/unwrap'
  wantError(await wrapped(own, 'PUT', path), 400, /cannot be wrapped again/)
  wantError(await own.write(path, { token: 'x'.repeat(5000) }), 400, /at most 4096/)
  wantError(await own.write(path, { token: 'no token' }), 400, notLive)
  await root.must('sys/namespaces/elsewhere')
  want403P(await own.in('elsewhere').write(path))
  const inside = await wrapped(root.in('elsewhere'), 'POST', 'sys/wrapping/wrap', {
    body: { of: 'elsewhere' },
  })
  const foreign = String(inside.body.wrap_info.token)
  wantError(await root.as(foreign).write(path), 400, notLive)
  wantError(await root.write(path, { token: foreign }), 400, notLive)
  assert.equal((await root.as(foreign).in('elsewhere').write(path)).body.data.of, 'elsewhere')
  assert.equal((await unwrap(token)).body.data.data.key, 'value of x')
})

test('a wrapping token that opens another one is spent with it, once', async () => {
  const [asker, ...others] = await Promise.all([1, 2, 3, 4, 5].map(() => wrappedSecret()))
  const own = root.as(asker)
  const answers = await Promise.all(
    others.map((token) => own.write('sys/wrapping/unwrap', { token })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  for (const answer of answers) if (answer.status !== 200) wantError(answer, 400, notLive)
  wantError(await own.write('sys/wrapping/unwrap'), 400, notLive)
  const left = await Promise.all(others.map(unwrap))
  assert.equal(left.filter(({ status }) => status === 200).length, 3)
})

test('a stranger has nothing kept here, and an answer that is too large is not wrapped', async () => {
  const path = 'sys/wrapping/lookup'
  const token = await wrappedSecret()
  const answer = await wrapped(server.client(), 'POST', path, { body: { token } })
  wantError(answer, 400, /stranger/)
  await root.must('secret/data/large', {
    data: { a: 'x'.repeat(600_000), b: 'x'.repeat(600_000) },
  })
  wantError(await wrapped(root, 'GET', 'secret/data/large'), 400, /too large to be wrapped/)
  wantError(
    await wrapped(root, 'PUT', 'sys/wrapping/unwrap', { body: { token } }),
    400,
    /cannot be wrapped again/,
  )
  assert.equal((await unwrap(token)).status, 200)
})

test('a policy says whether an answer has to be wrapped, and for how long', async () => {
  const client = await root.tokenFor(
    'wrap-only',
    'path "secret/data/x" { capabilities = ["read"] min_wrapping_ttl = "30s" max_wrapping_ttl = "90s" }',
  )
  want403P(await client.read('secret/data/x'))
  want403P(await wrapped(client, 'GET', 'secret/data/x', { ttl: '10' }))
  want403P(await wrapped(client, 'GET', 'secret/data/x', { ttl: '2m' }))
  assert.equal((await wrapped(client, 'GET', 'secret/data/x', { ttl: '60' })).status, 200)
})

test('nobody may ask for the policy of wrapping tokens', async () => {
  wantError(
    await root.write('auth/token/create', { policies: ['response-wrapping'] }),
    400,
    /cannot assign/,
  )
  await jwt.mustRole('sly', { token_policies: ['response-wrapping'] })
  assert.equal((await jwt.login('sly')).status, 400)
})
