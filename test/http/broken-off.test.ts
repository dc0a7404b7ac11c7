/** Clients that break off at the worst moment: their connection ends, and nothing else. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'

import { tcpListener, tlsOptions } from '../../src/http/listener-options.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { askOnce, head, RawConnection } from './running-server.ts'
import { makeCertificate } from './self-signed.ts'

const made = makeCertificate({ commonName: 'localhost', altNames: ['127.0.0.1'] })
const pem = { kind: 'text', certificate: made.certificate, key: made.key } as const

async function start(context: TestContext): Promise<TestServer> {
  const local = { host: '127.0.0.1', port: 0 }
  const tls = tlsOptions({ pem })
  const listeners = [tcpListener(local), tcpListener({ ...local, tls })]
  const server = await startTestServer({ listeners })
  context.after(() => server.stop())
  return server
}

/** What is asked last: the platform lets go of the connection, or its parser gives up. */
const lastWords = [
  head('CONNECT a:443'),
  head('GET /v1/sys/health', 'Connection: Upgrade', 'Upgrade: websocket'),
  head('PRI *'),
  'NONSENSE\r\n\r\n',
]

test('whoever breaks off while answers before a strange request are outstanding stops nobody (SEC-HTP-08)', async (t) => {
  const server = await start(t)
  // More than the sockets between take, so that the answer cannot leave while the client does not read.
  const data = Object.fromEntries(
    Array.from({ length: 14 }, (_, i) => [`a${i}`, 'x'.repeat(1_048_000)]),
  )
  await server.root.must('secret/data/large', { data })
  const token = `X-Vault-Token: ${server.rootToken}`
  const large = head('GET /v1/secret/data/large', token)
  const list = head('LIST /v1/sys/policies/acl', token)
  for (const [at, ca] of [undefined, { ca: made.certificate }].entries()) {
    const address = server.addresses[at]
    assert.ok(address?.kind === 'tcp')
    for (const before of [large, list + large, large + list]) {
      for (const last of lastWords) {
        const connection = await RawConnection.open(address.port, ca)
        connection.socket.pause()
        connection.write(before + last)
        // The server has begun with it when it has answered others often enough.
        for (let i = 0; i < 30; i++) await askOnce(server.port, head('GET /v1/sys/health'))
        if (ca === undefined) connection.socket.resetAndDestroy()
        else connection.close()
      }
    }
  }
  const { status } = await askOnce(server.port, head('GET /v1/sys/health'))
  assert.equal(status, 200)
})
