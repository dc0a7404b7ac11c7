/** What the settings of a configuration file do, seen from outside a server process (SEC-CFG-S4). */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { ApiClient } from '../harness/api-client.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { plainServer, ServerFolder, type ServerProcess } from './server-process.ts'

const folder = new ServerFolder()
const idp = new ScriptedProvider()
const started: ServerProcess[] = []
const key = 'a'.repeat(64)

after(async () => {
  await Promise.all(started.map((server) => server.stop()))
  await idp.stop()
  folder.remove()
})

function start(name: string, text: string, flags: readonly string[] = []): ServerProcess {
  const server = folder.start(name, text, { env: { SEAL_KEY: key }, flags })
  started.push(server)
  return server
}

function at(name: string): string {
  return join(folder.path, name)
}

const plain = 'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
const lmdb = (more = '') => `storage "lmdb" {\n  path = "${at('data')}"\n  ${more}\n}\n`
const byVariable = 'seal "static" { key_env = "SEAL_KEY" }\n'

async function initStatic(server: ServerProcess): Promise<ApiClient> {
  const client = new ApiClient(await server.url())
  const body = { recovery_shares: 1, recovery_threshold: 1 }
  const made = await client.call('PUT', 'sys/init', body)
  assert.equal(made.status, 200, made.text)
  return client.as(made.body.root_token)
}

test('names, times of tokens, log, pid file and pages are as the file says (SEC-CFG-S4)', async () => {
  const server = start(
    'top.hcl',
    `${lmdb()}${plain}${byVariable}
    cluster_name = "production"
    default_lease_ttl = "30m"
    max_lease_ttl = "1h"
    ui = true
    api_addr = "https://public.example"
    log_level = "info"
    log_format = "json"
    log_file = "${at('top.log')}"
    pid_file = "${at('top.pid')}"
    `,
  )
  const root = await initStatic(server)
  assert.equal((await root.read('sys/health')).body.cluster_name, 'production')
  const lives = async (more: object) =>
    (await root.must('auth/token/create', { policies: ['default'], ...more })).body.auth
      .lease_duration
  assert.deepEqual([await lives({}), await lives({ ttl: '5h' })], [1800, 3600])
  assert.equal((await root.call('GET', '/ui/login')).status, 200)
  assert.equal(readFileSync(at('top.pid'), 'utf8').trim(), String(server.child.pid))
  await idp.start()
  await root.must('sys/auth/oidc', { type: 'oidc' })
  await root.must('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: 'ES256',
  })
  const back = 'https://public.example/ui/vault/auth/oidc/oidc/callback'
  await root.must('auth/oidc/role/people', { user_claim: 'sub', allowed_redirect_uris: back })
  const page = await root.call('GET', '/ui/login/oidc/start?role=people')
  assert.equal(new URL(page.headers['location'] ?? '').searchParams.get('redirect_uri'), back)
  await server.stop()
  assert.equal(existsSync(at('top.pid')), false)
  const lines = readFileSync(at('top.log'), 'utf8').trim().split('\n')
  assert.ok(lines.length > 0 && lines.every((line) => line.startsWith('{')), lines[0])
  assert.ok(!server.output.includes('[INFO]'), server.output)
  // The same folder and the same key: it opens by itself and has everything.
  const again = start('again.hcl', `${lmdb()}${plain}${byVariable}log_level = "error"\n`)
  const client = root.as(root.token)
  const resumed = new ApiClient(await again.url(), client.token)
  assert.equal((await resumed.read('auth/token/lookup-self')).status, 200)
  assert.equal((await resumed.call('GET', '/ui/login')).status, 404)
  await again.stop()
  assert.ok(!/\[(?:INFO|WARN)\]/.test(again.output), again.output)
})

test('a folder belongs to one server, or to all that say shared (SEC-CFG-S4)', async () => {
  for (const source of [`key_file = "${at('key')}"`, `current_key = "file://${at('key')}"`]) {
    writeFileSync(at('key'), Buffer.from(key, 'hex'), { mode: 0o600 })
    const text = `${lmdb('shared = true')}${plain}seal "static" { ${source} }\n`
    const one = start('shared-1.hcl', text)
    const two = start('shared-2.hcl', text)
    for (const server of [one, two]) {
      const status = await new ApiClient(await server.url()).read('sys/seal-status')
      assert.deepEqual([status.body.initialized, status.body.sealed], [true, false])
    }
    const alone = start('alone.hcl', `${lmdb()}${plain}${byVariable}`)
    assert.equal(await alone.exit, 1)
    await Promise.all([one.stop(), two.stop()])
  }
})

test('the old word for storage, and a seal that is to be left, are understood (SEC-CFG-S4)', async () => {
  const server = start('backend.hcl', `backend "inmem" {}\n${plain}`)
  assert.equal((await new ApiClient(await server.url()).read('sys/seal-status')).status, 200)
  for (const kind of ['shamir', 'static']) {
    const more = kind === 'static' ? 'key_env = "SEAL_KEY"' : ''
    const left = start('left.hcl', `${plainServer}seal "${kind}" { disabled = true ${more} }\n`)
    assert.equal(await left.exit, 1)
    assert.match(left.output, /left\.hcl:6:1: moving away from a seal is not in this version/)
  }
})

test('sizes, headers and proxies of a listener, and the mode of a socket (SEC-CFG-S4)', async () => {
  const listener = (more: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n  ${more}\n}\n`
  const trusted = 'x_forwarded_for_authorized_addrs = "127.0.0.1"'
  const socket = at('s.sock')
  const server = start(
    'listeners.hcl',
    [
      'storage "inmem" {}\n',
      listener('max_request_size = 1000\n  custom_response_headers { "4xx" = { "X-A" = "b" } }'),
      listener(`${trusted}\n  x_forwarded_for_hop_skips = 1`),
      listener(`${trusted}\n  x_forwarded_for_reject_not_present = false`),
      listener('x_forwarded_for_authorized_addrs = "192.0.2.1"'),
      listener(
        'x_forwarded_for_authorized_addrs = "192.0.2.1"\n  x_forwarded_for_reject_not_authorized = false',
      ),
      `listener "unix" {\n  address = "${socket}"\n  socket_mode = "0666"\n`,
      `  socket_user = "${process.getuid?.()}"\n  socket_group = "${process.getgid?.()}"\n}\n`,
    ].join(''),
  )
  const root = await server.open()
  const [sized, hops, absent, strict, lax] = (await server.urls()).map(
    (url) => new ApiClient(url, root.token),
  )
  assert.ok(sized && hops && absent && strict && lax)
  const large = await sized.write('sys/policies/acl/x', { policy: '#'.repeat(1000) })
  assert.deepEqual([large.status, large.headers['x-a']], [413, 'b'])
  assert.equal((await sized.read('sys/mounts')).headers['x-a'], undefined)
  const bound = await root.tokenWith(['root'], { bound_cidrs: ['10.0.0.9/32'] })
  const asked = (client: ApiClient, headers: Readonly<Record<string, string>> = {}) =>
    client.call('GET', 'auth/token/lookup-self', undefined, { headers }).then((r) => r.status)
  const chain = { 'X-Forwarded-For': '10.0.0.9, 10.1.1.1' }
  assert.equal(await asked(hops.as(bound.token), chain), 200)
  assert.equal(await asked(hops), 400)
  assert.equal(await asked(absent), 200)
  assert.equal(await asked(strict, chain), 400)
  assert.equal(await asked(lax, chain), 200)
  const { mode, uid, gid } = statSync(socket)
  assert.deepEqual([mode & 0o777, uid, gid], [0o666, process.getuid?.(), process.getgid?.()])
  const status = await new Promise((resolve, reject) => {
    httpRequest({ socketPath: socket, path: '/v1/sys/seal-status' }, (r) => resolve(r.statusCode))
      .on('error', reject)
      .end()
  })
  assert.equal(status, 200)
})

test('every time limit of a listener ends what it is about (SEC-CFG-S4)', async () => {
  const listener = (setting: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n  ${setting} = "1s"\n}\n`
  const names = ['http_read_header', 'http_read', 'http_idle', 'http_write'] as const
  const server = start(
    'times.hcl',
    `storage "inmem" {}\n${names.map((name) => listener(`${name}_timeout`)).join('')}${listener('max_request_duration')}`,
  )
  const root = await server.open()
  const ports = (await server.urls()).map((url) => Number(new URL(url).port))
  const [header = 0, read = 0, idle = 0, write = 0, duration = 0] = ports
  await root.must('sys/mounts/kv', { type: 'kv' })
  const texts = Array.from({ length: 12 }, (_, at) => [`t${at}`, 'x'.repeat(1_000_000)])
  await root.must('kv/large', Object.fromEntries(texts))
  const ask = `GET /v1/kv/large HTTP/1.1\r\nHost: a\r\nX-Vault-Token: ${root.token}\r\n\r\n`
  const unread = await send(write, ask)
  unread.pause()
  const ends = [
    endOf(await send(header, 'GET /v1/sys/health HTTP/1.1\r\nHost')),
    endOf(await send(read, 'PUT /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{')),
    endOf(await send(idle, 'GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n')),
  ]
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  await root.must('sys/auth/jwt', { type: 'jwt' })
  const hanging = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/keys`
  const slow = new ApiClient(`http://127.0.0.1:${duration}`, root.token)
  const late = await slow.write('auth/jwt/config', { jwks_url: hanging })
  assert.equal(late.status, 503, late.text)
  await Promise.all(ends)
  silent.closeAllConnections()
  silent.close()
  // By now nobody has read a byte of the large answer for longer than a second.
  await endOf(await send(header, 'GET /v1/sys/health HTTP/1.1\r\nHost'))
  const got = endOf(unread)
  unread.resume()
  assert.ok((await got) < 12_000_000)
})

function send(port: number, text: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text)
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/** The bytes that came until it was closed. */
function endOf(socket: Socket): Promise<number> {
  socket.on('error', () => undefined)
  let bytes = 0
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
  return new Promise((resolve) => socket.once('close', () => resolve(bytes)))
}

test('TLS is served with the versions, the suites and the clients of the file (SEC-CFG-S4)', async () => {
  const authority = makeCertificate({ commonName: 'authority', isAuthority: true })
  const issued = (commonName: string) =>
    makeCertificate({ commonName, altNames: ['127.0.0.1'], issuer: authority })
  const own = issued('server')
  writeFileSync(at('tls.pem'), own.certificate)
  writeFileSync(at('tls.key'), own.key, { mode: 0o600 })
  writeFileSync(at('ca.pem'), authority.certificate)
  const listener = (more: string) =>
    `listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_cert_file = "${at('tls.pem')}"\n  tls_key_file = "${at('tls.key')}"\n  ${more}\n}\n`
  const clients = `tls_client_ca_file = "${at('ca.pem')}"\n  `
  const server = start(
    'tls.hcl',
    `storage "inmem" {}\n${listener('tls_min_version = "tls13"')}${listener(
      'tls_max_version = "tls12"\n  tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"',
    )}${listener(`${clients}tls_require_and_verify_client_cert = true`)}${listener(
      `${clients}tls_disable_client_certs = true`,
    )}`,
  )
  const ports = (await server.urls()).map((url) => Number(new URL(url).port))
  const [newest = 0, older = 0, known = 0, anybody = 0] = ports
  const ca = authority.certificate
  await assert.rejects(handshake(newest, { ca, maxVersion: 'TLSv1.2' }))
  const modern = await handshake(newest, { ca })
  const bounded = await handshake(older, { ca })
  assert.deepEqual(
    [modern.getProtocol(), bounded.getProtocol(), bounded.getCipher().name],
    ['TLSv1.3', 'TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  )
  const client = issued('client')
  const request = 'GET /v1/sys/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const answered = async (port: number, more: ConnectionOptions) => {
    const socket = await handshake(port, { ca, ...more })
    socket.write(request)
    return endOf(socket)
  }
  assert.ok((await answered(known, { cert: client.certificate, key: client.key })) > 0)
  assert.equal(await answered(known, {}).catch(() => 0), 0)
  assert.ok((await answered(anybody, {})) > 0)
  modern.destroy()
  bounded.destroy()
})

function handshake(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ...options }, () => resolve(socket))
    socket.once('error', reject)
  })
}
