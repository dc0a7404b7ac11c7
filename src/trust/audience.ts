/**
 * Audience rules of a login: who the token was issued for. See RFC 7519 §4.1.3, jwt-oidc.md §3.3.
 */

import { isJsonArray, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'

export type AudienceProblem = {
  readonly reason: 'audience_missing' | 'audience_mismatch'
  readonly want: readonly string[]
  readonly got: readonly string[]
}

const none: readonly string[] = Object.freeze([])

/** Absent is no audience, a string is one; undefined for any other type. */
export function parseAudience(aud: JsonValue | undefined): readonly string[] | undefined {
  if (aud === undefined) return none
  if (typeof aud === 'string') return [aud]
  if (!isJsonArray(aud)) return undefined
  return aud.every((value) => typeof value === 'string') ? aud : undefined
}

/** Accepts when nothing is wanted or one audience of the token is; exact, without any tolerance. */
export function checkAudience(
  want: readonly string[],
  got: readonly string[],
): Result<void, AudienceProblem> {
  if (want.length === 0) return ok(undefined)
  if (got.length === 0) return err({ reason: 'audience_missing', want, got })
  const wanted = want.length > 8 ? new Set(want) : undefined
  const matches = got.some((audience) => wanted?.has(audience) ?? want.includes(audience))
  return matches ? ok(undefined) : err({ reason: 'audience_mismatch', want, got })
}

/** Refuses any audience, also an empty string, when neither role nor mount binds one. */
export function checkAudienceBound(
  bound: boolean,
  got: readonly string[],
): Result<void, { readonly reason: 'audience_unbound'; readonly got: readonly string[] }> {
  // A role without audiences must not accept a token meant for somebody else (CVE-2024-5798).
  return bound || got.length === 0 ? ok(undefined) : err({ reason: 'audience_unbound', got })
}
