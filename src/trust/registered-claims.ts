/**
 * The registered claims of a token: no look-alikes of their names, and the JSON types the standard
 * asks for (RFC 7519 §4.1, jwt-oidc.md §3.7, ruling R9). Dates are in `times.ts`.
 */

import { member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseAudience } from './audience.ts'
import { checkDateTypes, type DateProblem } from './times.ts'

export interface AmbiguousClaim {
  readonly reason: 'claim_ambiguous'
  /** The name in the token. */
  readonly claim: string
  /** The registered name it would be mistaken for. */
  readonly registered: string
}

export interface ClaimTypeProblem {
  readonly reason: 'claims_malformed'
  readonly claim: 'iss' | 'sub' | 'jti' | 'aud'
  readonly got: JsonValue
}

const registeredNames = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']
// With the flags i and u the comparison is Unicode simple case folding, so the long s (U+017F) is
// an s.
const lookAlike = /^(?:iss|sub|aud|exp|nbf|iat|jti)$/iu

/**
 * A reader that ignores case would take the second spelling for the first: `sub` and `SUB` in one
 * token could be two people. Refused also without the genuine twin; nested members are not looked
 * at.
 */
export function checkClaimNames(claims: JsonObject): Result<void, AmbiguousClaim> {
  for (const claim in claims) {
    // A name of three characters is the only one that can fold to a registered one.
    if (claim.length !== 3 || registeredNames.includes(claim) || !lookAlike.test(claim)) continue
    const registered = claim.replaceAll('ſ', 's').toLowerCase()
    return err({ reason: 'claim_ambiguous', claim, registered })
  }
  return ok(undefined)
}

export function checkClaimTypes(claims: JsonObject): Result<void, ClaimTypeProblem | DateProblem> {
  for (const claim of ['iss', 'sub', 'jti'] as const) {
    const got = member(claims, claim)
    if (got !== undefined && typeof got !== 'string') {
      return err({ reason: 'claims_malformed', claim, got })
    }
  }
  const aud = member(claims, 'aud')
  if (aud !== undefined && parseAudience(aud) === undefined) {
    return err({ reason: 'claims_malformed', claim: 'aud', got: aud })
  }
  return checkDateTypes(claims)
}
