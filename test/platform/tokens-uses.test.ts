/** num_uses (platform.md §3.9). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  create,
  enableJwt,
  want403P,
  want403T,
  wantAlive,
  wantDead,
  type JwtMount,
} from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
  await root.must('sys/policies/acl/reader', {
    policy: 'path "sys/mounts" { capabilities = ["read"] }',
  })
})

after(() => server.stop())

async function limited(uses: number): Promise<ApiClient> {
  return (await create(root, { policies: ['reader', 'default'], num_uses: uses })).client
}

test('TOK-66: two uses are two', async () => {
  const client = await limited(2)
  assert.equal((await client.read('sys/mounts')).status, 200)
  assert.equal((await client.read('sys/mounts')).status, 200)
  want403T(await client.read('sys/mounts'))
})

test('TOK-67: a call that policy denies spends a use', async () => {
  const client = await limited(2)
  want403P(await client.read('sys/auth'))
  want403P(await client.read('nomount/x'))
  want403T(await client.read('auth/token/lookup-self'))
})

test('TOK-68: lookup-self counts itself, and says -1 on the last call', async () => {
  const client = await limited(3)
  for (const left of [2, 1, -1]) {
    const { body } = await client.read('auth/token/lookup-self')
    assert.equal(body.data.num_uses, left)
  }
  want403T(await client.read('auth/token/lookup-self'))
})

test('TOK-68: others see what is left too', async () => {
  const client = await limited(3)
  await client.read('sys/mounts')
  const { body } = await root.write('auth/token/lookup', { token: client.token })
  assert.equal(body.data.num_uses, 2)
})

test('TOK-69, TOK-70: open paths spend nothing', async () => {
  await jwt.mustRole('r')
  const client = await limited(1)
  assert.equal((await jwt.login('r', 'alice', { 'X-Vault-Token': client.token ?? '' })).status, 200)
  assert.equal((await client.read('sys/health')).status, 200)
  assert.equal((await client.read('sys/internal/ui/mounts')).status, 200)
  assert.equal((await client.read('sys/mounts')).status, 200)
  await wantDead(client)
})

test('TOK-71: a role can limit the uses of its logins', async () => {
  await jwt.mustRole('five', { token_num_uses: 5 })
  const { body } = await jwt.mustLogin('five')
  assert.equal(body.auth.num_uses, 5)
  const client = server.client(body.auth.client_token)
  for (let i = 0; i < 5; i++) await wantAlive(client)
  await wantDead(client)
})

for (const uses of [1, 7, 31]) {
  test(`SEC-TKN-05: of 32 parallel callers of a token with ${uses} uses exactly ${uses} succeed`, async () => {
    const client = await limited(uses)
    const all = await Promise.all(Array.from({ length: 32 }, () => client.read('sys/mounts')))
    assert.equal(all.filter((result) => result.status === 200).length, uses)
    assert.equal(all.filter((result) => result.status === 403).length, 32 - uses)
    await wantDead(client)
  })
}

test('the last use may be the revocation, a renewal or sealing the server', async () => {
  const revoking = await limited(1)
  assert.equal((await revoking.write('auth/token/revoke-self')).status, 204)
  await wantDead(revoking)
  const renewing = await limited(1)
  await renewing.write('auth/token/renew-self')
  await wantDead(renewing)
  await root.must('sys/policies/acl/sealer', {
    policy: 'path "sys/seal" { capabilities = ["update", "sudo"] }',
  })
  const sealing = (await create(root, { policies: ['sealer'], num_uses: 1 })).client
  assert.equal((await sealing.call('PUT', 'sys/seal', {})).status, 204)
  await server.client().must('sys/unseal', { key: server.unsealKey })
  await wantDead(sealing)
})
