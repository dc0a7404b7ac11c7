/** Paths of policies that are filled from the token's identity (platform.md §4.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { want403P } from '../platform/fixture.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount
let policies = 0

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
})

after(() => identity.stop())

/** A role whose tokens may read `secret/data/` and what the template is filled to. */
async function roleFor(template: string, flags: object = {}): Promise<string> {
  const name = `t${policies++}`
  const answer = await identity.root.write(`sys/policies/acl/${name}`, {
    policy: `path "secret/data/${template}" { capabilities = ["read"] }\npath "sys/mounts" { capabilities = ["read"] }`,
    ...flags,
  })
  assert.equal(answer.status, 204, answer.text)
  await jwt.role(name, { token_policies: [name] })
  return name
}

/** Nothing is stored: 404 is a path that may be read. */
async function mayRead(client: ApiClient, path: string): Promise<boolean> {
  const result = await client.read(`secret/data/${path}`)
  if (result.status !== 404) want403P(result)
  // The other stanza of the policy works in any case.
  assert.equal((await client.read('sys/mounts')).status, 200)
  return result.status === 404
}

async function person(subject: string, role: string, change: object = {}) {
  const who = await jwt.mustLogin(subject, [], role)
  await identity.root.must(`identity/entity/id/${who.entity}`, change)
  return who
}

test('the name of the entity fills a path, for that entity alone (POL-111)', async () => {
  const role = await roleFor('{{identity.entity.name}}/*')
  const bob = await person('pol-111', role, { name: 'bob' })
  assert.equal(await mayRead(bob.client, 'bob/x'), true)
  assert.equal(await mayRead(bob.client, 'eve/x'), false)
  await identity.root.must(`identity/entity/id/${bob.entity}`, { name: 'rob' })
  assert.equal(await mayRead(bob.client, 'bob/x'), false)
  assert.equal(await mayRead(bob.client, 'rob/x'), true)
})

test('without an entity the stanza is not there and the others are (POL-112)', async () => {
  const role = await roleFor('{{identity.entity.name}}/*')
  const client = await identity.root.tokenWith([role])
  assert.equal(await mayRead(client, 'bob/x'), false)
  assert.equal(await mayRead(client, '{{identity.entity.name}}/x'.replaceAll(/[{}]/g, '')), false)
})

test('blanks around an expression mean nothing (POL-113)', async () => {
  const role = await roleFor('{{ identity.entity.id }}')
  const { client, entity } = await person('pol-113', role)
  assert.equal(await mayRead(client, entity), true)
})

test('an alias fills what it is asked for on its own mount only (POL-114, POL-115)', async () => {
  const name = await roleFor(`{{identity.entity.aliases.${jwt.accessor}.name}}`)
  assert.equal(await mayRead((await person('pol-114', name)).client, 'pol-114'), true)
  const other = await identity.mount('k')
  await other.role('r', { token_policies: [name] })
  assert.equal(await mayRead((await other.mustLogin('pol-114')).client, 'pol-114'), false)

  const repo = await roleFor(`{{identity.entity.aliases.${jwt.accessor}.metadata.repo}}`)
  await jwt.role(repo, { token_policies: [repo], alias_metadata: { repo: 'web' } })
  const { client } = await person('pol-115', repo)
  assert.equal(await mayRead(client, 'web'), true)
  // The next login brings another one, and the older token follows.
  await jwt.role(repo, { token_policies: [repo], alias_metadata: { repo: 'api' } })
  await jwt.mustLogin('pol-115', [], repo)
  assert.equal(await mayRead(client, 'web'), false)
  assert.equal(await mayRead(client, 'api'), true)
})

test('a value with a slash fills nothing unless the policy allows it (POL-116)', async () => {
  const template = '{{identity.entity.metadata.repo}}'
  const strict = await roleFor(template)
  const change = { metadata: { repo: 'org/web' } }
  const { client } = await person('pol-116', strict, change)
  assert.equal(await mayRead(client, 'org/web'), false)
  const open = await roleFor(template, { allow_slashes_in_identity_templates: true })
  const allowed = await person('pol-116', open, change)
  assert.equal(await mayRead(allowed.client, 'org/web'), true)
  assert.equal(await mayRead(allowed.client, 'org/other'), false)
  const read = (await identity.root.read(`sys/policies/acl/${open}`)).body.data
  assert.equal(read.allow_slashes_in_identity_templates, true)
})

test('a value that could widen a path makes the stanza disappear (POL-117, POL-119, SEC-ACL-06, SEC-MAT-16)', async () => {
  const template = 'team/{{identity.entity.metadata.team}}/*'
  const roles = [
    await roleFor(template),
    await roleFor(template, { allow_slashes_in_identity_templates: true }),
  ]
  const hostile = ['*', 'a+b', '+', '..', '.', 'a/../b', '../b', '/a', 'a/', 'a//b', '']
  for (const role of roles) {
    const { client, entity } = await person('pol-117', role, { metadata: { team: 'good' } })
    assert.equal(await mayRead(client, 'team/good/x'), true)
    for (const team of [...hostile, '{{identity.entity.id}}', 'a\\b', 'x'.repeat(500) + '*']) {
      await identity.root.must(`identity/entity/id/${entity}`, { metadata: { team } })
      for (const path of ['team/good/x', 'team/b/x', 'team/a/x', `team/${entity}/x`, 'other']) {
        assert.equal(await mayRead(client, path), false, `${team} ${path}`)
      }
    }
    await identity.root.must(`identity/entity/id/${entity}`, { metadata: {} })
    assert.equal(await mayRead(client, 'team//x'), false)
  }
})

test('claims that would widen a path are no better (SEC-MAT-16)', async () => {
  const byClaim = await roleFor('{{token.claims.sub}}/*')
  const byAlias = await roleFor(`{{identity.entity.aliases.${jwt.accessor}.name}}/*`)
  for (const role of [byClaim, byAlias]) {
    const honest = await jwt.mustLogin('mat-16', [], role)
    assert.equal(await mayRead(honest.client, 'mat-16/x'), true)
    assert.equal(await mayRead(honest.client, 'mat-17/x'), false)
    for (const sub of ['*', '+', 'a/*', '..', '../mat-16', 'mat-16/..', '{{identity.entity.id}}']) {
      const { client, entity } = await jwt.mustLogin(sub, [], role)
      for (const path of ['mat-16/x', 'a/b', `${entity}/x`, 'x']) {
        assert.equal(await mayRead(client, path), false, `${sub} ${path}`)
      }
    }
  }
})

test('keys of metadata may have dots (POL-118)', async () => {
  const role = await roleFor('{{identity.entity.metadata.a.b}}')
  const { client } = await person('pol-118', role, { metadata: { 'a.b': 'v' } })
  assert.equal(await mayRead(client, 'v'), true)
})

test('groups fill a path for their members, inherited ones too, and names keep their case (POL-120..POL-122)', async () => {
  const child = await identity.group({ name: 'child' })
  const dev = await identity.group({
    name: 'dev',
    metadata: { area: 'east' },
    member_group_ids: [child],
  })
  const names = await roleFor('{{identity.groups.names.dev.id}}')
  const member = await person('pol-120', names)
  assert.equal(await mayRead(member.client, dev), false)
  await identity.root.must(`identity/group/id/${dev}`, { member_entity_ids: [member.entity] })
  assert.equal(await mayRead(member.client, dev), true)
  await identity.root.must(`identity/group/id/${dev}`, { name: 'Dev' })
  assert.equal(await mayRead(member.client, dev), false)

  const ids = await roleFor(`{{identity.groups.ids.${dev}.name}}`)
  const inChild = await person('pol-122', ids)
  assert.equal(await mayRead(inChild.client, 'Dev'), false)
  await identity.root.must(`identity/group/id/${child}`, { member_entity_ids: [inChild.entity] })
  assert.equal(await mayRead(inChild.client, 'Dev'), true)

  const area = await roleFor(`{{identity.groups.ids.${dev}.metadata.area}}`)
  const again = await person('pol-122', area)
  assert.equal(await mayRead(again.client, 'east'), true)
})

test('a deny that cannot be filled denies nothing (POL-125)', async () => {
  await identity.root.must('sys/policies/acl/deny125', {
    policy:
      'path "secret/data/{{identity.entity.metadata.no}}" { capabilities = ["deny"] }\npath "secret/*" { capabilities = ["read"] }\npath "sys/mounts" { capabilities = ["read"] }',
  })
  await jwt.role('deny125', { token_policies: ['deny125'] })
  const { client, entity } = await person('pol-125', 'deny125')
  assert.equal(await mayRead(client, 'x'), true)
  await identity.root.must(`identity/entity/id/${entity}`, { metadata: { no: 'x' } })
  assert.equal(await mayRead(client, 'x'), false)
  assert.equal(await mayRead(client, 'y'), true)
})

test('the default policy lets everybody read the own entity, and nobody another (POL-129)', async () => {
  const own = await jwt.mustLogin('pol-129')
  const other = await identity.entity({ name: 'Other One' })
  assert.equal((await own.client.read(`identity/entity/id/${own.entity}`)).status, 200)
  want403P(await own.client.read(`identity/entity/id/${other}`))
  await identity.root.must(`identity/entity/id/${own.entity}`, { name: 'Own.Name' })
  for (const name of ['Own.Name', 'own.name']) {
    assert.equal((await own.client.read(`identity/entity/name/${name}`)).status, 200, name)
  }
  want403P(await own.client.read('identity/entity/name/Other%20One'))
  want403P(await own.client.remove(`identity/entity/id/${own.entity}`))
  const { data } = (
    await own.client.write('sys/capabilities-self', {
      paths: [`identity/entity/id/${own.entity}`, `identity/entity/id/${other}`],
    })
  ).body
  assert.deepEqual(data[`identity/entity/id/${own.entity}`], ['read'])
  assert.deepEqual(data[`identity/entity/id/${other}`], ['deny'])
})

test('a token fills paths with what it has kept itself: no accessor, and no entity shared with others', async () => {
  const byMeta = await roleFor('{{token.metadata.team}}/{{token.claims.env}}')
  await jwt.role(byMeta, {
    token_policies: [byMeta],
    claim_mappings: { squad: 'team' },
    bound_claims: { env: ['prod', 'stage'] },
  })
  const login = async (squad: string, env: string) => {
    const claims = { sub: 'kept', squad, env, groups: [] }
    const { body } = await jwt.loginWith(claims, byMeta)
    return identity.server.client(body.auth.client_token)
  }
  const [red, blue] = [await login('red', 'prod'), await login('blue', 'stage')]
  assert.equal(await mayRead(red, 'red/prod'), true)
  assert.equal(await mayRead(red, 'blue/stage'), false)
  assert.equal(await mayRead(blue, 'blue/stage'), true)
})

test('metadata that a token was given by its maker fills nothing (SEC-ACL-06)', async () => {
  const name = await roleFor('{{token.metadata.team}}/{{identity.entity.metadata.a}}')
  await identity.root.must('sys/policies/acl/makes', {
    policy: 'path "auth/token/create" { capabilities = ["update"] }',
  })
  const byMeta = await roleFor('{{token.metadata.team}}')
  await jwt.role(byMeta, {
    token_policies: [byMeta, name, 'makes'],
    claim_mappings: { squad: 'team' },
  })
  const claims = { sub: 'maker', squad: 'red', groups: [] }
  const { body } = await jwt.loginWith(claims, byMeta)
  const honest = identity.server.client(body.auth.client_token)
  assert.equal(await mayRead(honest, 'red'), true)
  for (const team of ['blue', 'red', '*']) {
    const made = await honest.must('auth/token/create', { meta: { team } })
    const child = identity.server.client(made.body.auth.client_token)
    assert.equal(await mayRead(child, 'blue'), false)
    assert.equal(await mayRead(child, 'red'), false)
  }
})

test('an expression that nothing fills is told when the policy is written', async () => {
  const policy = 'path "a/{{identity.entity.nmae}}" { capabilities = ["read"] }'
  const { status, body } = await identity.root.write('sys/policies/acl/misspelt', { policy })
  assert.equal(status, 200)
  assert.match(body.warnings[0], /identity\.entity\.nmae/)
})
