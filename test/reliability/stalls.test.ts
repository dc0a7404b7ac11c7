/**
 * Requests that are made to be costly do not hold up anybody else: SEC-HTP-17, ruling
 * R12.
 */

import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  configS,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
} from '../jwt/fixture.ts'

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

  test('20,000 stanzas of one path are refused, and as many as are taken cost nobody time (SEC-HTP-17)', async () => {
    const stanzas = (count: number): string =>
      'path "x" { capabilities = ["read"] }\n'.repeat(count)
    const write = (count: number): Promise<ApiResult> =>
      server.root.write('sys/policies/acl/stanzas', { policy: stanzas(count) })
    const refused = await costly(() => write(6_000))
    assertRefused(refused, /^failed to parse policy: there are 6000 paths, at most 5000/)
    assertRefused(
      await costly(() => write(20_000)),
      /^failed to parse policy: the text has 740000 characters, at most 262144/,
    )
    assertStatus(await costly(() => write(5_000)), 204)
    for (const more of ['default', 'other']) {
      const holder = await server.root.tokenWith(['stanzas', more])
      // Nothing is mounted there, which is said only to whom the policy lets through.
      assertStatus(await costly(() => holder.read('x')), 404)
    }
  })

  test('one parameter limited 5,000 times in one stanza (SEC-HTP-17)', async () => {
    const limits = 'allowed_parameters = { a = ["1"] }\n'.repeat(5_000)
    const policy = `path "x" { capabilities = ["update"]\n${limits}}`
    const written = await costly(() => server.root.write('sys/policies/acl/limits', { policy }))
    assertStatus(written, 204)
    const holder = await server.root.tokenWith(['limits'])
    assertStatus(await costly(() => holder.write('x', { a: '2' })), 403)
  })

  test('1,000 patterns of a role against 30,000 groups of a token (SEC-HTP-17)', async () => {
    const mount = await makeMount(server.root, configS)
    const globs = Array.from({ length: 1_000 }, (_, at) => `*x${at}*`)
    await server.root.must(`auth/${mount}/role/r`, {
      ...plainRole,
      bound_claims_type: 'glob',
      bound_claims: { groups: globs },
    })
    const tokenOf = (groups: readonly string[]): string => keyK.sign({ ...plainClaims, groups })
    const honest = Array.from({ length: 100 }, (_, at) => `g${at}`)
    assertStatus(await login(server, mount, 'r', tokenOf([...honest, 'x999'])), 200)
    const many = tokenOf(Array.from({ length: 30_000 }, () => 'g'))
    assertReason(await costly(() => login(server, mount, 'r', many)), 'claim_too_large')
  })

  for (const template of [
    '{{range .groups}}{{if eq (truncate_sha256 20 $.scope) .}}x{{end}}{{end}}p',
    '{{range .groups}}{{truncate_sha256 12 (print . $.sub)}},{{end}}',
    '{{range .groups}}{{if replace "A" "B" $.scope}}{{end}}{{end}}p',
    '{{range .groups}}{{if eq $.scope $.sub}}{{end}}{{end}}p',
    '{{range .groups}}{{len $}}{{print $.groups}}{{end}}p',
    '{{range .groups}}{{random 512}}{{end}}p',
  ]) {
    test(`a login whose claims of 180 KB fill in ${template} (SEC-HTP-17)`, async () => {
      const mount = await makeMount(server.root, configS)
      const role = { ...plainRole, user_claim: 'iss', token_policies_template_claims: true }
      await server.root.must(`auth/${mount}/role/small`, {
        ...role,
        token_policies: ['p-{{truncate 12 .sub}}'],
      })
      const small = await login(server, mount, 'small', keyK.sign(plainClaims))
      assert.deepEqual(small.body.auth.policies, ['default', 'p-u'])
      // Many in one role cost no more than one.
      const templates = Array.from({ length: 20 }, () => template)
      await server.root.must(`auth/${mount}/role/r`, { ...role, token_policies: templates })
      const jwt = keyK.sign({
        ...plainClaims,
        sub: 'A'.repeat(60_000),
        scope: 'A'.repeat(60_000),
        groups: Array.from({ length: 4_000 }, () => 'g'),
      })
      assertReason(await costly(() => login(server, mount, 'r', jwt)), 'policy_template_failed')
    })
  }
})
