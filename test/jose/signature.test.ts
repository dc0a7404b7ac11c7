/** Damaged signatures, and every form of `signature-forms.suite.ts`, at the verifier itself; test/hostile has them at a server. */

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { signatureAlgorithms, type SignatureAlgorithm } from '../../src/jose/algorithms.ts'
import { verifySignature } from '../../src/jose/verify.ts'
import {
  claims,
  pairOf,
  parseAccepted,
  refusalOf,
  signatureOf,
  signToken,
  verificationKey,
  withSignature,
} from './sample-tokens.ts'
import { signatureForms } from './signature-forms.suite.ts'

function isAccepted(token: string, alg: SignatureAlgorithm): boolean {
  return (
    refusalOf(token) === undefined &&
    verifySignature(parseAccepted(token), verificationKey(pairOf(alg)))
  )
}

for (const [id, forms] of Object.entries(signatureForms)) {
  test(`of all forms of a signature only the right one is accepted (${id})`, () => {
    for (const { what, alg, token, isAccepted: expected } of forms()) {
      assert.equal(isAccepted(token, alg), expected, what)
    }
  })
}

test('honest signatures of all ten algorithms are accepted, and damaged ones are not', () => {
  for (const alg of signatureAlgorithms) {
    const token = signToken(alg)
    assert.equal(isAccepted(token, alg), true, alg)
    const damaged = signatureOf(token)
    damaged.writeUInt8(damaged.readUInt8(5) ^ 1, 5)
    assert.equal(isAccepted(withSignature(token, damaged), alg), false, alg)
  }
  const big = generateKeyPairSync('rsa', { modulusLength: 4096 })
  const key = verificationKey(big)
  const jwt = parseAccepted(signToken('RS256', {}, claims, big))
  assert.equal(verifySignature(jwt, key), true)
  assert.equal(verifySignature(parseAccepted(signToken('ES256')), key), false)
})

test('SEC-SIG-01 SEC-SIG-02: damaged, cut, stretched and constant signatures are refused', () => {
  for (const alg of signatureAlgorithms) {
    const token = signToken(alg)
    const good = signatureOf(token)
    const { length } = good
    const flip = (at: number, mask: number): Buffer => {
      const bytes = Buffer.from(good)
      bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at)
      return bytes
    }
    const bad = [
      flip(0, 0x80),
      flip(length - 1, 1),
      flip(length >> 1, 0xff),
      good.subarray(1),
      good.subarray(0, -1),
      good.subarray(0, length >> 1),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.alloc(length),
      Buffer.alloc(length, 0xff),
      Buffer.from([1]),
      Buffer.alloc(100_000, 7),
    ]
    for (const [index, bytes] of bad.entries()) {
      assert.equal(isAccepted(withSignature(token, bytes), alg), false, `${alg} ${index}`)
    }
  }
})

test('SEC-SIG-03 KEY-006: parts exchanged between two honest tokens do not fit', () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA', 'PS256'] as const) {
    const [h1 = '', c1 = '', s1 = ''] = signToken(alg, { kid: 'a' }).split('.')
    const [h2 = '', c2 = '', s2 = ''] = signToken(
      alg,
      { kid: 'b' },
      { ...claims, sub: 'bob' },
    ).split('.')
    for (const parts of [
      [h2, c1, s1],
      [h1, c2, s1],
      [h1, c1, s2],
    ]) {
      assert.equal(isAccepted(parts.join('.'), alg), false)
    }
  }
})

test('SEC-SIG-05 SEC-SIG-07: ECDSA in DER, and of zeros, is refused', () => {
  for (const alg of ['ES256', 'ES384', 'ES512'] as const) {
    const token = signToken(alg)
    const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')))
    const der = sign(`sha${alg.slice(2)}`, signed, pairOf(alg).privateKey)
    assert.equal(isAccepted(withSignature(token, der), alg), false)
    const zeros = Buffer.alloc(signatureOf(token).length)
    assert.equal(isAccepted(withSignature(token, zeros), alg), false)
  }
})
