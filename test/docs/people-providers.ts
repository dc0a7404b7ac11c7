/** Providers of people as their documents describe them: one person's claims, what is asked at further addresses, and what goes wrong with each. */

import { generateKeyPairSync } from 'node:crypto'
import type { DirectoryQuestion, DirectoryReply } from '../harness/directory-stand-in.ts'
import type { ProviderOptions, ProviderStandIn } from '../harness/provider-stand-in.ts'
import type { ReaderFolder } from './guide.ts'

type Claims = Readonly<Record<string, unknown>>

/** What is different at a sign-in that must fail. */
export interface WrongSignIn {
  readonly person?: Claims
  readonly userInfo?: Claims
  /** Header members of the ID token. */
  readonly header?: Readonly<Record<string, unknown>>
  readonly clientSecret?: string
  readonly more?: (question: DirectoryQuestion) => DirectoryReply | undefined
  /** Members laid over the configuration of the mount; undefined takes one away. */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface PeopleProvider {
  readonly page: string
  readonly options: ProviderOptions
  readonly person: Claims
  readonly userInfo?: Claims
  readonly more?: (question: DirectoryQuestion) => DirectoryReply | undefined
  readonly moved?: (folder: ReaderFolder) => readonly (readonly [string, string])[]
  readonly prepare?: (folder: ReaderFolder, provider: ProviderStandIn) => void
  /** Members of `provider_config` that a read of it does not show. */
  readonly hidden?: (folder: ReaderFolder) => object
  /** By the reason that each is refused with. */
  readonly wrong: Readonly<Record<string, WrongSignIn>>
}

const wrongSecret = { clientSecret: 'of last year' }

const keycloak: PeopleProvider = {
  page: 'keycloak',
  options: { issuer: 'https://id.example.com/realms/acme' },
  person: {
    sub: '248289e4-9f1c-4b7a-8c55-3d1f0a2b4c01',
    typ: 'ID',
    azp: 'tokenstile',
    preferred_username: 'dora',
    email_verified: true,
    roles: ['vault-users', 'offline_access'],
  },
  wrong: {
    code_exchange_failed: wrongSecret,
    groups_missing: { person: { roles: undefined } },
    claim_mismatch: { person: { roles: ['offline_access'] } },
    metadata_missing: { person: { preferred_username: undefined } },
  },
}

const okta: PeopleProvider = {
  page: 'okta',
  options: { issuer: 'https://acme.okta.com' },
  // The thin ID token; the rest is in user info.
  person: { sub: '00u1dora5d7', ver: 1, amr: ['pwd'], idp: '00o1acme5d7' },
  userInfo: { email: 'dora@example.com', groups: ['00g1vaultusers5d7'] },
  wrong: {
    issuer_mismatch: { person: { iss: 'https://acme.okta.com/oauth2/default' } },
    groups_missing: { userInfo: { email: 'dora@example.com' } },
    claim_mismatch: { userInfo: { email: 'dora@example.com', groups: ['00g1other5d7'] } },
    algorithm_refused: { header: { alg: 'ES256' } },
    code_exchange_failed: wrongSecret,
  },
}

const tenant = '1b2c3d4e-5f60-4718-92a3-b4c5d6e7f801'
const entraGroup = '3d4e5f60-7182-493a-b4c5-d6e7f8091a23'
const manyGroups = {
  groups: undefined,
  _claim_names: { groups: 'src1' },
  _claim_sources: {
    src1: { endpoint: `https://graph.windows.net/${tenant}/users/oid/getMemberObjects` },
  },
}
const entra: PeopleProvider = {
  page: 'entra',
  options: {
    issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
    moreHosts: ['graph.microsoft.com'],
  },
  person: {
    sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
    oid: '4e5f6071-8293-4a4b-85c6-e7f8091a2b34',
    tid: tenant,
    ver: '2.0',
    preferred_username: 'dora@example.com',
    ...manyGroups,
  },
  more: ({ url, authorization }) =>
    url.host === 'graph.microsoft.com' && authorization === 'Bearer access-token-of-the-person'
      ? { body: { value: [entraGroup] } }
      : undefined,
  wrong: {
    code_exchange_failed: wrongSecret,
    groups_missing: {
      person: { _claim_names: undefined, _claim_sources: undefined },
      config: { provider_config: undefined },
    },
    claim_mismatch: { person: { groups: ['5f607182-93a4-4b5c-96d7-f8091a2b3c45'] } },
    provider_failed: { more: () => ({ status: 403, body: { error: { code: 'Forbidden' } } }) },
    groups_truncated: { config: { provider_config: undefined } },
  },
}

function googleDirectory({ url, authorization }: DirectoryQuestion): DirectoryReply | undefined {
  if (url.host === 'oauth2.googleapis.com') {
    return { body: { access_token: 'directory-token', token_type: 'Bearer', expires_in: 3600 } }
  }
  if (url.host !== 'admin.googleapis.com') return undefined
  if (authorization !== 'Bearer directory-token') return { status: 401, body: {} }
  const isPerson = url.searchParams.get('userKey') === '110169484474386276334'
  return { body: { groups: isPerson ? [{ email: 'platform@example.com' }] : [] } }
}

const google: PeopleProvider = {
  page: 'google-workspace',
  options: {
    issuer: 'https://accounts.google.com',
    keysAt: 'https://accounts.google.com/oauth2/v3/certs',
    moreHosts: ['oauth2.googleapis.com', 'admin.googleapis.com'],
  },
  person: {
    sub: '110169484474386276334',
    hd: 'example.com',
    email: 'dora@example.com',
    email_verified: true,
  },
  more: googleDirectory,
  moved: (folder) => [['/etc/tokenstile/workspace.json', folder.at('workspace.json')]],
  hidden: (folder) => ({ gsuite_service_account: folder.at('workspace.json') }),
  prepare: (folder) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const account = {
      type: 'service_account',
      client_email: 'reader@acme.iam.gserviceaccount.com',
      private_key_id: 'k1',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: 'https://oauth2.googleapis.com/token',
    }
    folder.write('workspace.json', JSON.stringify(account))
  },
  wrong: {
    provider_failed: { more: () => ({ status: 403, body: { error: 'unauthorized_client' } }) },
    claim_missing: { person: { hd: undefined } },
    claim_mismatch: { person: { hd: 'other.example.com' } },
    code_exchange_failed: wrongSecret,
  },
}

const rolesClaim = 'https://tokens.example.com/roles'
const auth0: PeopleProvider = {
  page: 'auth0',
  options: {
    issuer: 'https://acme.eu.auth0.com/',
    keysAt: 'https://acme.eu.auth0.com/.well-known/jwks.json',
  },
  person: {
    sub: 'auth0|64b7f0c2e1a4d9b3c8f70a12',
    sid: 'H8q3vT',
    org_id: 'org_9ybsU1dN2dKfDkBi',
    email: 'dora@example.com',
    [rolesClaim]: ['vault-users'],
  },
  wrong: {
    groups_missing: { person: { [rolesClaim]: undefined } },
    claim_missing: { person: { org_id: undefined } },
    claim_mismatch: { person: { [rolesClaim]: ['others'] } },
    algorithm_refused: { header: { alg: 'HS256' } },
    code_exchange_failed: wrongSecret,
  },
}

export const peopleProviders: readonly PeopleProvider[] = [keycloak, okta, entra, google, auth0]
