/**
 * Metrics as OpenTelemetry names and sends them: the JSON of an OTLP export request (OTLP 1,
 * protocol buffers' JSON with whole numbers of 64 bits as texts and enumerations as numbers). Where
 * its semantic conventions have a metric that is the same, it has that name; where they ask for
 * attributes that are not known here, it keeps a name of its own.
 */

import type { JsonObject } from './json.ts'
import type { Family, Labels, Sample } from './metrics.ts'

interface Named {
  readonly name: string
  /** UCUM. */
  readonly unit: string
}

/** By the name that Prometheus reads. */
export const otlpNames: Readonly<Record<string, Named>> = {
  process_cpu_seconds_total: { name: 'process.cpu.time', unit: 's' },
  process_resident_memory_bytes: { name: 'process.memory.usage', unit: 'By' },
  process_start_time_seconds: { name: 'process.uptime', unit: 's' },
  nodejs_eventloop_lag_p99_seconds: { name: 'nodejs.eventloop.delay.p99', unit: 's' },
  nodejs_heap_size_used_bytes: { name: 'tokenstile.heap.used', unit: 'By' },
  tokenstile_logins_total: { name: 'tokenstile.logins', unit: '{login}' },
  tokenstile_login_seconds: { name: 'tokenstile.login.duration', unit: 's' },
  tokenstile_requests_total: { name: 'tokenstile.requests', unit: '{request}' },
  tokenstile_storage_commit_seconds: { name: 'tokenstile.storage.commit.duration', unit: 's' },
  tokenstile_storage_commit_batch: { name: 'tokenstile.storage.commit.batch', unit: '{change}' },
  tokenstile_audit_failures_total: { name: 'tokenstile.audit.failures', unit: '{record}' },
  tokenstile_keys_age_seconds: { name: 'tokenstile.keys.age', unit: 's' },
  tokenstile_keys_refresh_total: { name: 'tokenstile.keys.refreshes', unit: '{refresh}' },
  tokenstile_keys_stale_used_total: { name: 'tokenstile.keys.stale_uses', unit: '{login}' },
  tokenstile_login_stream_readers: { name: 'tokenstile.login_stream.readers', unit: '{reader}' },
  tokenstile_login_stream_dropped_total: {
    name: 'tokenstile.login_stream.dropped',
    unit: '{reader}',
  },
  tokenstile_tokens_live: { name: 'tokenstile.tokens.live', unit: '{token}' },
  tokenstile_tokens_live_age_seconds: { name: 'tokenstile.tokens.live.age', unit: 's' },
}

const startName = 'process_start_time_seconds'
/** AGGREGATION_TEMPORALITY_CUMULATIVE */
const cumulative = 2

export interface OtlpContext {
  readonly nowMs: number
  readonly serviceVersion: string
}

/** The body that `/v1/metrics` of a collector takes. */
export function otlpMetrics(
  families: readonly Family[],
  { nowMs, serviceVersion }: OtlpContext,
): JsonObject {
  const startSeconds = families.find(({ name }) => name === startName)?.samples[0]?.value
  const times: Times = {
    now: nanoseconds(nowMs),
    start: nanoseconds(startSeconds === undefined ? nowMs : startSeconds * 1000),
  }
  return {
    resourceMetrics: [
      {
        resource: {
          attributes: attributesOf({
            'service.name': 'tokenstile',
            'service.version': serviceVersion,
          }),
        },
        scopeMetrics: [
          {
            scope: { name: 'tokenstile', version: serviceVersion },
            metrics: families.flatMap((family) => metricOf(family, times, nowMs)),
          },
        ],
      },
    ],
  }
}

interface Times {
  readonly now: string
  readonly start: string
}

function metricOf(family: Family, times: Times, nowMs: number): readonly JsonObject[] {
  const { name, unit } = otlpNames[family.name] ?? { name: family.name, unit: '' }
  const about = { name, description: family.help, unit }
  if (family.type === 'histogram') {
    const dataPoints = histogramPoints(family.samples, times)
    if (dataPoints.length === 0) return []
    return [{ ...about, histogram: { aggregationTemporality: cumulative, dataPoints } }]
  }
  const isUptime = family.name === startName
  const valueOf = ({ value }: Sample): number => (isUptime ? nowMs / 1000 - value : value)
  // JSON has no number for what is none.
  const samples = family.samples.filter((sample) => Number.isFinite(valueOf(sample)))
  if (samples.length === 0) return []
  const isSum = family.type === 'counter' || family.adds === true
  const dataPoints = samples.map((sample) => ({
    attributes: attributesOf(sample.labels),
    ...(isSum ? { startTimeUnixNano: times.start } : {}),
    timeUnixNano: times.now,
    asDouble: valueOf(sample),
  }))
  if (!isSum) return [{ ...about, gauge: { dataPoints } }]
  const isMonotonic = family.type === 'counter'
  return [{ ...about, sum: { aggregationTemporality: cumulative, isMonotonic, dataPoints } }]
}

/** Buckets of Prometheus have all that is below them; those of OTLP what is between two bounds. */
function histogramPoints(samples: readonly Sample[], times: Times): readonly JsonObject[] {
  const byLabels = new Map<string, { readonly labels: Labels; readonly samples: Sample[] }>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(Object.entries(labels))
    const known = byLabels.get(key)
    if (known === undefined) byLabels.set(key, { labels, samples: [sample] })
    else known.samples.push(sample)
  }
  return [...byLabels.values()].map((one) => {
    const valueOf = (suffix: Sample['suffix']): number =>
      one.samples.find((sample) => sample.suffix === suffix)?.value ?? 0
    const buckets = one.samples.filter(({ suffix }) => suffix === '_bucket')
    const bounds = buckets.map(({ labels }) => Number(labels['le'])).filter(Number.isFinite)
    return {
      attributes: attributesOf(one.labels),
      startTimeUnixNano: times.start,
      timeUnixNano: times.now,
      count: String(valueOf('_count')),
      sum: valueOf('_sum'),
      bucketCounts: buckets.map(({ value }, i) => String(value - (buckets[i - 1]?.value ?? 0))),
      explicitBounds: bounds,
    }
  })
}

function attributesOf(labels: Labels): readonly JsonObject[] {
  return Object.entries(labels).map(([key, stringValue]) => ({ key, value: { stringValue } }))
}

function nanoseconds(ms: number): string {
  return `${BigInt(Math.floor(ms)) * 1_000_000n}`
}
