/** A real server around a handler that records what it is asked, and raw connections to talk to it. */

import { connect as connectPlain, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'

import type {
  Answer,
  ApiHandler,
  ApiOutcome,
  ApiRequest,
  PathTraits,
  PathTraitsOf,
} from '../../src/framework/api.ts'
import type { Refusal } from '../../src/framework/refusal.ts'
import {
  createApiServer,
  type ApiServer,
  type ApiServerOptions,
} from '../../src/http/api-server.ts'
import type { BoundAddress } from '../../src/http/listener.ts'
import {
  tcpListener,
  type ListenerOptions,
  type TcpListenerOptions,
} from '../../src/http/listener-options.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { LineLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { emptyObject, type JsonObject } from '../../src/lib/json.ts'

export interface Running {
  readonly server: ApiServer
  readonly bound: readonly BoundAddress[]
  readonly port: number
  readonly url: string
  readonly requests: ApiRequest[]
  readonly logLines: string[]
}

export interface RunningOptions {
  readonly listener?: Partial<TcpListenerOptions>
  readonly listeners?: readonly ListenerOptions[]
  readonly handler?: ApiHandler
  /** By default anybody may call every path. */
  readonly traitsOf?: PathTraitsOf
  /** By default everybody may. */
  readonly requireMayAsk?: ApiServerOptions['requireMayAsk']
  readonly other?: ApiServerOptions['other']
  readonly cors?: ApiServerOptions['cors']
}

const random = new SystemRandom()

export function answer(body: Answer['body'], headers: Answer['headers'] = {}): ApiOutcome {
  return { kind: 'answer', answer: { requestId: random.uuid(), body, headers } }
}

export function data(fields: JsonObject): ApiOutcome {
  return answer({ ...emptyEnvelope, data: fields })
}

export const emptyEnvelope = {
  kind: 'envelope',
  status: 200,
  leaseId: '',
  renewable: false,
  leaseSeconds: 0,
  data: null,
  auth: null,
  wrapInfo: null,
  warnings: [],
  duplicateData: false,
} as const

export function refused(refusal: Refusal): ApiOutcome {
  return { kind: 'refusal', requestId: random.uuid(), refusal }
}

/** Traits of paths that nobody may call without a token. */
export function needsToken(): PathTraits {
  return { isOpen: false, repeats: undefined }
}

/** What most tests want: who asked what. */
export async function echo(request: ApiRequest): Promise<ApiOutcome> {
  return data(
    Object.assign(emptyObject(), {
      verb: request.verb,
      path: request.path,
      data: request.data,
      token: request.token ?? null,
      namespace: request.namespace,
    }),
  )
}

export async function run(context: TestContext, options: RunningOptions = {}): Promise<Running> {
  const requests: ApiRequest[] = []
  const logLines: string[] = []
  const clock = new SystemClock()
  const handler = options.handler ?? echo
  const server = createApiServer({
    listeners: options.listeners ?? [
      tcpListener({ host: '127.0.0.1', port: 0, ...options.listener }),
    ],
    handler: (request) => {
      requests.push(request)
      return handler(request)
    },
    prepare: () => undefined,
    traitsOf: options.traitsOf ?? (() => ({ isOpen: true, repeats: undefined })),
    requireMayAsk: options.requireMayAsk ?? (async () => {}),
    recordUnread: async (_request, refusal) => refusal,
    ...(options.other === undefined ? {} : { other: options.other }),
    ...(options.cors === undefined ? {} : { cors: options.cors }),
    logger: new LineLogger({
      level: 'trace',
      format: 'standard',
      nowMs: () => clock.nowMs(),
      write: (line) => logLines.push(line),
    }),
    clock,
    random,
  })
  const bound = await server.start()
  context.after(() => server.stop({ graceMs: 0 }))
  const first = bound[0]
  return {
    server,
    bound,
    port: first?.kind === 'tcp' ? first.port : 0,
    url: first?.kind === 'tcp' ? first.url : '',
    requests,
    logLines,
  }
}

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One connection on which bytes are written as they are. */
export class RawConnection {
  readonly socket: Socket
  #text = ''
  #isClosed = false
  readonly #changed: Array<() => void> = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      this.#text += chunk
      this.#notify()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#isClosed = true
      this.#notify()
    })
  }

  static open(port: number, tls?: { readonly ca: string }): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket =
        tls === undefined
          ? connectPlain({ port, host: '127.0.0.1', noDelay: true })
          : connectTls({ port, host: '127.0.0.1', ca: tls.ca })
      socket.once('error', reject)
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        socket.off('error', reject)
        resolve(new RawConnection(socket))
      })
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(text: string): void {
    this.socket.write(text, 'latin1')
  }

  async ask(text: string): Promise<RawAnswer> {
    this.write(text)
    return this.read()
  }

  /** The next whole answer; rejects when the connection ends before it. */
  async read(): Promise<RawAnswer> {
    for (;;) {
      const found = this.#take()
      if (found !== undefined) return found
      if (this.#isClosed)
        throw new Error(`closed after ${JSON.stringify(this.#text.slice(0, 200))}`)
      await this.#change()
    }
  }

  /** All that came until the other side ended it. */
  async readToEnd(): Promise<string> {
    while (!this.#isClosed) await this.#change()
    return this.#text
  }

  close(): void {
    this.socket.destroy()
  }

  #take(): RawAnswer | undefined {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const [statusLine = '', ...lines] = this.#text.slice(0, end).split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const status = Number(statusLine.split(' ')[1])
    const length = status === 100 ? 0 : Number(headers['content-length'] ?? 0)
    const start = end + 4
    if (this.#text.length < start + length) return undefined
    const body = this.#text.slice(start, start + length)
    this.#text = this.#text.slice(start + length)
    return { status, headers, body }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve))
  }

  #notify(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}

/** One request on a connection of its own. */
export async function askOnce(port: number, text: string): Promise<RawAnswer> {
  const connection = await RawConnection.open(port)
  try {
    return await connection.ask(text)
  } finally {
    connection.close()
  }
}

/** The head of a request with a host and the given lines. */
export function head(line: string, ...headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n')
}
