/**
 * The requests of Terraform's vault provider, and what it compares (platform.md §10.6): after an
 * apply each argument is read back, and one that differs from what was written is a change in the
 * next plan.
 */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'

const clock = manualClock()
const key = makeJwtMaker()
let server: TestServer
let folder: string

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-terraform-'))
  server = await startTestServer({ clock, audit: { mayCreate: true } })
})

after(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Resource {
  /** What an apply sends, in order. */
  readonly apply: readonly Sent[]
  /** Where its read looks; given the answers of the apply. */
  readonly read: readonly Looked[]
  /** What a destroy sends. */
  readonly destroy?: (answers: readonly ApiResult[]) => string
}

type Sent = readonly [verb: string, path: string, body?: object]

interface Looked {
  readonly at: (answers: readonly ApiResult[]) => Sent
  /** Arguments as the state has them, by their place in the answer's data. */
  readonly same: object
  /** Members that would be read into the state, and must not be there. */
  readonly absent?: readonly string[]
}

async function send(client: ApiClient, [verb, path, body]: Sent): Promise<ApiResult> {
  const answer = await client.call(verb, path, body, { headers: { 'X-Vault-Request': 'true' } })
  assert.ok(answer.status < 300, `${verb} ${path}: ${answer.status} ${answer.text}`)
  return answer
}

/** Applies it, plans twice, changes nothing, applies again, plans once more, and destroys it. */
async function settles(client: ApiClient, { apply, read, destroy }: Resource): Promise<void> {
  const answers: ApiResult[] = []
  for (const each of apply) answers.push(await send(client, each))
  for (let plan = 0; plan < 2; plan++) await plans(client, read, answers)
  if (destroy === undefined) return
  await send(client, ['DELETE', destroy(answers)])
  const [first] = read
  if (first === undefined) return
  const [verb, path, body] = first.at(answers)
  const gone = await client.call(verb, path, body)
  const isGone = gone.status === 404 || gone.status === 204 || gone.status === 403
  assert.ok(isGone || !gone.text.includes(path), `${path} is still there: ${gone.text}`)
}

async function plans(
  client: ApiClient,
  read: Resource['read'],
  answers: readonly ApiResult[],
): Promise<void> {
  for (const { at, same, absent = [] } of read) {
    const place = at(answers)
    const { body } = await send(client, place)
    const data = body.data ?? body
    for (const [name, value] of Object.entries(same)) {
      assert.deepEqual(pathOf(data, name), value, `${place[1]}: ${name}`)
    }
    for (const name of absent) assert.ok(!(name in data), `${place[1]}: ${name}`)
  }
}

/** A member, or one of a member: `config|default_lease_ttl`. */
function pathOf(data: unknown, name: string): unknown {
  return name
    .split('|')
    .reduce<unknown>((value, part) => (value as Record<string, unknown> | null)?.[part], data)
}

function settled(name: string, resource: () => Resource): void {
  void test(`CLT-30: ${name}: what was applied is what the next plan finds`, () =>
    settles(server.root, resource()))
}

const read =
  (path: string): Looked['at'] =>
  () => ['GET', path]
/** As the provider reads it; more than three numbers, or words, stop it. */
const semver = /^1\.\d+\.\d+(?:\+([\w.]+))?$/

const tokenDefaults = {
  token_ttl: 0,
  token_max_ttl: 0,
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_num_uses: 0,
  token_no_default_policy: false,
  token_bound_cidrs: [],
  token_policies: [],
}

describe('provider', () => {
  test('CLT-28: it starts: version, its own token, a child that dies within twenty minutes', async () => {
    const seal = await send(server.client(), ['GET', 'sys/seal-status'])
    assert.match(seal.body.version, semver)
    const self = await send(server.root, ['GET', 'auth/token/lookup-self'])
    assert.ok(Array.isArray(self.body.data.policies))
    const child = await send(server.root, [
      'POST',
      'auth/token/create',
      { display_name: 'terraform', ttl: '1200s', explicit_max_ttl: '1200s', renewable: false },
    ])
    const { client_token: token, lease_duration: seconds, renewable } = child.body.auth
    assert.deepEqual([seconds, renewable], [1200, false])
    // An empty plan ends here, and the token is not revoked.
    assert.equal((await server.client(token).read('auth/token/lookup-self')).status, 200)
    clock.advance(1_201_000)
    assert.equal((await server.client(token).read('auth/token/lookup-self')).status, 403)
  })

  test('CLT-29: who may make no child is told so, and works without one', async () => {
    await server.root.must('sys/policies/acl/narrow', {
      policy: 'path "kv/*" { capabilities = ["read"] }',
    })
    const made = await server.root.must('auth/token/create', {
      policies: ['narrow'],
      no_default_policy: true,
    })
    const narrow = server.client(made.body.auth.client_token)
    const refused = await narrow.write('auth/token/create', { display_name: 'terraform' })
    assert.equal(refused.status, 403)
    assert.match(refused.headers['content-type'] ?? '', /^application\/json$/)
    assert.match(refused.body.errors.join(' '), /permission denied/)
    await server.root.must('sys/mounts/kv', { type: 'kv' })
    await server.root.must('kv/app', { a: 'b' })
    assert.equal((await send(narrow, ['GET', 'kv/app'])).body.data.a, 'b')
    await server.root.remove('sys/mounts/kv')
  })

  test('CLT-31: the version is semantic, with no suffix that a provider takes for Enterprise', async () => {
    const { body } = await server.client().read('sys/seal-status')
    const [, metadata = ''] = semver.exec(body.version) ?? assert.fail(body.version)
    assert.doesNotMatch(metadata, /ent/)
  })
})

describe('policies and mounts', () => {
  const policy = 'path "secret/data/*" {\n  capabilities = ["read"]\n}\n'
  settled('vault_policy', () => ({
    apply: [['PUT', 'sys/policies/acl/team', { policy }]],
    read: [{ at: read('sys/policies/acl/team'), same: { name: 'team', policy } }],
    destroy: () => 'sys/policies/acl/team',
  }))

  settled('vault_mount', () => ({
    apply: [
      [
        'POST',
        'sys/mounts/apps',
        {
          type: 'kv',
          description: 'of the apps',
          config: {
            default_lease_ttl: '3600s',
            max_lease_ttl: '86400s',
            audit_non_hmac_request_keys: ['data'],
            audit_non_hmac_response_keys: ['data'],
            force_no_cache: false,
            listing_visibility: 'unauth',
            passthrough_request_headers: ['X-Own'],
            allowed_response_headers: ['X-Own'],
          },
          options: { version: '2' },
          local: false,
          seal_wrap: false,
          external_entropy_access: false,
        },
      ],
    ],
    read: [
      {
        at: read('sys/mounts'),
        same: {
          'apps/|type': 'kv',
          'apps/|description': 'of the apps',
          'apps/|config|default_lease_ttl': 3600,
          'apps/|config|max_lease_ttl': 86_400,
          'apps/|config|audit_non_hmac_request_keys': ['data'],
          'apps/|config|audit_non_hmac_response_keys': ['data'],
          'apps/|config|listing_visibility': 'unauth',
          'apps/|config|passthrough_request_headers': ['X-Own'],
          'apps/|config|allowed_response_headers': ['X-Own'],
          'apps/|options': { version: '2' },
          'apps/|local': false,
          'apps/|seal_wrap': false,
          'apps/|external_entropy_access': false,
        },
      },
      {
        at: read('sys/mounts/apps'),
        same: { type: 'kv', 'config|default_lease_ttl': 3600, options: { version: '2' } },
      },
      {
        at: read('sys/mounts/apps/tune'),
        same: { default_lease_ttl: 3600, max_lease_ttl: 86_400, description: 'of the apps' },
      },
    ],
    destroy: () => 'sys/mounts/apps',
  }))

  settled('a changed vault_mount', () => ({
    apply: [
      ['POST', 'sys/mounts/old', { type: 'kv', description: 'a', options: { version: '1' } }],
      [
        'POST',
        'sys/mounts/old/tune',
        {
          default_lease_ttl: '7200s',
          max_lease_ttl: '7200s',
          description: 'b',
          audit_non_hmac_request_keys: [],
          listing_visibility: '',
        },
      ],
      ['POST', 'sys/remount', { from: 'old', to: 'new' }],
    ],
    read: [
      {
        at: read('sys/mounts'),
        same: {
          'new/|description': 'b',
          'new/|config|default_lease_ttl': 7200,
          'new/|config|max_lease_ttl': 7200,
          'new/|options': { version: '1' },
        },
      },
    ],
    destroy: () => 'sys/mounts/new',
  }))

  settled('vault_auth_backend', () => ({
    apply: [
      [
        'POST',
        'sys/auth/people',
        {
          type: 'userpass',
          description: 'by password',
          config: {
            default_lease_ttl: '',
            listing_visibility: 'unauth',
            token_type: 'default-service',
          },
          local: false,
          seal_wrap: false,
        },
      ],
      [
        'POST',
        'sys/mounts/auth/people/tune',
        { default_lease_ttl: '1h', max_lease_ttl: '2h', listing_visibility: 'unauth' },
      ],
    ],
    read: [
      {
        at: read('sys/auth'),
        same: {
          'people/|type': 'userpass',
          'people/|description': 'by password',
          'people/|local': false,
          'people/|config|listing_visibility': 'unauth',
          'people/|config|token_type': 'default-service',
        },
      },
      { at: read('sys/mounts/auth/people/tune'), same: { default_lease_ttl: 3600 } },
    ],
    destroy: () => 'sys/auth/people',
  }))
})

describe('kv', () => {
  before(async () => {
    await server.root.must('sys/mounts/k1', { type: 'kv', options: { version: '1' } })
    await server.root.must('sys/mounts/k2', { type: 'kv', options: { version: '2' } })
  })

  settled('vault_kv_secret', () => ({
    apply: [['PUT', 'k1/app', { zip: 'zap', n: 1, on: true }]],
    read: [{ at: read('k1/app'), same: { zip: 'zap', n: 1, on: true } }],
    destroy: () => 'k1/app',
  }))

  settled('vault_kv_secret_v2', () => ({
    apply: [
      ['POST', 'k2/data/app', { data: { zip: 'zap' }, options: { cas: 0 } }],
      [
        'POST',
        'k2/metadata/app',
        {
          cas_required: false,
          max_versions: 5,
          delete_version_after: '3600s',
          custom_metadata: { a: 'b' },
        },
      ],
    ],
    read: [
      {
        at: read('k2/data/app'),
        same: {
          data: { zip: 'zap' },
          'metadata|version': 1,
          'metadata|destroyed': false,
          'metadata|custom_metadata': { a: 'b' },
        },
      },
      {
        at: read('k2/metadata/app'),
        same: {
          cas_required: false,
          max_versions: 5,
          delete_version_after: '1h0m0s',
          custom_metadata: { a: 'b' },
        },
      },
    ],
    destroy: () => 'k2/metadata/app',
  }))

  settled('vault_kv_secret_backend_v2', () => ({
    apply: [
      ['POST', 'k2/config', { max_versions: 7, cas_required: true, delete_version_after: '0s' }],
    ],
    read: [
      {
        at: read('k2/config'),
        same: { max_versions: 7, cas_required: true, delete_version_after: '0s' },
      },
    ],
  }))

  settled('vault_generic_secret', () => ({
    apply: [['PUT', 'k1/generic', { text: 'a', list: ['b', 'c'], deep: { d: 1.5 } }]],
    read: [{ at: read('k1/generic'), same: { text: 'a', list: ['b', 'c'], deep: { d: 1.5 } } }],
    destroy: () => 'k1/generic',
  }))
})

describe('jwt and oidc', () => {
  // Lists are trimmed by the reference too.
  const pem = key.pem.trim()
  before(() => server.root.must('sys/auth/ci', { type: 'jwt' }))

  settled('vault_jwt_auth_backend', () => ({
    apply: [
      ['POST', 'sys/auth/jwt2', { type: 'jwt', description: 'jobs', local: false }],
      [
        'PUT',
        'auth/jwt2/config',
        {
          jwt_validation_pubkeys: [pem],
          bound_issuer: 'https://issuer.test',
          default_role: 'job',
          jwt_supported_algs: ['RS256'],
          provider_config: {},
        },
      ],
    ],
    read: [
      {
        at: read('auth/jwt2/config'),
        same: {
          jwt_validation_pubkeys: [pem],
          bound_issuer: 'https://issuer.test',
          default_role: 'job',
          jwt_supported_algs: ['RS256'],
          provider_config: {},
          oidc_discovery_url: '',
          oidc_client_id: '',
          oidc_response_mode: '',
          oidc_response_types: [],
          jwks_url: '',
          namespace_in_state: true,
        },
      },
    ],
    destroy: () => 'sys/auth/jwt2',
  }))

  settled('vault_jwt_auth_backend_role', () => {
    const role = {
      role_type: 'jwt',
      user_claim: 'sub',
      user_claim_json_pointer: false,
      bound_audiences: ['https://b.test', 'https://a.test'],
      bound_subject: 'job',
      bound_claims: { environment: 'production', ref: ['a', 'b'] },
      bound_claims_type: 'string',
      claim_mappings: { '/a/b': 'ab' },
      groups_claim: '/groups',
      oidc_scopes: ['groups'],
      allowed_redirect_uris: [],
      clock_skew_leeway: 60,
      expiration_leeway: 150,
      not_before_leeway: 150,
      verbose_oidc_logging: false,
      ...tokenDefaults,
      token_ttl: 900,
      token_max_ttl: 1800,
      token_policies: ['b', 'a'],
      token_bound_cidrs: ['10.0.0.0/8', '127.0.0.1'],
      token_num_uses: 3,
      token_type: 'service',
    }
    return {
      apply: [['PUT', 'auth/ci/role/job', role]],
      read: [{ at: read('auth/ci/role/job'), same: role }],
      destroy: () => 'auth/ci/role/job',
    }
  })
})

describe('userpass', () => {
  before(() => server.root.must('sys/auth/userpass', { type: 'userpass' }))

  settled('vault_generic_endpoint of a user', () => ({
    apply: [
      [
        'PUT',
        'auth/userpass/users/ann',
        { policies: ['p1', 'p2'], password: 'changeme', token_ttl: '3600' },
      ],
    ],
    // `ignore_absent_fields`: the password is never read back.
    read: [
      {
        at: read('auth/userpass/users/ann'),
        same: { policies: ['p1', 'p2'], token_policies: ['p1', 'p2'], token_ttl: 3600 },
        absent: ['password', 'password_hash', 'bcrypt_hash'],
      },
    ],
    destroy: () => 'auth/userpass/users/ann',
  }))

  settled('vault_userpass_auth_backend_user', () => ({
    apply: [
      [
        'PUT',
        'auth/userpass/users/bob',
        {
          password: 'changeme',
          ...tokenDefaults,
          token_policies: ['dev'],
          token_bound_cidrs: ['10.0.0.0/8'],
          token_type: 'default',
        },
      ],
    ],
    read: [
      {
        at: read('auth/userpass/users/bob'),
        same: {
          ...tokenDefaults,
          token_policies: ['dev'],
          token_bound_cidrs: ['10.0.0.0/8'],
          token_type: 'default',
        },
      },
    ],
    destroy: () => 'auth/userpass/users/bob',
  }))
})

describe('approle', () => {
  before(() => server.root.must('sys/auth/approle', { type: 'approle' }))

  const role = {
    bind_secret_id: true,
    secret_id_bound_cidrs: ['10.0.0.0/8'],
    secret_id_num_uses: 10,
    secret_id_ttl: 3600,
    ...tokenDefaults,
    token_policies: ['dev', 'prod'],
    token_ttl: 600,
    token_type: 'default-service',
  }

  settled('vault_approle_auth_backend_role', () => ({
    apply: [
      ['PUT', 'auth/approle/role/app', { ...role, role_name: 'app' }],
      ['PUT', 'auth/approle/role/app/role-id', { role_id: 'of-the-app' }],
    ],
    read: [
      { at: read('auth/approle/role/app'), same: role },
      { at: read('auth/approle/role/app/role-id'), same: { role_id: 'of-the-app' } },
    ],
    destroy: () => 'auth/approle/role/app',
  }))

  settled('vault_approle_auth_backend_role_secret_id', () => ({
    apply: [
      ['PUT', 'auth/approle/role/host', { token_policies: ['dev'] }],
      [
        'PUT',
        'auth/approle/role/host/secret-id',
        { cidr_list: '10.0.0.0/8,127.0.0.1/32', metadata: '{"host":"a"}', num_uses: 5, ttl: 600 },
      ],
      ['PUT', 'auth/approle/role/host/secret-id', { metadata: '{}' }],
    ],
    read: [
      {
        at: ([, made]) => [
          'PUT',
          'auth/approle/role/host/secret-id-accessor/lookup',
          { secret_id_accessor: made?.body.data.secret_id_accessor },
        ],
        same: {
          cidr_list: ['10.0.0.0/8', '127.0.0.1/32'],
          metadata: { host: 'a' },
          secret_id_num_uses: 5,
          secret_id_ttl: 600,
        },
      },
      {
        at: ([, , made]) => [
          'PUT',
          'auth/approle/role/host/secret-id-accessor/lookup',
          { secret_id_accessor: made?.body.data.secret_id_accessor },
        ],
        same: { metadata: {}, secret_id_num_uses: 0 },
      },
    ],
    destroy: () => 'auth/approle/role/host',
  }))

  test('CLT-30: vault_approle_auth_backend_role_secret_id, wrapped: the accessor stands in the answer', async () => {
    await send(server.root, ['PUT', 'auth/approle/role/wrapped', { token_policies: ['dev'] }])
    const made = await server.root.call(
      'PUT',
      'auth/approle/role/wrapped/secret-id',
      {},
      {
        headers: { 'X-Vault-Wrap-TTL': '60s' },
      },
    )
    assert.ok(made.body.wrap_info.wrapped_accessor !== undefined)
    assert.match(made.body.wrap_info.accessor, /./)
  })
})

describe('identity', () => {
  let accessor: string
  before(async () => {
    await server.root.must('sys/auth/idm', { type: 'jwt' })
    accessor = (await server.root.read('sys/auth')).body.data['idm/'].accessor
  })

  const id = (answer: ApiResult | undefined): string => answer?.body.data.id

  settled('vault_identity_entity with an alias', () => ({
    apply: [
      [
        'PUT',
        'identity/entity',
        { name: 'ann', metadata: { team: 'a' }, policies: ['p', 'q'], disabled: false },
      ],
    ],
    read: [
      {
        at: ([made]) => ['GET', `identity/entity/id/${id(made)}`],
        same: { name: 'ann', metadata: { team: 'a' }, policies: ['p', 'q'], disabled: false },
      },
      {
        at: () => ['PUT', 'identity/lookup/entity', { name: 'ann' }],
        same: { name: 'ann', policies: ['p', 'q'] },
      },
    ],
    destroy: ([made]) => `identity/entity/id/${id(made)}`,
  }))

  test('CLT-30: vault_identity_entity_alias: by its id, and found again by its mount', async () => {
    const entity = id(await send(server.root, ['PUT', 'identity/entity', { name: 'of-alias' }]))
    const alias = {
      name: 'sub-1',
      mount_accessor: accessor,
      canonical_id: entity,
      custom_metadata: {},
    }
    const made = await send(server.root, ['PUT', 'identity/entity-alias', alias])
    const at = `identity/entity-alias/id/${id(made)}`
    for (const change of [{}, { custom_metadata: { a: 'b' } }]) {
      const sent = { ...alias, ...change }
      await send(server.root, ['PUT', at, sent])
      const { data } = (await send(server.root, ['GET', at])).body
      for (const name of ['name', 'mount_accessor', 'canonical_id'] as const) {
        assert.equal(data[name], sent[name], name)
      }
      assert.deepEqual(data.custom_metadata ?? {}, sent.custom_metadata)
    }
    const found = await send(server.root, [
      'PUT',
      'identity/lookup/entity',
      { alias_name: 'sub-1', alias_mount_accessor: accessor },
    ])
    assert.equal(found.body.data.id, entity)
    await send(server.root, ['DELETE', at])
    assert.equal((await server.root.read(at)).status, 404)
  })

  settled('vault_identity_group', () => ({
    apply: [
      [
        'PUT',
        'identity/group',
        {
          name: 'team',
          type: 'internal',
          policies: ['p'],
          metadata: { version: '2' },
          member_entity_ids: [],
          member_group_ids: [],
        },
      ],
    ],
    read: [
      {
        at: ([made]) => ['GET', `identity/group/id/${id(made)}`],
        same: {
          name: 'team',
          type: 'internal',
          policies: ['p'],
          metadata: { version: '2' },
          member_entity_ids: [],
        },
      },
    ],
    destroy: ([made]) => `identity/group/id/${id(made)}`,
  }))

  test('CLT-30: vault_identity_group_policies and _member_entity_ids: read, join, write whole', async () => {
    const entity = id(await send(server.root, ['PUT', 'identity/entity', { name: 'member' }]))
    const group = id(
      await send(server.root, ['PUT', 'identity/group', { name: 'joint', type: 'internal' }]),
    )
    const at = `identity/group/id/${group}`
    await send(server.root, ['PUT', at, { policies: ['x', 'y'] }])
    await send(server.root, ['PUT', at, { member_entity_ids: [entity] }])
    const { data } = (await send(server.root, ['GET', at])).body
    assert.deepEqual([data.policies, data.member_entity_ids], [['x', 'y'], [entity]])
    assert.equal(data.name, 'joint')
  })

  test('CLT-30: vault_identity_group_alias: its group is external', async () => {
    const group = id(
      await send(server.root, ['PUT', 'identity/group', { name: 'outside', type: 'external' }]),
    )
    const alias = { name: 'platform', mount_accessor: accessor, canonical_id: group }
    const made = id(await send(server.root, ['PUT', 'identity/group-alias', alias]))
    const { data } = (await send(server.root, ['GET', `identity/group-alias/id/${made}`])).body
    for (const [name, value] of Object.entries(alias)) assert.equal(data[name], value, name)
    const whole = (await send(server.root, ['GET', `identity/group/id/${group}`])).body.data
    assert.deepEqual([whole.type, whole.alias.id], ['external', made])
    await send(server.root, ['PUT', `identity/group-alias/id/${made}`, { ...alias, name: 'new' }])
    const again = (await send(server.root, ['GET', `identity/group-alias/id/${made}`])).body.data
    assert.equal(again.name, 'new')
    await send(server.root, ['DELETE', `identity/group-alias/id/${made}`])
  })
})

describe('tokens', () => {
  settled('vault_token_auth_backend_role', () => {
    const role = {
      allowed_policies: ['dev', 'test'],
      allowed_policies_glob: ['team-*'],
      disallowed_policies: ['default'],
      disallowed_policies_glob: ['admin-*'],
      allowed_entity_aliases: ['ann'],
      orphan: true,
      renewable: true,
      path_suffix: 'suffix',
      token_period: 86_400,
      token_explicit_max_ttl: 115_200,
      token_bound_cidrs: ['10.0.0.0/8'],
      token_no_default_policy: false,
      token_num_uses: 4,
      token_type: 'default-service',
    }
    return {
      apply: [['POST', 'auth/token/roles/deploy', role]],
      read: [{ at: read('auth/token/roles/deploy'), same: role }],
      destroy: () => 'auth/token/roles/deploy',
    }
  })

  test('CLT-30: vault_token: found by its accessor, and gone when it has ended', async () => {
    await send(server.root, [
      'PUT',
      'sys/policies/acl/dev',
      { policy: 'path "a" { capabilities = ["read"] }' },
    ])
    const made = await send(server.root, [
      'POST',
      'auth/token/create-orphan',
      {
        policies: ['dev'],
        meta: { purpose: 'service' },
        ttl: '24h',
        explicit_max_ttl: '48h',
        period: '',
        display_name: 'svc',
        num_uses: 0,
        renewable: true,
        no_default_policy: false,
      },
    ])
    const { accessor, client_token: token } = made.body.auth
    const look: Sent = ['POST', 'auth/token/lookup-accessor', { accessor }]
    const { data } = (await send(server.root, look)).body
    assert.deepEqual(data.policies, ['default', 'dev'])
    assert.deepEqual(data.meta, { purpose: 'service' })
    assert.deepEqual(
      [data.display_name, data.orphan, data.renewable, data.num_uses, data.explicit_max_ttl],
      ['token-svc', true, true, 0, 172_800],
    )
    assert.equal(data.creation_ttl, 86_400)
    assert.match(data.expire_time, /^\d{4}-\d\d-\d\dT/)
    await send(server.root, ['POST', 'auth/token/revoke-accessor', { accessor }])
    const gone = await server.root.write('auth/token/lookup-accessor', { accessor })
    assert.ok(gone.status >= 400 && gone.status < 500, gone.text)
    assert.ok(!gone.text.includes(token))
  })
})

describe('operations', () => {
  settled('vault_audit', () => {
    const file_path = join(folder, 'audit.log')
    return {
      apply: [
        [
          'PUT',
          'sys/audit/trail',
          {
            type: 'file',
            description: 'all',
            local: false,
            options: { file_path, log_raw: 'false' },
          },
        ],
      ],
      read: [
        {
          at: read('sys/audit'),
          same: {
            'trail/|type': 'file',
            'trail/|path': 'trail/',
            'trail/|description': 'all',
            'trail/|local': false,
            'trail/|options': { file_path, log_raw: 'false' },
          },
        },
      ],
      destroy: () => 'sys/audit/trail',
    }
  })

  settled('vault_quota_rate_limit', () => ({
    apply: [
      [
        'PUT',
        'sys/quotas/rate-limit/logins',
        { path: 'auth/ci/', rate: 7.5, interval: 2, block_interval: 60, role: 'job' },
      ],
    ],
    read: [
      {
        at: read('sys/quotas/rate-limit/logins'),
        same: {
          name: 'logins',
          path: 'auth/ci/',
          rate: 7.5,
          interval: 2,
          block_interval: 60,
          role: 'job',
          type: 'rate-limit',
        },
      },
    ],
    destroy: () => 'sys/quotas/rate-limit/logins',
  }))

  settled('vault_namespace', () => ({
    apply: [['PUT', 'sys/namespaces/team', { custom_metadata: { owner: 'a' } }]],
    read: [
      {
        at: read('sys/namespaces/team'),
        same: { path: 'team/', custom_metadata: { owner: 'a' } },
      },
    ],
    destroy: () => 'sys/namespaces/team',
  }))

  test('CLT-30: the same inside a namespace, named by its header', async () => {
    await send(server.root, ['PUT', 'sys/namespaces/below', {}])
    const inside = server.root.in('below')
    await send(inside, ['POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } }])
    await send(inside, ['POST', 'kv/data/a', { data: { x: 'y' } }])
    await settles(inside, {
      apply: [['PUT', 'sys/policies/acl/p', { policy: '# nothing\n' }]],
      read: [
        { at: read('sys/policies/acl/p'), same: { policy: '# nothing\n' } },
        { at: read('kv/data/a'), same: { data: { x: 'y' } } },
      ],
      destroy: () => 'sys/policies/acl/p',
    })
    assert.equal((await server.root.read('kv/data/a')).status >= 400, true)
  })
})
