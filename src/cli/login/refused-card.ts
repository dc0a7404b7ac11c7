/** What the browser of a refused sign-in is shown: the card that the server's own pages have. */

import { ApiError } from '../../client/api-error.ts'
import { isReason, reasonRows } from '../../lib/reason-rows.ts'
import type { ErrorFacts } from '../../ui/flow-pages.ts'
import { strings } from '../../ui/strings.ts'
import { CommandFailure } from '../failure.ts'
import type { Arrival } from './oidc-listener.ts'
import { splitLoginError } from './stock-texts.ts'

/** The cause as facts for a page; another server's refusals have no reason, and keep their text. */
export function refusedCard(cause: unknown, { parameters }: Arrival): ErrorFacts {
  const words = ['error', 'error_description'].map((name) => parameters.get(name) ?? '')
  const providerText = words.filter((word) => word !== '').join(': ')
  const card = {
    status: 400,
    summary: strings.error.signInFailed,
    said: providerText === '' ? [] : [{ by: 'provider', text: providerText } as const],
    isSignIn: true,
  }
  if (!(cause instanceof ApiError)) {
    const text = cause instanceof CommandFailure ? cause.message : strings.error.noReason
    return { ...card, detail: text, fix: strings.error.inTerminal }
  }
  const detail = splitLoginError(cause.errors[0] ?? '').detail || strings.error.noReason
  const { loginReason: reason = '', requestId = '' } = cause
  if (!isReason(reason)) return { ...card, detail, requestId, fix: strings.error.inTerminal }
  const { title, text, fix } = reasonRows[reason]
  const byServer = detail === '' ? [] : [{ by: 'server', text: detail } as const]
  return { ...card, reason, title, detail: text, fix, requestId, said: [...card.said, ...byServer] }
}
