/**
 * Texts of stock servers that a client has to read, since they say it in no other way
 * (jwt-oidc.md §4.7, §7.3). The one place where a text decides.
 */

import type { ApiError } from '../../client/api-error.ts'

const prefixes = [
  'Vault login failed.',
  'OpenBao login failed.',
  'Token verification failed.',
  'No response from provider.',
]

export interface LoginError {
  readonly summary: string
  readonly detail: string
}

const genericSummary = 'Login error'

/** The server's text as the browser's page has it: heading and detail. */
export function splitLoginError(text: string): LoginError {
  const list = text.indexOf('Errors:')
  const star = text.lastIndexOf('* ')
  const detail =
    (list !== -1 && star > list ? text.slice(star + 1) : text).split('\n\nReason:')[0]?.trim() ?? ''
  const summary = prefixes.find((prefix) => detail.startsWith(prefix))
  if (summary === undefined) return { summary: genericSummary, detail }
  return { summary, detail: detail.slice(summary.length).trim() }
}

/** What a refused poll says: go on, go on more slowly, or that it is over. */
export function pollVerdict({ errors }: ApiError): 'pending' | 'slow_down' | 'over' {
  const text = errors[0] ?? ''
  if (text.endsWith('slow_down')) return 'slow_down'
  return text.endsWith('authorization_pending') ? 'pending' : 'over'
}
