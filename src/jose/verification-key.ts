/**
 * A public key that verifies signatures. Owns the size rules of ruling R7 and the thumbprint (RFC
 * 7638); the document it comes from is read in `jwk.ts` and `pem-key.ts`.
 */

import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { decodeBase64Url, encodeBase64Url } from '../lib/base64url.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { KeyKind, SignatureAlgorithm } from './algorithms.ts'
import { curves, type CurveName } from './curves.ts'

export interface VerificationKey {
  readonly kid: string | undefined
  readonly kind: KeyKind
  /** The only algorithm the key may be used with, if its JWK says so. */
  readonly alg: SignatureAlgorithm | undefined
  readonly key: KeyObject
  /** RFC 7638 with SHA-256. */
  readonly thumbprint: string
  /** The RSA modulus, big-endian without leading zeros. */
  readonly modulus: Uint8Array | undefined
  /**
   * Roughly the microseconds one verification takes on a small machine, for the bound on trying
   * many keys.
   */
  readonly costMicros: number
}

/** The members of a public JWK that make the key, in the order of RFC 7638 §3.2. */
export type PublicJwk =
  | { readonly e: string; readonly kty: 'RSA'; readonly n: string }
  | { readonly crv: CurveName; readonly kty: 'EC'; readonly x: string; readonly y: string }
  | { readonly crv: CurveName; readonly kty: 'OKP'; readonly x: string }

export interface KeyLabels {
  readonly kid: string | undefined
  readonly alg: SignatureAlgorithm | undefined
}

const modulusBitsMin = 2048
const modulusBitsMax = 16_384
const exponentBytesMax = 8
// One octet more than the largest: some writers put a zero in front.
const rsaTextLengthMax = Math.ceil(((modulusBitsMax / 8 + 1) * 4) / 3)

/** The key, or one sentence that says why it is of no use. */
export function parsePublicJwk(jwk: PublicJwk, labels: KeyLabels): Result<VerificationKey, string> {
  return jwk.kty === 'RSA' ? parseRsa(jwk.n, jwk.e, labels) : parsePoint(jwk, labels)
}

function parseRsa(n: string, e: string, labels: KeyLabels): Result<VerificationKey, string> {
  // Refused by its text: half a million bits are not even decoded.
  if (n.length > rsaTextLengthMax || e.length > rsaTextLengthMax) {
    return err(`an RSA key has at most ${modulusBitsMax} bits`)
  }
  const modulus = positiveInteger(n)
  const exponent = positiveInteger(e)
  if (modulus === undefined || exponent === undefined) {
    return err('the modulus or exponent of the RSA key is not base64url of a positive number')
  }
  const bits = bitLength(modulus)
  if (bits < modulusBitsMin || bits > modulusBitsMax) {
    return err(`an RSA key has ${modulusBitsMin} to ${modulusBitsMax} bits; this one has ${bits}`)
  }
  if (!isOdd(modulus)) return err('the modulus of the RSA key is even')
  const isSmall = exponent.length === 1 && (exponent[0] ?? 0) < 3
  if (!isOdd(exponent) || isSmall || exponent.length > exponentBytesMax) {
    return err('the exponent of an RSA key is odd, at least 3 and at most 64 bits long')
  }
  const jwk = { e: encodeBase64Url(exponent), kty: 'RSA', n: encodeBase64Url(modulus) } as const
  const costMicros = 20 * (bits / modulusBitsMin) ** 2 * (exponent.length > 3 ? 4 : 1)
  return ok(new PreparedKey('RSA', jwk, labels, costMicros, modulus))
}

function parsePoint(
  jwk: Exclude<PublicJwk, { kty: 'RSA' }>,
  labels: KeyLabels,
): Result<VerificationKey, string> {
  const { crv, x } = jwk
  const curve = curves[crv]
  const xBytes = decodeBase64Url(x)
  const yBytes = jwk.kty === 'EC' ? decodeBase64Url(jwk.y) : xBytes
  // RFC 7518 §6.2.1.2: the full length, leading zeros included.
  if (xBytes?.length !== curve.bytes || yBytes?.length !== curve.bytes) {
    return err(`a coordinate on ${crv} is base64url of exactly ${curve.bytes} bytes`)
  }
  const problem = curve.pointProblem(xBytes, yBytes)
  if (problem !== undefined) return err(`the point of the ${crv} key ${problem}`)
  return ok(new PreparedKey(crv, jwk, labels, curve.costMicros, undefined))
}

/**
 * The platform's key is made at first use: a set of a thousand curve points would take seconds at
 * once.
 */
class PreparedKey implements VerificationKey {
  readonly kid: string | undefined
  readonly kind: KeyKind
  readonly alg: SignatureAlgorithm | undefined
  readonly thumbprint: string
  readonly modulus: Uint8Array | undefined
  readonly costMicros: number
  readonly #jwk: PublicJwk
  #key: KeyObject | undefined

  constructor(
    kind: KeyKind,
    jwk: PublicJwk,
    labels: KeyLabels,
    costMicros: number,
    modulus: Uint8Array | undefined,
  ) {
    this.kid = labels.kid
    this.kind = kind
    this.alg = labels.alg
    this.thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')
    this.modulus = modulus
    this.costMicros = costMicros
    this.#jwk = jwk
  }

  get key(): KeyObject {
    this.#key ??= createPublicKey({ key: { ...this.#jwk }, format: 'jwk' })
    return this.#key
  }
}

/** RFC 7518 §2 Base64urlUInt; one zero octet in front, which some libraries write, does no harm. */
function positiveInteger(text: string): Buffer | undefined {
  const bytes = decodeBase64Url(text)
  if (bytes === undefined) return undefined
  const digits = bytes[0] === 0 ? bytes.subarray(1) : bytes
  return digits.length === 0 || digits[0] === 0 ? undefined : digits
}

function bitLength(digits: Buffer): number {
  return digits.length * 8 - (Math.clz32(digits.readUInt8(0)) - 24)
}

function isOdd(digits: Buffer): boolean {
  return (digits.readUInt8(digits.length - 1) & 1) === 1
}
