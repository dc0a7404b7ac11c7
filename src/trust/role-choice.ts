/**
 * Which of the roles that accept a token a login goes through that named none (jwt-oidc.md §2.11):
 * the only one, or all of them together with what the strictest of them allows. Pure.
 */

import { err, ok, type Result } from '../lib/result.ts'
import { defineCheck, fail, needs, passWith } from './login-check.ts'
import type { JwtLoginInput } from './login-facts.ts'
import type { LoginOutcome } from './login-outcome.ts'

export type RoleSelection = 'explicit' | 'first_match' | 'union'

export interface ChoiceProblem {
  readonly reason: 'role_unmatched' | 'role_ambiguous'
  /** Names for those who may see them: the log, and callers who are told all. */
  readonly roles: readonly string[]
}

export interface Accepted {
  readonly role: string
  readonly outcome: LoginOutcome
}

export interface SelectingLoginInput extends JwtLoginInput {
  /** Undefined until the roles of the mount were asked. */
  readonly chosen: Result<LoginOutcome, ChoiceProblem> | undefined
}

export const roleChosen = defineCheck({
  id: 'role_chosen',
  title: 'Role chosen',
  question: 'Which roles of the mount accept it?',
  stage: 'identity',
  refusals: {
    role_unmatched: 'no role of this mount accepts the token',
    role_ambiguous: 'more than one role of this mount accepts the token: name the role',
  },
  judge({ chosen }: SelectingLoginInput) {
    if (chosen === undefined) return needs('roles')
    if (chosen.ok) return passWith({ outcome: chosen.value })
    const { reason, roles } = chosen.error
    return fail(reason, roles.length === 0 ? undefined : { expected: { any_of: roles } })
  },
})

/** In the order of their names. */
export function chooseOutcome(
  accepted: readonly Accepted[],
  selection: RoleSelection,
): Result<LoginOutcome, ChoiceProblem> {
  const [first, ...others] = accepted
  if (first === undefined) return err({ reason: 'role_unmatched', roles: [] })
  if (others.length === 0) return ok(first.outcome)
  const merged = selection === 'union' ? mergeOutcomes(first, others) : undefined
  if (merged !== undefined) return ok(merged)
  return err({ reason: 'role_ambiguous', roles: accepted.map(({ role }) => role) })
}

/** Undefined when they name different people: no token is two. */
function mergeOutcomes(first: Accepted, others: readonly Accepted[]): LoginOutcome | undefined {
  const outcomes = [first, ...others].map(({ outcome }) => outcome)
  const { aliasName, displayName, claims } = first.outcome
  if (outcomes.some((outcome) => outcome.aliasName !== aliasName)) return undefined
  const role = [first, ...others].map((one) => one.role).join(',')
  // What the roles say of one name in different words is said by none of them.
  const merge = (part: 'metadata' | 'aliasMetadata'): Readonly<Record<string, string>> => {
    const texts = new Map<string, ReadonlySet<string>>()
    for (const outcome of outcomes) {
      for (const [name, text] of Object.entries(outcome[part])) {
        texts.set(name, new Set([...(texts.get(name) ?? []), text]))
      }
    }
    const agreed = [...texts].filter(([name, said]) => name !== 'role' && said.size === 1)
    return { ...Object.fromEntries(agreed.map(([name, [text = '']]) => [name, text])), role }
  }
  return {
    aliasName,
    aliasMetadata: merge('aliasMetadata'),
    metadata: merge('metadata'),
    groups: unionOf(outcomes.map(({ groups }) => groups)),
    displayName,
    tokenPolicies: unionOf(outcomes.map(({ tokenPolicies }) => tokenPolicies)).toSorted(),
    boundCidrs: [],
    sourceAddressBound: outcomes.some(({ sourceAddressBound }) => sourceAddressBound),
    claims,
  }
}

function unionOf(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())]
}
