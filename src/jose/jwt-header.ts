/**
 * What a token's header may say (RFC 7515 §4), rulings R4 to R6. Members that carry or point to
 * keys are never read.
 */

import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { algorithmOf, type SignatureAlgorithm } from './algorithms.ts'
import type { JwtProblem } from './jwt-problem.ts'

export interface JwtHeader {
  readonly alg: SignatureAlgorithm
  readonly kid: string | undefined
  readonly typ: string | undefined
}

// RFC 8725 §3.11: tokens made for another purpose by the same issuer.
const foreignTypes: readonly string[] = ['logout+jwt', 'secevent+jwt', 'dpop+jwt']

/**
 * The part of the check that does not depend on who asks; which algorithms are allowed is for the
 * caller.
 */
export function parseJwtHeader(header: JsonObject): Result<JwtHeader, JwtProblem> {
  if (Object.hasOwn(header, 'enc')) {
    return refuse('jwt_encrypted', 'the token is encrypted; a signed one is expected')
  }
  // RFC 7515 §4.1.11: nothing critical is understood here, and an empty or wrongly typed list is
  // malformed.
  if (Object.hasOwn(header, 'crit')) {
    return refuse('header_refused', 'the header of the token asks for critical extensions')
  }
  // RFC 7797 §7: what a signature covers must not depend on a member that old readers ignore.
  if (Object.hasOwn(header, 'b64')) {
    return refuse('header_refused', 'the header of the token has a b64 member')
  }
  // RFC 8725 §3.6: compression belongs to encrypted tokens and is never undone here.
  if (Object.hasOwn(header, 'zip')) {
    return refuse('header_refused', 'the header of the token says that its claims are compressed')
  }
  const alg = algorithmOf(member(header, 'alg'))
  if (alg === undefined) {
    return refuse('algorithm_refused', algorithmDetail(member(header, 'alg')))
  }
  const kid = member(header, 'kid') ?? undefined
  if (kid !== undefined && typeof kid !== 'string') {
    return refuse('header_refused', 'the key id (kid) in the header of the token is not a string')
  }
  const typ = member(header, 'typ')
  if (typ !== undefined && typeof typ !== 'string') {
    return refuse('header_refused', 'the type (typ) in the header of the token is not a string')
  }
  if (typ !== undefined && foreignTypes.includes(mediaType(typ))) {
    return refuse(
      'token_type_refused',
      'the type (typ) of the token says that it is not for logins',
    )
  }
  return ok({ alg, kid, typ })
}

/**
 * RFC 7515 §4.1.9: names without regard to case, `application/` may be left out, parameters do not
 * matter.
 */
function mediaType(typ: string): string {
  const semicolon = typ.indexOf(';')
  const name = (semicolon === -1 ? typ : typ.slice(0, semicolon)).trim().toLowerCase()
  return name.startsWith('application/') ? name.slice('application/'.length) : name
}

function algorithmDetail(alg: JsonValue | undefined): string {
  if (alg === undefined) return 'the header of the token names no algorithm'
  if (typeof alg !== 'string') return 'the algorithm in the header of the token is not a string'
  if (/^none$/i.test(alg)) return 'the token is not signed'
  if (/^HS\d+$/.test(alg)) {
    return 'the token is signed with a shared secret; a signature by a public key is expected'
  }
  return 'the token names a signature algorithm that is not known here'
}

function refuse(reason: JwtProblem['reason'], detail: string): Result<never, JwtProblem> {
  return err({ reason, detail })
}
