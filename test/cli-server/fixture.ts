/** The command line in this process against a real server, with a home folder of its own and a record of what it sent. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest, createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, type RunOptions, type RunResult } from '../cli/cli-run.ts'
import type { ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../harness/test-server.ts'

export interface Sent {
  /** `METHOD /v1/path?query`. */
  readonly line: string
  readonly token: string | undefined
  readonly body: string
}

/** Hands every request on to the real server as it came, and keeps it. */
export class Shell {
  readonly server: TestServer
  readonly home = mkdtempSync(join(tmpdir(), 'tokenstile-cli-'))
  readonly sent: Sent[] = []
  readonly #recorder: Server

  private constructor(server: TestServer) {
    this.server = server
    this.#recorder = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const { method = '', url = '', headers } = incoming
        const token = headers['x-vault-token']
        const body = Buffer.concat(chunks)
        this.sent.push({
          line: `${method} ${url}`,
          token: typeof token === 'string' ? token : undefined,
          body: body.toString('utf8'),
        })
        const forward = httpRequest(
          { host: '127.0.0.1', port: server.port, method, path: url, headers, agent: false },
          (answer) => {
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
            answer.pipe(outgoing)
          },
        )
        forward.on('error', () => outgoing.destroy())
        forward.end(body)
      })
    })
  }

  static async start(options: TestServerOptions = {}): Promise<Shell> {
    const shell = new Shell(await startTestServer(options))
    await new Promise<void>((resolve) => {
      shell.#recorder.listen(0, '127.0.0.1', resolve)
    })
    return shell
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#recorder.address() as AddressInfo).port}`
  }

  get tokenFile(): string {
    return join(this.home, '.vault-token')
  }

  /** What was sent since the last call of this. */
  taken(): readonly Sent[] {
    return this.sent.splice(0)
  }

  /** Runs the words with the root token unless `env` says otherwise, and forgets what was sent before. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.taken()
    const env = {
      HOME: this.home,
      VAULT_ADDR: this.address,
      VAULT_TOKEN: this.server.rootToken,
      ...options.env,
    }
    return run(argv, { programName: 'vault', ...options, env })
  }

  /** Runs and wants exit code 0 and nothing on stderr; gives stdout. */
  async must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(argv, options)
    assert.deepEqual([result.code, result.err], [0, ''], argv.join(' '))
    return result.out
  }

  /** Runs with `-format=json` and gives the parsed output. */
  async json(argv: readonly string[], options: RunOptions = {}): Promise<ApiResult['body']> {
    return JSON.parse(await this.must([...argv, '-format=json'], options))
  }

  /** A token with a policy of that text. */
  async tokenFor(name: string, policy: string): Promise<string> {
    const { token } = await this.server.root.tokenFor(name, policy)
    return token ?? ''
  }

  async stop(): Promise<void> {
    this.#recorder.closeAllConnections()
    await new Promise((resolve) => {
      this.#recorder.close(resolve)
    })
    await this.server.stop()
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** What a refusal of the API looks like on stderr (platform.md §9.6). */
export function apiError(
  doing: string,
  request: string,
  code: number,
  errors: readonly string[],
): string {
  const list = errors.map((error) => `* ${error}\n`).join('')
  return `${doing}: Error making API request.\n\nURL: ${request}\nCode: ${code}. Errors:\n\n${list}`
}

export const denied = '1 error occurred:\n\t* permission denied\n\n'
