/** The compiled rules against the plain model; the same over sockets is in acl-requests.test.ts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { compileAcl, type Operation } from '../../src/core/policy/acl.ts'
import { anyPath, anyRule, matches, modelAllows, type Rule } from './plain-model.ts'
import { aclOf, isAllowed, policyOf, ruleText } from './rules.ts'

const operations: readonly (readonly [string, Operation])[] = [
  ['r', 'read'],
  ['u', 'update'],
  ['l', 'list'],
]

function assertAgree(policies: readonly (readonly Rule[])[], paths: readonly string[]): void {
  const acl = aclOf(
    ...policies.map((rules) => ruleText(rules.map((r) => `${r.pattern} ${r.letters}`).join(';'))),
  )
  for (const one of paths) {
    for (const [letter, operation] of operations) {
      assert.equal(
        isAllowed(acl, operation, one),
        modelAllows(policies.flat(), letter, one),
        `${operation} ${one}`,
      )
    }
  }
}

test('SEC-ACL-04: 300 random pairs of rules decide as a plain model does', () => {
  fc.assert(
    fc.property(
      anyRule,
      anyRule,
      fc.array(anyPath, { minLength: 12, maxLength: 12 }),
      (a, b, paths) => {
        assertAgree([[a], [b]], [...paths, ...[a, b].map((r) => r.pattern.replace(/[+*]/g, 'a'))])
      },
    ),
    { numRuns: 300 },
  )
})

test('SEC-ACL-04: sets of up to 30 rules decide as the plain model does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyRule, { maxLength: 10 }), { maxLength: 3 }),
      fc.array(anyPath, { minLength: 10, maxLength: 10 }),
      (policies, paths) => {
        assertAgree(policies, paths)
      },
    ),
    { numRuns: 400 },
  )
})

test('SEC-ACL-01: no decision is allowed without a rule that matches', () => {
  fc.assert(
    fc.property(fc.array(anyRule, { maxLength: 6 }), anyPath, (rules, one) => {
      const acl = aclOf(ruleText(rules.map((r) => `${r.pattern} ${r.letters}`).join(';')))
      const bare = one.endsWith('/') ? one.slice(0, -1) : one
      if (rules.some((r) => matches(r.pattern, one) || matches(r.pattern, bare))) return
      for (const [, operation] of operations) assert.equal(isAllowed(acl, operation, one), false)
    }),
    { numRuns: 300 },
  )
})

test('a decision among 1,000 rules looks at few of them', () => {
  const texts = Array.from({ length: 1000 }, (_, i) =>
    i % 100 === 0 ? `team${i}/+/x r` : i % 10 === 0 ? `team${i}/deep/* r` : `team${i}/a/b r`,
  )
  const acl = compileAcl([policyOf(ruleText(texts.join(';')))])
  const count = 50_000
  const started = process.cpuUsage()
  let allowed = 0
  for (let i = 0; i < count; i++) {
    if (isAllowed(acl, 'read', i % 2 === 0 ? 'team10/deep/er/x' : 'team999/a/b')) allowed++
  }
  const { user, system } = process.cpuUsage(started)
  assert.equal(allowed, count)
  // A scan of all rules costs ten times this bound; a search stays far below it.
  assert.ok((user + system) / count < 20, `${(user + system) / count} µs`)
})
