/** What a key source says about a token and about itself. */

import type { VerificationKey } from '../jose/verification-key.ts'
import type { Result } from '../lib/result.ts'

/** Where the keys that verified a token came from. */
export type KeyOrigin = 'static' | 'network' | 'kept'

export interface VerifiedBy {
  readonly key: VerificationKey
  /** Seconds since the document with the key was fetched; 0 for static keys. */
  readonly ageSeconds: number
  readonly source: KeyOrigin
}

export interface KeyRefusal {
  readonly reason:
    | 'key_source_invalid'
    | 'keys_unreachable'
    | 'keys_stale'
    | 'key_unknown'
    | 'key_unusable'
    | 'signature_invalid'
  readonly detail: string
}

export type KeyVerdict = Result<VerifiedBy, KeyRefusal>

export interface KeySetStatus {
  readonly url: string
  readonly origin: KeyOrigin | undefined
  readonly ageSeconds: number | undefined
  readonly lifeSeconds: number | undefined
  readonly keyCount: number
  /** Why members of the document are not used. */
  readonly passedOver: readonly string[]
  readonly fetchCount: number
  readonly failureCount: number
  /** Logins served by a document whose life had ended. */
  readonly staleUseCount: number
  readonly lastProblem: string | undefined
}

/** A key's name for people: quoted, cut, and on one line. */
export function nameOf(kid: string | undefined): string {
  if (kid === undefined) return '(without a kid)'
  return JSON.stringify(kid.length > 100 ? `${kid.slice(0, 100)}…` : kid)
}
