/**
 * One audit device: which records it wants, how it wants them, and its salt. The writing itself is
 * behind its gate.
 */

import { encodeJson, isJsonObject, parseJson, type JsonObject } from '../lib/json.ts'
import { escapeControls } from '../lib/one-line.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { RecordSink } from '../platform/record-sink.ts'
import { storedJsonLimits } from '../storage/store.ts'
import type { ConditionFacts } from './condition.ts'
import { DeviceGate } from './device-gate.ts'
import type { DeviceOptions } from './device-options.ts'
import type { AuditedHeaders, AuditEntry } from './entry.ts'
import { withoutExcluded } from './exclusions.ts'
import { elided, hashInTurns, isLarge, type HashText } from './hashed-data.ts'
import { createRecordMemory, recordText, type RecordStyle, type ShownData } from './record-text.ts'
import { SaltedHash } from './salted-hash.ts'

export interface DeviceContext {
  /** With a slash at its end. */
  readonly path: string
  readonly options: DeviceOptions
  readonly salt: Buffer
  readonly sink: RecordSink
  readonly clock: Clock
  readonly logger: Logger
  /** Told of records that the device did not take. */
  readonly missed: (count: number) => void
}

const quoted: HashText = (text) => escapeControls(JSON.stringify(text))

export class AuditDevice {
  readonly path: string
  readonly #options: DeviceOptions
  readonly #salt: SaltedHash
  readonly #sink: RecordSink
  readonly #gate: DeviceGate
  readonly #clock: Clock
  readonly #hash: HashText
  readonly #hashAccessor: HashText
  readonly #memory = createRecordMemory()
  #commonStyle: RecordStyle | undefined
  /** Requests that may still bring a record. */
  #holders = 0
  #isRetired = false

  constructor({ path, options, salt, sink, clock, logger, missed }: DeviceContext) {
    this.path = path
    this.#options = options
    this.#salt = new SaltedHash(salt)
    this.#sink = sink
    this.#clock = clock
    this.#gate = new DeviceGate({ path, sink, waitMsMax: options.waitMsMax, clock, logger, missed })
    this.#hash = options.logRaw ? quoted : (text) => this.#salt.quoted(text)
    this.#hashAccessor = options.hmacAccessor ? this.#hash : quoted
  }

  /** It wants every record. */
  get isPlain(): boolean {
    return this.#options.filter === undefined && !this.isFallback
  }

  get isFallback(): boolean {
    return this.#options.isFallback
  }

  /** Why it did not take the last records; empty when it did. */
  get problem(): string {
    return this.#gate.problem
  }

  wants(entry: AuditEntry): boolean {
    const { filter } = this.#options
    return filter === undefined || filter(factsOf(entry))
  }

  /** The hash that its records show for a text. */
  hashOf(text: string): string {
    return this.#salt.of(text)
  }

  /** The record's line; at once, unless there is much to hash. */
  line(entry: AuditEntry, shown: ShownData, headers: AuditedHeaders): string | Promise<string> {
    const { elideListResponses, logRaw } = this.#options
    const isElided = elideListResponses && isList(entry) && shown.response !== undefined
    const data = isElided ? { ...shown, response: elided(shown.response) } : shown
    const large = logRaw ? [] : [data.request, data.response].filter(isLargeData)
    if (large.length === 0) return this.#lineOf(entry, data, this.#style(headers, this.#hash))
    return this.#lineInTurns(entry, data, { headers, large })
  }

  /** Whether it took the lines; never rejects. */
  offer(lines: readonly string[]): Promise<boolean> {
    return this.#gate.offer(lines)
  }

  /** A request that will bring a record; the sink stays open as long. */
  hold(): void {
    this.#holders++
  }

  release(): void {
    this.#holders--
    this.#closeIfFree()
  }

  /** It gets no more requests. */
  retire(): void {
    this.#isRetired = true
    this.#closeIfFree()
  }

  reopen(): Promise<void> {
    return this.#sink.reopen()
  }

  #closeIfFree(): void {
    if (!this.#isRetired || this.#holders > 0) return
    this.#salt.forget()
    // What cannot be closed is of no more use to anybody either.
    this.#sink.close().catch(() => undefined)
  }

  async #lineInTurns(
    entry: AuditEntry,
    data: ShownData,
    { headers, large }: { readonly headers: AuditedHeaders; readonly large: readonly JsonObject[] },
  ): Promise<string> {
    let hash = this.#hash
    for (const one of large) hash = await hashInTurns(one, hash, this.#clock)
    return this.#lineOf(entry, data, this.#style(headers, hash))
  }

  #style(headers: AuditedHeaders, hashData: HashText): RecordStyle {
    const common = this.#commonStyle
    if (hashData === this.#hash && common?.headers === headers) return common
    const style: RecordStyle = {
      hash: this.#hash,
      hashAccessor: this.#hashAccessor,
      hashData,
      headers,
      memory: this.#memory,
    }
    if (hashData === this.#hash) this.#commonStyle = style
    return style
  }

  #lineOf(entry: AuditEntry, data: ShownData, style: RecordStyle): string {
    const { prefix, exclude } = this.#options
    const text = recordText(entry, data, style)
    const whole = exclude.length === 0 ? text : this.#shortened(text, entry)
    return `${prefix}${whole}\n`
  }

  #shortened(text: string, entry: AuditEntry): string {
    const record = parseJson(text, storedJsonLimits)
    if (!record.ok || !isJsonObject(record.value)) return text
    const left = withoutExcluded(record.value, this.#options.exclude, factsOf(entry))
    return escapeControls(encodeJson(left))
  }
}

function isLargeData(data: JsonObject | undefined): data is JsonObject {
  return data !== undefined && isLarge(data)
}

function isList({ request: { operation } }: AuditEntry): boolean {
  return operation === 'list' || operation === 'scan'
}

function factsOf({ request }: AuditEntry): ConditionFacts {
  return {
    mount_point: request.mount?.point ?? '',
    mount_type: request.mount?.type ?? '',
    namespace: request.namespace?.path ?? '',
    operation: request.operation,
    path: request.path,
  }
}
