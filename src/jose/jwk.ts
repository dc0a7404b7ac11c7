/**
 * JWK Sets (RFC 7517 §5, RFC 7518 §6, RFC 8037 §2), ruling R7: a member that cannot be used is
 * passed over with a word why and never spoils its neighbours; only a document that is no JWK Set
 * is a problem.
 */

import {
  isJsonArray,
  isJsonObject,
  member,
  parseJson,
  type JsonLimits,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { algorithmOf, isServedBy } from './algorithms.ts'
import { curves, isCurveName } from './curves.ts'
import { parsePublicJwk, type PublicJwk, type VerificationKey } from './verification-key.ts'

export interface JwkSet {
  readonly keys: readonly VerificationKey[]
  readonly passedOver: readonly PassedOverKey[]
}

export interface PassedOverKey {
  /** Place in the document's list. */
  readonly index: number
  readonly kid: string | undefined
  readonly why: string
}

export interface KeySetProblem {
  readonly reason: 'json_malformed' | 'not_a_key_set'
  /** One sentence without any part of the document. */
  readonly detail: string
}

const keySetCharactersMax = 4_194_304
const keysMax = 2_000

const keySetJsonLimits: JsonLimits = {
  depthMax: 64,
  stringLengthMax: 1_048_576,
  entriesMax: 10_000,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

export function parseJwkSet(text: string): Result<JwkSet, KeySetProblem> {
  if (text.length > keySetCharactersMax) {
    return notAKeySet(`the document is longer than ${keySetCharactersMax} characters`)
  }
  const json = parseJson(text, keySetJsonLimits)
  if (!json.ok) {
    const detail = `the document is no acceptable JSON: ${json.error.detail}`
    return err({ reason: 'json_malformed', detail })
  }
  if (!isJsonObject(json.value)) return notAKeySet('the document is not a JSON object')
  const list = member(json.value, 'keys')
  if (list === undefined || !isJsonArray(list)) {
    return notAKeySet('the document has no list named "keys"')
  }
  if (list.length > keysMax) return notAKeySet(`the set has more than ${keysMax} keys`)

  const keys: VerificationKey[] = []
  const passedOver: PassedOverKey[] = []
  for (const [index, jwk] of list.entries()) {
    const key = parseJwk(jwk)
    if (key.ok) keys.push(key.value)
    else passedOver.push({ index, kid: kidOf(jwk), why: key.error })
  }
  return ok({ keys, passedOver })
}

function parseJwk(jwk: JsonValue): Result<VerificationKey, string> {
  if (!isJsonObject(jwk)) return err('it is not a JSON object')
  // A published private key is everybody's key.
  if (privateMembers.some((name) => Object.hasOwn(jwk, name))) {
    return err('it holds a shared secret or a private key')
  }
  const kid = member(jwk, 'kid') ?? undefined
  if (kid !== undefined && typeof kid !== 'string') return err('its kid is not a string')
  const purpose = checkPurpose(jwk)
  if (!purpose.ok) return purpose
  const named = statedWord(jwk, 'alg')
  const alg = algorithmOf(named)
  if (named !== undefined && alg === undefined) {
    return err('its alg is not a signature algorithm that is known here')
  }
  const material = publicMembers(jwk)
  if (!material.ok) return material
  const key = parsePublicJwk(material.value, { kid, alg })
  if (key.ok && alg !== undefined && !isServedBy(alg, key.value.kind)) {
    return err('its alg does not fit its key type')
  }
  return key
}

/**
 * A word that says something: serialisers write null or nothing for what they do not know (ruling
 * R7).
 */
function statedWord(jwk: JsonObject, name: string): JsonValue | undefined {
  const value = member(jwk, name) ?? undefined
  return value === '' ? undefined : value
}

/** What a key of a JWT may be for; the second is the word of trust bundles of SPIFFE. */
const signingUses: ReadonlySet<JsonValue> = new Set(['sig', 'jwt-svid'])

/** RFC 7517 §4.2 and §4.3. */
function checkPurpose(jwk: JsonObject): Result<void, string> {
  const use = statedWord(jwk, 'use')
  if (use !== undefined && !signingUses.has(use)) return err('its use is not "sig"')
  const operations = member(jwk, 'key_ops') ?? undefined
  if (operations === undefined) return ok(undefined)
  const isList = isJsonArray(operations) && operations.every((item) => typeof item === 'string')
  return isList && operations.includes('verify')
    ? ok(undefined)
    : err('its key_ops are not a list of strings with "verify"')
}

function publicMembers(jwk: JsonObject): Result<PublicJwk, string> {
  const kty = member(jwk, 'kty')
  const crv = member(jwk, 'crv')
  const x = member(jwk, 'x')
  const y = member(jwk, 'y')
  const n = member(jwk, 'n')
  const e = member(jwk, 'e')
  if (kty === 'RSA') {
    return typeof n === 'string' && typeof e === 'string'
      ? ok({ e, kty, n })
      : err('its n or e is missing or not a string')
  }
  if (kty !== 'EC' && kty !== 'OKP') return err('its key type is not known here')
  if (typeof x !== 'string') return err('its x is missing or not a string')
  if (!isCurveName(crv) || curves[crv].kty !== kty) return err('its curve is not known here')
  if (kty === 'OKP') return ok({ crv, kty, x })
  return typeof y === 'string' ? ok({ crv, kty, x, y }) : err('its y is missing or not a string')
}

function kidOf(jwk: JsonValue): string | undefined {
  const kid = isJsonObject(jwk) ? member(jwk, 'kid') : undefined
  return typeof kid === 'string' ? kid : undefined
}

function notAKeySet(detail: string): Result<never, KeySetProblem> {
  return err({ reason: 'not_a_key_set', detail })
}
