/** What hvac's methods send, one after the other against a server that nobody has touched yet (platform.md §10.1). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertRaised, assertResponse, Hvac, json } from './hvac.ts'

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
    assertResponse(await root.post('sys/auth/jwt', { type: 'jwt', local: false }))
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
    // Members that nobody gave are sent as null, which is an empty list (platform.md §1.8).
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

describe('sys.wrap and sys.unwrap', () => {
  test('sys.wrap and unwrap with the token in the body, in the header, and an empty body (CLT-10)', async () => {
    const wrapped = json(await root.post('sys/wrapping/wrap', { a: 'b' }, '120')).wrap_info
    assert.equal(wrapped.ttl, 120)
    const asked = { token: wrapped.token }
    assert.deepEqual(json(await root.post('sys/wrapping/unwrap', asked)).data, { a: 'b' })
    const gone = ['wrapping token is not valid or does not exist']
    assertRaised(await root.post('sys/wrapping/unwrap', asked), 'InvalidRequest', gone)

    for (const body of [{}, undefined]) {
      const made = json(await root.post('auth/token/create', { policies: ['reader'] }, '2m'))
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
