/** Requests that are made to be costly do not hold up anybody else: security case SEC-HTP-17, ruling R12. */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertRefused, assertStatus } from '../jwt/fixture.ts'

suite('costly requests', () => {
  let server: TestServer
  let ordinary: ApiClient

  before(async () => {
    server = await startTestServer({ ui: true })
    ordinary = await server.root.tokenWith(['default'], { no_default_policy: false })
  })
  after(() => server.stop())

  /** Carries out the request and wants everybody else served meanwhile. */
  async function costly(work: () => Promise<ApiResult>): Promise<ApiResult> {
    const { result, otherCallerMs } = await besideOtherCaller(server, work)
    assert.ok(
      otherCallerMs < otherCallerMsMax,
      `another caller waited ${Math.round(otherCallerMs)} ms`,
    )
    return result
  }

  test('a run of 60,000 equal signs in what an ordinary token has hashed (SEC-HTP-17)', async () => {
    const honest = await ordinary.must('sys/tools/hash', { input: 'aGVsbG8=', format: 'hex' })
    assert.match(honest.body.data.sum, /^[0-9a-f]{64}$/)
    const input = `${'='.repeat(60_000)}A`
    assertRefused(await costly(() => ordinary.write('sys/tools/hash', { input })), /base64/)
  })

  test('a run of slashes in the mount of the sign-in page, by anybody (SEC-HTP-17)', async () => {
    const anybody = server.client()
    // No mount of that name is there, so that the page of all mounts is shown instead.
    assertStatus(await anybody.read('/ui/login?mount=auth/jwt/'), 303)
    const mount = `x${'/'.repeat(14_000)}x`
    assertStatus(await costly(() => anybody.read(`/ui/login?mount=${mount}`)), 200)
    assertStatus(await costly(() => anybody.read(`/ui/login?with=${mount}`)), 200)
  })

  test('a run of slashes in a mount to be moved (SEC-HTP-17)', async () => {
    const from = `x${'/'.repeat(60_000)}x`
    assertRefused(await costly(() => server.root.write('sys/remount', { from, to: 'a' })), /mount/)
  })

  test('a number of 40,000 digits in a policy (SEC-HTP-17)', async () => {
    const policy = (ttl: string): string =>
      `path "x" { capabilities = ["read"]\n min_wrapping_ttl = ${ttl} }`
    await server.root.must('sys/policies/acl/number', { policy: policy('12') })
    for (const digits of [`0${'8'.repeat(40_000)}.5`, '7'.repeat(40_000)]) {
      const result = await costly(() =>
        server.root.write('sys/policies/acl/number', { policy: policy(digits) }),
      )
      assertRefused(result, /failed to parse policy: line 2.*number/)
    }
  })
})
