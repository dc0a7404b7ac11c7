/**
 * What the platform's HTTP server puts on a socket, so that the socket can be taken away from its
 * parser and live on. Known by looking before and after, so that nothing here depends on which
 * listeners those are or on who else has some.
 */

import type { Socket } from 'node:net'

type Listener = (...args: unknown[]) => void

const readingEvents = ['data', 'end'] as const
/** `close` is not among them: the server's own cleaning up at the end stays. */
const otherEvents = ['drain', 'error', 'timeout'] as const

type SocketEvent = (typeof readingEvents)[number] | (typeof otherEvents)[number]

export class ParserListeners {
  readonly #socket: Socket
  readonly #earlier = new Map<SocketEvent, readonly unknown[]>()
  readonly #own: (readonly [SocketEvent, Listener])[] = []

  /** Before the HTTP server is handed the socket. */
  constructor(socket: Socket) {
    this.#socket = socket
    for (const event of [...readingEvents, ...otherEvents]) {
      this.#earlier.set(event, socket.listeners(event))
    }
  }

  /** After it: what is there now and was not before is the parser's. */
  remember(): void {
    for (const [event, earlier] of this.#earlier) {
      for (const listener of this.#socket.listeners(event)) {
        if (!earlier.includes(listener)) this.#own.push([event, listener as Listener])
      }
    }
    this.#earlier.clear()
  }

  /** The next bytes are for somebody else. */
  stopReading(): void {
    this.#remove(readingEvents)
  }

  /** The parser hears nothing more. */
  detach(): void {
    this.#remove(otherEvents)
  }

  #remove(events: readonly SocketEvent[]): void {
    for (const [event, listener] of this.#own) {
      if (events.includes(event)) this.#socket.off(event, listener)
    }
  }
}
