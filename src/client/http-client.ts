/**
 * A small client of the HTTP API: one request, one answer. Owns transport, headers, redirects and
 * retries. It does not know what an answer means (see secret.ts) and prints nothing.
 * platform.md §1, §9.
 */

import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import {
  encodeJson,
  isJsonObject,
  member,
  parseJson,
  type JsonLimits,
  type JsonValue,
} from '../lib/json.ts'
import { trimEnd } from '../lib/trim.ts'
import { checkServerName } from '../platform/outbound-tls.ts'
import { systemRoots, systemTrust } from '../platform/system-roots.ts'
import { hostOf, portOf } from '../platform/outbound-url.ts'
import type { ChooseProxy, Proxy } from '../platform/proxy-environment.ts'
import { openTunnel, proxyHeaders } from '../platform/proxy-tunnel.ts'
import { deadline, pause } from '../platform/terminal.ts'
import {
  ApiError,
  connectionError,
  ConnectionError,
  ForeignAnswer,
  PageInsteadOfJson,
} from './api-error.ts'
import type { ApiResponse } from './api-response.ts'

export interface TlsOptions {
  /** PEM texts that replace the system's authorities. */
  readonly authorities?: readonly string[]
  readonly certificate?: string
  readonly key?: string
  readonly serverName?: string
  readonly insecureSkipVerify?: boolean
}

export interface ClientOptions {
  /** `http://`, `https://` or `unix:///path.sock`. */
  readonly address: string
  readonly tls?: TlsOptions
  readonly token?: string
  readonly namespace?: string
  /** Further headers of every request. */
  readonly headers?: readonly (readonly [string, string])[]
  readonly timeoutMs?: number
  readonly retriesMax?: number
  readonly followRedirects?: boolean
  readonly bodyBytesMax?: number
  /** Which proxy leads to an address; none when absent. */
  readonly proxy?: ChooseProxy
}

export interface ApiRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/v1/`, not yet percent-encoded. */
  readonly path: string
  readonly query?: readonly (readonly [string, string])[]
  readonly body?: JsonValue
  /** Instead of the client's; the empty string sends none. */
  readonly token?: string
  readonly namespace?: string
  readonly headers?: readonly (readonly [string, string])[]
}

/** What is put on the wire; also what a dry run prints. */
export interface WireRequest {
  readonly method: string
  readonly url: URL
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | undefined
}

const defaultTimeoutMs = 60_000
const defaultBodyBytesMax = 64 * 1024 * 1024
const retryPauseMs = 250
const retriesCeiling = 10

const responseJsonLimits: JsonLimits = {
  depthMax: 300,
  stringLengthMax: defaultBodyBytesMax,
  entriesMax: 10_000_000,
  duplicates: 'last',
  loneSurrogates: 'accept',
}

export class ApiClient {
  readonly #options: ClientOptions
  readonly #base: URL
  readonly #socketPath: string | undefined
  readonly #agent: HttpAgent | HttpsAgent

  constructor(options: ClientOptions) {
    this.#options = options
    const unix = options.address.startsWith('unix://')
    this.#socketPath = unix ? options.address.slice('unix://'.length) : undefined
    this.#base = parseAddress(unix ? 'http://localhost' : options.address)
    this.#agent =
      this.#base.protocol === 'https:'
        ? new HttpsAgent(tlsSettings(options.tls ?? {}))
        : new HttpAgent()
  }

  get token(): string {
    return this.#options.token ?? ''
  }

  /** Sends and answers with any status. */
  async send(request: ApiRequest): Promise<ApiResponse> {
    const wire = this.prepare(request)
    const retriesMax = Math.min(this.#options.retriesMax ?? 0, retriesCeiling)
    for (let attempt = 0; ; attempt++) {
      const last = attempt >= retriesMax
      try {
        const response = await this.#follow(wire)
        // As the stock client: any 5xx but 501, and 412, are worth another attempt.
        const again = response.status === 412 || (response.status >= 500 && response.status !== 501)
        if (!again || last) return response
      } catch (cause) {
        if (last || !(cause instanceof ConnectionError)) throw cause
      }
      await pause(retryPauseMs * 2 ** attempt)
    }
  }

  /**
   * Sends; a redirect that was not followed and a status of 400 and above throw ApiError unless
   * accepted.
   */
  async require(request: ApiRequest, accept: readonly number[] = []): Promise<ApiResponse> {
    const response = await this.send(request)
    if (response.status >= 300 && !accept.includes(response.status)) throw new ApiError(response)
    return response
  }

  prepare(request: ApiRequest): WireRequest {
    const url = new URL(this.#base)
    const prefix = trimEnd(url.pathname, '/')
    url.pathname = `${prefix}/v1/${encodePath(request.path)}`
    for (const [name, value] of request.query ?? []) url.searchParams.append(name, value)
    const headers = new Map<string, string>([['X-Vault-Request', 'true']])
    const token = request.token ?? this.token
    if (token !== '') headers.set('X-Vault-Token', requirePrintableToken(token))
    const namespace = request.namespace ?? this.#options.namespace ?? ''
    if (namespace !== '') headers.set('X-Vault-Namespace', namespace)
    for (const [name, value] of [...(this.#options.headers ?? []), ...(request.headers ?? [])]) {
      if (value === '') headers.delete(name)
      else headers.set(name, value)
    }
    const body = request.body === undefined ? undefined : encodeJson(request.body)
    if (body !== undefined) {
      const patch = request.method === 'PATCH'
      headers.set('Content-Type', patch ? 'application/merge-patch+json' : 'application/json')
    }
    return { method: request.method, url, headers: [...headers], body }
  }

  async #follow(wire: WireRequest): Promise<ApiResponse> {
    const first = await this.#exchange(wire)
    if (this.#options.followRedirects === false || !isRedirect(first.status)) return first
    const target = this.#redirectTarget(wire.url, first.headers.get('location'))
    const second = await this.#exchange({ ...wire, url: target })
    if (isRedirect(second.status)) {
      throw new ConnectionError(`${second.url}: the server redirects more than once`)
    }
    return second
  }

  /**
   * Where a redirect may lead: the same host and port, never from TLS to plain text. Another host
   * would receive the token of this one.
   */
  #redirectTarget(from: URL, location: string | undefined): URL {
    const usable = location !== undefined && location !== '' && URL.canParse(location, from.href)
    const target = usable ? new URL(location, from) : undefined
    if (target === undefined || this.#socketPath !== undefined) {
      throw new ConnectionError(
        `${plainUrl(from)}: the server answered a redirect without a usable target`,
      )
    }
    if (target.host !== from.host || target.protocol !== from.protocol) {
      throw new ConnectionError(
        `${plainUrl(from)}: a redirect to ${target.origin} was refused, because the token is for ${from.origin} only`,
        `If that is the server you mean, set -address=${target.origin}.`,
      )
    }
    return target
  }

  async #exchange(wire: WireRequest): Promise<ApiResponse> {
    const { timeoutMs = defaultTimeoutMs } = this.#options
    const signal = timeoutMs > 0 ? deadline(timeoutMs) : undefined
    try {
      const incoming = await this.#open(wire, signal === undefined ? {} : { signal })
      return readAnswer(wire, incoming, await this.#readBody(incoming))
    } catch (cause) {
      throw this.#failure(cause, signal)
    }
  }

  /**
   * Hands on the bytes of an answer as they come, of whatever length; for a status of 300 and above
   * throws ApiError. The timeout is for the time in which nothing comes.
   */
  async download(
    request: ApiRequest,
    take: (chunk: Buffer) => void | Promise<void>,
  ): Promise<void> {
    const wire = this.prepare(request)
    try {
      const { timeoutMs: timeout = defaultTimeoutMs } = this.#options
      const incoming = await this.#open(wire, { timeout })
      if ((incoming.statusCode ?? 0) >= 300) {
        throw new ApiError(readAnswer(wire, incoming, await this.#readBody(incoming)))
      }
      for await (const chunk of incoming as AsyncIterable<Buffer>) await take(chunk)
    } catch (cause) {
      throw cause instanceof ApiError ? cause : this.#failure(cause, undefined)
    }
  }

  #open(
    wire: WireRequest,
    { signal, timeout }: { readonly signal?: AbortSignal; readonly timeout?: number },
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const goOn = (outgoing: ClientRequest): void => {
        outgoing.on('error', reject)
        outgoing.on('response', resolve)
        if (timeout !== undefined && timeout > 0) {
          const stalled = `nothing came for ${timeout / 1000} seconds`
          outgoing.setTimeout(timeout, () => outgoing.destroy(new ConnectionError(stalled)))
        }
        outgoing.end(wire.body)
      }
      const proxy = this.#socketPath === undefined ? this.#options.proxy?.(wire.url) : undefined
      if (proxy === undefined) goOn(this.#request(wire, signal))
      else this.#openThrough(proxy, wire, signal).then(goOn).catch(reject)
    })
  }

  #failure(cause: unknown, signal: AbortSignal | undefined): unknown {
    const { address, timeoutMs = defaultTimeoutMs } = this.#options
    const shown = shownAddress(address)
    if (cause instanceof ConnectionError) return cause
    if (signal?.aborted === true) {
      return new ConnectionError(`${shown}: no answer within ${timeoutMs / 1000} seconds`)
    }
    // A header value that HTTP cannot carry is refused before anything is sent; its text may be a
    // secret.
    return cause instanceof TypeError
      ? new ConnectionError('a header has a character that HTTP does not allow')
      : connectionError(cause, shown)
  }

  #request(wire: WireRequest, signal: AbortSignal | undefined): ClientRequest {
    const send = wire.url.protocol === 'https:' ? httpsRequest : httpRequest
    return send(wire.url, {
      ...requestOptions(wire, signal),
      agent: this.#agent,
      ...(this.#socketPath === undefined ? {} : { socketPath: this.#socketPath }),
    })
  }

  async #openThrough(
    proxy: Proxy,
    wire: WireRequest,
    signal: AbortSignal | undefined,
  ): Promise<ClientRequest> {
    const { url } = wire
    const options = requestOptions(wire, signal)
    if (url.protocol === 'http:') {
      return httpRequest({
        ...options,
        host: proxy.host,
        port: proxy.port,
        path: url.href,
        headers: { ...options.headers, host: url.host, ...proxyHeaders(proxy) },
        agent: false,
      })
    }
    const host = hostOf(url)
    const tunnel = await openTunnel(proxy, { host, port: portOf(url), signal })
    const tls = tlsSettings(this.#options.tls ?? {})
    const name = isIP(host) === 0 ? { servername: host } : {}
    const secured = connectTls({ host, ...name, ...tls, socket: tunnel })
    return httpsRequest(url, { ...options, agent: false, createConnection: () => secured })
  }

  async #readBody(incoming: IncomingMessage): Promise<string> {
    const bodyBytesMax = this.#options.bodyBytesMax ?? defaultBodyBytesMax
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bodyBytesMax) {
        incoming.destroy()
        throw new ConnectionError(
          `${shownAddress(this.#options.address)}: the answer is larger than ${bodyBytesMax} bytes`,
        )
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

function readAnswer(wire: WireRequest, incoming: IncomingMessage, text: string): ApiResponse {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
  }
  const status = incoming.statusCode ?? 0
  const parsed = text.trim() === '' ? undefined : parseJson(text, responseJsonLimits)
  const url = plainUrl(wire.url)
  if (parsed?.ok === false && /^\s*</u.test(text)) {
    throw new PageInsteadOfJson(url, status, text.trim().slice(0, 80))
  }
  const json = parsed?.ok ? parsed.value : undefined
  if (foreignStatuses.includes(status) && !speaksLikeThisApi(json)) {
    throw new ForeignAnswer(url, status, text.trim().slice(0, 80))
  }
  return { method: wire.method, url, status, headers, text, json }
}

/**
 * With these this API always sends a JSON object with `errors`, or for a deleted secret its
 * envelope. A load balancer, or another program on that port, says something else.
 */
const foreignStatuses = [401, 404, 405]

function speaksLikeThisApi(json: JsonValue | undefined): boolean {
  return (
    isJsonObject(json) &&
    ['errors', 'request_id', 'data'].some((name) => member(json, name) !== undefined)
  )
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new ConnectionError(
      `the address "${shownAddress(address)}" is not usable`,
      'Write http://HOST:PORT, https://HOST:PORT or unix:///PATH.',
    )
  }
  url.search = ''
  url.hash = ''
  return url
}

/** As it may stand in a message: a name and a password in it are for the server alone. */
function shownAddress(address: string): string {
  const slashes = address.indexOf('//')
  const start = slashes === -1 ? 0 : slashes + 2
  // A backslash ends the host as a slash does; what looks like a host behind it is none.
  const end = start + address.slice(start).search(/[/?#\\]|$/)
  const at = address.lastIndexOf('@', end)
  return at < start ? address : address.slice(0, start) + address.slice(at + 1)
}

function requestOptions(wire: WireRequest, signal: AbortSignal | undefined) {
  const length =
    wire.body === undefined ? [] : [['Content-Length', String(Buffer.byteLength(wire.body))]]
  return {
    method: wire.method,
    headers: Object.fromEntries([...wire.headers, ...length]) as Record<string, string>,
    ...(signal === undefined ? {} : { signal }),
  }
}

function tlsSettings(tls: TlsOptions): ConnectionOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls.insecureSkipVerify !== true,
    ...(tls.authorities === undefined
      ? systemAuthorities(tls)
      : { ca: [...tls.authorities], allowPartialTrustChain: true }),
    checkServerIdentity: checkServerName,
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  }
}

/** A client certificate needs a context of its own; all others share that of the system. */
function systemAuthorities(tls: TlsOptions): ConnectionOptions {
  if (tls.certificate === undefined) return { secureContext: systemTrust() }
  const ca = systemRoots()
  return ca === undefined ? {} : { ca: [...ca], allowPartialTrustChain: true }
}

/**
 * Each segment encoded once, so that a space or a question mark in a name stays part of the name.
 */
function encodePath(path: string): string {
  const segments = path.split('/')
  // A URL would resolve these silently and so reach another path than the one that was named.
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new ConnectionError('relative paths not supported')
  }
  return segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join('/')
}

function requirePrintableToken(token: string): string {
  if (!/^[\x21-\x7e]+$/u.test(token)) {
    throw new ConnectionError(
      'the token has a character that cannot be sent; was it copied with a line break?',
    )
  }
  return token
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 307 || status === 308
}

function plainUrl(url: URL): string {
  return url.origin + url.pathname
}
