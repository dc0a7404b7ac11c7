/**
 * One client connection: who is at its other end, how many answers are outstanding, and its ends.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Duplex } from 'node:stream'

import type { Clock } from '../platform/clock.ts'
import { tellErrorsByClose, VerbSocket, type ExtraVerb } from './extra-verb.ts'
import { plainAddress } from './forwarded-for.ts'
import type { ParserListeners } from './parser-listeners.ts'
import { brokenRequestText } from './respond.ts'

/**
 * Requests of one connection that are worked on at a time; the rest of what was read waits, and
 * then the socket.
 */
const pipelinedMax = 64

const lingerMs = 500

/** A request that has come and is not answered yet. */
export interface Outstanding {
  /** Begins the work; never throws. */
  run(): void
  /** The client is gone or has its answer. */
  close(): void
  /** Ends what takes longer than it may. */
  expire(nowMs: number): void
}

interface Waiting {
  readonly openMax: number
  readonly work: () => void
}

export class Connection {
  readonly raw: Socket
  /** Undefined on a unix socket. */
  readonly address: string | undefined
  readonly port: number | undefined
  /** What the HTTP server reads from: the socket itself or a stream over it. */
  #current: Duplex
  readonly #parser: ParserListeners
  #verb: ExtraVerb | undefined
  readonly #open = new Set<Outstanding>()
  /** Those of a read that brought more than are worked on at a time. */
  readonly #behind: Outstanding[] = []
  #last: IncomingMessage | undefined
  #isPaused = false
  #isRefusing = false
  #isRefused = false
  #takesNoMore = false
  #waiting: Waiting | undefined

  constructor(raw: Socket, parser: ParserListeners) {
    this.raw = raw
    this.#parser = parser
    this.#current = raw
    tellErrorsByClose(raw)
    this.address = raw.remoteAddress === undefined ? undefined : plainAddress(raw.remoteAddress)
    this.port = raw.remotePort
    this.#keepPause(raw)
    raw.once('close', () => {
      this.#behind.length = 0
      // The platform tells the end of a response only when it was that one's turn to be written.
      for (const work of this.#open) this.#ended(work)
    })
  }

  get isSecure(): boolean {
    return this.raw instanceof TLSSocket
  }

  /** Nothing was ever asked on it. */
  get isUnused(): boolean {
    return this.#last === undefined && this.raw.bytesRead === 0
  }

  /** A broken request was answered; nothing else may be written. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /**
   * What still comes is no request: one before it was in doubt, or its answer ends the connection
   * (RFC 9112 §9.6).
   */
  get takesNoMore(): boolean {
    return this.#takesNoMore
  }

  takeNoMore(): void {
    this.#takesNoMore = true
  }

  /**
   * Something that looks like a request behind the last one that counts: all bytes are taken from
   * here on, and none is read.
   */
  ignore(request: IncomingMessage): void {
    request.resume()
    this.#takeUnread()
  }

  /**
   * False for a stream that a later one has replaced, and for what comes after the last request
   * that counts.
   */
  isReadBy(stream: Duplex): boolean {
    if (this.#current !== stream || this.#waiting !== undefined || this.#isRefusing) return false
    return !this.#takesNoMore || this.#isInsideRequest
  }

  /** Bytes of the newest request's body are still to come. */
  get #isInsideRequest(): boolean {
    return this.#last?.complete === false
  }

  /**
   * Counts a request until its answer has left or the client is gone, and begins it when few enough
   * are before it.
   */
  begin(request: IncomingMessage, response: ServerResponse, work: Outstanding): void {
    this.#last = request
    if (!response.shouldKeepAlive) this.#takesNoMore = true
    this.#open.add(work)
    if (this.#open.size >= pipelinedMax && !this.#isPaused) {
      this.#isPaused = true
      this.#current.pause()
    }
    response.once('close', () => this.#ended(work))
    if (this.#open.size <= pipelinedMax) work.run()
    else this.#behind.push(work)
  }

  expire(nowMs: number): void {
    for (const work of this.#open) work.expire(nowMs)
  }

  /** The true verb of the request that just came, when the parser saw another one. */
  takeVerb(): ExtraVerb | undefined {
    const verb = this.#verb
    this.#verb = undefined
    return verb
  }

  /**
   * Hands the next request, with GET in place of its verb, to a fresh parser once all answers
   * before it have left.
   */
  serveExtraVerb(verb: ExtraVerb, afterVerb: Buffer, accept: (stream: VerbSocket) => void): void {
    const before = this.#current
    if (before instanceof VerbSocket) before.stopReading()
    else this.#parser.stopReading()
    const stream = new VerbSocket(this.raw, Buffer.concat([Buffer.from('GET'), afterVerb]))
    this.raw.pause()
    this.#whenOpen(0, () => {
      if (this.raw.destroyed || !this.raw.writable) return
      if (before instanceof VerbSocket) before.detach()
      else this.#parser.detach()
      this.raw.setTimeout(0)
      this.#current = stream
      this.#keepPause(stream)
      this.#verb = verb
      accept(stream)
    })
  }

  /**
   * Answers a request that could not be made out, after all answers before it, and ends the
   * connection.
   */
  refuse(status: 400 | 405 | 408 | 431, clock: Clock, errors: readonly string[] = []): void {
    if (this.#isRefusing) return
    this.#isRefusing = true
    this.#takesNoMore = true
    const isInside = this.#isInsideRequest
    if (isInside && this.#open.size === 0) {
      // The request was answered while its body was still coming; a second answer would be taken
      // for the next one's.
      this.#linger('', clock)
      return
    }
    this.#whenOpen(isInside ? 1 : 0, () => this.#linger(brokenRequestText(status, errors), clock))
  }

  destroy(): void {
    this.raw.destroy()
  }

  /** Takes what still comes, and looks at none of it. */
  discard(): void {
    this.#takesNoMore = true
    this.#takeUnread()
  }

  /**
   * Says the last word, then keeps taking bytes for a moment: closing at once would reset the
   * answer away.
   */
  #linger(text: string, clock: Clock): void {
    this.#isRefused = true
    const { raw } = this
    this.#takeUnread()
    raw.end(text)
    raw.once('end', () => raw.destroySoon())
    const cancel = clock.after(lingerMs, () => raw.destroy())
    raw.once('close', cancel)
  }

  /**
   * Also takes the socket from a parser that reads it without events: the platform gives it back at
   * the first listener.
   */
  #takeUnread(): void {
    this.raw.removeAllListeners('data')
    this.raw.on('data', () => undefined)
    this.raw.resume()
  }

  /**
   * The platform resumes a stream at the end of each message it has read, whoever paused it and
   * why.
   */
  #keepPause(stream: Duplex): void {
    stream.on('resume', () => {
      if (this.#isPaused && this.#current === stream) stream.pause()
    })
  }

  #whenOpen(openMax: number, work: () => void): void {
    if (this.#open.size <= openMax) work()
    else this.#waiting = { openMax, work }
  }

  #ended(work: Outstanding): void {
    if (!this.#open.delete(work)) return
    work.close()
    this.#behind.shift()?.run()
    if (this.#isPaused && this.#open.size <= pipelinedMax / 2) {
      this.#isPaused = false
      if (this.#waiting === undefined) this.#current.resume()
    }
    const waiting = this.#waiting
    if (waiting !== undefined && this.#open.size <= waiting.openMax) {
      this.#waiting = undefined
      if (!this.raw.destroyed) waiting.work()
    }
  }
}
