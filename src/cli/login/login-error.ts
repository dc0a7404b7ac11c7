/** What the browser's page says of a failed sign-in: the server's text in two parts (contract jwt-oidc.md §7.3). */

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

export function splitLoginError(text: string): LoginError {
  const detail = lastListed(text).split('\n\nReason:')[0]?.trim() ?? ''
  const summary = prefixes.find((prefix) => detail.startsWith(prefix))
  if (summary === undefined) return { summary: genericSummary, detail }
  return { summary, detail: detail.slice(summary.length).trim() }
}

/** What follows the last `* ` after `Errors:`, or all of it. */
function lastListed(text: string): string {
  const start = text.indexOf('Errors:')
  const star = text.lastIndexOf('*')
  return start === -1 || star < start ? text : text.slice(star + 1)
}
