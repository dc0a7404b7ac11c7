/** sys/metrics: what is counted, in both forms, and who may read it (explain.md §8). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { servingDefaults, tcpListener } from '../../src/http/listener-options.ts'
import { otlpNames } from '../../src/lib/otlp-metrics.ts'
import type { ApiResult } from '../harness/api-client.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P, want403T, wantError, type JwtMount } from './fixture.ts'

let server: TestServer
let jwt: JwtMount
let idp: ScriptedProvider

before(async () => {
  idp = await new ScriptedProvider().start()
  server = await startTestServer()
  jwt = await enableJwt(server)
  await jwt.mustRole('dev')
})

after(async () => {
  await server.stop()
  await idp.stop()
})

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the exposition format as strictly as Prometheus does. */
function parse(text: string): readonly Series[] {
  assert.ok(text.endsWith('\n'))
  const types = new Map<string, string>()
  const seen = new Set<string>()
  const series: Series[] = []
  for (const line of text.slice(0, -1).split('\n')) {
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      assert.equal(types.has(type[1] ?? ''), false, `two families ${line}`)
      types.set(type[1] ?? '', type[2] ?? '')
      continue
    }
    if (/^# HELP [a-zA-Z_:][\w:]* .+$/.test(line)) continue
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.e+-]+|NaN|\+Inf)$/.exec(line)
    assert.ok(sample !== null, line)
    const [, name = '', labelText = '', value] = sample
    const family = name.replace(/_(?:bucket|sum|count)$/, '')
    assert.ok(types.has(name) || types.get(family) === 'histogram', line)
    const labels: Record<string, string> = {}
    let rest = labelText
    while (rest !== '') {
      const label = /^([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.exec(rest)
      assert.ok(label !== null, line)
      labels[label[1] ?? ''] = label[2] ?? ''
      rest = rest.slice(label[0].length)
    }
    const identity = `${name}${JSON.stringify(labels)}`
    assert.equal(seen.has(identity), false, `twice: ${line}`)
    seen.add(identity)
    series.push({ name, labels, value: Number(value?.replace('+Inf', 'Infinity')) })
  }
  return series
}

interface OtlpPoint {
  readonly attributes: readonly { readonly key: string; readonly value: { stringValue?: string } }[]
  readonly asDouble?: number
  readonly count?: string
  readonly bucketCounts?: readonly string[]
  readonly explicitBounds?: readonly number[]
}

interface OtlpPoints {
  readonly dataPoints: readonly OtlpPoint[]
  readonly aggregationTemporality?: number
  readonly isMonotonic?: boolean
}

interface OtlpMetric {
  readonly name: string
  readonly unit: string
  readonly sum?: OtlpPoints
  readonly gauge?: OtlpPoints
  readonly histogram?: OtlpPoints
}

/**
 * Reads an export request as opentelemetry-proto's metrics.proto and the JSON mapping of OTLP have it: no other member,
 * 64-bit numbers as decimal texts, enumerations as numbers, one kind of data for each metric.
 */
function otlpOf(body: ApiResult['body']): readonly OtlpMetric[] {
  const only = (value: object, ...names: readonly string[]): void =>
    assert.deepEqual(
      Object.keys(value).filter((name) => !names.includes(name)),
      [],
    )
  only(body, 'resourceMetrics')
  assert.equal(body.resourceMetrics.length, 1)
  const [{ resource, scopeMetrics }] = body.resourceMetrics
  const service = resource.attributes.map(({ key }: { key: string }) => key)
  assert.deepEqual(service, ['service.name', 'service.version'])
  const [{ scope, metrics }] = scopeMetrics
  only(scope, 'name', 'version')
  for (const metric of metrics) {
    only(metric, 'name', 'description', 'unit', 'sum', 'gauge', 'histogram')
    assert.match(metric.name, /^[a-z][\w.]*$/)
    const kinds = [metric.sum, metric.gauge, metric.histogram].filter((one) => one !== undefined)
    assert.equal(kinds.length, 1, metric.name)
    const [data] = kinds
    assert.ok(data.dataPoints.length > 0, metric.name)
    assert.equal(data.aggregationTemporality, metric.gauge === undefined ? 2 : undefined)
    const seen = new Set<string>()
    for (const point of data.dataPoints) {
      const shared = ['attributes', 'startTimeUnixNano', 'timeUnixNano']
      if (metric.histogram === undefined) only(point, ...shared, 'asDouble')
      else only(point, ...shared, 'count', 'sum', 'bucketCounts', 'explicitBounds')
      assert.match(point.timeUnixNano, /^\d{19}$/)
      if (point.startTimeUnixNano !== undefined) {
        assert.ok(BigInt(point.startTimeUnixNano) <= BigInt(point.timeUnixNano))
      }
      for (const number of [point.asDouble, point.sum]) {
        assert.ok(number === undefined || Number.isFinite(number))
      }
      for (const { key, value } of point.attributes) {
        assert.equal(typeof key, 'string')
        assert.equal(typeof value.stringValue, 'string')
      }
      const identity = JSON.stringify(point.attributes)
      assert.equal(seen.has(identity), false, metric.name)
      seen.add(identity)
    }
  }
  return metrics
}

async function scrape(): Promise<readonly Series[]> {
  const answer = await server.root.read('sys/metrics?format=prometheus')
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/)
  return parse(answer.text)
}

function valueOf(
  all: readonly Series[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = all.filter(
    (one) =>
      one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text),
  )
  return found.reduce((sum, { value }) => sum + value, 0)
}

test('logins are counted by mount, role, decision and reason, and take their time', async () => {
  const before = await scrape()
  for (let i = 0; i < 5; i++) await jwt.mustLogin('dev')
  await jwt.login('made-up-by-a-stranger')
  const now = await scrape()
  const grown = (name: string, labels: Record<string, string>): number =>
    valueOf(now, name, labels) - valueOf(before, name, labels)
  const accepted = { mount: 'jwt/', role: 'dev', decision: 'accepted', reason: '' }
  assert.equal(grown('tokenstile_logins_total', accepted), 5)
  const refused = { mount: 'jwt/', role: '', decision: 'refused', reason: 'role_unknown' }
  assert.equal(grown('tokenstile_logins_total', refused), 1)
  assert.ok(now.every(({ labels }) => labels['role'] !== 'made-up-by-a-stranger'))
  assert.equal(grown('tokenstile_login_seconds_count', { part: 'total' }), 6)
  assert.equal(grown('tokenstile_login_seconds_count', { part: 'verify' }), 5)
  assert.equal(grown('tokenstile_login_seconds_count', { part: 'keys' }), 0)
  assert.equal(grown('tokenstile_login_seconds_count', { part: 'decide' }), 6)
  assert.equal(grown('tokenstile_login_seconds_count', { part: 'commit' }), 5)
  assert.ok(grown('tokenstile_storage_commit_seconds_count', {}) >= 5)
  assert.ok(grown('tokenstile_requests_total', { code: '2xx' }) >= 5)
  assert.ok(valueOf(now, 'process_resident_memory_bytes') > 1e7)
  const buckets = now.filter(
    ({ name, labels }) => name === 'tokenstile_login_seconds_bucket' && labels['part'] === 'total',
  )
  const values = buckets.map(({ value }) => value)
  assert.deepEqual(
    values,
    values.toSorted((a, b) => a - b),
  )
  assert.equal(values.at(-1), valueOf(now, 'tokenstile_login_seconds_count', { part: 'total' }))
})

test('each record of a login says how long its parts took', async () => {
  const first = await jwt.mustLogin('dev')
  const refused = await jwt.login('made-up-by-a-stranger')
  await jwt.mustLogin('dev')
  const durations = async ({ headers }: ApiResult): Promise<Record<string, unknown>> =>
    (await server.root.read(`sys/logins/${headers['x-request-id']}`)).body.data.duration_ms
  const { verify, keys, decide, commit } = await durations(first)
  for (const part of [verify, decide, commit]) {
    assert.ok(typeof part === 'number' && part > 0 && part < 10_000)
  }
  assert.ok(typeof keys === 'number' && keys < 10_000)
  assert.equal((await durations(refused))['commit'], null)
  const { logins } = (await server.root.read('sys/logins?limit=3')).body.data
  assert.ok(logins.every((one: { duration_ms: object }) => 'decide' in one.duration_ms))
})

test('the keys of an issuer show their age', async () => {
  await server.root.must('sys/auth/remote', { type: 'jwt' })
  await server.root.must('auth/remote/config', { jwks_url: `${idp.issuer}/jwks` })
  await server.root.must('auth/remote/role/r', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'x',
  })
  await server.client().write('auth/remote/login', { role: 'r', jwt: idp.mint(undefined) })
  const all = await scrape()
  const keys = all.filter(({ name }) => name === 'tokenstile_keys_age_seconds')
  assert.deepEqual(
    keys.map(({ labels }) => labels),
    [{ mount: 'remote/', issuer: 'default' }],
  )
  const labels = { mount: 'remote/', issuer: 'default', result: 'ok' }
  assert.ok(valueOf(all, 'tokenstile_keys_refresh_total', labels) >= 1)
})

test('JSON as the references give it, and a format that is none', async () => {
  const answer = await server.root.read('sys/metrics')
  assert.equal(answer.headers['content-type'], 'application/json')
  assert.deepEqual(Object.keys(answer.body), [
    'Timestamp',
    'Gauges',
    'Points',
    'Counters',
    'Samples',
  ])
  assert.ok(
    answer.body.Counters.some(({ Name }: { Name: string }) => Name === 'tokenstile_logins_total'),
  )
  const accepted = await server.root.call('GET', 'sys/metrics', undefined, {
    headers: { Accept: 'prometheus/telemetry' },
  })
  parse(accepted.text)
  wantError(await server.root.read('sys/metrics?format=xml'), 400, /"format"/)
})

test('OTLP JSON of the same numbers, as its protocol has it', async () => {
  const answer = await server.root.read('sys/metrics?format=otlp_json')
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers['content-type'], 'application/json')
  const text = await server.root.read('sys/metrics?format=prometheus')
  const plain = parse(text.text)
  const metrics = otlpOf(answer.body)
  const named = (name: string): OtlpMetric => {
    const [metric, ...others] = metrics.filter((one) => one.name === name)
    assert.ok(metric !== undefined && others.length === 0, name)
    return metric
  }
  const families = new Set(text.text.match(/(?<=^# TYPE )\S+/gm))
  for (const family of families) {
    const { name = '', unit = '' } = otlpNames[family] ?? {}
    if (!plain.some((one) => one.name.startsWith(family))) continue
    assert.equal(named(name).unit, unit)
  }
  const logins = named('tokenstile.logins').sum
  assert.equal(logins?.isMonotonic, true)
  const total = logins.dataPoints.reduce((sum, { asDouble = 0 }) => sum + asDouble, 0)
  assert.equal(total, valueOf(plain, 'tokenstile_logins_total'))
  const parts = named('tokenstile.login.duration').histogram?.dataPoints ?? []
  assert.equal(parts.length, 5)
  for (const { attributes, count, bucketCounts = [], explicitBounds = [] } of parts) {
    const part = attributes.find(({ key }) => key === 'part')?.value.stringValue ?? ''
    assert.equal(Number(count), valueOf(plain, 'tokenstile_login_seconds_count', { part }))
    assert.equal(bucketCounts.length, explicitBounds.length + 1)
    const sum = bucketCounts.reduce((all, one) => all + Number(one), 0)
    assert.equal(sum, Number(count))
  }
  assert.equal(named('process.memory.usage').sum?.isMonotonic, false)
  const uptime = named('process.uptime').gauge?.dataPoints[0]?.asDouble ?? -1
  assert.ok(uptime > 0 && uptime < 86_400)
})

test('nobody reads them without a token that may (SEC-HTP-15)', async () => {
  want403T(await server.client().read('sys/metrics?format=prometheus'))
  want403P(await (await server.root.tokenWith(['none'])).read('sys/metrics'))
  const facts = [
    await server.client().read('sys/health'),
    await server.client().read('sys/seal-status'),
  ]
  for (const { text, status } of facts) {
    assert.equal(status, 200)
    assert.doesNotMatch(text, /127\.0\.0\.1|logins|jwt\//)
  }
})

test('a listener may let everybody read them', async (t) => {
  const switches = { ...servingDefaults.switches, unauthenticatedMetricsAccess: true }
  const listeners = [
    tcpListener({ host: '127.0.0.1', port: 0, switches }),
    tcpListener({ host: '127.0.0.1', port: 0 }),
  ]
  const open = await startTestServer({ listeners })
  t.after(() => open.stop())
  const answer = await open.client().read('sys/metrics?format=prometheus')
  assert.equal(answer.status, 200, answer.text)
  parse(answer.text)
  assert.equal((await open.client().as('hvs.wrong').read('sys/metrics')).status, 200)
  want403T(await open.client().read('sys/loggers'))
})
