/** What is counted of the keys of a mount's issuers (explain.md §8). */

import { counted, gauge, type Family, type Reading } from '../../lib/metrics.ts'
import type { KeySourceStatus } from '../../oidc/key-source.ts'

interface OfIssuer {
  readonly issuer: string
  readonly status: KeySourceStatus
}

type KeySetStatus = KeySourceStatus['sets'][number]

export function keyMetrics(mount: string, sources: readonly OfIssuer[]): readonly Family[] {
  const summed = (
    valueOf: (set: KeySetStatus) => number,
    more: Readonly<Record<string, string>> = {},
  ): readonly Reading[] =>
    sources.map(({ issuer, status }) => ({
      labels: { mount, issuer, ...more },
      value: status.sets.reduce((sum, set) => sum + valueOf(set), 0),
    }))
  return [
    gauge(
      'tokenstile_keys_age_seconds',
      'Age of the keys of an issuer; of several documents, of the oldest.',
      sources.flatMap(({ issuer, status }) => {
        const ages = status.sets.flatMap(({ ageSeconds }) => ageSeconds ?? [])
        if (ages.length === 0) return []
        return [{ labels: { mount, issuer }, value: Math.max(...ages) }]
      }),
    ),
    counted('tokenstile_keys_refresh_total', 'Key documents that were fetched, by result.', [
      ...summed(({ fetchCount, failureCount }) => fetchCount - failureCount, { result: 'ok' }),
      ...summed(({ failureCount }) => failureCount, { result: 'failed' }),
    ]),
    counted(
      'tokenstile_keys_stale_used_total',
      'Logins that used keys beyond their time, because no newer ones could be had.',
      summed(({ staleUseCount }) => staleUseCount),
    ),
  ]
}
