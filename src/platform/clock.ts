/**
 * The only door to time. Tests have a second real implementation (test/harness/manual-clock.ts).
 */

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  /** A counter that never goes back, in milliseconds; only differences mean anything. */
  monotonicMs(): number
  /**
   * Runs `work` once after the delay; gives a function that cancels it. Does not keep the process
   * alive.
   */
  after(delayMs: number, work: () => void): () => void
  /** Resolves after the delay. */
  sleep(delayMs: number): Promise<void>
  /** Runs `work` after the input and output that is ready now. */
  soon(work: () => void): void
}

/** The longest that a timer of Node can wait; a longer one would be over at once. */
export const delayMsMax = 2_147_483_647

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  after(delayMs: number, work: () => void): () => void {
    const timer = setTimeout(work, Math.min(Math.max(delayMs, 0), delayMsMax))
    timer.unref()
    return () => clearTimeout(timer)
  }

  soon(work: () => void): void {
    setImmediate(work)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(resolve, Math.min(Math.max(delayMs, 0), delayMsMax))
    })
  }
}
