/**
 * The ten signature algorithms (RFC 7518 §3, RFC 8037 §3.1): what key each needs and what its
 * signature looks like. One of them has two names: `Ed25519` (RFC 9864 §2.2) is `EdDSA` with the
 * only curve that is known here.
 */

export type SignatureAlgorithm =
  'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'PS384' | 'PS512' | 'EdDSA'

export type CurveName = 'P-256' | 'P-384' | 'P-521'

/** An RSA key serves six algorithms; a curve serves exactly one. */
export type KeyKind = 'RSA' | CurveName | 'Ed25519'

export interface AlgorithmFacts {
  readonly kind: KeyKind
  readonly scheme: 'pkcs1' | 'pss' | 'ecdsa' | 'ed25519'
  /** The digest's name for node:crypto; Ed25519 brings its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** Undefined for RSA, where the modulus decides. */
  readonly signatureBytes: number | undefined
}

export const algorithmFacts: Readonly<Record<SignatureAlgorithm, AlgorithmFacts>> = {
  RS256: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha256', signatureBytes: undefined },
  RS384: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha384', signatureBytes: undefined },
  RS512: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha512', signatureBytes: undefined },
  ES256: { kind: 'P-256', scheme: 'ecdsa', hash: 'sha256', signatureBytes: 64 },
  ES384: { kind: 'P-384', scheme: 'ecdsa', hash: 'sha384', signatureBytes: 96 },
  ES512: { kind: 'P-521', scheme: 'ecdsa', hash: 'sha512', signatureBytes: 132 },
  PS256: { kind: 'RSA', scheme: 'pss', hash: 'sha256', signatureBytes: undefined },
  PS384: { kind: 'RSA', scheme: 'pss', hash: 'sha384', signatureBytes: undefined },
  PS512: { kind: 'RSA', scheme: 'pss', hash: 'sha512', signatureBytes: undefined },
  EdDSA: { kind: 'Ed25519', scheme: 'ed25519', hash: null, signatureBytes: 64 },
}

export const signatureAlgorithms: readonly SignatureAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
]

/** What may stand in a token, a key or a list of allowed algorithms. */
export type AlgorithmName = SignatureAlgorithm | 'Ed25519'

export const algorithmNames: readonly AlgorithmName[] = [...signatureAlgorithms, 'Ed25519']

/** The algorithm of that name. Own members only: `toString` is no algorithm. */
export function algorithmOf(name: AlgorithmName): SignatureAlgorithm
export function algorithmOf(name: unknown): SignatureAlgorithm | undefined
export function algorithmOf(name: unknown): SignatureAlgorithm | undefined {
  if (name === 'Ed25519') return 'EdDSA'
  return isSignatureAlgorithm(name) ? name : undefined
}

function isSignatureAlgorithm(x: unknown): x is SignatureAlgorithm {
  return typeof x === 'string' && Object.hasOwn(algorithmFacts, x)
}
