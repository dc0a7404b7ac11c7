/**
 * The ten signature algorithms (RFC 7518 §3, RFC 8037 §3.1): what key each needs and what its
 * signature looks like. One of them has two names: `Ed25519` (RFC 9864 §2.2) is `EdDSA` with the
 * only curve that is known here.
 */

import type { CurveName } from './curves.ts'

/** An RSA key serves six algorithms; a curve serves exactly one. */
export type KeyKind = 'RSA' | CurveName

export interface AlgorithmFacts {
  readonly kind: KeyKind
  readonly scheme: 'pkcs1' | 'pss' | 'ecdsa' | 'eddsa'
  /** The digest's name for node:crypto; EdDSA brings its own. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
}

const table = {
  RS256: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha256' },
  RS384: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha384' },
  RS512: { kind: 'RSA', scheme: 'pkcs1', hash: 'sha512' },
  ES256: { kind: 'P-256', scheme: 'ecdsa', hash: 'sha256' },
  ES384: { kind: 'P-384', scheme: 'ecdsa', hash: 'sha384' },
  ES512: { kind: 'P-521', scheme: 'ecdsa', hash: 'sha512' },
  PS256: { kind: 'RSA', scheme: 'pss', hash: 'sha256' },
  PS384: { kind: 'RSA', scheme: 'pss', hash: 'sha384' },
  PS512: { kind: 'RSA', scheme: 'pss', hash: 'sha512' },
  EdDSA: { kind: 'Ed25519', scheme: 'eddsa', hash: null },
} as const satisfies Readonly<Record<string, AlgorithmFacts>>

export type SignatureAlgorithm = keyof typeof table

export const algorithmFacts: Readonly<Record<SignatureAlgorithm, AlgorithmFacts>> = table

export const signatureAlgorithms = Object.keys(table).filter(isSignatureAlgorithm)

export const allAlgorithms: ReadonlySet<SignatureAlgorithm> = new Set(signatureAlgorithms)

/** Whether keys of that kind make signatures of that algorithm. */
export function isServedBy(alg: SignatureAlgorithm, kind: KeyKind): boolean {
  return algorithmFacts[alg].kind === kind
}

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
  return typeof x === 'string' && Object.hasOwn(table, x)
}
