/** Groups and their aliases by request (platform.md §5.2 to §5.4, §5.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { wantError } from '../platform/fixture.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
})

after(() => identity.stop())

const post = (path: string, body: object) => identity.root.write(`identity/${path}`, body)

test('a group is found by exactly one of its names (IDN-29)', async () => {
  const id = await identity.external(jwt, 'g29', [])
  const pair = { alias_name: 'g29', alias_mount_accessor: jwt.accessor }
  const found = await post('lookup/group', pair)
  assert.equal(found.body.data.id, id)
  for (const asked of [{ id }, { name: 'JWT-g29' }, { alias_id: found.body.data.alias.id }]) {
    assert.equal((await post('lookup/group', asked)).body.data.id, id)
  }
  assert.equal((await post('lookup/group', { ...pair, alias_name: 'nobody' })).status, 204)
  assert.equal((await post('lookup/group', { name: 'nobody' })).status, 204)
  wantError(await post('lookup/group', { id, name: 'g29' }), 400, /must be provided/)
})

test('policies of an internal group are those of its members at once (IDN-43)', async () => {
  await identity.policy('p43')
  const { client, entity } = await jwt.mustLogin('idn-43')
  assert.equal((await client.read('secret/data/p43')).status, 403)
  await identity.group({ name: 'g43', policies: ['p43'], member_entity_ids: [entity] })
  assert.equal((await client.read('secret/data/p43')).status, 404)
  const again = await jwt.mustLogin('idn-43')
  assert.deepEqual(again.auth.identity_policies, ['p43'])
  assert.deepEqual(again.auth.policies, ['default', 'p43'])
})

test('members inherit from the groups above theirs and not from those below (IDN-44..IDN-47)', async () => {
  const inner = await jwt.mustLogin('idn-44')
  const outer = await jwt.mustLogin('idn-45')
  const c = await identity.group({ policies: ['pc'], member_entity_ids: [inner.entity] })
  const b = await identity.group({ policies: ['pb'], member_group_ids: [c] })
  const a = await identity.group({
    policies: ['pa'],
    member_group_ids: [b],
    member_entity_ids: [outer.entity],
  })
  assert.deepEqual(await identity.added(inner.client), ['pa', 'pb', 'pc'])
  assert.deepEqual(await identity.added(outer.client), ['pa'])
  const read = await identity.read(`entity/id/${inner.entity}`)
  assert.deepEqual(read.direct_group_ids, [c])
  assert.deepEqual(read.inherited_group_ids, [b, a])
  assert.deepEqual(read.group_ids, [c, b, a])
  const shown = await identity.read(`group/id/${b}`)
  assert.deepEqual([shown.member_group_ids, shown.parent_group_ids], [[c], [a]])
  await identity.root.must(`identity/group/id/${a}`, { member_group_ids: [] })
  assert.deepEqual(await identity.added(inner.client), ['pb', 'pc'])
})

test('groups never stand in a circle, and nothing is written when they would (IDN-48, IDN-49)', async () => {
  const c = await identity.group()
  const b = await identity.group({ member_group_ids: [c] })
  const a = await identity.group({ member_group_ids: [b] })
  for (const [group, member] of [
    [b, a],
    [c, a],
    [a, a],
  ]) {
    const refused = await post(`group/id/${group}`, { member_group_ids: [member], policies: ['x'] })
    wantError(refused, 400, `cyclic relationship detected for member group ID "${member}"`)
  }
  assert.deepEqual((await identity.read(`group/id/${c}`)).member_group_ids, [])
  assert.deepEqual((await identity.read(`group/id/${c}`)).policies, [])
})

test('members that are sent replace who was there, and those that are not stay (IDN-50..IDN-53)', async () => {
  const [e, f] = [await identity.entity(), await identity.entity()]
  const g = await identity.group({ name: 'g50', member_entity_ids: [e, f] })
  assert.equal((await post('group', { name: 'g50', member_entity_ids: [e] })).status, 204)
  assert.deepEqual(await identity.members(g), [e])
  assert.deepEqual((await identity.read(`entity/id/${f}`)).group_ids, [])
  assert.equal((await post('group', { name: 'g50', policies: ['x'] })).status, 204)
  assert.deepEqual(await identity.members(g), [e])
  const refused = await post('group', { name: 'g50', member_entity_ids: [f, 'unknown'] })
  wantError(refused, 400, /member_entity_ids/)
  assert.deepEqual(await identity.members(g), [e])
  wantError(await post('group', { name: 'g50', member_group_ids: ['no'] }), 400, /member_group_ids/)
  assert.equal((await post('group', { name: 'g50', member_entity_ids: [] })).status, 204)
  assert.deepEqual(await identity.members(g), [])
})

test('the type of a group is one of two and stays (IDN-54, IDN-55)', async () => {
  wantError(await post('group', { name: 'g54', type: 'odd' }), 400, 'invalid group type "odd"')
  assert.equal((await identity.root.read('identity/group/name/g54')).status, 404)
  await identity.group({ name: 'g55' })
  const changed = await post('group', { name: 'g55', type: 'external' })
  wantError(changed, 400, 'group type cannot be changed')
})

test('nobody writes the members of an external group (IDN-56)', async () => {
  const entity = await identity.entity()
  const group = await identity.group()
  const external = { name: 'g56', type: 'external' }
  wantError(
    await post('group', { ...external, member_entity_ids: [entity] }),
    400,
    "member entities can't be set manually for external groups",
  )
  wantError(
    await post('group', { ...external, member_group_ids: [group] }),
    400,
    "member groups can't be set for external groups",
  )
  assert.equal((await identity.root.read('identity/group/name/g56')).status, 404)
})

test('an external group may be in an internal one, and its members inherit (IDN-57)', async () => {
  const x = await identity.external(jwt, 'g57', ['px'])
  const i = await identity.group({ policies: ['pi'], member_group_ids: [x] })
  const { auth } = await jwt.mustLogin('idn-57', ['g57'])
  assert.deepEqual(auth.identity_policies, ['pi', 'px'])
  assert.deepEqual((await identity.read(`group/id/${x}`)).parent_group_ids, [i])
})

test('group aliases belong to external groups, one to each, and each to one (IDN-58..IDN-62)', async () => {
  const internal = await identity.group()
  const [x, y] = [
    await identity.group({ type: 'external' }),
    await identity.group({ type: 'external' }),
  ]
  const dev = (canonical_id?: string, name = 'dev') => ({
    name,
    mount_accessor: jwt.accessor,
    ...(canonical_id === undefined ? {} : { canonical_id }),
  })
  wantError(
    await post('group-alias', dev(internal)),
    400,
    "alias can't be set on an internal group",
  )
  const made = await post('group-alias', dev(x))
  assert.deepEqual([made.status, made.body.data.canonical_id], [200, x])
  assert.equal((await post('group-alias', dev(x))).status, 204)
  wantError(
    await post('group-alias', dev(y)),
    400,
    'combination of mount and group alias name is already in use',
  )
  assert.equal((await post('group-alias', dev(x, 'ops'))).status, 200)
  assert.equal((await identity.read(`group/id/${x}`)).alias.name, 'ops')
  assert.equal((await post('group-alias', dev(y))).status, 200)
  const anew = await post('group-alias', dev(undefined, 'new'))
  assert.equal(anew.status, 200)
  assert.equal((await identity.read(`group/id/${anew.body.data.canonical_id}`)).type, 'external')
  wantError(await post('group-alias', { name: 'x' }), 400, /mount_accessor/)
  wantError(await post('group-alias', { mount_accessor: jwt.accessor }), 400, /name/)
  const stranger = { name: 'x', mount_accessor: 'auth_jwt_00000000' }
  wantError(await post('group-alias', stranger), 400, /^invalid mount accessor/)
  const listed = (await identity.root.list('identity/group-alias/id')).body.data
  assert.equal(listed.key_info[anew.body.data.id].canonical_id, anew.body.data.canonical_id)
  const read = await identity.read(`group-alias/id/${anew.body.data.id}`)
  assert.equal(read.mount_path, 'auth/jwt/')
  await identity.root.remove(`identity/group-alias/id/${anew.body.data.id}`)
  assert.deepEqual((await identity.read(`group/id/${anew.body.data.canonical_id}`)).alias, {})
})

test('names of groups ignore case (IDN-63)', async () => {
  const id = await identity.group({ name: 'Dev' })
  assert.equal((await post('group', { name: 'dev', policies: ['x'] })).status, 204)
  const read = await identity.read('group/name/dev')
  assert.deepEqual([read.id, read.name, read.policies], [id, 'Dev', ['x']])
  const other = await identity.group({ name: 'other63' })
  wantError(await post(`group/id/${other}`, { name: 'DEV' }), 400, 'group name is already in use')
})

test('a tower of groups ends, and so do lists of members', async () => {
  let top = await identity.group()
  for (let level = 2; level <= 32; level++) top = await identity.group({ member_group_ids: [top] })
  const refused = await post('group', { name: 'tower', member_group_ids: [top] })
  wantError(refused, 400, /'member_group_ids' would nest groups in more than 32 levels/)
  assert.equal((await identity.root.read('identity/group/name/tower')).status, 404)
  const many = Array.from({ length: 5001 }, (_, at) => `00000000-0000-0000-0000-${at}`)
  wantError(await post('group', { member_entity_ids: many.join(',') }), 400, /member_entity_ids/)
  wantError(await post('group', { member_group_ids: many.join(',') }), 400, /member_group_ids/)
})

test('groups are listed by id and by name', async () => {
  const id = await identity.group({ name: 'Listed' })
  for (const by of ['id', 'name']) {
    const { keys, key_info } = (await identity.root.call('LIST', `identity/group/${by}`)).body.data
    assert.ok(keys.includes(by === 'id' ? id : 'Listed'))
    assert.equal(key_info[id].name, 'Listed')
  }
})
