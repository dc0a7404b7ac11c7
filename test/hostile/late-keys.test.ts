/** A key document that arrives late (SEC-NET-10): what is newer stays, at the logins of a real server. */

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer } from '../harness/test-server.ts'
import { sendText, startServer } from '../oidc/fixture.ts'

test('key documents fetched earlier and answered later, as large as they may be, bring no withdrawn key back (SEC-NET-10)', async () => {
  const clock = manualClock()
  const seconds = () => Math.floor(clock.nowMs() / 1000)
  const [old, fresh, nobody] = ['old', 'fresh', 'nobody'].map((kid) => makeJwtMaker(kid, seconds))
  assert.ok(old !== undefined && fresh !== undefined && nobody !== undefined)
  const documentOf = (...keys: readonly object[]) => JSON.stringify({ keys })
  let document = documentOf(old.jwk)
  const held: ServerResponse[] = []
  let isSlow = false
  let heard: () => void = () => undefined
  const house = await startServer((_request, response) => {
    if (!isSlow) return sendText(response, document)
    held.push(response)
    heard()
  })
  const server = await startTestServer({ clock })
  try {
    await server.root.must('sys/auth/jwt', { type: 'jwt' })
    await server.root.must('auth/jwt/config', { jwks_url: `${house.url}/jwks` })
    const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }
    await server.root.must('auth/jwt/role/r', role)
    const login = (key: typeof old) =>
      server.client().write('auth/jwt/login', { role: 'r', jwt: key.sign({ sub: 'u', aud: 'a' }) })
    assert.equal((await login(old)).status, 200)

    isSlow = true
    const asked = new Promise<void>((resolve) => (heard = resolve))
    const waiting = [login(nobody), login(nobody), login(nobody)]
    await asked
    isSlow = false
    // The provider changes its keys while the answer to the first question is still on its way.
    document = documentOf(fresh.jwk)
    clock.advance(6_000)
    assert.equal((await login(fresh)).status, 200)
    assert.equal((await login(old)).status, 400)

    const many = Array.from({ length: 900 }, (_, i) => ({ ...old.jwk, kid: `old${i}` }))
    for (const response of held) sendText(response, documentOf(old.jwk, nobody.jwk, ...many))
    for (const { status } of await Promise.all(waiting)) assert.equal(status, 400)
    assert.equal((await login(fresh)).status, 200)
    assert.equal((await login(old)).status, 400)
  } finally {
    await server.stop()
    await house.close()
  }
})
