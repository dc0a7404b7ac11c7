/**
 * What looks like a token or a JWT in a text (SEC-AUD-13): masked where somebody else may have
 * quoted one, such as an identity provider in an error, and found where none should be.
 */

/** Tokens of this server and its relatives, and what begins as the header of a JWT does. */
const tokenLike = /\b(?:hv[sbr]|[sbr])\.[\w-]{20,512}|\beyJ[\w-]{8,}/g

export const mask = '<masked>'

export function maskSecrets(text: string): string {
  return text.replaceAll(tokenLike, mask)
}

export function holdsSecret(text: string): boolean {
  return text.search(tokenLike) >= 0
}
