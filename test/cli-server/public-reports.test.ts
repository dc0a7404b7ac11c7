/** What people reported of servers like this one, each as it was reported; see the kinds of FIX-F. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
} from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { requireClientAddress } from '../../src/http/forwarded-for.ts'
import { parseCidr } from '../../src/lib/cidr.ts'
import { parseServerFlags } from '../../src/server/server-flags.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { Shell } from './fixture.ts'
import { Computer } from './program.ts'

let shell: Shell
let computer: Computer

before(async () => {
  shell = await Shell.start()
  computer = new Computer()
})
after(async () => {
  await shell.stop()
  await computer.remove()
})

describe('a proxy', () => {
  const seen: string[] = []
  let proxy: HttpServer
  let address = ''

  before(async () => {
    proxy = createHttpServer((incoming, outgoing) => {
      seen.push(`${incoming.method} ${incoming.url} ${incoming.headers['proxy-authorization']}`)
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end('{"data":{"x":"through"}}')
    })
    proxy.on('connect', (incoming: IncomingMessage, socket: Duplex) => {
      seen.push(`CONNECT ${incoming.url} ${incoming.headers['proxy-authorization']}`)
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    })
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve)
    })
    address = `http://u:p@127.0.0.1:${(proxy.address() as AddressInfo).port}`
  })
  after(() => {
    proxy.closeAllConnections()
    proxy.close()
  })

  const read = (env: Readonly<Record<string, string>>) =>
    shell.run(['read', '-field=x', 'a'], { env: { VAULT_TOKEN: 't', ...env } })

  test('of the environment leads to a server behind it, and ours leads everywhere (FIX-F4)', async () => {
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`
    const away = { VAULT_ADDR: 'http://vault.internal.example:8200' }
    assert.equal((await read({ ...away, HTTP_PROXY: address })).out, 'through')
    assert.equal((await read({ ...away, VAULT_PROXY_ADDR: address })).out, 'through')
    assert.equal((await read({ ...away, BAO_HTTP_PROXY: address })).out, 'through')
    const here = 'http://127.0.0.1:1'
    assert.equal((await read({ VAULT_ADDR: here, VAULT_PROXY_ADDR: address })).out, 'through')
    assert.deepEqual(seen.splice(0), [
      ...Array.from({ length: 3 }, () => `GET ${away.VAULT_ADDR}/v1/a ${basic}`),
      `GET ${here}/v1/a ${basic}`,
    ])
    // This machine is never reached through the proxy of all programs, nor what NO_PROXY names.
    assert.equal((await read({ VAULT_ADDR: here, HTTP_PROXY: address })).code, 2)
    const excepted = { HTTP_PROXY: address, NO_PROXY: '.internal.example' }
    assert.equal((await read({ ...away, ...excepted })).code, 2)
    assert.deepEqual(seen, [])
  })

  test('is asked for a tunnel where there is TLS; that it refuses is said without its password (FIX-F4)', async () => {
    const result = await read({
      VAULT_ADDR: 'https://vault.internal.example:8200',
      VAULT_PROXY_ADDR: address,
    })
    assert.equal(result.code, 2)
    assert.match(result.err, /the proxy answered 403/)
    assert.equal(result.err.includes('u:p'), false)
    assert.match(seen.splice(0).join(), /^CONNECT vault\.internal\.example:8200 Basic /)
  })
})

test('a variable that does nothing is named (FIX-F4)', async () => {
  const env = { VAULT_SRV_LOOKUP: 'true', BAO_RATE_LIMIT: '5' }
  const result = await shell.run(['token', 'lookup'], { env })
  assert.equal(result.code, 0)
  assert.match(
    result.err,
    /^VAULT_SRV_LOOKUP has no effect: .*\nBAO_RATE_LIMIT has no effect: .*\n$/,
  )
  const flags = parseServerFlags(['-dev'], { VAULT_CLUSTER_ADDR: 'x', BAO_SEAL_TYPE: 'y' })
  assert.ok(flags.ok)
  assert.deepEqual(
    flags.value.warnings.map((line) => line.split(':')[0]),
    ['VAULT_CLUSTER_ADDR has no effect', 'BAO_SEAL_TYPE has no effect'],
  )
})

describe('authorities', () => {
  const root = makeCertificate({ commonName: 'Root', isAuthority: true })
  const middle = makeCertificate({ commonName: 'Middle', isAuthority: true, issuer: root })
  const leaf = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: middle })
  const nameless = makeCertificate({ commonName: '127.0.0.1', issuer: middle })
  const servers: Server[] = []

  /** A key set, and a seal status, by a certificate with the one between it and the root. */
  async function serve(end: { certificate: string; key: string }): Promise<string> {
    const server = createServer(
      { cert: end.certificate + middle.certificate, key: end.key },
      (_incoming, outgoing) => {
        outgoing.setHeader('content-type', 'application/json')
        outgoing.end('{"keys":[],"sealed":false,"data":{"sealed":false}}')
      },
    )
    servers.push(server)
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  after(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  const configure = (path: string, url: string, ca: string) =>
    shell.run(['write', `auth/${path}/config`, `jwks_url=${url}`, 'jwks_ca_pem=-'], { stdin: ca })

  test('a CA that is indented or has blank lines between is used as it was read (FIX-F1)', async () => {
    await shell.must(['auth', 'enable', '-path=f1', 'jwt'])
    const url = await serve(leaf)
    const lines = root.certificate.split('\n')
    for (const ca of [
      root.certificate,
      lines.map((line) => `    ${line}`).join('\n'),
      lines.join('\n\n'),
    ]) {
      const result = await configure('f1', url, ca)
      assert.deepEqual([result.code, result.err], [0, ''])
      const file = join(computer.home, 'ca.pem')
      writeFileSync(file, ca)
      const status = await shell.run(['status', `-address=${url}`, `-ca-cert=${file}`])
      assert.equal(status.err.includes('unknown'), false, status.err)
    }
    const none = await shell.run(['status', `-address=${url}`, `-ca-cert=${import.meta.filename}`])
    assert.deepEqual(
      [none.code, none.err],
      [1, 'What -ca-cert names holds no certificate in PEM.\n'],
    )
  })

  test('an intermediate or the server’s own certificate can be the CA (FIX-F2)', async () => {
    await shell.must(['auth', 'enable', '-path=f2', 'jwt'])
    const url = await serve(leaf)
    for (const ca of [middle.certificate, leaf.certificate]) {
      const result = await configure('f2', url, ca)
      assert.deepEqual([result.code, result.err], [0, ''])
    }
    const other = makeCertificate({ commonName: 'Other', isAuthority: true })
    assert.match((await configure('f2', url, other.certificate)).err, /unknown CA/)
  })

  test('the machine’s own authorities count, as SSL_CERT_FILE names them (FIX-F3)', async () => {
    const url = await serve(leaf)
    const file = join(computer.home, 'system.pem')
    writeFileSync(file, root.certificate)
    const env = { VAULT_ADDR: url }
    const trusting = await computer.run(['status'], { env: { ...env, SSL_CERT_FILE: file } })
    assert.equal(trusting.code, 0, trusting.err)
    assert.equal((await computer.run(['status'], { env })).code, 1)
  })

  test('a certificate without alternative names is refused whatever its common name says (FIX-F14)', async () => {
    await shell.must(['auth', 'enable', '-path=f14', 'jwt'])
    const url = await serve(nameless)
    assert.match((await configure('f14', url, root.certificate)).err, /for another host name/)
  })
})

test('a kv mount of a version that does not exist is refused when it is made (FIX-F6)', async () => {
  for (const version of ['v2', '3', '0', '02']) {
    const { status, body } = await shell.server.root.write('sys/mounts/kvx', {
      type: 'kv',
      options: { version },
    })
    assert.deepEqual([status, body.errors], [400, ['version must be "1" or "2"']], version)
  }
  assert.equal((await shell.server.root.write('sys/mounts/kvx', { type: 'kv' })).status, 204)
})

test('a forwarded address may come with its port and brackets, and an empty header is none (FIX-F7)', () => {
  const proxy = parseCidr('127.0.0.1/32')
  assert.ok(proxy !== undefined)
  const options = {
    authorized: [proxy],
    hopSkips: 0,
    rejectNotAuthorized: true,
    rejectNotPresent: false,
  }
  const of = (header: string) => requireClientAddress(options, '127.0.0.1', header)
  assert.equal(of('129.13.24.7:5678'), '129.13.24.7')
  assert.equal(of('[2001:db8::1]:5678'), '2001:db8::1')
  assert.equal(of('[2001:db8::1]'), '2001:db8::1')
  assert.equal(of(''), '127.0.0.1')
  for (const wrong of ['129.13.24.7:', '129.13.24.7:1:2', '[129.13.24.7', 'a:1', '[]:1', '1:80']) {
    assert.throws(() => of(wrong), wrong)
  }
  assert.throws(() => requireClientAddress({ ...options, rejectNotPresent: true }, '127.0.0.1', ''))
})

test('a negative lifetime gives a mount the system’s own again (FIX-F8)', async () => {
  await shell.must(['secrets', 'enable', '-path=f8', 'kv'])
  const max = async () => (await shell.json(['secrets', 'list']))['f8/'].config.max_lease_ttl
  await shell.must(['secrets', 'tune', '-max-lease-ttl=2h', 'f8'])
  assert.equal(await max(), 7200)
  await shell.must(['secrets', 'tune', '-max-lease-ttl=-1', 'f8'])
  assert.equal(await max(), 0)
})

test('numbers and booleans of custom metadata are the texts they stand for (FIX-F9)', async () => {
  const { root } = shell.server
  const given = { owner_id: 42, prod: true }
  const path = 'secret/metadata/f9'
  assert.equal((await root.write(path, { custom_metadata: given })).status, 204)
  const { body } = await root.read(path)
  assert.deepEqual(body.data.custom_metadata, { owner_id: '42', prod: '1' })
  for (const value of [['a'], { a: 1 }, null]) {
    assert.equal((await root.write(path, { custom_metadata: { value } })).status, 400)
  }
})

test('capabilities are answered under the path as it was asked for (FIX-F12)', async () => {
  const paths = ['/secret/data/x', 'secret/data/y']
  const { body } = await shell.server.root.write('sys/capabilities-self', { paths })
  for (const path of paths) assert.deepEqual(body.data[path], ['root'])
})

test('kv delete -versions names where the secret is (FIX-F13)', async () => {
  await shell.must(['kv', 'put', 'secret/f13', 'a=1'])
  assert.equal(
    await shell.must(['kv', 'delete', '-versions=1', 'secret/f13']),
    'Success! Data deleted (if it existed) at: secret/data/f13\n',
  )
})
