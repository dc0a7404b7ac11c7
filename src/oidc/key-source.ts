/**
 * Where the keys of a mount come from: static keys, one key set, pairs, discovery, or the cluster
 * the server runs in (jwt-oidc.md §3.6). Each source answers for its own issuer only; nothing here
 * tries a key of another.
 */

import { createHash } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import { readCaBundle } from './ca-bundle.ts'
import { DiscoveredKeys, providerDiscovery } from './discovered-keys.ts'
import type { KeptDocumentStore } from './kept-document.ts'
import { PairedKeys } from './key-pairs.ts'
import { maxStaleMsDefault } from './key-set.ts'
import type { KeySourceSettings } from './key-source-config.ts'
import type { KeySource, RemoteContext } from './key-source-port.ts'
import { kubernetesDiscovery, type ClusterFiles } from './kubernetes.ts'
import { ProviderCalls } from './provider-calls.ts'
import { SingleKeySet } from './single-key-set.ts'
import { StaticKeys } from './static-keys.ts'

export type { KeySource, KeySourceStatus, NetworkCheck } from './key-source-port.ts'

export interface KeySourceDependencies {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly logger: Logger
  /** Without it an outage together with a restart stops logins. */
  readonly store?: KeptDocumentStore
  /** How old keys may become while their provider does not answer; 24 hours by default. */
  readonly maxStaleMs?: number
  readonly cluster: ClusterFiles
}

export function createKeySource(
  settings: KeySourceSettings,
  dependencies: KeySourceDependencies,
): KeySource {
  const parts: RemoteContext = {
    calls: new ProviderCalls(dependencies.outbound, {
      acceptedServerNames: settings.acceptedServerNames,
      toleratedCriticalExtensions: settings.toleratedCriticalExtensions,
    }),
    clock: dependencies.clock,
    logger: dependencies.logger,
    store: dependencies.store,
    maxStaleMs: dependencies.maxStaleMs ?? maxStaleMsDefault,
    sourceId: createHash('sha256').update(JSON.stringify(settings)).digest('base64url'),
  }
  switch (settings.kind) {
    case 'static':
      return new StaticKeys(settings.keys)
    case 'jwks_url':
      return new SingleKeySet(settings.url, readCaBundle(settings.caPem), parts)
    case 'jwks_pairs':
      return new PairedKeys(settings.pairs, parts)
    case 'discovery':
      return new DiscoveredKeys(providerDiscovery(settings), parts)
    case 'kubernetes':
      return new DiscoveredKeys(kubernetesDiscovery(dependencies.cluster), parts)
  }
}
