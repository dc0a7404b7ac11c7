/**
 * One request and its answer: from what the parser gives to an ApiRequest, and from the outcome to
 * the wire.
 */

import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

import type {
  ApiHandler,
  ApiRequest,
  Asking,
  ListenerSwitches,
  PathTraits,
  PathTraitsOf,
  Prepare,
  RecordUnread,
  RequireMayAsk,
  Verb,
} from '../framework/api.ts'
import { bringsLogin, type InlineLogin } from '../framework/inline-login.ts'
import { Refusal } from '../framework/refusal.ts'
import { describeFault } from '../lib/fault.ts'
import { requestJsonLimits, type JsonLimits, type JsonObject } from '../lib/json.ts'
import { after, conclude, type Soon } from '../lib/soon.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import { freeBodyBytes, type BodyBudgets, type BodyShare } from './body-budget.ts'
import type { Connection, Outstanding } from './connection.ts'
import { requireAllowedOrigin, type CorsSettings } from './cors.ts'
import { requireClientAddress } from './forwarded-for.ts'
import { requireInlineLogin } from './inline-auth.ts'
import type { ServingOptions } from './listener-options.ts'
import {
  ClientGone,
  hasBody,
  isForm,
  mayBeLonger,
  parseBody,
  readBody,
  requireLengthWithin,
  requirePlainBody,
  type BodyLimits,
} from './request-body.ts'
import {
  requestNamespace,
  requestToken,
  requireUnambiguousHeaders,
  requireWrapTtlSeconds,
} from './request-headers.ts'
import type { Inbox } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import { readCall, type Call } from './request-call.ts'
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
  readonly prepare: Prepare
  readonly traitsOf: PathTraitsOf
  readonly requireMayAsk: RequireMayAsk
  readonly recordUnread: RecordUnread
  readonly bodies: BodyBudgets
  readonly other: OtherHandler | undefined
  readonly cors: () => CorsSettings | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
  readonly isStopping: () => boolean
  readonly inbox: Inbox
  readonly outbox: Outbox
}

const apiPrefix = '/v1/'

/** How long bytes of a refused body are still taken, so that its sender can read the refusal. */
const discardMs = 1000

/**
 * Bodies that anybody may send, to the pages too: a token of the largest kind that is looked at,
 * and its frame.
 */
const openBodyBytesMax = 524_288
const openJsonLimits: JsonLimits = { ...requestJsonLimits, entriesTotalMax: 20_000 }

export class Exchange implements Outstanding {
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
  #hasJoined = false
  #bodyShare: BodyShare | undefined
  #inlineLogin: InlineLogin | undefined

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

  run(): void {
    void conclude(
      () => this.#answer(),
      (answer) => this.#context.outbox.add(() => this.#sendOrFail(answer)),
      (error) => this.#fail(error),
    )
  }

  close(): void {
    this.#isOver = true
    this.#bodyShare?.end()
    if (this.#sentMs === undefined) this.#abandon()
  }

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

  /**
   * Aborted when there is nobody to answer any more. Made when somebody asks for it: most requests
   * never do.
   */
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

  /** The order of platform.md §1.1. */
  #answer(): Soon<WireAnswer> {
    const request = this.#request
    const method = this.#connection.takeVerb() ?? request.method ?? ''
    const hasLogin = requireUnambiguousHeaders(request)
    requireLengthWithin(request, this.#context.options.requestBytesMax)
    const target = this.#target(request.url ?? '')
    const clientAddress = this.#clientAddress()
    if (!target.path.startsWith(apiPrefix) || target.path.length === apiPrefix.length) {
      return this.#otherAnswer(method, target, clientAddress)
    }
    if (this.#isPreflight(method, target.path.slice(apiPrefix.length))) return preflightAnswer
    if (hasLogin) this.#readInlineLogin()
    return after(this.#call(method, target, clientAddress), (call) =>
      this.#hasJoined
        ? this.#handle(call, clientAddress)
        : this.#join().then(() => this.#handle(call, clientAddress)),
    )
  }

  #readInlineLogin(): void {
    const { headers, rawHeaders } = this.#request
    const shown = { token: requestToken(headers), namespace: requestNamespace(headers) }
    this.#inlineLogin = requireInlineLogin(rawHeaders, shown)
  }

  #handle(call: Call, clientAddress: string | undefined): Soon<WireAnswer> {
    const request = new SocketRequest(this, call, {
      headers: this.#request.headers,
      clientAddress,
      clientPort: this.#connection.port,
      listener: this.#context.options.switches,
      inlineLogin: this.#inlineLogin,
    })
    return after(this.#context.handler(request), outcomeAnswer)
  }

  #target(url: string): RequestTarget {
    try {
      return parseRequestTarget(url)
    } catch (problem) {
      // Whoever looks for files below the pages is told that there are none (SEC-WEB-12).
      const isBelowPages = this.#context.other !== undefined && /^\/+ui\//.test(url)
      throw isBelowPages && problem instanceof Refusal ? new Refusal('not_found') : problem
    }
  }

  #call(method: string, target: RequestTarget, clientAddress: string | undefined): Soon<Call> {
    const path = target.path.slice(apiPrefix.length)
    const namespace = requestNamespace(this.#request.headers)
    return after(this.#context.prepare(namespace, path), () =>
      readCall({
        method,
        path,
        query: target.query,
        contentType: this.#request.headers['content-type'],
        hasBody: hasBody(this.#request),
        traitsOf: (asked, verb) => this.#context.traitsOf(asked, verb, namespace),
        readFields: (traits, verb) =>
          this.#recordedFields(traits, { path, verb, clientAddress, namespace }),
      }),
    )
  }

  /** A request whose fields are refused here is one all the same, and leaves its records. */
  async #recordedFields(
    traits: PathTraits,
    asked: Pick<Asking, 'path' | 'verb' | 'clientAddress' | 'namespace'>,
  ): Promise<JsonObject | undefined> {
    try {
      return await this.#fields(traits, asked)
    } catch (problem) {
      if (!(problem instanceof Refusal)) throw problem
      const { headers } = this.#request
      const request = {
        ...asked,
        token: requestToken(headers),
        clientPort: this.#connection.port,
        wrapTtlSeconds: 0,
        header: (name: string) => headerText(headers[name]),
      }
      throw await this.#context.recordUnread(request, problem)
    }
  }

  /** The fields of the body, read no further than whoever may ask for this path may cost. */
  async #fields(
    { isOpen, repeats }: PathTraits,
    asked: Pick<Asking, 'path' | 'verb' | 'clientAddress' | 'namespace'>,
  ): Promise<JsonObject | undefined> {
    const { headers } = this.#request
    const token = requestToken(headers)
    const inlineLogin = this.#inlineLogin
    // The path refuses whoever shows no token, whatever the body says.
    if (!isOpen && token === undefined && inlineLogin === undefined) return undefined
    // Whoever brings a login is nobody yet: it is judged once, with the whole request.
    const isStranger = isOpen || bringsLogin({ token, inlineLogin })
    const { requestBytesMax } = this.#context.options
    const bytesMax = isStranger ? openBytesMax(requestBytesMax) : requestBytesMax
    requireLengthWithin(this.#request, requestBytesMax)
    // What would be small enough for a caller with a token is a bad request of one without, such as
    // a JWT of a megabyte (SEC-TOK-03).
    requireLengthWithin(this.#request, bytesMax, openBodyTooLarge)
    const isAdmitted = !isStranger && mayBeLonger(this.#request, freeBodyBytes)
    if (isAdmitted) {
      // Any text can be shown as a token: what it is worth is known before much is read and kept.
      const wrapTtlSeconds = requireWrapTtlSeconds(headers)
      await this.#context.requireMayAsk({ ...asked, token, wrapTtlSeconds })
    }
    const json = isStranger ? openJsonLimits : requestJsonLimits
    const { strangers, callers } = this.#context.bodies
    const share = (isAdmitted ? callers : strangers).open(asked.clientAddress)
    const bytes = await this.#body({ bytesMax, isOpen: isStranger }, share)
    await this.#join()
    return parseBody(bytes, headers['content-type'], { json, repeats }, this.#context.clock)
  }

  /** From here on this request goes in step with the others of its turn. */
  #join(): Promise<void> {
    this.#hasJoined = true
    return this.#context.inbox.turn()
  }

  async #body(limits: BodyLimits, share: BodyShare): Promise<Buffer> {
    if (!hasBody(this.#request)) return Buffer.alloc(0)
    if (this.#isOver) throw new ClientGone()
    this.#bodyShare = share
    requirePlainBody(this.#request)
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false
      this.#response.writeContinue()
    }
    return readBody(this.#request, limits, share)
  }

  #clientAddress(): string | undefined {
    const { forwardedFor } = this.#context.options
    const peer = this.#connection.address
    if (forwardedFor === undefined || peer === undefined) return peer
    const header = this.#request.headers['x-forwarded-for']
    return requireClientAddress(forwardedFor, peer, headerText(header))
  }

  #isPreflight(method: string, path: string): boolean {
    const settings = this.#context.cors()
    const { origin, host } = this.#request.headers
    if (settings !== undefined && origin !== undefined && this.#isFormToAnybody(method, path)) {
      return false
    }
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

  /**
   * A form that a page sends to a path for anybody, as a provider's `form_post` answer is. Every
   * browser sends it from any page without asking, with CORS or without, and it carries nothing of
   * the person's: we read no cookies. So to refuse it guards nothing; without an allow header the
   * page cannot read the answer, which is all that CORS rules (Fetch standard §3.2).
   */
  #isFormToAnybody(method: string, path: string): boolean {
    const { headers } = this.#request
    return (
      method === 'POST' &&
      isForm(headers['content-type'] ?? '') &&
      requestToken(headers) === undefined &&
      this.#context.traitsOf(path, 'write', requestNamespace(headers)).isOpen
    )
  }

  async #otherAnswer(
    method: string,
    target: RequestTarget,
    clientAddress: string | undefined,
  ): Promise<WireAnswer> {
    const { other } = this.#context
    if (!pageMethods.has(method)) throw new Refusal('verb_unsupported')
    if (other === undefined) throw new Refusal('not_found')
    requireLengthWithin(this.#request, openBodyBytesMax)
    const { headers } = this.#request
    const share = this.#context.bodies.strangers.open(clientAddress)
    const answer = await other({
      method,
      ...target,
      header: (name) => headerText(headers[name]),
      body: await this.#body({ bytesMax: openBodyBytesMax, isOpen: true }, share),
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

  #sendOrFail(answer: WireAnswer): void {
    try {
      this.#send(answer)
    } catch (error) {
      this.#fail(error)
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
    if (answer.chunks !== undefined) void this.#sendChunks(answer.chunks)
    else if (isBodyComing) this.#discardBody()
  }

  /** No faster than the client takes them; who takes none for the write timeout is cut off. */
  async #sendChunks(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const response = this.#response
    try {
      for await (const chunk of chunks) {
        if (this.#isOver) return
        await whenTaken(response, chunk)
        this.#sentMs = this.#context.clock.monotonicMs()
      }
      response.end()
    } catch (error) {
      const detail = { error: describeFault(error) }
      this.#context.logger.log('error', 'an answer broke off', detail)
      // Without its last chunk the client sees that it is not whole.
      this.#connection.destroy()
    }
  }

  #discardBody(): void {
    const end = (): void => {
      cancel()
      this.#response.end()
    }
    const cancel = this.#context.clock.after(discardMs, end)
    this.#request.once('end', end)
    this.#request.once('close', end)
    // Chunks that nobody wants are not even counted: each one would cost as much as a read one.
    if (this.#request.headers['content-length'] === undefined) this.#connection.discard()
    else this.#request.resume()
  }
}

/** Writes it; resolves when the system has taken it, or the client has gone. */
function whenTaken(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('close', done)
      resolve()
    }
    response.on('close', done)
    response.write(chunk, done)
  })
}

interface RequestSource {
  readonly headers: IncomingHttpHeaders
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  readonly listener: ListenerSwitches
  readonly inlineLogin: InlineLogin | undefined
}

class SocketRequest implements ApiRequest {
  readonly verb: Verb
  readonly path: string
  readonly token: string | undefined
  readonly namespace: string
  readonly wrapTtlSeconds: number
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  readonly listener: ListenerSwitches
  readonly inlineLogin: InlineLogin | undefined
  readonly via = 'socket'
  readonly header: (name: string) => string | undefined
  readonly #exchange: Exchange
  readonly #data: JsonObject | undefined

  constructor(exchange: Exchange, call: Call, source: RequestSource) {
    const { headers } = source
    this.#exchange = exchange
    this.verb = call.verb
    this.path = call.path
    this.#data = call.data
    this.token = requestToken(headers)
    this.namespace = requestNamespace(headers)
    this.wrapTtlSeconds = requireWrapTtlSeconds(headers)
    this.clientAddress = source.clientAddress
    this.clientPort = source.clientPort
    this.listener = source.listener
    this.inlineLogin = source.inlineLogin
    this.header = (name) => headerText(headers[name])
  }

  /** Where the body was not read, whoever asks for it has let somebody in who shows no token. */
  get data(): JsonObject {
    if (this.#data === undefined) throw new Refusal('token_refused')
    return this.#data
  }

  get isUnread(): boolean {
    return this.#data === undefined
  }

  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  get isGone(): boolean {
    return this.#exchange.isOver
  }
}

const pageMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const openBodyTooLarge = {
  status: 400,
  text: `the request body is too large: at most ${openBodyBytesMax} bytes where no token is asked for`,
}

/** A negative limit is none. */
function openBytesMax(requestBytesMax: number): number {
  return requestBytesMax < 0 ? openBodyBytesMax : Math.min(openBodyBytesMax, requestBytesMax)
}

function headerText(value: string | readonly string[] | undefined): string | undefined {
  return value === undefined || typeof value === 'string' ? value : value.join(', ')
}
