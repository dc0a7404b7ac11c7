/** Calls the API over a real socket and gives what came back as it is. */

import assert from 'node:assert/strict'
import { request as httpRequest, type Agent } from 'node:http'
import { keepSecrets } from './canary-folder.ts'
import { lookForExpectations } from './expected-values.ts'

export interface ApiResult {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** The parsed body; undefined when there is none or it is no JSON. */
  readonly body: Body
}

/** Tests look into answers freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as it is instead of JSON. */
  readonly raw?: string | Buffer
  /** Keeps its connection for the next call. */
  readonly agent?: Agent
}

export class ApiClient {
  readonly #url: URL
  readonly token: string | undefined

  /** The loopback address that calls come from. */
  readonly #localAddress: string | undefined
  /** Named in a header of each call. */
  readonly #namespace: string | undefined

  constructor(url: string, token?: string, localAddress?: string, namespace?: string) {
    this.#namespace = namespace
    this.#url = new URL(url === '' ? 'http://127.0.0.1' : url)
    this.token = token
    this.#localAddress = localAddress
  }

  get url(): string {
    return this.#url.origin
  }

  from(localAddress: string): ApiClient {
    return new ApiClient(this.#url.href, this.token, localAddress, this.#namespace)
  }

  as(token: string | undefined): ApiClient {
    return new ApiClient(this.#url.href, token, undefined, this.#namespace)
  }

  /** The same caller in a namespace; none is the root. */
  in(namespace?: string): ApiClient {
    return new ApiClient(this.#url.href, this.token, this.#localAddress, namespace)
  }

  /** One call, on a connection of its own without an agent. `path` is below /v1/ unless it begins with a slash. */
  call(
    method: string,
    path: string,
    body?: unknown,
    options: CallOptions = {},
  ): Promise<ApiResult> {
    const payload = options.raw ?? (body === undefined ? undefined : JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: this.#url.hostname,
          port: this.#url.port,
          method,
          path: path.startsWith('/') ? path : `/v1/${path}`,
          agent: options.agent ?? false,
          ...(this.#localAddress === undefined ? {} : { localAddress: this.#localAddress }),
          headers: {
            ...(this.token === undefined ? {} : { 'X-Vault-Token': this.token }),
            ...(payload === undefined ? {} : { 'Content-Length': Buffer.byteLength(payload) }),
            ...(this.#namespace === undefined ? {} : { 'X-Vault-Namespace': this.#namespace }),
            ...(method === 'PATCH' ? { 'Content-Type': 'application/merge-patch+json' } : {}),
            ...options.headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8')
            const headers: Record<string, string> = {}
            for (const [name, value] of Object.entries(response.headers)) {
              headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
            }
            const answer = parse(text)
            const status = response.statusCode ?? 0
            keepSecrets(this.token, body, answer)
            try {
              lookForExpectations({
                origin: this.#url.origin,
                method,
                path,
                token: this.token,
                body,
                payload: payload?.toString() ?? '',
                status,
                answer: `${JSON.stringify(headers)}\n${text}`,
              })
              resolve({ status, headers, text, body: answer })
            } catch (problem) {
              reject(problem instanceof Error ? problem : new Error('an answer tells too much'))
            }
          })
        },
      )
      request.on('error', reject)
      request.end(payload)
    })
  }

  read(path: string): Promise<ApiResult> {
    return this.call('GET', path)
  }

  list(path: string): Promise<ApiResult> {
    return this.call('GET', `${path}?list=true`)
  }

  write(path: string, body: unknown = {}): Promise<ApiResult> {
    return this.call('POST', path, body)
  }

  remove(path: string): Promise<ApiResult> {
    return this.call('DELETE', path)
  }

  /** Writes and wants a 2xx. */
  async must(path: string, body: unknown = {}): Promise<ApiResult> {
    const result = await this.write(path, body)
    assert.ok(result.status < 300, `${path}: ${result.status} ${result.text}`)
    return result
  }

  /** A token with these policies, made by this client; policies are written by the caller. */
  async tokenWith(policies: readonly string[], more: object = {}): Promise<ApiClient> {
    const made = await this.must('auth/token/create', {
      policies,
      no_default_policy: true,
      ...more,
    })
    return this.as(String(made.body.auth.client_token))
  }

  /** Writes a policy of that text under a name and gives a client whose token has it. */
  async tokenFor(name: string, policy: string, more: object = {}): Promise<ApiClient> {
    await this.must(`sys/policies/acl/${name}`, { policy })
    return this.tokenWith([name], more)
  }
}

function parse(text: string): Body {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** errors[0] of an answer. */
export function firstError(result: ApiResult): string {
  return String(result.body?.errors?.[0] ?? '')
}
