/** Sockets, syslog, streams and web servers as devices, and what options make of records (platform.md §8.1). */

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { WantedDevice } from '../../src/core/audit-devices.ts'
import { httpDevice, RecordTaker, startAudited, type AuditRecord } from './fixture.ts'

const device = (
  path: string,
  type: string,
  options: Readonly<Record<string, string>>,
): WantedDevice => ({ path, type, description: '', local: false, options })

class Listener {
  text = ''
  connections = 0
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((socket) => {
      this.connections++
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        this.text += chunk.toString('utf8')
      })
    })
  }

  listen(path?: string): Promise<string> {
    return new Promise((resolve) => {
      const done = () => {
        const address = this.#server.address() as AddressInfo
        resolve(path ?? `127.0.0.1:${address.port}`)
      }
      if (path === undefined) this.#server.listen(0, '127.0.0.1', done)
      else this.#server.listen(path, done)
    })
  }

  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  stop(): void {
    this.drop()
    this.#server.close()
  }

  get records(): AuditRecord[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  }
}

/** What the system has still on its way. */
async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !isSo(); i++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(isSo())
}

test('a stream gets a line for each record, and is connected again after it broke', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-socket-'))
  const tcp = new Listener()
  const unix = new Listener()
  const address = await tcp.listen()
  const path = await unix.listen(join(folder, 's'))
  const more = [
    device('tcp', 'socket', { address }),
    device('unix', 'socket', { address: path, socket_type: 'unix' }),
  ]
  const server = await startAudited({}, { more })
  try {
    await server.root.must('secret/data/app', { data: { a: 'x' } })
    for (const listener of [tcp, unix]) {
      await until(() => listener.records.at(-1)?.request.path === 'secret/data/app')
      const [request, response] = listener.records.slice(-2)
      assert.deepEqual([request.type, response.type], ['request', 'response'])
    }
    unix.drop()
    await until(() => unix.connections > 0)
    for (let i = 0; i < 3; i++) assert.equal((await server.root.read('sys/mounts')).status, 200)
    await until(() => unix.connections === 2)
    await until(() => unix.records.at(-1)?.request.path === 'sys/mounts')
  } finally {
    await server.stop()
    tcp.stop()
    unix.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a datagram is a record, and syslog wraps each as RFC 5424 says', async () => {
  const got: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message) => got.push(message.toString('utf8')))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${socket.address().port}`
  const stream = new Listener()
  const streamAddress = await stream.listen()
  const more = [
    device('udp', 'socket', { address, socket_type: 'udp' }),
    device('syslog-udp', 'syslog', { address, socket_type: 'udp', facility: 'LOCAL7', tag: 'ts' }),
    device('syslog', 'syslog', { address: streamAddress }),
  ]
  const server = await startAudited({}, { more })
  try {
    await server.root.read('sys/policy')
    await until(() => got.filter((text) => text.includes('sys/policy')).length >= 4)
    const plain = got.find((text) => text.startsWith('{')) ?? ''
    assert.equal(JSON.parse(plain).type, 'request')
    const framed = got.find((text) => text.startsWith('<')) ?? ''
    const header = /^<190>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z - ts - - - (\{.*\})$/.exec(
      framed,
    )
    assert.equal(JSON.parse(header?.[1] ?? '').type, 'request')
    await until(() => stream.text.includes('sys/policy'))
    const frames = framesOf(stream.text)
    assert.match(frames[0] ?? '', /^<38>1 \S+ - tokenstile - - - \{/)
    assert.ok(frames.length >= 2)
  } finally {
    await server.stop()
    socket.close()
    stream.stop()
  }
})

/** RFC 6587 §3.4.1. */
function framesOf(text: string): readonly string[] {
  const frames: string[] = []
  let bytes = Buffer.from(text)
  while (bytes.length > 0) {
    const at = bytes.indexOf(0x20)
    const length = Number(bytes.subarray(0, at).toString())
    assert.ok(Number.isInteger(length) && length > 0)
    frames.push(bytes.subarray(at + 1, at + 1 + length).toString('utf8'))
    bytes = bytes.subarray(at + 1 + length)
  }
  return frames
}

test('syslog that is gone refuses requests when it is the only device (SEC-AUD-04)', async () => {
  const stream = new Listener()
  const address = await stream.listen()
  const server = await startAudited({}, { more: [device('syslog', 'syslog', { address })] })
  try {
    assert.equal((await server.root.read('sys/mounts')).status, 200)
    stream.stop()
    let last = await server.root.read('sys/mounts')
    for (let i = 0; i < 50 && last.status === 200; i++) last = await server.root.read('sys/mounts')
    assert.equal(last.status, 500)
  } finally {
    await server.stop()
    stream.stop()
  }
})

test('a web server gets batches: many requests at once are few posts', async () => {
  const taker = new RecordTaker()
  const server = await startAudited({}, { more: [httpDevice(await taker.start())] })
  try {
    await server.root.must('cubbyhole/x', { a: 'x' })
    const before = taker.batches.length
    const count = 64
    const asks = Array.from({ length: count }, () => server.root.read('cubbyhole/x'))
    for (const { status } of await Promise.all(asks)) assert.equal(status, 200)
    assert.equal(
      taker.records.filter(({ request }) => request.operation === 'read').length,
      2 * count,
    )
    assert.ok(taker.batches.length - before < count, `${taker.batches.length - before} posts`)
  } finally {
    await server.stop()
    taker.stop()
  }
})

test('accessors in clear, elided lists, a prefix, and parts that are left out (AUD-07)', async () => {
  const server = await startAudited({
    file: {},
    open: { hmac_accessor: 'false', elide_list_responses: 'true', prefix: '' },
    short: {
      exclude: JSON.stringify([
        { condition: 'mount_type == kv', fields: ['/response/data', '/request/remote_port'] },
        { fields: ['/auth/policies'] },
      ]),
    },
  })
  try {
    const made = await server.root.must('auth/token/create', { policies: ['default'] })
    const { accessor, client_token: token } = made.body.auth
    assert.equal(server.last('open').response.response.auth.accessor, accessor)
    assert.match(server.last('open').response.response.auth.client_token, /^hmac-sha256:/)
    assert.match(server.last('file').response.response.auth.accessor, /^hmac-sha256:/)
    await server.client(token).read('auth/token/lookup-self')
    assert.equal(server.last('open').request.request.client_token_accessor, accessor)
    for (const name of ['a', 'b', 'c']) await server.root.must(`secret/data/${name}`, { data: {} })
    await server.root.list('secret/metadata')
    assert.equal(server.last('open').response.response.data.keys, 3)
    assert.equal(server.last('file').response.response.data.keys.length, 3)
    await server.root.read('secret/data/a')
    const { request, response } = server.last('short')
    assert.equal(response.response.data, undefined)
    assert.equal(response.response.mount_type, 'kv')
    assert.equal(request.request.remote_port, undefined)
    assert.equal(request.auth.policies, undefined)
    assert.equal(request.request.path, 'secret/data/a')
    await server.root.read('sys/mounts')
    assert.ok(server.last('short').response.response.data !== undefined)
  } finally {
    await server.stop()
  }
})

test('filters choose records, and the fallback gets what nobody wants', async () => {
  const server = await startAudited({
    kv: { filter: 'mount_type == kv and operation != list' },
    logins: { filter: 'path contains "auth/" or "token" in mount_type' },
    rest: { fallback: 'true' },
  })
  try {
    const paths = (name: string) =>
      server.records(name).map(({ request }) => `${request.operation} ${request.path}`)
    await server.root.must('secret/data/a', { data: { x: 'y' } })
    await server.root.read('secret/data/a')
    await server.root.list('secret/metadata')
    await server.root.read('auth/token/lookup-self')
    await server.root.read('sys/mounts')
    assert.ok(paths('kv').includes('read secret/data/a'))
    assert.ok(!paths('kv').some((text) => text.startsWith('list')))
    assert.ok(paths('logins').includes('read auth/token/lookup-self'))
    assert.ok(paths('rest').includes('list secret/metadata/'))
    assert.ok(paths('rest').includes('read sys/mounts'))
    assert.ok(!paths('rest').includes('read secret/data/a'))
  } finally {
    await server.stop()
  }
})

test('without a fallback, what no filter wants is recorded nowhere and goes on', async () => {
  const server = await startAudited({ kv: { filter: 'mount_type == kv' } })
  try {
    await server.root.must('secret/data/a', { data: { x: 'y' } })
    const count = server.records('kv').length
    assert.equal((await server.root.read('sys/mounts')).status, 200)
    assert.equal(server.records('kv').length, count)
  } finally {
    await server.stop()
  }
})

test('request headers are shown where they are asked for, and credentials only hashed', async () => {
  const server = await startAudited()
  const { root } = server
  const base = 'sys/config/auditing/request-headers'
  try {
    const ask = (headers: Readonly<Record<string, string>>) =>
      root.call('GET', 'sys/mounts', undefined, { headers })
    await ask({ 'User-Agent': 'probe' })
    assert.equal(server.last().request.request.headers, undefined)
    assert.equal((await root.write(`${base}/User-Agent`)).status, 204)
    assert.equal((await root.write(`${base}/x-secret`, { hmac: true })).status, 204)
    await ask({ 'User-Agent': 'probe', 'X-Secret': 'hidden' })
    const { headers } = server.last().request.request
    assert.deepEqual(headers['user-agent'], ['probe'])
    assert.match(headers['x-secret'][0], /^hmac-sha256:[0-9a-f]{64}$/)
    assert.deepEqual((await root.read(base)).body.data.headers, {
      'user-agent': { hmac: false },
      'x-secret': { hmac: true },
    })
    assert.deepEqual((await root.read(`${base}/X-Secret`)).body.data, {
      'x-secret': { hmac: true },
    })
    for (const name of ['authorization', 'X-Vault-Token', 'cookie']) {
      assert.equal((await root.write(`${base}/${name}`)).status, 400)
    }
    assert.equal((await root.write(`${base}/x-vault-token`, { hmac: true })).status, 204)
    await root.read('sys/mounts')
    const { request } = server.last().request
    assert.equal(request.headers['x-vault-token'][0], request.client_token)
    assert.equal((await root.remove(`${base}/user-agent`)).status, 204)
    await ask({ 'User-Agent': 'probe' })
    assert.equal(server.last().request.request.headers['user-agent'], undefined)
    assert.equal((await root.read(`${base}/user-agent`)).status, 400)
    const weak = await root.tokenFor('weak', `path "${base}" { capabilities = ["read"] }`)
    assert.equal((await weak.read(base)).status, 403)
  } finally {
    await server.stop()
  }
})
