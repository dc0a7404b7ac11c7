/** Open sign-ins in storage: they survive restarts and other nodes, end once, and cannot fill the store. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NewSignIn, ProviderAnswer } from '../../src/auth/jwt/sign-in.ts'
import { SignInStates } from '../../src/auth/jwt/sign-in-states.ts'
import type { BackendContext, MountFacts } from '../../src/framework/backend.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { PluginHarness } from '../harness/plugin-harness.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer } from '../harness/test-server.ts'
import { assertReason, assertStatus } from './fixture.ts'
import { redirectUri } from './oidc-fixture.ts'

const record: NewSignIn = {
  mode: 'client',
  role: 'people',
  redirectUri: 'https://server.test/ui/vault/auth/oidc/oidc/callback',
  responseType: 'code',
  nonce: `n_${'n'.repeat(43)}`,
  verifier: 'v'.repeat(43),
  clientNonce: 'c'.repeat(43),
  address: '192.0.2.1',
  startedAtMs: 0,
  maxAge: 0,
  begunBy: 'client',
}

const codeAnswer: ProviderAnswer = {
  origin: 'query',
  result: { kind: 'code', code: 'c1' },
  iss: '',
}

test('SEC-OID-27 a sign-in begun before a restart and a seal is finished once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-sign-in-'))
  const idp = await new ScriptedProvider().start()
  const first = await startTestServer({ storage: 'lmdb', folder })
  let running = first
  t.after(async () => {
    await running.stop()
    await idp.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await first.root.must('sys/auth/oidc', { type: 'oidc' })
  await first.root.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: 'ES256',
  })
  await first.root.must('auth/oidc/role/r', {
    user_claim: 'sub',
    allowed_redirect_uris: redirectUri,
  })
  const body = { role: 'r', redirect_uri: redirectUri, client_nonce: 'x' }
  const begun = await first.client().write('auth/oidc/oidc/auth_url', body)
  const { code, state } = idp.authorize(begun.body.data.auth_url)
  const path = `auth/oidc/oidc/callback?state=${state}&code=${code}&client_nonce=x`
  await first.stop()
  running = await startTestServer({ storage: 'lmdb', folder, raw: true })
  assertStatus(await running.client().read(path), 503)
  await running.client().must('sys/unseal', { key: first.unsealKey })
  const answers = await Promise.all([1, 2, 3, 4].map(() => running.client().read(path)))
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1)
})

/** Two processes on one store are two such objects. */
function statesOn(harness: PluginHarness, clock: ManualClock): SignInStates {
  const context: BackendContext = {
    mount: () => ({ path: 'oidc/' }) as MountFacts,
    store: harness.mountStore,
    clock,
    random: new SystemRandom(),
    logger: new SilentLogger(),
    loginLog: { isEnabled: () => false, record: () => {} },
    outbound: { send: () => Promise.reject(new Error('no call is made here')) },
  }
  return new SignInStates(context)
}

async function keysOf(harness: PluginHarness): Promise<number> {
  return harness.mountStore.view(async (view) => {
    let count = 0
    for await (const _ of view.keys(harness.mountStore.keyRange('oidc/'))) count++
    return count
  })
}

test('of two processes that take one sign-in one gets it', async () => {
  const clock = new ManualClock(1_000_000)
  const harness = new PluginHarness(noBackend)
  const [one, two] = [statesOn(harness, clock), statesOn(harness, clock)]
  await one.start('st_1', record)
  assert.equal((await two.load('st_1'))?.role, 'people')
  const nonce = record.clientNonce
  const spent = await Promise.all(
    [one, two, one, two].map((states) => states.spend('st_1', codeAnswer, nonce)),
  )
  assert.deepEqual(spent.map(({ kind }) => kind).toSorted(), ['answer', 'over', 'over', 'over'])
  assert.equal(await keysOf(harness), 0)
})

test('an expired sign-in is nobody’s, and what is left of it goes by itself', async () => {
  const clock = new ManualClock(1_000_000)
  const harness = new PluginHarness(noBackend)
  const states = statesOn(harness, clock)
  for (let i = 0; i < 700; i++) await states.start(`st_${i}`, record)
  clock.advance(300_000)
  await states.park('st_7', codeAnswer, '')
  clock.advance(300_000)
  assert.equal(await states.load('st_1'), undefined)
  const parked = await states.load('st_7')
  assert.equal(parked?.phase.kind, 'parked', 'an answer begins its life anew')
  clock.advance(1000)
  while ((await keysOf(harness)) > 3) await new Promise((resolve) => setImmediate(resolve))
  clock.advance(600_000)
  clock.advance(2000)
  while ((await keysOf(harness)) > 0) await new Promise((resolve) => setImmediate(resolve))
  states.close()
})

test('SEC-OID-24 one address keeps at most its ceiling of open sign-ins, the oldest go, and others are not touched', async () => {
  const clock = new ManualClock(1_000_000)
  const harness = new PluginHarness(noBackend)
  const states = statesOn(harness, clock)
  await states.start('st_other', { ...record, address: '192.0.2.2' })
  for (let i = 0; i < 12_000; i += 100) {
    clock.advance(1)
    await Promise.all(Array.from({ length: 100 }, (_, j) => states.start(`st_${i + j}`, record)))
  }
  const left = (await keysOf(harness)) / 3
  assert.ok(left <= 10_001, `${left}`)
  assert.ok(left >= 8_000, `${left}`)
  assert.equal(await states.load('st_0'), undefined)
  assert.notEqual(await states.load('st_11999'), undefined)
  assert.notEqual(await states.load('st_other'), undefined)
  states.close()
})

test('a customer with a whole IPv6 network has the ceiling of one address, and pushes out nobody else', async () => {
  const clock = new ManualClock(1_000_000)
  const harness = new PluginHarness(noBackend)
  const states = statesOn(harness, clock)
  await states.start('st_other', { ...record, address: '2001:db8:0:2::1' })
  for (let i = 0; i < 11_000; i += 100) {
    clock.advance(1)
    const starts = Array.from({ length: 100 }, (_, j) => {
      const address = `2001:db8:0:1::${(i + j).toString(16)}`
      return states.start(`st_${i + j}`, { ...record, address })
    })
    await Promise.all(starts)
  }
  const left = (await keysOf(harness)) / 3
  assert.ok(left <= 10_001, `${left}`)
  assert.notEqual(await states.load('st_other'), undefined)
  states.close()
})

test('SEC-OID-24 answers that wait weigh no more than their ceiling, and those go that belong to whoever has most', async () => {
  const clock = new ManualClock(1_000_000)
  const harness = new PluginHarness(noBackend)
  const states = statesOn(harness, clock)
  const wide: ProviderAnswer = {
    origin: 'posted',
    result: { kind: 'code', code: 'c'.repeat(4096) },
    iss: 'i'.repeat(2048),
  }
  await states.start('st_quiet', { ...record, address: '192.0.2.200' })
  await states.park('st_quiet', codeAnswer, '')
  const crowd = 14_000
  const answered = async (n: number): Promise<void> => {
    await states.start(`st_${n}`, { ...record, address: `192.0.2.${n % 20}` })
    await states.park(`st_${n}`, wide, '')
  }
  for (let n = 0; n < crowd; n += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, i) => answered(n + i)))
  }
  let bytes = 0
  let left = 0
  for (let n = 0; n < crowd; n++) {
    const signIn = await states.load(`st_${n}`)
    if (signIn === undefined) continue
    left++
    bytes += Buffer.byteLength(JSON.stringify(signIn))
  }
  // Each takes two pages of the data file, and something for its rows.
  const taken = left * (8192 + 512)
  assert.ok(taken <= 96 * 1024 * 1024 * 1.01, `${left} sign-ins, ${bytes} bytes`)
  assert.ok(left >= 9_000, `${left}`)
  assert.equal((await states.load('st_quiet'))?.phase.kind, 'parked')
  assert.equal((await states.load(`st_${crowd - 1}`))?.phase.kind, 'parked')
  assert.equal(await keysOf(harness), 3 * (left + 1))
  clock.advance(700_000)
  for (let i = 0; i < 200 && (await keysOf(harness)) > 0; i++) await new Promise(setImmediate)
  assert.equal(await keysOf(harness), 0)
})

test('SEC-OID-24 an open sign-in takes less than a KiB', () => {
  assert.ok(JSON.stringify({ ...record, expiresAtMs: 1_790_000_000_000 }).length < 1024)
})

const noBackend = {
  types: ['none'],
  class: 'auth',
  create: () => ({ paths: [] }),
} as const

test('SEC-OID-01 what is no state is refused whatever it looks like', async () => {
  const server = await startTestServer()
  await server.root.must('sys/auth/oidc', { type: 'oidc' })
  const client = server.client()
  assertReason(await client.read('auth/oidc/oidc/callback?state=x'), 'config_missing')
  await server.stop()
})
