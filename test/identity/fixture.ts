/** A server with jwt mounts whose logins bring groups, and the calls of the identity API. */

import assert from 'node:assert/strict'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker, type JwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../harness/test-server.ts'

/** What the role of a test has beside what all have. */
export interface RoleSettings {
  readonly [field: string]: unknown
}

export class GroupMount {
  readonly path: string
  readonly accessor: string
  readonly #root: ApiClient
  readonly #keys: JwtMaker

  constructor(root: ApiClient, path: string, accessor: string, keys: JwtMaker) {
    this.path = path
    this.accessor = accessor
    this.#root = root
    this.#keys = keys
  }

  /** Groups of a login are those of all tokens of the entity, as in the references. */
  role(name: string, settings: RoleSettings = {}): Promise<ApiResult> {
    return this.#root.must(`auth/${this.path}/role/${name}`, {
      role_type: 'jwt',
      user_claim: 'sub',
      groups_claim: 'groups',
      bound_audiences: ['vault'],
      identity_mode: 'entity',
      ...settings,
    })
  }

  login(subject: string, groups: readonly string[] = [], role = 'r'): Promise<ApiResult> {
    const claims = { iss: 'https://iss/', sub: subject, aud: 'vault', groups }
    const body = { role, jwt: this.#keys.sign(claims) }
    return this.#root.as(undefined).write(`auth/${this.path}/login`, body)
  }

  /** Claims of the caller's own choice. */
  loginWith(claims: object, role: string): Promise<ApiResult> {
    const body = { role, jwt: this.#keys.sign({ iss: 'https://iss/', aud: 'vault', ...claims }) }
    return this.#root.as(undefined).write(`auth/${this.path}/login`, body)
  }

  async mustLogin(subject: string, groups: readonly string[] = [], role = 'r'): Promise<LoggedIn> {
    const result = await this.login(subject, groups, role)
    assert.equal(result.status, 200, result.text)
    // Nothing is left out where nothing is added.
    const auth = { identity_policies: [], ...result.body.auth }
    return { auth, entity: auth.entity_id, client: this.#root.as(auth.client_token) }
  }
}

export interface LoggedIn {
  readonly auth: {
    readonly client_token: string
    readonly entity_id: string
    readonly policies: readonly string[]
    readonly token_policies: readonly string[]
    readonly identity_policies: readonly string[]
  }
  readonly entity: string
  readonly client: ApiClient
}

export class IdentityServer {
  readonly server: TestServer
  readonly root: ApiClient

  constructor(server: TestServer) {
    this.server = server
    this.root = server.root
  }

  stop(): Promise<void> {
    return this.server.stop()
  }

  async mount(path: string, config: object = {}): Promise<GroupMount> {
    const keys = makeJwtMaker('key', () => Math.floor(this.server.clock.nowMs() / 1000))
    await this.root.must(`sys/auth/${path}`, { type: 'jwt', config })
    await this.root.must(`auth/${path}/config`, {
      jwt_validation_pubkeys: [keys.pem],
      bound_issuer: 'https://iss/',
    })
    const { accessor } = (await this.root.read(`sys/auth/${path}`)).body.data
    const mount = new GroupMount(this.root, path, accessor, keys)
    await mount.role('r')
    return mount
  }

  /** A policy that lets read one path of a store. */
  async policy(name: string, path = `secret/data/${name}`): Promise<string> {
    await this.root.must(`sys/policies/acl/${name}`, {
      policy: `path "${path}" { capabilities = ["read"] }`,
    })
    return name
  }

  /** The id of a new entity or group. */
  async made(path: string, body: object = {}): Promise<string> {
    const { status, text, body: answer } = await this.root.write(`identity/${path}`, body)
    assert.equal(status, 200, text)
    return String(answer.data.id)
  }

  entity(body: object = {}): Promise<string> {
    return this.made('entity', body)
  }

  group(body: object = {}): Promise<string> {
    return this.made('group', body)
  }

  /** An external group that this name of the mount belongs to. */
  async external(mount: GroupMount, name: string, policies: readonly string[]): Promise<string> {
    const id = await this.group({ name: `${mount.path}-${name}`, type: 'external', policies })
    await this.made('group-alias', { name, mount_accessor: mount.accessor, canonical_id: id })
    return id
  }

  /** `data` of an answer, into which tests look freely. */
  async read(path: string): Promise<ApiResult['body']> {
    const { status, text, body } = await this.root.read(`identity/${path}`)
    assert.equal(status, 200, `${path}: ${text}`)
    return body.data
  }

  async members(group: string): Promise<readonly string[]> {
    return (await this.read(`group/id/${group}`)).member_entity_ids ?? []
  }

  /** What identity adds to the token now. */
  async added(client: ApiClient): Promise<readonly string[]> {
    const { status, text, body } = await client.read('auth/token/lookup-self')
    assert.equal(status, 200, text)
    return body.data.identity_policies ?? []
  }
}

export async function startIdentity(options: TestServerOptions = {}): Promise<IdentityServer> {
  return new IdentityServer(await startTestServer(options))
}
