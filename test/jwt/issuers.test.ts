/** Named issuers: a token is judged by the keys of the issuer it names, and by no other (design.md §6). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker, type JwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startIdp, startServer, type RunningServer } from '../oidc/fixture.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  login,
  makeMount,
  plainRole,
  type Claims,
} from './fixture.ts'

const a = makeJwtMaker('same')
const b = makeJwtMaker('same')
const classic = makeJwtMaker('same')
const clock = manualClock()
let server: TestServer

before(async () => {
  server = await startTestServer({ clock })
})
after(() => server.stop())

/** Issuers A and B with one key each, and a role; the classic configuration on top when asked for. */
async function makeTrust(config?: object): Promise<string> {
  const mount = await makeMount(server.root, config)
  await put(mount, 'a', { issuer: 'https://a', jwt_validation_pubkeys: [a.pem] })
  await put(mount, 'b', { issuer: 'https://b', jwt_validation_pubkeys: [b.pem] })
  await server.root.must(`auth/${mount}/role/r`, plainRole)
  return mount
}

const put = (mount: string, name: string, body: object) =>
  server.root.must(`auth/${mount}/issuers/${name}`, body)
const write = (mount: string, name: string, body: object) =>
  server.root.write(`auth/${mount}/issuers/${name}`, body)
const enter = (mount: string, by: JwtMaker, claims: Claims, header: Claims = {}) =>
  login(server, mount, 'r', by.sign({ sub: 'u', aud: 'a', ...claims }, header))

describe('routing', () => {
  test('each token goes to the issuer it names', async () => {
    const mount = await makeTrust()
    assertStatus(await enter(mount, a, { iss: 'https://a' }), 200)
    assertStatus(await enter(mount, b, { iss: 'https://b' }), 200)
  })

  test('a key of one issuer never verifies a token that claims another', async () => {
    const mount = await makeTrust({ jwt_validation_pubkeys: [classic.pem] })
    for (const [by, iss] of [
      [a, 'https://b'],
      [b, 'https://a'],
      [classic, 'https://a'],
      [a, 'https://unnamed'],
      [b, undefined],
    ] as const) {
      assertReason(await enter(mount, by, { iss }), 'signature_invalid')
      assertReason(await enter(mount, by, { iss }, { kid: undefined }), 'signature_invalid')
    }
  })

  test('the name is compared exactly', async () => {
    const mount = await makeTrust()
    for (const iss of [
      'https://a/',
      'HTTPS://A',
      'https://a ',
      'https://a\0',
      '',
      'default',
      'a',
    ]) {
      assertReason(await enter(mount, a, { iss }), 'issuer_unknown', iss)
    }
    for (const iss of [undefined, 5, ['https://a']]) {
      assertReason(await enter(mount, a, { iss }), 'issuer_missing')
    }
  })

  test('what no named issuer claims is left to the classic configuration', async () => {
    const mount = await makeTrust({ jwt_validation_pubkeys: [classic.pem] })
    assertStatus(await enter(mount, classic, { iss: 'https://anything' }), 200)
    assertStatus(await enter(mount, classic, { iss: undefined }), 200)
    await server.root.must(`auth/${mount}/config`, {
      jwt_validation_pubkeys: [classic.pem],
      bound_issuer: 'https://classic',
    })
    assertStatus(await enter(mount, classic, { iss: 'https://classic' }), 200)
    assertReason(await enter(mount, classic, { iss: 'https://anything' }), 'issuer_mismatch')
    assertStatus(
      await enter(mount, a, { iss: 'https://a' }),
      200,
      'a config write keeps the issuers',
    )
  })

  test('with compat=vault the keys are kept apart just the same', async () => {
    const mount = await makeTrust({ jwt_validation_pubkeys: [classic.pem] })
    await server.root.must(`sys/auth/${mount}/tune`, { compat: 'vault' })
    assertStatus(await enter(mount, a, { iss: 'https://a' }), 200)
    assertStatus(await enter(mount, a, { iss: 'https://b' }), 400)
  })

  test('many issuers cost one look-up each', async () => {
    const mount = await makeMount(server.root)
    await server.root.must(`auth/${mount}/issuers/i0`, {
      issuer: 'https://i0',
      jwt_validation_pubkeys: [a.pem],
    })
    for (let i = 1; i < 100; i++)
      await put(mount, `i${i}`, { issuer: `https://i${i}`, jwt_validation_pubkeys: [a.pem] })
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertStatus(await enter(mount, a, { iss: 'https://i77' }), 200)
    const more = { issuer: 'https://i100', jwt_validation_pubkeys: [a.pem] }
    assertRefused(await write(mount, 'i100', more), /at most 100/)
    assertStatus(await write(mount, 'i99', { ...more }), 204, 'one can still be replaced')
  })
})

describe('what an issuer demands', () => {
  test('its audiences hold beside those of the role', async () => {
    const mount = await makeTrust({
      jwt_validation_pubkeys: [classic.pem],
      token_audiences: 'mine',
    })
    await put(mount, 'a', {
      issuer: 'https://a',
      jwt_validation_pubkeys: [a.pem],
      audiences: 'x,y',
    })
    assertReason(await enter(mount, a, { iss: 'https://a' }), 'audience_mismatch')
    assertReason(await enter(mount, a, { iss: 'https://a', aud: ['x'] }), 'audience_mismatch')
    assertStatus(await enter(mount, a, { iss: 'https://a', aud: ['a', 'y'] }), 200)
    assertReason(await enter(mount, a, { iss: 'https://a', aud: undefined }), 'audience_missing')
    assertStatus(await enter(mount, b, { iss: 'https://b' }), 200, 'those of others do not')
    assertReason(await enter(mount, classic, {}), 'audience_mismatch')
    assertStatus(await enter(mount, classic, { aud: ['a', 'mine'] }), 200)
  })

  test('its audiences count as bound', async () => {
    const mount = await makeTrust()
    await put(mount, 'a', { issuer: 'https://a', jwt_validation_pubkeys: [a.pem], audiences: 'x' })
    await server.root.must(`auth/${mount}/role/r`, {
      ...plainRole,
      bound_audiences: null,
      bound_subject: 'u',
    })
    assertStatus(await enter(mount, a, { iss: 'https://a', aud: 'x' }), 200)
    assertReason(await enter(mount, b, { iss: 'https://b', aud: 'x' }), 'audience_unbound')
  })

  test('its algorithms hold for its tokens alone', async () => {
    const mount = await makeTrust()
    await put(mount, 'a', {
      issuer: 'https://a',
      jwt_validation_pubkeys: [a.pem],
      jwt_supported_algs: 'RS256',
    })
    assertReason(await enter(mount, a, { iss: 'https://a' }), 'algorithm_refused')
    assertStatus(await enter(mount, b, { iss: 'https://b' }), 200)
  })

  test('a changed audience ends renewals of its tokens', async () => {
    const mount = await makeTrust()
    const made = await enter(mount, a, { iss: 'https://a' })
    const other = await enter(mount, b, { iss: 'https://b' })
    await put(mount, 'a', {
      issuer: 'https://a',
      jwt_validation_pubkeys: [a.pem],
      audiences: 'new',
    })
    const renew = (one: typeof made) =>
      server.client(one.body.auth.client_token).write('auth/token/renew-self')
    assertStatus(await renew(made), 400)
    assertStatus(await renew(other), 200)
  })
})

describe('key sources', () => {
  async function startKeys(keys: { list: readonly object[] }): Promise<RunningServer> {
    return startServer((_request, response) =>
      sendText(response, JSON.stringify({ keys: keys.list })),
    )
  }

  test('caches live with the revision of their issuer', async () => {
    const keysA = { list: [a.jwk] }
    const keysB = { list: [b.jwk] }
    const [atA, atB] = [await startKeys(keysA), await startKeys(keysB)]
    const mount = await makeMount(server.root)
    await put(mount, 'a', { issuer: 'https://a', jwks_url: atA.url })
    await put(mount, 'b', { issuer: 'https://b', jwks_url: atB.url })
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    for (let i = 0; i < 3; i++) {
      assertStatus(await enter(mount, a, { iss: 'https://a' }), 200)
      assertStatus(await enter(mount, b, { iss: 'https://b' }), 200)
    }
    assert.deepEqual(
      [atA.paths.length, atB.paths.length],
      [2, 2],
      'one at the write, one at the login',
    )
    keysA.list = [classic.jwk]
    await put(mount, 'a', { issuer: 'https://a', jwks_url: atA.url })
    assertStatus(await enter(mount, classic, { iss: 'https://a' }), 200)
    assertReason(await enter(mount, a, { iss: 'https://a' }), 'signature_invalid')
    assertStatus(await enter(mount, b, { iss: 'https://b' }), 200)
    assert.equal(atB.paths.length, 2, 'the other keeps its cache')
    await atA.close()
    await atB.close()
  })

  test('one address under two issuers is asked and trusted apart', async () => {
    const shared = await startKeys({ list: [a.jwk] })
    const mount = await makeMount(server.root)
    await put(mount, 'a', { issuer: 'https://a', jwks_url: shared.url })
    await put(mount, 'b', { issuer: 'https://b', jwks_url: shared.url })
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertStatus(await enter(mount, a, { iss: 'https://a' }), 200)
    assertStatus(await enter(mount, a, { iss: 'https://b' }), 200)
    await shared.close()
    assertStatus(await enter(mount, a, { iss: 'https://a' }), 200, 'an outage stops nobody')
  })

  test('discovery names the issuer', async () => {
    const idp = await startIdp()
    const mount = await makeMount(server.root)
    const url = `${idp.issuer}/.well-known/openid-configuration`
    const made = await write(mount, 'idp', { oidc_discovery_url: url })
    assertStatus(made, 200)
    assert.match(made.body.warnings[0], /well-known/)
    const read = (await server.root.read(`auth/${mount}/issuers/idp`)).body.data
    assert.equal(read.issuer, idp.issuer)
    assert.equal(read.oidc_discovery_url, idp.issuer)
    assertRefused(
      await write(mount, 'idp', { oidc_discovery_url: idp.issuer, issuer: 'https://other' }),
      /discovery document names/,
    )
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    assertStatus(await login(server, mount, 'r', idp.mint({ sub: 'u', aud: 'a' })), 200)
    idp.rotate({ withdraw: true })
    assertStatus(await login(server, mount, 'r', idp.mint({ sub: 'u', aud: 'a' })), 200)
    await idp.stop()
  })
})

describe('paths', () => {
  const one = { issuer: 'https://a', jwt_validation_pubkeys: [a.pem] }

  test('list, read, replace, delete', async () => {
    const mount = await makeMount(server.root)
    assertStatus(await server.root.list(`auth/${mount}/issuers`), 404)
    assertStatus(await server.root.read(`auth/${mount}/issuers/a`), 404)
    assertStatus(await write(mount, 'A', { ...one, audiences: 'x' }), 204)
    assert.deepEqual((await server.root.read(`auth/${mount}/issuers/a`)).body.data, {
      issuer: 'https://a',
      oidc_discovery_url: '',
      oidc_discovery_ca_pem: '',
      jwks_url: '',
      jwks_ca_pem: '',
      jwt_validation_pubkeys: [a.pem.trim()],
      audiences: ['x'],
      jwt_supported_algs: [],
    })
    await put(mount, 'b', { ...one, issuer: 'https://b' })
    await server.root.must(`auth/${mount}/config`, { jwt_validation_pubkeys: [classic.pem] })
    const keys = (await server.root.list(`auth/${mount}/issuers`)).body.data.keys
    assert.deepEqual(keys, ['a', 'b', 'default'])
    await put(mount, 'a', one)
    assert.deepEqual((await server.root.read(`auth/${mount}/issuers/a`)).body.data.audiences, [])
    assertStatus(await server.root.remove(`auth/${mount}/issuers/a`), 204)
    assertStatus(await server.root.read(`auth/${mount}/issuers/a`), 404)
    assertStatus(await server.root.remove(`auth/${mount}/issuers/a`), 204)
  })

  test('a deleted issuer is trusted no more', async () => {
    const mount = await makeTrust()
    assertStatus(await enter(mount, a, { iss: 'https://a' }), 200)
    await server.root.remove(`auth/${mount}/issuers/a`)
    assertReason(await enter(mount, a, { iss: 'https://a' }), 'issuer_unknown')
    await server.root.remove(`auth/${mount}/issuers/b`)
    assertReason(await enter(mount, a, { iss: 'https://a' }), 'config_missing')
  })

  test('default is the configuration: read there, written elsewhere', async () => {
    const mount = await makeMount(server.root, {
      jwt_validation_pubkeys: [classic.pem],
      bound_issuer: 'https://classic',
      token_audiences: 'x',
    })
    const { data } = (await server.root.read(`auth/${mount}/issuers/default`)).body
    assert.equal(data.issuer, 'https://classic')
    assert.deepEqual(data.audiences, ['x'])
    assertRefused(await write(mount, 'default', one), /config/)
    assertStatus(await server.root.remove(`auth/${mount}/issuers/Default`), 400)
  })

  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['no key source', { issuer: 'https://x' }, /exactly one of/],
    ['two key sources', { ...one, jwks_url: 'http://127.0.0.1:9/' }, /exactly one of/],
    ['no issuer', { jwt_validation_pubkeys: [a.pem] }, /'issuer' must be set/],
    ['a key that is none', { issuer: 'https://x', jwt_validation_pubkeys: 'a' }, /public key 1/],
    [
      'an address that does not answer',
      { issuer: 'https://x', jwks_url: 'http://127.0.0.1:9/' },
      /jwks URL/,
    ],
    ['an address of a file', { issuer: 'https://x', jwks_url: 'file:///x' }, /jwks_url/],
    ['an algorithm that is no signature', { ...one, jwt_supported_algs: 'HS256' }, /HS256/],
    [
      'a broken CA',
      { issuer: 'https://x', jwks_url: 'https://127.0.0.1:9/', jwks_ca_pem: 'x' },
      /jwks_ca_pem/,
    ],
  ]
  for (const [title, body, text] of refused) {
    test(`refused: ${title}`, async () => {
      const mount = await makeMount(server.root)
      assertRefused(await write(mount, 'x', body), text)
      assertStatus(await server.root.read(`auth/${mount}/issuers/x`), 404)
      assertStatus(await server.root.list(`auth/${mount}/issuers`), 404)
    })
  }

  test('one iss belongs to one issuer', async () => {
    const mount = await makeTrust()
    assertRefused(await write(mount, 'c', one), /already served by issuers\/a/)
  })

  test('taking over the issuer of the configuration is said aloud', async () => {
    const mount = await makeMount(server.root, {
      jwt_validation_pubkeys: [classic.pem],
      bound_issuer: 'https://a',
    })
    const made = await write(mount, 'a', one)
    assertStatus(made, 200)
    assert.match(made.body.warnings[0], /no longer by the keys in config/)
  })

  test('ROL-024: a mount with named issuers alone is for JWTs only', async () => {
    const mount = await makeMount(server.root)
    await put(mount, 'a', one)
    const body = { user_claim: 'sub', bound_claims: { x: 'y' } }
    assertStatus(await server.root.write(`auth/${mount}/role/r`, body), 204)
    assert.equal((await server.root.read(`auth/${mount}/role/r`)).body.data.role_type, 'jwt')
  })

  test('they need a token and its capability', async () => {
    const mount = await makeTrust()
    assertStatus(await server.client().read(`auth/${mount}/issuers/a`), 403)
    assertStatus(await server.client().write(`auth/${mount}/issuers/a`, one), 403)
    assertStatus(await server.client().list(`auth/${mount}/issuers`), 403)
  })
})
