/**
 * LIST, SCAN and HELP, which the platform's parser refuses before any handler runs
 * (platform.md §1.5).
 *
 * The parser's error brings the packet it stopped in. A request that starts with one of those verbs
 * is given to a fresh parser with GET in the verb's place, through a stream over the same socket;
 * the true verb is kept beside the connection and never travels as a header, so a client cannot
 * forge it. Other requests pay nothing.
 */

import { METHODS } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

export type ExtraVerb = 'LIST' | 'SCAN' | 'HELP'

const extraVerbs: readonly ExtraVerb[] = ['LIST', 'SCAN', 'HELP']

/** What stands where the parser stopped at a verb. */
export type RefusedVerb =
  | { readonly kind: 'extra'; readonly verb: ExtraVerb; readonly afterVerb: Buffer }
  /** A whole request line with a verb that nobody knows. */
  | { readonly kind: 'unknown' }
  /** Something else, such as the tail of a verb that came in two packets. */
  | { readonly kind: 'broken' }

const verbLengthMax = 32

/** The parser is also one for RTSP, and takes the letters of those verbs before it refuses them. */
const parserVerbs: readonly string[] = [
  ...METHODS,
  'ANNOUNCE',
  'DESCRIBE',
  'FLUSH',
  'GET_PARAMETER',
  'PAUSE',
  'PLAY',
  'PRI',
  'RECORD',
  'REDIRECT',
  'SETUP',
  'SET_PARAMETER',
  'TEARDOWN',
]

/** `stoppedAt` is the parser's position in the packet: some letters into the verb. */
export function parseRefusedVerb(packet: Buffer, stoppedAt: number): RefusedVerb {
  for (let start = stoppedAt; start >= 0 && start > stoppedAt - verbLengthMax; start--) {
    const line = packet.toString('latin1', start, start + verbLengthMax + 2)
    const word = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) [!-~]/.exec(line)?.[1]
    // Only a word whose known beginning ends exactly here began in this place.
    if (word === undefined || start + knownLength(word) !== stoppedAt) continue
    const verb = extraVerbs.find((candidate) => candidate === word)
    if (verb === undefined) return { kind: 'unknown' }
    return { kind: 'extra', verb, afterVerb: packet.subarray(start + word.length) }
  }
  return { kind: 'broken' }
}

/** How many letters of a word the parser takes before no verb it knows can come of them. */
function knownLength(word: string): number {
  let length = 0
  while (length < word.length) {
    const beginning = word.slice(0, length + 1)
    if (!parserVerbs.some((method) => method.startsWith(beginning))) break
    length++
  }
  return length
}

/**
 * An error of a connection ends it and concerns nobody else. The platform's HTTP server listens for
 * errors only until it hands the connection over, after CONNECT for one, and an error that nobody
 * listens for ends the whole program.
 */
export function tellErrorsByClose(stream: Duplex): void {
  stream.on('error', () => undefined)
}

/** A stream over a socket that brings some bytes before those of the socket. */
export class VerbSocket extends Duplex {
  readonly #source: Socket
  #isDetached = false
  readonly #onData = (chunk: Buffer): void => {
    if (!this.push(chunk)) this.#source.pause()
  }
  readonly #onEnd = (): void => {
    this.push(null)
  }
  readonly #onTimeout = (): void => {
    this.emit('timeout')
  }
  readonly #onClose = (): void => {
    this.destroy()
  }

  constructor(source: Socket, first: Buffer) {
    super({ allowHalfOpen: true })
    this.#source = source
    tellErrorsByClose(this)
    this.push(first)
    source.on('data', this.#onData)
    source.once('end', this.#onEnd)
    source.on('timeout', this.#onTimeout)
    source.once('close', this.#onClose)
  }

  /** Lets go of the socket, which lives on. */
  detach(): void {
    this.#isDetached = true
    this.stopReading()
    this.#source.off('timeout', this.#onTimeout)
    this.#source.off('close', this.#onClose)
    this.destroy()
  }

  /** The next bytes are for somebody else. */
  stopReading(): void {
    this.#source.off('data', this.#onData)
    this.#source.off('end', this.#onEnd)
  }

  /** What the HTTP server calls on a socket. */
  setTimeout(delayMs: number, listener?: () => void): this {
    this.#source.setTimeout(delayMs)
    if (listener !== undefined) this.once('timeout', listener)
    return this
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  override _read(): void {
    if (!this.#isDetached) this.#source.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#source.write(chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#isDetached) done()
    else this.#source.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isDetached) this.#source.destroy()
    done(error)
  }
}
