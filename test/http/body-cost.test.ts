/** What the body of a stranger, of somebody without rights and of a writer may cost everybody else. */

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { longestWaitDuring } from './longest-wait.ts'
import { head, RawConnection, type RawAnswer } from './running-server.ts'

/** What others may wait; seconds before. The rows say 100 ms, which a busy machine cannot promise to a test. */
const waitMsMax = 250

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that are in use, on the heap and beside it. */
function bytesInUse(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function start(context: TestContext): Promise<TestServer> {
  const server = await startTestServer()
  context.after(() => server.stop())
  return server
}

interface Sent {
  readonly path: string
  readonly body: Buffer
  readonly token?: string
  readonly type?: string
}

async function post(port: number, { path, body, token, type }: Sent): Promise<RawAnswer> {
  const connection = await RawConnection.open(port)
  try {
    connection.write(
      head(
        `POST /v1/${path}`,
        `Content-Length: ${body.length}`,
        ...(token === undefined ? [] : [`X-Vault-Token: ${token}`]),
        ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      ),
    )
    connection.socket.write(body)
    return await connection.read()
  } finally {
    connection.close()
  }
}

/** The answer, and that nobody else had to wait. The best of some runs counts: other work shares this machine. */
async function harmless(port: number, sent: Sent, bound = waitMsMax): Promise<RawAnswer> {
  const waits: number[] = []
  for (;;) {
    const { waitMs, result } = await longestWaitDuring(port, () => post(port, sent))
    if (waitMs < bound) return result
    waits.push(Math.round(waitMs))
    assert.ok(waits.length < 4, `${sent.path}: others waited ${waits.join(', ')} ms`)
  }
}

/** An object of so many objects with so many members each. */
function nested(objects: number, members: number, value: string): string {
  const inner = Array.from({ length: members }, (_, i) => `"member${i}":${value}`).join(',')
  return `{${Array.from({ length: objects }, (_, i) => `"o${i}":{${inner}}`).join(',')}}`
}

test('a million chunks of one byte cost a few times their bytes and not a hundred (SEC-HTP-18)', async (t) => {
  const server = await start(t)
  const count = 500_000
  const chunks = Buffer.alloc(6 * count, `1\r\n \r\n`)
  const other = await RawConnection.open(server.port)
  const connection = await RawConnection.open(server.port)
  for (let i = 0; i < 100; i++) await other.ask(head('GET /v1/sys/health'))
  connection.write(
    head(
      'POST /v1/sys/tools/random',
      `X-Vault-Token: ${server.rootToken}`,
      'Transfer-Encoding: chunked',
    ),
  )
  const before = bytesInUse()
  for (const half of [chunks, chunks]) {
    await new Promise((resolve) => connection.socket.write(half, resolve))
  }
  // What the kernel still holds is read before so many other requests.
  for (let i = 0; i < 100; i++) await other.ask(head('GET /v1/sys/health'))
  const grown = bytesInUse() - before
  assert.ok(grown < 4 * 2 * count, `${grown} bytes are in use`)
  connection.write('2\r\n{}\r\n0\r\n\r\n')
  assert.equal((await connection.read()).status, 200)
  connection.close()
  other.close()
})

test('where anybody may send, a body in pieces of one byte ends early, and one of a few thousand is read (SEC-HTP-18)', async (t) => {
  const server = await start(t)
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  const chunked = head('POST /v1/auth/jwt/login', 'Transfer-Encoding: chunked')
  const pieces = (text: string): string => text.replace(/[^]/g, '1\r\n$&\r\n')
  const honest = await RawConnection.open(server.port)
  honest.write(chunked + pieces(JSON.stringify({ role: 'r', jwt: 'x'.repeat(4000) })) + '0\r\n\r\n')
  const refused = await honest.read()
  assert.equal(refused.status, 400)
  assert.doesNotMatch(refused.body, /too large/)
  honest.close()
  const hostile = await RawConnection.open(server.port)
  const block = pieces(' '.repeat(10_000))
  let sent = 0
  hostile.write(chunked)
  // A quarter of what may be sent in larger pieces.
  for (; sent < 131_072 && !hostile.socket.destroyed; sent += 10_000) {
    await new Promise((resolve) => hostile.socket.write(block, resolve))
  }
  const answer = await hostile.read()
  assert.equal(answer.status, 413)
  hostile.close()
})

test('an answer of a provider in pieces of one byte costs a few times its bytes (SEC-HTP-18)', async (t) => {
  const server = await start(t)
  const count = 500_000
  const chunks = Buffer.alloc(6 * count, `1\r\n \r\n`)
  let finish = (): void => undefined
  let allWritten = (): void => undefined
  const taken = new Promise<void>((resolve) => (allWritten = resolve))
  let isBait = false
  const provider = createServer((socket) => {
    socket.on('error', () => undefined)
    if (!isBait) {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
      return
    }
    socket.write(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    socket.write(chunks)
    socket.write(chunks, allWritten)
    finish = () => socket.end('2\r\n{}\r\n0\r\n\r\n')
  }).listen(0, '127.0.0.1')
  t.after(() => provider.close())
  await new Promise((resolve) => provider.once('listening', resolve))
  const address = provider.address()
  assert.ok(address !== null && typeof address === 'object')
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  const configuration = { oidc_discovery_url: `http://127.0.0.1:${address.port}` }
  const other = await RawConnection.open(server.port)
  // Once for what is compiled and kept at the first time.
  assert.equal((await server.root.write('auth/jwt/config', configuration)).status, 400)
  for (let i = 0; i < 100; i++) await other.ask(head('GET /v1/sys/health'))
  isBait = true
  const before = bytesInUse()
  const written = server.root.write('auth/jwt/config', configuration)
  await taken
  for (let i = 0; i < 100; i++) await other.ask(head('GET /v1/sys/health'))
  const grown = bytesInUse() - before
  finish()
  assert.equal((await written).status, 400)
  assert.ok(grown < 4 * 2 * count, `${grown} bytes are in use`)
  other.close()
})

test('a body for a path that anybody may call ends at 512 KiB, announced or not (SEC-HTP-03 SEC-HTP-17)', async (t) => {
  const server = await start(t)
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  for (const path of ['auth/jwt/login', 'sys/unseal', 'no/such/path']) {
    const body = (bytes: number): Buffer => Buffer.from(`{"role":"${'x'.repeat(bytes - 11)}"}`)
    const within = await post(server.port, { path, body: body(524_288) })
    assert.ok([400, 403].includes(within.status), `${path}: ${within.status}`)
    assert.equal((await post(server.port, { path, body: body(524_289) })).status, 400, path)
    const connection = await RawConnection.open(server.port)
    connection.write(head(`POST /v1/${path}`, 'Transfer-Encoding: chunked'))
    connection.write(`80001\r\n${'x'.repeat(524_289)}\r\n0\r\n\r\n`)
    assert.equal((await connection.read()).status, 413, path)
    connection.close()
  }
})

test('fifteen megabytes of JSON by anybody are refused at once (SEC-HTP-04 SEC-HTP-17)', async (t) => {
  const server = await start(t)
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  const large = Buffer.from(nested(150, 9999, '1234'))
  assert.ok(large.length > 15 * 1_048_576)
  for (const path of ['auth/jwt/login', 'sys/init', 'secret/data/a']) {
    const { status } = await harmless(server.port, { path, body: large })
    assert.equal(status, path === 'secret/data/a' ? 403 : 400, path)
  }
  // As many entries as fit into what anybody may send.
  for (const body of [nested(3, 8000, '1'), nested(2, 9999, '1'), nested(40, 499, '""')]) {
    const many = Buffer.from(body)
    assert.ok(many.length < 524_288)
    const { status } = await harmless(server.port, { path: 'auth/jwt/login', body: many })
    assert.equal(status, 400)
  }
})

test('whoever shows no token is refused before the body is read (SEC-HTP-17)', async (t) => {
  const server = await start(t)
  const connection = await RawConnection.open(server.port)
  connection.write(head('POST /v1/secret/data/a', 'Content-Length: 30000000'))
  const refused = await connection.read()
  assert.equal(refused.status, 403)
  assert.deepEqual(JSON.parse(refused.body), { errors: ['permission denied'] })
  connection.close()
  // A body that came with its head changes nothing, and the connection lives on.
  const kept = await RawConnection.open(server.port)
  for (const body of ['{"data":{}}', '{"data":{},"data":{}}', 'no JSON']) {
    const answer = await kept.ask(
      head('POST /v1/secret/data/a', `Content-Length: ${body.length}`) + body,
    )
    assert.equal(answer.status, 403, body)
    assert.notEqual(answer.headers['connection'], 'close')
  }
  kept.close()
})

for (const caller of ['with a token of nobody', 'without rights', 'who may write'] as const) {
  test(`thirty megabytes of JSON of a caller ${caller} hold up nobody (SEC-HTP-17)`, async (t) => {
    const server = await start(t)
    const weak = await server.root.tokenFor('weak', 'path "x" { capabilities = ["read"] }')
    const token = {
      'with a token of nobody': 'hvs.x',
      'without rights': weak.token ?? '',
      'who may write': server.rootToken,
    }[caller]
    // Of who may not ask for the path nobody reads what the body says.
    const [allowed, refused] = caller === 'who may write' ? [200, 400] : [403, 403]
    const string = (unit: string, count: number): string => `"${unit.repeat(count)}"`
    const bodies: readonly (readonly [string, string, number])[] = [
      ['long strings', nested(1, 28, string('x', 1_048_000)), allowed],
      ['strings that are not ASCII', nested(1, 28, string('漢', 350_000)), allowed],
      ['strings of escapes', nested(1, 28, string(String.raw`\n`, 524_000)), allowed],
      ['as many entries as there may be', nested(9, 9999, string('é', 140)), allowed],
      ['as many empty lists as there may be', nested(9, 9999, '[]'), allowed],
      ['more entries than there may be', nested(40, 9999, string('x', 60)), refused],
      ['more digits than there may be', `{"a":${'1'.repeat(15 * 1_048_576)}}`, refused],
      ['more blanks than there may be', `{"a":${' '.repeat(15 * 1_048_576)}1}`, refused],
      ['a string that never ends', `{"a":"${'x'.repeat(15 * 1_048_576)}`, refused],
    ]
    for (const [name, data, want] of bodies) {
      const body = Buffer.from(`{"data":${data}}`)
      const sent = { path: 'secret/data/large', body, token }
      // What is written is sealed in one piece, about a tenth of a second; the caller is in this process as well.
      const bound = want === 200 ? 2 * waitMsMax : waitMsMax
      assert.equal((await harmless(server.port, sent, bound)).status, want, name)
      if (want !== 200) continue
      const read = await server.root.read('secret/data/large')
      assert.deepEqual(read.body.data.data, JSON.parse(data), name)
    }
  })
}

test('sixty thousand slashes in the target or in a parameter cost nothing (SEC-HTP-17)', async (t) => {
  const server = await startTestServer({ ui: true })
  t.after(() => server.stop())
  const slashes = '/'.repeat(60_000)
  for (const [target, want] of [
    [`/v1/${slashes}x`, 414],
    [`/v1/sys/health?a=${slashes}x`, 200],
    [`/v1/auth/token/lookup-self?list=${slashes}x`, 400],
    [`/ui/${slashes}x`, 404],
  ] as const) {
    const { waitMs, result } = await longestWaitDuring(server.port, async () => {
      const connection = await RawConnection.open(server.port)
      const answer = await connection.ask(head(`GET ${target}`))
      connection.close()
      return answer
    })
    assert.equal(result.status, want, target.slice(0, 40))
    assert.ok(waitMs < waitMsMax)
  }
})

test('a form has a limit of its own, for its values are unescaped in one piece', async (t) => {
  const server = await start(t)
  const type = 'application/x-www-form-urlencoded'
  const body = Buffer.from(`a=${'%41'.repeat(400_000)}`)
  const sent = { path: 'secret/data/a', body, type, token: server.rootToken }
  assert.equal((await harmless(server.port, sent)).status, 413)
})
