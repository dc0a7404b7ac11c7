/** The door to the network against servers that misbehave: time, size, redirects, TLS, networks and proxies. */

import assert from 'node:assert/strict'
import { createServer as createTcpServer, connect, type Socket } from 'node:net'
import { createServer } from 'node:http'
import { after, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { parseCidr, type Cidr } from '../../src/lib/cidr.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { createOutbound } from '../../src/platform/outbound-http.ts'
import { parseOutboundUrl } from '../../src/platform/outbound-url.ts'
import { OutboundProblem, type OutboundProblemKind } from '../../src/platform/outbound.ts'
import { readProxyEnvironment } from '../../src/platform/proxy-environment.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { get, listen, outbound, sendText, startServer, type Handler } from './fixture.ts'

async function problemOf(call: Promise<unknown>): Promise<OutboundProblem> {
  try {
    await call
  } catch (problem) {
    assert.ok(problem instanceof OutboundProblem, String(problem))
    return problem
  }
  return assert.fail('the call succeeded')
}

async function refusal(handler: Handler, changes = {}): Promise<OutboundProblemKind> {
  const server = await startServer(handler)
  try {
    return (await problemOf(outbound.send(get(`${server.url}/x`, changes)))).kind
  } finally {
    await server.close()
  }
}

function networks(...texts: string[]): Cidr[] {
  return texts.map((text) => parseCidr(text) ?? assert.fail(text))
}

describe('lanes', () => {
  test('an origin that hangs with codes still gives its keys (SEC-OID-33)', async () => {
    const hanging: unknown[] = []
    const server = await startServer((request, response) => {
      if (request.url === '/keys') sendText(response, '{"keys":[]}')
      else hanging.push(response)
    })
    const controller = new AbortController()
    const junk = Array.from({ length: 100 }, () =>
      outbound
        .send(get(`${server.url}/token`, { signal: controller.signal, timeoutMs: 20_000 }))
        .catch((problem: unknown) => problem),
    )
    while (hanging.length < 16) await new Promise((resolve) => setImmediate(resolve))
    const keys = await outbound.send(get(`${server.url}/keys`, { lane: 'documents' }))
    assert.equal(keys.body, '{"keys":[]}')
    assert.equal(hanging.length, 16)
    controller.abort()
    await Promise.all(junk)
    await server.close()
  })
})

describe('answers', () => {
  test('SEC-NET-07: a refused connection, a hang, half a body and a byte a second all end in time', async () => {
    const closed = await startServer(() => {})
    await closed.close()
    assert.equal((await problemOf(outbound.send(get(closed.url)))).kind, 'connect')
    assert.equal(await refusal(() => {}, { timeoutMs: 100 }), 'timeout')
    const half: Handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"half":')
      setTimeout(() => response.destroy(), 20)
    }
    assert.equal(await refusal(half), 'connect')
    const drip: Handler = (_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 10)
      response.on('close', () => clearInterval(timer))
    }
    assert.equal(await refusal(drip, { timeoutMs: 150 }), 'timeout')
  })

  test('SEC-NET-07: an endless body and an announced gigabyte are cut off, a compressed one is not unpacked', async () => {
    const endless: Handler = (_request, response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(65_536, 0x20)
      const more = (): void => {
        while (response.write(chunk));
      }
      response.on('drain', more)
      more()
    }
    assert.equal(await refusal(endless), 'body_too_large')
    const announced: Handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '1073741824' })
      response.write('x')
    }
    assert.equal(await refusal(announced), 'body_too_large')
    const bomb = gzipSync(Buffer.alloc(1_000_000))
    const packed: Handler = (_request, response) => {
      sendText(response, '', { 'content-encoding': 'gzip', 'content-length': String(bomb.length) })
    }
    assert.equal(await refusal(packed), 'protocol')
  })

  test('an answer that is not HTTP or not UTF-8 is a problem of the protocol', async () => {
    const tcp = createTcpServer((socket) => socket.end('SSH-2.0-nothing here\r\n'))
    const port = await listen(tcp)
    const problem = await problemOf(outbound.send(get(`http://127.0.0.1:${port}/`)))
    assert.equal(problem.kind, 'protocol')
    tcp.close()
    const latin: Handler = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(Buffer.from([0x22, 0xe9, 0x22]))
    }
    assert.equal(await refusal(latin), 'protocol')
  })

  test('a call can be given up, and its headers and body arrive as sent', async () => {
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 20)
    assert.equal(await refusal(() => {}, { signal: abort.signal }), 'aborted')
    const echo: Handler = (request, response) => {
      request.setEncoding('utf8')
      let body = ''
      request.on('data', (chunk: string) => (body += chunk))
      request.on('end', () =>
        sendText(response, `${String(request.headers['x-a'])}:${body}`, { 'X-B': ['1', '2'] }),
      )
    }
    const server = await startServer(echo)
    const answer = await outbound.send(
      get(server.url, { method: 'POST', headers: { 'X-A': 'a' }, body: 'née' }),
    )
    assert.deepEqual([answer.status, answer.body, answer.headers['x-b']], [200, 'a:née', '1, 2'])
    await server.close()
  })

  test('an idle connection that the other side closes just then is replaced without a word', async () => {
    const used = new WeakSet<Socket>()
    const server = await startServer((request, response) => {
      if (used.has(request.socket)) return request.socket.destroy()
      used.add(request.socket)
      return sendText(response, 'fine')
    })
    const own = createOutbound({ clock: new SystemClock() })
    for (let n = 0; n < 4; n++) assert.equal((await own.send(get(server.url))).body, 'fine')
    assert.ok(server.paths.length > 4)
    own.close()
    await server.close()
  })

  test('one hanging origin does not take the places of others', async () => {
    const narrow = createOutbound({ clock: new SystemClock(), maxConcurrent: 4 })
    const hanging = await startServer(() => {})
    const healthy = await startServer((_request, response) => sendText(response, 'fine'))
    const stuck = Array.from({ length: 6 }, () =>
      problemOf(narrow.send(get(hanging.url, { timeoutMs: 300 }))),
    )
    const answer = await narrow.send(get(healthy.url))
    assert.equal(answer.body, 'fine')
    const kinds = (await Promise.all(stuck)).map((problem) => problem.kind)
    assert.deepEqual(new Set(kinds), new Set(['timeout']))
    await hanging.close()
    await healthy.close()
  })
})

describe('redirects', () => {
  test('SEC-NET-08: up to three on the same origin are followed, a fourth and a loop are not', async () => {
    const server = await startServer((request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) return sendText(response, 'there')
      response.writeHead(302, { location: request.url === '/loop' ? '/loop' : `/${left - 1}` })
      return response.end()
    })
    const answer = await outbound.send(get(`${server.url}/3`))
    assert.deepEqual([answer.body, answer.url], ['there', `${server.url}/0`])
    for (const path of ['/4', '/11', '/loop']) {
      const problem = await problemOf(outbound.send(get(server.url + path)))
      assert.equal(problem.kind, 'redirect_refused')
    }
    await server.close()
  })

  test('SEC-NET-08: nothing is sent to another origin or scheme, and no POST turns into a GET', async () => {
    const other = await startServer((_request, response) => sendText(response, 'stolen'))
    for (const location of [
      `${other.url}/x`,
      'file:///etc/passwd',
      'ftp://127.0.0.1/',
      '//example.com/',
    ]) {
      const kind = await refusal((_request, response) => {
        response.writeHead(307, { location })
        response.end()
      })
      assert.equal(kind, 'redirect_refused')
    }
    assert.deepEqual(other.paths, [])
    await other.close()
    const seeOther: Handler = (_request, response) => {
      response.writeHead(303, { location: '/elsewhere' })
      response.end()
    }
    assert.equal(await refusal(seeOther, { method: 'POST', body: 'secret' }), 'redirect_refused')
  })

  test('SEC-NET-08: https never leads to http', async () => {
    const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
    const leaf = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: authority })
    const server = await startServer((request, response) => {
      response.writeHead(302, { location: `http://${request.headers.host}/` })
      response.end()
    }, leaf)
    const problem = await problemOf(
      outbound.send(get(server.url, { caPem: authority.certificate })),
    )
    assert.equal(problem.kind, 'redirect_refused')
    await server.close()
  })
})

describe('TLS', () => {
  const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
  const stranger = makeCertificate({ commonName: 'other ca', isAuthority: true })
  const example = makeCertificate({
    commonName: 'example.com',
    altNames: ['example.com'],
    issuer: authority,
  })

  async function callExample(changes: Parameters<typeof get>[1]): Promise<string> {
    const server = await startServer((_request, response) => sendText(response, 'fine'), example)
    try {
      return (await outbound.send(get(server.url, changes))).body
    } catch (problem) {
      assert.ok(problem instanceof OutboundProblem)
      return problem.kind
    } finally {
      await server.close()
    }
  }

  test('CFG-054: a certificate that carries none of the accepted names is refused', async () => {
    const caPem = authority.certificate
    assert.equal(await callExample({ caPem, acceptedServerNames: ['invalid.com'] }), 'tls')
    assert.equal(await callExample({ caPem }), 'tls')
  })

  test('CFG-055: an accepted name does not replace a trusted chain', async () => {
    assert.equal(await callExample({ acceptedServerNames: ['example.com'] }), 'tls')
    const caPem = stranger.certificate
    assert.equal(await callExample({ caPem, acceptedServerNames: ['example.com'] }), 'tls')
  })

  test('CFG-056: any one accepted name is enough, also when the URL is an address', async () => {
    const caPem = authority.certificate
    assert.equal(await callExample({ caPem, acceptedServerNames: ['example.com'] }), 'fine')
    assert.equal(
      await callExample({ caPem, acceptedServerNames: ['a', 'example.com', 'b'] }),
      'fine',
    )
  })

  test('CFG-056: a connection made under an accepted name is not used for a call without it', async () => {
    const server = await startServer((_request, response) => sendText(response, 'fine'), example)
    const caPem = authority.certificate
    await outbound.send(get(server.url, { caPem, acceptedServerNames: ['example.com'] }))
    const problem = await problemOf(outbound.send(get(server.url, { caPem })))
    assert.equal(problem.kind, 'tls')
    await server.close()
  })

  test('SEC-NET-09: expired, wrong host, unknown CA: the cause names TLS and nothing of the certificate', async () => {
    const past = new Date('2020-01-01T00:00:00Z')
    const expired = makeCertificate({
      commonName: 'very-private-name',
      altNames: ['127.0.0.1'],
      issuer: authority,
      notBefore: past,
      notAfter: new Date('2020-02-01T00:00:00Z'),
    })
    const wrongHost = makeCertificate({
      commonName: 'very-private-name',
      altNames: ['very-private-name'],
      issuer: authority,
    })
    const alone = makeCertificate({ commonName: 'very-private-name', altNames: ['127.0.0.1'] })
    for (const [certificate, words] of [
      [expired, 'expired'],
      [wrongHost, 'host name'],
      [alone, 'CA'],
    ] as const) {
      const server = await startServer((_request, response) => sendText(response, ''), certificate)
      const problem = await problemOf(
        outbound.send(get(server.url, { caPem: authority.certificate })),
      )
      assert.equal(problem.kind, 'tls')
      assert.match(problem.message, /^TLS: /)
      assert.ok(problem.message.includes(words), problem.message)
      assert.ok(!problem.message.includes('very-private-name'))
      assert.deepEqual(server.paths, [])
      await server.close()
    }
  })
})

describe('addresses', () => {
  test('SEC-NET-11: other schemes, credentials, line breaks and hidden characters are no addresses', () => {
    for (const url of [
      'file:///etc/passwd',
      'data:application/json,{}',
      'unix:/run/x.sock',
      'http+unix://%2Frun%2Fx.sock/',
      'https://user:pass@idp.example/',
      'https://user@idp.example/',
      'https://@idp.example/',
      'https://idp.example/\r\nX: y',
      'https://idp.ex\tample/',
      'https:\\\\idp.example/',
      ' https://idp.example/',
      'https:///idp.example/',
      'https:idp.example',
      'idp.example',
      '',
      `https://idp.example/${'x'.repeat(5000)}`,
    ]) {
      assert.equal(parseOutboundUrl(url).ok, false, url)
    }
    for (const url of ['https://idp.example/a?b=c', 'http://127.0.0.1:80/', 'https://[::1]:1/']) {
      assert.equal(parseOutboundUrl(url).ok, true, url)
    }
  })

  test('SEC-NET-12: a denied address is not connected to, however it is written or named', async () => {
    const server = await startServer((_request, response) => sendText(response, 'inside'))
    const guarded = createOutbound({
      clock: new SystemClock(),
      denyNetworks: networks('127.0.0.0/8', '::1/128'),
      resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    })
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', 'idp.example']) {
      const problem = await problemOf(guarded.send(get(`http://${host}:${server.port}/`)))
      assert.equal(problem.kind, 'address_refused', host)
    }
    assert.deepEqual(server.paths, [])
    await server.close()
  })

  test('SEC-NET-12: what is judged is what is connected to, even when the name changes its mind', async () => {
    const server = await startServer((_request, response) => sendText(response, 'inside'))
    let asked = 0
    const guarded = createOutbound({
      clock: new SystemClock(),
      allowNetworks: networks('127.0.0.2/32'),
      resolve: () => {
        const address = asked++ === 0 ? '127.0.0.2' : '127.0.0.1'
        return Promise.resolve([{ address, family: 4 }])
      },
    })
    const url = `http://idp.example:${server.port}/`
    // The permitted address has no server; the other one is never tried.
    assert.equal((await problemOf(guarded.send(get(url)))).kind, 'connect')
    assert.equal((await problemOf(guarded.send(get(url)))).kind, 'address_refused')
    assert.equal(asked, 2)
    assert.deepEqual(server.paths, [])
    await server.close()
  })

  test('SEC-NET-12: of several addresses only the permitted one is used', async () => {
    const server = await startServer((_request, response) => sendText(response, 'outside'))
    const guarded = createOutbound({
      clock: new SystemClock(),
      denyNetworks: networks('127.0.0.2/32'),
      resolve: () =>
        Promise.resolve([
          { address: '127.0.0.2', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ]),
    })
    const answer = await guarded.send(get(`http://idp.example:${server.port}/`))
    assert.equal(answer.body, 'outside')
    guarded.close()
    await server.close()
  })
})

describe('proxies', () => {
  const lines: string[] = []
  const open: Socket[] = []
  const proxy = createServer((request, response) => {
    lines.push(`${request.method} ${request.url}`)
    response.end('by proxy')
  })
  proxy.on('connect', (request, socket: Socket, head) => {
    lines.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    const port = Number(request.url?.split(':').at(-1))
    const upstream = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket).pipe(upstream)
    })
    open.push(socket, upstream)
    for (const end of [socket, upstream]) end.on('error', () => {})
  })
  after(() => {
    for (const socket of open) socket.destroy()
    proxy.close()
  })

  test('plain http goes through the proxy whole, https through a tunnel that sees nothing', async () => {
    const port = await listen(proxy)
    const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
    const leaf = makeCertificate({
      commonName: 'idp.test',
      altNames: ['idp.test'],
      issuer: authority,
    })
    const server = await startServer((_request, response) => sendText(response, 'direct'), leaf)
    const environment = {
      HTTP_PROXY: `http://127.0.0.1:${port}`,
      https_proxy: `http://me:secret@127.0.0.1:${port}`,
      NO_PROXY: 'inside.test',
    }
    const proxied = createOutbound({ clock: new SystemClock(), proxyFromEnvironment: environment })
    assert.equal((await proxied.send(get('http://idp.test/keys?a=b'))).body, 'by proxy')
    const caPem = authority.certificate
    const url = `https://idp.test:${server.port}/`
    assert.equal((await proxied.send(get(url, { caPem }))).body, 'direct')
    const credentials = Buffer.from('me:secret').toString('base64')
    assert.deepEqual(lines.splice(0), [
      'GET http://idp.test/keys?a=b',
      `CONNECT idp.test:${server.port} Basic ${credentials}`,
    ])
    assert.equal((await problemOf(proxied.send(get(url)))).kind, 'tls')
    lines.splice(0)
    const guarded = createOutbound({
      clock: new SystemClock(),
      proxyFromEnvironment: environment,
      denyNetworks: networks('10.0.0.0/8'),
      resolve: (name) =>
        Promise.resolve([{ address: name === 'idp.test' ? '192.0.2.7' : '10.0.0.1', family: 4 }]),
    })
    assert.equal((await guarded.send(get(url, { caPem }))).body, 'direct')
    assert.equal((await problemOf(guarded.send(get('https://evil.test/')))).kind, 'address_refused')
    // SEC-NET-12: the proxy is told the address that was judged, not the name.
    assert.equal(lines[0]?.split(' ')[1], `192.0.2.7:${server.port}`)
    assert.equal(lines.length, 1)
    await server.close()
  })

  test('NO_PROXY names hosts, their subdomains, ports, networks and everything', () => {
    const through = (exceptions: string, url: string): boolean => {
      const choose = readProxyEnvironment({ HTTP_PROXY: 'proxy.test:3128', NO_PROXY: exceptions })
      return choose(new URL(url)) !== undefined
    }
    assert.equal(through('', 'http://idp.test/'), true)
    assert.equal(through('', 'https://idp.test/'), false)
    assert.equal(through('', 'http://localhost/'), false)
    assert.equal(through('', 'http://127.0.0.1/'), false)
    assert.equal(through('idp.test', 'http://idp.test/'), false)
    assert.equal(through('idp.test', 'http://a.idp.test/'), false)
    assert.equal(through('.idp.test', 'http://idp.test/'), true)
    assert.equal(through('*.idp.test', 'http://a.idp.test/'), false)
    assert.equal(through('idp.test', 'http://evilidp.test/'), true)
    assert.equal(through('idp.test:81', 'http://idp.test/'), true)
    assert.equal(through('x, 10.0.0.0/8', 'http://10.1.2.3/'), false)
    assert.equal(through('*', 'http://idp.test/'), false)
    assert.throws(() => readProxyEnvironment({ HTTPS_PROXY: 'socks5://x' }))
  })
})
