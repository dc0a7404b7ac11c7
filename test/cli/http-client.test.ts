import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiError } from '../../src/client/api-error.ts'
import { ApiClient } from '../../src/client/http-client.ts'
import { envelope, run, withServer } from './cli-run.ts'
import { certificate, privateKey } from './tls-fixture.ts'

test('a request carries what every client sends, and its path is encoded once', () =>
  withServer({ 'GET /v1/secret/a%20b%2525': { body: envelope({}) } }, async (server) => {
    const client = new ApiClient({ address: server.address, token: 'hvs.t', namespace: 'team' })
    const response = await client.require({
      method: 'GET',
      path: 'secret/a b%25',
      query: [['k', 'a&b']],
      headers: [['X-Test', 'yes']],
    })
    assert.equal(response.status, 200)
    assert.deepEqual(server.lines, ['GET /v1/secret/a%20b%2525?k=a%26b'])
    const { headers } = server.seen[0] ?? assert.fail()
    assert.equal(headers['x-vault-request'], 'true')
    assert.equal(headers['x-vault-token'], 'hvs.t')
    assert.equal(headers['x-vault-namespace'], 'team')
    assert.equal(headers['x-test'], 'yes')
    assert.equal(headers['content-type'], undefined)
  }))

test('numbers of an answer keep their digits', () =>
  withServer(
    { 'GET /v1/a': { text: '{"data":{"n":12345678901234567890,"f":1.50}}' } },
    async (server) => {
      const result = await server.run(['read', '-format=json', 'a'])
      assert.match(result.out, /\n {4}"f": 1\.50,\n {4}"n": 12345678901234567890\n/u)
      assert.equal((await server.run(['read', '-field=n', 'a'])).out, '12345678901234567890')
    },
  ))

test('a path with dots for segments is refused, because a URL would resolve them', () =>
  withServer({}, async (server) => {
    const client = new ApiClient({ address: server.address })
    await assert.rejects(
      client.send({ method: 'GET', path: 'secret/../sys/mounts' }),
      /relative paths/u,
    )
    assert.deepEqual(server.seen, [])
  }))

test('a name and a password in the address stand in no message', async () => {
  for (const [address, shown] of [
    ['http://user:canary@127.0.0.1:1', 'http://127.0.0.1:1'],
    ['http://user:ca@nary@127.0.0.1:1/x', 'http://127.0.0.1:1/x'],
    ['ftp://user:canary@host', 'ftp://host'],
    ['user:canary@host:8200', 'host:8200'],
    ['http://user:canary@127.0.0.1:99999', 'http://127.0.0.1:99999'],
    // The host of that one is what stands before the backslash.
    ['http://host.invalid\\@127.0.0.1', 'http://host.invalid\\@127.0.0.1'],
  ] as const) {
    const result = await run(['read', 'a'], { env: { VAULT_ADDR: address } })
    assert.equal(result.code, 2, address)
    assert.ok(result.err.includes(shown), result.err)
    assert.doesNotMatch(result.err, /canary|ca@nary/)
  }
})

test('a refusal becomes an error with its texts, and its text has no token', () =>
  withServer(
    { 'GET /v1/a': { status: 403, body: { errors: ['permission denied'] } } },
    async (server) => {
      const client = new ApiClient({ address: server.address, token: 'canary' })
      const error = await client
        .require({ method: 'GET', path: 'a', query: [['q', 'canary']] })
        .catch((e: unknown) => e)
      assert.ok(error instanceof ApiError)
      assert.deepEqual(error.errors, ['permission denied'])
      assert.equal(error.response.status, 403)
      assert.doesNotMatch(error.message, /canary/u)
    },
  ))

test('SEC-CLI-08: a redirect within the host is followed once, to another host never', () =>
  withServer({}, async (other) => {
    await withServer({}, async (server) => {
      server.answer({
        'GET /v1/near': { status: 307, headers: { Location: '/v1/there' } },
        'GET /v1/there': { body: envelope({ data: { x: 1 } }) },
        'GET /v1/far': { status: 307, headers: { Location: `${other.address}/v1/far` } },
        'GET /v1/loop': { status: 302, headers: { Location: '/v1/loop' } },
        'GET /v1/nowhere': { status: 301 },
      })
      const env = { VAULT_TOKEN: 'hvs.secret' }
      assert.equal((await server.run(['read', '-field=x', 'near'], { env })).out, '1')
      assert.equal(server.seen[1]?.token, 'hvs.secret')
      const far = await server.run(['read', 'far'], { env })
      assert.equal(far.code, 2)
      assert.match(
        far.err,
        /a redirect to http:\/\/127\.0\.0\.1:\d+ was refused, because the token is for/u,
      )
      assert.doesNotMatch(far.err, /hvs\.secret/u)
      assert.deepEqual(other.seen, [])
      assert.match((await server.run(['read', 'loop'], { env })).err, /redirects more than once/u)
      assert.match((await server.run(['read', 'nowhere'], { env })).err, /without a usable target/u)
      const off = await server.run(['read', '-disable-redirects', 'near'], { env })
      assert.deepEqual([off.code, server.lines.at(-1)], [2, 'GET /v1/near'])
      assert.match(off.err, /the server answered 307/u)
    })
  }))

test('no retry by default; with MAX_RETRIES a 503 is tried again', () =>
  withServer({}, async (server) => {
    const sequence = [
      { status: 503, body: { errors: ['busy'] } },
      { body: envelope({ data: { x: 'y' } }) },
    ]
    server.answer({ 'GET /v1/a': sequence })
    assert.equal((await server.run(['read', 'a'])).code, 2)
    assert.deepEqual(server.lines, ['GET /v1/a', 'GET /v1/sys/seal-status'])
    server.answer({ 'GET /v1/a': sequence })
    const result = await server.run(['read', '-field=x', 'a'], { env: { VAULT_MAX_RETRIES: '1' } })
    assert.deepEqual([result.code, result.out, server.seen.length], [0, 'y', 2])
  }))

test('an answer that is too large, a page instead of JSON and silence end with a sentence', async () => {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === '/v1/large') outgoing.end('x'.repeat(5000))
    else if (incoming.url === '/v1/page')
      outgoing.writeHead(502).end('<html>Bad \u001b[2J Gateway</html>')
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = new ApiClient({ address, bodyBytesMax: 1000, timeoutMs: 100 })
    await assert.rejects(client.send({ method: 'GET', path: 'large' }), /larger than 1000 bytes/u)
    await assert.rejects(
      client.send({ method: 'GET', path: 'silent' }),
      /no answer within 0\.1 seconds/u,
    )
    const page = await run(['read', 'page'], { env: { HOME: '/nonexistent', VAULT_ADDR: address } })
    assert.equal(page.code, 2)
    assert.match(
      page.err,
      /answered 502 with a page instead of JSON: <html>Bad \\u001b\[2J Gateway/u,
    )
    assert.match(page.err, /Is a proxy in front/u)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a token or header that HTTP cannot carry is refused without showing it', () =>
  withServer({}, async (server) => {
    const token = await server.run(['read', 'a'], { env: { VAULT_TOKEN: 'canary\nX: y' } })
    assert.equal(token.code, 2)
    assert.match(token.err, /the token has a character that cannot be sent/u)
    const header = await server.run(['read', '-header=A=canary\r\nB: c', 'a'])
    assert.equal(header.code, 2)
    assert.doesNotMatch(token.err + header.err, /canary/u)
    assert.deepEqual(server.seen, [])
  }))

test('an address may be a socket of this machine', async () => {
  const home = await mkdtemp(join(tmpdir(), 'cli-unix-'))
  const server = createServer((_incoming, outgoing) => {
    outgoing.end(JSON.stringify(envelope({ data: { x: 'by socket' } })))
  })
  const path = join(home, 's.sock')
  await new Promise<void>((resolve) => {
    server.listen(path, resolve)
  })
  try {
    const env = { HOME: home, BAO_ADDR: `unix://${path}` }
    assert.equal((await run(['read', '-field=x', 'a'], { env })).out, 'by socket')
  } finally {
    server.close()
    await rm(home, { recursive: true, force: true })
  }
})

test('CLI-53: an unknown authority fails with the fix; with it, or unchecked, the answer comes', async () => {
  const home = await mkdtemp(join(tmpdir(), 'cli-tls-'))
  const server = createTlsServer({ cert: certificate, key: privateKey }, (incoming, outgoing) => {
    const body =
      incoming.url === '/v1/sys/leader' ? { ha_enabled: false } : { sealed: false, type: 'shamir' }
    outgoing.end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    const file = join(home, 'ca.pem')
    await writeFile(file, certificate)
    const port = (server.address() as AddressInfo).port
    const env = { HOME: home, VAULT_ADDR: `https://127.0.0.1:${port}` }
    const unknown = await run(['status'], { env })
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /Name the authority's file: -ca-cert=FILE/u)
    assert.equal((await run(['status', '-tls-skip-verify'], { env })).code, 0)
    assert.equal((await run(['status', `-ca-cert=${file}`], { env })).code, 0)
    assert.equal((await run(['status', `-ca-path=${home}`], { env })).code, 0)
    assert.equal(
      (await run(['status'], { env: { ...env, VAULT_CACERT_BYTES: certificate } })).code,
      0,
    )
    const named = await run(['status', `-ca-cert=${file}`, '-tls-server-name=cli.test'], { env })
    assert.equal(named.code, 0)
    const other = await run(['status', `-ca-cert=${file}`, '-tls-server-name=other.test'], { env })
    assert.equal(other.code, 1)
    assert.match(other.err, /certificate is for another name/u)
  } finally {
    server.closeAllConnections()
    server.close()
    await rm(home, { recursive: true, force: true })
  }
})

test('https to a server that speaks plain HTTP says so', () =>
  withServer({}, async (server) => {
    const env = { VAULT_ADDR: server.address.replace('http:', 'https:') }
    const result = await server.run(['status'], { env })
    assert.equal(result.code, 1)
    assert.match(result.err, /speaks plain HTTP[^\n]*\nUse -address=http:\/\/127\.0\.0\.1:\d+$/mu)
  }))
