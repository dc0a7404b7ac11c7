/**
 * What a role write refuses, and rules it accepts although they can never match (jwt-oidc.md §2.4).
 *
 * Only what the deciding fields alone can tell; lifetimes, redirect URIs and the mount are the
 * writer's.
 */

import { parseCidr } from '../lib/cidr.ts'
import { isJsonArray, type JsonValue } from '../lib/json.ts'
import { parseCondition } from './claim-conditions.ts'
import { isScalar } from './claim-values.ts'
import { parseReference } from './pointer.ts'
import { parsePolicyTemplate } from './policy-template.ts'
import type { RoleRulesDraft } from './role-rules.ts'
import { quote } from './shown-value.ts'

export interface RoleProblem {
  readonly field: string
  readonly text: string
}

export interface RoleCheck {
  /** In the order of the contract; the first is the answer of the write. */
  readonly problems: readonly RoleProblem[]
  readonly warnings: readonly RoleProblem[]
}

export function checkRoleRules(rules: RoleRulesDraft): RoleCheck {
  const problems = [
    ...checkChoice('role_type', rules.role_type, ['jwt', 'oidc']),
    ...checkAddresses(rules),
    ...checkChoice('bound_claims_type', rules.bound_claims_type, ['string', 'glob', 'rules']),
    ...checkGlobs(rules),
    ...checkConditions(rules),
    ...checkMappings(rules.claim_mappings ?? {}),
    ...checkUserClaim(rules),
    ...checkBoundConstraint(rules),
    ...checkTemplates(rules),
  ]
  return { problems, warnings: [...findUnmatchable(rules), ...findLoose(rules)] }
}

function checkChoice(field: string, value: string, choices: readonly string[]): RoleProblem[] {
  if (choices.includes(value)) return []
  return [{ field, text: `invalid '${field}': ${quote(value)}; use ${choices.join(' or ')}` }]
}

function checkAddresses(rules: RoleRulesDraft): RoleProblem[] {
  const field = 'token_bound_cidrs'
  const problems = rules.token_bound_cidrs
    .filter((text) => parseCidr(text) === undefined)
    .map((text) => ({
      field,
      text: `${quote(text)} in 'token_bound_cidrs' is no IP address or CIDR`,
    }))
  if (rules.token_strictly_bind_ip && rules.token_bound_cidrs.length > 0) {
    const text = "'token_strictly_bind_ip' and 'token_bound_cidrs' cannot be used together"
    problems.push({ field: 'token_strictly_bind_ip', text })
  }
  return problems
}

function checkGlobs(rules: RoleRulesDraft): RoleProblem[] {
  if (rules.bound_claims_type !== 'glob') return []
  const isGlob = (value: JsonValue): boolean =>
    typeof value === 'string' ||
    (isJsonArray(value) && value.every((element) => typeof element === 'string'))
  return Object.entries(rules.bound_claims ?? {})
    .filter(([, value]) => !isGlob(value))
    .map(([claim]) => ({
      field: 'bound_claims',
      text: `claim ${quote(claim)} in 'bound_claims' is not a string or list of strings, as 'bound_claims_type' glob needs`,
    }))
}

/** A rule that cannot be read would refuse everybody, or nobody: it is never stored. */
function checkConditions(rules: RoleRulesDraft): RoleProblem[] {
  if (rules.bound_claims_type !== 'rules') return []
  return Object.entries(rules.bound_claims ?? {}).flatMap(([claim, value]) => {
    const condition = parseCondition(value)
    if (condition.ok) return []
    const text = `claim ${quote(claim)} in 'bound_claims': ${condition.error}`
    return [{ field: 'bound_claims', text }]
  })
}

function checkMappings(mappings: Readonly<Record<string, string>>): RoleProblem[] {
  const field = 'claim_mappings'
  const problems: RoleProblem[] = []
  const seen = new Set<string>()
  for (const target of Object.values(mappings)) {
    if (target === 'role') {
      const text = `metadata key ${quote(target)} is reserved and may not be a mapping destination`
      problems.push({ field, text })
    } else if (seen.has(target)) {
      problems.push({ field, text: `multiple keys are mapped to metadata key ${quote(target)}` })
    }
    seen.add(target)
  }
  return problems
}

function checkUserClaim(rules: RoleRulesDraft): RoleProblem[] {
  if (rules.user_claim !== '') return []
  const text = "a user claim must be defined on the role: 'user_claim' must be set"
  return [{ field: 'user_claim', text }]
}

function checkBoundConstraint(rules: RoleRulesDraft): RoleProblem[] {
  const isBound =
    (rules.bound_audiences ?? []).length > 0 ||
    rules.bound_subject !== '' ||
    Object.keys(rules.bound_claims ?? {}).length > 0 ||
    rules.token_bound_cidrs.length > 0
  if (rules.role_type !== 'jwt' || isBound) return []
  const text =
    'must have at least one bound constraint when creating/updating a role: ' +
    "set 'bound_audiences', 'bound_subject', 'bound_claims' or 'token_bound_cidrs'"
  return [{ field: 'bound_audiences', text }]
}

function checkTemplates(rules: RoleRulesDraft): RoleProblem[] {
  if (!rules.token_policies_template_claims) return []
  return rules.token_policies.flatMap((template, index) => {
    const parsed = parsePolicyTemplate(template)
    if (parsed.ok) return []
    const text = `error parsing policy template ${index} of 'token_policies': ${parsed.error.detail}`
    return [{ field: 'token_policies', text }]
  })
}

/** Values that the references accept silently and that refuse every login. */
function findUnmatchable(rules: RoleRulesDraft): RoleProblem[] {
  const field = 'bound_claims'
  const warnings: RoleProblem[] = []
  for (const [claim, value] of Object.entries(rules.bound_claims ?? {})) {
    // A condition that cannot match was refused before.
    const what = rules.bound_claims_type === 'rules' ? undefined : unmatchable(value)
    if (what !== undefined) {
      const text = `bound claim ${quote(claim)} ${what}, which matches no token`
      warnings.push({ field, text })
    }
    if (parseReference(claim).steps === undefined) {
      const text = `bound claim ${quote(claim)} is no valid JSON pointer and finds no claim`
      warnings.push({ field, text })
    }
  }
  return warnings
}

function unmatchable(value: JsonValue): string | undefined {
  if (!isJsonArray(value)) return isScalar(value) ? undefined : 'is an object or null'
  if (value.length === 0) return 'is an empty list'
  return value.every(isScalar) ? undefined : 'holds a list, object or null'
}

function findLoose(rules: RoleRulesDraft): RoleProblem[] {
  const mapped = rules.claim_mappings ?? {}
  return (rules.optional_claim_mappings ?? [])
    .filter((claim) => claim !== '*' && !Object.hasOwn(mapped, claim))
    .map((claim) => ({
      field: 'optional_claim_mappings',
      text: `${quote(claim)} in 'optional_claim_mappings' is not a key of 'claim_mappings'`,
    }))
}
