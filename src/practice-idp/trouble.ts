/** Troubles that the practice provider can be switched into; each is a fault seen with real providers. */

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
} as const

export type Trouble = keyof typeof troubles

export const troubleNames = Object.keys(troubles) as readonly Trouble[]

export function isTrouble(name: string): name is Trouble {
  return Object.hasOwn(troubles, name)
}
