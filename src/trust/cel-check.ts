/**
 * The one check of a CEL role behind those of the token: its program is asked, and its answer is
 * the outcome (jwt-oidc.md §6.4).
 */

import { defineCheck, fail, passWith, skip } from './login-check.ts'
import type { CelGrant } from './cel-program.ts'
import type { CelLoginInput } from './login-facts.ts'
import type { LoginOutcome } from './login-outcome.ts'
import { tidyPolicies } from './policies.ts'
import { maskTokens, quote } from './shown-value.ts'

const answerLengthMax = 512

export const celProgram = defineCheck({
  id: 'program',
  title: 'CEL program',
  question: 'Does the program of the role let it in?',
  spec: 'jwt-oidc.md §6.4',
  stage: 'identity',
  refusals: {
    rule_refused: '{}',
    root_policy_refused: 'auth methods cannot create root tokens',
  },
  judge(facts: CelLoginInput, { claims }) {
    const { program, role, message, operation, env } = facts
    if (program === undefined || role === undefined || claims === undefined) return skip
    const answer = program.evaluate(claims, { nowMs: env.nowMs, operation })
    switch (answer.kind) {
      case 'blocked': {
        const own = answer.text ?? message
        const text = own === '' ? `role ${quote(role.name)} blocked the login` : own
        return fail('rule_refused', undefined, maskTokens(text).slice(0, answerLengthMax))
      }
      case 'failed':
        return fail(
          'rule_refused',
          undefined,
          `error evaluating the program of role ${quote(role.name)}: ${maskTokens(answer.detail).slice(0, answerLengthMax)}`,
        )
      case 'grant': {
        const { grant } = answer
        const policies = tidyPolicies(grant.policies)
        if (!policies.ok) return fail('root_policy_refused')
        return passWith({ outcome: outcomeOf(grant, policies.value, role.name, claims) })
      }
    }
  },
})

function outcomeOf(
  grant: CelGrant,
  tokenPolicies: readonly string[],
  roleName: string,
  claims: LoginOutcome['claims'],
): LoginOutcome {
  const metadata = { role: roleName, ...grant.metadata }
  const aliasName = grant.alias?.name ?? ''
  return {
    aliasName,
    aliasMetadata: grant.alias?.metadata ?? {},
    metadata,
    groups: grant.groups,
    displayName: grant.displayName === '' ? aliasName : grant.displayName,
    tokenPolicies,
    boundCidrs: grant.boundCidrs,
    sourceAddressBound: false,
    claims,
    granted: grant,
  }
}
