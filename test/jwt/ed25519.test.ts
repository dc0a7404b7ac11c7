/**
 * The two names of one algorithm, `EdDSA` and `Ed25519` (RFC 9864 §2.2), and tokens that are no
 * logins.
 */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  fresh,
  issuerUrl,
  login,
  makeMount,
  makeSigner,
  plainClaims,
  plainRole,
  signAs,
} from './fixture.ts'

const key = makeSigner('EdDSA')
const rsa = makeSigner('RS256')
const names = ['EdDSA', 'Ed25519']

function token(header: object, claims: object = {}): string {
  return signAs('EdDSA', key.privateKey, header, { ...fresh(plainClaims), ...claims })
}

suite('Ed25519', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer({ explainToCaller: 'full' })
  })
  after(() => server.stop())

  async function mountWith(algorithms: readonly string[]): Promise<string> {
    const mount = await makeMount(server.root, {
      jwt_validation_pubkeys: [key.pem, rsa.pem],
      bound_issuer: issuerUrl,
      jwt_supported_algs: algorithms,
    })
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    return mount
  }

  test('a list that allows one name allows the other, and is read as it was written', async () => {
    for (const list of [[], ['EdDSA'], ['Ed25519'], ['RS256', 'Ed25519']]) {
      const mount = await mountWith(list)
      const config = await server.root.read(`auth/${mount}/config`)
      assert.deepEqual(config.body.data.jwt_supported_algs, list)
      for (const alg of names) assertStatus(await login(server, mount, 'r', token({ alg })), 200)
    }
  })

  test('neither name is allowed by another algorithm, nor in another spelling (SEC-ALG-07)', async () => {
    const mount = await mountWith(['RS256'])
    for (const alg of names) {
      assertReason(await login(server, mount, 'r', token({ alg })), 'algorithm_refused')
    }
    const open = await mountWith([])
    for (const alg of ['ed25519', 'Ed448', 'EDDSA', 'Ed25519 ']) {
      assertReason(await login(server, open, 'r', token({ alg })), 'algorithm_refused')
    }
    const config = { jwt_validation_pubkeys: [key.pem], jwt_supported_algs: ['ed25519'] }
    const refused = await server.root.write(`auth/${open}/config`, config)
    assertRefused(refused, /unsupported signing algorithm "ed25519"/)
  })

  test('an RSA key never serves a token that names Ed25519 (SEC-ALG-07)', async () => {
    const mount = await mountWith([])
    const forged = signAs('RS256', rsa.privateKey, { alg: 'Ed25519' }, fresh(plainClaims))
    const result = await login(server, mount, 'r', forged)
    assertStatus(result, 400)
    assert.equal(result.body.auth, undefined)
  })

  test('a key may be published under either name, with nulls for the rest', async () => {
    for (const alg of [...names, null, '']) {
      const set = JSON.stringify({ keys: [{ ...key.jwk, alg, use: null, key_ops: null }] })
      const publisher = createServer((_, response) => response.end(set))
      await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
      try {
        const { port } = publisher.address() as AddressInfo
        const mount = await makeMount(server.root, { jwks_url: `http://127.0.0.1:${port}/` })
        await server.root.must(`auth/${mount}/role/r`, plainRole)
        for (const name of names) {
          assertStatus(await login(server, mount, 'r', token({ alg: name })), 200)
        }
      } finally {
        publisher.close()
      }
    }
  })

  test('tokens that are made for another purpose are no logins', async () => {
    const mount = await mountWith([])
    for (const typ of ['logout+jwt', 'Application/LOGOUT+JWT', 'secevent+jwt', 'DPoP+jwt']) {
      const result = await login(server, mount, 'r', token({ alg: 'EdDSA', typ }))
      assertReason(result, 'token_type_refused', typ)
    }
    const logout = 'http://schemas.openid.net/event/backchannel-logout'
    for (const events of [{ [logout]: {} }, { other: {}, [logout]: null }]) {
      const result = await login(server, mount, 'r', token({ alg: 'EdDSA' }, { events }))
      assertReason(result, 'token_type_refused')
    }
    for (const typ of ['JWT', 'at+jwt', 'application/at+jwt']) {
      assertStatus(await login(server, mount, 'r', token({ alg: 'EdDSA', typ })), 200, typ)
    }
  })
})
