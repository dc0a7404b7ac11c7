import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'

import {
  parseListenAddress,
  tcpListener,
  tlsOptions,
  unixListener,
} from '../../src/http/listener-options.ts'
import { data, head, RawConnection, run } from './running-server.ts'
import { makeCertificate } from './self-signed.ts'

test('a unix socket has its mode and no client address', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'http-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 's')
  const running = await run(t, { listeners: [unixListener({ path })] })
  assert.deepEqual(running.bound, [{ kind: 'unix', path }])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const text = await new Promise<string>((resolve, reject) => {
    let got = ''
    const socket = connect(path, () => socket.write(head('LIST /v1/a', 'Connection: close')))
    socket.on('data', (chunk) => (got += chunk.toString()))
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
  })
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.equal(running.requests[0]?.clientAddress, undefined)
  assert.equal(running.requests[0]?.verb, 'list')
})

test('a socket file left over from a crash is replaced, a live one is not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'http-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 's')
  const live = createServer().listen(path)
  await new Promise((resolve) => live.once('listening', resolve))
  await assert.rejects(run(t, { listeners: [unixListener({ path })] }), { code: 'EADDRINUSE' })
  await new Promise((resolve) => live.close(resolve))
  await run(t, { listeners: [unixListener({ path })] })
})

test('when one listener cannot be bound none stays', async (t) => {
  const first = await run(t)
  const free = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => free.once('listening', resolve))
  const address = free.address()
  assert.ok(address !== null && typeof address === 'object')
  await new Promise((resolve) => free.close(resolve))
  const listeners = [
    tcpListener({ host: '127.0.0.1', port: address.port }),
    tcpListener({ host: '127.0.0.1', port: first.port }),
  ]
  await assert.rejects(run(t, { listeners }), { code: 'EADDRINUSE' })
  await assert.rejects(RawConnection.open(address.port), { code: 'ECONNREFUSED' })
})

function handshake(port: number, ca: string, more: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca, ...more }, () => resolve(socket))
    socket.once('error', reject)
  })
}

test('CLI-62: after a reload new connections get the new certificate and old ones go on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'http-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const authority = makeCertificate({ commonName: 'test authority', isAuthority: true })
  const certificateFile = join(folder, 'c.pem')
  const keyFile = join(folder, 'k.pem')
  const write = (commonName: string): void => {
    const made = makeCertificate({ commonName, altNames: ['127.0.0.1'], issuer: authority })
    writeFileSync(certificateFile, made.certificate)
    writeFileSync(keyFile, made.key)
  }
  write('first')
  const tls = tlsOptions({ pem: { kind: 'files', certificateFile, keyFile } })
  const running = await run(t, { listener: { tls } })
  assert.match(running.url, /^https:/)
  const old = await RawConnection.open(running.port, { ca: authority.certificate })
  assert.equal((await old.ask(head('GET /v1/a'))).status, 200)
  write('second')
  await running.server.reloadTls()
  const fresh = await handshake(running.port, authority.certificate)
  assert.equal(fresh.getPeerCertificate().subject.CN, 'second')
  fresh.destroy()
  assert.equal((await old.ask(head('GET /v1/a'))).status, 200)
  old.close()
  writeFileSync(keyFile, 'nonsense')
  await assert.rejects(running.server.reloadTls())
  const still = await handshake(running.port, authority.certificate)
  assert.equal(still.getPeerCertificate().subject.CN, 'second')
  still.destroy()
})

test('TLS keeps its version bounds and its client certificates', async (t) => {
  const authority = makeCertificate({ commonName: 'test authority', isAuthority: true })
  const made = makeCertificate({ commonName: 'server', altNames: ['127.0.0.1'], issuer: authority })
  const client = makeCertificate({ commonName: 'client', issuer: authority })
  const stranger = makeCertificate({ commonName: 'stranger' })
  const running = await run(t, {
    listener: {
      tls: tlsOptions({
        pem: { kind: 'text', certificate: made.certificate, key: made.key },
        minVersion: 'TLSv1.2',
        maxVersion: 'TLSv1.2',
        cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'],
        clientCa: { kind: 'text', text: authority.certificate },
        requireClientCertificate: true,
      }),
    },
  })
  const good = await handshake(running.port, authority.certificate, {
    cert: client.certificate,
    key: client.key,
  })
  assert.equal(good.getProtocol(), 'TLSv1.2')
  assert.equal(good.getCipher().name, 'ECDHE-ECDSA-AES128-GCM-SHA256')
  good.destroy()
  const ca = authority.certificate
  await assert.rejects(handshake(running.port, ca, { minVersion: 'TLSv1.3' }))
  for (const wrong of [{}, { cert: stranger.certificate, key: stranger.key }]) {
    const ended = await handshake(running.port, ca, wrong).then(
      (socket) =>
        new Promise<string>((resolve) =>
          socket.once('close', () => resolve('closed')).on('error', () => undefined),
        ),
      () => 'refused',
    )
    assert.match(ended, /closed|refused/)
  }
  assert.equal(running.requests.length, 0)
})

test('an expired server certificate is recognised by its client', async (t) => {
  const made = makeCertificate({
    commonName: 'old',
    altNames: ['127.0.0.1'],
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2021-01-01T00:00:00Z'),
  })
  const pem = { kind: 'text', certificate: made.certificate, key: made.key } as const
  const running = await run(t, { listener: { tls: tlsOptions({ pem }) } })
  await assert.rejects(handshake(running.port, made.certificate), { code: 'CERT_HAS_EXPIRED' })
})

test('CLI-63: a stop answers what it has, closes what is idle, and accepts nothing new', async (t) => {
  let release = (): void => undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  let arrived = (): void => undefined
  const arrival = new Promise<void>((resolve) => (arrived = resolve))
  const running = await run(t, {
    handler: async (request) => {
      if (request.path === 'slow') {
        arrived()
        await gate
      }
      return data({})
    },
  })
  const idle = await RawConnection.open(running.port)
  await idle.ask(head('GET /v1/a'))
  const idleList = await RawConnection.open(running.port)
  await idleList.ask(head('LIST /v1/a'))
  const unused = await RawConnection.open(running.port)
  const busy = await RawConnection.open(running.port)
  busy.write(head('GET /v1/slow'))
  await arrival
  const stopped = running.server.stop({ graceMs: 5000 })
  assert.equal(await idle.readToEnd(), '')
  assert.equal(await idleList.readToEnd(), '')
  assert.equal(await unused.readToEnd(), '')
  await assert.rejects(RawConnection.open(running.port), { code: 'ECONNREFUSED' })
  release()
  const got = await busy.read()
  assert.equal(got.status, 200)
  assert.equal(got.headers['connection'], 'close')
  await stopped
})

test('CLI-63: a stop closes TLS connections that were never used, and those that are idle', async (t) => {
  const made = makeCertificate({ commonName: 'server', altNames: ['127.0.0.1'] })
  const pem = { kind: 'text', certificate: made.certificate, key: made.key } as const
  const running = await run(t, { listener: { tls: tlsOptions({ pem }) } })
  const ca = made.certificate
  const unused = await RawConnection.open(running.port, { ca })
  const idle = await RawConnection.open(running.port, { ca })
  await idle.ask(head('LIST /v1/a'))
  const begun = await RawConnection.open(running.port, { ca })
  await begun.ask(head('GET /v1/a'))
  begun.write('GET /v1/b HTTP/1.1\r\n')
  await idle.ask(head('GET /v1/a'))
  const stopped = running.server.stop({ graceMs: 8000 })
  await unused.readToEnd()
  await idle.readToEnd()
  begun.write('Host: x\r\n\r\n')
  const got = await begun.read()
  assert.equal(got.headers['connection'], 'close')
  await stopped
})

test('a stop ends what outlives its grace', async (t) => {
  let arrived = (): void => undefined
  const arrival = new Promise<void>((resolve) => (arrived = resolve))
  const running = await run(t, {
    handler: (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener('abort', () => resolve(data({})))
        arrived()
      }),
  })
  const busy = await RawConnection.open(running.port)
  busy.write(head('GET /v1/slow'))
  await arrival
  await running.server.stop({ graceMs: 50 })
  assert.equal(await busy.readToEnd(), '')
})

test('CLI-63: under load no request that was sent goes without its answer', async (t) => {
  const running = await run(t)
  let answered = 0
  const worker = async (): Promise<void> => {
    const connection = await RawConnection.open(running.port)
    for (;;) {
      const got = await connection.ask(head(answered % 3 === 0 ? 'LIST /v1/a' : 'GET /v1/a'))
      answered++
      assert.equal(got.status, 200)
      if (got.headers['connection'] === 'close') return
    }
  }
  const workers = Array.from({ length: 16 }, worker)
  while (answered < 500) await new Promise((resolve) => setImmediate(resolve))
  await running.server.stop({ graceMs: 5000 })
  await Promise.all(workers)
  assert.equal(running.requests.length, answered)
})

test('addresses to listen on', () => {
  assert.deepEqual(parseListenAddress('127.0.0.1:8200'), { host: '127.0.0.1', port: 8200 })
  assert.deepEqual(parseListenAddress('[::1]:0'), { host: '::1', port: 0 })
  assert.deepEqual(parseListenAddress(':8200'), { host: '::', port: 8200 })
  for (const text of ['8200', 'a:b', '::1:8200', 'a:65536', '']) {
    assert.equal(parseListenAddress(text), undefined, text)
  }
})

test('plain HTTP to a TLS port is answered once and cut off, also when it never ends (FIX-U15, FIX-F5)', async (t) => {
  const { certificate, key } = makeCertificate({ commonName: 'localhost' })
  const pem = { kind: 'text', certificate, key } as const
  const running = await run(t, { listener: { tls: tlsOptions({ pem }) } })
  for (const text of ['GET /v1/sys/health HTTP/1.1\r\nhost: a\r\n\r\n', 'POST / HTTP/1.1\r\n']) {
    const socket = connect(running.port, '127.0.0.1')
    const closed = new Promise((resolve) => {
      socket.once('close', resolve)
    })
    let answer = ''
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
    })
    // More of it comes; nobody reads it, and the connection does not stay.
    socket.on('error', () => undefined)
    socket.write(text)
    await new Promise((resolve) => {
      socket.once('data', resolve)
    })
    socket.write('x'.repeat(1_000_000))
    await closed
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
    assert.match(
      answer,
      /\{"errors":\["Client sent an HTTP request to an HTTPS server: [^"]*"\]\}\n$/,
    )
  }
})
