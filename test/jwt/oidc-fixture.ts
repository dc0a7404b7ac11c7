/** What the tests of sign-ins share: a mount on a real server with a scripted provider, and the catalogue's role O. */

import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer, type TestServerOptions } from '../harness/test-server.ts'

export const redirectUri = 'https://example.com'

export const roleO = {
  role_type: 'oidc',
  user_claim: 'email',
  allowed_redirect_uris: [redirectUri],
  claim_mappings: { COLOR: 'color', '/nested/Size': 'size' },
  groups_claim: '/nested/Groups',
  token_ttl: '3m',
  token_num_uses: 10,
  token_max_ttl: '5m',
  bound_claims: { password: 'foo', sk: '42', '/nested/secret_code': 'bar', temperature: '76' },
  oauth2_metadata: ['id_token'],
}

let addresses = 1

/** A loopback address that nobody had: sign-ins of one that lead to nothing are soon refused. */
export function nextAddress(): string {
  return `127.0.0.${++addresses}`
}

export interface SignInSetup {
  readonly server: TestServer
  readonly idp: ScriptedProvider
  readonly root: ApiClient
  readonly mount: string
  readonly config: Readonly<Record<string, unknown>>
  /** Writes a role; gives its name. */
  role(more?: object, base?: object): Promise<string>
  configure(more?: object): Promise<void>
  authUrl(role: string, more?: object): Promise<ApiResult>
  /** The address of the sign-in, for a role that allows it. */
  begin(role: string, more?: object): Promise<{ code: string; state: string; authUrl: string }>
  /** From another loopback address when one is given. */
  callback(parameters: Readonly<Record<string, string>>, from?: string): Promise<ApiResult>
  post(parameters: Readonly<Record<string, string>>): Promise<ApiResult>
  poll(body: object): Promise<ApiResult>
  stop(): Promise<void>
}

export async function setUpSignIn(options: TestServerOptions = {}): Promise<SignInSetup> {
  const idp = await new ScriptedProvider().start()
  const server = await startTestServer(options)
  const { root } = server
  const mount = 'oidc'
  const config = {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: idp.clientId,
    oidc_client_secret: idp.clientSecret,
    jwt_supported_algs: ['ES256'],
    default_role: 'test',
    bound_issuer: 'http://unrelated.test/',
  }
  await root.must(`sys/auth/${mount}`, { type: 'oidc' })
  await root.must(`auth/${mount}/config`, config)
  let roles = 0
  const client = server.client()
  const authUrl = (role: string, more: object = {}) =>
    client.write(`auth/${mount}/oidc/auth_url`, { role, redirect_uri: redirectUri, ...more })
  return {
    server,
    idp,
    root,
    mount,
    config,
    role: async (more = {}, base = roleO) => {
      const name = `r${++roles}`
      await root.must(`auth/${mount}/role/${name}`, { ...base, ...more })
      return name
    },
    configure: async (more = {}) => {
      await root.must(`auth/${mount}/config`, { ...config, ...more })
    },
    authUrl,
    begin: async (role, more = {}) => {
      const answer = await authUrl(role, more)
      const url = String(answer.body.data.auth_url)
      if (url === '') throw new Error(`no authorization URL: ${answer.text}`)
      return { ...idp.authorize(url), authUrl: url }
    },
    callback: (parameters, from = '127.0.0.1') =>
      client
        .from(from)
        .read(`auth/${mount}/oidc/callback?${new URLSearchParams(parameters).toString()}`),
    post: (parameters) =>
      client.call('POST', `auth/${mount}/oidc/callback`, undefined, {
        raw: new URLSearchParams(parameters).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }),
    poll: (body) => client.write(`auth/${mount}/oidc/poll`, body),
    stop: async () => {
      await server.stop()
      await idp.stop()
    },
  }
}
