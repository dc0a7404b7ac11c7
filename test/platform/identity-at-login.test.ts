/** Entities, aliases and policies that a login makes (platform.md §3.12, §5.5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import type { AliasRecord, EntityRecord } from '../../src/core/records.ts'
import { prefixRange } from '../../src/storage/store.ts'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  changeEntity,
  enableJwt,
  want403P,
  want403T,
  wantAlive,
  wantDead,
  wantError,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
  await jwt.mustRole('r')
})

after(() => server.stop())

async function entityOf(id: string): Promise<EntityRecord> {
  const record = await server.server.core.store.view((view) => view.get(keys.entity(id)))
  assert.ok(record !== undefined)
  return record
}

async function aliasesOf(entity: string): Promise<readonly AliasRecord[]> {
  const found: AliasRecord[] = []
  const record = await entityOf(entity)
  await server.server.core.store.view(async (view) => {
    for (const { accessor, hash } of record.aliases) {
      const alias = await view.get(keys.alias(accessor, hash))
      if (alias !== undefined) found.push(alias)
    }
  })
  return found
}

async function counts(): Promise<readonly [number, number]> {
  let tokens = 0
  let entities = 0
  await server.server.core.store.view(async (view) => {
    for await (const _ of view.keys(prefixRange(keys.tokenPrefix))) tokens++
    for await (const _ of view.keys(prefixRange(keys.entity('').text))) entities++
  })
  return [tokens, entities]
}

async function login(mount: JwtMount, role: string, subject: string): Promise<string> {
  return (await mount.mustLogin(role, subject)).body.auth.entity_id
}

test('IDN-01, IDN-02: the first login makes an entity and an alias, later ones use them', async () => {
  const id = await login(jwt, 'r', 'idn-01')
  const entity = await entityOf(id)
  assert.match(entity.name, /^entity_[0-9a-f]{8}$/)
  assert.deepEqual(entity.policies, [])
  const aliases = await aliasesOf(id)
  const { accessor } = (await root.read('sys/auth/jwt')).body.data
  assert.deepEqual(
    aliases.map((one) => [one.name, one.accessor]),
    [['idn-01', accessor]],
  )
  const [, before] = await counts()
  assert.equal(await login(jwt, 'r', 'idn-01'), id)
  assert.equal((await counts())[1], before)
})

test('IDN-03, IDN-72: on a jwt mount names that differ in case are two people, with compat=vault one', async () => {
  assert.notEqual(await login(jwt, 'r', 'Bob'), await login(jwt, 'r', 'bob'))
  const folding = await enableJwt(server, { path: 'folding', config: { compat: 'vault' } })
  await folding.mustRole('r')
  assert.equal(await login(folding, 'r', 'Bob'), await login(folding, 'r', 'bob'))
})

test('IDN-04: two mounts make two entities', async () => {
  const other = await enableJwt(server, { path: 'k' })
  await other.mustRole('r')
  assert.notEqual(await login(jwt, 'r', 'idn-04'), await login(other, 'r', 'idn-04'))
})

test('IDN-07, IDN-09: alias metadata is replaced as a whole, metadata of the entity stays', async () => {
  await jwt.mustRole('meta', { alias_metadata: { a: '1' } })
  const id = await login(jwt, 'meta', 'idn-07')
  assert.deepEqual((await aliasesOf(id))[0]?.metadata['a'], '1')
  await changeEntity(server, id, { metadata: { team: 'x' } })
  await jwt.mustRole('meta', { alias_metadata: { b: '2' } })
  assert.equal(await login(jwt, 'meta', 'idn-07'), id)
  const metadata = (await aliasesOf(id))[0]?.metadata ?? {}
  assert.equal(metadata['b'], '2')
  assert.equal('a' in metadata, false)
  assert.deepEqual((await entityOf(id)).metadata, { team: 'x' })
})

test('a login of a known entity leaves one token and nothing else', async () => {
  await login(jwt, 'r', 'known')
  const [tokens, entities] = await counts()
  await login(jwt, 'r', 'known')
  assert.deepEqual(await counts(), [tokens + 1, entities])
})

test('SEC-ACL-09: a disabled entity cannot log in, and its tokens are refused', async () => {
  const { body } = await jwt.mustLogin('r', 'acl-09')
  const token = server.client(body.auth.client_token)
  await wantAlive(token)
  await changeEntity(server, body.auth.entity_id, { disabled: true })
  await wantDead(token)
  const [tokens] = await counts()
  want403T(await jwt.login('r', 'acl-09'))
  assert.equal((await counts())[0], tokens)
  await changeEntity(server, body.auth.entity_id, { disabled: false })
  await wantAlive(token)
})

test('policies of the entity count from the next request on', async () => {
  await root.must('sys/policies/acl/extra', {
    policy: 'path "sys/mounts" { capabilities = ["read"] }',
  })
  const { body } = await jwt.mustLogin('r', 'extra')
  const token = server.client(body.auth.client_token)
  want403P(await token.read('sys/mounts'))
  await changeEntity(server, body.auth.entity_id, { policies: ['extra'] })
  assert.equal((await token.read('sys/mounts')).status, 200)
  const again = (await jwt.mustLogin('r', 'extra')).body.auth
  assert.deepEqual(again.policies, ['default', 'extra'])
  assert.deepEqual(again.token_policies, ['default'])
  assert.deepEqual(again.identity_policies, ['extra'])
  const renewed = (await token.write('auth/token/renew-self')).body.auth
  assert.deepEqual(renewed.policies, ['default', 'extra'])
  assert.deepEqual(renewed.token_policies, ['default'])
})

test('TOK-111, TOK-112, SEC-TKN-10: neither a role nor an entity makes a root token, and nothing is left behind', async () => {
  await jwt.mustRole('rooted', { token_policies: ['Root '] })
  const first = await login(jwt, 'r', 'tok-112')
  const [tokens] = await counts()
  wantError(await jwt.login('rooted', 'tok-111'), 400, 'auth methods cannot create root tokens')
  await changeEntity(server, first, { policies: ['root'] })
  wantError(await jwt.login('r', 'tok-112'), 400, 'auth methods cannot create root tokens')
  await changeEntity(server, first, { policies: ['response-wrapping'] })
  wantError(await jwt.login('r', 'tok-112'), 400, /response-wrapping/)
  assert.equal((await counts())[0], tokens)
})

test('an entity with the policy root gives its living tokens no rights', async () => {
  await jwt.mustRole('bare', { token_no_default_policy: true })
  for (const role of ['r', 'bare']) {
    const { body } = await jwt.mustLogin(role, `living-root-${role}`)
    await changeEntity(server, body.auth.entity_id, { policies: ['root'] })
    const token = server.client(body.auth.client_token)
    want403P(await token.read('sys/mounts'))
    want403P(await token.call('PUT', 'sys/seal', {}))
    const asked = { token: token.token, paths: 'sys/seal' }
    const { data } = (await root.write('sys/capabilities', asked)).body
    assert.deepEqual(data['sys/seal'], ['deny'])
  }
})

test('TOK-113, TOK-114, SEC-TKN-10: policies of a login are tidied; none at all is a token that can do nothing', async () => {
  await jwt.mustRole('tidy', { token_policies: ['B', 'a', 'a', ' '] })
  assert.deepEqual((await jwt.mustLogin('tidy')).body.auth.token_policies, ['a', 'b', 'default'])
  await jwt.mustRole('none', { token_no_default_policy: true })
  const { body } = await jwt.mustLogin('none')
  assert.deepEqual(body.auth.policies, [])
  want403P(await server.client(body.auth.client_token).read('auth/token/lookup-self'))
})
