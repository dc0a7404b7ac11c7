/** A house that publishes key sets, and mounts of a real server that trust them. */

import assert from 'node:assert/strict'
import { signatureAlgorithms } from '../../src/jose/algorithms.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { claims } from '../jose/sample-tokens.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'

export interface PublishedKeys {
  readonly server: TestServer
  readonly house: RunningServer
  /** Publishes those keys and makes a mount for them; its role `plain` takes the sample claims. */
  mount(name: string, keys: readonly object[]): Promise<void>
  login(mount: string, jwt: string): Promise<ApiResult>
  stop(): Promise<void>
}

/** Its clock stands a minute before the sample claims end. */
export async function publishKeys(): Promise<PublishedKeys> {
  const documents = new Map<string, string>()
  const house = await startServer((request, response) => {
    sendText(response, documents.get(request.url ?? '') ?? '{"keys":[]}')
  })
  const server = await startTestServer({ clock: new ManualClock((claims.exp - 60) * 1000) })
  return {
    server,
    house,
    mount: async (name, keys) => {
      documents.set(`/${name}`, JSON.stringify({ keys }))
      await trust(server.root, name, `${house.url}/${name}`)
    },
    login: (mount, jwt) => server.client().write(`auth/${mount}/login`, { role: 'plain', jwt }),
    stop: async () => {
      await server.stop()
      await house.close()
    },
  }
}

async function trust(root: ApiClient, mount: string, jwks_url: string): Promise<void> {
  await root.must(`sys/auth/${mount}`, { type: 'jwt' })
  await root.must(`auth/${mount}/config`, {
    jwks_url,
    bound_issuer: claims.iss,
    jwt_supported_algs: signatureAlgorithms,
  })
  await root.must(`auth/${mount}/role/plain`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [claims.aud],
    token_policies: ['reader'],
  })
}

/** Accepted with a token, or refused with 400, a text, and nothing else. */
export function wantVerdict(result: ApiResult, isAccepted: boolean, what: string): void {
  const note = `${what}: ${result.status} ${result.text.slice(0, 300)}`
  assert.equal(result.status, isAccepted ? 200 : 400, note)
  assert.equal(typeof result.body.auth?.client_token === 'string', isAccepted, note)
  if (!isAccepted) assert.ok(result.body.errors.length > 0, note)
}
