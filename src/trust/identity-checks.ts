/**
 * Checks that turn verified claims into an identity and its rights (contract jwt-oidc.md §3.2, 18 to 24).
 *
 * Shared by every kind of login: what comes before differs, what a role makes of claims does not.
 */

import type { JsonObject, JsonValue } from '../lib/json.ts'
import { checkClaimRule, type ClaimRule, type ClaimRuleProblem } from './claim-rules.ts'
import type { Compat, LoginOutcome } from './decision.ts'
import { checkGroups, type GroupsProblem } from './groups.ts'
import { checkClaimMappings, mergeMetadata } from './metadata.ts'
import { checkPolicies } from './policies.ts'
import type { TemplateEnvironment } from './policy-template.ts'
import type { CompiledRole } from './role-rules.ts'
import { quote, showValue } from './shown-value.ts'
import type { Trace } from './trace.ts'
import { checkUserClaim, type UserClaimProblem } from './user-claim.ts'

export interface IdentityInput {
  readonly role: CompiledRole
  readonly compat: Compat
  readonly sourceAddress: string | undefined
  readonly env: TemplateEnvironment
}

const noGroups: readonly string[] = Object.freeze([])

/** The name of the caller, undefined when it was refused. */
export function checkUser(
  trace: Trace,
  role: CompiledRole,
  claims: JsonObject,
): string | undefined {
  const name = checkUserClaim(claims, role.userClaim)
  const claim = role.userClaim.text
  if (name.ok) {
    trace.pass('user_claim', () => ({ claim, got: name.value }))
    return name.value
  }
  trace.fail('user_claim', {
    reason: name.error.reason,
    text: userClaimText(name.error, quote(claim)),
    claim,
    ...('got' in name.error ? { got: name.error.got } : {}),
  })
  return undefined
}

/** Everything after the user claim; undefined when a part that makes up the outcome was refused. */
export function checkIdentity(
  trace: Trace,
  input: IdentityInput,
  claims: JsonObject,
  aliasName: string | undefined,
): LoginOutcome | undefined {
  const { role } = input
  const mapped = checkMetadata(trace, input, claims)
  if (trace.isOver) return undefined
  const groups = checkGroupNames(trace, input, claims)
  if (trace.isOver) return undefined
  checkBoundClaims(trace, role.claimRules, claims)
  if (trace.isOver) return undefined
  const tokenPolicies = checkTokenPolicies(trace, input, claims)
  if (aliasName === undefined || mapped === undefined) return undefined
  if (groups === undefined || tokenPolicies === undefined) return undefined
  trace.pass('identity', () => ({ got: aliasName }))
  const metadata = mergeMetadata(role.rules.alias_metadata, mapped, role.name)
  const isBound = role.rules.token_strictly_bind_ip && input.sourceAddress !== undefined
  return {
    aliasName,
    aliasMetadata: metadata,
    metadata,
    groups,
    displayName: aliasName,
    tokenPolicies,
    boundCidrs: isBound ? [input.sourceAddress] : role.rules.token_bound_cidrs,
    sourceAddressBound: isBound,
    claims,
  }
}

function checkMetadata(
  trace: Trace,
  { role, compat }: IdentityInput,
  claims: JsonObject,
): Readonly<Record<string, string>> | undefined {
  const mapped = checkClaimMappings(claims, role.mappings, compat)
  if (mapped.ok) {
    if (role.mappings.length > 0) trace.pass('claim_mappings', () => ({ got: mapped.value }))
    return mapped.value
  }
  const { reason, claim } = mapped.error
  if (mapped.error.reason === 'metadata_missing') {
    const text = `claim ${quote(claim)} of claim_mappings not found in token; list it in optional_claim_mappings if it may be absent`
    trace.fail('claim_mappings', { reason, text, claim })
  } else {
    const text = `error converting claim '${claim}' to string`
    trace.fail('claim_mappings', { reason, text, claim, got: mapped.error.got })
  }
  return undefined
}

function checkGroupNames(
  trace: Trace,
  { role, compat }: IdentityInput,
  claims: JsonObject,
): readonly string[] | undefined {
  if (role.groupsClaim === undefined) return noGroups
  // Vault compatibility: there a missing groups claim always refuses.
  const isRequired = role.rules.groups_claim_required || compat === 'vault'
  const groups = checkGroups(claims, role.groupsClaim, isRequired)
  const claim = role.groupsClaim.text
  if (groups.ok) {
    trace.pass('groups', () => ({ claim, got: groups.value }))
    return groups.value
  }
  trace.fail('groups', {
    reason: groups.error.reason,
    text: groupsText(groups.error, quote(claim)),
    claim,
    ...('got' in groups.error ? { got: groups.error.got } : {}),
  })
  return undefined
}

function checkBoundClaims(trace: Trace, rules: readonly ClaimRule[], claims: JsonObject): void {
  if (rules.length === 0) return
  // Stored order, and the first that fails is the one that is named.
  for (const rule of rules) {
    const checked = checkClaimRule(rule, claims)
    if (checked.ok) continue
    trace.fail('bound_claims', {
      reason: checked.error.reason,
      text: `error validating claims: ${boundClaimText(checked.error)}`,
      claim: rule.reference.text,
      expected: expectedOf(rule),
      ...('got' in checked.error ? { got: checked.error.got } : {}),
    })
    return
  }
  trace.pass('bound_claims')
}

function checkTokenPolicies(
  trace: Trace,
  { role, env }: IdentityInput,
  claims: JsonObject,
): readonly string[] | undefined {
  const policies = checkPolicies(role.policies, claims, env)
  if (policies.ok) {
    trace.pass('token_parameters', () => ({ got: policies.value }))
    return policies.value
  }
  if (policies.error.reason === 'root_policy_refused') {
    const text = 'auth methods cannot create root tokens'
    trace.fail('token_parameters', { reason: policies.error.reason, text })
  } else {
    const { reason, index, detail } = policies.error
    const text = `error rendering policy template ${index}: ${detail}`
    trace.fail('token_parameters', { reason, text, note: `Template ${index}: ${detail}.` })
  }
  return undefined
}

function userClaimText(problem: UserClaimProblem, claim: string): string {
  switch (problem.reason) {
    case 'user_claim_missing':
      return `claim ${claim} not found in token`
    case 'user_claim_type':
      return `claim ${claim} could not be converted to string`
    case 'user_claim_unsafe':
      return problem.problem === 'empty'
        ? `claim ${claim} is empty`
        : `claim ${claim} contains a NUL character`
  }
}

function groupsText(problem: GroupsProblem, claim: string): string {
  if (problem.reason !== 'groups_type')
    return `failed to fetch groups: ${claim} claim not found in token`
  if (problem.problem === 'no_list') return `${claim} claim could not be converted to string list`
  return `value ${showValue(problem.element)} in groups claim could not be parsed as string`
}

function boundClaimText(problem: ClaimRuleProblem): string {
  const claim = quote(problem.rule.reference.text)
  switch (problem.reason) {
    case 'claim_missing':
      return `claim ${claim} is missing`
    case 'claim_mismatch':
      return `claim ${claim} does not match any associated bound claim values`
    case 'claim_type':
      return problem.side === 'claim'
        ? `received claim ${claim} is not a string, bool, int or list`
        : `bound claim ${claim} is not of a type that can match`
  }
}

function expectedOf(rule: ClaimRule): JsonValue {
  return rule.matcher.kind === 'glob' ? { glob: rule.expected } : rule.expected
}
