/** sys/metrics: what the server has counted, in three forms (explain.md §8, platform.md §2.9). */

import type { ClockPort, MetricsPort } from '../core/ports/system-ports.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { encodeJson } from '../lib/json.ts'
import { metricsJson, prometheusText } from '../lib/metrics.ts'
import { otlpMetrics } from '../lib/otlp-metrics.ts'
import { product } from '../lib/product.ts'
import { rfc3339 } from '../lib/time.ts'
import { field } from '../schema/field.ts'

const prometheusType = 'text/plain; version=0.0.4; charset=utf-8'

const formats: ReadonlySet<string> = new Set(['', 'prometheus', 'otlp_json'])

export function metricsPaths(ports: ClockPort & MetricsPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'metrics',
      access: 'token',
      opensWith: 'unauthenticatedMetricsAccess',
      repeats: 'refuse',
      summary: 'What the server has counted.',
      fields: {
        format: field.string({ help: 'prometheus, otlp_json, or nothing for JSON.', charsMax: 32 }),
      },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input, header }) => {
            const { format = '' } = input
            if (!formats.has(format)) {
              throw invalid(
                `"format" is prometheus, otlp_json or absent, and not ${JSON.stringify(format)}`,
              )
            }
            const accepted = header('accept') ?? ''
            const families = await ports.collectMetrics()
            const nowMs = ports.clock.nowMs()
            if (format === 'otlp_json') {
              const request = otlpMetrics(families, { nowMs, serviceVersion: product.version })
              const body = `${encodeJson(request)}\n`
              return { kind: 'raw', status: 200, contentType: 'application/json', body }
            }
            const isText = format === 'prometheus' || accepted.includes('prometheus/telemetry')
            const body = isText
              ? prometheusText(families)
              : `${encodeJson(metricsJson(families, rfc3339(nowMs)))}\n`
            const contentType = isText ? prometheusType : 'application/json'
            return { kind: 'raw', status: 200, contentType, body }
          },
        },
      },
    }),
  ]
}
