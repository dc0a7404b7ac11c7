/** The only door to time. `ManualClock` is the second real implementation, for tests and for judging "as of then". */

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  /** A counter that never goes back, in milliseconds; only differences mean anything. */
  monotonicMs(): number
  /** Runs `work` once after the delay; gives a function that cancels it. Does not keep the process alive. */
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

interface Waiting {
  readonly dueMs: number
  readonly work: () => void
}

/** Stands still until it is moved. */
export class ManualClock implements Clock {
  #nowMs: number
  #elapsedMs = 0
  readonly #waiting = new Set<Waiting>()

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, work: () => void): () => void {
    const entry = { dueMs: this.#elapsedMs + delayMs, work }
    this.#waiting.add(entry)
    return () => {
      this.#waiting.delete(entry)
    }
  }

  /** The event loop does not stand still with the clock. */
  soon(work: () => void): void {
    setImmediate(work)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  /** Moves both clocks and runs what has become due, in order. */
  advance(ms: number): void {
    this.#nowMs += ms
    this.#elapsedMs += ms
    const due = [...this.#waiting]
      .filter((entry) => entry.dueMs <= this.#elapsedMs)
      .toSorted((a, b) => a.dueMs - b.dueMs)
    for (const entry of due) {
      if (this.#waiting.delete(entry)) entry.work()
    }
  }

  /** Sets the wall clock alone, as an administrator or a time service does. */
  setWallClock(nowMs: number): void {
    this.#nowMs = nowMs
  }
}
