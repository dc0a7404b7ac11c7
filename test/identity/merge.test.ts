/** Entities that become one (platform.md §5.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { want403T, wantError } from '../platform/fixture.ts'
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

const merge = (body: object) => identity.root.write('identity/entity/merge', body)

test('tokens of an entity that was merged go on as the one that stays (IDN-85, IDN-86)', async () => {
  await identity.policy('p85')
  const f = await jwt.mustLogin('idn-85')
  const e = await other.mustLogin('idn-85')
  await identity.root.must(`identity/entity/id/${e.entity}`, { policies: ['p85'] })
  assert.equal((await f.client.read('secret/data/p85')).status, 403)
  const merged = await merge({ to_entity_id: e.entity, from_entity_ids: [f.entity] })
  assert.equal(merged.status, 204, merged.text)
  assert.equal((await f.client.read('secret/data/p85')).status, 404)
  const { data } = (await f.client.read('auth/token/lookup-self')).body
  assert.equal(data.entity_id, e.entity)
  const read = await identity.read(`entity/id/${e.entity}`)
  assert.deepEqual(read.merged_entity_ids, [f.entity])
  assert.equal((await jwt.mustLogin('idn-85')).entity, e.entity)
  const [moved] = read.aliases.filter(
    (one: { mount_accessor: string }) => one.mount_accessor === jwt.accessor,
  )
  assert.deepEqual(moved.merged_from_canonical_ids, [f.entity])
})

test('policies unite, memberships move, and the metadata of what vanishes is lost (IDN-87)', async () => {
  const e = await identity.entity({ policies: ['a'], metadata: { of: 'e' } })
  const f = await identity.entity({ name: 'f87', policies: ['b'], metadata: { of: 'f' } })
  const group = await identity.group({ member_entity_ids: [f] })
  assert.equal((await merge({ to_entity_id: e, from_entity_ids: [f] })).status, 204)
  const read = await identity.read(`entity/id/${e}`)
  assert.deepEqual(read.policies, ['a', 'b'])
  assert.deepEqual(read.metadata, { of: 'e' })
  assert.deepEqual(read.group_ids, [group])
  assert.deepEqual(await identity.members(group), [e])
  wantError(await identity.root.read('identity/entity/name/f87'), 404)
})

test('two aliases on one mount are in the way until one is chosen (IDN-88, IDN-89)', async () => {
  const e = await jwt.mustLogin('idn-88e')
  const f = await jwt.mustLogin('idn-88f')
  const asked = { to_entity_id: e.entity, from_entity_ids: [f.entity] }
  const refused = await merge(asked)
  assert.equal(refused.status, 400)
  assert.equal(refused.body.errors.length, 1)
  assert.equal(refused.body.data.length, 2)
  for (const row of refused.body.data) {
    assert.equal(row.mount, jwt.accessor)
    assert.equal(row.mount_path, 'auth/jwt/')
    assert.ok([e.entity, f.entity].includes(row.entity_id))
    assert.ok(row.entity.startsWith('entity_'))
  }
  const kept = refused.body.data.find(
    (row: { entity_id: string }) => row.entity_id === f.entity,
  ).alias
  assert.equal((await jwt.mustLogin('idn-88f')).entity, f.entity)
  const chosen = await merge({ ...asked, conflicting_alias_ids_to_keep: [kept] })
  assert.equal(chosen.status, 204, chosen.text)
  const { aliases } = await identity.read(`entity/id/${e.entity}`)
  assert.deepEqual(
    aliases.map((one: { id: string }) => one.id),
    [kept],
  )
  assert.equal((await jwt.mustLogin('idn-88f')).entity, e.entity)
  assert.notEqual((await jwt.mustLogin('idn-88e')).entity, e.entity)
})

test('a merge of itself, of nobody or of strangers is refused whole (IDN-90)', async () => {
  const [e, f] = [await identity.entity(), await identity.entity({ name: 'f90' })]
  const rows = [
    { to_entity_id: e, from_entity_ids: [f, e] },
    { to_entity_id: e, from_entity_ids: [f, 'unknown'] },
    { to_entity_id: 'unknown', from_entity_ids: [f] },
    { to_entity_id: e },
    { from_entity_ids: [f] },
    { to_entity_id: e, from_entity_ids: Array.from({ length: 101 }, (_, at) => `id-${at}`) },
  ]
  for (const row of rows) wantError(await merge(row), 400, /entity_id/)
  assert.equal((await identity.read(`entity/id/${f}`)).name, 'f90')
})

test('a merge is no way around a disabled entity, nor to policies of others (SEC-ACL-08)', async () => {
  const bad = await jwt.mustLogin('acl-08-bad')
  const good = await other.mustLogin('acl-08-good')
  await identity.root.must(`identity/entity/id/${bad.entity}`, { disabled: true })
  const asked = { to_entity_id: good.entity, from_entity_ids: [bad.entity] }
  wantError(await merge(asked), 400, /disabled/)
  want403T(await bad.client.read('auth/token/lookup-self'))
  // Two mounts may have one name: neither login leads to the entity of the other.
  const twin = await other.mustLogin('acl-08-bad')
  assert.notEqual(twin.entity, bad.entity)
  // Who was merged shares the fate of the one that stays.
  await identity.root.must(`identity/entity/id/${bad.entity}`, { disabled: false })
  assert.equal((await merge(asked)).status, 204)
  assert.equal((await bad.client.read('auth/token/lookup-self')).status, 200)
  await identity.root.must(`identity/entity/id/${good.entity}`, { disabled: true })
  want403T(await bad.client.read('auth/token/lookup-self'))
  await identity.root.remove(`identity/entity/id/${good.entity}`)
  want403T(await bad.client.read('auth/token/lookup-self'))
  assert.notEqual((await jwt.mustLogin('acl-08-bad')).entity, good.entity)
})

test('who was merged into one that is merged in turn is known as the last', async () => {
  const [a, b, c] = [
    await jwt.mustLogin('chain-a'),
    await other.mustLogin('chain-b'),
    await identity.entity(),
  ]
  await identity.root.must('identity/entity/merge', {
    to_entity_id: b.entity,
    from_entity_ids: [a.entity],
  })
  await identity.root.must('identity/entity/merge', {
    to_entity_id: c,
    from_entity_ids: [b.entity],
  })
  const { data } = (await a.client.read('auth/token/lookup-self')).body
  assert.equal(data.entity_id, c)
  const found = await identity.root.must('identity/lookup/entity', { id: a.entity })
  assert.equal(found.body.data.id, c)
  // By its path it is gone: a rule for the one that stays would not be asked.
  wantError(await identity.root.read(`identity/entity/id/${a.entity}`), 404)
})
