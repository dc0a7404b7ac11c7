/** What the platform tests share: the literal texts of the contract, a jwt mount to log in at, and client addresses. */

import assert from 'node:assert/strict'
import { keys } from '../../src/core/keys.ts'
import type { EntityRecord } from '../../src/core/records.ts'
import { tcpListener, type ListenerOptions } from '../../src/http/listener-options.ts'
import { parseCidr } from '../../src/lib/cidr.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker, type JwtMaker } from '../harness/jwt-maker.ts'
import type { TestServer } from '../harness/test-server.ts'

/** errors[0] of a token problem (403T of the catalogue). */
export const tokenProblem = 'permission denied'
/** errors[0] of a policy that says no (403P). */
export const policyProblem = '1 error occurred:\n\t* permission denied\n\n'
export const unsupportedPath = '1 error occurred:\n\t* unsupported path\n\n'
export const unsupportedOperation = '1 error occurred:\n\t* unsupported operation\n\n'

/** The answer has this status and, for a text, exactly this errors[0]; for an expression, one that fits. */
export function wantError(result: ApiResult, status: number, error?: string | RegExp): void {
  assert.equal(result.status, status, result.text)
  if (error === undefined) {
    assert.deepEqual(result.body, { errors: [] })
    return
  }
  const first: unknown = result.body?.errors?.[0]
  if (typeof error === 'string') assert.equal(first, error)
  else assert.match(String(first), error)
}

export function want403T(result: ApiResult): void {
  wantError(result, 403, tokenProblem)
}

export function want403P(result: ApiResult): void {
  wantError(result, 403, policyProblem)
}

export async function wantDead(client: ApiClient): Promise<void> {
  want403T(await client.read('auth/token/lookup-self'))
}

/** Alive whatever its policies are: a policy that says no proves a live token as well. */
export async function wantAlive(client: ApiClient): Promise<void> {
  const result = await client.read('auth/token/lookup-self')
  if (result.status !== 200) want403P(result)
}

/** A mount of the jwt method with its own key. */
export class JwtMount {
  readonly path: string
  readonly #root: ApiClient
  readonly #keys: JwtMaker

  constructor(root: ApiClient, path: string, keys: JwtMaker) {
    this.#root = root
    this.path = path
    this.#keys = keys
  }

  role(name: string, settings: object = {}): Promise<ApiResult> {
    return this.#root.write(`auth/${this.path}/role/${name}`, {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: ['vault'],
      ...settings,
    })
  }

  async mustRole(name: string, settings: object = {}): Promise<void> {
    const result = await this.role(name, settings)
    assert.ok(result.status < 300, result.text)
  }

  jwt(subject: string): string {
    return this.sign({ sub: subject })
  }

  sign(claims: Readonly<Record<string, unknown>>): string {
    return this.#keys.sign({ iss: 'https://iss/', aud: 'vault', ...claims })
  }

  login(role: string, subject = 'alice', headers: Record<string, string> = {}): Promise<ApiResult> {
    const body = { role, jwt: this.jwt(subject) }
    return this.#root.as(undefined).call('POST', `auth/${this.path}/login`, body, { headers })
  }

  async mustLogin(role: string, subject = 'alice'): Promise<ApiResult> {
    const result = await this.login(role, subject)
    assert.equal(result.status, 200, result.text)
    return result
  }

  /** Logs in and gives a client with the token. */
  async client(role: string, subject = 'alice'): Promise<ApiClient> {
    const { body } = await this.mustLogin(role, subject)
    return this.#root.as(String(body.auth.client_token))
  }
}

export async function enableJwt(
  server: TestServer,
  options: { readonly path?: string; readonly config?: object; readonly root?: ApiClient } = {},
): Promise<JwtMount> {
  const path = options.path ?? 'jwt'
  const maker = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
  const root = options.root ?? server.root
  await root.must(`sys/auth/${path}`, { type: 'jwt', config: options.config ?? {} })
  await root.must(`auth/${path}/config`, {
    jwt_validation_pubkeys: [maker.pem],
    bound_issuer: 'https://iss/',
  })
  return new JwtMount(root, path, maker)
}

/** Changes a stored entity: what the identity API will do. */
export async function changeEntity(
  server: TestServer,
  id: string,
  change: Partial<EntityRecord>,
): Promise<void> {
  await server.server.core.store.write(async (txn) => {
    const record = await txn.get(keys.entity(id))
    assert.ok(record !== undefined)
    txn.put(keys.entity(id), { ...record, ...change })
  })
}

/** A listener behind which a test can come from any address. */
export function forwardingListener(): ListenerOptions {
  const loopback = parseCidr('127.0.0.0/8')
  assert.ok(loopback !== undefined)
  return tcpListener({
    host: '127.0.0.1',
    port: 0,
    forwardedFor: {
      authorized: [loopback],
      hopSkips: 0,
      rejectNotAuthorized: true,
      rejectNotPresent: false,
    },
  })
}

export function from(address: string): { readonly headers: Record<string, string> } {
  return { headers: { 'X-Forwarded-For': address } }
}

/** A token of these policies with its answer's `auth`. */
export async function create(
  by: ApiClient,
  body: object,
): Promise<{
  readonly client: ApiClient
  readonly auth: Auth
  readonly warnings: readonly string[]
}> {
  const { body: answer } = await by.must('auth/token/create', body)
  return {
    client: by.as(String(answer.auth.client_token)),
    auth: answer.auth,
    warnings: answer.warnings ?? [],
  }
}

export interface Auth {
  readonly client_token: string
  readonly accessor: string
  readonly policies: readonly string[]
  readonly token_policies?: readonly string[]
  readonly identity_policies?: readonly string[]
  readonly metadata: Record<string, string> | null
  readonly lease_duration: number
  readonly renewable: boolean
  readonly entity_id: string
  readonly token_type: string
  readonly orphan: boolean
  readonly num_uses: number
}
