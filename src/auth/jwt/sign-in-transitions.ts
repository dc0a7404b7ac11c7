/**
 * The state machine of a sign-in: every way in which one moves from phase to phase. Each transition
 * is a pure function from the sign-in as it is stored to what becomes of it and what its caller is
 * told; `sign-in-states.ts` carries it out in one atomic step, so that of any number of callers at
 * once one is told that it was theirs.
 *
 * The table stands in ARCHITECTURE.md ("Sign-ins with OpenID Connect");
 * `test/jwt/sign-in-transitions.test.ts` walks mode × phase × event. jwt-oidc.md §4.2 to §4.9.
 */

import type { Login } from '../../framework/reply.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import type { ProviderAnswer, SignIn, SignInFailure, SignInPhase } from './sign-in.ts'

/** What becomes of the record, and what the caller is told. */
export type Transition<T> =
  | { readonly kind: 'kept'; readonly told: T }
  /** `renews`: its ten minutes begin anew. */
  | { readonly kind: 'moved'; readonly to: SignInPhase; readonly renews: boolean; readonly told: T }
  /** The record is gone. */
  | { readonly kind: 'ended'; readonly told: T }

function kept<T>(told: T): Transition<T> {
  return { kind: 'kept', told }
}

function ended<T>(told: T): Transition<T> {
  return { kind: 'ended', told }
}

function moved<T>(to: SignInPhase, told: T): Transition<T> {
  return { kind: 'moved', to, renews: true, told }
}

// ---------------------------------------------------------------- an answer comes

export interface Parking {
  readonly answer: ProviderAnswer
  readonly ticketHash: string
  /** What the caller showed of the client's nonce. */
  readonly clientNonce: string
}

/**
 * The browser brings the provider's answer. Whoever *began* the sign-in may be an attacker, so the
 * answer waits for the browser that brought it (RFC 9700 §4.7, CVE-2026-33757).
 */
export function park(signIn: SignIn, parking: Parking): Transition<'parked' | 'waiting' | 'over'> {
  const { phase, mode } = signIn
  if (mode === 'device') return kept('over')
  const { answer, ticketHash, clientNonce } = parking
  const to: SignInPhase = {
    kind: 'parked',
    answer,
    ticket: ticketHash,
    isNonceBound: isClientNonce(signIn, clientNonce),
  }
  if (phase.kind === 'open') return moved(to, 'parked')
  if (phase.kind !== 'parked') return kept('over')
  // The same address opened again, such as by a reload: who has the code is who had it before.
  return isSameCode(phase.answer, answer) ? moved(to, 'parked') : kept('waiting')
}

/**
 * Only codes in addresses: a form comes once, and a second one is somebody else's
 * (jwt-oidc.md §4.4).
 */
function isSameCode(before: ProviderAnswer, now: ProviderAnswer): boolean {
  if (before.origin !== 'query' || now.origin !== 'query') return false
  if (before.result.kind !== 'code' || now.result.kind !== 'code') return false
  return equalSecrets(before.result.code, now.result.code)
}

// ---------------------------------------------------------------- client mode

export interface Spending {
  /** What came with this request itself. */
  readonly answer: ProviderAnswer
  readonly codeHash: string
  readonly clientNonce: string
}

export type Spent =
  | { readonly kind: 'answer'; readonly answer: ProviderAnswer }
  /** An answer waits, and it is not this caller's. */
  | { readonly kind: 'not_yours' }
  | { readonly kind: 'over' }

/**
 * The client asks for its token: the sign-in is over with this, however it ends (jwt-oidc.md §4.2).
 */
export function spend(signIn: SignIn, spending: Spending): Transition<Spent> {
  const { phase, mode } = signIn
  if (mode !== 'client') return kept({ kind: 'over' })
  if (phase.kind === 'open') return ended({ kind: 'answer', answer: spending.answer })
  if (phase.kind !== 'parked') return kept({ kind: 'over' })
  // Who gives up needs no proof: an attacker could end but what he began.
  if (spending.answer.result.kind === 'error') {
    return ended({ kind: 'answer', answer: spending.answer })
  }
  if (!maySpend(signIn, phase, spending)) return kept({ kind: 'not_yours' })
  return ended({ kind: 'answer', answer: phase.answer })
}

function maySpend(
  signIn: SignIn,
  phase: Extract<SignInPhase, { kind: 'parked' }>,
  { answer, codeHash, clientNonce }: Spending,
): boolean {
  if (equalSecrets(codeHash, phase.ticket)) return true
  const { result } = answer
  if (result.kind === 'code') {
    // A code is known to nobody but the browser that brought it.
    const parked = phase.answer.result
    return parked.kind === 'code' && equalSecrets(result.code, parked.code)
  }
  return phase.isNonceBound && isClientNonce(signIn, clientNonce)
}

/** An empty nonce proves nothing. */
function isClientNonce({ clientNonce }: SignIn, given: string): boolean {
  return clientNonce !== '' && equalSecrets(given, clientNonce)
}

// ---------------------------------------------------------------- direct mode

export interface Claiming {
  readonly claim: string
  readonly untilMs: number
}

export type Confirmed =
  | { readonly kind: 'claimed'; readonly answer: ProviderAnswer }
  | { readonly kind: 'not_yours' }
  | { readonly kind: 'over' }

/** The person says yes on the page that has the ticket. */
export function confirm(
  { mode, phase }: SignIn,
  ticketHash: string,
  claiming: Claiming,
): Transition<Confirmed> {
  if (mode !== 'direct' || phase.kind !== 'parked') return kept({ kind: 'over' })
  if (!equalSecrets(phase.ticket, ticketHash)) return kept({ kind: 'not_yours' })
  return moved({ kind: 'claimed', ...claiming }, { kind: 'claimed', answer: phase.answer })
}

/** The person says no. */
export function block(
  { mode, phase }: SignIn,
  ticketHash: string,
  failure: SignInFailure,
): Transition<'blocked' | 'not_yours' | 'over'> {
  if (mode !== 'direct' || phase.kind !== 'parked') return kept('over')
  if (!equalSecrets(phase.ticket, ticketHash)) return kept('not_yours')
  return moved({ kind: 'failed', failure }, 'blocked')
}

// ---------------------------------------------------------------- polls

export interface Polling extends Claiming {
  readonly clientNonce: string
  readonly nowMs: number
}

export type Polled =
  | { readonly kind: 'pending' }
  /** The caller is the one to ask the provider, and `release`s or `finish`es afterwards. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'login'; readonly login: Login }
  | { readonly kind: 'failure'; readonly failure: SignInFailure }
  /** Whoever had claimed it never came back, and what the provider gave is lost. */
  | { readonly kind: 'broken_off' }
  | { readonly kind: 'nonce_refused' }
  | { readonly kind: 'not_polled' }

/** The client asks whether it is done. A wrong nonce ends the sign-in (jwt-oidc.md §4.2). */
export function poll(signIn: SignIn, polling: Polling): Transition<Polled> {
  const { mode, phase, clientNonce } = signIn
  if (mode === 'client') return kept({ kind: 'not_polled' })
  if (!equalSecrets(polling.clientNonce, clientNonce)) return ended({ kind: 'nonce_refused' })
  switch (phase.kind) {
    case 'open':
      if (mode === 'direct') return kept({ kind: 'pending' })
      // Its life does not begin anew: whoever polls for ever would keep it for ever.
      return {
        kind: 'moved',
        to: { kind: 'claimed', claim: polling.claim, untilMs: polling.untilMs },
        renews: false,
        told: { kind: 'ask' },
      }
    case 'parked':
      return kept({ kind: 'pending' })
    case 'claimed':
      return phase.untilMs > polling.nowMs
        ? kept({ kind: 'pending' })
        : ended({ kind: 'broken_off' })
    case 'done':
      return ended({ kind: 'login', login: phase.login })
    case 'failed':
      return ended({ kind: 'failure', failure: phase.failure })
  }
}

/** The provider has said "not yet": the next poll asks again. */
export function release({ mode, phase }: SignIn, claim: string): Transition<'open' | 'lost'> {
  if (mode !== 'device' || !isClaim(phase, claim)) return kept('lost')
  return { kind: 'moved', to: { kind: 'open' }, renews: false, told: 'open' }
}

export type Ending =
  | { readonly kind: 'login'; readonly login: Login }
  | { readonly kind: 'failure'; readonly failure: SignInFailure }

/**
 * What came of the claim. In direct mode it waits for the client's poll; in device mode the poll
 * itself has it. `lost`: the poller was told meanwhile that it was broken off.
 */
export function finish(
  { mode, phase }: SignIn,
  claim: string,
  ending: Ending,
): Transition<'finished' | 'lost'> {
  if (!isClaim(phase, claim)) return kept('lost')
  if (mode === 'device') return ended('finished')
  const to: SignInPhase =
    ending.kind === 'login'
      ? { kind: 'done', login: ending.login }
      : { kind: 'failed', failure: ending.failure }
  return moved(to, 'finished')
}

function isClaim(phase: SignInPhase, claim: string): boolean {
  return phase.kind === 'claimed' && phase.claim === claim
}
