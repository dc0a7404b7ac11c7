import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'

import { tlsOptions } from '../../src/http/listener-options.ts'
import { Inbox } from '../../src/http/inbox.ts'
import { Outbox } from '../../src/http/outbox.ts'
import { requireVerbsServed } from '../../src/http/verb-self-check.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { SilentLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { parseRefusedVerb } from '../../src/http/extra-verb.ts'
import { data, head, RawConnection, run, type RawAnswer, type Running } from './running-server.ts'
import { makeCertificate } from './self-signed.ts'

interface Echoed {
  readonly verb: string
  readonly path: string
}

function echoed(answer: RawAnswer): Echoed {
  assert.equal(answer.status, 200, answer.body)
  const { verb, path } = (JSON.parse(answer.body) as { data: Echoed }).data
  return { verb, path }
}

interface Door {
  readonly name: string
  readonly open: (context: TestContext) => Promise<[Running, RawConnection]>
}

const plain: Door = {
  name: 'plain',
  open: async (context) => {
    const running = await run(context)
    return [running, await RawConnection.open(running.port)]
  },
}

const secure: Door = {
  name: 'TLS',
  open: async (context) => {
    const made = makeCertificate({ commonName: 'localhost', altNames: ['127.0.0.1'] })
    const tls = tlsOptions({ pem: { kind: 'text', certificate: made.certificate, key: made.key } })
    const running = await run(context, { listener: { tls } })
    return [running, await RawConnection.open(running.port, { ca: made.certificate })]
  },
}

for (const door of [plain, secure]) {
  test(`ENV-25 ENV-26: the real verb LIST is a list, with and without a slash (${door.name})`, async (t) => {
    const [, connection] = await door.open(t)
    const want = { verb: 'list', path: 'auth/jwt/role/' }
    assert.deepEqual(echoed(await connection.ask(head('LIST /v1/auth/jwt/role'))), want)
    assert.deepEqual(echoed(await connection.ask(head('LIST /v1/auth/jwt/role/'))), want)
    connection.close()
  })

  test(`ENV-31: 50 LIST and GET in turn on one connection all succeed (${door.name})`, async (t) => {
    const [running, connection] = await door.open(t)
    for (let i = 0; i < 50; i++) {
      assert.deepEqual(echoed(await connection.ask(head(`LIST /v1/a${i}`))), {
        verb: 'list',
        path: `a${i}/`,
      })
      assert.deepEqual(echoed(await connection.ask(head(`GET /v1/b${i}`))), {
        verb: 'read',
        path: `b${i}`,
      })
      const body = '{"x":1}'
      const post = await connection.ask(
        head(`POST /v1/c${i}`, `Content-Length: ${body.length}`) + body,
      )
      assert.deepEqual(echoed(post), { verb: 'write', path: `c${i}` })
    }
    assert.equal(running.requests.length, 150)
    connection.close()
  })

  test(`SCAN and HELP are scan and help (${door.name})`, async (t) => {
    const [, connection] = await door.open(t)
    assert.deepEqual(echoed(await connection.ask(head('SCAN /v1/kv/a'))), {
      verb: 'scan',
      path: 'kv/a/',
    })
    assert.deepEqual(echoed(await connection.ask(head('HELP /v1/kv/a'))), {
      verb: 'help',
      path: 'kv/a',
    })
    connection.close()
  })

  test(`pipelined requests are answered in order when extra verbs are among them (${door.name})`, async (t) => {
    const [, connection] = await door.open(t)
    connection.write(
      head('GET /v1/1') +
        head('POST /v1/2', 'Content-Length: 2') +
        '{}' +
        head('LIST /v1/3') +
        head('SCAN /v1/4') +
        head('GET /v1/5') +
        head('HELP /v1/6'),
    )
    const got: string[] = []
    for (let i = 0; i < 6; i++) {
      const { verb, path } = echoed(await connection.read())
      got.push(`${verb} ${path}`)
    }
    assert.deepEqual(got, ['read 1', 'write 2', 'list 3/', 'scan 4/', 'read 5', 'help 6'])
    connection.close()
  })
}

test('a LIST behind a slow request waits for its answer', async (t) => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const running = await run(t, {
    handler: async (request) => {
      if (request.path === 'slow') await gate
      return data({ verb: request.verb, path: request.path })
    },
  })
  const connection = await RawConnection.open(running.port)
  connection.write(head('GET /v1/slow') + head('LIST /v1/fast'))
  const other = await RawConnection.open(running.port)
  await other.ask(head('GET /v1/other'))
  assert.deepEqual(
    running.requests.map((request) => request.path),
    ['slow', 'other'],
  )
  release()
  assert.equal(echoed(await connection.read()).path, 'slow')
  assert.equal(echoed(await connection.read()).path, 'fast/')
  connection.close()
  other.close()
})

test('a LIST in many small pieces after the verb is served', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write('LIST /v1')
  for (const piece of ['/a', ' HTTP/1.1\r\n', 'Host: x\r\nX-Vault-', 'Token: t\r\n', '\r\n']) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    connection.write(piece)
  }
  assert.deepEqual(echoed(await connection.read()), { verb: 'list', path: 'a/' })
  assert.equal(running.requests[0]?.token, 't')
  connection.close()
})

test('a LIST keeps its connection when it asks for that, and closes it when not', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  const answer = await connection.ask(head('LIST /v1/a', 'Connection: close'))
  assert.equal(answer.headers['connection'], 'close')
  assert.equal(await connection.readToEnd(), '')
})

test("a request that offers an upgrade, as every one of Java's client does, ends its connection", async (t) => {
  const running = await run(t)
  const offer = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAEA']
  for (const first of ['GET', 'POST', 'LIST']) {
    const connection = await RawConnection.open(running.port)
    // What is behind it in one packet never reaches anybody.
    const answer = await connection.ask(head(`${first} /v1/a`, ...offer) + head('LIST /v1/b'))
    assert.equal(echoed(answer).path, first === 'LIST' ? 'a/' : 'a')
    assert.equal(answer.headers['connection'], 'close')
    assert.equal(await connection.readToEnd(), '')
  }
  assert.equal(running.requests.length, 3)
})

test('a verb cut in two packets is refused with 400', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  connection.write('LI')
  await new Promise((resolve) => setTimeout(resolve, 20))
  connection.write('ST /v1/a HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.equal((await connection.read()).status, 400)
  await connection.readToEnd()
  assert.equal(running.requests.length, 0)
})

test('ENV-32: a header that names a verb changes nothing', async (t) => {
  const running = await run(t)
  const connection = await RawConnection.open(running.port)
  for (const name of ['X-HTTP-Method-Override', 'X-Method', 'X-Real-Verb', 'X-Http-Method']) {
    assert.equal(echoed(await connection.ask(head('GET /v1/a', `${name}: LIST`))).verb, 'read')
  }
  connection.close()
})

test('SEC-HTP-01: broken framing behind LIST is refused and closed', async (t) => {
  const running = await run(t)
  for (const lines of [
    ['Content-Length: 3', 'Transfer-Encoding: chunked'],
    ['Content-Length: 3', 'Content-Length: 4'],
    ['A : b'],
    ['A: b\r\n folded'],
    ['A: b\rC: d'],
  ]) {
    const connection = await RawConnection.open(running.port)
    connection.write(head('LIST /v1/a', ...lines) + head('GET /v1/smuggled'))
    assert.equal((await connection.read()).status, 400, lines.join('|'))
    assert.equal(await connection.readToEnd(), '')
  }
  assert.equal(running.requests.length, 0)
})

test('the place where the parser stopped tells an extra verb from its imitations', () => {
  const at = (text: string, stoppedAt: number): string =>
    parseRefusedVerb(Buffer.from(text), stoppedAt).kind
  assert.equal(at('LIST /a HTTP/1.1', 2), 'extra')
  assert.equal(at('{}LIST /a HTTP/1.1', 4), 'extra')
  assert.equal(at('FOO /a HTTP/1.1', 1), 'unknown')
  assert.equal(at('ST /a HTTP/1.1', 0), 'broken')
  assert.equal(at('LIST /a HTTP/1.1', 0), 'broken')
  assert.equal(at('\x16\x03\x01', 0), 'broken')
  assert.equal(at('', 0), 'broken')
})

test('a server that its platform does not let serve a verb says so in one sentence before it is ready', async () => {
  const clock = new SystemClock()
  const context = {
    clock,
    logger: new SilentLogger(),
    random: new SystemRandom(),
    inbox: new Inbox(clock),
    outbox: new Outbox(clock),
  }
  await requireVerbsServed(context)
  for (const unserved of ['FETCH', 'list', 'TRACE']) {
    await assert.rejects(
      requireVerbsServed(context, [
        ['LIST', 'list'],
        [unserved, 'list'],
      ]),
      /^Error: this version of Node does not let the server take LIST, SCAN and HELP requests;/,
    )
  }
})
