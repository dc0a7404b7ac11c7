/**
 * Troubles that the practice provider can be switched into; each is a fault seen with real
 * providers.
 */

export const troubles = {
  issuer_slash: 'The discovery document names the issuer with one slash too many.',
  clock_ahead: 'Tokens are made by a clock that is ten minutes ahead.',
  unknown_kid: 'Tokens name a key that is not published.',
  wrong_key: 'Tokens are signed with another key than the published one of that name.',
  expired: 'Tokens expired an hour ago.',
  groups_missing: 'Tokens carry no groups.',
  slow_jwks: 'The key set takes five seconds to answer.',
  status_500: 'Discovery and key set answer with status 500.',
  html: 'Discovery and key set answer with an HTML page.',
  access_denied: 'Nobody is let in: each sign-in comes back with access_denied.',
  coop: 'Pages cut themselves off from the window that opened them (Cross-Origin-Opener-Policy).',
  wrong_nonce: 'ID tokens carry the nonce of another sign-in.',
  wrong_audience: 'ID tokens are made out to another client.',
  wrong_at_hash: 'ID tokens belong to another access token.',
  userinfo_other: 'User information is about somebody else.',
  iss_missing: 'Answers lack the iss parameter that the metadata announces.',
  iss_other: 'Answers name another provider in their iss parameter.',
} as const

export type Trouble = keyof typeof troubles

export const troubleNames = Object.keys(troubles) as readonly Trouble[]

export function isTrouble(name: string): name is Trouble {
  return Object.hasOwn(troubles, name)
}
