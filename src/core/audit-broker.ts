/**
 * Brings records to all devices, in order, and says whether one at least has taken them
 * (platform.md §8.4). What comes while devices are writing forms the next batch, so that one write
 * serves many requests: no timer, no write for each record.
 */

import type { AuditDevice } from '../audit/device.ts'
import type { AuditEntry, AuditedHeaders } from '../audit/entry.ts'
import { readData } from '../audit/hashed-data.ts'
import type { ShownData } from '../audit/record-text.ts'
import type { Clock } from '../platform/clock.ts'

/** Of one batch: bounds the wait of the next one. */
const batchRecordsMax = 4096

/** Waiting for the devices; beyond it a request is told that it cannot be recorded. */
const waitingRecordsMax = 65_536
const waitingCharsMax = 134_217_728

type Line = readonly [device: AuditDevice, text: string]

interface Waiting {
  readonly lines: readonly Line[]
  readonly chars: number
  readonly resolve: (isTaken: boolean) => void
}

/** The devices of one moment. */
export interface AuditAudience {
  readonly devices: readonly AuditDevice[]
  readonly headers: AuditedHeaders
}

export class AuditBroker {
  readonly #clock: Clock
  #waiting: Waiting[] = []
  #chars = 0
  #isRunning = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether each record was taken by a device that wants it; one that nobody wants is no loss. */
  async record(entries: readonly AuditEntry[], audience: AuditAudience): Promise<boolean> {
    const waits: Promise<boolean>[] = []
    for (const entry of entries) {
      const lines = this.#linesOf(entry, audience)
      // All are handed over before any is waited for, so that they stand together in one batch.
      waits.push(this.#submit(lines instanceof Promise ? await lines : lines))
    }
    let isTaken = true
    for (const wait of waits) isTaken = (await wait) && isTaken
    return isTaken
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
    if (this.#waiting.length >= waitingRecordsMax || this.#chars + chars > waitingCharsMax) {
      return Promise.resolve(false)
    }
    this.#chars += chars
    return new Promise((resolve) => {
      this.#waiting.push({ lines, chars, resolve })
      if (this.#isRunning) return
      this.#isRunning = true
      // What is being done in this turn shares the first batch as well.
      this.#clock.soon(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, batchRecordsMax)
      this.#waiting = this.#waiting.slice(batchRecordsMax)
      await this.#write(batch)
    }
    this.#isRunning = false
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const byDevice = new Map<AuditDevice, string[]>()
    for (const { lines } of batch) {
      for (const [device, text] of lines) {
        const texts = byDevice.get(device)
        if (texts === undefined) byDevice.set(device, [text])
        else texts.push(text)
      }
    }
    const took = new Set<AuditDevice>()
    await Promise.all(
      [...byDevice].map(async ([device, texts]) => {
        if (await device.offer(texts)) took.add(device)
      }),
    )
    for (const { lines, chars, resolve } of batch) {
      this.#chars -= chars
      resolve(lines.some(([device]) => took.has(device)))
    }
  }
}

/** Those that want it, else those that take what is left over. */
function chosenFor(entry: AuditEntry, { devices }: AuditAudience): readonly AuditDevice[] {
  const wanting = devices.filter((device) => !device.isFallback && device.wants(entry))
  return wanting.length > 0 ? wanting : devices.filter((device) => device.isFallback)
}
