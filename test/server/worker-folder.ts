/** Servers of several workers for the tests of one file, each with a folder of its own. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ServerFolder, type ServerProcess } from './server-process.ts'
import { clientsOfAll, type WorkerAnswer, type WorkerClient } from './worker-connections.ts'

const plain = 'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
export const staticSeal = 'seal "static" { key_env = "SEAL_KEY" }\n'

interface Start {
  readonly workers?: number | 'auto'
  readonly more?: string
  readonly listener?: string
}

export class WorkerFolder {
  readonly #folder = new ServerFolder()

  at(name: string): string {
    return join(this.#folder.path, name)
  }

  /** Ends with the test. */
  start(t: TestContext, name: string, options: Start = {}): ServerProcess {
    const { workers = 2, more = '', listener = '' } = options
    const storage = `storage "lmdb" { path = "${this.at(name)}" }\n`
    return this.startText(t, name, `workers = "${workers}"\n${storage}${plain}${listener}${more}`)
  }

  startText(t: TestContext, name: string, text: string): ServerProcess {
    const env = { SEAL_KEY: 'b'.repeat(64) }
    const server = this.#folder.start(`${name}.hcl`, text, { env })
    t.after(() => server.stop())
    return server
  }

  remove(): void {
    this.#folder.remove()
  }
}

export async function pairOf(
  server: ServerProcess,
): Promise<readonly [WorkerClient, WorkerClient]> {
  await server.url()
  const [a, b] = await clientsOfAll(server)
  assert.ok(a !== undefined && b !== undefined)
  return [a, b]
}

export async function mustAt(
  client: WorkerClient,
  method: string,
  path: string,
  token?: string,
  body?: object,
): Promise<WorkerAnswer> {
  const answer = await client.call(method, path, token, body)
  const text = `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`
  assert.ok(answer.status < 300, text)
  return answer
}

/** Gives the root token of a server that opens itself. */
export async function initStatic(client: WorkerClient): Promise<string> {
  const made = await mustAt(client, 'PUT', 'sys/init', undefined, {
    recovery_shares: 1,
    recovery_threshold: 1,
  })
  return String(made.body.root_token)
}
