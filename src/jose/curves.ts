/**
 * The curves (FIPS 186-5, SEC 2, RFC 8032), one row for each: its names, and the checks of points
 * and signatures that the platform leaves out or does dearly.
 */

interface Numbers {
  /** Of node:crypto: the curve, or the type of key where that says all. */
  readonly platformName: string
  /** Length of a coordinate and of each half of a signature. */
  readonly bytes: number
  /** Order of the group, big-endian. */
  readonly order: Buffer
  /** Of one verification, see `VerificationKey`. */
  readonly costMicros: number
}

interface PrimeNumbers extends Numbers {
  readonly p: bigint
  readonly b: bigint
}

interface TwistedNumbers extends Numbers {
  /**
   * The y coordinates (little-endian, sign bit off) of the points of order 1, 2, 4 and 8, and their
   * unreduced forms.
   */
  readonly smallOrderY: ReadonlySet<string>
}

export interface Curve extends Numbers {
  readonly kty: 'EC' | 'OKP'
  /** Why it is no public point, in words; `y` counts for EC alone. */
  readonly pointProblem: (x: Uint8Array, y: Uint8Array) => string | undefined
  /** Whether an honest signer may have made these two halves, each of `bytes`. */
  readonly isSignature: (first: Uint8Array, second: Uint8Array) => boolean
}

const table = {
  'P-256': weierstrass({
    platformName: 'prime256v1',
    costMicros: 50,
    bytes: 32,
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex'),
  }),
  'P-384': weierstrass({
    platformName: 'secp384r1',
    costMicros: 900,
    bytes: 48,
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order: Buffer.from(
      'ffffffffffffffffffffffffffffffffffffffffffffffff' +
        'c7634d81f4372ddf581a0db248b0a77aecec196accc52973',
      'hex',
    ),
  }),
  'P-521': weierstrass({
    platformName: 'secp521r1',
    costMicros: 1_800,
    bytes: 66,
    p: 2n ** 521n - 1n,
    b: 0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order: Buffer.from(
      '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa' +
        '51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
      'hex',
    ),
  }),
  // RFC 8032 §5.1.
  Ed25519: edwards({
    platformName: 'ed25519',
    costMicros: 90,
    bytes: 32,
    order: Buffer.from('1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed', 'hex'),
    smallOrderY: new Set([
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ]),
  }),
}

export type CurveName = keyof typeof table

export const curves: Readonly<Record<CurveName, Curve>> = table

/** A name from outside. Own members only. */
export function isCurveName(name: unknown): name is CurveName {
  return typeof name === 'string' && Object.hasOwn(table, name)
}

export const curveNames = Object.keys(table).filter(isCurveName)

/** Every kind of key, for people. */
export const keyKindsText = `RSA of 2048 bits or more, ${curveNames.slice(0, -1).join(', ')} or ${curveNames.at(-1) ?? ''}`

function weierstrass(curve: PrimeNumbers): Curve {
  // 1 to n−1 (CVE-2022-21449).
  const isScalar = (value: Uint8Array) =>
    value.some((byte) => byte !== 0) && Buffer.compare(value, curve.order) < 0
  return {
    ...curve,
    kty: 'EC',
    pointProblem: (x, y) => (isOnCurve(curve, x, y) ? undefined : 'is not on the curve'),
    isSignature: (r, s) => isScalar(r) && isScalar(s),
  }
}

/** RFC 8032 §5.1.7: S is reduced; and R is a point that an honest signer can produce. */
function edwards(curve: TwistedNumbers): Curve {
  return {
    ...curve,
    kty: 'OKP',
    pointProblem: (x) => (isSmallOrderPoint(curve, x) ? 'has a small order' : undefined),
    isSignature(point, littleEndian) {
      const s = Buffer.from(littleEndian).reverse()
      if (Buffer.compare(s, curve.order) >= 0 || s.every((byte) => byte === 0)) return false
      return !isSmallOrderPoint(curve, point)
    },
  }
}

/**
 * y² = x³ − 3x + b with both coordinates below p. The three groups have no subgroups, so this is
 * all.
 */
function isOnCurve({ p, b }: PrimeNumbers, x: Uint8Array, y: Uint8Array): boolean {
  const left = bigintOf(y)
  const right = bigintOf(x)
  if (left >= p || right >= p) return false
  return (left * left - (right * right * right - 3n * right + b)) % p === 0n
}

/** A point that no honest key or signature has: under such a key anybody can sign. */
function isSmallOrderPoint({ bytes, smallOrderY }: TwistedNumbers, point: Uint8Array): boolean {
  const y = Buffer.from(point)
  y.writeUInt8(y.readUInt8(bytes - 1) & 0x7f, bytes - 1)
  return smallOrderY.has(y.toString('hex'))
}

function bigintOf(bytes: Uint8Array): bigint {
  return BigInt('0x' + Buffer.from(bytes).toString('hex'))
}
