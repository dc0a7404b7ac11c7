/**
 * Answers that are ready leave together, once all input that was waiting has been looked at. Each
 * write on its own would wake the reader on the other core for every single answer, which costs
 * more than making the answer did.
 */

import type { Clock } from '../platform/clock.ts'

export class Outbox {
  readonly #clock: Clock
  #waiting: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * `send` runs in this turn of the event loop, after the input that is already there; it must not
   * throw.
   */
  add(send: () => void): void {
    if (this.#waiting.push(send) === 1) this.#clock.soon(() => this.#flush())
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const send of waiting) send()
  }
}
