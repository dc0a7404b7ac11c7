/** What operators ask a running server: itself, its log, its pages, its rotation (platform.md §2.10, §2.11). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { LogFields, Logger, LogLevel } from '../../src/platform/logger.ts'
import type { ApiClient } from '../harness/api-client.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { unsupportedPath, want403P, want403T, wantError } from './fixture.ts'

/** Keeps lines at a level that can be set. */
class KeptLog implements Logger {
  readonly lines: string[] = []
  #least: LogLevel = 'info'

  log(level: LogLevel, message: string, _fields?: LogFields): void {
    if (this.isEnabled(level)) this.lines.push(message)
  }

  setLevel(level: LogLevel): void {
    this.#least = level
  }

  isEnabled(level: LogLevel): boolean {
    const order: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error']
    return order.indexOf(level) >= order.indexOf(this.#least)
  }
}

const log = new KeptLog()
let clock: ManualClock
let server: TestServer
let root: ApiClient

before(async () => {
  clock = manualClock()
  server = await startTestServer({ clock, logger: log, ui: true })
  root = server.root
})

after(() => server.stop())

test('the machine is told to whoever may ask', async () => {
  const { data } = (await root.read('sys/host-info')).body
  assert.ok(data.cpu.length > 0 && data.memory.total > data.memory.free)
  assert.equal(typeof data.host.hostname, 'string')
  want403T(await server.client().read('sys/host-info'))
})

test('requests in flight are listed, this one too', async () => {
  const { data } = (await root.read('sys/in-flight-req')).body
  const [one] = Object.values<{ request_path: string }>(data)
  assert.deepEqual([Object.keys(data).length, one?.request_path], [1, '/v1/sys/in-flight-req'])
  assert.equal(JSON.stringify(data).includes(server.rootToken), false)
})

test('the level of the log is set and set back', async () => {
  const level = async () => (await root.read('sys/loggers')).body.data.core
  assert.equal(await level(), 'info')
  await root.must('sys/loggers', { level: 'DEBUG' })
  assert.equal(await level(), 'debug')
  await root.must('sys/loggers/core', { level: 'error' })
  assert.equal((await root.read('sys/loggers/core')).body.data.core, 'error')
  assert.equal((await root.remove('sys/loggers')).status, 204)
  assert.equal(await level(), 'info')
  wantError(await root.write('sys/loggers', { level: 'loud' }), 400, /"level" must be one of/)
  wantError(await root.read('sys/loggers/other'), 404)
})

test('pages get the headers that an operator sets', async () => {
  const path = 'sys/config/ui/headers'
  await root.must(`${path}/X-Frame-Note`, { values: ['one', 'two'] })
  await root.must(`${path}/referrer-policy`, { values: 'same-origin' })
  const page = await server.client().call('GET', '/ui/login')
  assert.equal(page.status, 200)
  assert.equal(page.headers['x-frame-note'], 'one, two')
  assert.equal(page.headers['referrer-policy'], 'same-origin')
  assert.deepEqual((await root.list(path)).body.data.keys, ['referrer-policy', 'x-frame-note'])
  const read = (await root.read(`${path}/x-frame-note`)).body.data
  assert.deepEqual(read.values, ['one', 'two'])
  // The API has none of them.
  assert.equal('x-frame-note' in (await root.read('sys/mounts')).headers, false)
  for (const [name, values] of [
    ['X-Vault-Token', 'x'],
    ['Set-Cookie', 'a=b'],
    ['Content-Length', '0'],
    ['x-a', 'one\r\nSet-Cookie: a=b'],
    ['x-a', []],
  ] as const) {
    assert.equal((await root.write(`${path}/${name}`, { values })).status, 400, name)
  }
  for (const name of ['X-Frame-Note', 'referrer-policy']) await root.remove(`${path}/${name}`)
  const plain = await server.client().call('GET', '/ui/login')
  assert.equal('x-frame-note' in plain.headers, false)
  const weak = await root.tokenFor(
    'headers',
    `path "${path}/*" { capabilities = ["read", "update"] }`,
  )
  want403P(await weak.write(`${path}/x-a`, { values: 'b' }))
})

test('the barrier key rotates by itself when its time is over', async () => {
  const path = 'sys/rotate/config'
  assert.deepEqual((await root.read(path)).body.data, {
    enabled: true,
    max_operations: 2 ** 30,
    interval: 0,
  })
  for (const body of [{ max_operations: 10 }, { max_operations: 2 ** 31 }, { interval: '1h' }]) {
    assert.equal((await root.write(path, body)).status, 400)
  }
  await root.must(path, { max_operations: 2_000_000, interval: '24h' })
  const { data } = (await root.read(path)).body
  assert.deepEqual([data.max_operations, data.interval], [2_000_000, 86_400])
  const term = async () => (await root.read('sys/key-status')).body.data.term
  const before = await term()
  clock.advance(25 * 3_600_000)
  await server.server.core.rotation.check()
  assert.equal(await term(), before + 1)
  await root.must(path, { enabled: false })
  clock.advance(25 * 3_600_000)
  await server.server.core.rotation.check()
  assert.equal(await term(), before + 1)
})

test('random bytes name their source, and hashes their algorithm', async () => {
  for (const path of ['random', 'random/16', 'random/platform/16', 'random/all/16']) {
    assert.equal((await root.write(`sys/tools/${path}`)).status, 200, path)
  }
  wantError(await root.write('sys/tools/random/other/16'), 400, /"source"/)
})

test('leases that could not be ended are counted: there are none', async () => {
  const query = '?type=irrevocable'
  const count = (await root.read(`sys/leases/count${query}`)).body.data
  assert.deepEqual(count, { lease_count: 0, counts: {} })
  assert.deepEqual((await root.read(`sys/leases${query}`)).body.data, {
    lease_count: 0,
    leases: [],
  })
  wantError(await root.read('sys/leases/count'), 400, /irrevocable/)
})

test('what another storage engine would serve is not there', async () => {
  for (const path of ['sys/storage/raft/configuration', 'sys/storage/raft/snapshot']) {
    wantError(await root.read(path), 404, unsupportedPath)
  }
  assert.equal((await root.call('PUT', 'sys/step-down')).status, 204)
  const { data } = (await root.list('sys/version-history')).body
  assert.equal(data.keys.length, 1)
})
