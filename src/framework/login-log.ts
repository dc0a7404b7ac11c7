/**
 * What a method tells about attempts to log in. Nothing of it reaches the wire: it goes into the
 * server's log, where the operator finds an attempt by its request id. Types only;
 * `core/login-log.ts` writes the lines.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Reason } from '../trust/reasons.ts'

/** How long the parts of a decision took. */
export interface LoginTimes {
  /** Checking the signature with keys that were at hand. */
  readonly verifyMs: number
  /** Waiting for keys, and checking the signature with them. */
  readonly keysMs: number
  /** The checks, and the choice of a role. */
  readonly decideMs: number
}

/** Never a token, a signature, or a value of a claim that was not proven. */
export interface LoginNote extends Partial<LoginTimes> {
  readonly role?: string | undefined
  readonly roleVersion?: number | undefined
  readonly kind?: 'jwt' | 'oidc' | undefined
  /** Why it was refused, also where the caller does not hear it. */
  readonly reason?: Reason | undefined
  /** Id of the check that failed, and the name of the claim that it was about. */
  readonly check?: string | undefined
  readonly claim?: string | undefined
  /** Of a proven token, or as the mount has it. */
  readonly issuer?: string | undefined
  readonly keyId?: string | undefined
  /** Claims on the allow-list of the mount; longer values are cut texts. */
  readonly claims?: JsonObject | undefined
  /** By a list of the mount's own: what is not among them may have been there. */
  readonly claimsListed?: boolean
  /** Through a CEL role, whose program looks at what it likes. */
  readonly isCel?: boolean
  /** The attempt has its line already: a failure that is told to somebody else once more. */
  readonly isLogged?: boolean
}

export type LoginEnd = 'accepted' | 'refused' | 'broken_off'

export interface LoginEntry {
  readonly requestId: string
  readonly end: LoginEnd
  readonly clientAddress: string | undefined
  readonly note: LoginNote
}

/**
 * For what the pipeline does not see: a sign-in that ends in a page and not in a login reply or a
 * thrown refusal. Those two leave their line by themselves; a `note` on the `Login` or in the
 * detail of the `Refusal` says more about them.
 */
export interface LoginRecorder {
  /** Gathering a note costs; nobody reads one that is not written. */
  isEnabled(end: LoginEnd): boolean
  record(entry: LoginEntry): void
}
