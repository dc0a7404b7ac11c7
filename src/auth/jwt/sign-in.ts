/**
 * A sign-in between its start and its end: what is kept of it, and in which phase it is. The phases
 * and what moves a sign-in from one to another are in `sign-in-transitions.ts`; where it is kept is
 * in `sign-in-states.ts`.
 */

import type { Login } from '../../framework/reply.ts'
import type { Reason } from '../../trust/reasons.ts'

/**
 * What the provider sent the browser back with: one object, from one place, never put together from
 * two.
 */
export interface ProviderAnswer {
  /** In the address of a GET, or in the form of a POST (`response_mode=form_post`). */
  readonly origin: 'query' | 'posted'
  readonly result:
    | { readonly kind: 'code'; readonly code: string }
    | { readonly kind: 'id_token'; readonly idToken: string }
    | { readonly kind: 'error'; readonly error: string }
    /** A posted ID token that was worth nothing when it came: kept is only why. */
    | { readonly kind: 'refused'; readonly failure: SignInFailure }
    | { readonly kind: 'nothing' }
  /** RFC 9207; empty when there was none. */
  readonly iss: string
}

/** How a sign-in ended badly: told to the client at its next poll. */
export interface SignInFailure {
  readonly text: string
  /** The words that `text` begins with, where a page makes a heading of them. */
  readonly summary?: string | undefined
  readonly reason: Reason
  readonly status: number
}

export type SignInPhase =
  /** The provider has not answered yet. */
  | { readonly kind: 'open' }
  /** An answer waits for the browser that brought it: only who shows its ticket may spend it. */
  | {
      readonly kind: 'parked'
      readonly answer: ProviderAnswer
      /** Hash of the ticket. */
      readonly ticket: string
      /**
       * Whoever brought the answer knew the client's nonce, so that this nonce may spend it as
       * well.
       */
      readonly isNonceBound: boolean
    }
  /**
   * One caller is talking to the provider; after `untilMs` nobody is any more, whatever became of
   * it.
   */
  | { readonly kind: 'claimed'; readonly claim: string; readonly untilMs: number }
  | { readonly kind: 'done'; readonly login: Login }
  | { readonly kind: 'failed'; readonly failure: SignInFailure }

export interface SignIn {
  readonly mode: 'client' | 'direct' | 'device'
  readonly role: string
  /** As sent to the provider. */
  readonly redirectUri: string
  readonly responseType: 'code' | 'id_token'
  readonly nonce: string
  readonly verifier: string
  /** Empty when the client gave none. */
  readonly clientNonce: string
  /** Who started it; empty when unknown. */
  readonly address: string
  readonly startedAtMs: number
  readonly expiresAtMs: number
  /** Seconds; 0 when the role asks for none. */
  readonly maxAge: number
  /**
   * This server's own pages know the browser that began by its cookie; of another client nothing is
   * known.
   */
  readonly begunBy: 'pages' | 'client'
  readonly deviceCode?: string
  readonly phase: SignInPhase
}

export type NewSignIn = Omit<SignIn, 'expiresAtMs' | 'phase'>

/** jwt-oidc.md §4.2: ten minutes from the last write. */
export const signInLifeMs = 600_000
