/**
 * The compiled rules against a plain model of platform contract §4.3 that knows nothing of maps, orders and
 * searches: every pattern is tried on the path, and the winners are compared letter by letter of the section.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { compileAcl, type Operation } from '../../src/core/policy/acl.ts'
import { aclOf, isAllowed, policyOf, ruleText } from './rules.ts'

interface Rule {
  readonly pattern: string
  readonly letters: string
}

function isExact(pattern: string): boolean {
  return !pattern.endsWith('*') && !pattern.split('/').includes('+')
}

function matches(pattern: string, path: string): boolean {
  const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const star = pattern.endsWith('*')
  const body = (star ? pattern.slice(0, -1) : pattern)
    .split('/')
    .map((segment) => (segment === '+' ? '[^/]*' : escape(segment)))
    .join('/')
  return new RegExp(`^${body}${star ? '.*' : ''}$`, 's').test(path)
}

/** Whether `a` wins over `b`. */
function wins(a: string, b: string): boolean {
  const firstWildcard = (pattern: string): number => {
    const segments = pattern.split('/')
    const plus = segments.indexOf('+')
    return plus === -1
      ? pattern.length - 1
      : segments.slice(0, plus).reduce((sum, segment) => sum + segment.length + 1, 0)
  }
  const pluses = (pattern: string): number =>
    pattern.split('/').filter((segment) => segment === '+' || segment === '+*').length
  const length = (pattern: string): number => pattern.length - (pattern.endsWith('*') ? 1 : 0)
  if (firstWildcard(a) !== firstWildcard(b)) return firstWildcard(a) > firstWildcard(b)
  if (a.endsWith('*') !== b.endsWith('*')) return b.endsWith('*')
  if (pluses(a) !== pluses(b)) return pluses(a) < pluses(b)
  if (length(a) !== length(b)) return length(a) > length(b)
  return a > b
}

function best(patterns: readonly string[], path: string): string | undefined {
  let winner: string | undefined
  for (const pattern of patterns) {
    if (isExact(pattern) || !matches(pattern, path)) continue
    if (winner === undefined || wins(pattern, winner)) winner = pattern
  }
  return winner
}

function decidingPattern(
  patterns: readonly string[],
  path: string,
  lists: boolean,
): string | undefined {
  const exact = (text: string): string | undefined =>
    patterns.find((pattern) => isExact(pattern) && pattern === text)
  const bare = lists && path.endsWith('/') ? path.slice(0, -1) : undefined
  return (
    exact(path) ??
    (bare === undefined ? undefined : exact(bare)) ??
    best(patterns, path) ??
    (bare === undefined ? undefined : best(patterns, bare))
  )
}

function modelAllows(rules: readonly Rule[], letter: string, path: string): boolean {
  const patterns = [...new Set(rules.map((rule) => rule.pattern))]
  const winner = decidingPattern(patterns, path, letter === 'l')
  const letters = rules.filter((rule) => rule.pattern === winner).map((rule) => rule.letters)
  return !letters.includes('deny') && letters.some((some) => some.includes(letter))
}

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', '(', '', 'a+b')
const pattern = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: segment }, fc.constant('+')), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('', '', '*', '/*', '/'),
  )
  .map(([segments, tail]) => segments.join('/') + tail)
  // A leading slash would be dropped, `+*` is refused.
  .filter((text) => !text.startsWith('/') && !text.includes('+*') && text !== '')
const rule = fc.record({
  pattern,
  letters: fc.constantFrom('r', 'l', 'u', 'rl', 'rul', 'deny', '-'),
})
const path = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '/'))
  .map(([segments, tail]) => segments.join('/') + tail)

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
    fc.property(rule, rule, fc.array(path, { minLength: 12, maxLength: 12 }), (a, b, paths) => {
      assertAgree([[a], [b]], [...paths, ...[a, b].map((r) => r.pattern.replace(/[+*]/g, 'a'))])
    }),
    { numRuns: 300 },
  )
})

test('SEC-ACL-04: sets of up to 30 rules decide as the plain model does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(rule, { maxLength: 10 }), { maxLength: 3 }),
      fc.array(path, { minLength: 10, maxLength: 10 }),
      (policies, paths) => {
        assertAgree(policies, paths)
      },
    ),
    { numRuns: 400 },
  )
})

test('SEC-ACL-01: no decision is allowed without a rule that matches', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 6 }), path, (rules, one) => {
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
