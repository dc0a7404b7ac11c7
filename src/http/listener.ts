/** One bound address with its HTTP server: accepting, broken requests, time limits, the end. */

import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import { connect, Server as NetServer, type Socket } from 'node:net'
import { TLSSocket, type SecureContextOptions } from 'node:tls'
import type { Duplex } from 'node:stream'

import { Connection } from './connection.ts'
import { Exchange, type ExchangeContext } from './exchange.ts'
import { parseRefusedVerb } from './extra-verb.ts'
import type { ListenerOptions, UnixListenerOptions } from './listener-options.ts'
import { ParserListeners } from './parser-listeners.ts'
import { framingProblem } from './request-framing.ts'
import { listenProblem } from './listen-problem.ts'
import { loadTlsMaterial } from './tls-material.ts'

export type BoundAddress =
  | {
      readonly kind: 'tcp'
      readonly host: string
      readonly port: number
      readonly isSecure: boolean
      readonly url: string
    }
  | { readonly kind: 'unix'; readonly path: string }

const headerBytesMax = 65_536

const connectionsCheckMs = 1000

/** Requests that were on the wire when the stop came are still taken for so long. */
const lastRequestsMs = 25

export class Listener {
  readonly #options: ListenerOptions
  readonly #context: ExchangeContext
  readonly #server: Server
  readonly #acceptEvent: 'connection' | 'secureConnection'
  /** By the stream that the HTTP server reads from. */
  readonly #connections = new WeakMap<Duplex, Connection>()
  readonly #parsers = new WeakMap<Duplex, ParserListeners>()
  readonly #open = new Set<Connection>()
  readonly #sockets = new Set<Socket>()
  /** Connections by the address of the other end, for what fails before it is HTTP. */
  readonly #rawSockets = new Map<string, Socket>()
  #cancelSweep: (() => void) | undefined

  private constructor(
    options: ListenerOptions,
    context: ExchangeContext,
    tls: SecureContextOptions | undefined,
  ) {
    this.#options = options
    this.#context = context
    const settings: ServerOptions = {
      insecureHTTPParser: false,
      maxHeaderSize: headerBytesMax,
      requireHostHeader: false,
      headersTimeout: options.timeouts.headersMs,
      requestTimeout: Math.max(options.timeouts.readMs, options.timeouts.headersMs),
      keepAliveTimeout: options.timeouts.idleMs,
      connectionsCheckingInterval: connectionsCheckMs,
      noDelay: true,
    }
    if (tls === undefined || options.kind === 'unix' || options.tls === undefined) {
      this.#acceptEvent = 'connection'
      this.#server = createServer(settings)
    } else {
      this.#acceptEvent = 'secureConnection'
      this.#server = createSecureServer({
        ...settings,
        ...tls,
        handshakeTimeout: options.timeouts.headersMs,
        ALPNProtocols: ['http/1.1'],
        requestCert: options.tls.requireClientCertificate,
        rejectUnauthorized: options.tls.requireClientCertificate,
      })
    }
    // A limit here would drop headers without a word; the exchange refuses too many instead.
    this.#server.maxHeadersCount = 0
    this.#server.maxConnections = options.connectionsMax
    this.#listenToServer()
  }

  static async create(options: ListenerOptions, context: ExchangeContext): Promise<Listener> {
    const isSecure = options.kind === 'tcp' && options.tls !== undefined
    return new Listener(options, context, isSecure ? await loadTlsMaterial(options.tls) : undefined)
  }

  /** Rejects when the address cannot be had. */
  async start(): Promise<BoundAddress> {
    const options = this.#options
    if (options.kind === 'unix') await removeStaleSocket(options.path)
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => reject(listenProblem(options, cause))
      this.#server.once('error', failed)
      const bound = (): void => {
        this.#server.off('error', failed)
        resolve()
      }
      const common = { backlog: 4096, exclusive: !options.isShared }
      if (options.kind === 'tcp') {
        this.#server.listen({ host: options.host, port: options.port, ...common }, bound)
      } else {
        this.#server.listen({ path: options.path, ...common }, bound)
        // Binding a path happens inside the call; nobody gets a turn between it and the narrower
        // mode. A shared one is bound elsewhere, for nobody but us until it has its mode below.
        if (!options.isShared) restrictSocket(options)
      }
    })
    if (options.kind === 'unix' && options.isShared) restrictSocket(options)
    this.#server.on('error', (error) => {
      this.#context.logger.log('error', 'a listener failed', { error: error.name })
    })
    this.#sweep()
    const address = this.#server.address()
    if (options.kind === 'unix') return { kind: 'unix', path: options.path }
    if (address === null || typeof address === 'string') throw new Error('the listener has no port')
    const isSecure = options.tls !== undefined
    const host = address.address.includes(':') ? `[${address.address}]` : address.address
    return {
      kind: 'tcp',
      host: address.address,
      port: address.port,
      isSecure,
      url: `${isSecure ? 'https' : 'http'}://${host}:${address.port}`,
    }
  }

  /**
   * New connections get the certificate that the files hold now; rejects, and keeps the old one,
   * when it is unusable.
   */
  async reloadTls(): Promise<void> {
    if (this.#options.kind !== 'tcp' || this.#options.tls === undefined) return
    const material = await loadTlsMaterial(this.#options.tls)
    // The type of the HTTP server does not tell that it is a TLS server.
    const server = this.#server as Server & {
      setSecureContext?: (context: SecureContextOptions) => void
    }
    server.setSecureContext?.(material)
  }

  /** Accepts nothing new, lets every request finish, and ends what is left after the grace. */
  async stop(graceMs: number): Promise<void> {
    const { clock } = this.#context
    const closed = new Promise<void>((resolve) => {
      // Not the HTTP server's own close: that one cuts connections whose next request is already on
      // the wire.
      NetServer.prototype.close.call(this.#server, () => resolve())
    })
    const cancelEnd = clock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy()
    })
    const cancelIdle = clock.after(Math.min(lastRequestsMs, graceMs / 2), () => {
      this.#server.closeIdleConnections()
      for (const connection of this.#open) if (connection.isUnused) connection.destroy()
    })
    await closed
    cancelEnd()
    cancelIdle()
    this.#cancelSweep?.()
    // Ends the platform's own checking of connections.
    this.#server.close(() => undefined)
  }

  #listenToServer(): void {
    const server = this.#server
    server.on('connection', (socket: Duplex) => {
      if (this.#connections.has(socket) || !isSocket(socket)) return
      const end = otherEnd(socket)
      this.#sockets.add(socket)
      this.#rawSockets.set(end, socket)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        if (this.#rawSockets.get(end) === socket) this.#rawSockets.delete(end)
      })
    })
    server.on('tlsClientError', (error: ParseError, stream: Socket) => {
      if (error.code === plainHttpCode) this.#answerPlainHttp(stream)
    })
    // Before the HTTP server's own listener, and the next one after it.
    server.prependListener(this.#acceptEvent, (socket: Duplex) => {
      if (this.#connections.has(socket) || !isSocket(socket)) return
      this.#parsers.set(socket, new ParserListeners(socket))
    })
    server.on(this.#acceptEvent, (socket: Duplex) => {
      const parser = this.#parsers.get(socket)
      if (parser === undefined || this.#connections.has(socket) || !isSocket(socket)) return
      parser.remember()
      const connection = new Connection(socket, parser)
      this.#connections.set(socket, connection)
      this.#open.add(connection)
      socket.once('close', () => this.#open.delete(connection))
    })
    server.on('request', (request, response) => this.#serve(request, response, false))
    server.on('checkContinue', (request, response) => this.#serve(request, response, true))
    // RFC 9110 §10.1.1: an expectation nobody knows may be ignored.
    server.on('checkExpectation', (request, response) => this.#serve(request, response, false))
    server.on('connect', (_request: IncomingMessage, stream: Duplex) => {
      const connection = this.#connections.get(stream)
      if (connection === undefined) stream.destroy()
      else connection.refuse(405, this.#context.clock)
    })
    server.on('clientError', (error: ParseError, stream: Duplex) => this.#onBroken(error, stream))
  }

  #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) {
      request.socket.destroy()
      return
    }
    const problem = connection.takesNoMore ? undefined : framingProblem(request)
    if (problem !== undefined) connection.refuse(400, this.#context.clock, [problem])
    if (connection.takesNoMore) {
      connection.ignore(request)
      return
    }
    // The parser reports no error any more behind an offer to upgrade, LIST among them, and drops
    // what else its packet brought: the next request needs another connection.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false
    const message = { request, response, awaitsContinue }
    connection.begin(request, response, new Exchange(this.#context, connection, message))
  }

  /**
   * Plain HTTP at a TLS port is the commonest first mistake, and a closed connection says nothing.
   * The stream is closed already; the connection below it is not, and takes a short answer.
   */
  #answerPlainHttp(stream: Socket): void {
    const socket = this.#rawSockets.get(otherEnd(stream))
    if (socket === undefined || !socket.writable) return
    socket.end(plainHttpAnswer)
    // Nobody reads on, so that a peer that keeps sending is cut off.
    const cancel = this.#context.clock.after(plainHttpLingerMs, () => socket.destroy())
    socket.once('close', cancel)
  }

  #onBroken(error: ParseError, stream: Duplex): void {
    const connection = this.#connections.get(stream)
    if (connection === undefined || !connection.raw.writable || error.code === 'ECONNRESET') {
      stream.destroy()
      return
    }
    // The first parser of a socket that has got another one still runs into its time limit.
    if (!connection.isReadBy(stream)) return
    const { clock } = this.#context
    switch (error.code) {
      case 'HPE_INVALID_METHOD': {
        const packet = error.rawPacket ?? Buffer.alloc(0)
        const refused = parseRefusedVerb(packet, error.bytesParsed ?? 0)
        if (refused.kind !== 'extra') {
          connection.refuse(refused.kind === 'unknown' ? 405 : 400, clock)
          return
        }
        connection.serveExtraVerb(refused.verb, refused.afterVerb, (next) => {
          this.#connections.set(next, connection)
          this.#server.emit(this.#acceptEvent, next)
        })
        return
      }
      case 'HPE_HEADER_OVERFLOW':
        connection.refuse(431, clock)
        return
      case 'ERR_HTTP_REQUEST_TIMEOUT':
        if (connection.isUnused) connection.destroy()
        else connection.refuse(408, clock)
        return
      case undefined:
      default:
        connection.refuse(400, clock)
    }
  }

  #sweep(): void {
    const { clock, options } = this.#context
    const shortest = Math.min(
      ...[options.requestDurationMsMax, options.timeouts.writeMs].filter((ms) => ms > 0),
      4000,
    )
    this.#cancelSweep = clock.after(Math.max(shortest / 4, 10), () => {
      const nowMs = clock.monotonicMs()
      for (const connection of this.#open) connection.expire(nowMs)
      this.#sweep()
    })
  }
}

interface ParseError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

/** What Node calls plain HTTP where a TLS handshake should begin. */
const plainHttpCode = 'ERR_SSL_HTTP_REQUEST'
const plainHttpLingerMs = 1000
const plainHttpBody =
  '{"errors":["Client sent an HTTP request to an HTTPS server: the address begins with https://"]}\n'
const plainHttpAnswer = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: application/json',
  `Content-Length: ${plainHttpBody.length}`,
  'Cache-Control: no-store',
  'Connection: close',
  '',
  plainHttpBody,
].join('\r\n')

function otherEnd({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function isSocket(stream: Duplex): stream is Socket {
  return 'remoteAddress' in stream || stream instanceof TLSSocket
}

function restrictSocket(options: UnixListenerOptions): void {
  try {
    chmodSync(options.path, options.mode)
    if (options.owner !== undefined) chownSync(options.path, options.owner.uid, options.owner.gid)
  } catch (error) {
    // When binding failed there is no socket, and the server's own error says more.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** A socket file that nobody listens on is left over from a crash; one that answers stays. */
async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
  if (!isAlive) unlinkSync(path)
}
