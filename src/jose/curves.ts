/**
 * The numbers of the curves (FIPS 186-5, SEC 2, RFC 8032), for the checks that the platform leaves
 * out or does dearly.
 */

import type { CurveName } from './algorithms.ts'

export interface Curve {
  /** Length of a coordinate and of r and s. */
  readonly bytes: number
  readonly p: bigint
  readonly b: bigint
  /** Order of the group, big-endian. */
  readonly order: Buffer
}

export const curves: Readonly<Record<CurveName, Curve>> = {
  'P-256': {
    bytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'),
  },
  'P-384': {
    bytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order: Buffer.from(
      'ffffffffffffffffffffffffffffffffffffffffffffffff' +
        'c7634d81f4372ddf581a0db248b0a77aecec196accc52973',
      'hex',
    ),
  },
  'P-521': {
    bytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order: Buffer.from(
      '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa' +
        '51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
      'hex',
    ),
  },
}

/** RFC 8032 §5.1: the order L of the Ed25519 group, big-endian. */
export const ed25519Order = Buffer.from(
  '1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed',
  'hex',
)

/**
 * y² = x³ − 3x + b with both coordinates below p. The three groups have no subgroups, so this is
 * all.
 */
export function isOnCurve(curve: Curve, x: Uint8Array, y: Uint8Array): boolean {
  const { p, b } = curve
  const left = bigintOf(y)
  const right = bigintOf(x)
  if (left >= p || right >= p) return false
  return (left * left - (right * right * right - 3n * right + b)) % p === 0n
}

// The y coordinates (little-endian, sign bit off) of the points of order 1, 2, 4 and 8, and their
// unreduced forms.
const smallOrderY: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
])

/** A point that no honest Ed25519 key or signature has: under such a key anybody can sign. */
export function isSmallOrderPoint(point: Uint8Array): boolean {
  const y = Buffer.from(point)
  y.writeUInt8(y.readUInt8(31) & 0x7f, 31)
  return smallOrderY.has(y.toString('hex'))
}

function bigintOf(bytes: Uint8Array): bigint {
  return BigInt('0x' + Buffer.from(bytes).toString('hex'))
}
