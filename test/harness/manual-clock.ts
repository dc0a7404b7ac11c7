/** A clock that tests move: time passes when they say so, and never meanwhile. */

import type { Clock } from '../../src/platform/clock.ts'

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
