/** How often one asker may have logins explained, and that nobody uses up what others have. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { inlineLogin } from '../harness/inline-auth.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { configS, fresh, keyK, plainClaims, plainRole } from '../jwt/fixture.ts'

/** A minute and asker. */
const questionsMax = 30
let server: TestServer
const asking = 'path "*" { capabilities = ["create", "update"] }'
const question = { mount: 'jwt', role: 'job', claims: {} }

before(async () => {
  server = await startTestServer()
  await server.root.must('sys/policies/acl/p', { policy: asking })
  await setUp(server.root)
  await server.root.must('sys/auth/jwt/tune', { direct_bearer: 'job' })
  await server.root.must('sys/namespaces/blue')
  await setUp(server.root.in('blue'))
})
after(() => server.stop())

async function setUp(at: ApiClient): Promise<void> {
  await at.must('sys/auth/jwt', { type: 'jwt' })
  await at.must('auth/jwt/config', configS)
  await at.must('auth/jwt/role/job', plainRole)
}

const ask = async (caller: ApiClient): Promise<number> =>
  (await caller.write('sys/explain/login', question)).status

async function exhaust(caller: ApiClient): Promise<void> {
  for (let i = 0; i < questionsMax; i++) assert.equal(await ask(caller), 200, String(i))
  assert.equal(await ask(caller), 429)
}

const bearer = (sub: string): ApiClient => server.root.as(keyK.sign(fresh({ ...plainClaims, sub })))

test('batch tokens without an entity are counted each for itself', async () => {
  const batch = { type: 'batch' }
  const [one, other] = [
    await server.root.tokenWith(['p'], batch),
    await server.root.tokenWith(['p'], { ...batch, ttl: '1h' }),
  ]
  await exhaust(one)
  assert.equal(await ask(other), 200)
  assert.equal(await ask(one), 429)
})

test('JWTs in place of tokens are counted by whom they stand for, however many there are', async () => {
  await exhaust(bearer('ann'))
  assert.equal(await ask(bearer('ann')), 429)
  assert.equal(await ask(bearer('bob')), 200)
})

test('logins that come with requests and have no entity are counted each for itself', async () => {
  const at = 'auth/jwt/cel/role/nobody'
  const program = { expression: 'pb.Auth{policies: ["p"]}' }
  await server.root.must(at, { cel_program: program, bound_audiences: ['a'] })
  const askAs = async (jwt: string): Promise<number> => {
    const headers = inlineLogin('auth/jwt/cel/login', { role: 'nobody', jwt })
    const answer = server.client().call('POST', 'sys/explain/login', question, { headers })
    return (await answer).status
  }
  const one = keyK.sign(fresh(plainClaims))
  for (let i = 0; i < questionsMax; i++) assert.equal(await askAs(one), 200)
  assert.equal(await askAs(one), 429)
  assert.equal(await askAs(keyK.sign(fresh({ ...plainClaims, sub: 'other' }))), 200)
})

test('tokens lent to a namespace from above are counted each for itself', async () => {
  const service = { ttl: '1h' }
  const [one, other, batch] = [
    await server.root.tokenWith(['p'], service),
    await server.root.tokenWith(['p'], service),
    await server.root.tokenWith(['p'], { type: 'batch' }),
  ]
  await exhaust(one.in('blue'))
  assert.equal(await ask(other.in('blue')), 200)
  assert.equal(await ask(batch.in('blue')), 200)
  assert.equal(await ask(server.root.in('blue')), 200)
})
