/** What hvac's methods send, one after the other against a server that nobody has touched yet (platform.md §10.1). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { ScriptedProvider } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertRaised, assertResponse, Hvac, json } from './hvac.ts'

const keys = makeJwtMaker()
const opened: Hvac[] = []

let server: TestServer
let root: Hvac
let shares: { readonly keys: readonly string[]; readonly keys_base64: readonly string[] }

before(async () => {
  server = await startTestServer({ raw: true })
  root = client()
})

after(async () => {
  for (const one of opened) one.close()
  await server.stop()
})

function client(token = ''): Hvac {
  const made = new Hvac(server.url, token)
  opened.push(made)
  return made
}

async function submitUnsealKey(key: string): Promise<boolean> {
  const { sealed } = json(await root.put('sys/unseal', { migrate: false, key }))
  assert.equal(typeof sealed, 'boolean')
  return sealed
}

async function submitUnsealKeys(all: readonly string[]): Promise<boolean> {
  let sealed = true
  for (const key of all) sealed = await submitUnsealKey(key)
  return sealed
}

async function isSealed(): Promise<boolean> {
  return json(await root.get('sys/seal-status')).sealed
}

describe('before anybody has a token', () => {
  test('initialize, submit_unseal_key, submit_unseal_keys, seal_status and is_sealed (CLT-02, CLT-03)', async () => {
    assert.deepEqual(json(await root.get('sys/init')), { initialized: false })
    assert.equal(await root.head('sys/health'), 501)
    const wanted = { secret_shares: 3, secret_threshold: 2, root_token_pgp_key: null }
    const made = json(await root.put('sys/init', wanted))
    assert.deepEqual([made.keys.length, made.keys_base64.length], [3, 3])
    shares = made
    assert.equal(await isSealed(), true)
    assert.equal(await root.head('sys/health'), 503)
    const health = json(await root.get('sys/health?sealedcode=200'))
    assert.deepEqual([health.initialized, health.sealed], [true, true])

    assert.equal(await submitUnsealKey(shares.keys[0] ?? ''), true)
    assert.equal(json(await root.get('sys/seal-status')).progress, 1)
    const reset = json(await root.put('sys/unseal', { migrate: false, reset: true }))
    assert.deepEqual([reset.sealed, reset.progress], [true, 0])
    assert.equal(await submitUnsealKeys(shares.keys_base64.slice(0, 2)), false)
    const status = json(await root.get('sys/seal-status'))
    assert.deepEqual(
      [status.sealed, status.t, status.n, status.progress, status.type],
      [false, 2, 3, 0, 'shamir'],
    )
    assert.match(status.version, /^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/)
    assert.equal(await root.head('sys/health'), 200)
    root.token = made.root_token
  })

  test('is_authenticated is false with no and with a bad token, and true with a good one (CLT-01)', async () => {
    assert.equal(await client().isAuthenticated(), false)
    assert.equal(await client('hvs.nobody').isAuthenticated(), false)
    assert.equal(await root.isAuthenticated(), true)
  })

  test('seal answers 204, and calls after it raise VaultDown until two keys came (CLT-02)', async () => {
    assertResponse(await root.put('sys/seal'))
    assert.equal(await isSealed(), true)
    assertRaised(await root.get('auth/token/lookup-self'), 'VaultDown', ['Vault is sealed'])
    assert.equal(await submitUnsealKeys(shares.keys.slice(1)), false)
    assert.equal(await isSealed(), false)
  })
})

describe('auth.jwt and auth.oidc', () => {
  before(async () => {
    for (const type of ['jwt', 'oidc']) {
      assertResponse(await root.post(`sys/auth/${type}`, { type, local: false }))
    }
    const methods = json(await root.get('sys/auth'))
    assert.equal(methods.data['jwt/'].type, 'jwt')
    assert.equal(methods['oidc/'].type, 'oidc')
  })

  test('configure, create_role, read_role, list_roles, jwt_login, delete_role (CLT-04)', async () => {
    const config = { jwt_validation_pubkeys: [keys.pem], bound_issuer: 'https://iss/' }
    assertResponse(await root.post('auth/jwt/config', config))
    const read = json(await root.get('auth/jwt/config')).data
    assert.equal(read.bound_issuer, 'https://iss/')
    assert.equal(read.jwt_validation_pubkeys.length, 1)

    const role = {
      name: 'ci',
      role_type: 'jwt',
      bound_audiences: ['vault'],
      user_claim: 'sub',
      bound_claims: { sub: 'build' },
      bound_claims_type: 'string',
      verbose_oidc_logging: false,
      token_ttl: '1h',
      token_policies: ['reader'],
    }
    assertResponse(await root.post('auth/jwt/role/ci', role))
    const again = { ...role, allowed_redirect_uris: ['https://app.example/callback'] }
    assertResponse(await root.post('auth/jwt/role/ci', again))
    const { data } = json(await root.get('auth/jwt/role/ci'))
    const { name: _, ...wanted } = { ...again, token_ttl: 3600 }
    for (const [field, value] of Object.entries(wanted)) assert.deepEqual(data[field], value, field)
    assert.deepEqual(json(await root.list('auth/jwt/role')).data.keys, ['ci'])

    const job = client()
    const jwt = keys.sign({ iss: 'https://iss/', sub: 'build', aud: 'vault' })
    const auth = await job.login('auth/jwt/login', { role: 'ci', jwt })
    assert.deepEqual([auth.lease_duration, auth.metadata.role], [3600, 'ci'])
    assert.equal(await job.isAuthenticated(), true)
    const refused = await client().post('auth/jwt/login', { role: 'ci', jwt: 'x.y.z' })
    assertRaised(refused, 'InvalidRequest')

    assertResponse(await root.delete('auth/jwt/role/ci'))
    assertRaised(await root.get('auth/jwt/role/ci'), 'InvalidPath', [])
    assertRaised(await root.list('auth/jwt/role'), 'InvalidPath', [])
  })

  test('oidc_authorization_url_request: an auth_url that is empty for a bad redirect, and oidc_callback (CLT-05)', async () => {
    const provider = await new ScriptedProvider().start()
    assertResponse(
      await root.post('auth/oidc/config', {
        oidc_discovery_url: provider.issuer,
        oidc_client_id: provider.clientId,
        oidc_client_secret: provider.clientSecret,
        jwt_supported_algs: ['ES256'],
      }),
    )
    const redirect_uri = 'https://app.example/v1/auth/oidc/oidc/callback'
    assertResponse(
      await root.post('auth/oidc/role/web', {
        name: 'web',
        role_type: 'oidc',
        user_claim: 'sub',
        allowed_redirect_uris: [redirect_uri],
        bound_claims_type: 'string',
        verbose_oidc_logging: false,
      }),
    )
    const asked = { role: 'web', redirect_uri: 'https://elsewhere.example/callback' }
    assert.equal(json(await root.post('auth/oidc/oidc/auth_url', asked)).data.auth_url, '')
    const good = { role: 'web', redirect_uri }
    const { auth_url } = json(await root.post('auth/oidc/oidc/auth_url', good)).data
    assert.ok(auth_url.includes(`?client_id=${provider.clientId}`), auth_url)

    const { code, state } = provider.authorize(auth_url)
    const back = { state, nonce: new URL(auth_url).searchParams.get('nonce') ?? '', code }
    const query = new URLSearchParams(back).toString()
    const answer = json(await client().get(`auth/oidc/oidc/callback?${query}`, { body: back }))
    assert.equal(await client(answer.auth.client_token).isAuthenticated(), true)
    await provider.stop()
  })
})

describe('secrets.kv.v2 and refusals', () => {
  const read = (path: string) => root.get(`secret/data/${path}`)

  before(async () => {
    assertResponse(
      await root.post('sys/mounts/secret', {
        type: 'kv',
        description: null,
        config: null,
        options: { version: '2' },
        plugin_name: null,
        local: false,
        seal_wrap: false,
      }),
    )
  })

  test('create_or_update, read of what is missing and deleted, patch, undelete, destroy (CLT-06)', async () => {
    const config = { max_versions: 5, delete_version_after: '0s' }
    assertResponse(await root.post('secret/config', config))
    assert.equal(json(await root.get('secret/config')).data.max_versions, 5)
    assertRaised(await read('none'), 'InvalidPath', [])

    const write = (data: object, cas?: number) =>
      root.post('secret/data/app/a', { options: cas === undefined ? {} : { cas }, data })
    assert.equal(json(await write({ x: '1' })).data.version, 1)
    assert.equal(json(await write({ x: '2' }, 1)).data.version, 2)
    assertRaised(await write({ x: '3' }, 1), 'InvalidRequest', [
      'check-and-set parameter did not match the current version',
    ])
    assert.deepEqual(json(await read('app/a?version=1')).data.data, { x: '1' })

    // Its patch reads, and writes with the version that it has read.
    const current = json(await read('app/a')).data
    const patched = await write({ ...current.data, y: '3' }, current.metadata.version)
    assert.equal(json(patched).data.version, 3)
    assert.deepEqual(json(await read('app/a')).data.data, { x: '2', y: '3' })

    assertResponse(await root.delete('secret/data/app/a'))
    const deleted = await read('app/a')
    assert.ok(deleted.kind === 'raised')
    assert.equal(deleted.name, 'InvalidPath')
    assert.equal(deleted.body.data.data, null)
    assert.match(deleted.body.data.metadata.deletion_time, /^\d{4}-/)
    assert.equal(deleted.body.data.metadata.version, 3)

    assertResponse(await root.post('secret/undelete/app/a', { versions: [3] }))
    assert.deepEqual(json(await read('app/a')).data.data, { x: '2', y: '3' })
    assertResponse(await root.post('secret/delete/app/a', { versions: [1, 2] }))
    assertResponse(await root.post('secret/destroy/app/a', { versions: [1] }))
    const destroyed = await read('app/a?version=1')
    assert.ok(destroyed.kind === 'raised')
    assert.equal(destroyed.body.data.metadata.destroyed, true)
  })

  test('update_metadata, read_secret_metadata, list_secrets and their end (CLT-06)', async () => {
    assertResponse(
      await root.post('secret/metadata/app/a', {
        delete_version_after: '0s',
        max_versions: 3,
        cas_required: false,
        custom_metadata: { owner: 'me' },
      }),
    )
    const { data } = json(await root.get('secret/metadata/app/a'))
    assert.deepEqual([data.max_versions, data.custom_metadata], [3, { owner: 'me' }])
    assert.deepEqual(Object.keys(data.versions), ['1', '2', '3'])
    assert.deepEqual(json(await root.list('secret/metadata/app')).data.keys, ['a'])
    assert.deepEqual(json(await root.list('secret/metadata')).data.keys, ['app/'])
    assertResponse(await root.delete('secret/metadata/app/a'))
    assertRaised(await root.list('secret/metadata/app'), 'InvalidPath', [])
  })

  test('a 403 is Forbidden with its errors, whoever is refused (CLT-07)', async () => {
    const policy = 'path "secret/data/mine" { capabilities = ["read"] }'
    assertResponse(await root.put('sys/policy/reader', { policy }))
    assert.equal(json(await root.get('sys/policy/reader')).data.rules, policy)
    const { auth } = json(await root.post('auth/token/create', { policies: ['reader'] }))
    const reader = client(auth.client_token)
    const denied = ['1 error occurred:\n\t* permission denied\n\n']
    assertRaised(await reader.get('secret/data/other'), 'Forbidden', denied)
    assertRaised(await reader.list('secret/metadata'), 'Forbidden', denied)
    assertRaised(await reader.put('sys/policy/reader', { policy }), 'Forbidden', denied)
    assertRaised(await reader.delete('secret/data/mine'), 'Forbidden', denied)
    const unknown = ['permission denied']
    assertRaised(await client('hvs.nobody').get('secret/data/mine'), 'Forbidden', unknown)
    assertRaised(await client().post('auth/token/create', {}), 'Forbidden', unknown)
  })
})

describe('secrets.identity', () => {
  let accessor: string
  let entity: string

  before(async () => {
    accessor = json(await root.get('sys/auth')).data['jwt/'].accessor
  })

  test('an entity is made with 200 and JSON, and changed with 204; a lookup of nobody is 204 (CLT-08)', async () => {
    const wanted = { name: 'person', metadata: { team: 'a' }, policies: 'reader' }
    entity = json(await root.post('identity/entity', wanted)).data.id
    const changed = { name: 'person', metadata: { team: 'b' } }
    assertResponse(await root.post('identity/entity', changed))
    assertResponse(await root.post('identity/entity/name/person', { metadata: { team: 'c' } }))
    assertResponse(await root.post(`identity/entity/id/${entity}`, changed))
    const { data } = json(await root.get(`identity/entity/id/${entity}`))
    assert.deepEqual([data.metadata, data.policies], [{ team: 'b' }, ['reader']])
    assert.equal(json(await root.get('identity/entity/name/person')).data.id, entity)
    for (const outcome of [
      await root.list('identity/entity/id'),
      await root.get('identity/entity/id?list=true'),
    ]) {
      assert.ok(json(outcome).data.keys.includes(entity))
    }
    assert.ok(json(await root.list('identity/entity/name')).data.keys.includes('person'))
    const found = await root.post('identity/lookup/entity', { name: 'person' })
    assert.equal(json(found).data.id, entity)
    assertResponse(await root.post('identity/lookup/entity', { name: 'nobody' }))
  })

  test('an alias the same, and it is found by its name and mount (CLT-08)', async () => {
    const wanted = { name: 'login', canonical_id: entity, mount_accessor: accessor }
    const { id } = json(await root.post('identity/entity-alias', wanted)).data
    assertResponse(await root.post('identity/entity-alias', wanted))
    const path = `identity/entity-alias/id/${id}`
    assert.equal(json(await root.get(path)).data.name, 'login')
    // Under its id it answers with the ids, as the reference does.
    const renamed = json(await root.post(path, { ...wanted, name: 'renamed' })).data
    assert.deepEqual([renamed.id, renamed.canonical_id], [id, entity])
    const asked = { alias_name: 'renamed', alias_mount_accessor: accessor }
    assert.equal(json(await root.post('identity/lookup/entity', asked)).data.id, entity)
    assert.ok(json(await root.list('identity/entity-alias/id')).data.keys.includes(id))
    assertResponse(await root.delete(path))
  })

  test('a group the same, with members that are null, and the alias of an external one (CLT-08)', async () => {
    const wanted = {
      name: 'team',
      type: 'internal',
      policies: 'reader',
      member_entity_ids: [entity],
      member_group_ids: null,
    }
    const { id } = json(await root.post('identity/group', wanted)).data
    const byName = { type: 'internal', policies: 'p' }
    assertResponse(await root.post('identity/group/name/team', byName))
    const { data } = json(await root.get(`identity/group/id/${id}`))
    assert.deepEqual([data.policies, data.member_entity_ids], [['p'], [entity]])
    // It sends members that nobody gave as null, which is an empty list (§1.8).
    const members = { member_entity_ids: null, member_group_ids: null }
    const unchanged = { name: 'team', type: 'internal', policies: 'reader', ...members }
    assertResponse(await root.post('identity/group', unchanged))
    assertResponse(await root.post(`identity/group/id/${id}`, unchanged))
    const now = json(await root.get(`identity/group/id/${id}`)).data
    assert.deepEqual([now.policies, now.member_entity_ids], [['reader'], []])
    assert.deepEqual(json(await root.list('identity/group/id')).data.keys, [id])
    assert.deepEqual(json(await root.list('identity/group/name')).data.keys, ['team'])
    assert.equal(json(await root.post('identity/lookup/group', { name: 'team' })).data.id, id)
    assertResponse(await root.post('identity/lookup/group', { name: 'nobody' }))

    const external = { name: 'outside', type: 'external' }
    const outside = json(await root.post('identity/group', external)).data.id
    const alias = { name: 'staff', mount_accessor: accessor, canonical_id: outside }
    const aliasId = json(await root.post('identity/group-alias', alias)).data.id
    const aliasPath = `identity/group-alias/id/${aliasId}`
    assert.equal(json(await root.get(aliasPath)).data.canonical_id, outside)
    assert.equal(json(await root.post(aliasPath, { ...alias, name: 'all' })).data.id, aliasId)
    assert.deepEqual(json(await root.list('identity/group-alias/id')).data.keys, [aliasId])
    for (const path of [
      aliasPath,
      `identity/group/id/${id}`,
      'identity/group/name/outside',
      `identity/entity/id/${entity}`,
    ]) {
      assertResponse(await root.delete(path))
    }
  })
})

describe('auth.token', () => {
  /** What its create sends beside the arguments. */
  const createDefaults = {
    policies: ['reader'],
    no_parent: false,
    no_default_policy: false,
    renewable: true,
    display_name: 'token',
    num_uses: 0,
  }

  async function create(more: object = {}): Promise<{ client_token: string; accessor: string }> {
    const body = { ...createDefaults, ...more }
    return json(await root.post('auth/token/create', body)).auth
  }

  test('create, lookup and renew, by token, as self and by accessor (CLT-09)', async () => {
    const made = await create({ ttl: '1h', meta: { team: 'a' }, display_name: 'me' })
    const { client_token: token, accessor } = made
    const looked = json(await root.post('auth/token/lookup', { token })).data
    assert.deepEqual(
      [looked.id, looked.display_name, looked.meta],
      [token, 'token-me', { team: 'a' }],
    )
    const byAccessor = json(await root.post('auth/token/lookup-accessor', { accessor })).data
    assert.deepEqual([byAccessor.id, byAccessor.accessor], ['', accessor])
    const self = client(token)
    assert.equal(json(await self.get('auth/token/lookup-self')).data.accessor, accessor)
    const renewed = json(await root.post('auth/token/renew', { token, increment: '30m' })).auth
    assert.deepEqual([renewed.client_token, renewed.lease_duration], [token, 1800])
    const wished = { accessor, increment: 60 }
    const unnamed = json(await root.post('auth/token/renew-accessor', wished)).auth
    assert.deepEqual([unnamed.client_token, unnamed.lease_duration], ['', 60])
    const own = json(await self.post('auth/token/renew-self', { increment: '10m' })).auth
    assert.equal(own.lease_duration, 600)
    assert.ok(json(await root.list('auth/token/accessors')).data.keys.includes(accessor))
    assertResponse(await root.post('auth/token/revoke-accessor', { accessor }))
    assert.equal(await self.isAuthenticated(), false)
  })

  test('create_orphan, and every way to revoke (CLT-09)', async () => {
    const { no_parent: _, ...orphanBody } = createDefaults
    const orphan = json(await root.post('auth/token/create-orphan', orphanBody)).auth
    assert.equal(orphan.orphan, true)
    const [one, two, three] = [await create(), await create(), await create()]
    assertResponse(await root.post('auth/token/revoke', { token: one.client_token }))
    assertResponse(await client(two.client_token).post('auth/token/revoke-self'))
    assertResponse(await root.post('auth/token/revoke-orphan', { token: three.client_token }))
    for (const { client_token } of [one, two, three]) {
      assert.equal(await client(client_token).isAuthenticated(), false)
    }
  })

  test('create_or_update_role, read_role, list_roles, a token of the role, delete_role, tidy (CLT-09)', async () => {
    const role = { allowed_policies: ['reader'], orphan: true, renewable: true }
    assertResponse(await root.post('auth/token/roles/ours', role))
    const { data } = json(await root.get('auth/token/roles/ours'))
    assert.deepEqual([data.name, data.allowed_policies, data.orphan], ['ours', ['reader'], true])
    assert.deepEqual(json(await root.list('auth/token/roles')).data.keys, ['ours'])
    const made = json(await root.post('auth/token/create/ours', createDefaults)).auth
    assert.equal(made.orphan, true)
    assertResponse(await root.delete('auth/token/roles/ours'))
    assertRaised(await root.list('auth/token/roles'), 'InvalidPath', [])
    assertResponse(await root.post('auth/token/tidy'), 202)
  })

  test('sys.wrap and unwrap with the token in the body, in the header, and an empty body (CLT-10)', async () => {
    const wrapped = json(await root.post('sys/wrapping/wrap', { a: 'b' }, '120')).wrap_info
    assert.equal(wrapped.ttl, 120)
    const asked = { token: wrapped.token }
    assert.deepEqual(json(await root.post('sys/wrapping/unwrap', asked)).data, { a: 'b' })
    const gone = ['wrapping token is not valid or does not exist']
    assertRaised(await root.post('sys/wrapping/unwrap', asked), 'InvalidRequest', gone)

    for (const body of [{}, undefined]) {
      const made = json(await root.post('auth/token/create', createDefaults, '2m'))
      assert.equal(made.auth, null)
      const holder = client(made.wrap_info.token)
      const auth = await holder.login('sys/wrapping/unwrap', body)
      assert.equal(auth.accessor, made.wrap_info.wrapped_accessor)
      assert.equal(await holder.isAuthenticated(), true)
    }
  })

  test('write and read with wrap_ttl give the inner envelope when they are unwrapped (CLT-10)', async () => {
    const body = { data: { v: '1' } }
    const written = json(await root.post('secret/data/wrapped', body, '60s')).wrap_info
    assert.deepEqual([written.ttl, written.creation_path], [60, 'secret/data/wrapped'])
    const version = json(await root.post('sys/wrapping/unwrap', { token: written.token }))
    assert.equal(version.data.version, 1)
    const answer = json(await root.get('secret/data/wrapped', { wrapTtl: '60' }))
    const inner = json(await root.post('sys/wrapping/unwrap', { token: answer.wrap_info.token }))
    assert.deepEqual([inner.data.data, inner.wrap_info], [{ v: '1' }, null])
    assert.notEqual(inner.request_id, '')
  })
})

describe('auth.userpass and auth.approle', () => {
  before(async () => {
    for (const type of ['userpass', 'approle']) {
      assertResponse(await root.post(`sys/auth/${type}`, { type, local: false }))
    }
  })

  test('userpass: users, passwords, login (CLT-11)', async () => {
    const user = { password: 'first', policies: 'reader' }
    assertResponse(await root.post('auth/userpass/users/bob', user))
    const { data } = json(await root.get('auth/userpass/users/bob'))
    assert.deepEqual(data.token_policies, ['reader'])
    assert.deepEqual(json(await root.list('auth/userpass/users')).data.keys, ['bob'])
    const changed = { password: 'second' }
    assertResponse(await root.post('auth/userpass/users/bob/password', changed))
    const bob = client()
    const auth = await bob.login('auth/userpass/login/bob', changed)
    assert.deepEqual(auth.metadata, { username: 'bob' })
    assert.equal(await bob.isAuthenticated(), true)
    const wrong = await client().post('auth/userpass/login/bob', { password: 'first' })
    assertRaised(wrong, 'InvalidRequest')
    assertResponse(await root.delete('auth/userpass/users/bob'))
    assertRaised(await root.list('auth/userpass/users'), 'InvalidPath', [])
  })

  test('approle: role, role id, secret ids by themselves and by accessor, login (CLT-11)', async () => {
    const at = 'auth/approle/role/app'
    assertResponse(
      await root.post(at, {
        token_policies: 'reader',
        bind_secret_id: true,
        secret_id_num_uses: 3,
        token_ttl: '10m',
      }),
    )
    const { data } = json(await root.get(at))
    assert.deepEqual([data.token_policies, data.token_ttl], [['reader'], 600])
    assert.deepEqual(json(await root.list('auth/approle/role')).data.keys, ['app'])
    assert.match(json(await root.get(`${at}/role-id`)).data.role_id, /^[\da-f-]{36}$/)
    assertResponse(await root.post(`${at}/role-id`, { role_id: 'own-role-id' }))

    const wanted = { metadata: '{"job": "build"}', cidr_list: '127.0.0.0/8' }
    const made = json(await root.post(`${at}/secret-id`, wanted)).data
    const custom = { secret_id: 'own-secret-id', metadata: '{"job": "other"}' }
    const own = json(await root.post(`${at}/custom-secret-id`, custom)).data
    const { secret_id } = made
    const looked = json(await root.post(`${at}/secret-id/lookup`, { secret_id })).data
    assert.deepEqual([looked.metadata, looked.secret_id_num_uses], [{ job: 'build' }, 3])
    const accessors = json(await root.list(`${at}/secret-id`)).data.keys
    assert.deepEqual(
      accessors.toSorted(),
      [made.secret_id_accessor, own.secret_id_accessor].toSorted(),
    )
    const { secret_id_accessor } = made
    const byAccessor = `${at}/secret-id-accessor/lookup`
    const same = json(await root.post(byAccessor, { secret_id_accessor })).data
    assert.deepEqual(same.cidr_list, ['127.0.0.0/8'])

    const app = client()
    const auth = await app.login('auth/approle/login', { role_id: 'own-role-id', secret_id })
    assert.deepEqual(auth.metadata, { job: 'build', role_name: 'app' })
    assert.equal(await app.isAuthenticated(), true)

    assertResponse(await root.post(`${at}/secret-id/destroy`, { secret_id }))
    assertResponse(await root.post(`${at}/secret-id/lookup`, { secret_id }))
    const accessor = { secret_id_accessor: own.secret_id_accessor }
    assertResponse(await root.post(`${at}/secret-id-accessor/destroy`, accessor))
    const spent = { role_id: 'own-role-id', secret_id: 'own-secret-id' }
    assertRaised(await client().post('auth/approle/login', spent), 'InvalidRequest')
    const wrapped = json(await root.post(`${at}/secret-id`, {}, '5m')).wrap_info
    assert.equal(wrapped.creation_path, `${at}/secret-id`)
    const inner = json(await root.post('sys/wrapping/unwrap', { token: wrapped.token }))
    assert.match(inner.data.secret_id, /^[\da-f-]{36}$/)
    assertResponse(await root.delete(at))
  })
})
