/**
 * The part of a role that decides a login, and its prepared form. The rest is in
 * `auth/jwt/role-record.ts`, which takes these tables over.
 *
 * Pointers, globs, networks and templates are parsed here once, at role write or load, and never at
 * login.
 * What a write refuses is in `role-checks.ts`, what it warns about in `role-lint.ts`.
 */

import { field } from '../schema/field.ts'
import {
  choice,
  deciding,
  defineRecord,
  stored,
  type DraftOf,
  type StoredOf,
} from '../schema/record.ts'
import { parseClaimRules, type ClaimRule } from './claim-rules.ts'
import { parseClaimMappings, type ClaimMapping } from './metadata.ts'
import { parseReference, type ClaimReference } from './pointer.ts'
import { parsePolicyPlan, type PolicyPlan } from './policies.ts'
import { parseSourceRule, type SourceRule } from './source-address.ts'
import { parseUserClaim } from './user-claim.ts'

/** What a login decision looks at of a token's settings, which roles of every method have. */
export const tokenRuleTable = deciding({
  token_policies: stored(field.commaList({ help: 'Policies of the token.' })),
  token_no_default_policy: stored(field.bool({ help: 'Leave the default policy out.' })),
  token_bound_cidrs: stored(
    field.commaList({ help: 'Addresses or networks that may log in and use the token.' }),
  ),
  token_strictly_bind_ip: stored(field.bool({ help: "Bind the token to the login's address." })),
})

/** What it looks at of the rest of a role. A check sees no field that does not stand here. */
export const claimRuleTable = deciding({
  role_type: choice(['oidc', 'jwt'], field.string({ help: 'jwt or oidc.' }), { leftOut: 'reset' }),
  user_claim: stored(field.string({ help: 'Claim that names the user.', required: true })),
  user_claim_json_pointer: stored(field.bool({ help: 'Read user_claim as a JSON pointer.' })),
  groups_claim: stored(
    field.string({ help: 'Claim that lists groups; a JSON pointer if it begins with "/".' }),
  ),
  groups_claim_required: stored(
    field.bool({ help: 'Refuse a token without groups_claim; true by default.' }),
    { default: true, shown: 'unless_default' },
  ),
  bound_audiences: stored(field.commaList({ help: 'Audiences of which one must be in aud.' }), {
    default: null,
  }),
  bound_subject: stored(field.string({ help: 'Required sub.' })),
  bound_claims: stored(field.textMap({ help: 'Claims with the values that they must have.' }), {
    default: null,
  }),
  bound_claims_type: choice(
    ['string', 'glob', 'rules'],
    field.string({ help: 'string, glob or rules.' }),
    {
      leftOut: 'reset',
    },
  ),
  claim_mappings: stored(field.kvPairs({ help: 'Claims to copy into metadata: claim=key.' }), {
    default: null,
  }),
  optional_claim_mappings: stored(
    field.commaList({ help: 'Mapped claims that may be absent, or "*".' }),
    { default: null, shown: 'unless_default' },
  ),
  /** Seconds, as the other two: 0 for the default, negative for none (jwt-oidc.md §3.5). */
  expiration_leeway: stored(
    field.signedDuration({ help: 'Window for a missing exp; 0 is 150 s, negative none.' }),
  ),
  not_before_leeway: stored(
    field.signedDuration({ help: 'Window for a missing nbf; 0 is 150 s, negative none.' }),
  ),
  clock_skew_leeway: stored(
    field.signedDuration({ help: 'Allowed clock difference; 0 is 60 s, negative none.' }),
  ),
  token_policies_template_claims: stored(
    field.bool({ help: 'Read token_policies as templates over claims.' }),
  ),
  alias_metadata: stored(field.kvPairs({ help: 'Fixed metadata of the entity alias.' })),
})

const roleRules = defineRecord({ ...claimRuleTable, ...tokenRuleTable })

export type RoleRules = StoredOf<(typeof roleRules)['table']>

/** The same of a write, with its choices still unchecked. */
export type RoleRulesDraft = DraftOf<(typeof roleRules)['table']>

/** A role that has everything at its create default; spread it and set what differs. */
export const defaultRoleRules: RoleRules = roleRules.defaults

export interface CompiledRole {
  readonly name: string
  readonly version: number
  readonly rules: RoleRules
  readonly userClaim: ClaimReference
  /** Undefined when the role takes no groups from tokens. */
  readonly groupsClaim: ClaimReference | undefined
  readonly audiences: readonly string[]
  readonly claimRules: readonly ClaimRule[]
  readonly mappings: readonly ClaimMapping[]
  readonly source: SourceRule
  readonly policies: PolicyPlan
}

/** Never throws: a stored rule that cannot be read any more refuses logins and opens nothing. */
export function compileRole(name: string, version: number, rules: RoleRules): CompiledRole {
  return {
    name,
    version,
    rules,
    userClaim: parseUserClaim(rules.user_claim, rules.user_claim_json_pointer),
    groupsClaim: rules.groups_claim === '' ? undefined : parseReference(rules.groups_claim),
    audiences: rules.bound_audiences ?? [],
    claimRules: parseClaimRules(rules.bound_claims, rules.bound_claims_type),
    mappings: parseClaimMappings(rules.claim_mappings, rules.optional_claim_mappings ?? []),
    source: parseSourceRule(rules.token_bound_cidrs, rules.token_strictly_bind_ip),
    policies: parsePolicyPlan(rules.token_policies, rules.token_policies_template_claims),
  }
}
