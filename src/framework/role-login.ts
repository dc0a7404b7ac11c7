/**
 * What the roles of every auth method give to a login: the terms of its token, those of a renewal,
 * and a refusal as their mount may tell it. A method adds who the caller is.
 */

import type { Reason } from '../trust/reasons.ts'
import type { MountFacts, RenewTerms } from './backend.ts'
import type { Login } from './reply.ts'
import type { LoginNote } from './login-log.ts'
import { Refusal } from './refusal.ts'
import type { TokenSettings } from './token-settings.ts'

/** A role as its tokens know it. */
export interface KnownRole extends TokenSettings {
  readonly name: string
  readonly version: number
}

type Granted = Omit<
  Login,
  'alias' | 'groups' | 'metadata' | 'displayName' | 'policies' | 'boundCidrs' | 'facts' | 'note'
>

/**
 * Policies and networks are not among them: a method may make the ones of the claims, and bind the
 * others to the caller.
 */
export function grantedBy(role: KnownRole): Granted {
  return {
    noDefaultPolicy: role.token_no_default_policy,
    ttlSeconds: role.token_ttl,
    maxTtlSeconds: role.token_max_ttl,
    periodSeconds: role.token_period,
    explicitMaxTtlSeconds: role.token_explicit_max_ttl,
    numUses: role.token_num_uses,
    tokenType: role.token_type,
    renewable: true,
    role: { name: role.name, kind: 'native', version: role.version },
  }
}

export function renewedBy(role: TokenSettings): RenewTerms {
  return {
    ttlSeconds: role.token_ttl,
    maxTtlSeconds: role.token_max_ttl,
    periodSeconds: role.token_period,
  }
}

export interface LoginProblem {
  readonly reason: Reason
  /** `errors[0]`, as compatible clients know it. */
  readonly text: string
  readonly sentence: string | undefined
  /** The same without the fix: for pages, which have a place of its own for that. */
  readonly happened?: string | undefined
  readonly status?: number | undefined
}

/** design.md §8: with compat=vault a refusal is as bare as the reference's. */
export function loginRefusal(problem: LoginProblem, mount: MountFacts, note: LoginNote): Refusal {
  const mayHint = mount.compat !== 'vault' && mount.explainToCaller !== 'none'
  const reason = mayHint ? problem.reason : undefined
  if (problem.reason === 'source_address_refused') {
    return new Refusal('token_refused', { reason, note })
  }
  const { text, sentence, happened, status } = problem
  return new Refusal('login_refused', { text, sentence, happened, reason, status, note })
}
