/** What happens when devices do not take records (platform.md §8.4): full, gone, slow, hanging. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import type { WantedDevice } from '../../src/core/audit-devices.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { inlineLogin } from '../harness/inline-auth.ts'
import { enableJwt } from '../platform/fixture.ts'
import { startTestServer } from '../harness/test-server.ts'
import { fileDevice, httpDevice, RecordTaker, recordsIn, startAudited } from './fixture.ts'

const device = (
  name: string,
  type: string,
  options: Readonly<Record<string, string>>,
): WantedDevice => ({ path: name, type, description: '', local: false, options })

test('without a device every call works (AUD-01)', async () => {
  const server = await startTestServer()
  try {
    assert.deepEqual((await server.root.read('sys/audit')).body.data, {})
    assert.equal((await server.root.read('sys/mounts')).status, 200)
  } finally {
    await server.stop()
  }
})

test('a request whose record nobody takes is refused at once, before it is routed (AUD-10, SEC-AUD-04)', async () => {
  const gone = mkdtempSync(join(tmpdir(), 'tokenstile-gone-'))
  const places: Readonly<Record<string, string>> = {
    'a full disk': '/dev/full',
    'a missing folder': '/no/such/folder/audit.log',
    'a disk that cannot be written': '/proc/version',
    'a folder': tmpdir(),
  }
  rmSync(gone, { recursive: true })
  for (const [what, file_path] of Object.entries(places)) {
    const taker = new RecordTaker()
    const uri = await taker.start()
    taker.status = 503
    // The secret is written while another device works, which then does not any more.
    const server = await startAudited(
      {},
      { more: [device('broken', 'file', { file_path, mode: '0000' }), httpDevice(uri)] },
    )
    try {
      await server.root.must('secret/data/app', { data: { a: 'before' } })
      taker.good = 0
      const beganMs = performance.now()
      const refused = await server.root.write('secret/data/app', { data: { a: 'after' } })
      assert.ok(performance.now() - beganMs < 2000, what)
      assert.equal(refused.status, 500, `${what}: ${refused.text}`)
      assert.deepEqual(refused.body, { errors: ['internal error'] })
      assert.equal((await server.client().read('sys/health')).status, 200)
      taker.good = Infinity
      const { data } = (await server.root.read('secret/data/app')).body
      assert.equal(data.data.a, 'before', `${what}: the backend was not reached`)
    } finally {
      await server.stop()
      taker.stop()
    }
  }
})

test('a token whose answer cannot be recorded is not given and stays dead (AUD-11, SEC-AUD-05)', async () => {
  const taker = new RecordTaker()
  const server = await startAudited({}, { more: [httpDevice(await taker.start())] })
  try {
    const jwt = await enableJwt(server)
    await jwt.mustRole('dev')
    const list = async () =>
      (await server.root.list('auth/token/accessors')).body.data.keys as readonly string[]
    const before = await list()
    const attempts = [
      () => server.root.write('auth/token/create', { id: 'a-chosen-token', policies: ['default'] }),
      () => jwt.login('dev'),
      () => jwt.login('dev', 'bob', { 'X-Vault-Wrap-TTL': '60' }),
      () => server.root.call('POST', 'sys/wrapping/wrap', { a: 1 }, wrapTtl),
    ]
    for (const attempt of attempts) {
      // The request's record is taken, the answer's is not.
      taker.good = 1
      const answer = await attempt()
      taker.good = Infinity
      assert.equal(answer.status, 500, `${String(attempt)} ${answer.text}`)
      assert.deepEqual(answer.body, { errors: ['internal error'] })
      assert.deepEqual(await list(), before)
    }
    const chosen = server.client('a-chosen-token')
    assert.equal((await chosen.read('auth/token/lookup-self')).status, 403)
    // A renewal makes no token, so that none ends.
    const made = await server.root.must('auth/token/create', { policies: ['default'] })
    const token = server.client(made.body.auth.client_token)
    taker.good = 1
    assert.equal((await token.write('auth/token/renew-self')).status, 500)
    taker.good = Infinity
    assert.equal((await token.read('auth/token/lookup-self')).status, 200)
  } finally {
    await server.stop()
    taker.stop()
  }
})

test('an answer that was wrapped stays when the asking is not recorded, and is gone when the giving is not (AUD-11)', async () => {
  const taker = new RecordTaker()
  const server = await startAudited({}, { more: [httpDevice(await taker.start())] })
  try {
    for (const [recorded, after] of [
      [0, 200],
      [1, 400],
    ] as const) {
      const made = await server.root.call('POST', 'sys/wrapping/wrap', { a: 'inside' }, wrapTtl)
      const own = server.client(String(made.body.wrap_info.token))
      taker.good = recorded
      const refused = await own.write('sys/wrapping/unwrap')
      taker.good = Infinity
      assert.equal(refused.status, 500)
      assert.deepEqual(refused.body, { errors: ['internal error'] })
      const again = await own.write('sys/wrapping/unwrap')
      assert.equal(again.status, after, again.text)
      assert.equal(again.text.includes('inside'), after === 200)
    }
  } finally {
    await server.stop()
    taker.stop()
  }
})

const wrapTtl = { headers: { 'X-Vault-Wrap-TTL': '60' } }

test('with one device that works everything goes on, and the failure is counted and logged (AUD-12, SEC-AUD-06)', async () => {
  const lines: string[] = []
  const logger = new LineLogger({
    level: 'info',
    format: 'json',
    nowMs: () => 0,
    write: (line) => lines.push(line),
  })
  const taker = new RecordTaker()
  const server = await startAudited(
    { file: {} },
    { logger, more: [httpDevice(await taker.start())] },
  )
  try {
    taker.good = 0
    taker.status = 500
    for (let i = 0; i < 5; i++) {
      assert.equal((await server.root.read('sys/mounts')).status, 200)
    }
    const count = server.records().length
    taker.good = Infinity
    assert.equal((await server.root.read('sys/mounts')).status, 200)
    assert.equal(server.records().length, count + 2)
    const told = lines
      .filter((line) => line.includes('an audit device'))
      .map((line) => JSON.parse(line))
    assert.equal(told.length, 2)
    assert.equal(told[0]['@level'], 'error')
    assert.deepEqual([told[0].device, told[0].problem], ['http/', 'HTTP_500'])
    assert.deepEqual([told[1].device, told[1].missed], ['http/', 10])
    const metrics = await server.root.read('sys/metrics?format=prometheus')
    assert.match(metrics.text, /^tokenstile_audit_failures_total\{device="http\/"\} 10$/m)
  } finally {
    await server.stop()
    taker.stop()
  }
})

/** A unix socket whose peer reads until it is told not to. */
class SlowReader {
  readonly path: string
  received = ''
  isReading = true
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(folder: string) {
    this.path = join(folder, 'reader.sock')
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        this.received += chunk.toString('utf8')
      })
      if (!this.isReading) socket.pause()
    })
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.path, resolve))
  }

  pause(): void {
    this.isReading = false
    for (const socket of this.#sockets) socket.pause()
  }

  resume(): void {
    this.isReading = true
    for (const socket of this.#sockets) socket.resume()
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

test('a device that hangs delays nobody by more than its bound, and later it takes records again (SEC-AUD-07)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-hang-'))
  const taker = new RecordTaker()
  const uri = await taker.start()
  const server = await startAudited(
    { file: {} },
    { more: [httpDevice(uri, { write_timeout: '300ms' })] },
  )
  try {
    taker.hangs = true
    const waits: number[] = []
    const beganMs = performance.now()
    while (performance.now() - beganMs < 2000) {
      const startedMs = performance.now()
      assert.equal((await server.root.read('sys/mounts')).status, 200)
      waits.push(performance.now() - startedMs)
    }
    const long = waits.filter((ms) => ms > 250)
    assert.ok(long.length <= 1, `once, and not each time: ${long.join()}`)
    assert.ok(Math.max(...waits) < 1500, String(Math.max(...waits)))
    assert.ok(waits.length > 20, 'others were not queued')
    taker.hangs = false
    const took = taker.batches.length
    for (let i = 0; i < 200 && taker.batches.length < took + 3; i++) {
      await server.root.read('sys/mounts')
    }
    assert.ok(taker.batches.length >= took + 3)
  } finally {
    await server.stop()
    taker.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the only device hangs: callers are refused, and nobody waits for ever (SEC-AUD-07)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-hang-'))
  const reader = new SlowReader(folder)
  await reader.start()
  const options = { address: reader.path, socket_type: 'unix', write_timeout: '300ms' }
  const server = await startAudited({}, { more: [device('s', 'socket', options)] })
  try {
    await server.root.must('secret/data/app', { data: { a: 'x' } })
    reader.pause()
    // What the system itself still takes is many records.
    let refused = 0
    const big = { data: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, 'v'])) }
    for (let i = 0; i < 400 && refused < 3; i++) {
      const beganMs = performance.now()
      const answer = await server.root.write('cubbyhole/x', big)
      assert.ok(performance.now() - beganMs < 1500)
      if (answer.status === 500) refused++
    }
    assert.equal(refused, 3)
    assert.equal((await server.client().read('sys/health')).status, 200)
    reader.resume()
    let answer = await server.root.read('sys/mounts')
    for (let i = 0; i < 200 && answer.status === 500; i++) {
      answer = await server.root.read('sys/mounts')
    }
    assert.equal(answer.status, 200)
  } finally {
    await server.stop()
    reader.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('to seal the server is recorded, and so is what comes after it is opened again (AUD-15, SEC-AUD-11)', async () => {
  const server = await startAudited({ file: {}, second: {} })
  try {
    await server.root.must('cubbyhole/x', { a: 'the same' })
    const before = [server.last('file'), server.last('second')].map(
      ({ request }) => request.request.data.a,
    )
    assert.equal((await server.root.call('PUT', 'sys/seal')).status, 204)
    const { request, response } = server.last()
    assert.equal(request.request.path, 'sys/seal')
    assert.equal(response.request.path, 'sys/seal')
    assert.equal(response.error, undefined)
    const count = server.records().length
    assert.equal((await server.root.read('sys/mounts')).status, 503)
    assert.equal(server.records().length, count)
    await server.client().must('sys/unseal', { key: server.unsealKey })
    await server.root.must('cubbyhole/x', { a: 'the same' })
    const after = [server.last('file'), server.last('second')].map(
      ({ request: { request } }) => request.data.a,
    )
    assert.deepEqual(after, before)
    assert.notEqual(after[0], after[1])
  } finally {
    await server.stop()
  }
})

test('a folder that is removed under a device is noticed (SEC-AUD-04)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-gone-'))
  const server = await startAudited({}, { more: [fileDevice(folder, 'audit')] })
  try {
    assert.equal((await server.root.read('sys/mounts')).status, 200)
    rmSync(folder, { recursive: true })
    const beganMs = performance.now()
    while ((await server.root.read('sys/mounts')).status === 200) {
      assert.ok(performance.now() - beganMs < 2000, 'nobody noticed')
    }
    assert.equal((await server.root.read('sys/mounts')).status, 500)
  } finally {
    await server.stop()
  }
})

test('a file that is removed is made anew', async () => {
  const server = await startAudited()
  try {
    rmSync(server.file('file'))
    const beganMs = performance.now()
    do {
      assert.equal((await server.root.read('sys/mounts')).status, 200)
    } while (!existsSync(server.file('file')) && performance.now() - beganMs < 2000)
    await server.root.read('sys/mounts')
    assert.ok(recordsIn(server.file('file')).length >= 2)
  } finally {
    await server.stop()
  }
})

test('where nobody takes records, a login that comes with a request tells nothing of a password (AUD-10)', async () => {
  const taker = new RecordTaker()
  const server = await startAudited({}, { more: [httpDevice(await taker.start())] })
  try {
    const password = 'a password while the disk is full'
    await server.root.must('sys/auth/userpass', { type: 'userpass' })
    await server.root.must('auth/userpass/users/ann', { password })
    const self = async (given: string) => {
      const headers = inlineLogin('auth/userpass/login/ann', { password: given })
      const call = server.client().call('GET', 'auth/token/lookup-self', undefined, { headers })
      const { status, text, headers: told } = await call
      return { status, text, failed: told['x-vault-inline-auth-failed'] }
    }
    assert.equal((await self(password)).status, 200)
    taker.good = 0
    const right = await self(password)
    assert.deepEqual([right.status, right.failed], [500, undefined])
    assert.deepEqual(await self('wrong'), right)
    // Once that is known, nothing is spent for a request that nobody would record.
    taker.good = Infinity
    await server.root.must('sys/auth/approle', { type: 'approle' })
    await server.root.must('auth/approle/role/once', { secret_id_num_uses: 1 })
    const { role_id } = (await server.root.read('auth/approle/role/once/role-id')).body.data
    const { secret_id } = (await server.root.must('auth/approle/role/once/secret-id')).body.data
    taker.good = 0
    assert.equal((await server.root.read('sys/mounts')).status, 500)
    const headers = inlineLogin('auth/approle/login', { role_id, secret_id })
    const look = () => server.client().call('GET', 'auth/token/lookup-self', undefined, { headers })
    assert.equal((await look()).status, 500)
    taker.good = Infinity
    assert.equal((await look()).status, 500)
    assert.equal((await look()).status, 200)
  } finally {
    await server.stop()
    taker.stop()
  }
})
