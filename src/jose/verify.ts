/**
 * Signatures of tokens (RFC 7515 §5.2, RFC 7518 §3, RFC 8037 §3.1), ruling R8. Which key may speak
 * for which issuer is decided elsewhere; here a key is asked only for the algorithm that fits it.
 */

import { constants, verify, type SigningOptions } from 'node:crypto'
import { err, ok, type Result } from '../lib/result.ts'
import {
  algorithmFacts,
  isServedBy,
  type AlgorithmFacts,
  type SignatureAlgorithm,
} from './algorithms.ts'
import type { ParsedJwt } from './compact-jwt.ts'
import { curves } from './curves.ts'
import type { VerificationKey } from './verification-key.ts'

export type KeySetRefusal = 'key_unknown' | 'key_unusable' | 'signature_invalid'

/**
 * Bound on trying key after key for one token (ruling R12); a thousand RSA keys of 2048 bits fit
 * in.
 */
const triesCostMicrosMax = 60_000
/** Each try hashes the whole token again, and anybody can send one of a quarter of a megabyte. */
const hashedBytesPerMicro = 500

const optionsOf: Readonly<Record<AlgorithmFacts['scheme'], SigningOptions>> = {
  pkcs1: { padding: constants.RSA_PKCS1_PADDING },
  // RFC 7518 §3.5: the salt is as long as the hash; the mask uses the same hash, which is the
  // platform's default.
  pss: {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
  // RFC 7518 §3.4: r and s one after the other, never DER.
  ecdsa: { dsaEncoding: 'ieee-p1363' },
  eddsa: {},
}

export function verifySignature(jwt: ParsedJwt, key: VerificationKey): boolean {
  const { alg } = jwt.header
  if (!isFitting(key, alg) || !isWellFormed(jwt.signature, key)) return false
  const { hash, scheme } = algorithmFacts[alg]
  return verify(hash, jwt.signed, { key: key.key, ...optionsOf[scheme] }, jwt.signature)
}

/**
 * True when the key's type, curve and pinned algorithm allow it to have made a signature of that
 * algorithm.
 */
export function isFitting(key: VerificationKey, alg: SignatureAlgorithm): boolean {
  // RFC 8725 §3.1: one key, one algorithm, if the key says so.
  return isServedBy(alg, key.kind) && (key.alg === undefined || key.alg === alg)
}

/**
 * The keys of a set that may have signed the token: with a `kid` those of exactly that name, else
 * all that fit.
 */
function selectKeys(
  jwt: ParsedJwt,
  keys: readonly VerificationKey[],
): Result<readonly VerificationKey[], 'key_unknown' | 'key_unusable'> {
  const { alg, kid } = jwt.header
  // RFC 7517 §4.5: names are compared byte by byte.
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  if (named.length === 0) return err('key_unknown')
  const fitting = named.filter((key) => isFitting(key, alg))
  return fitting.length === 0 ? err('key_unusable') : ok(fitting)
}

export function verifyWithKeySet(
  jwt: ParsedJwt,
  keys: readonly VerificationKey[],
): Result<VerificationKey, KeySetRefusal> {
  const selected = selectKeys(jwt, keys)
  return selected.ok ? tryEach(jwt, selected.value) : selected
}

/**
 * Static keys have no names: the token's `kid` is ignored and each key is tried in order
 * (jwt-oidc.md §3.6).
 */
export function verifyWithStaticKeys(
  jwt: ParsedJwt,
  keys: readonly VerificationKey[],
): Result<VerificationKey, KeySetRefusal> {
  if (keys.length === 0) return err('key_unknown')
  const fitting = keys.filter((key) => isFitting(key, jwt.header.alg))
  return fitting.length === 0 ? err('key_unusable') : tryEach(jwt, fitting)
}

function tryEach(
  jwt: ParsedJwt,
  keys: readonly VerificationKey[],
): Result<VerificationKey, 'signature_invalid'> {
  const hashingMicros = jwt.signed.length / hashedBytesPerMicro
  let costMicros = 0
  for (const key of keys) {
    costMicros += key.costMicros + hashingMicros
    if (costMicros > triesCostMicrosMax) break
    if (verifySignature(jwt, key)) return ok(key)
  }
  return err('signature_invalid')
}

/** Lengths and ranges, checked here so that they do not depend on what the platform tolerates. */
function isWellFormed(signature: Uint8Array, { kind, modulus }: VerificationKey): boolean {
  if (kind === 'RSA') {
    // RFC 8017 §8.1.2 and §5.2.2: as long as the modulus and below it.
    if (modulus === undefined || signature.length !== modulus.length) return false
    return Buffer.compare(signature, modulus) < 0
  }
  const { bytes, isSignature } = curves[kind]
  if (signature.length !== 2 * bytes) return false
  return isSignature(signature.subarray(0, bytes), signature.subarray(bytes))
}
