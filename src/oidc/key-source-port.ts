/**
 * The one face of all key sources, and what those that fetch are built from. They are made in
 * `key-source.ts`.
 */

import type { ParsedJwt } from '../jose/compact-jwt.ts'
import { ok, type Result } from '../lib/result.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { DiscoveryDocument } from './discovery.ts'
import type { KeptDocumentStore } from './kept-document.ts'
import type { KeyRefusal, KeySetStatus, KeyVerdict } from './key-verdict.ts'
import type { KeySourceChanges, KeySourceSettings } from './key-source-config.ts'
import type { ProviderCalls } from './provider-calls.ts'

export interface KeySourceStatus {
  readonly kind: KeySourceSettings['kind']
  readonly sets: readonly KeySetStatus[]
}

/** Outcome of the checks of a config write that need the network. */
export interface NetworkCheck {
  /** Text of the 400; absent when all is well. */
  readonly problem?: string
  /** `skip_jwks_validation` turns the problem into a warning. */
  readonly isSkippable: boolean
  readonly changes: KeySourceChanges
}

export interface KeySource {
  readonly kind: KeySourceSettings['kind']
  /** The verdict when a fresh cached key gives it without any waiting: the hot path. */
  verifyCached(jwt: ParsedJwt): KeyVerdict | 'needs_refresh'
  verify(jwt: ParsedJwt): Promise<KeyVerdict>
  /**
   * The issuer the discovery document names, fetched at first use; undefined for sources without
   * one.
   */
  discoveredIssuer(): Promise<Result<string | undefined, KeyRefusal>>
  /**
   * Whether that key is written into the configuration; undefined for sources whose keys are
   * published and rotate.
   */
  readonly hasKey?: (thumbprint: string) => boolean
  /** The provider's own description; undefined for sources without one. */
  discoveryDocument(): Promise<Result<DiscoveryDocument | undefined, KeyRefusal>>
  /** Rows 4b, 9, 10 and 12 of jwt-oidc.md §1.3; uses and fills no cache. */
  check(): Promise<NetworkCheck>
  /** Fetches in the background what the first login would wait for. */
  warm(): void
  status(): KeySourceStatus
  close(): void
}

/** What every source that fetches is built from. */
export interface RemoteContext {
  readonly calls: ProviderCalls
  readonly clock: Clock
  readonly logger: Logger
  readonly store: KeptDocumentStore | undefined
  readonly maxStaleMs: number
  /** Fingerprint of the settings: documents kept under others are not used. */
  readonly sourceId: string
}

export const documentTimeoutMs = 10_000
/**
 * jwt-oidc.md §3.6 allows the refresh of all pairs a minute; a login ends within half of one
 * (SEC-NET-07).
 */
export const pairTimeoutMs = 20_000

/** Of sources without a discovery document. */
export function nothingDiscovered(): Promise<Result<undefined, never>> {
  return Promise.resolve(ok(undefined))
}

export const wellChecked: NetworkCheck = { isSkippable: false, changes: {} }
