/** Runs the command line in this process, with streams in memory and a home directory of its own. */

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { runCli } from '../../src/cli/main.ts'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly stdin?: string
  readonly terminal?: boolean
  readonly system?: NodeJS.Platform
  readonly pause?: (forMs: number) => Promise<void>
  readonly deadline?: (afterMs: number) => AbortSignal
  readonly programName?: string
  readonly runServer?: (args: string[]) => Promise<number>
  readonly onInterrupt?: (work: () => void) => () => void
  /** Sees standard error as it is written. */
  readonly onStderr?: (text: string) => void
}

export interface RunResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

class Sink {
  text = ''
  readonly isTTY: boolean

  readonly #onWrite: ((text: string) => void) | undefined

  constructor(isTTY: boolean, onWrite?: (text: string) => void) {
    this.isTTY = isTTY
    this.#onWrite = onWrite
  }

  write(text: string): void {
    this.text += text
    this.#onWrite?.(text)
  }
}

export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const stdout = new Sink(options.terminal === true)
  const stderr = new Sink(options.terminal === true, options.onStderr)
  const stdin = Readable.from(options.stdin === undefined ? [] : [options.stdin])
  const code = await runCli({
    argv,
    programName: options.programName ?? 'tokenstile',
    env: options.env ?? {},
    stdin,
    stdout,
    stderr,
    ...(options.system === undefined ? {} : { system: options.system }),
    ...(options.pause === undefined ? {} : { pause: options.pause }),
    ...(options.deadline === undefined ? {} : { deadline: options.deadline }),
    ...(options.onInterrupt === undefined ? {} : { onInterrupt: options.onInterrupt }),
    runServer: options.runServer ?? (() => Promise.resolve(0)),
  })
  return { code, out: stdout.text, err: stderr.text }
}

export interface Seen {
  readonly method: string
  readonly url: string
  readonly token: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly text?: string
}

export type Answers = Readonly<Record<string, Answer | readonly Answer[]>>

/** A real server that answers recorded bodies by `METHOD /path`, and keeps what was asked. */
export class RecordedServer {
  readonly seen: Seen[] = []
  readonly home: string
  readonly #server: Server
  readonly #taken = new Map<string, number>()
  #answers: Answers

  constructor(home: string, answers: Answers) {
    this.home = home
    this.#answers = answers
    this.#server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const token = incoming.headers['x-vault-token']
        this.seen.push({
          method: incoming.method ?? '',
          url: incoming.url ?? '',
          token: typeof token === 'string' ? token : undefined,
          headers: incoming.headers,
          body: text === '' ? undefined : (JSON.parse(text) as unknown),
        })
        const answer = this.#next(`${incoming.method} ${incoming.url?.split('?')[0]}`)
        const body = answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body))
        const status = answer.status ?? (body === '' ? 204 : 200)
        outgoing.writeHead(status, { 'Content-Type': 'application/json', ...answer.headers })
        outgoing.end(body)
      })
    })
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The requests as `METHOD /path?query`. */
  get lines(): string[] {
    return this.seen.map(({ method, url }) => `${method} ${url}`)
  }

  answer(answers: Answers): void {
    this.#answers = answers
    this.#taken.clear()
    this.seen.length = 0
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const env = { HOME: this.home, VAULT_ADDR: this.address, ...options.env }
    return run(argv, { ...options, env })
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve())
    })
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
    await rm(this.home, { recursive: true, force: true })
  }

  #next(line: string): Answer {
    const found = this.#answers[line]
    if (found === undefined) return { status: 404, body: { errors: [] } }
    if (!Array.isArray(found)) return found as Answer
    const taken = this.#taken.get(line) ?? 0
    this.#taken.set(line, taken + 1)
    const list = found as readonly Answer[]
    return list[Math.min(taken, list.length - 1)] ?? { status: 404, body: { errors: [] } }
  }
}

/** Runs the test with a server and a home directory, and removes both. */
export async function withServer(
  answers: Answers,
  test: (server: RecordedServer) => Promise<void>,
): Promise<void> {
  const server = new RecordedServer(await mkdtemp(join(tmpdir(), 'cli-test-')), answers)
  await server.listen()
  try {
    await test(server)
  } finally {
    await server.close()
  }
}

/** The success envelope with some members replaced. */
export function envelope(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return {
    request_id: '5cd1a7b6-9b8e-4a1c-8c05-0d1f6f1b7a11',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: null,
    ...members,
  }
}

export const loginAuth = {
  client_token: 'hvs.canary-token',
  accessor: 'acc-1',
  policies: ['default', 'dev'],
  token_policies: ['default', 'dev'],
  metadata: { role: 'r' },
  lease_duration: 3600,
  renewable: true,
  entity_id: 'e-1',
  token_type: 'service',
  orphan: true,
  mfa_requirement: null,
  num_uses: 0,
}
