/**
 * The part of a role that decides a login, with its wire names, and its prepared form.
 *
 * Pointers, globs, networks and templates are parsed here once, at role write or load, and never at login.
 * What a write refuses is in `role-checks.ts`, what it warns about in `role-lint.ts`.
 */

import type { JsonObject } from '../lib/json.ts'
import { parseClaimRules, type BoundClaimsType, type ClaimRule } from './claim-rules.ts'
import { parseClaimMappings, type ClaimMapping } from './metadata.ts'
import { parseReference, type ClaimReference } from './pointer.ts'
import { parsePolicyPlan, type PolicyPlan } from './policies.ts'
import { parseSourceRule, type SourceRule } from './source-address.ts'
import { parseUserClaim } from './user-claim.ts'

export interface RoleRules {
  readonly role_type: 'jwt' | 'oidc'
  readonly user_claim: string
  readonly user_claim_json_pointer: boolean
  readonly groups_claim: string
  readonly groups_claim_required: boolean
  readonly bound_audiences: readonly string[]
  readonly bound_subject: string
  readonly bound_claims: JsonObject | null
  readonly bound_claims_type: BoundClaimsType
  readonly claim_mappings: Readonly<Record<string, string>> | null
  readonly optional_claim_mappings: readonly string[]
  readonly alias_metadata: Readonly<Record<string, string>>
  /** Seconds, as the other two: 0 for the default, negative for none (contract jwt-oidc.md §3.5). */
  readonly expiration_leeway: number
  readonly not_before_leeway: number
  readonly clock_skew_leeway: number
  readonly token_policies: readonly string[]
  readonly token_policies_template_claims: boolean
  readonly token_no_default_policy: boolean
  readonly token_bound_cidrs: readonly string[]
  readonly token_strictly_bind_ip: boolean
}

/** A role that has everything at its create default; spread it and set what differs. */
export const defaultRoleRules: RoleRules = Object.freeze({
  role_type: 'oidc',
  user_claim: '',
  user_claim_json_pointer: false,
  groups_claim: '',
  groups_claim_required: true,
  bound_audiences: [],
  bound_subject: '',
  bound_claims: null,
  bound_claims_type: 'string',
  claim_mappings: null,
  optional_claim_mappings: [],
  alias_metadata: {},
  expiration_leeway: 0,
  not_before_leeway: 0,
  clock_skew_leeway: 0,
  token_policies: [],
  token_policies_template_claims: false,
  token_no_default_policy: false,
  token_bound_cidrs: [],
  token_strictly_bind_ip: false,
})

export interface CompiledRole {
  readonly name: string
  readonly version: number
  readonly rules: RoleRules
  readonly userClaim: ClaimReference
  /** Undefined when the role takes no groups from tokens. */
  readonly groupsClaim: ClaimReference | undefined
  readonly claimRules: readonly ClaimRule[]
  readonly mappings: readonly ClaimMapping[]
  readonly source: SourceRule
  readonly policies: PolicyPlan
}

/** Never throws: a stored rule that can no longer be read refuses logins and does not open the role. */
export function compileRole(name: string, version: number, rules: RoleRules): CompiledRole {
  return {
    name,
    version,
    rules,
    userClaim: parseUserClaim(rules.user_claim, rules.user_claim_json_pointer),
    groupsClaim: rules.groups_claim === '' ? undefined : parseReference(rules.groups_claim),
    claimRules: parseClaimRules(rules.bound_claims, rules.bound_claims_type),
    mappings: parseClaimMappings(rules.claim_mappings, rules.optional_claim_mappings),
    source: parseSourceRule(rules.token_bound_cidrs, rules.token_strictly_bind_ip),
    policies: parsePolicyPlan(rules.token_policies, rules.token_policies_template_claims),
  }
}
