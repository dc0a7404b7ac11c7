/**
 * Troubles that the practice provider can be switched into; each is a fault seen with real
 * providers.
 */

import type { Reason } from '../lib/reason-rows.ts'

export interface TroubleRow {
  /** What goes wrong: all tokens, what a server fetches, or sign-ins in a browser alone. */
  readonly about: 'token' | 'keys' | 'sign_in'
  /** What a server that is in order refuses with; empty where it does not. */
  readonly reason: Reason | ''
  readonly text: string
}

export const troubles = {
  issuer_slash: {
    about: 'keys',
    reason: '',
    text: 'The discovery document names the issuer with one slash too many.',
  },
  clock_ahead: {
    about: 'token',
    reason: 'not_yet_valid',
    text: 'Tokens are made by a clock that is ten minutes ahead.',
  },
  unknown_kid: {
    about: 'token',
    reason: 'key_unknown',
    text: 'Tokens name a key that is not published.',
  },
  wrong_key: {
    about: 'token',
    reason: 'signature_invalid',
    text: 'Tokens are signed with another key than the published one of that name.',
  },
  expired: {
    about: 'token',
    reason: 'expired',
    text: 'Tokens expired an hour ago.',
  },
  groups_missing: {
    about: 'sign_in',
    reason: 'groups_missing',
    text: 'Tokens carry no groups.',
  },
  slow_jwks: {
    about: 'keys',
    reason: '',
    text: 'The key set takes five seconds to answer.',
  },
  status_500: {
    about: 'keys',
    reason: 'keys_unreachable',
    text: 'Discovery and key set answer with status 500.',
  },
  html: {
    about: 'keys',
    reason: 'keys_unreachable',
    text: 'Discovery and key set answer with an HTML page.',
  },
  access_denied: {
    about: 'sign_in',
    reason: 'idp_denied',
    text: 'Nobody is let in: each sign-in comes back with access_denied.',
  },
  coop: {
    about: 'sign_in',
    reason: '',
    text: 'Pages cut themselves off from the window that opened them (Cross-Origin-Opener-Policy).',
  },
  wrong_nonce: {
    about: 'sign_in',
    reason: 'nonce_mismatch',
    text: 'ID tokens carry the nonce of another sign-in.',
  },
  wrong_audience: {
    about: 'sign_in',
    reason: 'authorized_party_mismatch',
    text: 'ID tokens are made out to another client.',
  },
  wrong_at_hash: {
    about: 'sign_in',
    reason: 'claim_mismatch',
    text: 'ID tokens belong to another access token.',
  },
  userinfo_other: {
    about: 'sign_in',
    reason: 'groups_missing',
    text: 'User information is about somebody else; nothing of it counts, so that groups are missing.',
  },
  iss_missing: {
    about: 'sign_in',
    reason: 'issuer_missing',
    text: 'Answers lack the iss parameter that the metadata announces.',
  },
  iss_other: {
    about: 'sign_in',
    reason: 'issuer_mismatch',
    text: 'Answers name another provider in their iss parameter.',
  },
} as const satisfies Readonly<Record<string, TroubleRow>>

export type Trouble = keyof typeof troubles

export const troubleNames = Object.keys(troubles) as readonly Trouble[]

export function isTrouble(name: string): name is Trouble {
  return Object.hasOwn(troubles, name)
}
