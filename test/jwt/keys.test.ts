/** Keys of a mount: algorithms, names, rotation, outages, pairs (jwt-oidc.md §3.4, §3.6). */

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { signatureAlgorithms } from '../../src/jose/algorithms.ts'
import type { ManualClock } from '../harness/manual-clock.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startIdp, startServer, type RunningServer } from '../oidc/fixture.ts'
import {
  assertReason,
  assertStatus,
  configS,
  fresh,
  keyK,
  login,
  makeMount,
  makeSigner,
  part,
  plainClaims,
  plainRole,
  signAs,
} from './fixture.ts'

const other = makeJwtMaker('k2')
const third = makeJwtMaker('k3')
const clock: ManualClock = manualClock()
let server: TestServer
const running: RunningServer[] = []

before(async () => {
  server = await startTestServer({ clock })
})
after(async () => {
  await server.stop()
  for (const one of running) await one.close()
})

/** A key set that can be changed and switched off. */
class KeyHouse {
  keys: readonly object[]
  isUp = true
  server: RunningServer | undefined
  readonly headers: object

  constructor(keys: readonly object[], headers: object = {}) {
    this.keys = keys
    this.headers = headers
  }

  async start(): Promise<this> {
    this.server = await startServer((_request, response) => {
      if (this.isUp) sendText(response, JSON.stringify({ keys: this.keys }), this.headers)
      else response.writeHead(503).end()
    })
    running.push(this.server)
    return this
  }

  get url(): string {
    return `${this.server?.url ?? ''}/keys`
  }

  get count(): number {
    return this.server?.paths.length ?? 0
  }
}

const start = (keys: readonly object[], headers: object = {}) => new KeyHouse(keys, headers).start()

async function mountOf(config: object, role: object = {}): Promise<string> {
  const mount = await makeMount(server.root, config)
  await server.root.must(`auth/${mount}/role/r`, { ...plainRole, ...role })
  return mount
}

/** Claims that outlive what the tests do to the clock. */
const far = () => ({ ...plainClaims, exp: Math.floor(clock.nowMs() / 1000) + 9000 })

const enter = (mount: string, jwt: string) => login(server, mount, 'r', jwt)

describe('algorithms', () => {
  test('KEY-001, KEY-002: an empty list, and lists with ES256', async () => {
    for (const list of [[], ['ES256'], ['RS256', 'ES256', 'EdDSA']]) {
      const mount = await mountOf({ ...configS, jwt_supported_algs: list })
      assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    }
  })

  test('KEY-003, SEC-ALG-07: lists without ES256', async () => {
    for (const list of [['RS256'], ['RS256', 'ES512', 'EdDSA']]) {
      const mount = await mountOf({ ...configS, jwt_supported_algs: list })
      assertReason(await enter(mount, keyK.sign(plainClaims)), 'algorithm_refused')
    }
  })

  for (const alg of signatureAlgorithms) {
    test(`KEY-004, SEC-ALG-12: ${alg}, static and from a key set`, async () => {
      const signer = makeSigner(alg)
      const house = await start([{ ...signer.jwk, kid: 'x' }])
      const jwt = signAs(alg, signer.privateKey, { alg, kid: 'x' }, fresh(plainClaims))
      for (const config of [{ jwt_validation_pubkeys: [signer.pem] }, { jwks_url: house.url }]) {
        assertStatus(await enter(await mountOf(config), jwt), 200)
      }
    })
  }

  test('KEY-005, SEC-ALG-05, SEC-ALG-06: HMAC with the public key, or with nothing', async () => {
    const mount = await mountOf(configS)
    for (const secret of [keyK.pem, keyK.pem.trim(), JSON.stringify(keyK.jwk), '', 'secret']) {
      const signed = `${part({ alg: 'HS256', kid: 'k1' })}.${part(fresh(plainClaims))}`
      const signature = createHmac('sha256', secret).update(signed).digest('base64url')
      assertReason(await enter(mount, `${signed}.${signature}`), 'algorithm_refused')
    }
  })

  test('KEY-005, SEC-ALG-01: none in all its spellings', async () => {
    const mount = await mountOf(configS)
    for (const alg of [
      'none',
      'None',
      'NONE',
      'nOnE',
      ' none',
      'none\0',
      'ｎｏｎｅ',
      'toString',
      null,
      '',
      5,
    ]) {
      const head = `${part({ alg })}.${part(fresh(plainClaims))}`
      for (const jwt of [`${head}.`, `${head}.AAAA`]) assertStatus(await enter(mount, jwt), 400)
    }
  })

  test('SEC-006: a claim that is there twice is refused where the keys come from a set, too', async () => {
    const signer = makeSigner('ES256')
    const house = await start([{ ...signer.jwk, kid: 'x' }])
    const mount = await mountOf({ jwks_url: house.url })
    const text = JSON.stringify(fresh(plainClaims))
    for (const [claims, status] of [
      [text, 200],
      [text.replace('{', '{"sub":"u",'), 400],
    ] as const) {
      const jwt = signAs('ES256', signer.privateKey, { alg: 'ES256', kid: 'x' }, claims)
      assertStatus(await enter(mount, jwt), status)
    }
  })

  test('SEC-ALG-09: a key that is pinned to one algorithm serves no other', async () => {
    const signer = makeSigner('RS256')
    const house = await start([{ ...signer.jwk, kid: 'x', alg: 'RS256' }])
    const mount = await mountOf({ jwks_url: house.url })
    const jwt = (alg: 'RS256' | 'RS512' | 'PS256') =>
      signAs(alg, signer.privateKey, { alg, kid: 'x' }, fresh(plainClaims))
    assertStatus(await enter(mount, jwt('RS256')), 200)
    assertStatus(await enter(mount, jwt('RS512')), 400)
    assertStatus(await enter(mount, jwt('PS256')), 400)
  })
})

describe('static keys', () => {
  test('KEY-007, SEC-KEY-08: several of mixed types; the name does not matter', async () => {
    const rsa = makeSigner('RS256')
    const ed = makeSigner('EdDSA')
    const mount = await mountOf({ jwt_validation_pubkeys: [rsa.pem, other.pem, keyK.pem, ed.pem] })
    assertStatus(await enter(mount, keyK.sign(plainClaims, { kid: 'anything' })), 200)
    assertStatus(await enter(mount, keyK.sign(plainClaims, { kid: 'constructor' })), 200)
    assertStatus(
      await enter(mount, signAs('EdDSA', ed.privateKey, { alg: 'EdDSA' }, fresh(plainClaims))),
      200,
    )
  })

  test('KEY-008: none of several is right', async () => {
    const mount = await mountOf({ jwt_validation_pubkeys: [other.pem, third.pem] })
    assertReason(await enter(mount, keyK.sign(plainClaims)), 'signature_invalid')
  })
})

describe('key sets', () => {
  test('KEY-010, SEC-KEY-05, SEC-KEY-09: a name chooses the key, exactly', async () => {
    const house = await start([keyK.jwk, other.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    assertStatus(await enter(mount, other.sign(plainClaims)), 200)
    assertReason(await enter(mount, keyK.sign(plainClaims, { kid: 'k2' })), 'signature_invalid')
    assertReason(await enter(mount, keyK.sign(plainClaims, { kid: 'K1' })), 'key_unknown')
    assertReason(await enter(mount, keyK.sign(plainClaims, { kid: 'k1 ' })), 'key_unknown')
  })

  test('KEY-011, SEC-KEY-11: without a name all keys are tried', async () => {
    const house = await start([keyK.jwk, other.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    for (const one of [keyK, other]) {
      assertStatus(await enter(mount, one.sign(plainClaims, { kid: undefined })), 200)
    }
    assertReason(
      await enter(mount, third.sign(plainClaims, { kid: undefined })),
      'signature_invalid',
    )
  })

  test('KEY-012, KEY-013, SEC-NET-02: a rotation costs one fetch, a known key none', async () => {
    const house = await start([keyK.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    const atWrite = house.count
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    assert.equal(house.count - atWrite, 1)
    house.keys = [keyK.jwk, third.jwk]
    assertStatus(await enter(mount, third.sign(plainClaims)), 200)
    assertStatus(await enter(mount, third.sign(plainClaims)), 200)
    assert.equal(house.count - atWrite, 2)
  })

  test('KEY-014: twenty logins after a rotation share one fetch', async () => {
    const house = await start([keyK.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    const known = house.count
    house.keys = [third.jwk]
    const jwt = third.sign(plainClaims)
    const all = await Promise.all(Array.from({ length: 20 }, () => enter(mount, jwt)))
    for (const one of all) assertStatus(one, 200)
    assert.equal(house.count - known, 1)
  })

  test('KEY-015, KEY-016: while the address is down a cached key serves, an unknown one does not', async () => {
    const house = await start([keyK.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    house.isUp = false
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    assertReason(await enter(mount, third.sign(plainClaims)), 'keys_unreachable')
  })

  test('KEY-017, KEY-018, SEC-KEY-12, SEC-KEY-17: unusable members are passed over', async () => {
    const house = await start([
      { kty: 'XYZ', kid: 'a' },
      { kty: 'oct', k: 'AAAA', kid: 'b' },
      { ...other.jwk, kid: 'k1', use: 'enc' },
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'k1' },
      keyK.jwk,
      { ...third.jwk, use: 'enc' },
    ])
    const mount = await mountOf({ jwks_url: house.url })
    assertStatus(await enter(mount, keyK.sign(plainClaims)), 200)
    assertReason(await enter(mount, third.sign(plainClaims)), 'key_unusable')
  })

  test('SEC-KEY-16: a published shared secret verifies nothing', async () => {
    const k = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64url')
    const house = await start([{ kty: 'oct', k, kid: 'k1', alg: 'HS256' }])
    const mount = await mountOf({ jwks_url: house.url })
    const signed = `${part({ alg: 'HS256', kid: 'k1' })}.${part(fresh(plainClaims))}`
    const key = Buffer.from(k, 'base64url')
    const signature = createHmac('sha256', key).update(signed).digest('base64url')
    assertReason(await enter(mount, `${signed}.${signature}`), 'algorithm_refused')
  })

  test('SEC-009, SEC-KEY-01, SEC-KEY-02, SEC-KEY-03, SEC-KEY-04: keys in the header are never used, and change nothing', async () => {
    const house = await start([keyK.jwk])
    const trap = await start([third.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    const extras = [
      { jwk: third.jwk },
      { jku: trap.url },
      { x5u: trap.url },
      { x5c: ['AAAA'], x5t: 'AAAA' },
      { jku: 'file:///etc/passwd' },
    ]
    const known = trap.count
    for (const extra of extras) {
      assertStatus(await enter(mount, third.sign(plainClaims, { kid: 'k1', ...extra })), 400)
      assertStatus(await enter(mount, keyK.sign(plainClaims, extra)), 200)
    }
    assert.equal(trap.count, known, 'nothing leaves')
  })

  test('KEY-019, SEC-NET-03: a withdrawn key is refused once the life of the set is over', async () => {
    const house = await start([keyK.jwk, other.jwk], { 'cache-control': 'max-age=60' })
    const mount = await mountOf({ jwks_url: house.url })
    const fixed = { ...plainClaims, exp: Math.floor(clock.nowMs() / 1000) + 9000 }
    assertStatus(await enter(mount, keyK.sign(fixed)), 200)
    house.keys = [other.jwk]
    clock.advance(59_000)
    assertStatus(await enter(mount, keyK.sign(fixed)), 200)
    clock.advance(2_000)
    assertReason(await enter(mount, keyK.sign(fixed)), 'key_unknown')
  })

  test('CFG-061: a config write with the same values drops what was cached', async () => {
    const house = await start([keyK.jwk, other.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    const claims = { ...plainClaims, exp: Math.floor(clock.nowMs() / 1000) + 9000 }
    assertStatus(await enter(mount, keyK.sign(claims)), 200)
    house.keys = [other.jwk]
    assertStatus(await enter(mount, keyK.sign(claims)), 200, 'cached')
    await server.root.must(`auth/${mount}/config`, { jwks_url: house.url })
    assertReason(await enter(mount, keyK.sign(claims)), 'key_unknown')
  })

  test('keys that are too old to trust refuse with keys_stale', async () => {
    const house = await start([keyK.jwk])
    const mount = await mountOf({ jwks_url: house.url })
    const claims = { ...plainClaims, exp: Math.floor(clock.nowMs() / 1000) + 200_000 }
    assertStatus(await enter(mount, keyK.sign(claims)), 200)
    house.isUp = false
    clock.advance(25 * 3_600_000)
    assertReason(await enter(mount, keyK.sign(claims)), 'keys_stale')
    house.isUp = true
    clock.advance(5_000)
    assertStatus(await enter(mount, keyK.sign(claims)), 200)
  })
})

test('SEC-NET-04: a thousand first logins at once ask for one document and one key set', async () => {
  const idp = await startIdp(clock)
  const mount = await mountOf({ oidc_discovery_url: idp.issuer }, { token_type: 'batch' })
  const path = '/.well-known/openid-configuration'
  const atWrite = idp.requestCount(path)
  const jwt = idp.mint({ sub: 'u', aud: 'a' })
  const all = await Promise.all(Array.from({ length: 1000 }, () => enter(mount, jwt)))
  for (const one of all) assertStatus(one, 200)
  assert.equal(idp.requestCount(path) - atWrite, 1)
  assert.equal(idp.requestCount('/jwks'), 1)
  await idp.stop()
})

describe('pairs', () => {
  const pairs = (...houses: readonly KeyHouse[]) => ({
    jwks_pairs: houses.map(({ url }) => ({ jwks_url: url, jwks_ca_pem: '' })),
  })

  test('KEY-022, KEY-024, KEY-025: the pair that lists the name verifies, and then asks nobody', async () => {
    const houses = [await start([keyK.jwk]), await start([other.jwk]), await start([third.jwk])]
    const mount = await mountOf(pairs(...houses))
    assertStatus(await enter(mount, other.sign(far())), 200)
    for (const house of houses) assert.ok(house.count <= 2)
    const counts = houses.map(({ count }) => count)
    assertStatus(await enter(mount, other.sign(far())), 200)
    assertStatus(await enter(mount, third.sign(far())), 200)
    assert.deepEqual(
      houses.map(({ count }) => count),
      counts,
    )
  })

  test('KEY-022: a name in two pairs belongs to the first', async () => {
    const twin = makeJwtMaker('k1')
    const mount = await mountOf(pairs(await start([keyK.jwk]), await start([twin.jwk])))
    assertStatus(await enter(mount, keyK.sign(far())), 200)
    assertReason(await enter(mount, twin.sign(far())), 'signature_invalid')
  })

  test('KEY-023, KEY-029: a token without a name, or with an empty one', async () => {
    const mount = await mountOf(pairs(await start([keyK.jwk])))
    for (const kid of [undefined, '']) {
      const result = await enter(mount, keyK.sign(far(), { kid }))
      assertReason(result, 'key_unknown')
      assert.match(result.body.errors[0], /kid/)
    }
  })

  test('KEY-026, KEY-027: many logins at once ask each address once', async () => {
    const houses = [await start([keyK.jwk]), await start([other.jwk])]
    const mount = await mountOf(pairs(...houses))
    const jwt = other.sign(far())
    const all = await Promise.all(Array.from({ length: 50 }, () => enter(mount, jwt)))
    for (const one of all) assertStatus(one, 200)
    for (const house of houses) assert.ok(house.count <= 2, 'one at the write, one for the logins')
  })

  test('KEY-028: a name in no pair is named', async () => {
    const mount = await mountOf(pairs(await start([keyK.jwk])))
    const result = await enter(mount, third.sign(far()))
    assertReason(result, 'key_unknown')
    assert.match(result.body.errors[0], /k3/)
  })

  test('KEY-030: a config write makes the lists anew', async () => {
    const house = await start([keyK.jwk])
    const mount = await mountOf(pairs(house))
    assertStatus(await enter(mount, keyK.sign(far())), 200)
    house.keys = [other.jwk]
    await server.root.must(`auth/${mount}/config`, pairs(house))
    assertStatus(await enter(mount, other.sign(far())), 200)
    assertReason(await enter(mount, keyK.sign(far())), 'key_unknown')
  })

  test('KEY-031, KEY-032: one pair that is down is no obstacle, all of them are', async () => {
    const up = await start([keyK.jwk])
    const down = await start([other.jwk])
    down.isUp = false
    const mount = await mountOf({ ...pairs(down, up), skip_jwks_validation: true })
    assertStatus(await enter(mount, keyK.sign(far())), 200)
    up.isUp = false
    const dead = await mountOf({ ...pairs(down, up), skip_jwks_validation: true })
    const result = await enter(dead, keyK.sign(far()))
    assertReason(result, 'keys_unreachable')
    assert.match(result.body.errors[0], /all/)
  })
})

describe('look-alike claims', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['SEC-001', '{"sub":"root","ſub":"anon"}'],
    ['SEC-002', '{"iss":"a","iſs":"b"}'],
    ['SEC-003', '{"sub":"a","SUB":"b"}'],
    ['SEC-004', '{"ſub":"a"}'],
    ['SEC-004', '{"Iss":"a"}'],
    ['SEC-004', '{"AUD":"a"}'],
  ]
  for (const [id, extra] of cases) {
    test(`${id}: ${extra}`, async () => {
      const mount = await mountOf({ jwt_validation_pubkeys: [keyK.pem] })
      const jwt = keyK.sign({ ...JSON.parse(extra) })
      assertReason(await enter(mount, jwt), 'claim_ambiguous')
    })
  }

  test('SEC-005: other names of any alphabet are passed through', async () => {
    const mount = await mountOf(configS, { claim_mappings: { náme: 'n' } })
    const result = await enter(mount, keyK.sign({ ...far(), náme: 'é', nested: { SUB: 1 } }))
    assert.equal(result.body.auth.metadata.n, 'é')
  })
})

describe('structure', () => {
  test('KEY-006, SEC-SIG-01, SEC-SIG-03: any part that is not the signed one', async () => {
    const mount = await mountOf(configS)
    const [header = '', payload = '', signature = ''] = keyK.sign(plainClaims).split('.')
    const bytes = Buffer.from(signature, 'base64url')
    const flip = (at: number) => {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy.toString('base64url')
    }
    const broken = [
      `${part({ alg: 'ES256', kid: 'k1', x: 1 })}.${payload}.${signature}`,
      `${header}.${part(fresh({ ...plainClaims, sub: 'admin' }))}.${signature}`,
      `${header}.${payload}.${flip(0)}`,
      `${header}.${payload}.${flip(63)}`,
      `${header}.${payload}.${bytes.subarray(0, 63).toString('base64url')}`,
      `${header}.${payload}.${Buffer.concat([bytes, Buffer.from([0])]).toString('base64url')}`,
      `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    ]
    for (const jwt of broken) assertReason(await enter(mount, jwt), 'signature_invalid')
  })

  test('KEY-009, SEC-TOK-01, SEC-TOK-02, SEC-TOK-05, SEC-TOK-07: not three canonical parts', async () => {
    const mount = await mountOf(configS)
    const jwt = keyK.sign(plainClaims)
    const [header, payload, signature] = jwt.split('.')
    const broken = [
      'x',
      '..',
      '.',
      'a.b',
      `${jwt}.x`,
      `.${jwt}`,
      `${jwt}.`,
      '.'.repeat(250_000),
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `${header}.${payload}\u0000.${signature}`,
      `${header}.${payload}.${signature}A`,
      jwt.replaceAll('.', '%2e'),
    ]
    for (const text of broken) assertStatus(await enter(mount, text), 400, text.slice(0, 30))
  })

  test('SEC-TOK-04, SEC-TOK-17, SEC-TOK-18: a large token, spaces in the JSON, unknown header members', async () => {
    const mount = await mountOf({ jwt_validation_pubkeys: [keyK.pem] }, { groups_claim: 'groups' })
    const groups = Array.from({ length: 2_500 }, (_, i) => `group-number-${i}-abcdef`)
    const large = keyK.sign({ ...far(), groups })
    assert.ok(large.length > 60_000)
    assertStatus(await enter(mount, large), 200)
    assertStatus(await enter(mount, keyK.sign({ ...far(), groups: [] }, { foo: { bar: 1 } })), 200)
    const signer = makeSigner('ES256')
    const spaced = await mountOf({ jwt_validation_pubkeys: [signer.pem] })
    const text = JSON.stringify(fresh(far()), undefined, 2)
    const jwt = signAs('ES256', signer.privateKey, '{\n "alg" : "ES256" }', ` ${text}\n`)
    assertStatus(await enter(spaced, jwt), 200)
  })
})

test('a large token of a stranger beside hundreds of keys holds up nobody (SEC-KEY-11, SEC-HTP-17)', async () => {
  const signers = Array.from({ length: 600 }, () => makeSigner('EdDSA'))
  const mount = await makeMount(server.root, {
    jwt_validation_pubkeys: signers.map(({ pem }) => pem),
  })
  await server.root.must(`auth/${mount}/role/r`, plainRole)
  const stranger = makeSigner('EdDSA')
  const nowSeconds = Math.floor(clock.nowMs() / 1000)
  const claims = { ...plainClaims, iat: nowSeconds, exp: nowSeconds + 3600 }
  const forged = (more: object) =>
    signAs('EdDSA', stranger.privateKey, { alg: 'EdDSA' }, { ...claims, ...more })
  // The keys themselves are made ready by the first login that tries them.
  assertReason(await login(server, mount, 'r', forged({})), 'signature_invalid')
  const { result, otherCallerMs } = await besideOtherCaller(server, () =>
    login(server, mount, 'r', forged({ x: 'x'.repeat(180_000) })),
  )
  assertReason(result, 'signature_invalid')
  assert.ok(otherCallerMs < otherCallerMsMax, `others waited ${Math.round(otherCallerMs)} ms`)
  // An honest token of usual size is found by the last of these keys.
  const last = signers.at(-1)
  assert.ok(last !== undefined)
  const honest = signAs('EdDSA', last.privateKey, { alg: 'EdDSA' }, claims)
  assertStatus(await login(server, mount, 'r', honest), 200)
})

test('KEY-021: an empty address or a broken CA never becomes a configuration', async () => {
  const mount = await makeMount(server.root)
  for (const body of [
    { jwks_url: '' },
    { oidc_discovery_url: '' },
    { jwks_url: 'http://127.0.0.1:9/k', jwks_ca_pem: 'x', skip_jwks_validation: true },
    { oidc_discovery_url: 'http://127.0.0.1:9', oidc_discovery_ca_pem: 'x' },
  ]) {
    assertStatus(await server.root.write(`auth/${mount}/config`, body), 400)
  }
  assertStatus(await server.root.read(`auth/${mount}/config`), 404)
})
