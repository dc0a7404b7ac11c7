/** Strangers at the login of userpass: what they learn, what they cost, and how a name is locked. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { userpassBackend } from '../../src/auth/userpass/index.ts'
import { firstError, type ApiClient, type ApiResult } from '../harness/api-client.ts'
import { createMemoryStore } from '../harness/memory-store.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'

const clock = manualClock()
let server: TestServer

before(async () => {
  server = await startTestServer({ clock })
  for (const path of ['userpass', 'strict']) {
    await server.root.must(`sys/auth/${path}`, { type: 'userpass' })
  }
  await server.root.must('sys/auth/strict/tune', { user_lockout_config: { lockout_threshold: 2 } })
})
after(() => server.stop())

const at = 'auth/userpass'

function login(name: string, password: string, client: ApiClient = server.client()) {
  return client.write(`${at}/login/${name}`, { password })
}

async function addUser(name: string, more: object = {}): Promise<void> {
  await server.root.must(`${at}/users/${name}`, { password: 'right', ...more })
}

async function failTimes(count: number, name: string): Promise<readonly ApiResult[]> {
  const results: ApiResult[] = []
  for (let i = 0; i < count; i++) results.push(await login(name, 'wrong'))
  return results
}

/** What a stranger can tell answers apart by. */
function seen({ status, headers, body }: ApiResult): unknown {
  const [text, sentence = ''] = body.errors as string[]
  return [status, text, sentence.replaceAll(/[0-9a-f-]{36}/g, 'ID'), headers['x-login-reason']]
}

async function medianMs(work: () => Promise<unknown>, count: number): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const before = performance.now()
    await work()
    times.push(performance.now() - before)
  }
  return times.toSorted((a, b) => a - b)[count >> 1] ?? 0
}

test('a wrong password and an unknown name read and cost the same (AUT-03)', async () => {
  await addUser('known')
  const wrong = await login('known', 'wrong')
  const unknown = await login('nobody', 'wrong')
  assert.equal(wrong.status, 400)
  assert.equal(firstError(wrong), 'invalid username or password')
  assert.deepEqual(seen(wrong), seen(unknown))
  const missing = await server.client().write(`${at}/login/known`, {})
  assert.deepEqual([missing.status, firstError(missing)], [400, 'missing password'])
  await server.root.must('sys/auth/open', { type: 'userpass' })
  await server.root.must('sys/auth/open/tune', { user_lockout_config: { lockout_disable: true } })
  await server.root.must('auth/open/users/known', { password: 'right' })
  const tryAs = (name: string) => () =>
    server.client().write(`auth/open/login/${name}`, { password: 'wrong' })
  const ofKnown = await medianMs(tryAs('known'), 5)
  const ofUnknown = await medianMs(tryAs('nobody'), 5)
  // A name that is looked up and given up takes a hundredth of that.
  assert.ok(Math.abs(ofKnown - ofUnknown) < 0.5 * ofKnown, `${ofKnown} ms, ${ofUnknown} ms`)
})

test('after five wrong passwords the right one waits a quarter of an hour (AUT-07)', async () => {
  await addUser('locked')
  const failed = await failTimes(5, 'locked')
  assert.deepEqual([...new Set(failed.map(({ status }) => status))], [400])
  const refused = await login('locked', 'right')
  assert.equal(refused.status, 403)
  assert.equal(firstError(refused), 'permission denied')
  assert.equal(refused.headers['x-login-reason'], 'locked_out')
  clock.advance(899_000)
  assert.equal((await login('locked', 'right')).status, 403)
  clock.advance(2000)
  assert.equal((await login('locked', 'right')).status, 200)
})

test('all spellings of a name are counted together, and the right password works later (SEC-ACL-15)', async () => {
  await addUser('carol')
  for (const name of ['carol', 'CAROL', 'Carol', 'cAROL']) await login(name, 'wrong')
  // Blanks and letters that fold to ours are no spelling of any name, and count for none.
  for (const name of ['carol%20', '%20carol', 'ca%00rol', 'carol%C2%AD', '%E2%84%82arol']) {
    assert.notEqual((await login(name, 'right')).status, 200, name)
  }
  assert.equal((await login('caROL', 'wrong')).status, 400)
  for (const name of ['carol', 'CAROL']) assert.equal((await login(name, 'right')).status, 403)
  clock.advance(900_000)
  assert.equal((await login('CaRoL', 'right')).status, 200)
})

test('a name that nobody has is locked like one that somebody has (SEC-ACL-15)', async () => {
  const strict = 'auth/strict'
  await server.root.must(`${strict}/users/dave`, { password: 'right' })
  const tryThrice = async (name: string) => {
    const results: ApiResult[] = []
    for (let i = 0; i < 3; i++) {
      results.push(await server.client().write(`${strict}/login/${name}`, { password: 'wrong' }))
    }
    return results
  }
  const known = await tryThrice('dave')
  const unknown = await tryThrice('nobody')
  assert.deepEqual(known.map(seen), unknown.map(seen))
  assert.equal(known.at(-1)?.status, 403)
  // Whoever gets the name afterwards is not locked by what strangers did before.
  await server.root.must(`${strict}/users/nobody`, { password: 'right' })
  const answer = await server.client().write(`${strict}/login/nobody`, { password: 'right' })
  assert.equal(answer.status, 200)
})

test('a right password forgets the failures before it, and old ones do not count', async () => {
  const strict = 'auth/strict'
  await server.root.must(`${strict}/users/erin`, { password: 'right' })
  const statusOf = async (password: string) =>
    (await server.client().write(`${strict}/login/erin`, { password })).status
  assert.deepEqual([await statusOf('wrong'), await statusOf('right')], [400, 200])
  assert.deepEqual([await statusOf('wrong'), await statusOf('right')], [400, 200])
  assert.equal(await statusOf('wrong'), 400)
  clock.advance(900_000)
  assert.deepEqual([await statusOf('wrong'), await statusOf('right')], [400, 200])
})

test('an operator unlocks a name, or tunes the lock (SEC-ACL-15)', async () => {
  const { root } = server
  await addUser('frank')
  await failTimes(5, 'frank')
  const { accessor } = (await root.read('sys/auth/userpass')).body.data
  const unlock = `sys/locked-users/${accessor}/unlock`
  assert.equal((await server.client().write(`${unlock}/frank`)).status, 403)
  // As the name is kept: a policy for one spelling is one for all of them.
  assert.equal((await root.write(`${unlock}/FRANK`)).status, 204)
  assert.equal((await login('frank', 'right')).status, 403)
  assert.equal((await root.write(`${unlock}/frank`)).status, 204)
  assert.equal((await root.write('sys/locked-users/nowhere/unlock/frank')).status, 400)
  assert.equal((await login('frank', 'right')).status, 200)
  const lock = { lockout_threshold: '2', lockout_duration: '1m' }
  await root.must('sys/auth/userpass/tune', { user_lockout_config: lock })
  const tuned = (await root.read('sys/auth/userpass/tune')).body.data.user_lockout_config
  assert.deepEqual([tuned.user_lockout_threshold, tuned.user_lockout_duration], [2, 60])
  await failTimes(2, 'frank')
  assert.equal((await login('frank', 'right')).status, 403)
  clock.advance(60_000)
  assert.equal((await login('frank', 'right')).status, 200)
  for (const wrong of [{ lockout_threshold: 0 }, { lockout_duration: '9999h' }]) {
    const answer = await root.write('sys/auth/userpass/tune', { user_lockout_config: wrong })
    assert.equal(answer.status, 400, answer.text)
  }
  await root.must('sys/auth/jwt', { type: 'jwt' })
  const idle = await root.must('sys/auth/jwt/tune', { user_lockout_config: lock })
  assert.match(idle.body.warnings[0], /"user_lockout_config" has no effect on a mount of type jwt/)
  await root.must('sys/auth/userpass/tune', { user_lockout_config: '' })
})

test('a password that is changed while it is being checked opens nothing', async () => {
  await addUser('grace')
  // Four at once: the change waits for its turn among them.
  const [, changed, , late] = await Promise.all([
    login('grace', 'right'),
    server.root.write(`${at}/users/grace/password`, { password: 'other' }),
    login('grace', 'right'),
    login('grace', 'right'),
  ])
  assert.equal(changed.status, 204)
  assert.ok([200, 400].includes(late.status))
  assert.equal((await login('grace', 'right')).status, 400)
  assert.equal((await login('grace', 'other')).status, 200)
})

test('a flood of wrong passwords is turned away, and holds up nobody (SEC-ACL-15)', async () => {
  const real = await startTestServer()
  await real.root.must('sys/auth/userpass', { type: 'userpass' })
  await real.root.must('auth/userpass/users/honest', { password: 'right' })
  const answers: ApiResult[] = []
  const flood = Array.from({ length: 200 }, async (_, i) => {
    const stranger = real.client().from('127.0.0.2')
    answers.push(await stranger.write(`${at}/login/name${i}`, { password: 'wrong' }))
  })
  const flooding = Promise.allSettled(flood)
  const waitsMs: number[] = []
  // Of another address: its turn comes after the one that is being served, not after all of them.
  const signingIn = login('honest', 'right', real.client().from('127.0.0.3'))
  let isOver = false
  const honest = signingIn.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const before = performance.now()
    assert.equal((await real.client().read('sys/health')).status, 200)
    waitsMs.push(performance.now() - before)
  }
  const { status, text } = await honest
  const turnedAway = answers.filter((answer) => answer.status === 429)
  await real.stop()
  await flooding
  assert.equal(status, 200, text)
  const checked = answers.filter((answer) => answer.status === 400)
  assert.ok(checked.length < 16, 'its turn came before that of all who were there before')
  assert.ok(turnedAway.length >= 183, `${turnedAway.length} were turned away`)
  assert.equal(turnedAway[0]?.headers['retry-after'], '2')
  assert.equal(turnedAway[0]?.headers['x-login-reason'], 'quota_exceeded')
  const median = waitsMs.toSorted((a, b) => a - b)[waitsMs.length >> 1] ?? 0
  assert.ok(median < 250, `${median} ms`)
})

test('processes that share a store count together (SEC-ACL-15)', async () => {
  const store = createMemoryStore(new SeededRandom('shared'), clock.nowMs())
  const [one, other] = [0, 1].map(() => new PluginHarness(userpassBackend(), { clock, store }))
  assert.ok(one !== undefined && other !== undefined)
  await one.put('users/shared', { password: 'right' })
  const fail = async (process: PluginHarness) =>
    (await process.put('login/Shared', { password: 'wrong' })).status
  const statuses = [await fail(one), await fail(other), await fail(one), await fail(other)]
  assert.deepEqual(statuses, [400, 400, 400, 400])
  assert.deepEqual([await fail(one), await fail(other), await fail(one)], [400, 403, 403])
  // Names of nobody fill a fixed number of places, and leave those of people alone.
  const before = (await one.storedPaths()).length
  assert.ok(before <= 2)
  await other.backend.unlock?.('shared')
  assert.equal((await one.put('users/shared', { token_ttl: '1m' })).status, 204)
  assert.equal(await fail(one), 400)
})
