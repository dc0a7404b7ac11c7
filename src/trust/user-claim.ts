/**
 * The claim that names the caller; it becomes the alias name of the identity (jwt-oidc.md §3.8;
 * ruling R10).
 */

import type { JsonObject, JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  literalReference,
  parseReference,
  resolveReference,
  type ClaimReference,
} from './pointer.ts'

export type UserClaimProblem =
  | { readonly reason: 'user_claim_missing' }
  | { readonly reason: 'user_claim_type'; readonly got: JsonValue }
  | {
      readonly reason: 'user_claim_unsafe'
      readonly problem: 'empty' | 'nul'
      readonly got: string
    }

/** Without the flag the name is literal even when it starts with a slash. */
export function parseUserClaim(name: string, isPointer: boolean): ClaimReference {
  return isPointer ? parseReference(name) : literalReference(name)
}

export function checkUserClaim(
  claims: JsonObject,
  reference: ClaimReference,
): Result<string, UserClaimProblem> {
  const got = resolveReference(claims, reference)
  if (got === undefined) return err({ reason: 'user_claim_missing' })
  if (typeof got !== 'string') return err({ reason: 'user_claim_type', got })
  if (got === '') return err({ reason: 'user_claim_unsafe', problem: 'empty', got })
  // No normalisation of any kind: two spellings that look alike are two users (SEC-JSN-07).
  if (got.includes('\0')) return err({ reason: 'user_claim_unsafe', problem: 'nul', got })
  return ok(got)
}
