/**
 * The form of a token: a signed JWT in compact serialisation (RFC 7515 §7.1, RFC 7519 §7.2),
 * rulings R1 to R6. Says nothing about its signature or the meaning of its claims. A problem's
 * `detail` describes the form only: nothing of an unproven token is repeated.
 */

import { isAscii } from 'node:buffer'
import { decodeBase64Url } from '../lib/base64url.ts'
import { BoundedCache } from '../lib/bounded-cache.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  parseJson,
  type JsonLimits,
  type JsonObject,
} from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseJwtHeader, type JwtHeader } from './jwt-header.ts'
import { notBase64Url, whyNotCompact } from './jwt-look.ts'
import type { JwtProblem } from './jwt-problem.ts'
import type { SignatureAlgorithm } from './algorithms.ts'

export type { JwtHeader, JwtProblem }

export interface ParsedJwt {
  readonly header: JwtHeader
  readonly claims: JsonObject
  /**
   * The bytes the signature covers: the first two parts as they came, with the dot between them.
   */
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** Ruling R1. */
const jwtCharactersMax = 262_144

/**
 * Ruling R3. The list and string limits only keep later work on claims short; the size of the text
 * is the real bound.
 */
const jwtJsonLimits: JsonLimits = {
  depthMax: 64,
  stringLengthMax: jwtCharactersMax,
  entriesMax: 65_536,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout'

// An issuer sends the same few headers all day. Only accepted ones are kept, and only short ones.
const headerTextMax = 512
const knownHeaders = new BoundedCache<string, JwtHeader>(1_000)

// A byte order mark is not skipped: it stays in the text, where the JSON reader refuses it
// (RFC 8259 §8.1).
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function parseCompactJwt(
  text: string,
  allowed: ReadonlySet<SignatureAlgorithm>,
): Result<ParsedJwt, JwtProblem> {
  if (text.length > jwtCharactersMax) {
    return refuse('jwt_too_large', `the token is longer than ${jwtCharactersMax} characters`)
  }
  const jwt = text.trim()
  const firstDot = jwt.indexOf('.')
  const secondDot = firstDot === -1 ? -1 : jwt.indexOf('.', firstDot + 1)
  if (secondDot === -1 || jwt.includes('.', secondDot + 1)) return err(whyNotCompact(jwt))

  const header = readHeader(jwt.slice(0, firstDot))
  if (!header.ok) return header
  const { alg } = header.value
  if (!allowed.has(alg)) {
    return refuse(
      'algorithm_refused',
      `the token is signed with ${header.value.alg}, which is not allowed here`,
    )
  }

  const payload = decodeBase64Url(jwt.slice(firstDot + 1, secondDot))
  if (payload === undefined) {
    return err(notBase64Url('second', jwt.slice(firstDot + 1, secondDot)))
  }
  const signature = decodeBase64Url(jwt.slice(secondDot + 1))
  if (signature === undefined) {
    return err(notBase64Url('third', jwt.slice(secondDot + 1)))
  }
  if (signature.length === 0)
    return refuse('jwt_malformed', 'the signature part of the token is empty')

  const claims = readClaims(payload)
  if (!claims.ok) return claims
  if (namesLogoutEvent(claims.value)) {
    return refuse(
      'token_type_refused',
      'the token is a back-channel logout token, not a login token',
    )
  }
  const signed = Buffer.from(jwt.slice(0, secondDot), 'latin1')
  return ok({ header: header.value, claims: claims.value, signed, signature })
}

function readHeader(part: string): Result<JwtHeader, JwtProblem> {
  const known = part.length <= headerTextMax ? knownHeaders.get(part) : undefined
  if (known !== undefined) return ok(known)
  if (part === '') return refuse('jwt_malformed', 'the first part of the token is empty')
  const bytes = decodeBase64Url(part)
  if (bytes === undefined) {
    return err(notBase64Url('first', part))
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) return refuse('jwt_malformed', 'the header of the token is not UTF-8')
  const json = parseJson(text, jwtJsonLimits)
  if (!json.ok) {
    return refuse(
      'jwt_malformed',
      `the header of the token is no acceptable JSON: ${json.error.detail}`,
    )
  }
  if (!isJsonObject(json.value)) {
    return refuse('jwt_malformed', 'the header of the token is not a JSON object')
  }
  const header = parseJwtHeader(json.value)
  if (header.ok && part.length <= headerTextMax) {
    // A copy: a slice would keep the whole token in memory for as long as the entry lives.
    knownHeaders.set(Buffer.from(part, 'latin1').toString('latin1'), header.value)
  }
  return header
}

function readClaims(payload: Buffer): Result<JsonObject, JwtProblem> {
  const text = decodeUtf8(payload)
  if (text === undefined) return refuse('claims_malformed', 'the claims of the token are not UTF-8')
  const json = parseJson(text, jwtJsonLimits)
  if (!json.ok) {
    // RFC 8725 §2.3: a payload that is a token of its own is signed twice, and only one signature
    // would be seen.
    const what = /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text) ? 'another token' : 'no acceptable JSON'
    return refuse('claims_malformed', `the claims of the token are ${what}: ${json.error.detail}`)
  }
  if (!isJsonObject(json.value)) {
    return refuse('claims_malformed', 'the claims of the token are not a JSON object')
  }
  return ok(json.value)
}

function decodeUtf8(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1')
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** OpenID Connect Back-Channel Logout 1.0 §2.4; also in forms that the standard does not know. */
function namesLogoutEvent(claims: JsonObject): boolean {
  const events = member(claims, 'events')
  if (events === undefined) return false
  if (isJsonObject(events)) return Object.hasOwn(events, logoutEvent)
  return isJsonArray(events) ? events.includes(logoutEvent) : events === logoutEvent
}

function refuse(reason: JwtProblem['reason'], detail: string): Result<never, JwtProblem> {
  return err({ reason, detail })
}
