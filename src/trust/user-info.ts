/**
 * What a provider says about a person beside the ID token (jwt-oidc.md §4.11;
 * OpenID Connect Core §5.3).
 */

import { emptyObject, member, type JsonObject } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { checkClaimNames } from './registered-claims.ts'
import { quote } from './shown-value.ts'

/**
 * Members of user info that never replace those of the token, which was proven (jwt-oidc.md §4.11).
 */
const protectedClaims = ['iss', 'aud', 'exp', 'nbf', 'iat', 'azp', 'nonce', 'auth_time', 'sub']

export interface UserInfoProblem {
  readonly reason: 'userinfo_failed' | 'userinfo_subject_mismatch'
  readonly detail: string
}

/**
 * The claims with what the provider says about the person laid over them, or why it cannot be used
 * (OpenID Connect Core §5.3.2, §5.3.4).
 */
export function overlayUserInfo(
  claims: JsonObject,
  info: JsonObject,
  issuer: string,
): Result<JsonObject, UserInfoProblem> {
  // OpenID Connect Core §5.3.4: or the answer is about somebody else.
  if (member(info, 'sub') !== member(claims, 'sub')) {
    return err({
      reason: 'userinfo_subject_mismatch',
      detail: 'its sub is not that of the ID token',
    })
  }
  const iss = member(info, 'iss')
  if (iss !== undefined && iss !== issuer) return unusable('it names another issuer')
  const names = checkClaimNames(info)
  if (!names.ok)
    return unusable(`its member ${quote(names.error.claim)} looks like a registered claim`)
  const verified = member(info, 'email_verified')
  const isVerdict =
    verified === undefined ||
    typeof verified === 'boolean' ||
    verified === 'true' ||
    verified === 'false'
  if (!isVerdict) return unusable('its email_verified is neither true nor false')
  // A claim may be named __proto__.
  const merged = emptyObject()
  for (const [name, value] of Object.entries(claims)) merged[name] = value
  for (const [name, value] of Object.entries(info)) {
    if (!protectedClaims.includes(name)) merged[name] = value
  }
  return ok(merged)
}

function unusable(detail: string): Result<never, UserInfoProblem> {
  return err({ reason: 'userinfo_failed', detail })
}
