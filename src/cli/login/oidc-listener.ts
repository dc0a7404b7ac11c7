/**
 * Waits on this machine for the browser to come back (jwt-oidc.md §7.2, step 7). One path, one
 * sign-in, one answer: the first request with the right state ends it. Everything else is turned
 * away and changes nothing. The browser is then sent on to the path alone, so that neither code nor
 * state stays in its address bar and history (RFC 9700 §4.3).
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { equalSecrets } from '../../lib/constant-time.ts'
import { hasHiddenCharacter } from '../../platform/outbound-url.ts'
import {
  donePage,
  errorPage,
  type DoneFacts,
  type ErrorFacts,
  type Page,
} from '../../ui/flow-pages.ts'
import { listenOnLoopback, type LoopbackPlace } from './loopback-servers.ts'

export interface Arrival {
  readonly method: 'GET' | 'POST'
  readonly parameters: ReadonlyMap<string, string>
}

/** What became of it, for the page. */
export type Ending =
  ({ readonly ok: true } & DoneFacts) | { readonly ok: false; readonly card: ErrorFacts }

export interface ListenerOptions extends LoopbackPlace {
  readonly state: string
  readonly nonce: () => string
  readonly onArrival: (arrival: Arrival) => Promise<Ending>
}

const bodyBytesMax = 1_048_576
const path = '/oidc/callback'

export class OidcListener {
  readonly #options: ListenerOptions
  #servers: readonly Server[] = []
  #isTaken = false
  #ending: Ending | undefined
  #sawPage: () => void = () => undefined
  /** Done when the browser has got the page that says how the sign-in ended. */
  readonly pageSent: Promise<void>

  constructor(options: ListenerOptions) {
    this.#options = options
    this.pageSent = new Promise((resolve) => {
      this.#sawPage = resolve
    })
  }

  async open(): Promise<void> {
    this.#servers = await listenOnLoopback(this.#options, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  close(): void {
    for (const server of this.#servers) {
      server.close()
      server.closeIdleConnections()
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    // RFC 8252 §8.3: a page of another name that resolves to this machine is not the browser coming
    // back.
    if (!this.#isOwnHost(request.headers.host ?? '')) return refuse(response, 400)
    if (url.pathname !== path) return refuse(response, 404)
    if (request.method !== 'GET' && request.method !== 'POST') return refuse(response, 405)
    if (request.method === 'GET' && isScript(request)) return refuse(response, 400)
    if (this.#ending !== undefined && url.search === '') return this.#show(response, this.#ending)
    const body = request.method === 'POST' ? await readBody(request) : ''
    if (body === undefined) return refuse(response, 413)
    const parameters = readParameters(url.searchParams, new URLSearchParams(body))
    if (parameters === undefined) return refuse(response, 400)
    const state = (parameters.get('state') ?? '').split(',ns=')[0] ?? ''
    const isAwaited = state !== '' && equalSecrets(state, this.#options.state)
    if (this.#isTaken || !isAwaited) return refuse(response, 400, statelessError(parameters))
    this.#isTaken = true
    this.#ending = await this.#options.onArrival({ method: request.method, parameters })
    sendOn(response)
  }

  #isOwnHost(header: string): boolean {
    const host = header.replace(/:\d+$/, '').toLowerCase()
    const own = ['localhost', '127.0.0.1', '[::1]', this.#options.callbackHost.toLowerCase()]
    return own.includes(host) && !hasHiddenCharacter(host)
  }

  #show(response: ServerResponse, ending: Ending): void {
    const nonce = this.#options.nonce()
    response.once('close', this.#sawPage)
    send(
      response,
      ending.ok ? donePage({ ...ending, nonce }) : errorPage({ ...ending.card, nonce }),
    )
  }
}

/**
 * Values of the body win over those of the query. Undefined where one of them has a name twice
 * (RFC 6749 §3.1).
 */
function readParameters(
  query: URLSearchParams,
  body: URLSearchParams,
): ReadonlyMap<string, string> | undefined {
  const hasRepeats = [query, body].some((part) => new Set(part.keys()).size < part.size)
  return hasRepeats ? undefined : new Map([...query, ...body])
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyBytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Some providers leave the state out of an error; anybody could send such a thing. */
function statelessError(parameters: ReadonlyMap<string, string>): string {
  const error = parameters.get('error') ?? ''
  if (parameters.has('state') || !/^[a-z_]{1,64}$/.test(error)) return ''
  return ` The identity provider reported ${error} and left the state of the sign-in out.`
}

/** A browser that follows an address names no origin, or says that it does so. */
function isScript({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined && headers['sec-fetch-mode'] !== 'navigate'
}

function refuse(response: ServerResponse, status: number, more = ''): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
  response.end(`This is not the sign-in that is waited for.${more}\n`)
}

/** The same path, since a proxy in front of this program may know no other. */
function sendOn(response: ServerResponse): void {
  response.writeHead(303, {
    Location: path,
    'Content-Length': 0,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    Connection: 'close',
  })
  response.end()
}

function send(response: ServerResponse, page: Page): void {
  response.writeHead(page.status, {
    ...page.headers,
    'Content-Type': page.contentType,
    'Content-Length': Buffer.byteLength(page.body),
    Connection: 'close',
  })
  response.end(page.body)
}
