/**
 * The Python library hvac as the server sees it: the requests of its adapter, and what it makes of answers
 * (platform.md §10.1, §1.3). Version 2.4.0 was recorded.
 */

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { ApiClient, type ApiResult } from '../harness/api-client.ts'

/** Parsed bodies are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

/** What its caller gets: a parsed body, the response itself, or an exception. */
export type Outcome =
  | { readonly kind: 'json'; readonly body: Body }
  | { readonly kind: 'response'; readonly status: number }
  | {
      readonly kind: 'raised'
      readonly name: string
      readonly errors: unknown
      readonly body: Body
    }

const exceptions: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'InvalidPath',
  429: 'RateLimitExceeded',
  500: 'InternalServerError',
  501: 'VaultNotInitialized',
  502: 'BadGateway',
  503: 'VaultDown',
}

/** Errors are read from a body of exactly this type. */
const jsonType = 'application/json'

function outcomeOf(result: ApiResult): Outcome {
  const { status, body } = result
  if (status === 200 && body !== undefined) return { kind: 'json', body }
  if (status < 400) return { kind: 'response', status }
  const parsed = result.headers['content-type'] === jsonType ? body : undefined
  const name = exceptions[status] ?? 'UnexpectedError'
  return { kind: 'raised', name, errors: parsed?.errors, body: parsed }
}

export class Hvac {
  token: string
  readonly #api: ApiClient
  /** One session, as the library has. */
  readonly #agent: Agent

  constructor(url: string, token = '') {
    this.token = token
    this.#api = new ApiClient(url)
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 })
  }

  close(): void {
    this.#agent.destroy()
  }

  get(path: string, more: { readonly wrapTtl?: string; readonly body?: object } = {}) {
    return this.#send('GET', path, more.body, more.wrapTtl)
  }

  list(path: string): Promise<Outcome> {
    return this.#send('LIST', path)
  }

  delete(path: string): Promise<Outcome> {
    return this.#send('DELETE', path)
  }

  put(path: string, body?: object): Promise<Outcome> {
    return this.#send('PUT', path, body)
  }

  post(path: string, body?: object, wrapTtl?: string): Promise<Outcome> {
    return this.#send('POST', path, body, wrapTtl)
  }

  /** The status of the health, whose answers never raise. */
  async head(path: string): Promise<number> {
    const { status, text } = await this.#call('HEAD', path)
    assert.equal(text, '')
    return status
  }

  /** A login: what comes back is looked into for the token at once. */
  async login(path: string, body?: object): Promise<Body> {
    const { auth } = json(await this.post(path, body))
    this.token = auth.client_token
    return auth
  }

  async isAuthenticated(): Promise<boolean> {
    if (this.token === '') return false
    const outcome = await this.get('auth/token/lookup-self')
    if (outcome.kind !== 'raised') return true
    assert.match(outcome.name, /^(?:Forbidden|InvalidPath|InvalidRequest)$/)
    return false
  }

  async #send(verb: string, path: string, body?: object, wrapTtl?: string): Promise<Outcome> {
    return outcomeOf(await this.#call(verb, path, body, wrapTtl))
  }

  #call(verb: string, path: string, body?: object, wrapTtl?: string): Promise<ApiResult> {
    const headers = {
      'User-Agent': 'python-requests/2.32.5',
      'Accept-Encoding': 'gzip, deflate, zstd',
      Accept: '*/*',
      Connection: 'keep-alive',
      'X-Vault-Request': 'true',
      ...(this.token === '' ? {} : { 'X-Vault-Token': this.token }),
      ...(wrapTtl === undefined ? {} : { 'X-Vault-Wrap-TTL': wrapTtl }),
      ...(body === undefined ? {} : { 'Content-Type': jsonType }),
    }
    // Every verb but these has a length, which may be 0.
    const hasLength = verb !== 'GET' && verb !== 'HEAD'
    const raw = body === undefined && hasLength ? { raw: '' } : {}
    return this.#api.call(verb, path, body, { headers, agent: this.#agent, ...raw })
  }
}

/** The parsed body; anything else is a failed test. */
export function json(outcome: Outcome): Body {
  assert.ok(outcome.kind === 'json', JSON.stringify(outcome))
  return outcome.body
}

/** The library gives the response object itself, with this status. */
export function assertResponse(outcome: Outcome, status = 204): void {
  assert.deepEqual(outcome, { kind: 'response', status })
}

/** The library raises this, with all of these errors; without them, whatever they are. */
export function assertRaised(outcome: Outcome, name: string, errors?: readonly string[]): void {
  assert.ok(outcome.kind === 'raised', JSON.stringify(outcome))
  assert.equal(outcome.name, name)
  assert.ok(Array.isArray(outcome.errors), 'the errors are not read')
  if (errors !== undefined) assert.deepEqual(outcome.errors, errors)
}
