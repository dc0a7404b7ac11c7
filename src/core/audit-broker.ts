/**
 * Brings records to all devices, in order, and says whether one at least has taken them
 * (platform.md §8.4). What comes while devices are writing forms the next batch, so that one write
 * serves many requests: no timer, no write for each record.
 */

import type { AuditDevice } from '../audit/device.ts'
import type { AuditEntry, AuditedHeaders } from '../audit/entry.ts'
import { readData } from '../audit/hashed-data.ts'
import type { ShownData } from '../audit/record-text.ts'
import { turn } from '../lib/turns.ts'
import type { Clock } from '../platform/clock.ts'

/** Of one batch: bounds the wait of the next one. */
const batchRecordsMax = 4096

/** Waiting for the devices; beyond it a request is told that it cannot be recorded. */
const waitingRecordsMax = 65_536
const waitingCharsMax = 134_217_728

type Line = readonly [device: AuditDevice, text: string]

/** Records that are written together. */
interface Batch {
  readonly lines: Line[]
  count: number
  chars: number
  /** Those that have taken it. */
  readonly ended: Promise<ReadonlySet<AuditDevice>>
  readonly end: (took: ReadonlySet<AuditDevice>) => void
}

/** The devices of one moment. */
export interface AuditAudience {
  readonly devices: readonly AuditDevice[]
  readonly headers: AuditedHeaders
  /** All of them want everything. */
  readonly isPlain: boolean
}

export class AuditBroker {
  readonly #clock: Clock
  /** In the order in which they will be written: all but the last are full. */
  readonly #waiting: Batch[] = []
  #records = 0
  #chars = 0
  #isRunning = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether each record was taken by a device that wants it; one that nobody wants is no loss. */
  record(entries: readonly AuditEntry[], audience: AuditAudience): Promise<boolean> {
    const [entry, ...others] = entries
    if (entry === undefined || others.length > 0) return this.#recordAll(entries, audience)
    const lines = this.#linesOf(entry, audience)
    return lines instanceof Promise
      ? lines.then((waited) => this.#submit(waited))
      : this.#submit(lines)
  }

  async #recordAll(entries: readonly AuditEntry[], audience: AuditAudience): Promise<boolean> {
    const lines: (readonly Line[])[] = []
    for (const entry of entries) lines.push(await this.#linesOf(entry, audience))
    // All are handed over before any is waited for, so that they stand together in one batch.
    const taken = await Promise.all(lines.map((each) => this.#submit(each)))
    return taken.every(Boolean)
  }

  #linesOf(entry: AuditEntry, audience: AuditAudience): readonly Line[] | Promise<readonly Line[]> {
    const data = this.#shown(entry)
    if (data instanceof Promise) return this.#linesInTurns(entry, data, audience)
    const lines: Line[] = []
    for (const device of chosenFor(entry, audience)) {
      const text = device.line(entry, data, audience.headers)
      if (typeof text !== 'string') return this.#linesInTurns(entry, data, audience)
      lines.push([device, text])
    }
    return lines
  }

  async #linesInTurns(
    entry: AuditEntry,
    shown: ShownData | Promise<ShownData>,
    audience: AuditAudience,
  ): Promise<readonly Line[]> {
    const data = await shown
    const lines: Line[] = []
    for (const device of chosenFor(entry, audience)) {
      lines.push([device, await device.line(entry, data, audience.headers)])
    }
    return lines
  }

  #shown({ request, response }: AuditEntry): ShownData | Promise<ShownData> {
    if (response?.data === undefined) return { request: request.data, response: undefined }
    const read = readData(response.data, this.#clock)
    return read instanceof Promise
      ? read.then((data) => ({ request: request.data, response: data }))
      : { request: request.data, response: read }
  }

  #submit(lines: readonly Line[]): Promise<boolean> {
    if (lines.length === 0) return Promise.resolve(true)
    let chars = 0
    for (const [, text] of lines) chars += text.length
    if (this.#records >= waitingRecordsMax || this.#chars + chars > waitingCharsMax) {
      return Promise.resolve(false)
    }
    this.#records++
    this.#chars += chars
    const batch = this.#batch()
    batch.count++
    batch.chars += chars
    for (const line of lines) batch.lines.push(line)
    return batch.ended.then((took) => lines.some(([device]) => took.has(device)))
  }

  /** The one that a record joins now. */
  #batch(): Batch {
    const last = this.#waiting.at(-1)
    if (last !== undefined && last.count < batchRecordsMax) return last
    const batch = createBatch()
    this.#waiting.push(batch)
    if (!this.#isRunning) {
      this.#isRunning = true
      // What is being done in this turn shares the first batch as well.
      this.#clock.soon(() => void this.#run())
    }
    return batch
  }

  async #run(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      await write(batch)
      this.#records -= batch.count
      this.#chars -= batch.chars
      // Those who were told now have their next records soon: they share a write with what came.
      await turn(this.#clock)
    }
    this.#isRunning = false
  }
}

function createBatch(): Batch {
  let end: Batch['end'] = () => {}
  const ended = new Promise<ReadonlySet<AuditDevice>>((resolve) => {
    end = resolve
  })
  return { lines: [], count: 0, chars: 0, ended, end }
}

/** Hands each device all its lines at once; those that have taken them are told to who waits. */
async function write({ lines, end }: Batch): Promise<void> {
  const byDevice = new Map<AuditDevice, string[]>()
  for (const [device, text] of lines) {
    const texts = byDevice.get(device)
    if (texts === undefined) byDevice.set(device, [text])
    else texts.push(text)
  }
  const took = new Set<AuditDevice>()
  await Promise.all(
    [...byDevice].map(async ([device, texts]) => {
      if (await device.offer(texts)) took.add(device)
    }),
  )
  end(took)
}

/** Those that want it, else those that take what is left over. */
function chosenFor(entry: AuditEntry, { devices, isPlain }: AuditAudience): readonly AuditDevice[] {
  if (isPlain) return devices
  const wanting = devices.filter((device) => !device.isFallback && device.wants(entry))
  return wanting.length > 0 ? wanting : devices.filter((device) => device.isFallback)
}
