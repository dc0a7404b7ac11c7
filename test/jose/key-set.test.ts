/** Which members of a JWK Set are used, and which key is asked for which token. */

import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { algorithmFacts, signatureAlgorithms } from '../../src/jose/algorithms.ts'
import { parseJwkSet } from '../../src/jose/jwk.ts'
import { verifyWithKeySet, verifyWithStaticKeys } from '../../src/jose/verify.ts'
import type { VerificationKey } from '../../src/jose/verification-key.ts'
import {
  claims,
  keySet,
  pairOf,
  pairs,
  parseAccepted,
  part,
  publicJwk,
  refusalOf,
  signToken,
  verificationKey,
} from './sample-tokens.ts'
import { unusableKeys } from './unusable-keys.ts'

const rsa = publicJwk(pairs.RSA.publicKey)
const p256 = publicJwk(pairs['P-256'].publicKey)

function verdict(token: string, keys: readonly VerificationKey[]): string {
  const result = verifyWithKeySet(parseAccepted(token), keys)
  return result.ok ? `by ${result.value.kid ?? 'nameless'}` : result.error
}

function isUsed(jwk: unknown): boolean {
  return keySet(jwk).length === 1
}

test('KEY-004 SEC-ALG-12: each of the ten algorithms verifies, from a set and as static key', () => {
  for (const alg of signatureAlgorithms) {
    const key = verificationKey(pairOf(alg), { kid: 'k' })
    assert.equal(verdict(signToken(alg, { kid: 'k' }), [key]), 'by k', alg)
    const jwt = parseAccepted(signToken(alg, { kid: 'other' }))
    assert.equal(verifyWithStaticKeys(jwt, [key]).ok, true, alg)
  }
})

test('KEY-007 KEY-008: of several static keys the right one is found, in any order', () => {
  const all = Object.values(pairs).map((pair) => verificationKey(pair))
  for (const alg of signatureAlgorithms) {
    const found = verifyWithStaticKeys(parseAccepted(signToken(alg)), all)
    assert.ok(found.ok && found.value.kind === algorithmFacts[alg].kind)
  }
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwt = parseAccepted(signToken('ES256', {}, claims, stranger))
  assert.deepEqual(verifyWithStaticKeys(jwt, all), { ok: false, error: 'signature_invalid' })
  assert.deepEqual(verifyWithStaticKeys(jwt, []), { ok: false, error: 'key_unknown' })
  const others = [verificationKey(pairs.RSA)]
  assert.deepEqual(verifyWithStaticKeys(jwt, others), { ok: false, error: 'key_unusable' })
})

test('KEY-010 SEC-KEY-05: only keys of the token’s kid are asked', () => {
  const second = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = keySet({ ...rsa, kid: 'k1' }, publicJwk(second.publicKey, { kid: 'k2' }))
  assert.equal(verdict(signToken('RS256', { kid: 'k2' }, claims, second), keys), 'by k2')
  assert.equal(verdict(signToken('RS256', { kid: 'k2' }), keys), 'signature_invalid')
  assert.equal(verdict(signToken('RS256', { kid: 'k3' }), keys), 'key_unknown')
})

test('KEY-011 SEC-KEY-10 SEC-KEY-11: without kid all fitting keys are asked', () => {
  assert.equal(verdict(signToken('RS256'), keySet({ ...rsa, kid: 'k1' })), 'by k1')
  const others = Array.from({ length: 3 }, (_, i) =>
    publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey, { kid: `o${i}` }),
  )
  const keys = keySet(...others, { ...p256, kid: 'e' }, { ...rsa, kid: 'k1' })
  assert.equal(verdict(signToken('RS256'), keys), 'by k1')
  assert.equal(verdict(signToken('ES256'), keys), 'by e')
  assert.equal(verdict(signToken('EdDSA'), keys), 'key_unusable')
  assert.equal(verdict(signToken('RS256'), []), 'key_unknown')
  assert.equal(verdict(signToken('RS256'), keySet(...others)), 'signature_invalid')
})

test('SEC-KEY-06 SEC-KEY-08 SEC-KEY-09: a kid is an opaque name compared byte by byte', () => {
  const key = verificationKey(pairs.RSA, { kid: 'k1' })
  const kids = [
    'K1',
    'k1 ',
    ' k1',
    'k1\0',
    'ｋ1',
    '../k1',
    "' OR 1=1--",
    '$(id)',
    'a\r\nb',
    '\u001b[2J',
  ]
  for (const kid of [...kids, '__proto__', 'constructor', 'toString', '', 'k'.repeat(65_536)]) {
    assert.equal(verdict(signToken('RS256', { kid }), [key]), 'key_unknown', kid.slice(0, 20))
    assert.equal(verifyWithStaticKeys(parseAccepted(signToken('RS256', { kid })), [key]).ok, true)
  }
})

test('SEC-ALG-05 SEC-ALG-06 KEY-005 SEC-KEY-16: shared-secret signatures are refused whatever they are keyed with', () => {
  const pem = pairs.RSA.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const secrets = [
    pem,
    pem.trim(),
    pem.replaceAll('\n', '\r\n'),
    ` ${pem}`,
    pairs.RSA.publicKey.export({ format: 'der', type: 'spki' }),
    pairs.RSA.publicKey.export({ format: 'der', type: 'pkcs1' }),
    JSON.stringify(rsa),
    JSON.stringify({ keys: [rsa] }),
    Buffer.from(rsa.n ?? '', 'base64url'),
    '',
    'k1',
    'https://idp.example',
    'secret',
  ]
  for (const secret of secrets) {
    for (const bits of ['256', '384', '512']) {
      const signed = `${part({ alg: `HS${bits}`, kid: 'k1' })}.${part(claims)}`
      const mac = createHmac(`sha${bits}`, secret).update(signed).digest('base64url')
      assert.equal(refusalOf(`${signed}.${mac}`), 'algorithm_refused')
    }
  }
  assert.equal(isUsed({ kty: 'oct', k: 'c2VjcmV0', kid: 'k1', alg: 'HS256' }), false)
  assert.equal(isUsed({ kty: 'oct', k: 'c2VjcmV0' }), false)
})

test('SEC-ALG-08 SEC-ALG-09: a key without alg serves its whole type, a pinned one its algorithm', () => {
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const) {
    assert.equal(verdict(signToken(alg, { kid: 'k' }), keySet({ ...rsa, kid: 'k' })), 'by k')
    const pinned = keySet({ ...rsa, kid: 'k', alg: 'RS256' })
    const expected = alg === 'RS256' ? 'by k' : 'key_unusable'
    assert.equal(verdict(signToken(alg, { kid: 'k' }), pinned), expected)
  }
})

test('SEC-ALG-10: an algorithm of another key type under a known kid is refused', () => {
  const rsaSet = keySet({ ...rsa, kid: 'k' })
  const ecSet = keySet({ ...p256, kid: 'k' })
  assert.equal(verdict(signToken('ES256', { kid: 'k' }), rsaSet), 'key_unusable')
  assert.equal(verdict(signToken('EdDSA', { kid: 'k' }), rsaSet), 'key_unusable')
  assert.equal(verdict(signToken('RS256', { kid: 'k' }), ecSet), 'key_unusable')
  assert.equal(verdict(signToken('ES384', { kid: 'k' }), ecSet), 'key_unusable')
})

test('a trust bundle of SPIFFE gives its keys for JWTs, and none of those for certificates', () => {
  assert.equal(isUsed({ ...rsa, use: 'jwt-svid' }), true)
  assert.equal(isUsed({ ...rsa, use: 'x509-svid' }), false)
})

test('SEC-KEY-12 KEY-018: keys for another purpose are passed over', () => {
  const members = [
    { use: 'enc' },
    { use: 'SIG' },
    { use: ['sig'] },
    { use: 1 },
    { key_ops: ['sign'] },
    { key_ops: [] },
    { key_ops: 'verify' },
    { key_ops: '' },
    { key_ops: ['verify', 1] },
    { key_ops: { 0: 'verify' } },
    { alg: 1 },
    { alg: 'RSA-OAEP' },
    { alg: 'ES256' },
    { alg: 'HS256' },
    { alg: 'toString' },
    { kid: 7 },
  ]
  for (const more of members) assert.equal(isUsed({ ...rsa, ...more }), false, JSON.stringify(more))
  for (const more of [
    { use: 'sig' },
    { key_ops: ['verify'] },
    { key_ops: ['sign', 'verify'] },
    { alg: 'PS384' },
    // Ruling R7: serialisers write these for what they do not know.
    { use: null, key_ops: null, alg: null },
    { use: '', alg: '' },
  ]) {
    assert.equal(isUsed({ ...rsa, ...more }), true, JSON.stringify(more))
  }
  const both = keySet({ ...rsa, kid: 'k', use: 'enc' }, { ...p256, kid: 'k', use: 'sig' })
  assert.equal(verdict(signToken('RS256', { kid: 'k' }), both), 'key_unusable')
})

for (const [id, keys] of Object.entries(unusableKeys)) {
  test(`weak, broken, enormous and foreign keys are passed over quickly (${id})`, () => {
    const all = keys()
    const startMs = performance.now()
    for (const { what, jwk } of all) assert.equal(isUsed(jwk), false, what)
    assert.ok(performance.now() - startMs < 400)
  })
}

test('what only looks weak or broken is used (SEC-KEY-13, SEC-KEY-14, SEC-KEY-15)', () => {
  assert.equal(isUsed({ ...rsa, e: Buffer.from([3]).toString('base64url') }), true)
  assert.equal(isUsed({ ...rsa, n: Buffer.alloc(2_048, 0xff).toString('base64url') }), true)
  for (const { publicKey } of Object.values(pairs)) assert.equal(isUsed(publicJwk(publicKey)), true)
})

test('a zero octet in front of an RSA modulus changes neither key nor thumbprint', () => {
  const padded = Buffer.concat([Buffer.alloc(1), Buffer.from(rsa.n ?? '', 'base64url')])
  const [key] = keySet({ ...rsa, n: padded.toString('base64url') })
  assert.equal(key?.thumbprint, verificationKey(pairs.RSA).thumbprint)
  assert.equal(verdict(signToken('RS256'), key === undefined ? [] : [key]), 'by nameless')
})

test('private keys are passed over', () => {
  for (const pair of Object.values(pairs)) {
    assert.equal(isUsed(pair.privateKey.export({ format: 'jwk' })), false)
  }
})

test('SEC-KEY-17 KEY-017: a good key is used beside bad neighbours, which are named', () => {
  const neighbours = [
    { kty: 'unknown', kid: 'u' },
    { ...rsa, n: 'AQAB', kid: 'broken' },
    { ...rsa, use: 'enc', kid: 'enc' },
    p256,
    null,
    'text',
    [],
  ]
  const set = parseJwkSet(JSON.stringify({ keys: [...neighbours, { ...rsa, kid: 'good' }] }))
  assert.ok(set.ok)
  assert.equal(verdict(signToken('RS256', { kid: 'good' }), set.value.keys), 'by good')
  assert.deepEqual(
    set.value.passedOver.map(({ index, kid }) => [index, kid]),
    [
      [0, 'u'],
      [1, 'broken'],
      [2, 'enc'],
      [4, undefined],
      [5, undefined],
      [6, undefined],
    ],
  )
})

test('SEC-KEY-17: 999 other keys do not matter, and reading them does not stall', () => {
  const jwk = publicJwk(pairs['P-521'].publicKey)
  const others = Array.from({ length: 999 }, (_, i) => ({ ...jwk, kid: `o${i}` }))
  const text = JSON.stringify({ keys: [...others, { ...p256, kid: 'good' }] })
  const startMs = performance.now()
  const set = parseJwkSet(text)
  assert.ok(performance.now() - startMs < 400)
  assert.ok(set.ok)
  assert.equal(set.value.keys.length, 1_000)
  assert.equal(verdict(signToken('ES256', { kid: 'good' }), set.value.keys), 'by good')
  assert.equal(verdict(signToken('ES256'), set.value.keys), 'by good')
  const modulus = Buffer.from(rsa.n ?? '', 'base64url')
  const rsaOthers = Array.from({ length: 999 }, (_, i) => {
    const n = Buffer.from(modulus)
    n.writeUInt32BE(i, 100)
    return { ...rsa, n: n.toString('base64url') }
  })
  const keys = keySet(...rsaOthers, { ...rsa, kid: 'good' })
  assert.equal(verdict(signToken('RS256'), keys), 'by good')
})

test('SEC-KEY-18: of two entries of one name the fitting one is used', () => {
  const keys = keySet({ ...p256, kid: 'k' }, { ...rsa, kid: 'k', use: 'enc' }, { ...rsa, kid: 'k' })
  assert.equal(verdict(signToken('RS256', { kid: 'k' }), keys), 'by k')
  assert.equal(verdict(signToken('ES256', { kid: 'k' }), keys), 'by k')
})

test('SEC-KEY-19: a document that is no JWK Set is a problem, an empty set is not', () => {
  const texts = [
    '{}',
    '{"keys":null}',
    '{"keys":{}}',
    '{"keys":"x"}',
    '[]',
    'null',
    '{"__proto__":{"keys":[]}}',
  ]
  for (const text of texts) {
    const set = parseJwkSet(text)
    assert.ok(!set.ok && set.error.reason === 'not_a_key_set', text)
  }
  for (const text of ['', '<html></html>', '{"keys":[]', 'keys', '\u{feff}{"keys":[]}']) {
    const set = parseJwkSet(text)
    assert.ok(!set.ok && set.error.reason === 'json_malformed', text)
  }
  assert.deepEqual(parseJwkSet('{"keys":[]}'), { ok: true, value: { keys: [], passedOver: [] } })
})

test('SEC-NET-14: duplicate members, lone surrogates and deep nesting in the document are refused', () => {
  const jwk = JSON.stringify(rsa)
  const texts = [
    `{"keys":[${jwk}],"keys":[]}`,
    `{"keys":[${jwk.slice(0, -1)},"kty":"RSA"}]}`,
    '{"keys":[],"x":"\\ud800"}',
    `{"keys":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
  ]
  for (const text of texts) {
    const set = parseJwkSet(text)
    assert.ok(!set.ok && set.error.reason === 'json_malformed')
  }
})

test('thumbprints are those of RFC 7638', async () => {
  // RFC 7638 §3.1.
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
    'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI' +
    'SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  const [example] = keySet({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })
  assert.equal(example?.thumbprint, 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  for (const pair of Object.values(pairs)) {
    const jwk = pair.publicKey.export({ format: 'jwk' }) as Parameters<
      typeof calculateJwkThumbprint
    >[0]
    assert.equal(verificationKey(pair).thumbprint, await calculateJwkThumbprint(jwk))
  }
})

test('the platform key of an entry is its public key', () => {
  for (const pair of Object.values(pairs)) {
    const key = verificationKey(pair)
    assert.ok(key.key.equals(createPublicKey(pair.privateKey)))
    assert.equal(key.key, key.key)
  }
})
