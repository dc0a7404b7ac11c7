/** Who am I: groups, and where each policy comes from, by the function that decides what counts. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
})
after(() => identity.stop())

const path = 'sys/internal/ui/whoami'

interface WhoAmI {
  readonly groups: readonly Record<string, unknown>[]
  readonly policies: readonly { readonly name: string; readonly because: readonly object[] }[]
}

test('without a token there is nothing to tell; a root token says who made it', async () => {
  assert.equal((await identity.root.as(undefined).read(path)).status, 204)
  assert.equal((await identity.root.as('nonsense').read(path)).status, 204)
  const { data } = (await identity.root.read(path)).body
  assert.deepEqual(data.groups, [])
  assert.deepEqual(
    data.policies.map(({ name }: { name: string }) => name),
    ['root'],
  )
})

test('role, entity, group by its alias, group of a group and default are told apart', async () => {
  const devs = await identity.external(jwt, 'devs', ['builder'])
  const staff = (
    await identity.root.must('identity/group', {
      name: 'staff',
      policies: ['visitor'],
      member_group_ids: [devs],
    })
  ).body.data.id
  await jwt.role('people', { token_policies: ['reader'] })
  const { client, entity } = await jwt.mustLogin('dora', ['devs'], 'people')
  const { name } = (await identity.root.read(`identity/entity/id/${entity}`)).body.data
  await identity.root.must(`identity/entity/id/${entity}`, { policies: ['own', 'reader'] })
  const data: WhoAmI = (await client.read(path)).body.data
  const alias = { alias: 'devs', mount: 'auth/jwt/' }
  const ofDevs = { name: (await groupName(devs)) as string, ...alias }
  const ofStaff = { name: 'staff', through: [ofDevs.name] }
  assert.deepEqual(data.groups, [
    { id: devs, type: 'external', ...ofDevs },
    { id: staff, type: 'internal', ...ofStaff },
  ])
  assert.deepEqual(becauseOf(data), {
    builder: [{ kind: 'group', ...ofDevs }],
    default: [{ kind: 'default', name: '' }],
    own: [{ kind: 'entity', name }],
    reader: [
      { kind: 'role', name: 'people' },
      { kind: 'entity', name },
    ],
    visitor: [{ kind: 'group', ...ofStaff }],
  })
})

test("a template and the role's map of groups are told, and a token made by a token", async () => {
  await jwt.role('filled', {
    token_policies: ['team-{{ .sub }}'],
    token_policies_template_claims: true,
    group_policies: { 'blue team': ['Painter'] },
  })
  const { client } = await jwt.mustLogin('kim', ['blue team'], 'filled')
  const data: WhoAmI = (await client.read(path)).body.data
  assert.deepEqual(becauseOf(data), {
    default: [{ kind: 'default', name: '' }],
    painter: [{ kind: 'role_group', name: 'blue team' }],
    'team-kim': [{ kind: 'template', name: 'filled' }],
  })
  const child = await identity.root.must('auth/token/create', { policies: ['reader'] })
  const ofChild = (await identity.root.as(child.body.auth.client_token).read(path)).body.data
  assert.deepEqual(becauseOf(ofChild), {
    default: [{ kind: 'token', name: 'auth/token/create' }],
    reader: [{ kind: 'token', name: 'auth/token/create' }],
  })
})

function becauseOf({ policies }: WhoAmI): Record<string, readonly object[]> {
  return Object.fromEntries(policies.map(({ name, because }) => [name, because]))
}

async function groupName(id: string): Promise<unknown> {
  return (await identity.root.read(`identity/group/id/${id}`)).body.data.name
}
