/** Keys and tokens for the tests of this folder: honest ones, and ones put together from raw parts. */

import { constants, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import {
  algorithmFacts,
  signatureAlgorithms,
  type KeyKind,
  type SignatureAlgorithm,
} from '../../src/jose/algorithms.ts'
import { parseCompactJwt, type JwtProblem, type ParsedJwt } from '../../src/jose/compact-jwt.ts'
import { parseJwkSet } from '../../src/jose/jwk.ts'
import type { VerificationKey } from '../../src/jose/verification-key.ts'

export interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const pairs: Readonly<Record<KeyKind, Pair>> = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
}

/** Of signers whose curves are not taken. */
export const unknownPairs: Readonly<Record<string, Pair>> = { Ed448: generateKeyPairSync('ed448') }

export const allTen: ReadonlySet<SignatureAlgorithm> = new Set(signatureAlgorithms)

export const claims = {
  iss: 'https://idp.example',
  sub: 'alice',
  aud: 'tokenstile',
  exp: 2_000_000_000,
}

export function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

export function rawPart(text: string | Uint8Array): string {
  return Buffer.from(typeof text === 'string' ? Buffer.from(text) : text).toString('base64url')
}

export function pairOf(alg: SignatureAlgorithm): Pair {
  return pairs[algorithmFacts[alg].kind]
}

export function signBytes(alg: SignatureAlgorithm, bytes: Uint8Array, key: KeyObject): Buffer {
  const { hash, scheme } = algorithmFacts[alg]
  if (scheme === 'ecdsa') return sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' })
  if (scheme !== 'pss') return sign(hash, bytes, key)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return sign(hash, bytes, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
}

/** A token whose two first parts are given as texts and whose signature is right. */
export function signParts(
  alg: SignatureAlgorithm,
  head: string,
  body: string,
  pair = pairOf(alg),
): string {
  const signed = `${head}.${body}`
  return `${signed}.${signBytes(alg, Buffer.from(signed), pair.privateKey).toString('base64url')}`
}

export function signToken(
  alg: SignatureAlgorithm,
  header: Record<string, unknown> = {},
  payload: unknown = claims,
  pair = pairOf(alg),
): string {
  return signParts(alg, part({ alg, ...header }), part(payload), pair)
}

/** RS256 tokens with the header or the claims written as raw JSON texts. */
export function withHeaderText(text: string | Uint8Array): string {
  return signParts('RS256', rawPart(text), part(claims))
}

export function withClaimsText(text: string | Uint8Array): string {
  return signParts('RS256', part({ alg: 'RS256' }), rawPart(text))
}

export function withSignature(token: string, signature: Uint8Array): string {
  return token.slice(0, token.lastIndexOf('.') + 1) + rawPart(signature)
}

export function signatureOf(token: string): Buffer {
  return Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url')
}

export function publicJwk(key: KeyObject, more: Record<string, unknown> = {}): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), ...more }
}

export function keySet(...keys: readonly unknown[]): readonly VerificationKey[] {
  const set = parseJwkSet(JSON.stringify({ keys }))
  if (!set.ok) throw new Error(set.error.detail)
  return set.value.keys
}

export function verificationKey(pair: Pair, more: Record<string, unknown> = {}): VerificationKey {
  const [key] = keySet(publicJwk(pair.publicKey, more))
  if (key === undefined) throw new Error('the sample key was passed over')
  return key
}

export function parseAccepted(token: string): ParsedJwt {
  const jwt = parseCompactJwt(token, allTen)
  if (!jwt.ok) throw new Error(jwt.error.detail)
  return jwt.value
}

export function refusalOf(token: string, allowed = allTen): JwtProblem['reason'] | undefined {
  const jwt = parseCompactJwt(token, allowed)
  return jwt.ok ? undefined : jwt.error.reason
}
