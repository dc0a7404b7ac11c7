/**
 * What the roles of every auth method give to a login: the terms of its token, those of a renewal,
 * and a refusal as their mount may tell it. A method adds who the caller is.
 */

import type { JsonObject } from '../lib/json.ts'
import { reasons, type Reason } from '../trust/reasons.ts'
import { happenedFor, sentenceFor, type Happened } from '../trust/sentence.ts'
import { isSourceAllowed, parseSourceRule } from '../trust/source-address.ts'
import type { MountFacts, RenewTerms } from './backend.ts'
import type { Login } from './reply.ts'
import type { LoginNote } from './login-log.ts'
import { invalid, Refusal } from './refusal.ts'
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

/** Whom a method has proven, and what its role does not say. */
export interface Proven {
  readonly alias: Login['alias']
  readonly metadata: Readonly<Record<string, string>>
  readonly displayName: string
  readonly clientAddress: string | undefined
  /** Kept with the token and handed back at renewal. */
  readonly facts?: JsonObject
  /** In place of the role's. */
  readonly boundCidrs?: readonly string[]
  readonly note: LoginNote
  readonly alongside?: Login['alongside']
}

/** A login with the policies and networks of its role. */
export function loginOf(role: KnownRole, proven: Proven): Login {
  const { clientAddress, boundCidrs = role.token_bound_cidrs, facts = {}, ...who } = proven
  const isBound = role.token_strictly_bind_ip && clientAddress !== undefined
  return {
    ...grantedBy(role),
    ...who,
    groups: [],
    policies: role.token_policies,
    boundCidrs: isBound ? [clientAddress] : boundCidrs,
    facts,
  }
}

/** Whether a login or a renewal may come from there. */
export function mayComeFrom(
  { token_bound_cidrs, token_strictly_bind_ip }: Networks,
  clientAddress: string | undefined,
): boolean {
  return isSourceAllowed(parseSourceRule(token_bound_cidrs, token_strictly_bind_ip), clientAddress)
}

type Networks = Pick<TokenSettings, 'token_bound_cidrs' | 'token_strictly_bind_ip'>

/** For a renewal after the role has gone. */
export function roleGone(name: string): Refusal {
  return invalid(`role ${JSON.stringify(name)} could not be found, not renewing`)
}

/** For a renewal from where no login may come from any more. */
export function renewalMoved(): Refusal {
  return invalid('the token may no longer be renewed from this address; log in again')
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
  readonly happened?: Happened | undefined
  readonly status?: number | undefined
}

/** design.md §8: with compat=vault a refusal is as bare as the reference's. */
export function loginRefusal(problem: LoginProblem, mount: MountFacts, note: LoginNote): Refusal {
  const mayHint = mount.compat !== 'vault' && mount.explainToCaller !== 'none'
  const reason = mayHint ? problem.reason : undefined
  if (problem.reason === 'source_address_refused' && problem.status === undefined) {
    return new Refusal('token_refused', { reason, note })
  }
  const { text, sentence, happened, status } = problem
  return new Refusal('login_refused', { text, sentence, happened, reason, status, note })
}

/** The attempt that a refusal ends. */
export interface RefusedAttempt {
  readonly mount: MountFacts
  readonly requestId: string
  readonly note: LoginNote
}

/** The refusal with the sentence of its reason, as far as the mount tells it. */
export function refusalOf(
  { reason, text, status = reasons[reason].status }: Omit<LoginProblem, 'sentence' | 'happened'>,
  { mount, requestId, note }: RefusedAttempt,
): Refusal {
  const disclosure = mount.compat === 'vault' ? 'none' : mount.explainToCaller
  const sentence = sentenceFor({ reason }, disclosure, requestId)
  const happened = happenedFor({ reason }, disclosure)
  return loginRefusal({ reason, text, status, sentence, happened }, mount, { ...note, reason })
}

/** Nobody outside the networks of a role learns more than that. */
export function sourceRefusal({ mount, note }: RefusedAttempt): Refusal {
  const reason = 'source_address_refused'
  return loginRefusal({ reason, text: '', sentence: undefined }, mount, { ...note, reason })
}

/** What a login waits for has no place left; the method's text says what. */
export function busyRefusal(text: string, { mount, note }: RefusedAttempt): Refusal {
  const reason = 'quota_exceeded'
  const mayHint = mount.compat !== 'vault' && mount.explainToCaller !== 'none'
  return new Refusal('rate_limited', {
    text,
    reason: mayHint ? reason : undefined,
    headers: { 'Retry-After': '2' },
    note: { ...note, reason },
  })
}
