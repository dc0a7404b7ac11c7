/**
 * A directory of people and groups on this machine that stands for those of the world (Microsoft Graph, Google, Okta): it answers over HTTP as a
 * test says, and notes what it was asked. Calls to the real hosts are led to it by `rerouted`.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Outbound } from '../../src/platform/outbound.ts'

export interface DirectoryQuestion {
  readonly method: string
  /** As the caller wrote it, with the host that it thinks it asks. */
  readonly url: URL
  readonly authorization: string
  readonly contentType: string
  readonly body: string
}

export interface DirectoryReply {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Says nothing more after its head. */
  readonly hangs?: boolean
}

export class DirectoryStandIn {
  /** What is said next; a test replaces it. */
  answer: (question: DirectoryQuestion) => DirectoryReply = () => ({ status: 404, body: {} })
  readonly questions: DirectoryQuestion[] = []
  readonly #server: Server
  #origin = ''

  constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (chunk: string) => (body += chunk))
      request.on('end', () => {
        // The first segment is the host that was meant.
        const [, host = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(request.url ?? '') ?? []
        const question = {
          method: request.method ?? '',
          url: new URL(rest, `https://${host}`),
          authorization: request.headers.authorization ?? '',
          contentType: request.headers['content-type'] ?? '',
          body,
        }
        this.questions.push(question)
        const reply = this.answer(question)
        const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body)
        response.writeHead(reply.status ?? 200, {
          'content-type': 'application/json',
          ...reply.headers,
        })
        if (reply.hangs === true) response.write('{')
        else response.end(text)
      })
    })
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const { port } = this.#server.address() as AddressInfo
    this.#origin = `http://127.0.0.1:${port}`
    return this
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  /** Where it answers on this machine for that address of the world. */
  addressOf(url: string): string {
    const { host, pathname, search } = new URL(url)
    return `${this.#origin}/${host}${pathname}${search}`
  }

  /** The real door to the network, for which these hosts are here. */
  rerouted(real: Outbound, hosts: readonly string[]): Outbound {
    return {
      send: (request) => {
        const { host, protocol } = new URL(request.url)
        const isHere = protocol === 'https:' && hosts.includes(host)
        const url = isHere ? this.addressOf(request.url) : request.url
        return real.send({ ...request, url })
      },
    }
  }
}
