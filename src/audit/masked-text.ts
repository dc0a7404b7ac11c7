/**
 * Texts for people in which a token may have been quoted by somebody else, such as an identity
 * provider in an error: what looks like a token or a JWT is masked (SEC-AUD-13).
 */

/** Tokens of this server and its relatives, and what begins as the header of a JWT does. */
const tokenLike = /\b(?:hv[sbr]|[sbr])\.[\w-]{20,}|\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g

const mask = '<masked>'

export function maskSecrets(text: string): string {
  return text.replaceAll(tokenLike, mask)
}
