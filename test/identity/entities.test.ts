/** Entities by request: written, read, listed, looked up, deleted (platform.md §5.2 to §5.4). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { want403T, wantError } from '../platform/fixture.ts'
import { startIdentity, type GroupMount, type IdentityServer } from './fixture.ts'

let identity: IdentityServer
let jwt: GroupMount

before(async () => {
  identity = await startIdentity()
  jwt = await identity.mount('jwt')
})

after(() => identity.stop())

const post = (path: string, body: object) => identity.root.write(`identity/${path}`, body)

test('an empty server has no entity to list (IDN-25)', async () => {
  wantError(await identity.root.call('LIST', 'identity/entity/id'), 404)
  wantError(await identity.root.list('identity/entity/name'), 404)
})

test('a new entity answers with its id and name, and is read as it was written (IDN-12)', async () => {
  const made = await post('entity', { name: 'e12', policies: 'a,b', metadata: { k: 'v' } })
  assert.equal(made.status, 200)
  assert.equal(made.body.data.name, 'e12')
  assert.equal(made.body.data.aliases, null)
  const read = await identity.read(`entity/id/${made.body.data.id}`)
  assert.deepEqual(read.policies, ['a', 'b'])
  assert.deepEqual(read.metadata, { k: 'v' })
  assert.equal(read.disabled, false)
})

test('a write to an entity that is there is 204 and leaves what it does not name (IDN-13)', async () => {
  const id = await identity.entity({ name: 'e13', policies: ['a'], metadata: { k: 'v' } })
  assert.equal((await post('entity', { name: 'e13', policies: ['c'] })).status, 204)
  const read = await identity.read(`entity/id/${id}`)
  assert.deepEqual(read.policies, ['c'])
  assert.deepEqual(read.metadata, { k: 'v' })
})

test('names of entities ignore case and keep the one they were given (IDN-14)', async () => {
  const id = await identity.entity({ name: 'E14' })
  assert.equal((await post('entity', { name: 'e14', policies: ['x'] })).status, 204)
  assert.equal((await identity.read('entity/name/e14')).id, id)
  assert.equal((await identity.read(`entity/id/${id}`)).name, 'E14')
})

test('no entity takes the name of another (IDN-15)', async () => {
  await identity.entity({ name: 'e15' })
  const other = await identity.entity({ name: 'f15' })
  const refused = await post(`entity/id/${other}`, { name: 'E15' })
  wantError(refused, 400, 'entity name is already in use')
  assert.equal((await identity.read(`entity/id/${other}`)).name, 'f15')
  assert.equal((await post(`entity/id/${other}`, { name: 'F15' })).status, 204)
})

test('an id that nobody has cannot be written (IDN-16)', async () => {
  wantError(await post('entity/id/unknown', { policies: [] }), 400, 'entity not found from id')
  wantError(await post('entity', { id: 'unknown' }), 400, 'entity not found from id')
})

test('a write under a name makes the entity, with the case it was sent in (IDN-17)', async () => {
  const made = await post('entity/name/New%20One@example.test', { policies: ['p'] })
  assert.equal(made.status, 200)
  assert.equal(made.body.data.name, 'New One@example.test')
  assert.equal((await identity.read('entity/name/new%20one@example.test')).policies[0], 'p')
  assert.equal((await post('entity/name/new%20one@example.test', {})).status, 204)
})

test('identity takes neither root nor what only the server gives, in any spelling (IDN-18)', async () => {
  for (const name of ['root', 'ROOT', ' Root ']) {
    for (const path of ['entity', 'group']) {
      wantError(await post(path, { policies: [name] }), 400, 'policies cannot contain root')
    }
  }
  const wrapping = await post('entity', { policies: ['response-wrapping'] })
  wantError(wrapping, 400, 'policies cannot contain response-wrapping')
})

test('an entity without a name gets one (IDN-19)', async () => {
  const { status, body } = await post('entity', {})
  assert.equal(status, 200)
  assert.match(body.data.name, /^entity_[0-9a-f]{8}$/)
})

test('metadata beyond its limits is refused and nothing is written (IDN-20)', async () => {
  const pairs = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']))
  const rows = [
    { ...pairs(65) },
    { ['k'.repeat(129)]: 'v' },
    { k: 'v'.repeat(513) },
    { 'vault-x': 'v' },
    { 'with space': 'v' },
  ]
  for (const metadata of rows) {
    wantError(await post('entity', { name: 'e20', metadata }), 400, /'metadata'/)
  }
  assert.equal((await identity.root.read('identity/entity/name/e20')).status, 404)
  const most = { ...pairs(62), ['k'.repeat(128)]: 'v', v: 'v'.repeat(512) }
  assert.equal((await post('entity', { name: 'e20', metadata: most })).status, 200)
})

test('metadata that is sent replaces all that was there (IDN-21)', async () => {
  const id = await identity.entity({ metadata: { a: '1', b: '2' } })
  await identity.root.must(`identity/entity/id/${id}`, { metadata: { c: '3' } })
  assert.deepEqual((await identity.read(`entity/id/${id}`)).metadata, { c: '3' })
})

test('an entity that is not there is 404 to read and nothing to delete (IDN-22, IDN-23)', async () => {
  wantError(await identity.root.read('identity/entity/id/unknown'), 404)
  wantError(await identity.root.read('identity/entity/name/unknown'), 404)
  assert.equal((await identity.root.remove('identity/entity/id/unknown')).status, 204)
  assert.equal((await identity.root.remove('identity/entity/name/unknown')).status, 204)
})

test('lists by id and by name have what is to be known of each, and pages (IDN-24)', async () => {
  const first = await identity.entity({ name: 'Listed A' })
  const second = await identity.entity({ name: 'listed-b' })
  const { entity } = await jwt.mustLogin('listed-c')
  for (const verb of ['LIST', 'GET']) {
    const query = verb === 'GET' ? '?list=true' : ''
    const ids = (await identity.root.call(verb, `identity/entity/id${query}`)).body.data
    const names = (await identity.root.call(verb, `identity/entity/name${query}`)).body.data
    for (const id of [first, second, entity]) assert.ok(ids.keys.includes(id))
    assert.ok(names.keys.includes('Listed A') && names.keys.includes('listed-b'))
    assert.equal(ids.key_info[first].name, 'Listed A')
    assert.equal(names.key_info[second].name, 'listed-b')
    assert.equal(ids.key_info[entity].aliases[0].name, 'listed-c')
  }
  for (const by of ['id', 'name']) {
    const all = (await identity.root.list(`identity/entity/${by}`)).body.data.keys
    const paged: string[] = []
    for (let after = ''; ;) {
      const query = `?list=true&limit=3&after=${encodeURIComponent(after)}`
      const page = await identity.root.call('GET', `identity/entity/${by}${query}`)
      if (page.status === 404) break
      assert.ok(page.body.data.keys.length <= 3)
      paged.push(...page.body.data.keys)
      after = paged.at(-1) ?? ''
    }
    assert.deepEqual(paged, all)
  }
})

test('an entity is found by exactly one of its names (IDN-26..IDN-28)', async () => {
  const { entity } = await jwt.mustLogin('idn-26')
  const pair = { alias_name: 'idn-26', alias_mount_accessor: jwt.accessor }
  const found = await post('lookup/entity', pair)
  assert.equal(found.body.data.id, entity)
  const { name, aliases } = found.body.data
  for (const asked of [{ id: entity }, { name }, { alias_id: aliases[0].id }]) {
    assert.equal((await post('lookup/entity', asked)).body.data.id, entity)
  }
  const nobody = [{ name: 'nobody' }, { id: 'x' }, { alias_id: 'x' }, { ...pair, alias_name: 'x' }]
  for (const asked of [...nobody, { ...pair, alias_mount_accessor: 'x' }]) {
    const { status, text } = await post('lookup/entity', asked)
    assert.deepEqual([status, text], [204, ''])
  }
  for (const asked of [{ name: 'e', id: 'x' }, {}, { alias_name: 'a' }, { ...pair, id: 'x' }]) {
    wantError(await post('lookup/entity', asked), 400, /must be provided/)
  }
})

test('a batch of entities is deleted at once, and who is not named remains (IDN-30, IDN-31)', async () => {
  const ids = [await identity.entity(), await identity.entity(), await identity.entity()]
  const entity_ids = [ids[0], ids[1], 'unknown']
  assert.equal((await post('entity/batch-delete', { entity_ids })).status, 204)
  const statuses = await Promise.all(
    ids.map(async (id) => (await identity.root.read(`identity/entity/id/${id}`)).status),
  )
  assert.deepEqual(statuses, [404, 404, 200])
  wantError(await post('entity/batch-delete', {}), 400, /entity_ids/)
  const many = Array.from({ length: 1001 }, (_, at) => `id-${at}`)
  wantError(await post('entity/batch-delete', { entity_ids: [...many, ids[2]] }), 400, /entity_ids/)
  assert.equal((await identity.root.read(`identity/entity/id/${ids[2]}`)).status, 200)
})

test('a policy that the entity gets or loses counts with the next request (IDN-40..IDN-42)', async () => {
  await identity.policy('p40')
  const { client, entity } = await jwt.mustLogin('idn-40')
  assert.equal((await client.read('secret/data/p40')).status, 403)
  await identity.root.must(`identity/entity/id/${entity}`, { policies: ['p40'] })
  assert.equal((await client.read('secret/data/p40')).status, 404)
  const { data } = (await client.read('auth/token/lookup-self')).body
  assert.deepEqual(data.identity_policies, ['p40'])
  assert.deepEqual(data.policies, ['default'])
  await identity.root.must(`identity/entity/id/${entity}`, { policies: [] })
  assert.equal((await client.read('secret/data/p40')).status, 403)
})

test('a disabled entity cannot log in and its tokens do nothing, until it is enabled (IDN-78..IDN-81)', async () => {
  const { client, entity } = await jwt.mustLogin('idn-78')
  await identity.root.must(`identity/entity/id/${entity}`, { disabled: true })
  want403T(await jwt.login('idn-78'))
  want403T(await client.read('auth/token/lookup-self'))
  want403T(await client.write('sys/capabilities-self', { paths: 'x' }))
  const looked = await identity.root.write('auth/token/lookup', { token: client.token })
  assert.equal(looked.status, 200)
  await identity.root.must(`identity/entity/id/${entity}`, { disabled: false })
  assert.equal((await client.read('auth/token/lookup-self')).status, 200)
  assert.equal((await jwt.login('idn-78')).status, 200)
})

test('a deleted entity takes its tokens, aliases and memberships with it (IDN-82..IDN-84)', async () => {
  const { client, entity } = await jwt.mustLogin('idn-82')
  const other = await identity.entity()
  const group = await identity.group({ member_entity_ids: [entity, other] })
  assert.equal((await identity.root.remove(`identity/entity/id/${entity}`)).status, 204)
  want403T(await client.read('auth/token/lookup-self'))
  assert.deepEqual(await identity.members(group), [other])
  const again = await jwt.mustLogin('idn-82')
  assert.notEqual(again.entity, entity)
  want403T(await client.read('auth/token/lookup-self'))
})

test('a child has the entity of its parent and an orphan has none (IDN-91, IDN-92)', async () => {
  await identity.policy('p91', 'auth/token/*')
  await identity.root.must('sys/policies/acl/maker', {
    policy: 'path "auth/token/*" { capabilities = ["create", "update", "sudo"] }',
  })
  const { client, entity } = await jwt.mustLogin('idn-91')
  await identity.root.must(`identity/entity/id/${entity}`, { policies: ['maker'] })
  const child = await client.must('auth/token/create', {})
  assert.equal(child.body.auth.entity_id, entity)
  assert.deepEqual(child.body.auth.identity_policies, ['maker'])
  const orphan = await client.must('auth/token/create-orphan', {})
  const { data } = (
    await identity.root.must('auth/token/lookup', {
      token: orphan.body.auth.client_token,
    })
  ).body
  assert.equal(data.entity_id, '')
})

test('sudo through identity lets a token give policies that it has not itself (IDN-93)', async () => {
  await identity.root.must('sys/policies/acl/sudo93', {
    policy: 'path "auth/token/create" { capabilities = ["update", "sudo"] }',
  })
  const { client, entity } = await jwt.mustLogin('idn-93')
  await identity.root.must(`identity/entity/id/${entity}`, { policies: ['sudo93'] })
  const made = await client.must('auth/token/create', { policies: ['z'] })
  assert.deepEqual(made.body.auth.token_policies, ['default', 'z'])
})

test('names of policies are kept in lower case (IDN-94)', async () => {
  const id = await identity.entity({ policies: ['P', ' q '] })
  assert.deepEqual((await identity.read(`entity/id/${id}`)).policies, ['p', 'q'])
})

test('an entity is shown with its times, its namespace and where its aliases are (IDN-96)', async () => {
  const { entity } = await jwt.mustLogin('idn-96')
  const read = await identity.read(`entity/id/${entity}`)
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/
  assert.match(read.creation_time, time)
  assert.match(read.last_update_time, time)
  assert.equal(read.namespace_id, 'root')
  assert.equal(read.merged_entity_ids, null)
  const [alias] = read.aliases
  assert.equal(alias.mount_path, 'auth/jwt/')
  assert.equal(alias.mount_type, 'jwt')
  assert.equal(alias.mount_accessor, jwt.accessor)
  assert.equal(alias.canonical_id, entity)
  assert.match(alias.creation_time, time)
})

test('names beyond their limits are refused, and the field is named', async () => {
  const long = 'n'.repeat(513)
  for (const path of ['entity', 'group']) {
    wantError(await post(path, { name: long }), 400, /name/)
    wantError(await post(path, { name: 'a\u0000b' }), 400, /'name'/)
    wantError(await post(path, { name: '  ' }), 400, /'name'/)
    assert.equal((await post(path, { name: 'n'.repeat(512) })).status, 200)
    wantError(
      await post(path, { policies: Array.from({ length: 1001 }, (_, at) => `p${at}`) }),
      400,
      /policies/,
    )
  }
})

test('what the provider side of identity would be is refused cleanly', async () => {
  for (const path of ['identity/oidc/config', 'identity/oidc/token/r', 'identity/mfa/method']) {
    const { status, body } = await identity.root.read(path)
    assert.equal(status, 404)
    assert.match(body.errors[0], /unsupported path/)
  }
  assert.equal((await identity.root.call('DELETE', 'identity/entity')).status, 405)
})
