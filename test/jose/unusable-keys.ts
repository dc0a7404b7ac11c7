/**
 * Published keys that must never be used, by catalogue row: what the reader of key sets and the login of a server must
 * both pass over.
 */

import { generateKeyPairSync } from 'node:crypto'
import { pairs, publicJwk, unknownPairs, type Pair } from './sample-tokens.ts'

export interface UnusableKey {
  readonly what: string
  readonly jwk: Readonly<Record<string, unknown>>
  /** Whose signature such a key would verify, if it is not that of the sample pair of its type. */
  readonly pair?: Pair
}

export const unusableKeys: Readonly<Record<string, () => readonly UnusableKey[]>> = {
  'SEC-KEY-13': rsaKeys,
  'SEC-KEY-14': ecKeys,
  'SEC-KEY-15': okpKeys,
}

function bytesText(...bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('base64url')
}

function rsaKeys(): readonly UnusableKey[] {
  const rsa = publicJwk(pairs.RSA.publicKey)
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const modulus = Buffer.from(rsa.n ?? '', 'base64url')
  const even = Buffer.from(modulus)
  even.writeUInt8(even.readUInt8(255) & 0xfe, 255)
  const short = Buffer.concat([Buffer.alloc(128), modulus.subarray(128)])
  const changes: Readonly<Record<string, object>> = {
    'exponent empty': { e: '' },
    'exponent 0': { e: bytesText(0) },
    'exponent 1': { e: bytesText(1) },
    'exponent 2': { e: bytesText(2) },
    'exponent even': { e: bytesText(1, 0, 0) },
    'exponent of 65 bits': { e: bytesText(1, 0, 0, 0, 0, 0, 0, 0, 1) },
    'exponent as long as the modulus': { e: rsa.n },
    'exponent missing': { e: undefined },
    'modulus empty': { n: '' },
    'modulus 0': { n: bytesText(0) },
    'modulus even': { n: even.toString('base64url') },
    'modulus missing': { n: undefined },
    'modulus a number': { n: 5 },
    'modulus padded': { n: `${rsa.n ?? ''}==` },
    'modulus of half a million bits': { n: Buffer.alloc(65_536, 0xff).toString('base64url') },
    'modulus a byte too long': { n: Buffer.alloc(2_049, 0xff).toString('base64url') },
    'modulus of 1024 bits behind zeros': { n: short.toString('base64url') },
  }
  return [
    { what: 'a key of 1024 bits', jwk: { ...publicJwk(small.publicKey) }, pair: small },
    ...Object.entries(changes).map(([what, change]) => ({ what, jwk: { ...rsa, ...change } })),
  ]
}

function ecKeys(): readonly UnusableKey[] {
  return (['P-256', 'P-384', 'P-521'] as const).flatMap((kind) => {
    const jwk = publicJwk(pairs[kind].publicKey)
    const x = Buffer.from(jwk.x ?? '', 'base64url')
    const off = Buffer.from(x)
    off.writeUInt8(off.readUInt8(off.length - 1) ^ 1, off.length - 1)
    const zero = Buffer.alloc(x.length).toString('base64url')
    const changes: Record<string, object> = {
      'off the curve': { x: off.toString('base64url') },
      'x zero': { x: zero },
      'the point zero': { x: zero, y: zero },
      'x all ones': { x: Buffer.alloc(x.length, 0xff).toString('base64url') },
      'x a byte short': { x: x.subarray(1).toString('base64url') },
      'x a byte long': { x: Buffer.concat([Buffer.alloc(1), x]).toString('base64url') },
      'x empty': { x: '' },
      'x of half a million bits': { x: Buffer.alloc(65_536, 1).toString('base64url') },
      'y missing': { y: undefined },
      'y null': { y: null },
      'curve missing': { crv: undefined },
      'curve in another case': { crv: kind.toLowerCase() },
      'curve secp256k1': { crv: 'secp256k1' },
      'another curve': { crv: kind === 'P-256' ? 'P-384' : 'P-256' },
      'curve __proto__': { crv: '__proto__' },
    }
    if (kind === 'P-521') {
      // A coordinate has seven spare bits there, so x + p has the full length and names the same point.
      const beyond = BigInt(`0x${x.toString('hex')}`) + 2n ** 521n - 1n
      const bytes = Buffer.from(beyond.toString(16).padStart(132, '0'), 'hex')
      changes['x not below the prime'] = { x: bytes.toString('base64url') }
    }
    return Object.entries(changes).map(([what, change]) => ({
      what: `${kind}: ${what}`,
      jwk: { ...jwk, ...change },
    }))
  })
}

function okpKeys(): readonly UnusableKey[] {
  const jwk = publicJwk(pairs.Ed25519.publicKey)
  const x = Buffer.from(jwk.x ?? '', 'base64url')
  const changes: Readonly<Record<string, object>> = {
    'curve X25519': { crv: 'X25519' },
    ...Object.fromEntries(Object.keys(unknownPairs).map((crv) => [`curve ${crv}`, { crv }])),
    'curve missing': { crv: undefined },
    'x a byte short': { x: x.subarray(1).toString('base64url') },
    'x a byte long': { x: Buffer.concat([x, Buffer.alloc(1)]).toString('base64url') },
    'x empty': { x: '' },
    'x missing': { x: undefined },
    'x of half a million bits': { x: Buffer.alloc(65_536, 1).toString('base64url') },
    'a point of small order': { x: Buffer.alloc(32).toString('base64url') },
    'the identity': {
      x: Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]).toString('base64url'),
    },
  }
  return [
    ...Object.entries(changes).map(([what, change]) => ({ what, jwk: { ...jwk, ...change } })),
    { what: 'X25519', jwk: { ...publicJwk(generateKeyPairSync('x25519').publicKey) } },
    ...Object.entries(unknownPairs).map(([what, pair]) => ({
      what,
      jwk: { ...publicJwk(pair.publicKey) },
      pair,
    })),
  ]
}
