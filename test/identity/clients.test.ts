/**
 * What stock clients send to identity, with their verbs, and what they read of the answers
 * (platform.md §10.1, §10.6).
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
})

after(() => identity.stop())

/** As the library says that it is there. */
const headers = { 'X-Vault-Request': 'true' }

function call(verb: string, path: string, body?: object): Promise<ApiResult> {
  return identity.root.call(verb, `identity/${path}`, body, { headers })
}

test('hvac finds its way through entities: POST everywhere, LIST as a verb, 204 where nothing is new', async () => {
  const created = await call('POST', 'entity', {
    name: 'hvac',
    metadata: { extra: 'yup' },
    policies: 'p',
    disabled: false,
  })
  assert.equal(created.status, 200)
  assert.match(created.headers['content-type'] ?? '', /^application\/json$/)
  const { id } = created.body.data
  assert.equal((await call('GET', `entity/id/${id}`)).body.data.name, 'hvac')
  assert.equal((await call('GET', 'entity/name/hvac')).body.data.id, id)
  const updated = await call('POST', `entity/id/${id}`, { name: 'hvac', policies: ['q'] })
  assert.deepEqual([updated.status, updated.text], [204, ''])
  const byName = await call('POST', 'entity/name/hvac', { metadata: { something: 'meta' } })
  assert.equal(byName.status, 204)
  assert.deepEqual((await call('LIST', 'entity/id')).body.data.keys, [id])
  assert.deepEqual((await call('LIST', 'entity/name')).body.data.keys, ['hvac'])
  assert.equal((await call('POST', 'lookup/entity', { name: 'hvac' })).body.data.id, id)
  assert.equal((await call('POST', 'lookup/entity', { name: 'nobody' })).status, 204)

  const alias = await call('POST', 'entity-alias', {
    name: 'hvac-alias',
    canonical_id: id,
    mount_accessor: jwt.accessor,
  })
  assert.deepEqual([alias.status, alias.body.data.canonical_id], [200, id])
  const read = await call('GET', `entity-alias/id/${alias.body.data.id}`)
  assert.equal(read.body.data.name, 'hvac-alias')
  const again = { name: 'hvac-alias', canonical_id: id, mount_accessor: jwt.accessor }
  assert.ok((await call('POST', `entity-alias/id/${alias.body.data.id}`, again)).status < 300)
  assert.deepEqual((await call('LIST', 'entity-alias/id')).body.data.keys, [alias.body.data.id])

  const other = (await call('POST', 'entity', { name: 'hvac-2' })).body.data.id
  const merged = await call('POST', 'entity/merge', {
    from_entity_ids: [other],
    to_entity_id: id,
    force: false,
  })
  assert.equal(merged.status, 204)
  const batch = await call('POST', 'entity/batch-delete', { entity_ids: [id] })
  assert.equal(batch.status, 204)
  assert.equal((await call('GET', `entity/id/${id}`)).status, 404)
  assert.equal((await call('DELETE', `entity-alias/id/${alias.body.data.id}`)).status, 204)
})

test('hvac finds its way through groups', async () => {
  const created = await call('POST', 'group', {
    name: 'hvac-group',
    type: 'internal',
    metadata: { extra: 'yup' },
    policies: 'p',
    member_group_ids: [],
    member_entity_ids: [],
  })
  assert.equal(created.status, 200)
  const { id } = created.body.data
  const read = (await call('GET', `group/id/${id}`)).body.data
  assert.deepEqual(
    [read.name, read.type, read.policies, read.metadata, read.alias, read.modify_index],
    ['hvac-group', 'internal', ['p'], { extra: 'yup' }, {}, 1],
  )
  const updated = await call('POST', `group/id/${id}`, { name: 'hvac-group', type: 'internal' })
  assert.equal(updated.status, 204)
  assert.equal((await call('POST', 'group/name/hvac-group', { policies: ['q'] })).status, 204)
  assert.deepEqual((await call('LIST', 'group/id')).body.data.keys, [id])
  assert.deepEqual((await call('LIST', 'group/name')).body.data.keys, ['hvac-group'])
  assert.equal((await call('POST', 'lookup/group', { name: 'hvac-group' })).body.data.id, id)

  const external = (await call('POST', 'group', { name: 'ext', type: 'external' })).body.data.id
  const alone = (await call('GET', `group/id/${external}`)).body.data
  assert.deepEqual([alone.member_entity_ids, alone.member_group_ids], [null, null])
  const alias = await call('POST', 'group-alias', {
    name: 'ext-alias',
    mount_accessor: jwt.accessor,
    canonical_id: external,
  })
  assert.equal(alias.status, 200)
  const aliasPath = `group-alias/id/${alias.body.data.id}`
  assert.equal((await call('GET', aliasPath)).body.data.canonical_id, external)
  assert.deepEqual((await call('LIST', 'group-alias/id')).body.data.keys, [alias.body.data.id])
  assert.equal((await call('DELETE', aliasPath)).status, 204)
  assert.equal((await call('DELETE', 'group/name/hvac-group')).status, 204)
  assert.equal((await call('DELETE', `group/id/${external}`)).status, 204)
})

test('Terraform reads after each write what it wrote, so that its plans settle', async () => {
  const wanted = { name: 'tf', metadata: { version: '1' }, policies: ['a', 'b'], disabled: false }
  const { id } = (await call('PUT', 'entity', wanted)).body.data
  for (const change of [{}, { policies: ['b', 'c'] }, { metadata: { version: '2' } }]) {
    const now = { ...wanted, ...change }
    assert.equal((await call('PUT', `entity/id/${id}`, now)).status, 204)
    const { name, metadata, policies, disabled } = (await call('GET', `entity/id/${id}`)).body.data
    assert.deepEqual({ name, metadata, policies, disabled }, now)
  }
  const group = {
    name: 'tf-group',
    type: 'internal',
    metadata: { version: '1' },
    policies: ['a'],
    member_entity_ids: [id],
    member_group_ids: [],
  }
  const groupId = (await call('PUT', 'group', group)).body.data.id
  for (const change of [{}, { policies: [] }, { member_entity_ids: [] }]) {
    const now = { ...group, ...change }
    assert.equal((await call('PUT', `group/id/${groupId}`, now)).status, 204)
    const read = (await call('GET', `group/id/${groupId}`)).body.data
    for (const [field, value] of Object.entries(now)) assert.deepEqual(read[field], value, field)
  }
  const alias = { name: 'tf-user', mount_accessor: jwt.accessor, canonical_id: id }
  const made = (await call('PUT', 'entity-alias', alias)).body.data
  const read = (await call('GET', `entity-alias/id/${made.id}`)).body.data
  for (const [field, value] of Object.entries(alias)) assert.equal(read[field], value)
  assert.equal((await call('PUT', `entity-alias/id/${made.id}`, alias)).status, 204)
})

test('the Go library reads the body that a refusal has, and lists as GET', async () => {
  const refused = await call('PUT', 'entity/id/nobody', { name: 'x' })
  assert.deepEqual(refused.body, { errors: ['entity not found from id'] })
  const listed = await identity.root.call('GET', 'identity/entity/name?list=true')
  assert.ok(listed.body.data.keys.includes('tf'))
})
