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
  const list = text.indexOf('Errors:')
  const star = text.lastIndexOf('*')
  const detail =
    (list !== -1 && star > list ? text.slice(star + 1) : text).split('\n\nReason:')[0]?.trim() ?? ''
  const summary = prefixes.find((prefix) => detail.startsWith(prefix))
  if (summary === undefined) return { summary: genericSummary, detail }
  return { summary, detail: detail.slice(summary.length).trim() }
}
