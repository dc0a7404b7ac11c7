/** The real program as a process of its own, on an LMDB folder with a static seal: it can be killed, and started again. */

import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiClient } from './api-client.ts'
import { root } from './checkout.ts'

const startMsMax = 20_000

export interface RunningProgram {
  readonly client: ApiClient
  readonly process: ChildProcess
}

export class ProgramFolder {
  readonly path: string
  readonly #config: string
  readonly #running = new Set<ChildProcess>()

  /** `more`: further lines of the configuration. */
  constructor(options: { readonly isShared?: boolean; readonly more?: string } = {}) {
    this.path = mkdtempSync(join(tmpdir(), 'tokenstile-process-'))
    this.#config = join(this.path, 'server.hcl')
    const key = join(this.path, 'key')
    writeFileSync(key, randomBytes(32).toString('hex'), { mode: 0o600 })
    const lines = [
      `storage "lmdb" {\n  path = "${join(this.path, 'data')}"\n  shared = ${options.isShared ?? false}\n}`,
      `seal "static" {\n  key_file = "${key}"\n}`,
      'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}',
      'log_level = "error"',
      options.more ?? '',
    ]
    writeFileSync(this.#config, `${lines.join('\n')}\n`, { mode: 0o600 })
  }

  start(): Promise<RunningProgram> {
    return this.#start(this.#config)
  }

  /** Another server with the same seal, on another data folder. */
  startOn(data: string): Promise<RunningProgram> {
    const config = `${this.#config}.elsewhere`
    const text = readFileSync(this.#config, 'utf8').replace(join(this.path, 'data'), data)
    writeFileSync(config, text, { mode: 0o600 })
    return this.#start(config)
  }

  #start(config: string): Promise<RunningProgram> {
    const program = join(root, 'bin/tokenstile.js')
    const child = spawn(process.execPath, [program, 'server', '-config', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#running.add(child)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server did not start')), startMsMax)
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const address = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]
        if (address === undefined) return
        clearTimeout(timer)
        resolve({ client: new ApiClient(address), process: child })
      })
    })
  }

  /** A client with the root token of a new store. */
  async init(at: ApiClient): Promise<ApiClient> {
    const made = await at.must('sys/init')
    return at.as(String(made.body.root_token))
  }

  async end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#running.delete(child)
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }

  async stop(): Promise<void> {
    for (const child of this.#running) await this.end(child, 'SIGTERM')
    rmSync(this.path, { recursive: true, force: true })
  }
}
