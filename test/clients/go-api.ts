/**
 * The Go library (api 1.23 of Vault, 2.7 of OpenBao) as the server sees it: the requests it sends, and the structs that it
 * decodes answers into, where a value of another type is an error of the whole call (platform.md §10.4, §1.2).
 */

import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { ApiClient, type ApiResult } from '../harness/api-client.ts'

/** Parsed bodies are looked into freely. */
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any

/** A type of Go; a table is a struct, and the member `*` stands for every key of a map. */
export type Shape =
  | 'any'
  | 'bool'
  | 'duration'
  | 'int'
  | 'string'
  | 'time'
  | readonly [Shape]
  | { readonly [member: string]: Shape }

const strings: Shape = ['string']

const auth: Shape = {
  client_token: 'string',
  accessor: 'string',
  policies: strings,
  token_policies: strings,
  identity_policies: strings,
  metadata: { '*': 'string' },
  orphan: 'bool',
  entity_id: 'string',
  lease_duration: 'int',
  renewable: 'bool',
  mfa_requirement: { mfa_request_id: 'string' },
}

/** What every answer with an envelope is decoded into. */
const secret: Shape = {
  request_id: 'string',
  lease_id: 'string',
  lease_duration: 'int',
  renewable: 'bool',
  data: { '*': 'any' },
  warnings: strings,
  auth,
  wrap_info: {
    token: 'string',
    accessor: 'string',
    ttl: 'int',
    creation_time: 'time',
    creation_path: 'string',
    wrapped_accessor: 'string',
  },
}

const mount: Shape = {
  uuid: 'string',
  type: 'string',
  description: 'string',
  accessor: 'string',
  config: {
    default_lease_ttl: 'int',
    max_lease_ttl: 'int',
    force_no_cache: 'bool',
    audit_non_hmac_request_keys: strings,
    audit_non_hmac_response_keys: strings,
    listing_visibility: 'string',
    passthrough_request_headers: strings,
    allowed_response_headers: strings,
    token_type: 'string',
  },
  options: { '*': 'string' },
  local: 'bool',
  seal_wrap: 'bool',
  external_entropy_access: 'bool',
  plugin_version: 'string',
  running_plugin_version: 'string',
  running_sha256: 'string',
  deprecation_status: 'string',
}

const version: Shape = { version: 'int', created_time: 'time', destroyed: 'bool' }

/** What the methods of the library decode, beside the envelope. */
export const shapes = {
  health: {
    initialized: 'bool',
    sealed: 'bool',
    standby: 'bool',
    performance_standby: 'bool',
    replication_performance_mode: 'string',
    replication_dr_mode: 'string',
    server_time_utc: 'int',
    version: 'string',
    cluster_name: 'string',
    cluster_id: 'string',
    last_wal: 'int',
    enterprise: 'bool',
    echo_duration_ms: 'int',
    clock_skew_ms: 'int',
  },
  sealStatus: {
    type: 'string',
    initialized: 'bool',
    sealed: 'bool',
    t: 'int',
    n: 'int',
    progress: 'int',
    nonce: 'string',
    version: 'string',
    build_date: 'string',
    commit_date: 'string',
    migration: 'bool',
    cluster_name: 'string',
    cluster_id: 'string',
    recovery_seal: 'bool',
    recovery_seal_type: 'string',
    storage_type: 'string',
    warnings: strings,
  },
  leader: {
    ha_enabled: 'bool',
    is_self: 'bool',
    active_time: 'time',
    leader_address: 'string',
    leader_cluster_address: 'string',
    performance_standby: 'bool',
    performance_standby_last_remote_wal: 'int',
    last_wal: 'int',
  },
  mounts: { '*': mount },
  keys: { keys: strings },
  strings,
  version,
  metadata: {
    cas_required: 'bool',
    created_time: 'time',
    current_version: 'int',
    custom_metadata: { '*': 'any' },
    delete_version_after: 'duration',
    max_versions: 'int',
    oldest_version: 'int',
    updated_time: 'time',
    versions: { '*': version },
  },
} satisfies Readonly<Record<string, Shape>>

/** As RFC 3339 has it; the library asks for no more. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/
const duration = /^(?:-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|0)$/

/** Fails unless Go decodes the value into that type. What is null or not there is the zero value. */
export function assertDecodes(value: Body, shape: Shape, where = 'body'): void {
  if (value === null || value === undefined || shape === 'any') return
  const problem = `${where}: ${JSON.stringify(value)} is no ${JSON.stringify(shape)}`
  if (shape === 'bool') assert.equal(typeof value, 'boolean', problem)
  else if (shape === 'int') assert.ok(Number.isSafeInteger(value), problem)
  else if (typeof shape === 'string') {
    assert.equal(typeof value, 'string', problem)
    if (shape === 'time') assert.match(value, time, problem)
    if (shape === 'duration') assert.match(value, duration, problem)
  } else if (isList(shape)) {
    assert.ok(Array.isArray(value), problem)
    for (const [at, one] of value.entries()) assertDecodes(one, shape[0], `${where}[${at}]`)
  } else {
    assert.ok(typeof value === 'object' && !Array.isArray(value), problem)
    for (const [name, one] of Object.entries(value)) {
      assertDecodes(one, shape[name] ?? shape['*'] ?? 'any', `${where}.${name}`)
    }
  }
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape)
}

/** The library's ResponseError. */
export class GoError extends Error {
  readonly status: number
  readonly errors: readonly string[]

  constructor(status: number, errors: readonly string[]) {
    super(`Code: ${status}. Errors: ${errors.join(', ')}`)
    this.status = status
    this.errors = errors
  }
}

export interface GoOptions {
  readonly namespace?: string
  /** Asked for at every call. */
  readonly wrapTtl?: string
}

export class GoApi {
  readonly token: string
  readonly #url: string
  readonly #options: GoOptions
  readonly #agent: Agent

  constructor(url: string, token: string, options: GoOptions = {}, agent?: Agent) {
    this.#url = url
    this.token = token
    this.#options = options
    this.#agent = agent ?? new Agent({ keepAlive: true })
  }

  as(token: string): GoApi {
    return new GoApi(this.#url, token, this.#options, this.#agent)
  }

  wrapping(wrapTtl: string): GoApi {
    return new GoApi(this.#url, this.token, { ...this.#options, wrapTtl }, this.#agent)
  }

  close(): void {
    this.#agent.destroy()
  }

  /** Logical().Read, and ReadWithData with a query: nothing when there is nothing. */
  async read(path: string, query: Readonly<Record<string, string>> = {}): Promise<Body> {
    const text = new URLSearchParams(query).toString()
    return secretOrNothing(await this.send('GET', text === '' ? path : `${path}?${text}`))
  }

  /** Logical().List. */
  list(path: string): Promise<Body> {
    return this.read(path, { list: 'true' })
  }

  /** Logical().Write. */
  write(path: string, body: unknown): Promise<Body> {
    return this.#change('PUT', path, body)
  }

  /** Logical().JSONMergePatch. */
  patch(path: string, body: object): Promise<Body> {
    return this.#change('PATCH', path, body)
  }

  /** Logical().Delete. */
  delete(path: string): Promise<Body> {
    return this.#change('DELETE', path)
  }

  /** What methods of Sys() and Auth() post. */
  post(path: string, body: object): Promise<Body> {
    return this.#change('POST', path, body)
  }

  /** Logical().Unwrap, with a token in the body, or with none: then the body is a null. */
  unwrap(token = ''): Promise<Body> {
    return this.write('sys/wrapping/unwrap', token === '' ? null : { token })
  }

  /** A body that has no envelope. */
  async bare(path: string, shape: Shape): Promise<Body> {
    const result = await this.send('GET', path)
    refuse(result)
    assertDecodes(result.body, shape, path)
    return result.body
  }

  async #change(verb: string, path: string, body?: unknown): Promise<Body> {
    const result = await this.send(verb, path, body)
    refuse(result)
    return parseSecret(result)
  }

  send(verb: string, path: string, body?: unknown): Promise<ApiResult> {
    const { namespace, wrapTtl } = this.#options
    const headers = {
      'User-Agent': 'Go-http-client/1.1',
      'Accept-Encoding': 'gzip',
      'X-Vault-Request': 'true',
      'X-Vault-Token': this.token,
      ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
      ...(wrapTtl === undefined ? {} : { 'X-Vault-Wrap-Ttl': wrapTtl }),
    }
    return new ApiClient(this.#url).call(verb, path, body, { headers, agent: this.#agent })
  }
}

/** Answers of 400 and above are errors, but for the 429 of a standby's health. */
function refuse({ status, body, text }: ApiResult): void {
  if (status < 400) return
  assertDecodes(body?.errors, ['string'], 'errors')
  throw new GoError(status, body === undefined ? [text] : (body.errors ?? []))
}

function parseSecret({ text, body }: ApiResult): Body {
  if (text === '') return undefined
  assert.ok(body !== undefined, `no JSON: ${text}`)
  assertDecodes(body, secret)
  return body
}

/** A 404 is nothing, unless its body has data or warnings: then it is an answer like others. */
function secretOrNothing(result: ApiResult): Body {
  if (result.status !== 404) refuse(result)
  const parsed = parseSecret(result)
  if (result.status !== 404) return parsed
  const hasMore = parsed?.warnings?.length > 0 || Object.keys(parsed?.data ?? {}).length > 0
  return hasMore ? parsed : undefined
}

/** The errors of a refusal; fails when the call succeeds. */
export async function refusalOf(call: Promise<unknown>): Promise<GoError> {
  try {
    await call
  } catch (error) {
    if (error instanceof GoError) return error
    throw error
  }
  assert.fail('the call was not refused')
}
