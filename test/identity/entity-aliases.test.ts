/** Aliases by request, and the entities that logins find through them (platform.md §5.4, §5.5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import { wantError } from '../platform/fixture.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount
let other: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
  other = await identity.mount('k')
})

after(() => identity.stop())

const post = (path: string, body: object) => identity.root.write(`identity/${path}`, body)

function alias(name: string, entity?: string, mount = jwt) {
  return {
    name,
    mount_accessor: mount.accessor,
    ...(entity === undefined ? {} : { canonical_id: entity }),
  }
}

async function aliasOf(entity: string) {
  return (await identity.read(`entity/id/${entity}`)).aliases[0]
}

test('an alias on a second mount makes one person of two logins (IDN-05)', async () => {
  const { entity } = await jwt.mustLogin('idn-05')
  await identity.made('entity-alias', alias('idn-05', entity, other))
  assert.equal((await other.mustLogin('idn-05')).entity, entity)
})

test('a login uses an entity that was there before it (IDN-06)', async () => {
  const entity = await identity.entity({ name: 'before' })
  await identity.made('entity-alias', alias('idn-06', entity))
  assert.equal((await jwt.mustLogin('idn-06')).entity, entity)
})

test('what an operator has noted at an alias is kept by a login (IDN-08)', async () => {
  const entity = await identity.entity()
  const noted = { ...alias('idn-08', entity), custom_metadata: { x: '1' } }
  const id = await identity.made('entity-alias', noted)
  await jwt.mustLogin('idn-08')
  const read = await identity.read(`entity-alias/id/${id}`)
  assert.deepEqual(read.custom_metadata, { x: '1' })
  assert.equal(read.metadata.role, 'r')
})

test('after its alias is deleted a login makes a new entity, and the old token goes on (IDN-10)', async () => {
  const { client, entity } = await jwt.mustLogin('idn-10')
  const { id } = await aliasOf(entity)
  assert.equal((await identity.root.remove(`identity/entity-alias/id/${id}`)).status, 204)
  assert.notEqual((await jwt.mustLogin('idn-10')).entity, entity)
  const { data } = (await client.read('auth/token/lookup-self')).body
  assert.equal(data.entity_id, entity)
})

test('a mount that is made anew knows nobody, and the old alias has no mount (IDN-11)', async () => {
  const gone = await identity.mount('gone')
  const { entity } = await gone.mustLogin('idn-11')
  await identity.root.remove('sys/auth/gone')
  const again = await identity.mount('gone')
  assert.notEqual((await again.mustLogin('idn-11')).entity, entity)
  const left = await aliasOf(entity)
  assert.equal(left.mount_accessor, gone.accessor)
  assert.equal(left.mount_path, undefined)
})

test('an alias is made once, and the same call again changes nothing (IDN-32, IDN-33)', async () => {
  const entity = await identity.entity()
  const made = await post('entity-alias', alias('idn-32', entity))
  assert.equal(made.status, 200)
  assert.equal(made.body.data.canonical_id, entity)
  assert.equal((await post('entity-alias', alias('idn-32', entity))).status, 204)
  assert.equal((await aliasOf(entity)).id, made.body.data.id)
})

test('an entity has one alias on a mount (IDN-34)', async () => {
  const entity = await identity.entity()
  await identity.made('entity-alias', alias('idn-34', entity))
  const second = await post('entity-alias', alias('idn-34b', entity))
  const text = 'Alias already exists for requested entity and mount accessor'
  wantError(second, 400, text)
})

test('an alias moves to another entity, and not to one that has its mount already (IDN-35, IDN-36)', async () => {
  const [from, to] = [await identity.entity(), await identity.entity()]
  const id = await identity.made('entity-alias', alias('idn-35', from))
  const moved = await post('entity-alias', alias('idn-35', to))
  assert.deepEqual([moved.status, moved.body.data.id, moved.body.data.canonical_id], [200, id, to])
  assert.deepEqual((await identity.read(`entity/id/${from}`)).aliases, [])
  assert.equal((await jwt.mustLogin('idn-35')).entity, to)

  await identity.made('entity-alias', alias('idn-36', from))
  assert.equal((await post('entity-alias', alias('idn-35', from))).status, 400)
  assert.equal((await aliasOf(to)).name, 'idn-35')
  assert.equal((await aliasOf(from)).name, 'idn-36')
})

test('an alias needs a mount that is there, and a name (IDN-37, IDN-38)', async () => {
  const entity = await identity.entity()
  const stranger = { name: 'u', mount_accessor: 'auth_jwt_00000000', canonical_id: entity }
  wantError(await post('entity-alias', stranger), 400, /^invalid mount accessor/)
  const { accessor } = (await identity.root.read('sys/mounts/secret')).body.data
  wantError(
    await post('entity-alias', { ...stranger, mount_accessor: accessor }),
    400,
    /^invalid mount accessor/,
  )
  wantError(
    await post('entity-alias', { name: 'u' }),
    400,
    "'id' or 'mount_accessor' and 'name' must be provided",
  )
  wantError(await post('entity-alias', alias('u', 'nobody')), 400, /canonical_id/)
  wantError(await post('entity-alias', { ...alias('u'), id: 'nobody' }), 400, /'id'/)
})

test('an alias without an entity makes one (IDN-39)', async () => {
  const made = await post('entity-alias', alias('idn-39'))
  assert.equal(made.status, 200)
  const entity = await identity.read(`entity/id/${made.body.data.canonical_id}`)
  assert.match(entity.name, /^entity_[0-9a-f]{8}$/)
  assert.equal((await jwt.mustLogin('idn-39')).entity, entity.id)
})

test('an alias is renamed by its id, unless somebody has that name', async () => {
  const [one, two] = [await identity.entity(), await identity.entity()]
  const id = await identity.made('entity-alias', alias('renamed', one))
  await identity.made('entity-alias', alias('taken', two))
  wantError(await post(`entity-alias/id/${id}`, { name: 'taken' }), 400, /already in use/)
  assert.equal((await post(`entity-alias/id/${id}`, { name: 'Renamed' })).status, 200)
  assert.equal((await jwt.mustLogin('Renamed')).entity, one)
  assert.notEqual((await jwt.mustLogin('renamed')).entity, one)
  const listed = (await identity.root.list('identity/entity-alias/id')).body.data
  assert.equal(listed.key_info[id].name, 'Renamed')
})

test('custom metadata beyond its limits is refused (IDN-95)', async () => {
  const entity = await identity.entity()
  const rows = [{ ['k'.repeat(129)]: 'v' }, { k: '' }, { k: 'v'.repeat(513) }, { k: 'a\tb' }]
  for (const custom_metadata of rows) {
    const asked = { ...alias('idn-95', entity), custom_metadata }
    wantError(await post('entity-alias', asked), 400, /custom_metadata/)
  }
  assert.deepEqual((await identity.read(`entity/id/${entity}`)).aliases, [])
})

test('names that differ in case or blanks are other people, on each mount for itself (SEC-ACL-08)', async () => {
  await identity.policy('admin08')
  const admin = await jwt.mustLogin('admin')
  await identity.root.must(`identity/entity/id/${admin.entity}`, { policies: ['admin08'] })
  for (const name of [
    'Admin',
    'ADMIN',
    ' admin',
    'admin ',
    'admin\u00a0',
    'ａdmin',
    'a'.repeat(400),
  ]) {
    const { entity, auth } = await jwt.mustLogin(name)
    assert.notEqual(entity, admin.entity, name)
    assert.deepEqual(auth.identity_policies, [], name)
  }
  const elsewhere = await other.mustLogin('admin')
  assert.notEqual(elsewhere.entity, admin.entity)
  // A rename of the entity is no way to its policies either.
  await identity.root.must(`identity/entity/id/${elsewhere.entity}`, { name: 'admin' })
  assert.deepEqual((await other.mustLogin('admin')).auth.identity_policies, [])
})

test('fifty first logins at once make one entity and one alias', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => jwt.mustLogin('idn-97b')))
  assert.equal(new Set(all.map(({ entity }) => entity)).size, 1)
  const entity = all[0]?.entity ?? ''
  assert.equal((await identity.read(`entity/id/${entity}`)).aliases.length, 1)
})

test('every row of the index leads to what is there', async () => {
  await identity.server.server.core.store.view(async (view) => {
    for await (const key of view.keys(prefixRange(keys.aliasIdPrefix))) {
      const place = await view.get(keys.aliasId(key.slice(keys.aliasIdPrefix.length)))
      assert.ok(place !== undefined)
      assert.ok((await view.get(keys.alias(place.accessor, place.hash))) !== undefined)
    }
    let names = 0
    let entities = 0
    for await (const key of view.keys(prefixRange(keys.entityNamePrefix))) {
      const row = await view.get(keys.entityName(key.slice(keys.entityNamePrefix.length)))
      assert.ok((await view.get(keys.entity(row?.id ?? ''))) !== undefined)
      names++
    }
    for await (const _ of view.keys(prefixRange(keys.entityPrefix))) entities++
    assert.equal(names, entities)
  })
})
