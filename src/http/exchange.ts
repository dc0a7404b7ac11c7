/** One request and its answer: from what the parser gives to an ApiRequest, and from the outcome to the wire. */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import type { ApiHandler, ApiRequest, ListenerSwitches, Verb } from '../framework/api.ts'
import { invalid, Refusal } from '../framework/refusal.ts'
import { emptyObject, type JsonObject } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import type { Connection } from './connection.ts'
import { requireAllowedOrigin, type CorsSettings } from './cors.ts'
import { requireClientAddress } from './forwarded-for.ts'
import type { ServingOptions } from './listener-options.ts'
import {
  ClientGone,
  hasBody,
  mediaType,
  parseBody,
  readBody,
  requireLengthWithin,
  requirePlainBody,
} from './request-body.ts'
import {
  requestNamespace,
  requestToken,
  requireUnambiguousHeaders,
  requireWrapTtlSeconds,
} from './request-headers.ts'
import type { Outbox } from './outbox.ts'
import { parsePairs, queryData, queryValue, requireQueryBool } from './request-query.ts'
import { parseRequestTarget, type RequestTarget } from './request-target.ts'
import {
  outcomeAnswer,
  preflightAnswer,
  refusalAnswer,
  sendAnswer,
  type FixedHeaders,
  type WireAnswer,
} from './respond.ts'

/** A request outside `/v1/`. */
export interface OtherRequest {
  readonly method: string
  /** Decoded once, slashes collapsed, with the leading slash. */
  readonly path: string
  readonly query: string
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly clientAddress: string | undefined
  /** It came over TLS. */
  readonly isSecure: boolean
  readonly signal: AbortSignal
}

export interface OtherAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** One `Set-Cookie` each. */
  readonly cookies?: readonly string[]
  readonly body: string | Uint8Array
}

/** Serves what is not the API; undefined is "no such page". */
export type OtherHandler = (
  request: OtherRequest,
) => OtherAnswer | undefined | Promise<OtherAnswer | undefined>

/** What all exchanges of one listener share. */
export interface ExchangeContext {
  readonly options: ServingOptions
  readonly fixedHeaders: FixedHeaders
  readonly handler: ApiHandler
  readonly other: OtherHandler | undefined
  readonly cors: () => CorsSettings | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  readonly isStopping: () => boolean
  readonly outbox: Outbox
}

const apiPrefix = '/v1/'

const otherBodyBytesMax = 1_048_576

/** How long bytes of a refused body are still taken, so that its sender can read the refusal. */
const discardMs = 1000

const operationSwitches = ['help', 'list', 'scan']

export class Exchange {
  readonly #context: ExchangeContext
  readonly #connection: Connection
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #startedMs: number
  #sentMs: number | undefined
  #isOver = false
  #isAborted = false
  #abort: AbortController | undefined
  #corsHeaders: Readonly<Record<string, string>> | undefined
  #awaitsContinue: boolean

  constructor(
    context: ExchangeContext,
    connection: Connection,
    message: {
      readonly request: IncomingMessage
      readonly response: ServerResponse
      /** The client waits for "100 Continue" before it sends its body. */
      readonly awaitsContinue: boolean
    },
  ) {
    this.#context = context
    this.#connection = connection
    this.#request = message.request
    this.#response = message.response
    this.#awaitsContinue = message.awaitsContinue
    this.#startedMs = context.clock.monotonicMs()
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      const answer = await this.#answer()
      this.#context.outbox.add(() => {
        try {
          this.#send(answer)
        } catch (error) {
          this.#fail(error)
        }
      })
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The client is gone or has its answer. */
  close(): void {
    this.#isOver = true
    if (this.#sentMs === undefined) this.#abandon()
  }

  /** Ends what takes longer than it may. */
  expire(nowMs: number): void {
    const { requestDurationMsMax, timeouts } = this.#context.options
    if (this.#sentMs !== undefined) {
      if (timeouts.writeMs > 0 && nowMs - this.#sentMs > timeouts.writeMs)
        this.#connection.destroy()
      return
    }
    if (requestDurationMsMax <= 0 || nowMs - this.#startedMs <= requestDurationMsMax) return
    this.#response.shouldKeepAlive = false
    this.#fail(new Refusal('unavailable', { text: 'the request took too long' }))
    this.#abandon()
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Aborted when there is nobody to answer any more. Made when somebody asks for it: most requests never do. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#isAborted) this.#abort.abort()
    }
    return this.#abort.signal
  }

  #abandon(): void {
    this.#isAborted = true
    this.#abort?.abort()
  }

  /** The order of platform contract §1.1. */
  async #answer(): Promise<WireAnswer> {
    const request = this.#request
    const method = this.#connection.takeVerb() ?? request.method ?? ''
    requireUnambiguousHeaders(request)
    requireLengthWithin(request, this.#context.options.requestBytesMax)
    const target = this.#target(request.url ?? '')
    const clientAddress = this.#clientAddress()
    if (!target.path.startsWith(apiPrefix) || target.path.length === apiPrefix.length) {
      return this.#otherAnswer(method, target, clientAddress)
    }
    if (this.#isPreflight(method)) return preflightAnswer
    const call = await this.#call(method, target.path.slice(apiPrefix.length), target.query)
    const { headers } = request
    const outcome = await this.#context.handler(
      new SocketRequest(this, call, {
        headers,
        clientAddress,
        clientPort: this.#connection.port,
        listener: this.#context.options.switches,
      }),
    )
    return outcomeAnswer(outcome)
  }

  #target(url: string): RequestTarget {
    try {
      return parseRequestTarget(url)
    } catch (problem) {
      // Whoever looks for files below the pages is told that there are none (security case SEC-WEB-12).
      const isBelowPages = this.#context.other !== undefined && /^\/+ui\//.test(url)
      throw isBelowPages && problem instanceof Refusal ? new Refusal('not_found') : problem
    }
  }

  async #call(method: string, path: string, query: string): Promise<Call> {
    switch (method) {
      case 'GET': {
        const pairs = parsePairs(query)
        const data = queryData(pairs, operationSwitches)
        if ((queryValue(pairs, 'help') ?? '') !== '') return { verb: 'help', path, data }
        const isList = requireQueryBool(pairs, 'list')
        const isScan = requireQueryBool(pairs, 'scan')
        if (isList && isScan) throw invalid('list and scan cannot both be asked for')
        if (isList) return { verb: 'list', path: folder(path), data }
        return isScan ? { verb: 'scan', path: folder(path), data } : { verb: 'read', path, data }
      }
      case 'LIST':
      case 'SCAN': {
        const data = queryData(parsePairs(query), operationSwitches)
        return { verb: method === 'LIST' ? 'list' : 'scan', path: folder(path), data }
      }
      case 'HELP':
        return { verb: 'help', path, data: emptyObject() }
      case 'HEAD':
        return { verb: 'header', path, data: queryData(parsePairs(query), ['help']) }
      case 'DELETE':
        return { verb: 'delete', path, data: queryData(parsePairs(query), ['help']) }
      case 'POST':
      case 'PUT':
        requireFile(path)
        return { verb: 'write', path, data: await this.#fields() }
      case 'PATCH': {
        const type = this.#request.headers['content-type'] ?? ''
        if (mediaType(type) !== 'application/merge-patch+json') {
          throw new Refusal('media_type_unsupported', {
            text: `PATCH requires Content-Type of application/merge-patch+json, provided ${type}`,
          })
        }
        requireFile(path)
        return { verb: 'patch', path, data: await this.#fields() }
      }
      default:
        throw new Refusal('verb_unsupported')
    }
  }

  async #fields(): Promise<JsonObject> {
    const bytes = await this.#body(this.#context.options.requestBytesMax)
    return parseBody(bytes, this.#request.headers['content-type'])
  }

  async #body(bytesMax: number): Promise<Buffer> {
    if (!hasBody(this.#request)) return Buffer.alloc(0)
    requirePlainBody(this.#request)
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false
      this.#response.writeContinue()
    }
    return readBody(this.#request, bytesMax)
  }

  #clientAddress(): string | undefined {
    const { forwardedFor } = this.#context.options
    const peer = this.#connection.address
    if (forwardedFor === undefined || peer === undefined) return peer
    const header = this.#request.headers['x-forwarded-for']
    return requireClientAddress(forwardedFor, peer, headerText(header))
  }

  #isPreflight(method: string): boolean {
    const settings = this.#context.cors()
    const { origin, host } = this.#request.headers
    if (settings !== undefined && origin !== undefined) {
      const requested = headerText(this.#request.headers['access-control-request-method'])
      const outcome = requireAllowedOrigin(settings, {
        method,
        origin,
        host,
        requestedMethod: requested,
      })
      this.#corsHeaders = outcome.headers
      if (outcome.isPreflight) return true
    }
    if (method === 'OPTIONS') throw new Refusal('verb_unsupported')
    return false
  }

  async #otherAnswer(
    method: string,
    target: RequestTarget,
    clientAddress: string | undefined,
  ): Promise<WireAnswer> {
    const { other } = this.#context
    if (unservedMethods.has(method)) throw new Refusal('verb_unsupported')
    if (other === undefined) throw new Refusal('not_found')
    requireLengthWithin(this.#request, otherBodyBytesMax)
    const { headers } = this.#request
    const answer = await other({
      method,
      ...target,
      header: (name) => headerText(headers[name]),
      body: await this.#body(otherBodyBytesMax),
      clientAddress,
      isSecure: this.#connection.isSecure,
      signal: this.signal,
    })
    if (answer === undefined) throw new Refusal('not_found')
    return { ...answer, contentType: undefined, requestId: undefined }
  }

  #fail(error: unknown): void {
    if (error instanceof ClientGone) return
    const requestId = this.#context.random.uuid()
    try {
      if (error instanceof Refusal) {
        this.#send(refusalAnswer(error, requestId))
        return
      }
      this.#context.logger.log('error', 'a request failed', {
        request_id: requestId,
        error: describeFault(error),
      })
      this.#send(refusalAnswer(new Refusal('internal'), requestId))
    } catch {
      // The head itself cannot be sent.
      this.#connection.destroy()
    }
  }

  #send(answer: WireAnswer): void {
    if (this.#isOver || this.#sentMs !== undefined || this.#connection.isRefused) return
    const response = this.#response
    const isBodyComing = !this.#request.complete && hasBody(this.#request)
    if (isBodyComing || this.#context.isStopping()) response.shouldKeepAlive = false
    if (!response.shouldKeepAlive) this.#connection.takeNoMore()
    const namespace = this.#request.headers['x-vault-namespace']
    sendAnswer(response, answer, {
      fixedHeaders: this.#context.fixedHeaders,
      namespaceEcho: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
      extraHeaders: this.#corsHeaders,
      isEndedLater: isBodyComing,
    })
    this.#sentMs = this.#context.clock.monotonicMs()
    if (isBodyComing) this.#discardBody()
  }

  #discardBody(): void {
    const end = (): void => {
      cancel()
      this.#response.end()
    }
    const cancel = this.#context.clock.after(discardMs, end)
    this.#request.once('end', end)
    this.#request.once('close', end)
    this.#request.resume()
  }
}

interface Call {
  readonly verb: Verb
  readonly path: string
  readonly data: JsonObject
}

interface RequestSource {
  readonly headers: IncomingHttpHeaders
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  readonly listener: ListenerSwitches
}

class SocketRequest implements ApiRequest {
  readonly verb: Verb
  readonly path: string
  readonly data: JsonObject
  readonly token: string | undefined
  readonly namespace: string
  readonly wrapTtlSeconds: number
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  readonly listener: ListenerSwitches
  readonly header: (name: string) => string | undefined
  readonly #exchange: Exchange

  constructor(exchange: Exchange, call: Call, source: RequestSource) {
    const { headers } = source
    this.#exchange = exchange
    this.verb = call.verb
    this.path = call.path
    this.data = call.data
    this.token = requestToken(headers)
    this.namespace = requestNamespace(headers)
    this.wrapTtlSeconds = requireWrapTtlSeconds(headers)
    this.clientAddress = source.clientAddress
    this.clientPort = source.clientPort
    this.listener = source.listener
    this.header = (name) => headerText(headers[name])
  }

  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  get isGone(): boolean {
    return this.#exchange.isOver
  }
}

const unservedMethods = new Set(['TRACE', 'CONNECT', 'LIST', 'SCAN', 'HELP'])

function folder(path: string): string {
  return path.endsWith('/') ? path : `${path}/`
}

function requireFile(path: string): void {
  if (path.endsWith('/')) throw invalid("cannot write to a path ending in '/'")
}

function headerText(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value.join(', ')
}

/** Where a fault happened, without its message: that may hold what the client sent. */
function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  return [error.name, ...places.slice(0, 8).map((line) => line.trim())].join(' ')
}
