/** A reader of `sys/logins/stream`, with all that it has heard. */

import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { TestServer } from './test-server.ts'

export interface WatcherOptions {
  readonly query?: string
  readonly namespace?: string
}

export class Watcher {
  text = ''
  hasEnded = false
  type = ''
  status = 0
  #incoming: IncomingMessage | undefined

  /** Resolves when it hears what comes, or was refused. */
  static async open(
    at: TestServer,
    token: string,
    { query = '', namespace }: WatcherOptions = {},
  ): Promise<Watcher> {
    const watcher = new Watcher()
    await new Promise<void>((resolve, reject) => {
      const asked = httpRequest(
        {
          host: '127.0.0.1',
          port: at.port,
          path: `/v1/sys/logins/stream${query}`,
          agent: false,
          headers: {
            'X-Vault-Token': token,
            ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
          },
        },
        (incoming) => {
          watcher.#incoming = incoming
          watcher.status = incoming.statusCode ?? 0
          watcher.type = incoming.headers['content-type'] ?? ''
          incoming.on('data', (chunk: Buffer) => (watcher.text += chunk.toString('utf8')))
          incoming.on('close', () => (watcher.hasEnded = true))
          incoming.on('error', () => undefined)
          resolve()
        },
      )
      asked.on('error', reject)
      asked.end()
    })
    if (watcher.status === 200) await watcher.until(() => watcher.text.startsWith(': alive'))
    return watcher
  }

  async until(isTrue: () => boolean, ms = 10_000): Promise<void> {
    const late = Date.now() + ms
    while (!isTrue()) {
      assert.ok(Date.now() < late, `too late: ${this.text.slice(-500)}`)
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }

  get logins(): readonly { readonly request_id: string; readonly decision: string }[] {
    return [...this.text.matchAll(/^event: login\nid: .*\ndata: (.*)$/gm)].map(([, data]) =>
      JSON.parse(data ?? ''),
    )
  }

  close(): void {
    this.#incoming?.destroy()
  }
}
