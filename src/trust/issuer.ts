/**
 * Issuer rule of a login: who made the token (RFC 7519 §4.1.1, jwt-oidc.md §3.2). Exact comparison.
 */

import { err, ok, type Result } from '../lib/result.ts'

export interface IssuerExpectation {
  readonly bound_issuer: string
  /** Issuer of the discovery document or of the cluster, where the mount has one. */
  readonly discovered_issuer: string | undefined
}

export interface IssuerProblem {
  readonly reason: 'issuer_missing' | 'issuer_mismatch'
  readonly want: string
  readonly got: string | undefined
}

/** The issuer a token must have, empty when any will do. */
export function expectedIssuer(config: IssuerExpectation, compat: 'strict' | 'vault'): string {
  if (config.bound_issuer !== '') return config.bound_issuer
  // Vault compatibility: the references compare the discovered issuer with nothing, against their
  // own documentation.
  return compat === 'vault' ? '' : (config.discovered_issuer ?? '')
}

export function checkIssuer(want: string, got: string | undefined): Result<void, IssuerProblem> {
  if (want === '' || want === got) return ok(undefined)
  return err({ reason: got === undefined ? 'issuer_missing' : 'issuer_mismatch', want, got })
}
