/** Backups of a store that is being served: one at a time, sealed as it lies there. */

import { Refusal, invalid } from '../framework/refusal.ts'
import { encodeBackup } from '../lib/backup-format.ts'
import { rfc3339 } from '../lib/time.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Engine } from '../storage/store.ts'
import type { Seal } from './seal/seal-manager.ts'

/**
 * No faster than this, however fast it is taken: reading, summing and sending a megabyte takes two
 * or three milliseconds of the thread that serves requests.
 */
const bytesPerSecondMax = 96 * 1024 * 1024

export interface BackupsContext {
  readonly engine: Engine
  readonly seal: Pick<Seal, 'status'>
  readonly clock: Clock
  readonly logger: Logger
}

export class Backups {
  readonly #context: BackupsContext
  #isRunning = false

  constructor(context: BackupsContext) {
    this.#context = context
  }

  /** All that is committed when the first bytes are asked for. */
  async begin(): Promise<AsyncIterable<Uint8Array>> {
    const { engine, seal } = this.#context
    if (engine.copy === undefined) {
      throw invalid(`the storage engine ${engine.type} has no backup; lmdb has one`)
    }
    this.#requireNone()
    const { cluster_id = '' } = await seal.status()
    return this.#run(cluster_id)
  }

  async *#paced(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { clock } = this.#context
    const startedMs = clock.monotonicMs()
    let bytes = 0
    for await (const chunk of content) {
      yield chunk
      bytes += chunk.length
      const aheadMs = startedMs + (bytes * 1000) / bytesPerSecondMax - clock.monotonicMs()
      if (aheadMs >= 1) await new Promise<void>((resolve) => clock.after(aheadMs, resolve))
    }
  }

  /** One holds back the room of what is deleted meanwhile. */
  #requireNone(): void {
    if (this.#isRunning) throw new Refusal('unavailable', { text: 'another backup is running' })
  }

  async *#run(clusterId: string): AsyncGenerator<Uint8Array> {
    const { engine, clock, logger } = this.#context
    this.#requireNone()
    const copy = engine.copy?.()
    if (copy === undefined) return
    this.#isRunning = true
    try {
      const { store, format, bytes, content } = copy
      const created = rfc3339(clock.nowMs())
      yield* encodeBackup(
        { engine: engine.type, format, store, cluster_id: clusterId, created, bytes },
        this.#paced(content),
      )
      logger.log('info', 'a backup was taken', { bytes })
    } finally {
      copy.release()
      this.#isRunning = false
    }
  }
}
