/** Answers as one write: the same bytes as the platform's own way, and where they would not be, that way. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isSentAsExtended } from '../../src/http/one-write.ts'
import { answer, head, RawConnection, run } from './running-server.ts'

function bare(body: string) {
  return answer({ kind: 'bare', status: 200, contentType: 'text/plain', body })
}

test('every supported Node sends a head that was made longer as it is', () => {
  assert.equal(isSentAsExtended(), true)
})

for (const [what, body] of [
  ['short ASCII', 'plain'],
  ['empty', ''],
  ['not ASCII', 'naïve – 日本'],
  ['the characters that Latin-1 has', 'é'.repeat(100)],
  ['large', 'x'.repeat(100_000)],
  ['what looks like a head', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'],
] as const) {
  test(`a body that is ${what} arrives whole, by GET without and by HEAD with nothing else`, async (t) => {
    const running = await run(t, { handler: async () => bare(body) })
    const connection = await RawConnection.open(running.port)
    for (let i = 0; i < 3; i++) {
      const got = await connection.ask(head('GET /v1/a'))
      assert.equal(got.status, 200)
      assert.equal(Buffer.from(got.body, 'latin1').toString(), body)
    }
    connection.write(head('HEAD /v1/a') + head('GET /v1/b', 'Connection: close'))
    const [first = '', second = ''] = (await connection.readToEnd())
      .split(/(?=HTTP\/1\.1 200 OK\r\nStrict)/)
      .slice(0, 2)
    assert.ok(first.endsWith('\r\n\r\n'))
    assert.equal(
      Buffer.from(second.slice(second.indexOf('\r\n\r\n') + 4), 'latin1').toString(),
      body,
    )
  })
}

test('pipelined answers in one write keep their order, behind one that takes longer', async (t) => {
  let letFirstGo = (): void => {}
  const first = new Promise<void>((resolve) => {
    letFirstGo = resolve
  })
  const running = await run(t, {
    handler: async ({ path }) => {
      if (path === '0') await first
      if (path === '9') letFirstGo()
      return bare(`answer ${path}`)
    },
  })
  const connection = await RawConnection.open(running.port)
  connection.write(Array.from({ length: 10 }, (_, i) => head(`GET /v1/${i}`)).join(''))
  for (let i = 0; i < 10; i++) assert.equal((await connection.read()).body, `answer ${i}`)
  connection.close()
})
