/** Requests whose body ends in another place for us than for a proxy in front of us (RFC 9112 §6.1, §11.2). */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'

import { tcpListener, tlsOptions } from '../../src/http/listener-options.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { data, head, RawConnection, run } from './running-server.ts'
import { makeCertificate } from './self-signed.ts'

const made = makeCertificate({ commonName: 'localhost', altNames: ['127.0.0.1'] })

const doors = [
  { name: 'plain', tls: undefined, ca: undefined },
  {
    name: 'TLS',
    tls: tlsOptions({ pem: { kind: 'text', certificate: made.certificate, key: made.key } }),
    ca: { ca: made.certificate },
  },
] as const

const codings: readonly (readonly string[])[] = [
  ['Transfer-Encoding: identity, chunked'],
  ['Transfer-Encoding: gzip, chunked'],
  ['transfer-encoding:\tGZIP , Chunked'],
  ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked, chunked'],
  ['Transfer-Encoding: , chunked'],
  ['Transfer-Encoding: chunked;q=1'],
  ['Transfer-Encoding: xchunked'],
  ['Transfer-Encoding: identity'],
  ['Transfer-Encoding: gzip'],
  ['Transfer-Encoding: "chunked"'],
  ['Transfer-Encoding:'],
  ['Content-Length: 5', 'Transfer-Encoding: identity, chunked'],
]

const verbs = ['GET', 'POST', 'DELETE', 'LIST', 'SCAN', 'HELP']

const first = 'GET /v1/sys/seal-status HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** How the bytes reach the server: the request before, the head and body, the request behind. */
const deliveries = [
  { name: 'in one packet', pieces: (all: readonly string[]) => [all.join('')] },
  { name: 'in a packet each', pieces: (all: readonly string[]) => all },
  { name: 'with the end cut off', pieces: cutInside },
] as const

function cutInside(all: readonly string[]): readonly string[] {
  const text = all.join('')
  const at = text.length - Math.floor((all.at(-1) ?? '').length / 2)
  return [text.slice(0, at), text.slice(at)]
}

/** The second request of an attempt: it would leave a policy behind. */
function hidden(server: TestServer, name: string, verb = 'PUT'): string {
  const body = '{"policy":"path \\"a\\" { capabilities = [\\"read\\"] }"}'
  return (
    head(
      `${verb} /v1/sys/policies/acl/${name}`,
      `X-Vault-Token: ${server.rootToken}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
    ) + body
  )
}

async function send(connection: RawConnection, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    connection.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The statuses of all answers until the server closed the connection. */
async function statusesToEnd(connection: RawConnection): Promise<readonly number[]> {
  const text = await connection.readToEnd()
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((found) => Number(found[1]))
}

async function policies(server: TestServer): Promise<readonly string[]> {
  const { body } = await server.root.list('sys/policies/acl')
  return (body as { data: { keys: readonly string[] } }).data.keys.toSorted()
}

async function startBehind(
  context: TestContext,
  door: (typeof doors)[number],
): Promise<{ readonly server: TestServer; readonly open: () => Promise<RawConnection> }> {
  const local = { host: '127.0.0.1', port: 0 }
  const listeners = [tcpListener(local), tcpListener({ ...local, tls: door.tls })]
  const server = await startTestServer({ listeners })
  context.after(() => server.stop())
  const address = server.addresses[1]
  assert.ok(address?.kind === 'tcp')
  return { server, open: () => RawConnection.open(address.port, door.ca) }
}

for (const door of doors) {
  test(`no transfer coding but exactly chunked hides a second request, whatever the verb (${door.name}) (SEC-HTP-16)`, async (t) => {
    const { server, open } = await startBehind(t, door)
    const before = await policies(server)
    for (const coding of codings) {
      for (const verb of verbs) {
        for (const delivery of deliveries) {
          const attempt = [verb, ...coding, delivery.name].join(' | ')
          const connection = await open()
          await send(
            connection,
            delivery.pieces([
              first,
              `${head(`${verb} /v1/sys/seal-status`, ...coding)}0\r\n\r\n`,
              hidden(server, 'smuggled'),
            ]),
          )
          assert.deepEqual(await statusesToEnd(connection), [200, 400], attempt)
        }
      }
    }
    assert.deepEqual(await policies(server), before)
  })

  test(`a chunked body in HTTP/1.0 hides nothing, and neither does an extra verb behind it (${door.name}) (SEC-HTP-16)`, async (t) => {
    const { server, open } = await startBehind(t, door)
    const before = await policies(server)
    for (const verb of verbs) {
      for (const behind of ['PUT', 'LIST', 'CONNECT', 'NOVERB']) {
        const connection = await open()
        connection.write(
          `${verb} /v1/sys/seal-status HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n` +
            'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' +
            hidden(server, 'smuggled', behind) +
            hidden(server, 'smuggled'),
        )
        assert.deepEqual(await statusesToEnd(connection), [400], `${verb} then ${behind}`)
      }
    }
    assert.deepEqual(await policies(server), before)
  })

  test(`chunked in any case is read, and the request behind it is served (${door.name})`, async (t) => {
    const { server, open } = await startBehind(t, door)
    for (const coding of ['chunked', 'Chunked', 'CHUNKED', ' chunked ']) {
      for (const verb of ['GET', 'LIST']) {
        const connection = await open()
        connection.write(
          `${head(`${verb} /v1/sys/seal-status`, `Transfer-Encoding:${coding}`)}2\r\n{}\r\n0\r\n\r\n` +
            hidden(server, 'wanted'),
        )
        assert.notEqual((await connection.read()).status, 400, coding)
        assert.equal((await connection.read()).status, 204, coding)
        assert.equal(await connection.readToEnd(), '')
      }
    }
  })

  test(`after an answer that ends the connection nothing behind it is carried out (${door.name})`, async (t) => {
    const { server, open } = await startBehind(t, door)
    const before = await policies(server)
    for (const verb of ['GET', 'LIST']) {
      const connection = await open()
      connection.write(
        head(`${verb} /v1/sys/seal-status`, 'Connection: close') + hidden(server, 'smuggled'),
      )
      assert.equal((await statusesToEnd(connection)).length, 1)
    }
    assert.deepEqual(await policies(server), before)
  })
}

test('what comes behind the last request that counts is taken without being read, however much it is', async (t) => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  const running = await run(t, {
    handler: async () => {
      await gate
      return data({})
    },
  })
  const more = head('GET /v1/smuggled').repeat(2000)
  for (const begin of [
    head('GET /v1/slow', 'Connection: close'),
    head('GET /v1/slow') + head('GET /v1/doubt', 'Transfer-Encoding: gzip, chunked'),
    head('LIST /v1/slow', 'Connection: close'),
  ]) {
    const connection = await RawConnection.open(running.port)
    connection.write(begin)
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => connection.socket.write(more, resolve))
    }
    // All of it arrives, so nothing keeps the answer back.
    while (connection.socket.writableLength > 0) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    release()
    assert.equal((await statusesToEnd(connection))[0], 200, begin)
  }
  assert.deepEqual(
    running.requests.map(({ path }) => path),
    ['slow', 'slow', 'slow/'],
  )
})
