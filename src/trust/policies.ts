/**
 * Policy names that a login gives: filled in from templates, tidied, and never root
 * (jwt-oidc.md §3.8).
 */

import type { JsonObject } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import {
  parsePolicyTemplate,
  renderPolicyTemplate,
  TemplateWork,
  type PolicyTemplate,
  type TemplateEnvironment,
  type TemplateProblem,
} from './policy-template.ts'

export type PoliciesProblem =
  | { readonly reason: 'root_policy_refused' }
  | { readonly reason: 'policy_template_failed'; readonly index: number; readonly detail: string }

/** Names that are the same for every login, or templates; prepared at role write. */
export type PolicyPlan =
  | { readonly kind: 'fixed'; readonly policies: Result<readonly string[], PoliciesProblem> }
  | {
      readonly kind: 'templates'
      readonly templates: readonly Result<PolicyTemplate, TemplateProblem>[]
    }

/**
 * No policy has a longer name, and what follows looks at each character of a name several times.
 */
const nameLengthMax = 1_024

export function parsePolicyPlan(names: readonly string[], areTemplates: boolean): PolicyPlan {
  if (areTemplates) return { kind: 'templates', templates: names.map(parsePolicyTemplate) }
  return { kind: 'fixed', policies: tidyPolicies(names) }
}

export function checkPolicies(
  plan: PolicyPlan,
  claims: JsonObject,
  env: TemplateEnvironment,
): Result<readonly string[], PoliciesProblem> {
  if (plan.kind === 'fixed') return plan.policies
  const names: string[] = []
  const work = new TemplateWork()
  for (const [index, template] of plan.templates.entries()) {
    const name = template.ok ? renderPolicyTemplate(template.value, claims, env, work) : template
    if (!name.ok) return err({ reason: 'policy_template_failed', index, detail: name.error.detail })
    if (name.value.length > nameLengthMax) {
      const detail = `the name has more than ${nameLengthMax} characters`
      return err({ reason: 'policy_template_failed', index, detail })
    }
    names.push(name.value)
  }
  return tidyPolicies(names)
}

/**
 * Trimmed, lower-cased, without empty ones and repetitions, sorted; `default` is not added here.
 */
export function tidyPolicies(names: readonly string[]): Result<readonly string[], PoliciesProblem> {
  const tidy = new Set<string>()
  for (const name of names) {
    const policy = name.trim().toLowerCase()
    if (policy === '') continue
    if (isRoot(policy)) return err({ reason: 'root_policy_refused' })
    tidy.add(policy)
  }
  return ok([...tidy].sort())
}

// CVE-2025-5999, CVE-2025-64761: other spellings of root that some later reader would fold to it.
function isRoot(policy: string): boolean {
  return (
    policy
      .normalize('NFKC')
      .toLowerCase()
      .replaceAll(/[\p{C}\p{Z}\s]/gu, '') === 'root'
  )
}
