/** Each switch of the practice provider provokes the reason that its page names. */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createPracticeIdp, type PracticeIdp } from '../../src/practice-idp/practice-idp.ts'
import { troubleNames, troubles, type Trouble } from '../../src/practice-idp/trouble.ts'
import { SystemClock } from '../../src/platform/clock.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import type { ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { Visitor } from '../ui/visitor.ts'

suite('switches of the practice provider (FIX-G11)', () => {
  let server: TestServer
  let idp: PracticeIdp
  before(async () => {
    idp = createPracticeIdp({
      address: '127.0.0.1',
      port: 0,
      random: new SystemRandom(),
      clock: new SystemClock(),
    })
    await idp.start()
    server = await startTestServer({ ui: true })
    await server.root.must('sys/auth/oidc', { type: 'oidc' })
  })
  after(async () => {
    await server.stop()
    await idp.stop()
  })

  /** A whole sign-in at a mount whose keys and discovery are still to be fetched. */
  async function signIn(trouble: Trouble): Promise<ApiResult> {
    const { about } = troubles[trouble]
    const { root } = server
    await root.must('auth/oidc/config', {
      oidc_discovery_url: idp.issuer,
      oidc_client_id: 'tokenstile',
      oidc_client_secret: 'practice-secret',
      default_role: 'people',
    })
    await root.must('auth/oidc/role/people', {
      role_type: 'oidc',
      user_claim: 'sub',
      groups_claim: 'groups',
      oidc_scopes: ['profile', 'groups'],
      allowed_redirect_uris: [`${server.url}/ui/vault/auth/oidc/oidc/callback`],
    })
    if (about !== 'keys') idp.setTrouble(trouble, true)
    const who = new Visitor(server.url)
    const started = await who.get('/ui/login/oidc/start')
    assert.equal(started.status, 303, started.text)
    if (about === 'keys') {
      idp.rotate()
      idp.setTrouble(trouble, true)
    }
    // This trouble is in the page where a person is chosen.
    const person = trouble === 'access_denied' ? 'nobody' : 'alice'
    const { parameters } = idp.authorize(started.headers['location'] ?? '', person)
    const query = new URLSearchParams(parameters).toString()
    const back = await who.get(`/ui/vault/auth/oidc/oidc/callback?${query}`)
    assert.equal(back.status, 303, back.text)
    return who.get(back.headers['location'] ?? '')
  }

  for (const trouble of troubleNames) {
    test(`${trouble}: ${troubles[trouble].reason}`, async () => {
      const answer = await signIn(trouble).finally(() => idp.setTrouble(trouble, false))
      assert.equal(answer.headers['x-login-reason'] ?? '', troubles[trouble].reason, answer.text)
    })
  }
})
