/** What a hostile or careless caller must not reach: odd statuses, lost updates, names of Object.prototype, unusable tokens. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
})

after(() => server.stop())

/** What the socket gives in `ms`, for requests that may never be answered. */
function raw(port: number, text: string | Buffer, ms = 600): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => (got += String(chunk)))
    socket.on('error', reject)
    socket.on('close', () => resolve(got))
    setTimeout(() => socket.destroy(), ms)
  })
}

test('SEC-HTP-01: a health code that is no final status is refused: without a token it would break the framing', async () => {
  for (const code of [100, 101, 103]) {
    const got = await raw(
      server.port,
      `GET /v1/sys/health?activecode=${code} HTTP/1.1\r\nHost: a\r\n\r\n`,
    )
    assert.match(got, /^HTTP\/1\.1 [2-5]\d\d /, `activecode=${code}: ${got.slice(0, 60)}`)
  }
})

test('a health code of 204 or 304 has neither a body nor a length', async () => {
  for (const code of [204, 304]) {
    const got = await raw(
      server.port,
      `GET /v1/sys/health?activecode=${code} HTTP/1.1\r\nHost: a\r\n\r\n` +
        'GET /v1/sys/init HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    assert.match(got, new RegExp(`^HTTP/1\\.1 ${code} `))
    assert.equal(got.split('HTTP/1.1 ').length - 1, 2, got)
    assert.ok(!/^HTTP\/1\.1 [\s\S]*?content-length[\s\S]*?\r\n\r\n\{[^}]*cluster_id/i.test(got))
  }
})

test('names of Object.prototype in config of a mount are ordinary unknown names (ruling R11)', async () => {
  for (const name of ['hasOwnProperty', 'valueOf', '__defineGetter__', '__proto__', 'toString']) {
    const body = `{"type":"kv","config":{"${name}":{"x":1}}}`
    const path = `sys/mounts/proto-${name.replaceAll('_', '')}`
    const { status, text } = await root.call('POST', path, undefined, { raw: body })
    assert.equal(status, 204, `${name}: ${text}`)
  }
})

test('two tunes at once: neither takes back the options of the other', async () => {
  await root.must('sys/mounts/tuned', { type: 'kv', options: { version: '2' } })
  // As two requests do that both found the mount before either was done.
  const { mounts } = server.server.core
  const [first, second] = [
    await mounts.find('secret', 'tuned'),
    await mounts.find('secret', 'tuned'),
  ]
  assert.ok(first !== undefined && second !== undefined)
  await mounts.tune(first, { options: { one: '1' }, config: {} })
  await mounts.tune(second, { description: 'changed', config: {} })
  const { data } = (await root.read('sys/mounts/tuned')).body
  assert.deepEqual(data.options, { version: '2', one: '1' })
})

test('a batch token that is too long to be used is refused and not handed out', async () => {
  const meta = { note: 'x'.repeat(40_000) }
  const made = await root.write('auth/token/create', {
    type: 'batch',
    policies: ['default'],
    ttl: '1h',
    meta,
  })
  if (made.status === 200) {
    const text = String(made.body.auth.client_token)
    const data = (await root.write('auth/token/lookup', { token: text })).status
    assert.equal(data, 200, `a token of ${text.length} characters was answered and cannot be used`)
  } else assert.equal(made.status, 400)
})

test('an empty X-Vault-Token beside a bearer: lookup-self and renew-self give the token that was used', async () => {
  const child = await root.tokenWith(['default'], { ttl: '1h', no_default_policy: false })
  const headers = { 'X-Vault-Token': '', Authorization: `Bearer ${child.token}` }
  const found = await server.client().call('GET', 'auth/token/lookup-self', undefined, { headers })
  assert.equal(found.body.data.id, child.token)
  const renewed = await server.client().call('POST', 'auth/token/renew-self', {}, { headers })
  assert.equal(renewed.body.auth.client_token, child.token)
})

test('a control character in the path is 400 also when it is not percent-encoded (platform.md §1.7)', async () => {
  const bytes = Buffer.concat([
    Buffer.from('GET /v1/secret/data/a'),
    Buffer.from([0x85]),
    Buffer.from(
      ` HTTP/1.1\r\nHost: a\r\nX-Vault-Token: ${root.token}\r\nConnection: close\r\n\r\n`,
    ),
  ])
  assert.match(await raw(server.port, bytes), /^HTTP\/1\.1 400 /)
})

test('a mount cannot be moved to a path that no request can name', async () => {
  await root.must('sys/mounts/movable', { type: 'kv' })
  for (const to of ['a\u0000b', 'a\\b', 'a\nb']) {
    const { status } = await root.write('sys/remount', { from: 'movable', to })
    assert.equal(status, 400, JSON.stringify(to))
  }
})

test('a child deeper than what is looked at is refused and not handed out dead', async () => {
  let parent = await root.tokenWith(['root'], { ttl: '1h' })
  for (let depth = 0; depth < 260; depth++) {
    const made = await parent.write('auth/token/create', { ttl: '1h' })
    if (made.status === 400) return
    assert.equal(made.status, 200, `depth ${depth}: ${made.text}`)
    parent = parent.as(String(made.body.auth.client_token))
  }
})
