/** Refusals of sign-ins: the texts that stock clients split into summary and detail (contract jwt-oidc.md §0.4). */

import type { MountFacts } from '../../framework/backend.ts'
import { Refusal } from '../../framework/refusal.ts'
import type { Reason } from '../../trust/reasons.ts'

export const loginFailed = 'Vault login failed.'
export const tokenRefused = 'Token verification failed.'

export function refused(reason: Reason, text: string): Refusal {
  return new Refusal('login_refused', { text, reason })
}

export function failed(reason: Reason, detail: string): Refusal {
  return refused(reason, `${loginFailed} ${detail}`)
}

/** Unknown, used up, expired: nobody learns which, but for the reason code. */
export function stateGone(reason: 'state_unknown' | 'state_used' = 'state_unknown'): Refusal {
  return failed(reason, 'Expired or missing OAuth state.')
}

/** The provider could not be asked: clients try again after a 500. */
export function upstreamFailed(detail: string): Refusal {
  return new Refusal('login_refused', { text: detail, reason: 'provider_failed', status: 500 })
}

/** Security case SEC-OID-33: strangers made this server call the provider too often. */
export function tooManyCalls(): Refusal {
  return new Refusal('rate_limited', {
    text: 'too many sign-ins of this address led to nothing; try again in a moment',
    reason: 'quota_exceeded',
    headers: { 'Retry-After': '2' },
  })
}

export function sourceRefused(): Refusal {
  // The note makes it the end of a login for the log: its code alone is that of any refused token.
  return new Refusal('token_refused', { reason: 'source_address_refused', note: {} })
}

/** The refusal as this mount may tell it. DESIGN.md §8: with compat=vault it is as bare as the reference's. */
export function toldBy(mount: MountFacts, refusal: Refusal): Refusal {
  if (mount.compat !== 'vault' && mount.explainToCaller !== 'none') return refusal
  const { detail } = refusal
  const told = { ...detail, reason: undefined, sentence: undefined }
  if (detail.reason === undefined) return new Refusal(refusal.code, told)
  // The log has the reason all the same.
  return new Refusal(refusal.code, { ...told, note: { reason: detail.reason, ...detail.note } })
}
