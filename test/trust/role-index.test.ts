/** The index of roles and the conditions of bound claims, against the decision itself and against logic (jwt-oidc.md §2.10, §2.11). */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'

import type { JsonValue } from '../../src/lib/json.ts'
import { judgeCondition, parseCondition } from '../../src/trust/claim-conditions.ts'
import { listOfValues } from '../../src/trust/claim-values.ts'
import { MatchWork } from '../../src/trust/match-work.ts'
import { candidatesMax, RoleIndex } from '../../src/trust/role-index.ts'
import { compileRole, defaultRoleRules, type RoleRules } from '../../src/trust/role-rules.ts'
import { claimsOf, decide, nowSeconds, tokenOf } from './fixture.ts'

const scalar: fc.Arbitrary<JsonValue> = fc.constantFrom<JsonValue>('a', 'b', 'ab', '', 1, 2, true)
const claim = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }))
const claimNames = fc.constantFrom('x', 'y', '/deep/z')

const condition: fc.Arbitrary<JsonValue> = fc.letrec<{ any: JsonValue }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('any'), { minLength: 1, maxLength: 3 }),
    fc.record({ not: tie('any') }),
    fc.record({ any_of: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ all_of: fc.array(tie('any'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ glob: fc.constantFrom('a*', '*', 'b') }),
    fc.record({ matches: fc.constantFrom('a.*', '[ab]+') }),
    fc.record({ at_least: fc.constantFrom(1, 2) }),
  ),
})).any

const rules: fc.Arbitrary<Partial<RoleRules>> = fc.record({
  bound_subject: fc.constantFrom('', '', 'sub1', 'sub2'),
  bound_audiences: fc.constantFrom(['api'], ['api', 'web'], ['other']),
  bound_claims: fc.dictionary(claimNames, condition, { maxKeys: 2 }),
  bound_claims_type: fc.constantFrom('string', 'glob', 'rules'),
})

const claims = fc.record({
  x: claim,
  y: claim,
  deep: fc.record({ z: claim }),
  sub: fc.constantFrom('sub1', 'sub2', 'sub3'),
  aud: fc.constantFrom<JsonValue>('api', ['web', 'api'], 'other'),
})

test('every role that accepts a token is found for it', () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 12 }), claims, (all, given) => {
      const roles = all.map((change, i) =>
        compileRole(`r${i}`, 1, {
          ...defaultRoleRules,
          role_type: 'jwt',
          user_claim: 'sub',
          ...change,
        }),
      )
      const text = JSON.stringify({ iss: 'https://iss/', nbf: nowSeconds - 5, ...given })
      const found = new RoleIndex(roles).candidates(claimsOf(text)) ?? []
      for (const role of roles) {
        if (decide({ token: tokenOf(text), role }).accepted) assert.ok(found.includes(role))
      }
    }),
  )
})

test('more roles than may be judged are none', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      compileRole(`r${i}`, 1, { ...defaultRoleRules, role_type: 'jwt', user_claim: 'sub' }),
    )
  assert.equal(new RoleIndex(many(candidatesMax)).candidates({})?.length, candidatesMax)
  assert.equal(new RoleIndex(many(candidatesMax + 1)).candidates({}), undefined)
})

function judge(value: JsonValue, given: JsonValue): string {
  const parsed = parseCondition(value)
  assert.ok(parsed.ok, JSON.stringify(value))
  return judgeCondition(parsed.value, listOfValues(given) ?? [], {
    work: new MatchWork(),
    nowSeconds,
  })
}

test('not twice is nothing, and "any" is what is left of "all" turned around', () => {
  fc.assert(
    fc.property(condition, condition, claim, (one, other, given) => {
      assert.equal(judge({ not: { not: one } }, given), judge(one, given))
      const negated = { not: { all_of: [{ not: one }, { not: other }] } }
      // Apart: plain values of one list are one condition, of all their types.
      const either = { any_of: [{ any_of: [one] }, { any_of: [other] }] }
      assert.equal(judge(negated, given), judge(either, given))
    }),
  )
})
