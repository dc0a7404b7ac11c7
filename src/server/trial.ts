/**
 * What `npm start` sets up through the server's own API: mounts, a role, policies, a secret; and
 * one real login.
 */

import type { SealPort } from '../core/ports/system-ports.ts'
import { Refusal } from '../framework/refusal.ts'
import {
  isJsonArray,
  isJsonObject,
  member,
  parseJson,
  requestJsonLimits,
  type JsonObject,
} from '../lib/json.ts'
import { cliRedirectUri } from '../oidc/redirect-uri.ts'
import type { Outbound } from '../platform/outbound.ts'
import { defaultClient } from '../practice-idp/clients.ts'
import type { PracticeIdp } from '../practice-idp/practice-idp.ts'
import { initialise } from '../sys/seal-paths.ts'
import { dataOf, localCall, type LocalApi } from './local-call.ts'

export const trialRootToken = 'root'

const readerPolicy = `# Reads the demo secret and nothing else.
path "secret/data/demo" {
  capabilities = ["read"]
}
`

const deployerPolicy = `# What the demo workload may do.
path "secret/data/demo" {
  capabilities = ["read"]
}
path "secret/data/deploy/*" {
  capabilities = ["create", "read", "update"]
}
`

/** Makes what is missing; a second start changes only the addresses that moved. */
export async function prepareTrial(
  core: LocalApi & SealPort,
  places: { readonly url: string; readonly issuer: string },
): Promise<void> {
  if (!(await core.seal.isInitialized())) await makeFirst(core)
  const token = trialRootToken
  const write = (path: string, data: JsonObject) =>
    localCall(core, { verb: 'write', path, data, token })
  const mounts = dataOf(await localCall(core, { verb: 'read', path: 'sys/auth', token })) ?? {}
  if (member(mounts, 'jwt/') === undefined) {
    await write('sys/auth/jwt', { type: 'jwt', description: 'workloads' })
    await write('sys/mounts/secret', {
      type: 'kv',
      description: 'key/value secret storage',
      options: { version: '2' },
    })
    await write('sys/policies/acl/reader', { policy: readerPolicy })
    await write('sys/policies/acl/deployer', { policy: deployerPolicy })
    await write('secret/data/demo', { data: { greeting: 'hello from tokenstile' } })
  }
  if (member(mounts, 'oidc/') === undefined) {
    await write('sys/auth/oidc', {
      type: 'oidc',
      description: 'Demo IdP',
      config: { listing_visibility: 'unauth' },
    })
  }
  await preparePeople(write, places)
  await write('auth/jwt/config', { oidc_discovery_url: places.issuer, default_role: 'ci-demo' })
  await write('auth/jwt/role/ci-demo', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [places.url],
    bound_claims: { repository_owner_id: '12345', environment: 'production' },
    claim_mappings: { repository: 'repository', ref: 'ref' },
    token_policies: ['deployer'],
    token_ttl: '15m',
  })
}

type Write = (path: string, data: JsonObject) => Promise<unknown>

/**
 * Where the browser of a person may come back to: the pages of this server, and the command line.
 */
async function preparePeople(
  write: Write,
  { url, issuer }: { readonly url: string; readonly issuer: string },
): Promise<void> {
  const { client_id, client_secret = '' } = defaultClient
  await write('auth/oidc/config', {
    oidc_discovery_url: issuer,
    oidc_client_id: client_id,
    oidc_client_secret: client_secret,
    default_role: 'people',
  })
  const servers = [url, url.replace('127.0.0.1', 'localhost')]
  const person = {
    role_type: 'oidc',
    user_claim: 'email',
    groups_claim: 'groups',
    claim_mappings: { name: 'name' },
    oidc_scopes: ['profile', 'email', 'groups'],
    token_policies: ['reader'],
    token_ttl: '1h',
  }
  await write('auth/oidc/role/people-device', { ...person, callback_mode: 'device' })
  await write('auth/oidc/role/people-direct', {
    ...person,
    callback_mode: 'direct',
    allowed_redirect_uris: servers.map((server) => `${server}/v1/auth/oidc/oidc/callback`),
  })
  await write('auth/oidc/role/people', {
    ...person,
    allowed_redirect_uris: [
      ...servers.map((server) => `${server}/ui/vault/auth/oidc/oidc/callback`),
      cliRedirectUri,
      cliRedirectUri.replace('localhost', '127.0.0.1'),
    ],
  })
}

async function makeFirst(core: LocalApi & SealPort): Promise<void> {
  const made = await initialise(core, {})
  await localCall(core, {
    verb: 'write',
    path: 'auth/token/create',
    token: made.rootToken,
    data: { id: trialRootToken, policies: ['root'], no_parent: true, display_name: 'root' },
  })
  await localCall(core, { verb: 'write', path: 'auth/token/revoke-self', token: made.rootToken })
}

export interface TrialLogin {
  readonly policy: string
  readonly ttlSeconds: number
  readonly entity: string
}

/** A login as a workload makes it: over the socket, with a token that the provider signed. */
export async function firstLogin(parts: {
  readonly outbound: Outbound
  readonly url: string
  readonly idp: PracticeIdp
}): Promise<TrialLogin> {
  const jwt = parts.idp.mint({ aud: parts.url }, { template: 'github_immutable' })
  const answer = await parts.outbound.send({
    method: 'POST',
    url: `${parts.url}/v1/auth/jwt/login`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'ci-demo', jwt }),
    caPem: '',
    acceptedServerNames: [],
    toleratedCriticalExtensions: [],
    timeoutMs: 5000,
    bodyBytesMax: 65_536,
  })
  const body = parseJson(answer.body, requestJsonLimits)
  const auth = body.ok && isJsonObject(body.value) ? member(body.value, 'auth') : undefined
  if (answer.status !== 200 || !isJsonObject(auth)) {
    throw new Refusal('internal', {
      text: `the first JWT login was refused: ${answer.body.slice(0, 500)}`,
    })
  }
  const policies = member(auth, 'policies')
  const names = isJsonArray(policies) ? policies.filter((name) => name !== 'default') : []
  return {
    policy: names.join(', '),
    ttlSeconds: Number(member(auth, 'lease_duration') ?? 0),
    entity: String(member(auth, 'entity_id') ?? ''),
  }
}
