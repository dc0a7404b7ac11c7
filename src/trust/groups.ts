/**
 * Group names in a token, for the external groups of the identity store (jwt-oidc.md §3.8; ruling
 * R10).
 */

import { isJsonArray, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { listOfValues } from './claim-values.ts'
import { resolveReference, type ClaimReference } from './pointer.ts'

export type GroupsProblem =
  | { readonly reason: 'groups_missing' | 'groups_truncated' }
  | { readonly reason: 'groups_type'; readonly problem: 'no_list'; readonly got: JsonValue }
  | {
      readonly reason: 'groups_type'
      readonly problem: 'element' | 'nul'
      readonly got: JsonValue
      readonly element: JsonValue
    }

const none: readonly string[] = Object.freeze([])

/** The groups in the order of the token; one string is one group, empty strings are none. */
export function checkGroups(
  claims: JsonObject,
  reference: ClaimReference,
  required: boolean,
): Result<readonly string[], GroupsProblem> {
  const got = resolveReference(claims, reference)
  if (got === undefined) {
    if (!required) return ok(none)
    return err({ reason: hasGroupOverage(claims) ? 'groups_truncated' : 'groups_missing' })
  }
  const elements = listOfValues(got)
  if (elements === undefined) return err({ reason: 'groups_type', problem: 'no_list', got })
  const groups: string[] = []
  for (const element of elements) {
    if (typeof element !== 'string') {
      return err({ reason: 'groups_type', problem: 'element', got, element })
    }
    if (element.includes('\0')) return err({ reason: 'groups_type', problem: 'nul', got, element })
    if (element !== '') groups.push(element)
  }
  return ok(groups)
}

// OpenID Connect Core §5.6.2 (distributed claims) and the `hasgroups` form of implicit tokens: the
// issuer leaves the list out when it is too long, which is another fault than a claim nobody asked
// for.
function hasGroupOverage(claims: JsonObject): boolean {
  const names = member(claims, '_claim_names')
  if (typeof names === 'object' && names !== null && !isJsonArray(names)) {
    return Object.hasOwn(names, 'groups')
  }
  const flag = member(claims, 'hasgroups')
  return flag === true || flag === 'true'
}
