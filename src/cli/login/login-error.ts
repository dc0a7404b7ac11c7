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
  const listed = /Errors:[\s\S]*\* *([\s\S]*)/.exec(text)?.[1]
  const detail = (listed ?? text).split('\n\nReason:')[0]?.trim() ?? ''
  const summary = prefixes.find((prefix) => detail.startsWith(prefix))
  if (summary === undefined) return { summary: genericSummary, detail }
  return { summary, detail: detail.slice(summary.length).trim() }
}
