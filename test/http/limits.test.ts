import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseForwardedFor } from '../../src/http/listener-options.ts'
import { answer, askOnce, data, head, needsToken, RawConnection, run } from './running-server.ts'

const timeouts = { headersMs: 10_000, readMs: 30_000, idleMs: 300_000, writeMs: 90_000 }

test('SEC-HTP-01: ambiguous framing is refused and closed, and nothing behind it is read as a request', async (t) => {
  const running = await run(t)
  const post = 'POST /v1/a HTTP/1.1\r\nHost: x\r\n'
  for (const text of [
    `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\n`,
    `${post}Content-Length: +3\r\n\r\n`,
    `${post}Content-Length: -3\r\n\r\n`,
    `${post}Content-Length: 0x3\r\n\r\n`,
    `${post}Content-Length: 3,3\r\n\r\n`,
    `${post}Content-Length:\r\n\r\n`,
    `${post}Content-Length : 3\r\n\r\n`,
    `${post}A: b\r\n folded: c\r\n\r\n`,
    `${post}A: b\rContent-Length: 3\r\n\r\n`,
    `${post}A: b\nContent-Length: 3\n\n`,
    `${post}A: b\0c\r\n\r\n`,
    `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: xchunked\r\n\r\n`,
    `${post}Transfer-Encoding: chunked, identity\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n`,
    'POST /v1/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    'GET /v1/a\r\n\r\n',
    'GET /v1/a HTTP/2.0\r\nHost: x\r\n\r\n',
    'GET /v1/a HTTP/1.2\r\nHost: x\r\n\r\n',
    'GET /v1/a b HTTP/1.1\r\nHost: x\r\n\r\n',
    '\x16\x03\x01\x00\x05hello',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ]) {
    const connection = await RawConnection.open(running.port)
    connection.write(text)
    const got = await connection.read()
    assert.equal(got.status, 400, JSON.stringify(text))
    assert.equal(got.headers['content-type'], 'application/json')
    assert.ok(got.headers['strict-transport-security'] !== undefined)
    connection.close()
  }
  assert.equal(running.requests.length, 0)
})

test('SEC-HTP-01: after broken framing the connection serves nothing more', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write(
    head('POST /v1/a', 'Transfer-Encoding: chunked') +
      'zz\r\n{}\r\n0\r\n\r\n' +
      head('GET /v1/smuggled'),
  )
  assert.equal((await connection.read()).status, 400)
  assert.equal(await connection.readToEnd(), '')
  assert.equal(running.requests.length, 0)
})

test('SEC-HTP-01: a broken request behind good ones is refused after their answers', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write(head('GET /v1/1') + head('GET /v1/2') + 'FOO /v1/3 HTTP/1.1\r\n\r\n')
  assert.equal((await connection.read()).status, 200)
  assert.equal((await connection.read()).status, 200)
  assert.equal((await connection.read()).status, 405)
  assert.equal(await connection.readToEnd(), '')
  assert.equal(running.requests.length, 2)
})

test('chunked bodies are read', async (t) => {
  const running = await run(t)
  const text =
    head('POST /v1/a', 'Transfer-Encoding: chunked') +
    '4\r\n{"a"\r\n3;x=y\r\n:1}\r\n0\r\nT: u\r\n\r\n'
  assert.equal((await askOnce(running.port, text)).status, 200)
  assert.deepEqual({ ...running.requests[0]?.data }, { a: 1 })
})

test('SEC-HTP-02: a header block that is too large or has too many lines is refused', async (t) => {
  const running = await run(t)
  const large = await askOnce(running.port, head('GET /v1/a', `A: ${'x'.repeat(1_048_576)}`))
  assert.equal(large.status, 431)
  const many = await askOnce(
    running.port,
    head('GET /v1/a', ...Array.from({ length: 10_000 }, () => 'a:b')),
  )
  assert.equal(many.status, 431)
  assert.equal(
    (await askOnce(running.port, head('GET /v1/a', `A: ${'x'.repeat(60_000)}`))).status,
    200,
  )
})

test('SEC-HTP-02: slow headers, slow bodies and silent connections are ended while others are served', async (t) => {
  const running = await run(t, {
    listener: { timeouts: { ...timeouts, headersMs: 300, readMs: 400 } },
  })
  const slowHead = await RawConnection.open(running.port)
  slowHead.write('GET /v1/a HTTP/1.1\r\nHost:')
  const slowBody = await RawConnection.open(running.port)
  slowBody.write(head('POST /v1/a', 'Content-Length: 10') + '{')
  const silent = await RawConnection.open(running.port)
  assert.equal((await askOnce(running.port, head('GET /v1/ok'))).status, 200)
  assert.equal((await slowHead.read()).status, 408)
  assert.equal((await slowBody.read()).status, 408)
  assert.equal(await silent.readToEnd(), '')
  assert.equal(running.requests.length, 1)
})

test('ENV-50 SEC-HTP-03: a body over the cap is 413, with and without a length', async (t) => {
  const running = await run(t, { listener: { requestBytesMax: 1000 } })
  const full = `{"a":"${'x'.repeat(992)}"}`
  assert.equal(full.length, 1000)
  assert.equal(
    (await askOnce(running.port, head('POST /v1/a', 'Content-Length: 1000') + full)).status,
    200,
  )
  const long = await askOnce(running.port, head('POST /v1/a', 'Content-Length: 1001') + `${full} `)
  assert.equal(long.status, 413)
  assert.deepEqual(JSON.parse(long.body), { errors: ['http: request body too large'] })
  assert.equal(long.headers['connection'], 'close')
  const chunked = await askOnce(
    running.port,
    head('POST /v1/a', 'Transfer-Encoding: chunked') + `3e8\r\n${full}\r\n1\r\n \r\n0\r\n\r\n`,
  )
  assert.equal(chunked.status, 413)
  assert.equal(running.requests.length, 1)
})

test('SEC-HTP-03: a stream without an end is answered, and its memory stays flat', async (t) => {
  const running = await run(t, { listener: { requestBytesMax: 1_048_576 } })
  const before = process.memoryUsage().rss
  const connection = await RawConnection.open(running.port)
  connection.write(head('POST /v1/a', 'Transfer-Encoding: chunked'))
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const pump = (): void => {
    if (connection.isClosed) return
    connection.socket.write(chunk, 'latin1', () => setImmediate(pump))
  }
  pump()
  assert.equal((await connection.read()).status, 413)
  await connection.readToEnd()
  assert.ok(process.memoryUsage().rss - before < 134_217_728)
})

test('the default cap takes 32 MiB and no byte more', async (t) => {
  const running = await run(t)
  const got = await askOnce(running.port, head('POST /v1/a', 'Content-Length: 33554433'))
  assert.equal(got.status, 413)
  const unlimited = await run(t, { listener: { requestBytesMax: -1 }, traitsOf: needsToken })
  const connection = await RawConnection.open(unlimited.port)
  connection.write(
    head('POST /v1/a', 'X-Vault-Token: t', 'Content-Length: 33554433', 'Expect: 100-continue'),
  )
  assert.equal((await connection.read()).status, 100)
  connection.close()
})

test('a client that waits before its body hears 413 at once or may go on', async (t) => {
  const running = await run(t, { listener: { requestBytesMax: 10 } })
  const refused = await askOnce(
    running.port,
    head('POST /v1/a', 'Content-Length: 11', 'Expect: 100-continue'),
  )
  assert.equal(refused.status, 413)
  const connection = await RawConnection.open(running.port)
  const go = await connection.ask(head('POST /v1/a', 'Content-Length: 7', 'Expect: 100-continue'))
  assert.equal(go.status, 100)
  assert.equal((await connection.ask('{"a":1}')).status, 200)
  connection.close()
})

test('SEC-HTP-05: a compressed body is refused', async (t) => {
  const running = await run(t)
  const text = head('POST /v1/a', 'Content-Encoding: gzip', 'Content-Length: 2') + '{}'
  assert.equal((await askOnce(running.port, text)).status, 415)
  const identity = head('POST /v1/a', 'Content-Encoding: identity', 'Content-Length: 2') + '{}'
  assert.equal((await askOnce(running.port, identity)).status, 200)
})

test('SEC-HTP-09 CLI-64: X-Forwarded-For behind a listed proxy', async (t) => {
  const options = parseForwardedFor({ authorizedAddresses: ['127.0.0.0/8'], hopSkips: 1 })
  assert.ok(options.ok)
  const running = await run(t, { listener: { forwardedFor: options.value } })
  const ask = async (...headers: readonly string[]): Promise<number> =>
    (await askOnce(running.port, head('GET /v1/a', ...headers))).status
  assert.equal(await ask(), 400)
  assert.equal(await ask('X-Forwarded-For: 10.0.0.1'), 400)
  assert.equal(await ask('X-Forwarded-For: evil, 10.0.0.1'), 400)
  assert.equal(await ask('X-Forwarded-For: , 10.0.0.1'), 400)
  assert.equal(running.requests.length, 0)
  assert.equal(await ask('X-Forwarded-For: 9.9.9.9, ::ffff:10.0.0.1, 10.0.0.2'), 200)
  assert.equal(running.requests[0]?.clientAddress, '10.0.0.1')
  assert.equal(await ask('X-Forwarded-For: 9.9.9.9', 'X-Forwarded-For: 2001:db8::1,10.0.0.2'), 200)
  assert.equal(running.requests[1]?.clientAddress, '2001:db8::1')
})

test('SEC-HTP-09 CLI-64: X-Forwarded-For from elsewhere is refused, or ignored when so configured', async (t) => {
  const strict = parseForwardedFor({ authorizedAddresses: ['10.0.0.1'] })
  const lax = parseForwardedFor({
    authorizedAddresses: ['10.0.0.1'],
    rejectNotAuthorized: false,
    rejectNotPresent: false,
  })
  assert.ok(strict.ok && lax.ok)
  const refusing = await run(t, { listener: { forwardedFor: strict.value } })
  for (const headers of [[], ['X-Forwarded-For: 1.2.3.4']]) {
    assert.equal((await askOnce(refusing.port, head('GET /v1/a', ...headers))).status, 400)
  }
  const ignoring = await run(t, { listener: { forwardedFor: lax.value } })
  for (const headers of [[], ['X-Forwarded-For: 1.2.3.4']]) {
    assert.equal((await askOnce(ignoring.port, head('GET /v1/a', ...headers))).status, 200)
    assert.equal(ignoring.requests.at(-1)?.clientAddress, '127.0.0.1')
  }
  assert.equal(parseForwardedFor({ authorizedAddresses: ['proxy'] }).ok, false)
})

test('a client that goes away aborts its request', async (t) => {
  let aborted = (): void => undefined
  const done = new Promise<void>((resolve) => (aborted = resolve))
  const running = await run(t, {
    handler: (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener('abort', () => {
          aborted()
          resolve(data({}))
        })
        connection.close()
      }),
  })
  const connection = await RawConnection.open(running.port)
  connection.write(head('GET /v1/a'))
  await done
})

test('a request that takes too long is answered 503 and aborted', async (t) => {
  const running = await run(t, {
    listener: { requestDurationMsMax: 200 },
    handler: (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener('abort', () =>
          resolve(answer({ kind: 'empty', status: 204 })),
        )
      }),
  })
  const connection = await RawConnection.open(running.port)
  const got = await connection.ask(head('GET /v1/a'))
  assert.equal(got.status, 503)
  assert.equal(got.headers['connection'], 'close')
  assert.equal(running.requests[0]?.signal.aborted, true)
  assert.equal(await connection.readToEnd(), '')
})

test('the signal of a request that got its answer is never aborted', async (t) => {
  const running = await run(t)
  await askOnce(running.port, head('GET /v1/a'))
  const closed = await RawConnection.open(running.port)
  await closed.ask(head('GET /v1/b', 'Connection: close'))
  await closed.readToEnd()
  assert.deepEqual(
    running.requests.map((request) => request.signal.aborted),
    [false, false],
  )
})

test('SEC-HTP-13: a thousand idle connections are kept, memory is bounded, more than allowed are closed', async (t) => {
  const running = await run(t, { listener: { connectionsMax: 1000 } })
  const before = process.memoryUsage().rss
  const connections = await Promise.all(
    Array.from({ length: 1000 }, () => RawConnection.open(running.port)),
  )
  const more = await RawConnection.open(running.port)
  assert.equal(await more.readToEnd(), '')
  const answers = await Promise.all(
    connections.map((connection) => connection.ask(head('GET /v1/a'))),
  )
  assert.ok(answers.every((got) => got.status === 200))
  assert.ok(process.memoryUsage().rss - before < 134_217_728)
  for (const connection of connections) connection.close()
})

test('a connection that pipelines a thousand requests gets all answers in order', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write(Array.from({ length: 1000 }, (_, i) => head(`GET /v1/${i}`)).join(''))
  for (let i = 0; i < 1000; i++) {
    const got = JSON.parse((await connection.read()).body) as { data: { path: string } }
    assert.equal(got.data.path, String(i))
  }
  connection.close()
})
