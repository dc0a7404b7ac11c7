/** What is kept of a login for its renewals, and how that of an earlier version is read. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { keepFacts, readFacts, type Voucher } from '../../src/auth/jwt/facts.ts'
import { roleRecord } from '../../src/auth/jwt/role-record.ts'

const role = {
  ...roleRecord.defaults,
  name: 'r',
  version: 1,
  bound_claims: { env: 'prod', '/o/p': 'x' },
}
const jwt: Voucher = { flow: 'jwt', issuer: undefined }
const claims = {
  iss: 'https://iss/',
  sub: 'u',
  aud: ['a', 'b'],
  azp: 'app',
  env: 'prod',
  o: { p: 'x' },
  secret: 'never kept',
}

test('only what a renewal looks at is kept', () => {
  const bound = { env: 'prod', '/o/p': 'x' }
  const { iss, sub, aud, azp } = claims
  const kept = JSON.stringify(keepFacts(role, claims, jwt))
  assert.equal(kept, JSON.stringify({ iss, sub, aud, claims: bound }))
  const named = keepFacts(role, claims, { flow: 'jwt', issuer: 'partner' })
  assert.equal(named['issuer'], 'partner')
  const signIn = keepFacts(role, claims, { flow: 'oidc', clientId: 'app' })
  assert.equal(signIn['client'], 'app')
  assert.equal(signIn['azp'], azp)
  assert.ok(!JSON.stringify(signIn).includes('never kept'))
})

test('the size of what is kept has an end, whatever a token holds', () => {
  const large = 'x'.repeat(200_000)
  const hostile = { iss: large, sub: large, aud: [large], azp: large, env: large }
  const kept = keepFacts(role, hostile, { flow: 'oidc', clientId: 'app' })
  assert.ok(JSON.stringify(kept).length < 200)
  const same = readFacts(kept, true)
  for (const fact of ['iss', 'sub', 'aud', 'client', 'bound_claims'] as const) {
    assert.equal(same.knows(fact), false, fact)
  }
  const changed = readFacts(kept, false)
  assert.ok(changed.knows('aud') && changed.knows('sub'), 'a changed role asks for them again')
})

test('facts of the first version are read, and what they lack is not judged', () => {
  const signIn = readFacts({ flow: 'oidc', iss: 'https://idp', sub: 'u', aud: 'app' }, true)
  assert.equal(signIn.flow, 'oidc')
  assert.equal(signIn.knows('client'), false)
  assert.equal(signIn.knows('iss'), true)
  const login = readFacts({ iss: 'https://iss/', claims: { '/o/p': 'x' } }, false)
  assert.equal(login.flow, 'jwt')
  assert.equal(login.issuer, undefined)
  assert.deepEqual({ ...login.claims }, { iss: 'https://iss/', '/o/p': 'x' })
})
