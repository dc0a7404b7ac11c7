/**
 * Refusals of sign-ins: the texts that stock clients split into summary and detail
 * (jwt-oidc.md §0.4).
 */

import type { MountFacts } from '../../framework/backend.ts'
import type { LoginNote } from '../../framework/login-log.ts'
import { Refusal } from '../../framework/refusal.ts'
import type { LoginFailure } from '../../trust/decide.ts'
import type { Reason } from '../../trust/reasons.ts'
import type { SignInFailure } from './sign-in.ts'

const loginFailed = 'Vault login failed.'
const tokenRefused = 'Token verification failed.'
const stateGoneText = 'Expired or missing OAuth state.'

export function refused(reason: Reason, text: string): Refusal {
  return new Refusal('login_refused', { text, reason })
}

export function failed(reason: Reason, detail: string): Refusal {
  return new Refusal('login_refused', { ...summed(loginFailed, detail), reason })
}

/** What a check of the login list found; `stage` is what it looked at. */
export function checkFailed(
  { reason, stage, status, text, happened }: LoginFailure,
  note: LoginNote,
): Refusal {
  if (reason === 'source_address_refused') return new Refusal('token_refused', { reason, note })
  // One element only: the page of Vault's own CLI shows what follows the last bullet.
  const texts = summed(stage === 'token' ? tokenRefused : loginFailed, text)
  return new Refusal('login_refused', { ...texts, happened, reason, status, note })
}

export function idTokenMissing(): Refusal {
  const texts = summed(tokenRefused, 'No id_token found in response.')
  return new Refusal('login_refused', { ...texts, reason: 'id_token_missing' })
}

function summed(
  summary: string,
  detail: string,
): { readonly text: string; readonly summary: string } {
  return { text: `${summary} ${detail}`, summary }
}

/** What is kept of a refusal that somebody else is told later. */
export function keptFailure(refusal: Refusal): SignInFailure {
  const { text = refusal.message, summary, reason = 'idp_error' } = refusal.detail
  return { text, summary, reason, status: refusal.status }
}

export function refusalOfKept(failure: SignInFailure, note?: LoginNote): Refusal {
  return new Refusal('login_refused', note === undefined ? failure : { ...failure, note })
}

/** The text of a page, which has a heading of its own. */
export function shownText({ text, summary = '' }: Pick<SignInFailure, 'text' | 'summary'>): string {
  return text.slice(summary.length).trimStart()
}

/** Unknown, used up, expired: nobody learns which, but for the reason code. */
export function stateGone(reason: 'state_unknown' | 'state_used' = 'state_unknown'): Refusal {
  return failed(reason, stateGoneText)
}

/** RFC 6749 §4.1.2.1: an error has the state as well, and some providers leave it out. */
export function stateLeftOut(error: string): Refusal {
  const said = `The identity provider reported ${error} without the state of the sign-in.`
  return failed('state_unknown', `${stateGoneText} ${said}`)
}

/** The provider could not be asked: clients try again after a 500. */
export function upstreamFailed(detail: string): Refusal {
  return new Refusal('login_refused', { text: detail, reason: 'provider_failed', status: 500 })
}

/** SEC-OID-33: strangers made this server call the provider too often. */
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

/**
 * The refusal as this mount may tell it. design.md §8: with compat=vault it is as bare as the
 * reference's.
 */
export function toldBy(mount: MountFacts, refusal: Refusal): Refusal {
  if (mount.compat !== 'vault' && mount.explainToCaller !== 'none') return refusal
  const { detail } = refusal
  const told = { ...detail, reason: undefined, sentence: undefined, happened: undefined }
  if (detail.reason === undefined) return new Refusal(refusal.code, told)
  // The log has the reason all the same.
  return new Refusal(refusal.code, { ...told, note: { reason: detail.reason, ...detail.note } })
}
