/** What `sys/init` may ask for, and everything for which it is refused. */

import { SealProblem } from './seal-problem.ts'
import { sharesMax, type ShareCounts } from './shares.ts'
import type { SealType } from './static-seal.ts'

export interface InitRequest {
  readonly secretShares?: number
  readonly secretThreshold?: number
  readonly pgpKeys?: readonly string[]
  readonly rootTokenPgpKey?: string
  readonly recoveryShares?: number
  readonly recoveryThreshold?: number
  readonly recoveryPgpKeys?: readonly string[]
}

export interface WantedShares {
  readonly counts: ShareCounts
  /** Texts of the keys to encrypt them to; empty when they are given in clear. */
  readonly pgpKeys: readonly string[]
  readonly pgpField: string
}

/**
 * The shares to make: unseal keys for `shamir`, recovery keys for a seal that opens itself. Throws
 * SealProblem.
 */
export function requireShares(type: SealType['type'], request: InitRequest): WantedShares {
  const isShamir = type === 'shamir'
  // The official client sends 0 and null for everything it does not use.
  const secret = [
    ['secret_shares', (request.secretShares ?? 0) !== 0],
    ['secret_threshold', (request.secretThreshold ?? 0) !== 0],
    ['pgp_keys', (request.pgpKeys ?? []).length > 0],
  ] as const
  const recovery = [
    ['recovery_shares', (request.recoveryShares ?? 0) !== 0],
    ['recovery_threshold', (request.recoveryThreshold ?? 0) !== 0],
    ['recovery_pgp_keys', (request.recoveryPgpKeys ?? []).length > 0],
  ] as const
  const strange = (isShamir ? recovery : secret).filter(([, given]) => given).map(([name]) => name)
  if (strange.length > 0) {
    throw new SealProblem(`parameters ${strange.join(',')} not applicable to seal type ${type}`)
  }
  const counts: ShareCounts = isShamir
    ? { shares: request.secretShares ?? 0, threshold: request.secretThreshold ?? 0 }
    : { shares: request.recoveryShares ?? 0, threshold: request.recoveryThreshold ?? 0 }
  const pgpKeys = (isShamir ? request.pgpKeys : request.recoveryPgpKeys) ?? []
  const hasNoShares = !isShamir && counts.shares === 0 && counts.threshold === 0
  if (!hasNoShares) checkCounts(counts)
  checkKeyCount(pgpKeys, counts)
  return { counts, pgpKeys, pgpField: isShamir ? 'pgp_keys' : 'recovery_pgp_keys' }
}

/** Throws SealProblem for numbers of shares that cannot be. */
export function checkCounts({ shares, threshold }: ShareCounts): void {
  if (!Number.isSafeInteger(shares) || shares < 1) refuse('shares must be at least one')
  if (!Number.isSafeInteger(threshold) || threshold < 1) refuse('threshold must be at least one')
  if (shares > 1 && threshold === 1) {
    refuse('threshold must be greater than one for multiple shares')
  }
  if (shares > sharesMax) refuse('shares must be less than 256')
  if (threshold > shares) refuse('threshold cannot be larger than shares')
}

/** One key for each share, or none. Throws SealProblem. */
export function checkKeyCount(pgpKeys: readonly string[], { shares }: ShareCounts): void {
  if (pgpKeys.length > 0 && pgpKeys.length !== shares) {
    refuse('count mismatch between number of provided PGP keys and number of shares')
  }
}

function refuse(problem: string): never {
  throw new SealProblem(`invalid seal configuration: ${problem}`)
}
