/** Rate limit quotas: who falls under which, what is refused, what is told (platform.md §2.11). */

import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, forwardingListener, from, wantError, type JwtMount } from './fixture.ts'

let clock: ManualClock
let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock, listeners: [forwardingListener()] })
  root = server.root
  jwt = await enableJwt(server)
  await jwt.mustRole('r')
  await jwt.mustRole('other')
})

/** Whatever was taken has come back. */
const later = () => clock.advance(3_600_000)

beforeEach(async () => {
  later()
  const names = (await root.list('sys/quotas/rate-limit')).body?.data?.keys ?? []
  for (const name of names) {
    later()
    await root.remove(`sys/quotas/rate-limit/${name}`)
  }
  await root.must('sys/quotas/config', {
    enable_rate_limit_response_headers: false,
    rate_limit_exempt_paths: [],
  })
})

after(() => server.stop())

async function quota(name: string, settings: object): Promise<void> {
  later()
  const result = await root.write(`sys/quotas/rate-limit/${name}`, settings)
  assert.equal(result.status, 204, result.text)
}

const self = (headers = {}): Promise<ApiResult> =>
  root.call('GET', 'auth/token/lookup-self', undefined, { headers })

function want429(result: ApiResult, path: string): void {
  wantError(result, 429, `request path "${path}": rate limit quota exceeded`)
}

test('beyond its rate a path is refused, and health never is (SYS-82)', async () => {
  await quota('one', { path: 'auth/token/lookup-self', rate: 1 })
  assert.equal((await self()).status, 200)
  const second = await self()
  want429(second, 'auth/token/lookup-self')
  assert.equal(second.headers['retry-after'], '1')
  assert.equal('x-ratelimit-limit' in second.headers, false)
  // Whatever it is that was asked: a path nobody has, and one without a token.
  want429(await root.as(undefined).read('auth/token/lookup-self'), 'auth/token/lookup-self')
  want429(await root.read('auth/token/lookup-self/'), 'auth/token/lookup-self/')
  clock.advance(1000)
  assert.equal((await self()).status, 200)
  await quota('all', { path: '', rate: 1 })
  for (let i = 0; i < 20; i++) {
    for (const path of ['sys/health', 'sys/seal-status']) {
      assert.equal((await root.read(path)).status, 200)
    }
  }
})

test('each address has its own rate, and a network of IPv6 has one (SYS-82)', async () => {
  await quota('one', { path: 'auth/token/lookup-self', rate: 1 })
  const come = (address: string) => self(from(address).headers)
  assert.equal((await come('10.0.0.1')).status, 200)
  assert.equal((await come('10.0.0.2')).status, 200)
  assert.equal((await come('10.0.0.1')).status, 429)
  assert.equal((await come('2001:db8::1')).status, 200)
  for (let i = 2; i < 50; i++) {
    assert.equal((await come(`2001:db8::${i.toString(16)}`)).status, 429)
  }
})

test('the most exact quota counts: role, path, pattern, mount, all', async () => {
  const login = (role: string) => jwt.login(role)
  await quota('all', { rate: 1 })
  await quota('mount', { path: 'auth/jwt', rate: 2 })
  await quota('pattern', { path: 'auth/jwt/rol*', rate: 4 })
  await quota('path', { path: 'auth/jwt/role/r', rate: 5 })
  await quota('role', { path: 'auth/jwt/', role: 'r', rate: 3 })
  const allowed = async (call: () => Promise<ApiResult>) => {
    later()
    let count = 0
    while ((await call()).status !== 429) count++
    return count
  }
  assert.equal(await allowed(() => login('r')), 3)
  assert.equal(await allowed(() => login('other')), 2)
  assert.equal(await allowed(() => root.read('auth/jwt/config')), 2)
  assert.equal(await allowed(() => root.read('auth/jwt/role/other')), 4)
  assert.equal(await allowed(() => root.read('auth/jwt/role/r')), 5)
  assert.equal(await allowed(() => root.read('sys/mounts')), 1)
})

test('a blocked client waits out its block', async () => {
  await quota('block', {
    path: 'auth/token/lookup-self',
    rate: 2,
    interval: '1m',
    block_interval: '10m',
  })
  assert.deepEqual([(await self()).status, (await self()).status], [200, 200])
  assert.equal((await self()).headers['retry-after'], '600')
  clock.advance(5 * 60_000)
  assert.equal((await self()).headers['retry-after'], '300')
  clock.advance(5 * 60_000)
  assert.equal((await self()).status, 200)
})

test('headers tell what is left where that is asked for', async () => {
  await root.must('sys/quotas/config', { enable_rate_limit_response_headers: true })
  await quota('two', { path: 'auth/token/lookup-self', rate: 2, interval: 10 })
  const told = ({ headers }: ApiResult) =>
    ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'].map((name) => headers[name])
  assert.deepEqual(told(await self()), ['2', '1', '5'])
  assert.deepEqual(told(await self()), ['2', '0', '5'])
  const refused = await self()
  assert.deepEqual([refused.status, ...told(refused)], [429, '2', '0', '5'])
  assert.equal(refused.headers['retry-after'], '5')
  // Other refusals were counted too.
  await quota('none', { path: 'sys/nothing', rate: 3, interval: 10 })
  const unknown = await root.read('sys/nothing')
  assert.deepEqual([unknown.status >= 400, told(unknown)[1]], [true, '2'])
})

test('exempt paths are not counted', async () => {
  await quota('all', { rate: 1 })
  later()
  await root.must('sys/quotas/config', { rate_limit_exempt_paths: 'auth/token/lookup*, sys/q*' })
  for (let i = 0; i < 5; i++) assert.equal((await self()).status, 200)
})

test('a quota reads back as it was sent, and is listed and deleted', async () => {
  const sent = {
    path: 'auth/jwt/',
    role: 'r',
    rate: 0.5,
    interval: 60,
    block_interval: 120,
    inheritable: false,
  }
  await quota('whole', sent)
  const { data } = (await root.read('sys/quotas/rate-limit/whole')).body
  assert.deepEqual(data, { ...sent, name: 'whole', type: 'rate-limit' })
  await quota('whole', { rate: '100' })
  assert.equal((await root.read('sys/quotas/rate-limit/whole')).body.data.rate, 100)
  await quota('plain', { rate: 7 })
  assert.equal((await root.read('sys/quotas/rate-limit/plain')).body.data.interval, 1)
  assert.deepEqual((await root.list('sys/quotas/rate-limit')).body.data.keys, ['plain', 'whole'])
  assert.equal((await root.remove('sys/quotas/rate-limit/whole')).status, 204)
  wantError(await root.read('sys/quotas/rate-limit/whole'), 404)
  assert.deepEqual((await root.read('sys/quotas/config')).body.data, {
    enable_rate_limit_audit_logging: false,
    enable_rate_limit_response_headers: false,
    rate_limit_exempt_paths: [],
    absolute_rate_limit_exempt_paths: [],
  })
  const idle = await root.write('sys/quotas/config', { enable_rate_limit_audit_logging: true })
  assert.match(idle.body.warnings[0], /no effect/)
})

test('a quota that cannot be is refused', async () => {
  const refuse = async (settings: object, text: RegExp) =>
    wantError(await root.write('sys/quotas/rate-limit/bad', settings), 400, text)
  for (const rate of [0, -1, 'NaN', '1e400', 1e10, 'many', [1]]) await refuse({ rate }, /rate/)
  await refuse({}, /rate/)
  await refuse({ rate: 1, path: 'no/such/mount' }, /'path' is below no mount/)
  await refuse({ rate: 1, path: 'secret', role: 'r' }, /'role' needs/)
  await refuse({ rate: 1, path: 'auth/jwt/login', role: 'r' }, /'role' needs/)
  await refuse({ rate: 1, type: 'lease-count' }, /'type'/)
  await refuse({ rate: 1, interval: -1 }, /interval/)
  await quota('first', { rate: 100, path: 'auth/jwt' })
  await refuse({ rate: 1, path: 'auth/jwt/' }, /similar properties exists under the name "first"/)
})
