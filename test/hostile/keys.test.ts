/**
 * Published keys that must not be used, at the login of a real server (security-cases.md §4):
 * nobody enters by them.
 */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { SignatureAlgorithm } from '../../src/jose/algorithms.ts'
import {
  claims,
  pairs,
  publicJwk,
  signToken,
  withSignature,
  type Pair,
} from '../jose/sample-tokens.ts'
import { rightBlock } from '../jose/signature-forms.suite.ts'
import { unusableKeys, type UnusableKey } from '../jose/unusable-keys.ts'
import { publishKeys, wantVerdict, type PublishedKeys } from './published-keys.ts'

let setup: PublishedKeys

before(async () => {
  setup = await publishKeys()
})

after(() => setup.stop())

const rsa = publicJwk(pairs.RSA.publicKey)
const p256 = publicJwk(pairs['P-256'].publicKey)
const good = { ...p256, kid: 'good' }
/** Members of a key set that the server reads; more of them would be another refusal. */
const keysMax = 1000

/** The algorithm that the key would be asked for if it were used. */
function algorithmFor({ jwk }: UnusableKey): SignatureAlgorithm {
  if (jwk['kty'] === 'RSA') return 'RS256'
  if (jwk['kty'] === 'OKP') return 'EdDSA'
  const bytes = String(jwk['y'] ?? jwk['x']).length
  return bytes > 80 ? 'ES512' : bytes > 50 ? 'ES384' : 'ES256'
}

function signedWith(kid: string, key: UnusableKey): string {
  const alg = algorithmFor(key)
  // Under the exponent 1 everybody can make the signature: it is the padded hash itself.
  if (key.what === 'exponent 1') {
    const token = signToken('RS256', { kid })
    return withSignature(token, rightBlock(token))
  }
  return signToken(alg, { kid }, claims, ...(key.pair === undefined ? [] : [key.pair]))
}

for (const [id, keys] of Object.entries(unusableKeys)) {
  test(`a published key that is weak, broken or enormous lets nobody in, and the good one beside it serves (${id})`, async () => {
    const all = keys()
    const mount = id.toLowerCase()
    const published = all.map(({ jwk }, i) => ({ ...jwk, kid: `bad${i}` }))
    await setup.mount(mount, [...published, good])
    for (const [i, key] of all.entries()) {
      wantVerdict(await setup.login(mount, signedWith(`bad${i}`, key)), false, key.what)
    }
    wantVerdict(await setup.login(mount, signToken('ES256', { kid: 'good' })), true, 'good')
  })

  test(`a key set as large as it may be, all of such keys but one, keeps nobody waiting (${id})`, async () => {
    // Those of half a million bits are in the test above; with many of them the document is too long to be read.
    const all = keys().filter(({ jwk }) => JSON.stringify(jwk).length < 1000)
    const many = Array.from({ length: keysMax - 1 }, (_, i) => ({
      ...all[i % all.length]?.jwk,
      kid: `bad${i}`,
    }))
    const mount = `${id.toLowerCase()}-many`
    await setup.mount(mount, [...many, good])
    const startMs = performance.now()
    const logins = Array.from({ length: 50 }, () =>
      setup.login(mount, signToken('ES256', { kid: 'good' })),
    )
    for (const result of await Promise.all(logins)) wantVerdict(result, true, 'good')
    const tookMs = performance.now() - startMs
    assert.ok(tookMs < 5000, `${tookMs} ms for fifty logins`)
  })
}

const rsaAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const

test('a key without an algorithm serves every one of its type, a pinned one its own only (SEC-ALG-08)', async () => {
  await setup.mount('free', [{ ...rsa, kid: 'k' }])
  await setup.mount('pinned', [{ ...rsa, kid: 'k', alg: 'RS256' }])
  for (const alg of rsaAlgorithms) {
    const jwt = signToken(alg, { kid: 'k' })
    wantVerdict(await setup.login('free', jwt), true, alg)
    wantVerdict(await setup.login('pinned', jwt), alg === 'RS256', `${alg} at RS256`)
  }
  for (const alg of ['ES256', 'EdDSA'] as const) {
    wantVerdict(await setup.login('free', signToken(alg, { kid: 'k' })), false, alg)
  }
})

test('the algorithm of the header is taken among a thousand keys without one (SEC-ALG-08)', async () => {
  const others = Array.from({ length: keysMax - 1 }, (_, i) => ({ ...rsaLike(i), kid: `o${i}` }))
  await setup.mount('free-many', [...others, { ...rsa, kid: 'k' }])
  for (const alg of rsaAlgorithms) {
    wantVerdict(await setup.login('free-many', signToken(alg, { kid: 'k' })), true, alg)
  }
  wantVerdict(await setup.login('free-many', signToken('PS512', { kid: 'o7' })), false, 'o7')
})

/** A key of the sample's size that nobody has the private half of. */
function rsaLike(index: number): object {
  const modulus = Buffer.from(rsa.n ?? '', 'base64url')
  modulus.writeUInt32BE(index, 100)
  return { ...rsa, n: modulus.toString('base64url') }
}

function publicOf(pair: Pair, more: Record<string, unknown>): object {
  return publicJwk(pair.publicKey, more)
}

test('of entries of one name the fitting one is used, and a stranger of that name enters by none (SEC-KEY-18)', async () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const fitting = [
    { ...p256, kid: 'k' },
    { ...rsa, kid: 'k', use: 'enc' },
    { ...rsa, kid: 'k' },
  ]
  await setup.mount('one-name', fitting)
  // The hostile maximum: as many of that name as a set may have, the fitting ones at its end.
  const others = (['P-384', 'P-521', 'Ed25519'] as const).map((kind) =>
    publicOf(pairs[kind], { kid: 'k', use: 'enc' }),
  )
  const many = Array.from({ length: keysMax - fitting.length }, (_, i) => others[i % 3] ?? {})
  await setup.mount('one-name-many', [...many, ...fitting])
  for (const mount of ['one-name', 'one-name-many']) {
    for (const alg of ['RS256', 'PS384', 'ES256'] as const) {
      wantVerdict(await setup.login(mount, signToken(alg, { kid: 'k' })), true, `${mount} ${alg}`)
    }
    const forged = signToken('ES256', { kid: 'k' }, claims, stranger)
    wantVerdict(await setup.login(mount, forged), false, `${mount}: a stranger`)
    wantVerdict(await setup.login(mount, signToken('EdDSA', { kid: 'k' })), false, 'enc')
  }
})
