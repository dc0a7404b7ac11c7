/** What a role says about identities: whose groups are, who may become known, policies for groups. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setUpSignIn } from '../jwt/oidc-fixture.ts'
import { wantError } from '../platform/fixture.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount
let x = ''
let y = ''

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
  x = await identity.external(jwt, 'x', ['px'])
  y = await identity.external(jwt, 'y', ['py'])
  await jwt.role('job', { identity_mode: 'token' })
})

after(() => identity.stop())

test('jobs of one identity keep the groups of their own tokens (identity_mode=token)', async () => {
  const first = await jwt.mustLogin('mode-a', ['x'], 'job')
  const second = await jwt.mustLogin('mode-a', ['y'], 'job')
  assert.equal(first.entity, second.entity)
  assert.deepEqual(first.auth.identity_policies, ['px'])
  assert.deepEqual(second.auth.identity_policies, ['py'])
  assert.deepEqual(await identity.added(first.client), ['px'])
  await identity.root.must('auth/token/renew', { token: first.client.token })
  assert.deepEqual(await identity.added(first.client), ['px'])
  assert.deepEqual(await identity.added(second.client), ['py'])
  assert.deepEqual(await identity.members(x), [])
  // A group of the operator counts for both, and what stands above an external group too.
  await identity.group({ policies: ['pi'], member_entity_ids: [first.entity] })
  await identity.group({ policies: ['above'], member_group_ids: [x] })
  assert.deepEqual(await identity.added(first.client), ['above', 'pi', 'px'])
  assert.deepEqual(await identity.added(second.client), ['pi', 'py'])
})

test('a job sees no groups that a person of its entity has, nor does its child', async () => {
  await identity.root.must('sys/policies/acl/creates', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  await jwt.role('job-creates', { identity_mode: 'token', token_policies: ['creates'] })
  const job = await jwt.mustLogin('mode-b', ['x'], 'job-creates')
  const person = await jwt.mustLogin('mode-b', ['y'])
  assert.equal(job.entity, person.entity)
  assert.deepEqual(await identity.added(person.client), ['py'])
  assert.deepEqual(await identity.added(job.client), ['above', 'px'])
  const child = (await job.client.must('auth/token/create')).body.auth.client_token
  assert.deepEqual(await identity.added(identity.server.client(child)), ['above', 'px'])
  assert.deepEqual(await identity.members(y), [person.entity])
})

test('roles for JWTs have the mode token by default, and with compat=vault all have entity', async () => {
  await jwt.role('default', { identity_mode: '' })
  const read = await identity.root.read('auth/jwt/role/default')
  assert.equal('identity_mode' in read.body.data, false)
  await jwt.mustLogin('mode-c', ['x'], 'default')
  assert.deepEqual(await identity.members(x), [])
  const folding = await identity.mount('folding', { compat: 'vault' })
  const z = await identity.external(folding, 'z', ['pz'])
  await folding.role('job', { identity_mode: 'token' })
  const { entity } = await folding.mustLogin('mode-c', ['z'], 'job')
  assert.deepEqual(await identity.members(z), [entity])
  const refused = await identity.root.write('auth/jwt/role/default', { identity_mode: 'both' })
  wantError(refused, 400, /identity_mode/)
})

test('a role that takes those who are known makes no identity (entity_mode=existing_only)', async () => {
  await jwt.role('known', { entity_mode: 'existing_only' })
  const count = async () => (await identity.root.list('identity/entity/id')).body.data.keys.length
  const before = await count()
  const refused = await jwt.login('mode-d', ['x'], 'known')
  assert.equal(refused.status, 400)
  assert.equal(refused.headers['x-login-reason'], 'entity_unknown')
  assert.equal(await count(), before)
  const alias = { name: 'mode-d', mount_accessor: jwt.accessor }
  const id = await identity.made('entity-alias', alias)
  const { canonical_id } = await identity.read(`entity-alias/id/${id}`)
  const { auth, entity } = await jwt.mustLogin('mode-d', ['x'], 'known')
  assert.equal(entity, canonical_id)
  assert.deepEqual(auth.identity_policies, ['above', 'px'])
  const silent = await identity.mount('silent', { explain_to_caller: 'none' })
  await silent.role('known', { entity_mode: 'existing_only' })
  const untold = await silent.login('mode-d', [], 'known')
  assert.equal(untold.status, 400)
  assert.equal(untold.headers['x-login-reason'], undefined)
  assert.equal(untold.body.errors[0], 'login refused')
})

test('a role maps groups to policies without any group object (group_policies)', async () => {
  await jwt.role('mapped', { group_policies: { devs: ['Dev', 'ci'], ops: 'ops, ci' } })
  const read = (await identity.root.read('auth/jwt/role/mapped')).body.data
  assert.deepEqual(read.group_policies, { devs: ['dev', 'ci'], ops: ['ops', 'ci'] })
  const policies = async (groups: readonly string[]) =>
    (await jwt.mustLogin('mode-e', groups, 'mapped')).auth.token_policies
  assert.deepEqual(await policies(['devs', 'else']), ['ci', 'default', 'dev'])
  assert.deepEqual(await policies(['ops', 'devs']), ['ci', 'default', 'dev', 'ops'])
  assert.deepEqual(await policies(['Devs', ' devs']), ['default'])
  const refused = [
    { group_policies: { devs: ['root'] } },
    { group_policies: { devs: [' ROOT '] } },
    { group_policies: { devs: { a: 1 } } },
    { group_policies: { devs: ['a'] }, groups_claim: '' },
    {
      group_policies: Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`g${at}`, 'p'])),
    },
  ]
  for (const settings of refused) {
    const answer = await identity.root.write('auth/jwt/role/mapped', settings)
    wantError(answer, 400, /'group_policies'/)
  }
  assert.deepEqual(await policies(['devs']), ['ci', 'default', 'dev'])
  await jwt.role('mapped', { group_policies: {} })
  assert.deepEqual(await policies(['devs']), ['default'])
})

test('a group that the provider takes away is gone from all tokens of the person at the next sign-in', async () => {
  const setup = await setUpSignIn()
  const { root, idp } = setup
  const role = await setup.role({ token_num_uses: 0 })
  const accessor = (await root.read('sys/auth/oidc')).body.data.accessor
  const canonical_id = (await root.must('identity/group', { type: 'external', policies: ['pa'] }))
    .body.data.id
  await root.must('identity/group-alias', { name: 'a', mount_accessor: accessor, canonical_id })
  const signIn = async () => {
    const done = await setup.callback(await setup.begin(role))
    assert.equal(done.status, 200, done.text)
    return done.body.auth
  }
  const first = await signIn()
  assert.deepEqual(first.identity_policies, ['pa'])
  const client = setup.server.client(first.client_token)
  idp.claims = { ...idp.claims, nested: { Size: 'medium', secret_code: 'bar', Groups: ['b'] } }
  const second = await signIn()
  assert.equal(second.identity_policies, undefined)
  assert.equal(second.entity_id, first.entity_id)
  const read = await root.must('auth/token/lookup', { token: client.token })
  assert.equal(read.body.data.identity_policies, undefined)
  await setup.stop()
})
