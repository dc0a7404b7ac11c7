/**
 * How many outbound calls run at once: in all, and in one lane to one origin, so that a hanging
 * provider cannot take every place.
 */

import { OutboundProblem } from './outbound.ts'

interface Waiting {
  readonly origin: string
  readonly start: () => void
}

const waitingMax = 2048

export class CallGate {
  readonly #callsMax: number
  readonly #callsPerOriginMax: number
  readonly #running = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  #runningCount = 0

  constructor(callsMax: number) {
    this.#callsMax = callsMax
    this.#callsPerOriginMax = Math.max(1, Math.ceil(callsMax / 4))
  }

  /** Waits for a place; gives the function that frees it. Rejects with the signal's reason. */
  async enter(origin: string, signal: AbortSignal): Promise<() => void> {
    if (!this.#hasPlace(origin)) await this.#wait(origin, signal)
    else this.#take(origin)
    return () => this.#leave(origin)
  }

  #wait(origin: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= waitingMax) {
      throw new OutboundProblem('connect', 'too many outbound calls are waiting')
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(entry)
        if (at !== -1) this.#waiting.splice(at, 1)
        reject(signal.reason as Error)
      }
      const entry: Waiting = {
        origin,
        start: () => {
          signal.removeEventListener('abort', onAbort)
          this.#take(origin)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(entry)
    })
  }

  #hasPlace(origin: string): boolean {
    return (
      this.#runningCount < this.#callsMax &&
      (this.#running.get(origin) ?? 0) < this.#callsPerOriginMax
    )
  }

  #take(origin: string): void {
    this.#runningCount++
    this.#running.set(origin, (this.#running.get(origin) ?? 0) + 1)
  }

  #leave(origin: string): void {
    this.#runningCount--
    const left = (this.#running.get(origin) ?? 1) - 1
    if (left === 0) this.#running.delete(origin)
    else this.#running.set(origin, left)
    const at = this.#waiting.findIndex((entry) => this.#hasPlace(entry.origin))
    if (at !== -1) this.#waiting.splice(at, 1)[0]?.start()
  }
}
