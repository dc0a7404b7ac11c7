/** Audience rules and the guard of registered claims. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decide, inputOf, reasonOf, roleOf, tokenOf, withClaims } from './fixture.ts'

const rows: readonly [
  id: string,
  bound: readonly string[],
  aud: unknown,
  reason: string | undefined,
][] = [
  ['AUD-001, SEC-JSN-17', [], 'x', 'audience_unbound'],
  ['AUD-002', [], ['x'], 'audience_unbound'],
  ['AUD-003', [], ['x', 'y', 'z'], 'audience_unbound'],
  ['AUD-003 (empty string in a list)', [], [''], 'audience_unbound'],
  ['AUD-004', [], undefined, undefined],
  ['AUD-005', [], [], undefined],
  ['AUD-006', [], '', 'audience_unbound'],
  ['AUD-007', ['a', 'b'], ['a'], undefined],
  ['AUD-007 (string)', ['a', 'b'], 'a', undefined],
  ['AUD-008', ['a', 'b'], 'c', 'audience_mismatch'],
  ['AUD-009', ['a'], undefined, 'audience_missing'],
  ['AUD-010', ['https://x'], 'https://x/', 'audience_mismatch'],
  ['AUD-011', ['a'], 5, 'claims_malformed'],
  ['AUD-011 (null)', ['a'], null, 'claims_malformed'],
  ['AUD-011 (list)', ['a'], ['a', 5], 'claims_malformed'],
  ['SEC-JSN-16 (slash)', ['https://x/'], 'https://x', 'audience_mismatch'],
  ['SEC-JSN-16 (case)', ['api'], 'API', 'audience_mismatch'],
  ['SEC-JSN-16 (suffix)', ['api'], 'api.evil', 'audience_mismatch'],
  ['SEC-JSN-16 (comma list)', ['api'], 'api,other', 'audience_mismatch'],
  ['SEC-JSN-16 (star)', ['api'], '*', 'audience_mismatch'],
  ['SEC-JSN-16 (empty)', ['api'], '', 'audience_mismatch'],
  ['SEC-JSN-16 (empty list)', ['api'], [], 'audience_missing'],
  ['SEC-JSN-14 (object)', ['api'], { api: 1 }, 'claims_malformed'],
  ['SEC-JSN-14 (nested list)', ['api'], [['api']], 'claims_malformed'],
]

for (const [id, bound_audiences, aud, reason] of rows) {
  test(`${id}: aud ${JSON.stringify(aud)} with ${JSON.stringify(bound_audiences)} bound is ${reason ?? 'accepted'}`, () => {
    assert.equal(reasonOf(withClaims({ aud }), { bound_audiences }), reason)
  })
}

function withMountAudience(aud: unknown, bound_audiences: readonly string[]): string | undefined {
  const config = { ...inputOf().config, token_audiences: ['v'] }
  return decide({ config, role: roleOf({ bound_audiences }), token: tokenOf(withClaims({ aud })) })
    .reason
}

test('AUD-012: audiences of the mount bind a role that names none', () => {
  assert.equal(withMountAudience('v', []), undefined)
  assert.equal(withMountAudience('w', []), 'audience_mismatch')
  assert.equal(withMountAudience(undefined, []), 'audience_missing')
})

test('AUD-013: audiences of mount and role must both be met', () => {
  assert.equal(withMountAudience(['v'], ['r']), 'audience_mismatch')
  assert.equal(withMountAudience(['r'], ['r']), 'audience_mismatch')
  assert.equal(withMountAudience(['v', 'r'], ['r']), undefined)
})

for (const [id, claims] of [
  ['SEC-001', { sub: 'root', ſub: 'anon' }],
  ['SEC-002', { iſs: 'x' }],
  ['SEC-003', { SUB: 'x' }],
  ['SEC-004 (long s)', { sub: undefined, ſub: 'sub1' }],
  ['SEC-004 (Iss)', { iss: undefined, Iss: 'https://iss/' }],
  ['SEC-004 (AUD)', { AUD: 'x' }],
  ['SEC-JSN-09', { eXp: 1, Nbf: 2, jTI: 'x' }],
] as const) {
  test(`${id}: a second spelling of a registered claim refuses the login`, () => {
    assert.equal(reasonOf(withClaims(claims)), 'claim_ambiguous')
  })
}

test('SEC-005: other names, nested names and Turkish dots are no look-alikes', () => {
  assert.equal(
    reasonOf(withClaims({ náme: 'x', İss: 'x', ıss: 'x', issuer: 'x', o: { SUB: 'x' } })),
    undefined,
  )
})

test('SEC-JSN-14: iss, sub and jti are strings when they are there', () => {
  for (const claim of ['iss', 'sub', 'jti']) {
    for (const got of [5, ['x'], { a: 1 }, true, null]) {
      assert.equal(reasonOf(withClaims({ [claim]: got })), 'claims_malformed', claim)
    }
  }
})
