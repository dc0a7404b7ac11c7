/** Groups that logins bring, for all tokens of the entity (platform.md §5.6). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { startIdentity, type GroupMount, type IdentityServer, type LoggedIn } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount
let other: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
  other = await identity.mount('k')
  await jwt.role('plain', { groups_claim: '' })
  await jwt.role('batch', { token_type: 'batch' })
})

after(() => identity.stop())

let groups = 0

/** A group of that mount under a name of its own. */
async function externalGroup(mount = jwt) {
  const name = `x${groups++}`
  const policy = `p-${name}`
  return { name, policy, id: await identity.external(mount, name, [policy]) }
}

async function renew({ auth }: Pick<LoggedIn, 'auth'>) {
  return identity.root.must('auth/token/renew', { token: auth.client_token })
}

test('a login joins the groups that are known, and leaves those it names no more (IDN-64, IDN-65)', async () => {
  const x = await externalGroup()
  const first = await jwt.mustLogin('idn-64', [x.name, 'other'])
  assert.deepEqual(first.auth.identity_policies, [x.policy])
  assert.deepEqual(await identity.members(x.id), [first.entity])
  const second = await jwt.mustLogin('idn-64', [])
  assert.deepEqual(second.auth.identity_policies, [])
  assert.deepEqual(await identity.members(x.id), [])
  assert.deepEqual(await identity.added(first.client), [])
})

test('renewing a token puts the groups of its login back (IDN-66)', async () => {
  const x = await externalGroup()
  const first = await jwt.mustLogin('idn-66', [x.name])
  const second = await jwt.mustLogin('idn-66', [])
  const renewed = await renew(first)
  assert.deepEqual(renewed.body.auth.identity_policies, [x.policy])
  assert.deepEqual(await identity.added(first.client), [x.policy])
  assert.deepEqual(await identity.added(second.client), [x.policy])
})

test('a login through a role without groups leaves them all (IDN-67)', async () => {
  const x = await externalGroup()
  const { client } = await jwt.mustLogin('idn-67', [x.name])
  await jwt.mustLogin('idn-67', [x.name], 'plain')
  assert.deepEqual(await identity.added(client), [])
})

test('groups of other mounts and internal ones are not touched (IDN-68, IDN-69)', async () => {
  const x = await externalGroup()
  const y = await externalGroup(other)
  const first = await jwt.mustLogin('idn-68', [x.name])
  const { entity } = first
  await identity.made('entity-alias', {
    name: 'idn-68',
    mount_accessor: other.accessor,
    canonical_id: entity,
  })
  await identity.group({ policies: ['pi68'], member_entity_ids: [entity] })
  assert.equal((await other.mustLogin('idn-68', [y.name])).entity, entity)
  assert.deepEqual(await identity.added(first.client), [x.policy, y.policy, 'pi68'].toSorted())
  await jwt.mustLogin('idn-68', [])
  assert.deepEqual(await identity.added(first.client), [y.policy, 'pi68'].toSorted())
})

test('an alias that comes after the login waits for the next one (IDN-70, IDN-71)', async () => {
  const early = await jwt.mustLogin('idn-70', ['late'])
  await identity.external(jwt, 'late', ['p-late'])
  await renew(early)
  assert.deepEqual(await identity.added(early.client), [])
  const later = await jwt.mustLogin('idn-70', ['late'])
  assert.deepEqual(later.auth.identity_policies, ['p-late'])
})

test('names of groups compare exactly, with compat=vault ignoring case', async () => {
  const x = await externalGroup()
  const { auth } = await jwt.mustLogin('idn-72', [x.name.toUpperCase(), ` ${x.name}`])
  assert.deepEqual(auth.identity_policies, [])
  const folding = await identity.mount('folding', { compat: 'vault' })
  const y = await externalGroup(folding)
  const { auth: folded } = await folding.mustLogin('idn-72', [y.name.toUpperCase()])
  assert.deepEqual(folded.identity_policies, [y.policy])
})

test('a batch token follows the groups of its entity (IDN-73)', async () => {
  const x = await externalGroup()
  const { client } = await jwt.mustLogin('idn-73', [x.name], 'batch')
  assert.deepEqual(await identity.added(client), [x.policy])
  await jwt.mustLogin('idn-73', [])
  assert.deepEqual(await identity.added(client), [])
})

test('renewing a token that another token made leaves the groups alone (IDN-74)', async () => {
  const x = await externalGroup()
  await identity.root.must('sys/policies/acl/creates', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  await jwt.role('creates', { token_policies: ['creates'] })
  const { client } = await jwt.mustLogin('idn-74', [x.name], 'creates')
  const child = (await client.must('auth/token/create', { ttl: '1h' })).body.auth
  await renew({ auth: child })
  assert.deepEqual(await identity.added(client), [x.policy])
})

test('a group that is deleted gives nothing from then on (IDN-75)', async () => {
  const x = await externalGroup()
  const { client } = await jwt.mustLogin('idn-75', [x.name])
  assert.deepEqual(await identity.added(client), [x.policy])
  await identity.root.remove(`identity/group/id/${x.id}`)
  assert.deepEqual(await identity.added(client), [])
  assert.deepEqual((await jwt.mustLogin('idn-75', [x.name])).auth.identity_policies, [])
})

test('a group that loses its alias loses its members one by one (IDN-76)', async () => {
  const x = await externalGroup()
  const { client, entity } = await jwt.mustLogin('idn-76', [x.name])
  const { alias } = await identity.read(`group/id/${x.id}`)
  await identity.root.remove(`identity/group-alias/id/${alias.id}`)
  assert.deepEqual(await identity.added(client), [x.policy])
  await identity.made('entity-alias', {
    name: 'idn-76',
    mount_accessor: other.accessor,
    canonical_id: entity,
  })
  await other.mustLogin('idn-76')
  assert.deepEqual(await identity.added(client), [])
})

test('only the groups that are known are kept with the token (IDN-77)', async () => {
  const known = [await externalGroup(), await externalGroup(), await externalGroup()]
  const names = known.map(({ name }) => name)
  const strangers = Array.from({ length: 996 }, (_, at) => `nobody-${at}`)
  const all = [...names, ...strangers, 'n'.repeat(20_000)]
  const { client, auth } = await jwt.mustLogin('idn-77', all)
  assert.equal(auth.identity_policies.length, 3)
  const { accessor } = (await client.read('auth/token/lookup-self')).body.data
  const { core } = identity.server.server
  const id = core.tokens.ids.parseAccessor(accessor) ?? ''
  const record = await core.store.view((view) => view.get(keys.token(id)))
  assert.deepEqual(record?.login?.groups, names)
})

test('fifty logins with other groups at once end in the groups of one of them (IDN-98)', async () => {
  const [x, y, z] = [await externalGroup(), await externalGroup(), await externalGroup()]
  const sets = [[x, y], [y, z], [x, z], [x], []].map((set) => set.map(({ name }) => name))
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, at) => jwt.mustLogin('idn-98', sets[at % sets.length])),
  )
  const after = await identity.read(`entity/id/${all[0]?.entity}`)
  const names = [x, y, z].filter(({ id }) => after.group_ids.includes(id)).map(({ name }) => name)
  assert.ok(
    sets.some((set) => JSON.stringify(set) === JSON.stringify(names)),
    names.join(),
  )
  for (const { id, name } of [x, y, z]) {
    assert.equal((await identity.members(id)).length, names.includes(name) ? 1 : 0)
  }
})

test('a login of a known person whose groups did not change writes its token alone', async () => {
  const x = await externalGroup()
  const { entity } = await jwt.mustLogin('steady', [x.name])
  const { store } = identity.server.server.core
  const before = await store.view((view) => view.get(keys.entity(entity)))
  await jwt.mustLogin('steady', [x.name, 'nobody'])
  // The same object as long as nothing was stored.
  assert.equal(await store.view((view) => view.get(keys.entity(entity))), before)
})
