/** What the audit tests share: a server with devices, and the records that they have written. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { AuditSettings, WantedDevice } from '../../src/core/audit-devices.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../harness/test-server.ts'

/** Tests look into records freely. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AuditRecord = any

export interface AuditedServer extends TestServer {
  /** Where a device of that name writes. */
  file(name: string): string
  records(name?: string): AuditRecord[]
  /** The last pair of records. */
  last(name?: string): { readonly request: AuditRecord; readonly response: AuditRecord }
}

export function fileDevice(
  folder: string,
  name: string,
  options: Readonly<Record<string, string>> = {},
): WantedDevice {
  const file_path = join(folder, `${name}.log`)
  return {
    path: name,
    type: 'file',
    description: '',
    local: false,
    options: { file_path, ...options },
  }
}

export function recordsIn(path: string): AuditRecord[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  if (lines.pop() !== '') throw new Error('the last line is not whole')
  return lines.map((line) => JSON.parse(line) as AuditRecord)
}

/** Starts a server with devices; each is a file of its name unless it says more. */
export async function startAudited(
  devices: Readonly<Record<string, Readonly<Record<string, string>>>> = { file: {} },
  options: TestServerOptions & { readonly more?: readonly WantedDevice[] } = {},
): Promise<AuditedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-audit-'))
  const { more = [], audit, ...others } = options
  const declared = Object.entries(devices).map(([name, each]) => fileDevice(folder, name, each))
  const settings: Partial<AuditSettings> = { ...audit, declared: [...declared, ...more] }
  const server = await startTestServer({ ...others, audit: settings })
  const file = (name: string) => join(folder, `${name}.log`)
  const records = (name = 'file') => recordsIn(file(name))
  return {
    ...server,
    file,
    records,
    last: (name = 'file') => {
      const [request, response] = records(name).slice(-2)
      return { request, response }
    },
    stop: async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A web server that takes batches of records, or does not. */
export class RecordTaker {
  readonly batches: string[] = []
  status = 503
  /** Takes this many batches and then answers with `status`. */
  good = Infinity
  /** Answers nothing more. */
  hangs = false
  readonly #server: Server

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        if (this.hangs) return
        const isTaken = this.good-- > 0
        if (isTaken) this.batches.push(Buffer.concat(chunks).toString('utf8'))
        response.writeHead(isTaken ? 200 : this.status).end()
      })
    })
  }

  start(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        const { port } = this.#server.address() as AddressInfo
        resolve(`http://127.0.0.1:${port}/ingress`)
      })
    })
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  get records(): AuditRecord[] {
    return this.batches.flatMap((batch) =>
      batch
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AuditRecord),
    )
  }
}

export function httpDevice(uri: string, more: Readonly<Record<string, string>> = {}): WantedDevice {
  return { path: 'http', type: 'http', description: '', local: false, options: { uri, ...more } }
}
