/**
 * The time that tokens live by: that of its source, but never going back. After a step back of the
 * source it goes on with the monotonic clock, so that nothing expired revives and no TTL gets
 * longer.
 *
 * The server has one, over the wall clock. Each namespace has one over the server's, which is kept
 * while the namespace is not loaded: what was over there stays over, and a namespace whose newest
 * token is ahead hurries nobody else.
 */

import type { Clock } from '../platform/clock.ts'

export class TokenClock {
  readonly #source: Pick<Clock, 'nowMs' | 'monotonicMs'>
  #lastMs = 0
  #lastMonotonicMs: number

  constructor(source: Pick<Clock, 'nowMs' | 'monotonicMs'>) {
    this.#source = source
    this.#lastMonotonicMs = source.monotonicMs()
  }

  nowMs(): number {
    const monotonicMs = this.monotonicMs()
    const continuedMs = this.#lastMs + (monotonicMs - this.#lastMonotonicMs)
    this.#lastMs = Math.max(this.#source.nowMs(), continuedMs)
    this.#lastMonotonicMs = monotonicMs
    return Math.floor(this.#lastMs)
  }

  monotonicMs(): number {
    return this.#source.monotonicMs()
  }

  /** That time is over: when the newest stored token was made. */
  goOnFrom(ms: number): void {
    this.#lastMs = Math.max(this.nowMs(), ms)
  }

  /**
   * Goes on to the next millisecond if it is still that one: what is made from now on is not of
   * that moment.
   */
  leaveMoment(ms: number): void {
    if (this.nowMs() === ms) this.#lastMs = ms + 1
  }
}
