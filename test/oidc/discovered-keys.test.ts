/** Keys behind a discovery document: of a provider, and of the cluster the server runs in. */

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serviceAccountCaPath, serviceAccountTokenPath } from '../../src/oidc/kubernetes.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { makeCertificate } from '../http/self-signed.ts'
import {
  KeptInMemory,
  makeSource,
  parse,
  sendText,
  startIdp,
  startServer,
  verdictOf,
} from './fixture.ts'

const discoveryPath = '/.well-known/openid-configuration'

describe('discovery', () => {
  test('the document is fetched once, its failure is not remembered', async () => {
    const idp = await startIdp()
    const source = makeSource({ oidc_discovery_url: idp.issuer })
    idp.setTrouble('status_500', true)
    const refused = await source.verify(parse(idp.mint()))
    assert.ok(!refused.ok)
    assert.ok(
      refused.error.detail.includes(`${idp.issuer}${discoveryPath} answered with status 500`),
    )
    idp.setTrouble('status_500', false)
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    idp.rotate()
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    assert.deepEqual(await source.discoveredIssuer(), { ok: true, value: idp.issuer })
    assert.deepEqual([idp.requestCount(discoveryPath), idp.requestCount('/jwks')], [2, 2])
    await idp.stop()
  })

  test('documents may begin with a byte order mark and have any type', async () => {
    const idp = await startIdp()
    const { keys } = JSON.parse(await (await fetch(`${idp.issuer}/jwks`)).text())
    const server = await startServer((request, response) => {
      const issuer = `http://${request.headers.host}`
      const body = request.url === '/jwks' ? { keys } : { issuer, jwks_uri: `${issuer}/jwks` }
      sendText(response, `\ufeff${JSON.stringify(body)}`, { 'content-type': 'text/plain' })
    })
    const source = makeSource({ oidc_discovery_url: server.url })
    assert.deepEqual(await source.discoveredIssuer(), { ok: true, value: server.url })
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    await server.close()
    await idp.stop()
  })

  test('KEY-020, SEC-NET-01: an issuer mismatch at the first login is refused, kept document or not', async () => {
    const idp = await startIdp()
    const store = new KeptInMemory()
    const config = { oidc_discovery_url: idp.issuer }
    assert.equal(await verdictOf(makeSource(config, { store }), idp.mint()), 'accepted')
    idp.setTrouble('issuer_slash', true)
    for (const source of [makeSource(config), makeSource(config, { store })]) {
      assert.equal(await verdictOf(source, idp.mint()), 'key_source_invalid')
      assert.equal((await source.discoveredIssuer()).ok, false)
    }
    await idp.stop()
  })

  test('KEY-021: a document without usable keys, or a CA that does not parse, builds no verifier', async () => {
    const idp = await startIdp()
    const jwt = idp.mint()
    for (const uri of [undefined, 'file:///etc/passwd', 'x', 'http://u:p@127.0.0.1/', '']) {
      const server = await startServer((request, response) => {
        const issuer = `http://${request.headers.host}`
        sendText(response, JSON.stringify({ issuer, jwks_uri: uri }))
      })
      const source = makeSource({ oidc_discovery_url: server.url })
      assert.equal(await verdictOf(source, jwt), 'key_source_invalid', String(uri))
      await server.close()
    }
    for (const issuer of ['', null, 7]) {
      const server = await startServer((_request, response) => {
        sendText(response, JSON.stringify({ issuer }))
      })
      assert.equal(
        await verdictOf(makeSource({ oidc_discovery_url: server.url }), jwt),
        'keys_unreachable',
      )
      await server.close()
    }
    const config = { oidc_discovery_url: idp.issuer, oidc_discovery_ca_pem: 'defg' }
    assert.equal(await verdictOf(makeSource(config), jwt), 'key_source_invalid')
    await idp.stop()
  })

  test('SEC-NET-08: an https provider cannot send the server to keys over http', async () => {
    const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
    const leaf = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: authority })
    const idp = await startIdp()
    const server = await startServer((request, response) => {
      const issuer = `https://${request.headers.host}`
      sendText(response, JSON.stringify({ issuer, jwks_uri: `${idp.issuer}/jwks` }))
    }, leaf)
    const source = makeSource({
      oidc_discovery_url: server.url,
      oidc_discovery_ca_pem: authority.certificate,
    })
    assert.equal(await verdictOf(source, idp.mint()), 'key_source_invalid')
    assert.equal(idp.requestCount('/jwks'), 0)
    await server.close()
    await idp.stop()
  })

  test('the document is renewed when its life is over, and serves a day when it cannot be', async () => {
    const clock = new ManualClock(Date.UTC(2026, 0, 1))
    let endpoint = 'token'
    let isDown = false
    const server = await startServer((request, response) => {
      const issuer = `http://${request.headers.host}`
      const document = { issuer, token_endpoint: `${issuer}/${endpoint}` }
      if (isDown) response.writeHead(503).end()
      else sendText(response, JSON.stringify(document), { 'cache-control': 'max-age=60' })
    })
    try {
      const source = makeSource({ oidc_discovery_url: server.url }, { clock })
      const endpointNow = async (): Promise<string | undefined> => {
        const document = await source.discoveryDocument()
        return document.ok ? String(document.value?.members['token_endpoint']) : undefined
      }
      assert.equal(await endpointNow(), `${server.url}/token`)
      endpoint = 'moved'
      clock.advance(59_000)
      assert.equal(await endpointNow(), `${server.url}/token`)
      clock.advance(1_000)
      assert.equal(await endpointNow(), `${server.url}/moved`)
      assert.equal(server.paths.length, 2)
      isDown = true
      clock.advance(23 * 3_600_000)
      assert.equal(await endpointNow(), `${server.url}/moved`)
      clock.advance(3_600_000)
      assert.equal(await endpointNow(), undefined)
      isDown = false
      clock.advance(6_000)
      assert.equal(await endpointNow(), `${server.url}/moved`)
    } finally {
      await server.close()
    }
  })

  test('keys that moved to another address are found again without a restart', async () => {
    const clock = new ManualClock(Date.now())
    const idp = await startIdp(clock)
    let path = '/jwks'
    const server = await startServer((request, response) => {
      const issuer = `http://${request.headers.host}`
      if (request.url !== discoveryPath) {
        response.writeHead(404)
        return response.end()
      }
      return sendText(response, JSON.stringify({ issuer, jwks_uri: idp.issuer + path }))
    })
    const source = makeSource({ oidc_discovery_url: server.url }, { clock })
    path = '/gone'
    assert.equal(await verdictOf(source, idp.mint()), 'keys_unreachable')
    path = '/jwks'
    clock.advance(61_000)
    assert.equal(await verdictOf(source, idp.mint()), 'keys_unreachable')
    for (let n = 0; n < 100 && server.paths.length < 2; n++) await pause(10)
    await pause(20)
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    await server.close()
    await idp.stop()
  })
})

describe('kubernetes', () => {
  test('keys come from the API server with the token of the pod, the issuer as it is (PRV-044, PRV-046, PRV-047, PRV-048)', async () => {
    const authority = makeCertificate({ commonName: 'kube-ca', isAuthority: true })
    const leaf = makeCertificate({ commonName: 'api', altNames: ['127.0.0.1'], issuer: authority })
    const idp = await startIdp()
    const published = await (await fetch(`${idp.issuer}/jwks`)).text()
    const seen: string[] = []
    let hasUri = true
    const server = await startServer((request: IncomingMessage, response) => {
      seen.push(`${request.url} ${request.headers.authorization ?? '-'}`)
      const base = `https://${request.headers.host}`
      if (request.url === '/openid/v1/jwks') return sendText(response, published)
      const document = {
        issuer: 'https://kubernetes.default.svc',
        jwks_uri: `${base}/openid/v1/jwks`,
      }
      return sendText(response, JSON.stringify(hasUri ? document : { issuer: document.issuer }))
    }, leaf)
    const files = new Map([
      [serviceAccountTokenPath, ' first \n'],
      [serviceAccountCaPath, authority.certificate],
    ])
    const environment = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(server.port),
    }
    const options = { files, environment }
    const make = (): ReturnType<typeof makeSource> => makeSource({ is_kubernetes: true }, options)
    assert.equal((await make().check()).problem, undefined)
    assert.deepEqual(seen.splice(0), [`${discoveryPath} Bearer first`])
    const source = make()
    files.set(serviceAccountTokenPath, 'second')
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    assert.equal(await verdictOf(source, idp.mint()), 'accepted')
    assert.deepEqual(seen.splice(0), [
      `${discoveryPath} Bearer second`,
      '/openid/v1/jwks Bearer second',
    ])
    const found = await source.discoveredIssuer()
    assert.deepEqual(found, { ok: true, value: 'https://kubernetes.default.svc' })
    files.delete(serviceAccountTokenPath)
    assert.match((await make().check()).problem ?? '', /serviceaccount\/token could not be read/)
    assert.equal(await verdictOf(make(), idp.mint()), 'accepted')
    assert.deepEqual(seen.splice(0), [`${discoveryPath} -`, '/openid/v1/jwks -'])
    files.set(serviceAccountTokenPath, 'third')
    hasUri = false
    const missing = await make().check()
    assert.match(missing.problem ?? '', /jwks_uri/)
    assert.equal(missing.isSkippable, false)
    files.delete(serviceAccountCaPath)
    assert.match((await make().check()).problem ?? '', /ca\.crt could not be read/)
    const outside = makeSource({ is_kubernetes: true }, { files })
    assert.match((await outside.check()).problem ?? '', /KUBERNETES_SERVICE_HOST/)
    await server.close()
    await idp.stop()
  })
})
