/** Without a listener that trusts a proxy, X-Forwarded-For means nothing (platform.md §3.10, §9.7). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, from, want403T } from './fixture.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.stop())

test('TOK-78: a forged X-Forwarded-For neither opens nor closes anything', async () => {
  const jwt = await enableJwt(server)
  await jwt.mustRole('home', { token_bound_cidrs: '127.0.0.0/8' })
  await jwt.mustRole('away', { token_bound_cidrs: '10.0.0.0/8' })
  want403T(await jwt.login('away', 'alice', from('10.0.0.1').headers))
  const login = await jwt.login('home', 'alice', from('10.0.0.1').headers)
  assert.equal(login.status, 200, login.text)
  const client = server.client(login.body.auth.client_token)
  const self = await client.call('GET', 'auth/token/lookup-self', undefined, from('10.0.0.1'))
  assert.equal(self.status, 200)
})
