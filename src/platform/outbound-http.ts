/**
 * Outbound calls over node:http and node:https. It alone decides what leaves the server: schemes,
 * networks, TLS, redirects, time and size. What an answer means is the caller's business.
 *
 * Redirects stay on their origin, so nothing confidential can follow one elsewhere and none leads
 * from https to http. Bodies are asked for and accepted uncompressed only: a small body that
 * unpacks to a huge one cannot exist here.
 *
 * Proxies: https goes through CONNECT. Where networks are restricted, plain http does as well, and
 * the name is resolved and judged here and the proxy is given the address: otherwise the proxy
 * would decide where a name leads.
 */

import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { connect as connectTls } from 'node:tls'
import type { Duplex } from 'node:stream'
import { BoundedCache } from '../lib/bounded-cache.ts'
import { ByteGatherer } from '../lib/byte-gatherer.ts'
import type { Cidr } from '../lib/cidr.ts'
import { AddressGuard, resolveBySystem, type ResolveName } from './address-guard.ts'
import { CallGate } from './call-gate.ts'
import type { Clock } from './clock.ts'
import { tlsOptions, tlsProblem, trustId } from './outbound-tls.ts'
import { openTunnel, proxyHeaders, TunnelProblem } from './proxy-tunnel.ts'
import { hostOf, parseOutboundUrl, portOf } from './outbound-url.ts'
import {
  OutboundProblem,
  type Outbound,
  type OutboundRequest,
  type OutboundResponse,
} from './outbound.ts'
import {
  readProxyEnvironment,
  type ChooseProxy,
  type Proxy,
  type ProxyEnvironment,
} from './proxy-environment.ts'

export interface OutboundOptions {
  readonly clock: Clock
  /** Calls link-local addresses and metadata services of clouds too. */
  readonly insecureAllowLinkLocal?: boolean
  /** Networks that are never called, besides those. */
  readonly denyNetworks?: readonly Cidr[]
  /** When not empty, only these are called. */
  readonly allowNetworks?: readonly Cidr[]
  /** The environment with the proxy variables; an empty object goes direct. */
  readonly proxyFromEnvironment?: ProxyEnvironment
  readonly maxConcurrent?: number
  /** Name resolution; the system's when absent. */
  readonly resolve?: ResolveName
}

const redirectsMax = 3
const agentsMax = 64
const headerBytesMax = 32_768
/**
 * A provider that is asked for many exchanges at once keeps its connections for the next; they
 * close when idle.
 */
const freeSocketsMax = 16
const idleMs = 4000

/** Builds the door to the network. Throws when a proxy variable cannot be understood. */
export function createOutbound(options: OutboundOptions): Outbound & { close(): void } {
  return new HttpOutbound(options)
}

class HttpOutbound implements Outbound {
  readonly #clock: Clock
  readonly #guard: AddressGuard
  readonly #chooseProxy: ChooseProxy
  readonly #gate: CallGate
  readonly #plainAgent: HttpAgent
  readonly #secureAgents = new BoundedCache<string, HttpsAgent>(agentsMax)

  constructor(options: OutboundOptions) {
    this.#clock = options.clock
    this.#guard = new AddressGuard({
      insecureAllowLinkLocal: options.insecureAllowLinkLocal ?? false,
      denyNetworks: options.denyNetworks ?? [],
      allowNetworks: options.allowNetworks ?? [],
      resolve: options.resolve ?? resolveBySystem,
    })
    this.#chooseProxy = readProxyEnvironment(options.proxyFromEnvironment ?? {})
    this.#gate = new CallGate(options.maxConcurrent ?? 64)
    this.#plainAgent = new HttpAgent({
      keepAlive: true,
      maxFreeSockets: freeSocketsMax,
      timeout: idleMs,
    })
  }

  async send(request: OutboundRequest): Promise<OutboundResponse> {
    const parsed = parseOutboundUrl(request.url)
    if (!parsed.ok) throw new OutboundProblem('url_refused', parsed.error)
    const limit = new AbortController()
    const abort = (problem: OutboundProblem): void => limit.abort(problem)
    const onAbort = (): void => abort(new OutboundProblem('aborted', 'the call was given up'))
    const stopTimer = this.#clock.after(request.timeoutMs, () =>
      abort(new OutboundProblem('timeout', `no complete answer within ${request.timeoutMs} ms`)),
    )
    request.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (request.signal?.aborted === true) onAbort()
      limit.signal.throwIfAborted()
      return await this.#follow(request, parsed.value, limit.signal)
    } catch (problem) {
      throw limit.signal.aborted ? limit.signal.reason : asProblem(problem)
    } finally {
      stopTimer()
      request.signal?.removeEventListener('abort', onAbort)
    }
  }

  close(): void {
    this.#plainAgent.destroy()
    this.#secureAgents.clear()
  }

  async #follow(
    request: OutboundRequest,
    first: URL,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    let url = first
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#exchange(request, url, signal)
      const next = redirectTarget(request, answer)
      if (next === undefined) return answer
      if (redirects === redirectsMax) {
        throw new OutboundProblem(
          'redirect_refused',
          `there are more than ${redirectsMax} redirects`,
        )
      }
      url = next
    }
  }

  async #exchange(
    request: OutboundRequest,
    url: URL,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    this.#guard.requireAllowedLiteral(hostOf(url))
    const leave = await this.#gate.enter(`${request.lane ?? ''} ${url.origin}`, signal)
    try {
      const response = await this.#respond(request, url, signal)
      return await readAnswer(response, request, url, signal)
    } finally {
      leave()
    }
  }

  async #respond(
    request: OutboundRequest,
    url: URL,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const call = await this.#open(request, url, signal)
    try {
      return await sendBody(call, request.body)
    } catch (problem) {
      // The other side may close an idle connection in the very moment it is taken again
      // (RFC 9112 §9.3.1): a GET is safe to repeat.
      const code = (problem as { code?: unknown }).code
      if (!call.reusedSocket || request.method !== 'GET' || code !== 'ECONNRESET') throw problem
      signal.throwIfAborted()
      return await sendBody(await this.#open(request, url, signal, 'fresh'), request.body)
    }
  }

  async #open(
    request: OutboundRequest,
    url: URL,
    signal: AbortSignal,
    connection: 'pooled' | 'fresh' = 'pooled',
  ): Promise<ClientRequest> {
    const proxy = this.#chooseProxy(url)
    const options: RequestOptions = {
      method: request.method,
      host: hostOf(url),
      port: portOf(url),
      path: url.pathname + url.search,
      headers: wireHeaders(request, url),
      signal,
      lookup: this.#guard.lookup,
      maxHeaderSize: headerBytesMax,
      insecureHTTPParser: false,
    }
    if (proxy !== undefined) return await this.#openThroughProxy(request, url, options, proxy)
    const isFresh = connection === 'fresh'
    if (url.protocol === 'http:') {
      return httpRequest({ ...options, agent: isFresh ? false : this.#plainAgent })
    }
    const tls = tlsOptions(hostOf(url), request)
    return httpsRequest({
      ...options,
      ...tls,
      agent: isFresh ? false : this.#secureAgent(request, url),
    })
  }

  async #openThroughProxy(
    request: OutboundRequest,
    url: URL,
    options: RequestOptions,
    proxy: Proxy,
  ): Promise<ClientRequest> {
    // The proxy is the operator's own choice: its address is not judged.
    const { lookup: _lookup, ...direct } = options
    if (url.protocol === 'http:' && !this.#guard.isRestricting) {
      return httpRequest({
        ...direct,
        host: proxy.host,
        port: proxy.port,
        path: url.href,
        headers: { ...wireHeaders(request, url), ...proxyHeaders(proxy) },
        agent: false,
      })
    }
    const host = hostOf(url)
    const target = this.#guard.isRestricting
      ? ((await this.#guard.resolve(host))[0]?.address ?? host)
      : host
    const tunnel = await this.#tunnel(proxy, target, portOf(url), options.signal)
    if (url.protocol === 'http:') {
      return httpRequest({ ...direct, createConnection: () => tunnel })
    }
    const secured = connectTls({
      ...tlsOptions(host, request),
      socket: tunnel,
      ...(isName(host) ? { servername: host } : {}),
    })
    return httpsRequest({ ...direct, createConnection: () => secured })
  }

  async #tunnel(
    proxy: Proxy,
    host: string,
    port: number,
    signal: AbortSignal | undefined,
  ): Promise<Duplex> {
    try {
      return await openTunnel(proxy, { host, port, signal })
    } catch (cause) {
      if (cause instanceof TunnelProblem) throw new OutboundProblem('connect', cause.message)
      throw cause
    }
  }

  /**
   * Connections are pooled per host and trust: one made under another CA or name list must not be
   * taken over.
   */
  #secureAgent(request: OutboundRequest, url: URL): HttpsAgent {
    const host = hostOf(url)
    const id = trustId(host, request)
    const known = this.#secureAgents.get(id)
    if (known !== undefined) return known
    const agent = new HttpsAgent({
      keepAlive: true,
      maxFreeSockets: freeSocketsMax,
      timeout: idleMs,
      // A resumed session would skip the check of the names.
      maxCachedSessions: 0,
      ...tlsOptions(host, request),
    })
    this.#secureAgents.set(id, agent)
    return agent
  }
}

function wireHeaders(request: OutboundRequest, url: URL): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers ?? {}))
    headers[name.toLowerCase()] = value
  headers['host'] = url.host
  headers['accept-encoding'] = 'identity'
  if (request.body !== undefined)
    headers['content-length'] = String(Buffer.byteLength(request.body))
  return headers
}

function sendBody(call: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.once('response', resolve)
    // For as long as the call lives: an error that comes after the answer has no other listener.
    call.on('error', reject)
    call.once('upgrade', (_response, socket: Duplex) => {
      socket.destroy()
      reject(new OutboundProblem('protocol', 'the answer switches protocols'))
    })
    call.end(body)
  })
}

async function readAnswer(
  response: IncomingMessage,
  request: OutboundRequest,
  url: URL,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  const tooLarge = (): OutboundProblem =>
    new OutboundProblem('body_too_large', `the answer is larger than ${request.bodyBytesMax} bytes`)
  try {
    const encoding = response.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity' && encoding !== '') {
      throw new OutboundProblem(
        'protocol',
        'the answer is compressed although plain text was asked for',
      )
    }
    if (Number(response.headers['content-length'] ?? 0) > request.bodyBytesMax) throw tooLarge()
    const bytes = await gather(response, request.bodyBytesMax)
    if (bytes === undefined) throw tooLarge()
    signal.throwIfAborted()
    if (!response.complete) throw new OutboundProblem('protocol', 'the answer ended before its end')
    const headers = joinHeaders(response)
    const body = decodeBody(bytes, headers['content-type'] ?? '')
    return { status: response.statusCode ?? 0, headers, body, url: url.href }
  } finally {
    // What is left of a refused answer is not read, and its connection is not used again.
    if (!response.complete) response.destroy()
  }
}

/**
 * All bytes, or undefined when there are too many. Taken as they come: the stream's own queue keeps
 * each piece.
 */
function gather(response: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const gathered = new ByteGatherer(bytesMax)
    response.on('data', (piece: Buffer) => {
      if (!gathered.add(piece)) resolve(undefined)
    })
    response.once('end', () => resolve(gathered.take()))
    response.on('error', reject)
    response.once('close', () =>
      reject(new OutboundProblem('protocol', 'the answer ended before its end')),
    )
  })
}

function joinHeaders(response: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    if (values !== undefined) headers[name] = values.join(', ')
  }
  return headers
}

function decodeBody(bytes: Buffer, contentType: string): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    return strict.decode(bytes)
  } catch {
    // Two different names that both decode to replacement characters would be one name; an error
    // page may say what it likes.
    if (!contentType.includes('html') && !contentType.startsWith('text/')) {
      throw new OutboundProblem('protocol', 'the answer is not UTF-8 text')
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  }
}

/** Where a redirect leads, or undefined for an answer that is none. */
function redirectTarget(request: OutboundRequest, answer: OutboundResponse): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(answer.status)) return undefined
  const location = answer.headers['location']
  if (location === undefined) return undefined
  if (request.method !== 'GET' && answer.status < 307) {
    throw new OutboundProblem('redirect_refused', 'the answer turns a POST into a GET elsewhere')
  }
  if (!URL.canParse(location, answer.url)) {
    throw new OutboundProblem('redirect_refused', 'the redirect names no address')
  }
  const target = parseOutboundUrl(new URL(location, answer.url).href)
  if (!target.ok) throw new OutboundProblem('redirect_refused', `the redirect: ${target.error}`)
  if (target.value.origin !== new URL(answer.url).origin) {
    throw new OutboundProblem('redirect_refused', 'the redirect leads to another origin')
  }
  return target.value
}

function isName(host: string): boolean {
  return !host.includes(':') && !/^[0-9.]+$/.test(host)
}

function asProblem(problem: unknown): OutboundProblem {
  if (problem instanceof OutboundProblem) return problem
  const inner = problem instanceof AggregateError ? (problem.errors[0] as unknown) : problem
  const code = (inner as { code?: unknown } | null | undefined)?.code
  if (typeof code !== 'string') return new OutboundProblem('protocol', 'the call failed')
  const tls = tlsProblem(code)
  if (tls !== undefined) return tls
  if (code.startsWith('HPE_')) return new OutboundProblem('protocol', 'the answer is not HTTP')
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_HTTP_INVALID_HEADER_VALUE') {
    return new OutboundProblem('url_refused', 'a header holds a character that HTTP does not allow')
  }
  return new OutboundProblem('connect', connectTexts[code] ?? `the connection failed (${code})`)
}

const cutShort = 'the connection was closed before the answer was complete'

const connectTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: cutShort,
  EPIPE: cutShort,
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
}
