/** The practice provider as a stranger sees it: its documents, its minter, its troubles, and who may talk to it. */

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { SystemClock } from '../../src/platform/clock.ts'
import { SeededRandom } from '../harness/seeded-random.ts'
import { createPracticeIdp, type PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import { troubleNames } from '../../src/practice-idp/trouble.ts'
import { workloadNames } from '../../src/practice-idp/workload.ts'

function make(address: string): PracticeIdp {
  return createPracticeIdp({
    address,
    port: 0,
    random: new SeededRandom('practice'),
    clock: new SystemClock(),
  })
}

async function post(idp: PracticeIdp, path: string, body: unknown): Promise<Response> {
  return await fetch(idp.issuer + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

describe('practice identity provider', () => {
  let idp: PracticeIdp
  before(async () => {
    idp = make('127.0.0.1')
    await idp.start()
  })
  after(() => idp.stop())

  async function verify(jwt: string): Promise<string> {
    const keys = createRemoteJWKSet(new URL(`${idp.issuer}/jwks`))
    try {
      await jwtVerify(jwt, keys, { issuer: idp.issuer })
      return 'accepted'
    } catch (problem) {
      assert.ok(problem instanceof errors.JOSEError, String(problem))
      return problem.code
    }
  }

  test('it listens on this machine only', () => {
    for (const address of ['0.0.0.0', '::', '192.0.2.1', 'localhost', '']) {
      assert.throws(() => make(address), /loopback/)
    }
  })

  test('its tokens verify with an independent library, in every algorithm, before and after a rotation', async () => {
    const old = idp.mint()
    for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
      assert.equal(await verify(idp.mint({}, { alg })), 'accepted')
    }
    idp.rotate()
    assert.equal(await verify(idp.mint()), 'accepted')
    assert.equal(await verify(old), 'accepted')
    idp.rotate({ withdraw: true })
    assert.equal(await verify(old), 'ERR_JWKS_NO_MATCHING_KEY')
  })

  test('every template can be minted over HTTP, with claims laid over it', async () => {
    for (const template of workloadNames) {
      const answer = await post(idp, '/mint', {
        template,
        audience: 'me',
        claims: { x: 12345678901234567890n.toString() },
      })
      assert.equal(answer.status, 200)
      const { jwt } = (await answer.json()) as { jwt: string }
      assert.equal(await verify(jwt), 'accepted')
      const claims = decodeJwt(jwt)
      assert.equal(claims.aud, 'me')
      assert.notEqual(claims.sub, undefined)
    }
    const subject = (template: 'github_old' | 'github_immutable'): string | undefined =>
      decodeJwt(idp.mint({}, { template })).sub
    assert.match(subject('github_old') ?? '', /^repo:acme\/deploy:/)
    assert.match(subject('github_immutable') ?? '', /^repo:acme@\d+\/deploy@\d+:/)
    const entra = decodeJwt(idp.mint({}, { template: 'entra' }))
    assert.deepEqual([entra['groups'], entra['_claim_names']], [undefined, { groups: 'src1' }])
  })

  test('a mint request it does not understand is refused', async () => {
    for (const body of [
      { template: 'x' },
      { alg: 'HS256' },
      { claims: [] },
      { lifetime_seconds: 'x' },
      [],
    ]) {
      assert.equal((await post(idp, '/mint', body)).status, 400)
    }
  })

  test('each trouble of tokens shows in the token', async () => {
    const during = async (trouble: (typeof troubleNames)[number]): Promise<string> => {
      idp.setTrouble(trouble, true)
      const jwt = idp.mint({}, { template: 'person' })
      idp.setTrouble(trouble, false)
      return jwt
    }
    assert.equal(await verify(await during('unknown_kid')), 'ERR_JWKS_NO_MATCHING_KEY')
    assert.equal(await verify(await during('wrong_key')), 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED')
    assert.equal(await verify(await during('expired')), 'ERR_JWT_EXPIRED')
    assert.equal(await verify(await during('clock_ahead')), 'ERR_JWT_CLAIM_VALIDATION_FAILED')
    assert.equal(decodeJwt(await during('groups_missing'))['groups'], undefined)
    assert.deepEqual(decodeJwt(idp.mint({}, { template: 'person' }))['groups'], [
      'engineering',
      'oncall',
    ])
  })

  test('troubles are switched over HTTP, and each of documents shows in the document', async () => {
    const url = `${idp.issuer}/.well-known/openid-configuration`
    const state = (await (await post(idp, '/troubles', { html: true })).json()) as object
    assert.deepEqual(Object.keys(state), [...troubleNames])
    assert.match((await fetch(url)).headers.get('content-type') ?? '', /html/)
    await post(idp, '/troubles', { html: false, status_500: true })
    assert.equal((await fetch(url)).status, 500)
    await post(idp, '/troubles', { status_500: false, issuer_slash: true })
    const document = (await (await fetch(url)).json()) as { issuer: string }
    assert.equal(document.issuer, `${idp.issuer}/`)
    await post(idp, '/troubles', { issuer_slash: false })
    assert.equal((await post(idp, '/troubles', { nonsense: true })).status, 400)
  })

  test('its page names every trouble and template, and its forms work', async () => {
    const html = await (await fetch(`${idp.issuer}/`)).text()
    for (const name of [...troubleNames, ...workloadNames]) assert.ok(html.includes(name), name)
    const before = idp.requestCount('/rotate')
    const answer = await fetch(`${idp.issuer}/rotate`, {
      method: 'POST',
      headers: { origin: idp.issuer },
      body: new URLSearchParams(),
      redirect: 'manual',
    })
    assert.equal(answer.status, 303)
    assert.equal(idp.requestCount('/rotate'), before + 1)
  })

  test('pages of other origins and rebound names are turned away', async () => {
    const statusWith = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const call = request(`${idp.issuer}/rotate`, { method: 'POST', headers }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        call.on('error', reject)
        call.end()
      })
    assert.equal(await statusWith({ origin: 'https://evil.example' }), 403)
    assert.equal(await statusWith({ origin: 'null' }), 403)
    assert.equal(await statusWith({ host: 'evil.example' }), 403)
    assert.equal(await statusWith({}), 200)
  })
})
