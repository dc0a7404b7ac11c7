/** Configuration of a mount, as far as it needs no network (jwt-oidc.md §1). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { makeCertificate } from '../http/self-signed.ts'
import {
  assertRefused,
  assertStatus,
  configS,
  keyK,
  login,
  makeMount,
  makeSigner,
  plainClaims,
  plainRole,
} from './fixture.ts'

const second = makeJwtMaker('k2')
let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

const write = async (body: object) =>
  server.root.write(`auth/${await makeMount(server.root)}/config`, body)

test('CFG-001: a mount that was never configured reads 404', async () => {
  assertStatus(await server.root.read(`auth/${await makeMount(server.root)}/config`), 404)
})

test('CFG-002, CFG-003, CFG-008: one static key reads back whole, without secrets, as valid', async () => {
  const mount = await makeMount(server.root)
  const written = await server.root.write(`auth/${mount}/config`, configS)
  assertStatus(written, 204)
  assert.equal(written.text, '')
  const read = await server.root.read(`auth/${mount}/config`)
  assert.deepEqual(read.body.data, {
    bound_issuer: 'https://iss/',
    default_role: '',
    jwks_ca_pem: '',
    jwks_pairs: [],
    jwks_url: '',
    jwt_supported_algs: [],
    jwt_validation_pubkeys: [keyK.pem.trim()],
    namespace_in_state: true,
    oidc_client_id: '',
    oidc_discovery_ca_pem: '',
    oidc_discovery_url: '',
    oidc_response_mode: '',
    oidc_response_types: [],
    override_allowed_server_names: [],
    provider_config: {},
    status: 'valid',
    token_audiences: [],
    unsupported_critical_cert_extensions: [],
  })
  assert.equal(read.body.warnings, null)
})

describe('key source: exactly one', () => {
  const pem = [keyK.pem]
  const cases: readonly (readonly [string, object])[] = [
    [
      'CFG-004: discovery, JWKS and a key',
      {
        oidc_discovery_url: 'http://127.0.0.1:9',
        jwks_url: 'http://127.0.0.1:9/k',
        jwt_validation_pubkeys: pem,
      },
    ],
    ['CFG-005: JWKS and a key', { jwks_url: 'http://127.0.0.1:9/k', jwt_validation_pubkeys: pem }],
    ['CFG-006: none', {}],
    ['SED-012: empty strings are none', { oidc_discovery_url: '', oidc_client_id: '' }],
    [
      'CFG-007: JWKS and pairs',
      { jwks_url: 'http://127.0.0.1:9/k', jwks_pairs: [{ jwks_url: 'http://127.0.0.1:9/k' }] },
    ],
  ]
  for (const [title, body] of cases) {
    test(title, async () => assertRefused(await write(body), /^exactly one of/))
  }
})

describe('namespace_in_state', () => {
  const cases: readonly (readonly [string, unknown, unknown, boolean])[] = [
    ['CFG-009: a stored false survives its omission', false, undefined, false],
    ['CFG-010: a stored true survives its omission', true, undefined, true],
    ['CFG-011: a stored false becomes true', false, true, true],
    ['CFG-011: a stored true becomes false', true, false, false],
    ['CFG-012: text counts as a boolean', true, 'false', false],
  ]
  for (const [title, first, then, want] of cases) {
    test(title, async () => {
      const mount = await makeMount(server.root, { ...configS, namespace_in_state: first })
      const body = then === undefined ? configS : { ...configS, namespace_in_state: then }
      await server.root.must(`auth/${mount}/config`, body)
      const read = await server.root.read(`auth/${mount}/config`)
      assert.equal(read.body.data.namespace_in_state, want)
    })
  }
})

describe('refused writes', () => {
  const unreachable = { jwks_url: 'http://127.0.0.1:9/keys' }
  const key = { jwt_validation_pubkeys: [keyK.pem] }
  const two = `${keyK.pem}${second.pem}`
  const pkcs1 =
    '-----BEGIN RSA PUBLIC KEY-----\nMEgCQQCo9+BpMRYQ/dL3DS2CyJxRF+j6ctbT3/Qp84+KeFhnii7NT7fELilKUSnx\nS30WAvQCCo2yU1orfgqr41mM70MBAgMBAAE=\n-----END RSA PUBLIC KEY-----\n'
  const privatePem = makeSigner('ES256')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
  const cases: readonly (readonly [string, object, RegExp])[] = [
    [
      'CFG-016: another well-known address',
      { oidc_discovery_url: 'http://127.0.0.1:9/.well-known/other' },
      /well-known/,
    ],
    [
      'CFG-020: client id without secret',
      { oidc_discovery_url: 'http://127.0.0.1:9', oidc_client_id: 'a' },
      /oidc_client_secret/,
    ],
    [
      'CFG-021: secret without client id',
      { oidc_discovery_url: 'http://127.0.0.1:9', oidc_client_secret: 'canary-secret' },
      /oidc_client_id/,
    ],
    [
      'CFG-022: client with a static key',
      { ...key, oidc_client_id: 'a', oidc_client_secret: 'b' },
      /'oidc_discovery_url' must be set/,
    ],
    ['CFG-026: CA garbage', { ...unreachable, jwks_ca_pem: 'garbage' }, /jwks_ca_pem/],
    [
      'CFG-026: CA garbage is not skippable',
      { ...unreachable, jwks_ca_pem: 'garbage', skip_jwks_validation: true },
      /jwks_ca_pem/,
    ],
    ['CFG-030: pairs that are no objects', { jwks_pairs: ['foo', 'bar'] }, /invalid jwks_pairs/],
    [
      'CFG-030: a pair without an address',
      { jwks_pairs: [{ jwks_ca_pem: '' }] },
      /invalid jwks_pairs/,
    ],
    ['CFG-030: a pair with a number', { jwks_pairs: [{ jwks_url: 5 }] }, /invalid jwks_pairs/],
    [
      'CFG-031: pairs with a bound issuer',
      { jwks_pairs: [{ jwks_url: 'http://127.0.0.1:9/k' }], bound_issuer: 'x' },
      /bound_issuer/,
    ],
    [
      'CFG-032: pairs with a top-level CA',
      { jwks_pairs: [{ jwks_url: 'http://127.0.0.1:9/k' }], jwks_ca_pem: 'x' },
      /inside the pair/,
    ],
    ['CFG-038: response mode QUERY', { ...key, oidc_response_mode: 'QUERY' }, /response_mode/],
    ['CFG-038: response mode abc', { ...key, oidc_response_mode: 'abc' }, /response_mode/],
    [
      'CFG-039: id_token without form_post',
      { ...key, oidc_response_types: 'id_token' },
      /form_post/,
    ],
    [
      'CFG-039: id_token with query',
      { ...key, oidc_response_types: ['id_token'], oidc_response_mode: 'query' },
      /form_post/,
    ],
    ['CFG-040: response type token', { ...key, oidc_response_types: 'token' }, /response_types/],
    ['CFG-041, SEC-ALG-14: HS256', { ...key, jwt_supported_algs: ['HS256'] }, /HS256/],
    ['CFG-041, SEC-ALG-14: none', { ...key, jwt_supported_algs: 'none' }, /none/],
    ['CFG-043: no PEM at all', { jwt_validation_pubkeys: 'a' }, /public key 1/],
    ['CFG-045: two blocks in one element', { jwt_validation_pubkeys: [two] }, /public key 1/],
    ['SEC-KEY-20: PKCS#1', { jwt_validation_pubkeys: [pkcs1] }, /public key 1/],
    [
      'SEC-KEY-20: text after the key',
      { jwt_validation_pubkeys: [`${keyK.pem}x`] },
      /public key 1/,
    ],
    ['SEC-KEY-20: a private key', { jwt_validation_pubkeys: [privatePem] }, /public key 1/],
    [
      'CFG-048: an unknown provider',
      { ...key, provider_config: { provider: 'unknown' } },
      /unknown/,
    ],
    ['CFG-049: a provider without a name', { ...key, provider_config: { a: 1 } }, /'provider'/],
    [
      'CFG-050: a provider that cannot start names the cause',
      { ...key, provider_config: { provider: 'okta', fetch_groups: 'true' } },
      /okta.*fetch_groups/,
    ],
    [
      'CFG-058: an extension that is no OID',
      { ...key, unsupported_critical_cert_extensions: ['x'] },
      /OID|object identifier/i,
    ],
    [
      'CFG-006: a field of the wrong type is named',
      { jwks_url: {} },
      /Field validation failed.*jwks_url/,
    ],
    ['SEC-NET-11: a file', { jwks_url: 'file:///etc/passwd' }, /jwks_url/],
    ['SEC-NET-11: data', { jwks_url: 'data:application/json,{}' }, /jwks_url/],
    ['SEC-NET-11: credentials', { jwks_url: 'https://user:pass@127.0.0.1/k' }, /jwks_url/],
    ['SEC-NET-11: a line break', { jwks_url: 'https://127.0.0.1/k\r\nx: y' }, /jwks_url/],
    ['SEC-NET-11: a socket', { oidc_discovery_url: 'unix:///run/x' }, /oidc_discovery_url/],
    ['SEC-NET-11: no host', { oidc_discovery_url: 'https://' }, /oidc_discovery_url/],
  ]
  for (const [title, body, text] of cases) {
    test(title, async () => {
      const result = await write(body)
      assertRefused(result, text)
      assert.ok(!/canary-secret|PRIVATE KEY/.test(result.text), 'a secret is never repeated')
    })
  }
})

describe('accepted writes', () => {
  const key = { jwt_validation_pubkeys: [keyK.pem] }
  const jwks = { jwks_url: 'http://127.0.0.1:9/keys', skip_jwks_validation: true }
  const certificate = makeCertificate({ commonName: 'k' }).certificate
  const cases: readonly (readonly [string, object, string, unknown])[] = [
    ['CFG-036: an empty map of pairs is no pair', { ...jwks, jwks_pairs: {} }, 'jwks_pairs', []],
    ['CFG-037: mode ""', { ...key, oidc_response_mode: '' }, 'oidc_response_mode', ''],
    ['CFG-037: mode query', { ...key, oidc_response_mode: 'query' }, 'oidc_response_mode', 'query'],
    [
      'CFG-037: mode form_post',
      { ...key, oidc_response_mode: 'form_post', oidc_response_types: 'code,id_token' },
      'oidc_response_types',
      ['code', 'id_token'],
    ],
    [
      'CFG-042: algorithms as text',
      { ...key, jwt_supported_algs: 'RS256,ES256' },
      'jwt_supported_algs',
      ['RS256', 'ES256'],
    ],
    [
      'CFG-044, SEC-KEY-20: a certificate as key',
      { jwt_validation_pubkeys: [certificate] },
      'jwt_validation_pubkeys',
      [certificate.trim()],
    ],
    [
      'CFG-046: two keys in one text',
      { jwt_validation_pubkeys: `${keyK.pem},${second.pem}` },
      'jwt_validation_pubkeys',
      [keyK.pem.trim(), second.pem.trim()],
    ],
    [
      'CFG-047: an unknown member of a provider is kept',
      { ...key, provider_config: { provider: 'azure', whatever: { deep: [1] } } },
      'provider_config',
      { provider: 'azure', whatever: { deep: [1] } },
    ],
    [
      'CFG-047: a provider as text',
      { ...key, provider_config: 'provider=azure' },
      'provider_config',
      { provider: 'azure' },
    ],
    [
      'CFG-053: the default role is lower-cased',
      { ...key, default_role: 'WEB' },
      'default_role',
      'web',
    ],
    [
      'CFG-057: extensions are stored',
      { ...key, unsupported_critical_cert_extensions: '2.5.29.54, 2.5.29.36' },
      'unsupported_critical_cert_extensions',
      ['2.5.29.54', '2.5.29.36'],
    ],
    [
      'CFG-059: audiences as text',
      { ...key, token_audiences: 'a,b' },
      'token_audiences',
      ['a', 'b'],
    ],
  ]
  for (const [title, body, name, want] of cases) {
    test(title, async () => {
      const mount = await makeMount(server.root)
      // What has no effect is stored all the same, and said to have none.
      const isIdle = name === 'unsupported_critical_cert_extensions'
      const isWarned = isIdle || 'skip_jwks_validation' in body
      const written = await server.root.write(`auth/${mount}/config`, body)
      assertStatus(written, isWarned ? 200 : 204)
      const read = await server.root.read(`auth/${mount}/config`)
      assert.deepEqual(read.body.data[name], want)
    })
  }
})

test('CFG-052: secrets of a provider are never read back', async () => {
  const provider_config = {
    provider: 'okta',
    api_token: 'canary-token',
    GSUITE_Service_Account: 'canary-file',
    org_url: 'https://o',
  }
  const mount = await makeMount(server.root, { ...configS, provider_config })
  const read = await server.root.read(`auth/${mount}/config`)
  assert.deepEqual(read.body.data.provider_config, { provider: 'okta', org_url: 'https://o' })
  assert.ok(!read.text.includes('canary'))
})

test('CFG-060: DELETE, PATCH and LIST of a configuration are 405', async () => {
  const mount = await makeMount(server.root, configS)
  assertStatus(await server.root.remove(`auth/${mount}/config`), 405)
  assertStatus(await server.root.call('PATCH', `auth/${mount}/config`, {}), 405)
  assertStatus(await server.root.list(`auth/${mount}/config`), 405)
})

test('CFG-061: a failed write leaves the old configuration and its logins as they were', async () => {
  const mount = await makeMount(server.root, { ...configS, default_role: 'r' })
  await server.root.must(`auth/${mount}/role/r`, plainRole)
  const before = await server.root.read(`auth/${mount}/config`)
  for (const body of [{}, { jwt_validation_pubkeys: 'a' }, { jwks_url: 'http://127.0.0.1:9/k' }]) {
    assertStatus(await server.root.write(`auth/${mount}/config`, body), 400)
  }
  const now = await server.root.read(`auth/${mount}/config`)
  assert.deepEqual(now.body.data, before.body.data)
  assertStatus(await login(server, mount, '', keyK.sign(plainClaims)), 200)
})

test('a write replaces everything: what it leaves out is gone', async () => {
  const mount = await makeMount(server.root, {
    ...configS,
    default_role: 'r',
    token_audiences: 'x',
    jwt_supported_algs: 'ES256',
    provider_config: { provider: 'azure' },
  })
  await server.root.must(`auth/${mount}/config`, { jwt_validation_pubkeys: [second.pem] })
  const { data } = (await server.root.read(`auth/${mount}/config`)).body
  assert.equal(data.default_role, '')
  assert.equal(data.bound_issuer, '')
  assert.deepEqual(data.token_audiences, [])
  assert.deepEqual(data.jwt_supported_algs, [])
  assert.deepEqual(data.provider_config, {})
  assert.deepEqual(data.jwt_validation_pubkeys, [second.pem.trim()])
})

test('a field nobody knows is ignored, and told', async () => {
  const mount = await makeMount(server.root)
  const written = await server.root.write(`auth/${mount}/config`, { ...configS, unheard_of: 1 })
  assertStatus(written, 200)
  assert.match(written.body.warnings.join(), /\[unheard_of\]/)
})

test('a caller without the capability is refused before anything is checked', async () => {
  const mount = await makeMount(server.root, configS)
  const reader = await server.root.tokenFor(
    `cfg-${mount}`,
    `path "auth/${mount}/config" { capabilities = ["read"] }`,
  )
  assertStatus(await reader.read(`auth/${mount}/config`), 200)
  assertStatus(await reader.write(`auth/${mount}/config`, {}), 403)
  assertStatus(await server.client().read(`auth/${mount}/config`), 403)
})
