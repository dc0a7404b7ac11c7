/** The key source at a config write: what excludes what, what parses, and what the network has to confirm. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { JsonValue } from '../../src/lib/json.ts'
import { validateKeySourceConfig } from '../../src/oidc/key-source-config.ts'
import type { KeySourceConfig } from '../../src/oidc/key-source-config.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { emptyConfig, makeSource, sendText, startIdp, startServer } from './fixture.ts'

function textOf(changes: Partial<KeySourceConfig>): string {
  const checked = validateKeySourceConfig({ ...emptyConfig, ...changes })
  return checked.ok ? '' : checked.error
}

const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString()

const keys = '{"keys":[]}'

test('CFG-004, CFG-005, CFG-006, CFG-007: exactly one key source has to be named', () => {
  const url = 'https://idp.example/'
  const pair = { jwks_url: url, jwks_ca_pem: '' }
  for (const changes of [
    { oidc_discovery_url: url, jwks_url: url, jwt_validation_pubkeys: [pem] },
    { jwks_url: url, jwt_validation_pubkeys: [pem] },
    {},
    { jwks_url: url, jwks_pairs: [pair] },
    { jwks_url: url, is_kubernetes: true },
    { oidc_discovery_url: url, is_kubernetes: true },
  ]) {
    const text = textOf(changes)
    assert.match(text, /^exactly one of /)
    for (const name of [
      'oidc_discovery_url',
      'jwt_validation_pubkeys',
      'jwks_url',
      'jwks_pairs',
      'kubernetes',
    ]) {
      assert.ok(text.includes(name))
    }
  }
})

test('CFG-036: an empty list of pairs is not counted as a source', () => {
  assert.equal(textOf({ jwks_url: 'https://idp.example/', jwks_pairs: [] }), '')
})

test('CFG-020, CFG-021, CFG-022: client id and secret come together and with a discovery URL', () => {
  const source = { jwt_validation_pubkeys: [pem] }
  assert.match(textOf({ ...source, oidc_client_id: 'a' }), /oidc_client_secret/)
  assert.match(textOf({ ...source, oidc_client_secret: 'a' }), /oidc_client_id/)
  const both = { ...source, oidc_client_id: 'a', oidc_client_secret: 'b' }
  assert.match(textOf(both), /'oidc_discovery_url' must be set/)
})

test('CFG-026: a CA that does not parse is refused offline, so that nothing can skip it', () => {
  const text = textOf({ jwks_url: 'https://idp.example/', jwks_ca_pem: 'garbage' })
  assert.match(text, /jwks_ca_pem/)
})

test('CFG-030, CFG-031, CFG-032: pairs are objects and stand alone', () => {
  const pair = { jwks_url: 'https://idp.example/', jwks_ca_pem: '' }
  const malformed: JsonValue[] = ['foo', 7, null, [], {}, { jwks_url: '' }, { jwks_url: 1 }]
  for (const bad of [...malformed, { ...pair, jwks_ca_pem: 1 }]) {
    assert.match(textOf({ jwks_pairs: [pair, bad] }), /^invalid jwks_pairs: element 2: /)
  }
  assert.match(textOf({ jwks_pairs: [pair], bound_issuer: 'x' }), /bound_issuer/)
  assert.match(textOf({ jwks_pairs: [pair], jwks_ca_pem: 'x' }), /inside the pair/)
  assert.equal(textOf({ jwks_pairs: [{ ...pair, more: true }] }), '')
})

test('CFG-057, CFG-058: critical extensions are dotted object identifiers on every kind of mount', () => {
  const source = { jwt_validation_pubkeys: [pem] }
  const list = (...oids: string[]): string =>
    textOf({ ...source, unsupported_critical_cert_extensions: oids })
  assert.equal(list('2.5.29.54', '2.5.29.36', '1.3.6.1.4.1.311.21.10'), '')
  for (const bad of ['x', '', '2', '2.5.', '3.1', '1.40', '2.05', '2.5.29.36 ', '-1.2']) {
    assert.match(list(bad), /unsupported_critical_cert_extensions/, bad)
  }
})

test('SEC-KEY-20: a static key that is private, PKCS#1 or surrounded by text is refused by its number', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const secret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const pkcs1 = pair.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  for (const bad of [secret, pkcs1, `${pem}text`, 'garbage', '']) {
    const text = textOf({ jwt_validation_pubkeys: [pem, bad] })
    assert.match(text, /public key 2 of jwt_validation_pubkeys/)
    assert.ok(!text.includes(secret.slice(60, 100)))
  }
})

test('SEC-NET-11: no source address with another scheme, credentials or line breaks is written', () => {
  for (const bad of [
    'file:///etc/passwd',
    'data:application/json,{}',
    'unix:/run/x.sock',
    'https://user:pass@idp.example/',
    'https://idp.example/\r\nX: y',
  ]) {
    assert.notEqual(textOf({ oidc_discovery_url: bad }), '')
    assert.notEqual(textOf({ jwks_url: bad }), '')
    assert.notEqual(textOf({ jwks_pairs: [{ jwks_url: bad, jwks_ca_pem: '' }] }), '')
  }
})

test('CFG-013, SEC-NET-01: an issuer that differs in slash, case or host is refused, both shown', async () => {
  const idp = await startIdp()
  const { issuer } = idp
  const { problem, isSkippable } = await makeSource({ oidc_discovery_url: `${issuer}/` }).check()
  assert.match(problem ?? '', /^error checking oidc discovery URL: /)
  assert.ok(problem?.includes(`expected "${issuer}/", got "${issuer}"`))
  assert.equal(isSkippable, true)
  const other = issuer.replace('127.0.0.1', 'localhost')
  assert.match(
    (await makeSource({ oidc_discovery_url: other }).check()).problem ?? '',
    /did not match/,
  )
  idp.setTrouble('issuer_slash', true)
  assert.match(
    (await makeSource({ oidc_discovery_url: issuer }).check()).problem ?? '',
    /final slash/,
  )
  await idp.stop()
})

test('CFG-014, CFG-015, CFG-016: the well-known suffix is taken off with a warning and the slash settled', async () => {
  const idp = await startIdp()
  const { issuer } = idp
  for (const end of ['', '/']) {
    const written = `${issuer}/.well-known/openid-configuration${end}`
    const config = { ...emptyConfig, oidc_discovery_url: written }
    const checked = validateKeySourceConfig(config)
    assert.ok(checked.ok)
    assert.equal(checked.value.changes.oidc_discovery_url, issuer)
    assert.equal(checked.value.warnings.length, 1)
    const source = makeSource(config)
    assert.equal((await source.check()).changes.oidc_discovery_url, issuer)
    idp.setTrouble('issuer_slash', true)
    const slashed = await source.check()
    assert.equal(slashed.problem, undefined)
    assert.deepEqual(slashed.changes, {
      oidc_discovery_url: `${issuer}/`,
      discovery_slash_tolerant: false,
    })
    idp.setTrouble('issuer_slash', false)
  }
  for (const bad of [
    '/.well-known/other',
    '/.well-known/openid-configuration/x',
    '/.well-known/',
  ]) {
    assert.match(textOf({ oidc_discovery_url: issuer + bad }), /\.well-known/)
  }
  await idp.stop()
})

test('CFG-014: when the write was not verified the slash stays open until first use', async () => {
  const idp = await startIdp()
  idp.setTrouble('issuer_slash', true)
  const stored = { oidc_discovery_url: idp.issuer, discovery_slash_tolerant: true }
  const found = await makeSource(stored).discoveredIssuer()
  assert.ok(found.ok)
  assert.equal(found.value, `${idp.issuer}/`)
  await idp.stop()
})

test('CFG-017, CFG-018, CFG-023, CFG-029: a CA must be the one that signed; the right ones pass', async () => {
  const authority = makeCertificate({ commonName: 'ca', isAuthority: true })
  const stranger = makeCertificate({ commonName: 'other', isAuthority: true })
  const leaf = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: authority })
  const twin = makeCertificate({ commonName: 'idp', altNames: ['127.0.0.1'], issuer: stranger })
  const server = await startServer((request, response) => {
    if (request.url === '/jwks') return sendText(response, keys)
    return sendText(response, JSON.stringify({ issuer: `https://${request.headers.host}` }))
  }, leaf)
  const second = await startServer((_request, response) => sendText(response, keys), twin)
  const discovery = { oidc_discovery_url: server.url }
  const wrong = await makeSource({
    ...discovery,
    oidc_discovery_ca_pem: stranger.certificate,
  }).check()
  assert.match(wrong.problem ?? '', /error checking oidc discovery URL: .*TLS/)
  assert.equal(wrong.isSkippable, true)
  const garbage = await makeSource({ ...discovery, oidc_discovery_ca_pem: 'defg' }).check()
  assert.match(garbage.problem ?? '', /CA certificate cannot be parsed/)
  const right = await makeSource({
    ...discovery,
    oidc_discovery_ca_pem: authority.certificate,
  }).check()
  assert.equal(right.problem, undefined)
  const jwks = { jwks_url: `${server.url}/jwks`, jwks_ca_pem: authority.certificate }
  assert.equal((await makeSource(jwks).check()).problem, undefined)
  const other = { jwks_url: second.url, jwks_ca_pem: stranger.certificate }
  assert.equal((await makeSource({ jwks_pairs: [jwks, other] }).check()).problem, undefined)
  const broken = await makeSource({ jwks_pairs: [jwks, { ...other, jwks_ca_pem: 'defg' }] }).check()
  assert.match(broken.problem ?? '', /CA certificate cannot be parsed/)
  await server.close()
  await second.close()
})

test('CFG-019, CFG-024, CFG-025, CFG-027, CFG-028, SEC-KEY-19: what a jwks_url must answer', async () => {
  const server = await startServer((request, response) => {
    const body = decodeURIComponent(request.url?.slice(1) ?? '')
    if (body === '404') {
      response.writeHead(404)
      return response.end()
    }
    return sendText(response, body)
  })
  const problemOf = async (body: string): Promise<string> =>
    (await makeSource({ jwks_url: `${server.url}/${encodeURIComponent(body)}` }).check()).problem ??
    ''
  assert.equal(await problemOf(keys), '')
  for (const bad of [
    '404',
    'hello',
    '',
    '{}',
    '{"keys":null}',
    '{"keys":{}}',
    '[]',
    '{"keys":[]',
    '{"keys":[]}x',
  ]) {
    assert.match(await problemOf(bad), /^error checking jwks URL: http:/, bad)
  }
  await server.close()
  const dead = await makeSource({ jwks_url: `${server.url}/x` }).check()
  assert.match(dead.problem ?? '', /refused/)
  assert.equal(dead.isSkippable, true)
  const idp = await startIdp()
  assert.deepEqual(await makeSource({ oidc_discovery_url: idp.issuer }).check(), {
    isSkippable: true,
    changes: {},
  })
  assert.equal(idp.requestCount('/jwks'), 0)
  await idp.stop()
})

test('CFG-025: an HTML page is named by its content type, with the question that helps', async () => {
  const idp = await startIdp()
  idp.setTrouble('html', true)
  const { problem } = await makeSource({ oidc_discovery_url: idp.issuer }).check()
  assert.match(problem ?? '', /not JSON \(content type "text\/html"\); is a proxy in front\?$/)
  idp.setTrouble('html', false)
  idp.setTrouble('status_500', true)
  const second = await makeSource({ jwks_url: `${idp.issuer}/jwks` }).check()
  assert.match(second.problem ?? '', /status 500/)
  await idp.stop()
})

test('CFG-033, CFG-034: the first failing pair is reported with its URL', async () => {
  const server = await startServer((request, response) => {
    if (request.url === '/good') return sendText(response, keys)
    if (request.url === '/text') return sendText(response, 'text')
    response.writeHead(404)
    return response.end()
  })
  for (const bad of ['/gone', '/text']) {
    const pairs = [bad, '/good'].map((path) => ({ jwks_url: server.url + path, jwks_ca_pem: '' }))
    const outcome = await makeSource({ jwks_pairs: pairs }).check()
    assert.ok(outcome.problem?.includes(`${server.url}${bad}`))
    assert.equal(outcome.isSkippable, true)
  }
  await server.close()
})

test('SEC-NET-14: documents with duplicate members, half characters or endless depth are refused', async () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const server = await startServer((request, response) => {
    const issuer = `http://${request.headers.host}`
    const bodies: Record<string, string> = {
      '/twice': `{"keys":[],"keys":[]}`,
      '/half': `{"keys":[],"x":"\\ud800"}`,
      '/deep': `{"keys":[],"x":${deep}}`,
      '/.well-known/openid-configuration': `{"issuer":"${issuer}","x":${deep}}`,
      '/a/.well-known/openid-configuration': `{"issuer":"x","issuer":"${issuer}/a"}`,
      '/b/.well-known/openid-configuration': `{"issuer":"${issuer}/b","x":"\\udc00"}`,
    }
    return sendText(response, bodies[request.url ?? ''] ?? '')
  })
  for (const path of ['/twice', '/half', '/deep']) {
    assert.ok((await makeSource({ jwks_url: server.url + path }).check()).problem, path)
  }
  for (const path of ['', '/a', '/b']) {
    assert.ok((await makeSource({ oidc_discovery_url: server.url + path }).check()).problem, path)
  }
  await server.close()
})
