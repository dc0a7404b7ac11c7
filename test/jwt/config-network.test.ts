/** Configuration of a mount where the identity provider is asked (jwt-oidc.md §1.3, §1.5, §1.6). */

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { makeCertificate } from '../http/self-signed.ts'
import {
  sendText,
  startIdp,
  startServer,
  type Handler,
  type RunningServer,
} from '../oidc/fixture.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  keyK,
  login,
  makeMount,
  plainRole,
} from './fixture.ts'

const authority = makeCertificate({ commonName: 'one', isAuthority: true })
const otherAuthority = makeCertificate({ commonName: 'two', isAuthority: true })
const address = makeCertificate({ commonName: 'a', altNames: ['127.0.0.1'], issuer: authority })
const otherAddress = makeCertificate({
  commonName: 'b',
  altNames: ['127.0.0.1'],
  issuer: otherAuthority,
})
const named = makeCertificate({ commonName: 'c', altNames: ['example.com'], issuer: authority })
const expired = makeCertificate({
  commonName: 'd',
  altNames: ['127.0.0.1'],
  issuer: authority,
  notBefore: new Date(Date.now() - 7_200_000),
  notAfter: new Date(Date.now() - 3_600_000),
})

const keySet = JSON.stringify({ keys: [keyK.jwk] })
const dead = 'http://127.0.0.1:9'
let server: TestServer
const running: RunningServer[] = []

before(async () => {
  server = await startTestServer()
})
after(async () => {
  await server.stop()
  for (const one of running) await one.close()
})

async function start(...parts: Parameters<typeof startServer>): Promise<RunningServer> {
  const one = await startServer(...parts)
  running.push(one)
  return one
}

/** Answers each path with that text, or by that function; anything else is 404. */
function answers(
  table: Readonly<Record<string, string | ((response: ServerResponse) => void)>>,
): Handler {
  return (request, response) => {
    const found = table[request.url ?? '']
    if (typeof found === 'string') sendText(response, found)
    else if (found !== undefined) found(response)
    else response.writeHead(404).end()
  }
}

/** A provider whose document names that issuer; `{}` in it stands for its own address. */
async function startProvider(
  issuer = '{}',
  ...more: readonly [typeof address] | readonly []
): Promise<RunningServer> {
  let url = ''
  const one = await start(
    (request, response) => {
      if (request.url === '/jwks') sendText(response, keySet)
      else if (request.url === '/.well-known/openid-configuration') {
        sendText(
          response,
          JSON.stringify({ issuer: issuer.replace('{}', url), jwks_uri: `${url}/jwks` }),
        )
      } else response.writeHead(404).end()
    },
    ...more,
  )
  url = one.url
  return one
}

async function write(
  body: object,
): Promise<{ mount: string; result: Awaited<ReturnType<typeof server.root.write>> }> {
  const mount = await makeMount(server.root)
  return { mount, result: await server.root.write(`auth/${mount}/config`, body) }
}

const read = async (mount: string) => (await server.root.read(`auth/${mount}/config`)).body

describe('discovery', () => {
  test('CFG-013, SEC-NET-01: the issuer is compared exactly, and the text shows both', async () => {
    const idp = await startProvider()
    const { result } = await write({ oidc_discovery_url: `${idp.url}/` })
    assertRefused(result, /issuer did not match/)
    const shown = `expected "${idp.url}/", got "${idp.url}"`
    assert.ok(result.body.errors[0].includes(shown), result.text)
  })

  for (const issuer of ['{}/', '{}/x', 'https://elsewhere.test', '']) {
    test(`SEC-NET-01: a document that names ${JSON.stringify(issuer)} is refused`, async () => {
      const idp = await startProvider(issuer)
      assertRefused((await write({ oidc_discovery_url: idp.url })).result, /issuer/)
    })
  }

  test('CFG-014: a pasted well-known address is cut back, with a warning', async () => {
    const idp = await startProvider()
    for (const end of ['', '/']) {
      const url = `${idp.url}/.well-known/openid-configuration${end}`
      const { mount, result } = await write({ oidc_discovery_url: url })
      assertStatus(result, 200)
      assert.match(result.body.warnings[0], /well-known/)
      const { data } = await read(mount)
      assert.equal(data.oidc_discovery_url, idp.url)
      assert.equal(data.status, 'valid')
    }
  })

  test("CFG-015: then the document's own spelling with a slash is stored", async () => {
    const idp = await startProvider('{}/')
    const url = `${idp.url}/.well-known/openid-configuration`
    const { mount, result } = await write({ oidc_discovery_url: url })
    assertStatus(result, 200)
    assert.equal((await read(mount)).data.oidc_discovery_url, `${idp.url}/`)
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertStatus(
      await login(server, mount, 'r', keyK.sign({ iss: `${idp.url}/`, sub: 'u', aud: 'a' })),
      200,
    )
    assertReason(
      await login(server, mount, 'r', keyK.sign({ iss: idp.url, sub: 'u', aud: 'a' })),
      'issuer_mismatch',
    )
  })

  test('CFG-015: and the rule is applied at first use when the check was skipped', async () => {
    let isUp = false
    let url = ''
    const idp = await start((request, response) => {
      if (!isUp) response.writeHead(503).end()
      else if (request.url === '/jwks') sendText(response, keySet)
      else sendText(response, JSON.stringify({ issuer: `${url}/`, jwks_uri: `${url}/jwks` }))
    })
    url = idp.url
    const { mount, result } = await write({
      oidc_discovery_url: `${url}/.well-known/openid-configuration`,
      skip_jwks_validation: true,
    })
    assertStatus(result, 200)
    assert.equal(result.body.warnings.length, 2)
    isUp = true
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertStatus(
      await login(server, mount, 'r', keyK.sign({ iss: `${url}/`, sub: 'u', aud: 'a' })),
      200,
    )
  })

  test('CFG-017, CFG-018: a CA that did not sign the provider is refused, or stored as invalid', async () => {
    const idp = await startProvider('{}', address)
    const body = { oidc_discovery_url: idp.url, oidc_discovery_ca_pem: otherAuthority.certificate }
    assertRefused((await write(body)).result, /discovery/)
    const { mount, result } = await write({ ...body, skip_jwks_validation: true })
    assertStatus(result, 200)
    assert.equal(result.body.warnings.length, 1)
    const config = await read(mount)
    assert.equal(config.data.status, 'invalid')
    assert.equal(config.warnings.length, 1)
    assert.equal('skip_jwks_validation' in config.data, false)
  })

  test('CFG-019: with the right CA it is a 204 and one GET', async () => {
    const idp = await startProvider('{}', address)
    const { mount, result } = await write({
      oidc_discovery_url: idp.url,
      oidc_discovery_ca_pem: authority.certificate,
    })
    assertStatus(result, 204)
    assert.deepEqual(idp.paths, ['/.well-known/openid-configuration'])
    assert.equal((await read(mount)).data.status, 'valid')
  })

  test('an OIDC-flow mount keeps its secret to itself', async () => {
    const idp = await startProvider()
    const { mount, result } = await write({
      oidc_discovery_url: idp.url,
      oidc_client_id: 'app1',
      oidc_client_secret: 'canary-secret',
    })
    assertStatus(result, 204)
    const config = await read(mount)
    assert.equal(config.data.oidc_client_id, 'app1')
    assert.ok(!JSON.stringify(config).includes('canary'))
  })

  test('ROL-023: on an OIDC-flow mount a role without type and redirects is refused', async () => {
    const idp = await startProvider()
    const { mount } = await write({
      oidc_discovery_url: idp.url,
      oidc_client_id: 'app1',
      oidc_client_secret: 's',
    })
    const body = { user_claim: 'sub', bound_claims: { a: 'b' } }
    assertRefused(await server.root.write(`auth/${mount}/role/r`, body), /allowed_redirect_uris/)
    assertStatus(
      await server.root.write(`auth/${mount}/role/d`, { ...body, callback_mode: 'device' }),
      204,
      'ROL-026',
    )
  })
})

describe('JWKS', () => {
  test('CFG-023: an address with the right CA', async () => {
    const jwks = await start(answers({ '/keys': keySet }), address)
    const body = { jwks_url: `${jwks.url}/keys`, jwks_ca_pem: authority.certificate }
    const { mount, result } = await write(body)
    assertStatus(result, 204)
    const { data } = await read(mount)
    assert.equal(data.jwks_url, body.jwks_url)
    assert.equal(data.jwks_ca_pem, body.jwks_ca_pem)
    assert.equal(jwks.paths.length, 1, 'a read asks nobody')
  })

  const bad: readonly (readonly [string, string | ((response: ServerResponse) => void)])[] = [
    ['CFG-024: 404', (response) => response.writeHead(404).end()],
    ['CFG-024: 500', (response) => response.writeHead(500).end('{"keys":[]}')],
    ['CFG-025, SEC-KEY-19: HTML', '<!doctype html><p>hello'],
    ['SEC-KEY-19: nothing', ''],
    ['SEC-KEY-19: no keys', '{}'],
    ['SEC-KEY-19: keys null', '{"keys":null}'],
    ['SEC-KEY-19: keys an object', '{"keys":{}}'],
    ['SEC-NET-14: the keys twice', '{"keys":[],"keys":[]}'],
    [
      'SEC-NET-14: ten thousand levels',
      `{"keys":[],"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    ],
    ['SEC-NET-14: a lone surrogate', '{"keys":[],"x":"\\ud800"}'],
    [
      'half a body',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' })
        response.write('{"keys":')
        setImmediate(() => response.destroy())
      },
    ],
    ['two megabytes', `{"keys":[],"x":"${'x'.repeat(2_000_000)}"}`],
    ['a loop', (response) => response.writeHead(302, { location: '/keys' }).end()],
    [
      'another origin',
      (response) => response.writeHead(302, { location: 'http://127.0.0.1:9/k' }).end(),
    ],
  ]
  for (const [title, answer] of bad) {
    test(`${title} is no key set`, async () => {
      const jwks = await start(answers({ '/keys': answer }))
      const { result } = await write({ jwks_url: `${jwks.url}/keys` })
      assertRefused(result, /^error checking jwks URL: /)
      assert.ok(jwks.paths.length <= 4, 'bounded')
    })
  }

  test('CFG-027: a dead address is stored when the check is skipped, and reads valid', async () => {
    assertRefused((await write({ jwks_url: dead })).result, /jwks URL/)
    const { mount, result } = await write({ jwks_url: dead, skip_jwks_validation: 'true' })
    assertStatus(result, 200)
    assert.match(result.body.warnings[0], /jwks URL/)
    assert.equal((await read(mount)).data.status, 'valid')
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertReason(
      await login(server, mount, 'r', keyK.sign({ sub: 'u', aud: 'a' })),
      'keys_unreachable',
    )
  })

  test('CFG-028: an empty set is a set', async () => {
    const jwks = await start(answers({ '/keys': '{"keys":[]}' }))
    assertStatus((await write({ jwks_url: `${jwks.url}/keys` })).result, 204)
  })
})

describe('pairs', () => {
  test('CFG-029: two pairs with their own CAs read back unchanged', async () => {
    const a = await start(answers({ '/k': keySet }), address)
    const b = await start(answers({ '/k': keySet }), otherAddress)
    const jwks_pairs = [
      { jwks_url: `${a.url}/k`, jwks_ca_pem: authority.certificate },
      { jwks_url: `${b.url}/k`, jwks_ca_pem: otherAuthority.certificate },
    ]
    const { mount, result } = await write({ jwks_pairs })
    assertStatus(result, 204)
    assert.deepEqual((await read(mount)).data.jwks_pairs, jwks_pairs)
  })

  test('CFG-033, CFG-034: the first pair that fails is named', async () => {
    const jwks = await start(answers({ '/good': keySet, '/page': '<p>' }))
    for (const bad of ['/missing', '/page']) {
      const jwks_pairs = [{ jwks_url: jwks.url + bad }, { jwks_url: `${jwks.url}/good` }]
      const { result } = await write({ jwks_pairs })
      assertRefused(result, new RegExp(`jwks_pairs.*${bad}`))
      assertStatus((await write({ jwks_pairs, skip_jwks_validation: true })).result, 200)
    }
  })

  test('CFG-035: a pair whose CA is no certificate', async () => {
    const jwks = await start(answers({ '/k': keySet }), address)
    const { result } = await write({
      jwks_pairs: [{ jwks_url: `${jwks.url}/k`, jwks_ca_pem: 'defg' }],
    })
    assertRefused(result, /CA certificate cannot be parsed/)
  })
})

describe('TLS', () => {
  const cases: readonly (readonly [string, typeof address, object, boolean])[] = [
    [
      'CFG-054: the accepted name is not in the certificate',
      named,
      { override_allowed_server_names: ['invalid.com'] },
      false,
    ],
    [
      'CFG-055: an accepted name does not replace the CA',
      named,
      { override_allowed_server_names: ['example.com'], jwks_ca_pem: '' },
      false,
    ],
    ['CFG-056: the accepted name', named, { override_allowed_server_names: ['example.com'] }, true],
    [
      'CFG-056: one of several accepted names',
      named,
      { override_allowed_server_names: 'a,example.com,b' },
      true,
    ],
    ['SEC-NET-09: wrong host', named, {}, false],
    ['SEC-NET-09: expired', expired, {}, false],
    ['SEC-NET-09: unknown CA', address, { jwks_ca_pem: '' }, false],
    [
      'SEC-NET-09: a CA that did not sign',
      address,
      { jwks_ca_pem: otherAuthority.certificate },
      false,
    ],
  ]
  for (const [title, certificate, more, isGood] of cases) {
    test(title, async () => {
      const jwks = await start(answers({ '/k': keySet }), certificate)
      const body = { jwks_url: `${jwks.url}/k`, jwks_ca_pem: authority.certificate, ...more }
      const { result } = await write(body)
      if (isGood) assertStatus(result, 204)
      else {
        assertRefused(result, /TLS|certificate/i)
        assert.ok(!result.text.includes('BEGIN'), 'the cause shows nothing of the certificate')
      }
    })
  }
})

test('practice provider: discovery, login, and a config write while it is in trouble', async () => {
  const idp = await startIdp()
  const { mount, result } = await write({ oidc_discovery_url: idp.issuer })
  assertStatus(result, 204)
  await server.root.must(`auth/${mount}/role/r`, plainRole)
  assertStatus(await login(server, mount, 'r', idp.mint({ sub: 'u', aud: 'a' })), 200)
  for (const trouble of ['status_500', 'html', 'issuer_slash'] as const) {
    idp.setTrouble(trouble, true)
    assertRefused(
      await server.root.write(`auth/${mount}/config`, { oidc_discovery_url: idp.issuer }),
      /^error checking oidc discovery URL: /,
      trouble,
    )
    idp.setTrouble(trouble, false)
  }
  assertStatus(await login(server, mount, 'r', idp.mint({ sub: 'u', aud: 'a' })), 200)
  await idp.stop()
})
