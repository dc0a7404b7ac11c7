/** Whose bodies are read, and how much of all of them together this server holds. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'

import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { head, RawConnection, type RawAnswer } from './running-server.ts'

const mebi = 1_048_576

async function start(context: TestContext): Promise<TestServer> {
  const server = await startTestServer()
  context.after(() => server.stop())
  await server.root.must('sys/auth/jwt', { type: 'jwt' })
  return server
}

/** The answer to the head alone: the body is announced and never comes. */
async function askWithHead(
  server: TestServer,
  path: string,
  ...headers: readonly string[]
): Promise<RawAnswer> {
  const connection = await RawConnection.open(server.port)
  try {
    return await connection.ask(head(`POST /v1/${path}`, ...headers))
  } finally {
    connection.close()
  }
}

for (const [framing, line] of [
  ['announced', `Content-Length: ${30 * mebi}`],
  ['in chunks', 'Transfer-Encoding: chunked'],
] as const) {
  test(`of a large body, ${framing}, no byte is read before its sender may ask for the path (SEC-HTP-03 SEC-HTP-17)`, async (t) => {
    const server = await start(t)
    const weak = await server.root.tokenFor('weak', 'path "x" { capabilities = ["read"] }')
    const barred = await server.root.tokenFor(
      'barred',
      'path "secret/*" { capabilities = ["create", "update"] }\npath "secret/data/a" { capabilities = ["deny"] }',
    )
    const needy = await server.root.tokenFor(
      'needy',
      'path "secret/data/a" { capabilities = ["create", "update"]\n required_parameters = ["data"] }',
    )
    const nobody = await askWithHead(server, 'secret/data/a', line, 'X-Vault-Token: hvs.x')
    assert.equal(nobody.status, 403)
    assert.deepEqual(JSON.parse(nobody.body), { errors: ['permission denied'] })
    for (const { token = '' } of [weak, barred]) {
      const refused = await askWithHead(server, 'secret/data/a', line, `X-Vault-Token: ${token}`)
      assert.equal(refused.status, 403)
      assert.match(refused.body, /1 error occurred/)
    }
    // Whoever may ask is told to go on, also where only the fields will tell whether he may.
    for (const token of [server.rootToken, needy.token ?? '']) {
      const expectation = 'Expect: 100-continue'
      const goOn = await askWithHead(
        server,
        'secret/data/a',
        line,
        `X-Vault-Token: ${token}`,
        expectation,
      )
      assert.equal(goOn.status, 100)
    }
  })
}

test('a token that ends while its large body comes writes nothing (SEC-HTP-17)', async (t) => {
  const server = await start(t)
  const writer = await server.root.tokenFor(
    'writer',
    'path "secret/*" { capabilities = ["create", "update", "read"] }',
  )
  const body = JSON.stringify({ data: { a: 'x'.repeat(100_000) } })
  const connection = await RawConnection.open(server.port)
  connection.write(
    head(
      'POST /v1/secret/data/a',
      `X-Vault-Token: ${writer.token ?? ''}`,
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
    ),
  )
  assert.equal((await connection.read()).status, 100)
  await server.root.must('auth/token/revoke', { token: writer.token ?? '' })
  connection.write(body)
  assert.equal((await connection.read()).status, 403)
  connection.close()
  assert.equal((await server.root.read('secret/data/a')).status, 404)
})

test('strangers who end no request hold no more than a bounded part of the memory (SEC-HTP-03)', async (t) => {
  const server = await start(t)
  const body = Buffer.alloc(512_000, 0x20)
  const connections: RawConnection[] = []
  const answers: Promise<RawAnswer>[] = []
  for (let i = 0; i < 200; i++) {
    const connection = await RawConnection.open(server.port)
    connections.push(connection)
    connection.write(head('POST /v1/auth/jwt/login', 'Content-Length: 512001'))
    await new Promise((resolve) => connection.socket.write(body, resolve))
    const answer = connection.read()
    answer.catch(() => undefined)
    answers.push(answer)
  }
  // The first who finds no room is told so at once, not when its time is over.
  assert.equal((await Promise.any(answers)).status, 503)
  const { external, arrayBuffers } = process.memoryUsage()
  assert.ok(Math.max(external, arrayBuffers) < 100 * mebi, `${external} ${arrayBuffers}`)
  // An honest login is small and needs no room.
  const login = await server.client().write('auth/jwt/login', { role: 'r', jwt: 'x'.repeat(9000) })
  assert.equal(login.status, 400)
  // A large one of those who may ask has room of its own.
  const secret = { data: { a: 'x'.repeat(mebi) } }
  await server.root.must('secret/data/a', secret)
  for (const connection of connections) connection.close()
  // What a connection held is there again when it is gone.
  for (;;) {
    const large = { role: 'r', jwt: 'x'.repeat(400_000) }
    const { status } = await server.client().write('auth/jwt/login', large)
    if (status === 400) break
    assert.equal(status, 503)
  }
})
