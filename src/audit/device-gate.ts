/**
 * How long anybody waits for a device. A device that fails says so at once and is asked again with
 * the next records; one that hangs is waited for once, up to its bound, and from then on its
 * records are handed to it while nobody waits, until it takes some again (platform.md §8.4).
 */

import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { RecordSink } from '../platform/record-sink.ts'

export interface GateContext {
  readonly path: string
  readonly sink: RecordSink
  readonly waitMsMax: number
  readonly clock: Clock
  readonly logger: Logger
  /** Told of records that the device did not take. */
  readonly missed: (count: number) => void
}

type Ending = 'taken' | 'failed' | 'late'

export class DeviceGate {
  readonly #context: GateContext
  #isWriting = false
  #hangs = false
  #isGivenUp = false
  /** Records that it did not take since it last took some. */
  #missed = 0
  /** Why, as a code of the system or a word. */
  #problem = ''

  constructor(context: GateContext) {
    this.#context = context
  }

  /** Why it did not take the last records; empty when it did. */
  get problem(): string {
    return this.#problem
  }

  /** Whether the device has taken the lines; never rejects, nor takes longer than the bound. */
  async offer(lines: readonly string[]): Promise<boolean> {
    if (this.#isWriting) return this.#miss(lines.length, 'ETIMEDOUT')
    const isWaitedFor = !this.#hangs
    const ending = this.#write(lines)
    if (!isWaitedFor) return this.#miss(lines.length, 'ETIMEDOUT')
    const end = await ending
    if (end === 'taken') return true
    return this.#miss(lines.length, end === 'late' ? 'ETIMEDOUT' : this.#problem)
  }

  async #write(lines: readonly string[]): Promise<Ending> {
    const { sink, clock, waitMsMax } = this.#context
    this.#isWriting = true
    this.#isGivenUp = false
    return new Promise((resolve) => {
      const cancel = clock.after(waitMsMax, () => {
        this.#hangs = true
        this.#isGivenUp = true
        resolve('late')
        sink.giveUp()
      })
      sink.write(lines).then(
        () => {
          cancel()
          this.#isWriting = false
          this.#hangs = false
          this.#recover()
          resolve('taken')
        },
        (problem: unknown) => {
          cancel()
          this.#isWriting = false
          // What fails because it was given up would have gone on hanging.
          if (!this.#isGivenUp) this.#hangs = false
          this.#problem = codeOf(problem)
          resolve('failed')
        },
      )
    })
  }

  #miss(count: number, problem: string): false {
    if (this.#missed === 0) {
      this.#context.logger.log('error', 'an audit device does not take records', {
        device: this.#context.path,
        problem,
      })
    }
    this.#missed += count
    this.#context.missed(count)
    this.#problem = problem
    return false
  }

  #recover(): void {
    const missed = this.#missed
    this.#missed = 0
    this.#problem = ''
    if (missed === 0) return
    this.#context.logger.log('warn', 'an audit device takes records again', {
      device: this.#context.path,
      missed,
    })
  }
}

function codeOf(problem: unknown): string {
  if (!(problem instanceof Error)) return 'unknown'
  if ('code' in problem && typeof problem.code === 'string') return problem.code
  return 'kind' in problem && typeof problem.kind === 'string' ? problem.kind : problem.name
}
