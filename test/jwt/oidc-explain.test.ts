/** Explaining the end of a sign-in: the ID token under the role's own list of checks (explain.md §3). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { assertStatus } from './fixture.ts'
import { roleO, setUpSignIn, type SignInSetup } from './oidc-fixture.ts'

let setup: SignInSetup

before(async () => {
  setup = await setUpSignIn()
})

after(() => setup.stop())

interface Check {
  readonly id: string
  readonly status: string
}

async function explained(body: object): Promise<ApiResult['body']> {
  const answer = await setup.root.write('sys/explain/login', { mount: 'oidc', ...body })
  assertStatus(answer, 200)
  return answer.body.data
}

test('an ID token is judged as at the end of a sign-in, and agrees with it', async () => {
  const role = await setup.role({}, { ...roleO, bound_claims: {} })
  const jwt = setup.idp.mint(undefined)
  const data = await explained({ role, jwt })
  assert.equal(data['decision'], 'accept', JSON.stringify(data['checks']))
  assert.equal(data['issuer'], setup.idp.issuer)
  assert.ok(data['checks'].every((check: Check) => check.status !== 'fail'))
  const { state, code } = await setup.begin(role)
  const done = await setup.callback({ state, code })
  assertStatus(done, 200)
  assert.deepEqual(data['outcome'].policies, done.body.auth.policies)
  const bound = await setup.role({ bound_claims: { password: 'other' } })
  const refused = await explained({ role: bound, jwt })
  const begun = await setup.begin(bound)
  const answer = await setup.callback({ state: begun.state, code: begun.code })
  assert.equal(refused['reason'], answer.headers['x-login-reason'])
})

test('claims of an ID token, and a token of somebody else', async () => {
  const role = await setup.role({}, { ...roleO, bound_claims: {} })
  const claims = JSON.parse(
    Buffer.from(setup.idp.mint(undefined).split('.')[1] ?? '', 'base64url').toString(),
  ) as Record<string, unknown>
  const asked = setup.idp.tokenRequests.length
  const data = await explained({ role, claims })
  assert.equal(data['decision'], 'accept')
  assert.ok(data['checks'].some((check: Check) => check.status === 'unverified'))
  const other = await explained({ role, claims: { ...claims, aud: 'another' } })
  assert.equal(other['decision'], 'refuse')
  assert.equal(setup.idp.tokenRequests.length, asked)
  assert.equal((await explained({ role: 'none', claims, kind: 'oidc' }))['reason'], 'role_unknown')
})

test('claims of a login are held against the issuer that the discovery document names, as its token was', async () => {
  await setup.root.must('sys/auth/found', { type: 'jwt' })
  await setup.root.must('auth/found/config', { oidc_discovery_url: setup.idp.issuer })
  await setup.root.must('auth/found/role/r', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_subject: 'u',
  })
  const iat = Math.floor(Date.now() / 1000)
  const judged = (iss: string, more: object = {}) =>
    explained({ mount: 'found', role: 'r', claims: { iss, sub: 'u', iat, exp: iat + 60 }, ...more })
  const foreign = await judged('https://another.test/')
  assert.deepEqual([foreign['decision'], foreign['reason']], ['refuse', 'issuer_mismatch'])
  const roles = await judged('https://another.test/', { role: undefined, all_roles: true })
  assert.deepEqual(roles['roles'], [{ role: 'r', decision: 'refuse', reason: 'issuer_mismatch' }])
  assert.equal((await judged(setup.idp.issuer))['decision'], 'accept')
})
