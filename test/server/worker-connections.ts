/** The workers of a server process, and connections that a chosen one of them has accepted. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from './server-process.ts'

const waitMsMax = 20_000

/** Parsed answers are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

export interface WorkerAnswer {
  readonly status: number
  readonly body: Body
}

/** Calls over one connection that stays with the worker that accepted it. */
export class WorkerClient {
  readonly pid: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #url: URL

  constructor(url: string, pid: number) {
    this.#url = new URL(url)
    this.pid = pid
  }

  /** Rejects when the connection breaks. */
  call(method: string, path: string, token?: string, body?: object): Promise<WorkerAnswer> {
    const payload = body === undefined ? '' : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          agent: this.#agent,
          method,
          path: `/v1/${path}`,
          headers: {
            'Content-Length': Buffer.byteLength(payload),
            ...(token === undefined ? {} : { 'X-Vault-Token': token }),
          },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => (text += part))
          response.on('error', reject)
          response.on('end', () => {
            const parsed: unknown = text === '' ? undefined : JSON.parse(text)
            resolve({ status: response.statusCode ?? 0, body: parsed })
          })
        },
      )
      request.on('error', reject)
      request.end(payload)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Process ids of the workers that a server has now. */
export function workerPids({ child }: ServerProcess): readonly number[] {
  const text = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

/** One client for each worker. */
export async function clientsOfAll(server: ServerProcess): Promise<readonly WorkerClient[]> {
  const url = await server.url()
  return atEachWorker(server, async (pid) => {
    const client = new WorkerClient(url, pid)
    await client.call('GET', 'sys/leader')
    return client
  })
}

/** Does work whose connection one worker accepts, for each: the others stand still meanwhile. */
export async function atEachWorker<T>(
  server: ServerProcess,
  work: (pid: number) => Promise<T>,
): Promise<readonly T[]> {
  const pids = workerPids(server)
  const done: T[] = []
  for (const pid of pids) {
    const others = pids.filter((other) => other !== pid)
    for (const other of others) process.kill(other, 'SIGSTOP')
    try {
      await until(() => others.every(isStopped), 'the other workers stand still')
      done.push(await work(pid))
    } finally {
      for (const other of others) process.kill(other, 'SIGCONT')
    }
  }
  return done
}

/** Ends these workers on the spot and waits until others serve in their place. */
export async function replaceWorkers(
  server: ServerProcess,
  pids: readonly number[],
): Promise<readonly WorkerClient[]> {
  const served = servedCount(server)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until(() => servedCount(server) >= served + pids.length, 'others serve in their place')
  return clientsOfAll(server)
}

/** Workers that have ever served. */
function servedCount({ output }: ServerProcess): number {
  return output.split('a worker serves pid=').length - 1
}

export async function until(isSo: () => boolean, what: string): Promise<void> {
  const lateMs = performance.now() + waitMsMax
  while (!isSo()) {
    assert.ok(performance.now() < lateMs, `too late: ${what}`)
    await sleep(5)
  }
}

function isStopped(pid: number): boolean {
  return / [Tt] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}
