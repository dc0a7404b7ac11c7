/**
 * Counters, gauges and histograms, and two of their forms on the wire: the text of Prometheus
 * (exposition format 0.0.4) and the JSON that Vault's clients read (platform.md §2.9); the third
 * is in `otlp-metrics.ts`. Every family
 * bounds how many series it has: what a stranger can name must not fill memory.
 */

import type { JsonObject } from './json.ts'

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  /** Behind the name of the family, such as `_bucket`. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count'
  readonly labels: Labels
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** A gauge of which several processes have their sum, such as memory, and not the greatest. */
  readonly adds?: boolean
  readonly samples: readonly Sample[]
}

/** A value that is read when somebody asks. */
export interface Reading {
  readonly labels: Labels
  readonly value: number
}

const seriesMax = 10_000
/** What is beyond the bound is counted together. */
const beyond = 'other'

export class Counter {
  readonly #about: Pick<Family, 'name' | 'help'>
  readonly #series = new Map<string, { readonly labels: Labels; value: number }>()

  constructor(name: string, help: string) {
    this.#about = { name, help }
  }

  add(labels: Labels, by = 1): void {
    const key = keyOf(labels)
    const known = this.#series.get(key)
    if (known !== undefined) {
      known.value += by
      return
    }
    if (this.#series.size < seriesMax) {
      this.#series.set(key, { labels, value: by })
      return
    }
    const rest = Object.fromEntries(Object.keys(labels).map((name) => [name, beyond]))
    const other = this.#series.get(keyOf(rest))
    if (other === undefined) this.#series.set(keyOf(rest), { labels: rest, value: by })
    else other.value += by
  }

  collect(): Family {
    const samples = [...this.#series.values()].map(({ labels, value }): Sample => ({
      suffix: '',
      labels,
      value,
    }))
    return { ...this.#about, type: 'counter', samples }
  }
}

export class Histogram {
  readonly #about: Pick<Family, 'name' | 'help'>
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #count = 0

  readonly #labels: Labels

  /** Upper bounds of the buckets, rising. */
  constructor(name: string, help: string, bounds: readonly number[], labels: Labels = {}) {
    this.#about = { name, help }
    this.#labels = labels
    this.#bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.#sum += value
    this.#count++
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    if (bucket >= 0) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  collect(): Family {
    let below = 0
    const labels = this.#labels
    const samples = this.#bounds.map((bound, i): Sample => {
      below += this.#counts[i] ?? 0
      return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: below }
    })
    samples.push(
      { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: this.#count },
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value: this.#count },
    )
    return { ...this.#about, type: 'histogram', samples }
  }
}

export function gauge(name: string, help: string, readings: readonly Reading[]): Family {
  return { name, help, type: 'gauge', samples: samplesOf(readings) }
}

/** A counter that somebody else keeps. */
export function counted(name: string, help: string, readings: readonly Reading[]): Family {
  return { name, help, type: 'counter', samples: samplesOf(readings) }
}

/** Of a mount by its whole path; one of a namespace says which as well. */
export function mountLabels(mount: string, namespace: string): Labels {
  return namespace === '' ? { mount } : { namespace, mount: namespace + mount }
}

/** What the mounts of a namespace have counted, as the server tells it. */
export function ofNamespace(families: readonly Family[], namespace: string): readonly Family[] {
  return families.map((family) => ({
    ...family,
    samples: family.samples.map((sample) => ({
      ...sample,
      labels: { ...sample.labels, ...mountLabels(sample.labels['mount'] ?? '', namespace) },
    })),
  }))
}

/** Samples of one name stand together. */
export function united(families: readonly Family[]): readonly Family[] {
  const byName = new Map<string, Family>()
  for (const family of families) {
    const known = byName.get(family.name)
    const samples = known === undefined ? family.samples : [...known.samples, ...family.samples]
    byName.set(family.name, { ...family, samples })
  }
  return [...byName.values()]
}

/** What several processes of one server have counted, as if one had. */
export function joined(ofProcesses: readonly (readonly Family[])[]): readonly Family[] {
  const byName = new Map<string, { family: Family; readonly samples: Map<string, Sample> }>()
  for (const family of ofProcesses.flat()) {
    const known = byName.get(family.name) ?? { family, samples: new Map<string, Sample>() }
    byName.set(family.name, known)
    const isAdded = family.type !== 'gauge' || family.adds === true
    for (const sample of family.samples) {
      const key = sample.suffix + keyOf(sample.labels)
      const before = known.samples.get(key)?.value
      const value =
        before === undefined
          ? sample.value
          : isAdded
            ? before + sample.value
            : Math.max(before, sample.value)
      known.samples.set(key, { ...sample, value })
    }
  }
  return [...byName.values()].map(({ family, samples }) => ({
    ...family,
    samples: [...samples.values()],
  }))
}

export function prometheusText(families: readonly Family[]): string {
  const lines: string[] = []
  for (const { name, help, type, samples } of families) {
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`)
    for (const { suffix, labels, value } of samples) {
      lines.push(`${name}${suffix}${labelsText(labels)} ${numberText(value)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** As the go-metrics sink of the references gives them. */
export function metricsJson(families: readonly Family[], timestamp: string): JsonObject {
  const ofType = (wanted: Family['type']): JsonObject[] =>
    families
      .filter(({ type }) => type === wanted)
      .flatMap(({ name, samples }) =>
        samples.map(({ suffix, labels, value }) => ({
          Name: name + suffix,
          Labels: { ...labels },
          ...(wanted === 'gauge' ? { Value: value } : { Count: value, Sum: value }),
        })),
      )
  return {
    Timestamp: timestamp,
    Gauges: ofType('gauge'),
    Points: [],
    Counters: ofType('counter'),
    Samples: ofType('histogram'),
  }
}

function samplesOf(readings: readonly Reading[]): readonly Sample[] {
  return readings.map(({ labels, value }) => ({ suffix: '', labels, value }))
}

function keyOf(labels: Labels): string {
  return Object.values(labels).join('\u0000')
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return Number.isNaN(value) ? 'NaN' : String(value)
}
