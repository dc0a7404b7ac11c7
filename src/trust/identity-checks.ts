/**
 * Checks that turn verified claims into an identity and its rights (jwt-oidc.md §3.2, 18
 * to 24). They are the tail of every list: what comes before differs, what a role makes of claims
 * does not.
 */

import type { JsonObject, JsonValue } from '../lib/json.ts'
import { checkClaimRule, type ClaimRule, type ClaimRuleProblem } from './claim-rules.ts'
import { checkGroups, type GroupsProblem } from './groups.ts'
import {
  defineCheck,
  fail,
  needs,
  pass,
  passWith,
  skip,
  type Found,
  type LoginCheck,
  type Verdict,
} from './login-check.ts'
import type { SharedFacts } from './login-facts.ts'
import { MatchWork } from './match-work.ts'
import { checkClaimMappings, mergeMetadata } from './metadata.ts'
import { checkPolicies } from './policies.ts'
import type { Reason } from './reasons.ts'
import type { CompiledRole } from './role-rules.ts'
import { quote, showValue } from './shown-value.ts'
import { checkUserClaim, type UserClaimProblem } from './user-claim.ts'

const noGroups: Found = Object.freeze({ groups: Object.freeze([]) })
const noMetadata: Found = Object.freeze({ metadata: Object.freeze({}) })

const userClaim = defineCheck({
  id: 'user_claim',
  title: 'User claim',
  question: 'Who is it?',
  stage: 'identity',
  refusals: {
    user_claim_missing: 'claim {} not found in token',
    user_claim_type: 'claim {} could not be converted to string',
    user_claim_unsafe: 'claim {} {}',
  },
  judge: withRole(({ userClaim: reference }, claims) => {
    const name = checkUserClaim(claims, reference)
    if (name.ok) return passWith({ aliasName: name.value })
    const { error } = name
    const shown = { claim: reference.text, ...('got' in error ? { got: error.got } : {}) }
    return fail(error.reason, shown, quote(reference.text), unsafeText(error))
  }),
  shown: ({ role }: SharedFacts, { aliasName = '' }) => ({
    claim: role?.userClaim.text ?? '',
    got: aliasName,
  }),
})

const provider = defineCheck({
  id: 'provider',
  title: 'Provider lookup',
  question: "Does the provider's part work out?",
  stage: 'identity',
  refusals: { provider_failed: '{}', groups_truncated: '{}', userinfo_failed: '{}' },
  judge({ config, provided, role }: SharedFacts, { claims }) {
    if (config.has_provider !== true || role === undefined || claims === undefined) return skip
    if (provided === undefined) return needs('provider')
    if (provided.ok) return passWith({ claims: provided.value })
    return fail(provided.error.reason, undefined, provided.error.detail)
  },
})

const claimMappings = defineCheck({
  id: 'claim_mappings',
  title: 'Mapped claims',
  question: 'Are the mapped claims there?',
  stage: 'identity',
  refusals: {
    metadata_missing:
      'claim {} of claim_mappings not found in token; list it in optional_claim_mappings if it may be absent',
    metadata_type: "error converting claim '{}' to string",
  },
  judge: withRole(({ mappings }, claims, { compat }) => {
    if (mappings.length === 0) return { kind: 'skip', found: noMetadata }
    const mapped = checkClaimMappings(claims, mappings, compat)
    if (mapped.ok) return passWith({ metadata: mapped.value })
    const { claim } = mapped.error
    return mapped.error.reason === 'metadata_missing'
      ? fail(mapped.error.reason, { claim }, quote(claim))
      : fail(mapped.error.reason, { claim, got: mapped.error.got }, claim)
  }),
  shown: (_: SharedFacts, { metadata = {} }) => ({ got: metadata }),
})

const groups = defineCheck({
  id: 'groups',
  title: 'Groups',
  question: 'Are the groups there?',
  stage: 'identity',
  refusals: {
    groups_missing: 'failed to fetch groups: {} claim not found in token',
    groups_truncated: 'failed to fetch groups: {} claim not found in token',
    groups_type: '{}',
  },
  judge: withRole(({ groupsClaim, rules }, claims, { compat }) => {
    if (groupsClaim === undefined) return { kind: 'skip', found: noGroups }
    // Vault compatibility: there a missing groups claim always refuses.
    const isRequired = rules.groups_claim_required || compat === 'vault'
    const read = checkGroups(claims, groupsClaim, isRequired)
    if (read.ok) return passWith({ groups: read.value })
    const { error } = read
    const claim = groupsClaim.text
    return error.reason === 'groups_type'
      ? fail(error.reason, { claim, got: error.got }, groupsText(error, quote(claim)))
      : fail(error.reason, { claim }, quote(claim))
  }),
  shown: ({ role }: SharedFacts, found) => ({
    claim: role?.groupsClaim?.text ?? '',
    got: found.groups ?? [],
  }),
})

const boundClaims = defineCheck({
  id: 'bound_claims',
  title: 'Bound claims',
  question: 'Does every bound claim match?',
  stage: 'identity',
  keptBy: 'bound_claims',
  refusals: {
    claim_missing: 'error validating claims: claim {} is missing',
    claim_mismatch:
      'error validating claims: claim {} does not match any associated bound claim values',
    claim_type: 'error validating claims: {}',
    claim_too_large: 'error validating claims: claim {} is too large for what it is compared with',
  },
  judge: withRole(({ claimRules }, claims, { nowSeconds }) => {
    if (claimRules.length === 0) return skip
    // Stored order, and the first that fails is the one that is named.
    const work = new MatchWork()
    for (const rule of claimRules) {
      const checked = checkClaimRule(rule, claims, work, nowSeconds)
      if (checked.ok) continue
      const { error } = checked
      const shown = {
        claim: rule.reference.text,
        expected: expectedOf(rule),
        ...('got' in error ? { got: error.got } : {}),
      }
      return fail(error.reason, shown, boundClaimText(error, quote(rule.reference.text)))
    }
    return pass
  }),
})

const tokenParameters = defineCheck({
  id: 'token_parameters',
  title: 'Token parameters',
  question: 'Can the policies be filled in?',
  stage: 'identity',
  refusals: {
    policy_template_failed: 'error rendering policy template {}: {}',
    root_policy_refused: 'auth methods cannot create root tokens',
  },
  judge: withRole((role, claims, { env }) => {
    const policies = checkPolicies(role.policies, claims, env)
    if (policies.ok) return passWith({ tokenPolicies: policies.value })
    if (policies.error.reason === 'root_policy_refused') return fail(policies.error.reason)
    const { reason, index, detail } = policies.error
    return fail(reason, { note: `Template ${index}: ${detail}.` }, String(index), detail)
  }),
  shown: (_: SharedFacts, { tokenPolicies = [] }) => ({ got: tokenPolicies }),
})

const identity = defineCheck({
  id: 'identity',
  title: 'Identity',
  question: 'What does the rest make of all that?',
  stage: 'identity',
  refusals: {},
  judge: withRole<never>((role, claims, facts, found) => {
    const { aliasName, metadata: mapped, tokenPolicies } = found
    // Without a failure all of them are there; explaining goes on without the one that was refused.
    if (aliasName === undefined || mapped === undefined) return skip
    if (found.groups === undefined || tokenPolicies === undefined) return skip
    const metadata = mergeMetadata(role.rules.alias_metadata, mapped, role.name)
    const { sourceAddress } = facts
    const isBound = role.rules.token_strictly_bind_ip && sourceAddress !== undefined
    const outcome = {
      aliasName,
      aliasMetadata: metadata,
      metadata,
      groups: found.groups,
      displayName: aliasName,
      tokenPolicies,
      boundCidrs: isBound ? [sourceAddress] : role.rules.token_bound_cidrs,
      sourceAddressBound: isBound,
      claims,
    }
    return passWith({ outcome })
  }),
  shown: (_: SharedFacts, { aliasName = '' }) => ({ got: aliasName }),
})

export const identityChecks: readonly LoginCheck<SharedFacts>[] = [
  userClaim,
  provider,
  claimMappings,
  groups,
  boundClaims,
  tokenParameters,
  identity,
]

/** A check of what a role makes of claims: nothing to judge while one of them is missing. */
function withRole<R extends Reason>(
  judge: (role: CompiledRole, claims: JsonObject, facts: SharedFacts, found: Found) => Verdict<R>,
): (facts: SharedFacts, found: Found) => Verdict<R> {
  return (facts, found) =>
    facts.role === undefined || found.claims === undefined
      ? skip
      : judge(facts.role, found.claims, facts, found)
}

function unsafeText(problem: UserClaimProblem): string {
  if (problem.reason !== 'user_claim_unsafe') return ''
  return problem.problem === 'empty' ? 'is empty' : 'contains a NUL character'
}

function groupsText(
  problem: Extract<GroupsProblem, { reason: 'groups_type' }>,
  claim: string,
): string {
  if (problem.problem === 'no_list') return `${claim} claim could not be converted to string list`
  return `value ${showValue(problem.element)} in groups claim could not be parsed as string`
}

function boundClaimText(problem: ClaimRuleProblem, claim: string): string {
  if (problem.reason !== 'claim_type') return claim
  switch (problem.side) {
    case 'claim':
      return `received claim ${claim} is not a string, bool, int or list`
    case 'role':
      return `bound claim ${claim} is not of a type that can match`
    case 'value':
      return `claim ${claim} is not of a type that the rule of the bound claim compares`
  }
}

function expectedOf(rule: ClaimRule): JsonValue {
  return rule.matcher.kind === 'glob' ? { glob: rule.expected } : rule.expected
}
