/**
 * Waits on this machine for the browser to come back (contract jwt-oidc.md §7.2, step 7). One path, one sign-in, one answer: the first request with the
 * right state ends it. Everything else is turned away and changes nothing.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { hasHiddenCharacter } from '../../platform/outbound-url.ts'
import { donePage, errorPage, type Page } from '../../ui/flow-pages.ts'
import { CommandFailure } from '../failure.ts'
import { splitLoginError } from './login-error.ts'

export interface Arrival {
  readonly method: 'GET' | 'POST'
  readonly parameters: ReadonlyMap<string, string>
}

/** What became of it; the text goes to the page. */
export type Ending = { readonly ok: true } | { readonly ok: false; readonly text: string }

export interface ListenerOptions {
  readonly address: string
  readonly port: number
  /** Host of the redirect URI: besides the names of this machine the only one that a request may give. */
  readonly callbackHost: string
  readonly state: string
  readonly nonce: () => string
  readonly onArrival: (arrival: Arrival) => Promise<Ending>
}

const bodyBytesMax = 1_048_576
const path = '/oidc/callback'

export class OidcListener {
  readonly #options: ListenerOptions
  readonly #server: Server
  #isTaken = false

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy())
    })
  }

  async open(): Promise<void> {
    const { address, port } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const code = 'code' in cause ? String(cause.code) : cause.message
        reject(
          new CommandFailure(
            `Error authenticating: cannot listen on ${address}:${port} (${code}). Use another port: port=8251`,
          ),
        )
      })
      this.#server.listen(port, address, resolve)
    })
  }

  close(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    // RFC 8252 §8.3: a page of another name that resolves to this machine is not the browser coming back.
    if (!this.#isOwnHost(request.headers.host ?? '')) return refuse(response, 400)
    if (url.pathname !== path) return refuse(response, 404)
    if (request.method !== 'GET' && request.method !== 'POST') return refuse(response, 405)
    const body = request.method === 'POST' ? await readBody(request) : ''
    if (body === undefined) return refuse(response, 413)
    // Values of the body win over those of the query.
    const parameters = new Map([...url.searchParams, ...new URLSearchParams(body)])
    const state = (parameters.get('state') ?? '').split(',ns=')[0]
    if (this.#isTaken || state !== this.#options.state) return refuse(response, 400)
    this.#isTaken = true
    const ending = await this.#options.onArrival({ method: request.method, parameters })
    send(response, this.#page(ending))
  }

  #isOwnHost(header: string): boolean {
    const host = header.replace(/:\d+$/, '').toLowerCase()
    const own = ['localhost', '127.0.0.1', '[::1]', this.#options.callbackHost.toLowerCase()]
    return own.includes(host) && !hasHiddenCharacter(host)
  }

  #page(ending: Ending): Page {
    const nonce = this.#options.nonce()
    if (ending.ok) return donePage({ nonce })
    return errorPage({ nonce, status: 400, ...splitLoginError(ending.text) })
  }
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

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
  response.end('This is not the sign-in that is waited for.\n')
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
