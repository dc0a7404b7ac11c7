/** The server program as a process of its own, with a configuration file, what it prints, and its first token. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiClient } from '../harness/api-client.ts'

const program = `
  import { runServer } from ${JSON.stringify(new URL('../../src/server/server-command.js', import.meta.url).href)}
  process.exitCode = await runServer(process.argv.slice(1), process)
`

/** Memory and one plain listener on a free port, for a file that is about something else. */
export const plainServer =
  'storage "inmem" {}\nlistener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'

export class ServerFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tokenstile-start-'))

  /** Starts the server with that text as its configuration file. */
  start(name: string, text: string, options: StartOptions = {}): ServerProcess {
    const path = join(this.path, name)
    writeFileSync(path, text, { mode: 0o600 })
    return new ServerProcess([`-config=${path}`, ...(options.flags ?? [])], options)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

interface StartOptions {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Another command that becomes the program, such as one that changes what it sees of the machine. */
  readonly within?: readonly string[]
}

export class ServerProcess {
  readonly child: ChildProcess
  readonly exit: Promise<number | null>
  output = ''
  #heard: () => void = () => undefined

  constructor(words: readonly string[], { env = {}, within = [] }: StartOptions) {
    const own = [process.execPath, '--input-type=module', '-e', program, '--', ...words]
    const [command = '', ...args] = [...within, ...own]
    this.child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    const hear = (chunk: Buffer) => {
      this.output += chunk.toString('utf8')
      this.#heard()
    }
    this.child.stdout?.on('data', hear)
    this.child.stderr?.on('data', hear)
    this.exit = new Promise((resolve) => this.child.on('close', resolve))
  }

  /** Waits for the text, or for the end of the program. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.exit.then(() => true)
    for (;;) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      const heard = new Promise<boolean>((resolve) => {
        this.#heard = () => resolve(false)
      })
      if (await Promise.race([heard, ended])) {
        const last = pattern.exec(this.output)
        assert.ok(last !== null, this.output)
        return last
      }
    }
  }

  /** Its address once it serves. */
  async url(): Promise<string> {
    return (await this.urls()).find((one) => one.startsWith('http:')) ?? ''
  }

  /** Those of its TCP listeners, in the order of its configuration, once it serves. */
  async urls(): Promise<readonly string[]> {
    await this.until(/server started!/)
    const lines = this.output.matchAll(/Listener \d+: tcp (\S+) \((no )?TLS\)/g)
    return [...lines].map(([, address, isPlain]) => `http${isPlain ? '' : 's'}://${address}`)
  }

  /** Initialised with one key share and open; calls with the root token. */
  async open(): Promise<ApiClient> {
    const client = new ApiClient(await this.url())
    const made = await client.call('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 })
    await client.must('sys/unseal', { key: made.body.keys[0] })
    return client.as(made.body.root_token)
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM')
    return this.exit
  }
}
