/** Rights that must not be another's: what a second reader of this version got in with. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, want403P } from '../platform/fixture.ts'

let server: TestServer
let root: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('secret/data/x', { data: { a: '1' } })
  await root.must('secret/data/bob', { data: { a: '1' } })
})

after(() => server.stop())

test('a name with a line break is no two names: its token has neither their rights nor changes theirs (SEC-ACL-16)', async () => {
  await root.must('sys/policies/acl/open', {
    policy: 'path "secret/*" { capabilities = ["read"] }',
  })
  await root.must('sys/policies/acl/shut', {
    policy: 'path "secret/data/x" { capabilities = ["deny"] }',
  })
  const honest = await root.tokenWith(['open', 'shut'])
  const other = await root.tokenWith(['aaa', 'open'])
  want403P(await honest.read('secret/data/x'))
  assert.equal((await other.read('secret/data/x')).status, 200)
  for (const name of ['aaa\nopen', 'aaa\u0000open', 'aaa","open', 'aaa,open ']) {
    const sly = await root.tokenWith([name])
    want403P(await sly.read('secret/data/x'))
    // Whatever was compiled for it is not what others get.
    await (await root.tokenWith(['open\nshut'])).read('secret/data/x')
    want403P(await honest.read('secret/data/x'))
  }
})

test('a token made for another entity has its groups, and not those of its maker', async () => {
  const jwt = await enableJwt(server, { path: 'groups' })
  await jwt.mustRole('dev', { groups_claim: 'groups', token_policies: ['maker'] })
  await root.must('sys/policies/acl/maker', {
    policy: 'path "auth/token/create/*" { capabilities = ["update"] }',
  })
  await root.must('sys/policies/acl/brokers', {
    policy: 'path "secret/*" { capabilities = ["read"] }',
  })
  const accessor = (await root.read('sys/auth/groups')).body.data.accessor
  const group = await root.must('identity/group', {
    name: 'brokers',
    type: 'external',
    policies: 'brokers',
  })
  await root.must('identity/group-alias', {
    name: 'brokers',
    mount_accessor: accessor,
    canonical_id: group.body.data.id,
  })
  await root.must('auth/token/roles/bot', {
    allowed_policies: 'ci',
    allowed_entity_aliases: '*',
  })
  const made = await server.client().write('auth/groups/login', {
    role: 'dev',
    jwt: jwt.sign({ sub: 's1', groups: ['brokers'] }),
  })
  assert.deepEqual(made.body.auth.identity_policies, ['brokers'], made.text)
  const maker = root.as(String(made.body.auth.client_token))
  const bot = await maker.write('auth/token/create/bot', {
    entity_alias: 'bot-b',
    policies: ['ci'],
  })
  assert.deepEqual(bot.body.auth.policies, ['ci', 'default'], bot.text)
  want403P(await root.as(String(bot.body.auth.client_token)).read('secret/data/x'))
})

test('a templated deny is not shed by a child, nor by a value that fits nowhere (SEC-ACL-06)', async () => {
  await root.must('sys/auth/up', { type: 'userpass' })
  await root.must('sys/policies/acl/tpl', {
    policy: [
      'path "auth/token/create" { capabilities = ["update"] }',
      'path "secret/*" { capabilities = ["read"] }',
      'path "secret/data/{{token.metadata.username}}" { capabilities = ["deny"] }',
      'path "secret/data/{{identity.entity.metadata.k}}" { capabilities = ["deny"] }',
    ].join('\n'),
  })
  await root.must('auth/up/users/bob', { password: 'long enough', token_policies: 'tpl' })
  const login = await server.client().write('auth/up/login/bob', { password: 'long enough' })
  const bob = root.as(String(login.body.auth.client_token))
  want403P(await bob.read('secret/data/bob'))
  const child = await bob.must('auth/token/create')
  want403P(await root.as(String(child.body.auth.client_token)).read('secret/data/bob'))
  for (const k of ['a+x', '*', 'a/b', '..']) {
    await root.must(`identity/entity/id/${login.body.auth.entity_id}`, { metadata: { k } })
    want403P(await bob.read('secret/data/x'))
  }
})

test('a rate limit counts a role and a path in every spelling', async () => {
  const jwt = await enableJwt(server, { path: 'limited' })
  await jwt.mustRole('dev')
  await root.must('sys/quotas/rate-limit/of-role', {
    path: 'auth/limited',
    role: 'dev',
    rate: 1,
    interval: '1m',
  })
  const statuses: number[] = []
  for (const role of ['dev', 'DEV', 'Dev', ' dev']) statuses.push((await jwt.login(role)).status)
  assert.deepEqual(statuses, [200, 429, 429, 429])
  await root.must('sys/quotas/rate-limit/of-path', {
    path: 'auth/up/login/bob',
    rate: 1,
    interval: '1m',
  })
  const words = { password: 'x' }
  await server.client().write('auth/up/login/bob', words)
  assert.equal((await server.client().write('auth/up/login/BOB', words)).status, 429)
})
