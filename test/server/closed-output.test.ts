/** A server whose output nobody reads any more: a log shipper that died, a terminal that was closed. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'

test('it goes on serving, does not talk to itself, and stops when it is asked to', async (t) => {
  const program = fileURLToPath(new URL('../../../bin/tokenstile.js', import.meta.url))
  const words = ['server', '-dev', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token']
  const server = spawn(process.execPath, [program, ...words, '-log-level=debug'])
  t.after(() => server.kill('SIGKILL'))
  const ended = once(server, 'exit')
  let said = ''
  while (!/Root Token: \S+\n/.test(said)) {
    const [chunk] = (await once(server.stdout, 'data')) as [Buffer]
    said += chunk.toString()
  }
  const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1] ?? ''
  const root = new ApiClient(url, /Root Token: (\S+)/.exec(said)?.[1])
  server.stdout.destroy()
  server.stderr.destroy()
  await root.must('sys/auth/jwt', { type: 'jwt' })
  for (let i = 0; i < 50; i++) {
    await root.write('auth/jwt/login', { role: 'none', jwt: 'x' })
    assert.equal((await root.read('sys/health')).status, 200)
  }
  assert.equal(server.kill('SIGTERM'), true)
  const [code] = (await ended) as [number | null]
  assert.equal(code, 0)
})
