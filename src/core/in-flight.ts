/** Requests being carried out, for `sys/in-flight-req`. As many as there are connections. */

import type { ApiRequest } from '../framework/api.ts'

export interface FlyingRequest {
  readonly request: ApiRequest
  readonly startedAtMs: number
}

export class InFlight {
  readonly #requests = new Map<string, FlyingRequest>()

  enter(requestId: string, request: ApiRequest, startedAtMs: number): void {
    this.#requests.set(requestId, { request, startedAtMs })
  }

  leave(requestId: string): void {
    this.#requests.delete(requestId)
  }

  entries(): IterableIterator<[string, FlyingRequest]> {
    return this.#requests.entries()
  }
}
