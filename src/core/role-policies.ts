/** Which policies a token role gives: platform.md §3.5, "Role policy algorithm"; pure. */

import { isMeantBy, type TokenRole } from '../framework/token-role.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { normalisePolicyNames } from './policy-names.ts'

/** Names that one creation may ask for: each is held against every pattern of the role. */
const requestedMax = 512

export interface RolePolicyRequest {
  /** As they were asked for; an empty list asks for none. */
  readonly requested: readonly string[]
  readonly parentPolicies: readonly string[]
  readonly noDefaultPolicy: boolean
}

/** Without any of the lists a role says nothing about policies. */
export function limitsPolicies(role: TokenRole): boolean {
  return hasAllowedList(role) || hasDisallowedList(role)
}

/**
 * The policies of a token of a role that limits them, or why there is none. What the parent has
 * does not limit them.
 */
export function decideRolePolicies(
  role: TokenRole,
  { requested, parentPolicies, noDefaultPolicy }: RolePolicyRequest,
): Result<readonly string[], string> {
  if (requested.length > requestedMax) return err(`policies must be at most ${requestedMax}`)
  const addsDefault =
    !noDefaultPolicy && !role.token_no_default_policy && !isDisallowed(role, 'default')
  const withDefault = (names: readonly string[]) =>
    normalisePolicyNames(addsDefault ? [...names, 'default'] : names)
  const isAllowed = (name: string) =>
    role.allowed_policies.includes(name) ||
    (addsDefault && name === 'default') ||
    role.allowed_policies_glob.some((pattern) => isMeantBy(pattern, name))
  const base =
    requested.length > 0 ? requested : hasAllowedList(role) ? role.allowed_policies : parentPolicies
  const names = withDefault(base)
  if (requested.length > 0 && hasAllowedList(role) && !names.every(isAllowed)) {
    return err(
      `token policies (${quoted(names)}) must be subset of the role's allowed policies (${quoted(role.allowed_policies)}) or glob policies (${quoted(role.allowed_policies_glob)})`,
    )
  }
  const refused = names.find((name) => isDisallowed(role, name))
  return refused === undefined
    ? ok(names)
    : err(`token policy ${JSON.stringify(refused)} is disallowed by this role`)
}

function hasAllowedList(role: TokenRole): boolean {
  return role.allowed_policies.length > 0 || role.allowed_policies_glob.length > 0
}

function hasDisallowedList(role: TokenRole): boolean {
  return role.disallowed_policies.length > 0 || role.disallowed_policies_glob.length > 0
}

function isDisallowed(role: TokenRole, name: string): boolean {
  return (
    role.disallowed_policies.includes(name) ||
    role.disallowed_policies_glob.some((pattern) => isMeantBy(pattern, name))
  )
}

/** As Go's `%q` writes a list. */
function quoted(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(' ')}]`
}
