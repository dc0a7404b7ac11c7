/**
 * How many tokens live, by mount (explain.md §8). They are counted in the background, by the
 * process that leads, so that a scrape touches no token: a walk over those that are stored, in
 * small pages with long pauses, and the next one the later the longer it took. What is read for it
 * is not remembered. Batch tokens are not stored and not counted.
 */

import { gauge, mountLabels, type Family, type Reading } from '../lib/metrics.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { CoreConfiguration } from './configuration.ts'
import { Rounds } from './rounds.ts'
import type { TokenScan } from './token-scan.ts'
import type { Tokens } from './tokens.ts'

const pauseMs = 15_000
/** Time that others have for each that counting takes. */
const restFactor = 20
const restMsMax = 200
const mountsMax = 10_000

/** The root or a namespace that is loaded. */
export interface TokenPlace {
  /** Empty for the root. */
  readonly path: string
  readonly tokens: Tokens
  readonly scan: TokenScan
  readonly configuration: () => Promise<CoreConfiguration>
}

export class LiveTokens {
  readonly #clock: Clock
  readonly #places: () => readonly TokenPlace[]
  readonly #rounds: Rounds
  #counted: { readonly readings: readonly Reading[]; readonly atMs: number } | undefined
  #dueMs = 0
  #endRest: (() => void) | undefined

  constructor(parts: {
    readonly clock: Clock
    readonly logger: Logger
    readonly leads: () => boolean
    readonly places: () => readonly TokenPlace[]
  }) {
    const { clock, logger, leads, places } = parts
    this.#clock = clock
    this.#places = places
    const failed = 'live tokens could not be counted, it will be tried again'
    this.#rounds = new Rounds({ clock, logger, leads, pauseMs, failed, round: () => this.#round() })
  }

  start(): void {
    this.#rounds.start()
  }

  /** Resolves when nothing is being counted; what was counted is forgotten. */
  async stop(): Promise<void> {
    const stopped = this.#rounds.stop()
    this.#endRest?.()
    await stopped
    this.#counted = undefined
    this.#dueMs = 0
  }

  /** As counted last, and how long ago; nothing before the first count. */
  metrics(): readonly Family[] {
    if (this.#counted === undefined) return []
    const { readings, atMs } = this.#counted
    const age = (this.#clock.monotonicMs() - atMs) / 1000
    return [
      gauge('tokenstile_tokens_live', 'Stored tokens that lived when they were counted.', readings),
      gauge('tokenstile_tokens_live_age_seconds', 'Time since the live tokens were counted.', [
        { labels: {}, value: age },
      ]),
    ]
  }

  async #round(): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    if (startedMs < this.#dueMs) return
    const readings: Reading[] = []
    let restedMs = 0
    for (const place of this.#places()) {
      restedMs += await this.#count(place, readings)
      if (this.#rounds.isStopped) return
    }
    const atMs = this.#clock.monotonicMs()
    this.#counted = { readings: readings.slice(0, mountsMax), atMs }
    this.#dueMs = atMs + (atMs - startedMs - restedMs) * restFactor
  }

  /** Gives how long it rested. */
  async #count(
    { path, tokens, scan, configuration }: TokenPlace,
    readings: Reading[],
  ): Promise<number> {
    const known = await configuration()
    const counts = new Map<string, number>()
    let restedMs = 0
    let pageMs = this.#clock.monotonicMs()
    await scan.each(
      async (id, record, view) => {
        if (!(await tokens.isAlive(id, record, view, known))) return
        counts.set(record.mount, (counts.get(record.mount) ?? 0) + 1)
      },
      {
        isPassing: true,
        isStopped: () => this.#rounds.isStopped,
        afterPage: async () => {
          const nowMs = this.#clock.monotonicMs()
          await this.#rest(Math.min((nowMs - pageMs) * restFactor, restMsMax))
          pageMs = this.#clock.monotonicMs()
          restedMs += pageMs - nowMs
        },
      },
    )
    for (const { uuid, class: kind, path: mount } of known.mounts.mounts) {
      if (kind !== 'auth') continue
      readings.push({ labels: mountLabels(mount, path), value: counts.get(uuid) ?? 0 })
    }
    return restedMs
  }

  #rest(ms: number): Promise<void> {
    if (ms <= 0 || this.#rounds.isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve)
      this.#endRest = () => {
        cancel()
        resolve()
      }
    })
  }
}
