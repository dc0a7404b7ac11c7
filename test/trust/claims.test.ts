/** Claim references, bound claims, mappings: the claims engine of the case catalogue. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'

import { JsonNumber, type JsonObject, type JsonValue } from '../../src/lib/json.ts'
import {
  checkClaimRule,
  parseClaimRules,
  type BoundClaimsType,
} from '../../src/trust/claim-rules.ts'
import { listOfValues } from '../../src/trust/claim-values.ts'
import { MatchWork } from '../../src/trust/match-work.ts'
import {
  canonicalDecimal,
  compareDecimals,
  parseDecimal,
  parseDecimalText,
  plainDecimal,
  truncateDecimal,
} from '../../src/trust/decimal.ts'
import { globMatches, parseGlob } from '../../src/trust/glob.ts'
import { checkClaimMappings, parseClaimMappings } from '../../src/trust/metadata.ts'
import { assignReference, parseReference, resolveReference } from '../../src/trust/pointer.ts'
import { claimsOf, decide, nowSeconds, reasonOf, roleOf, tokenOf, withClaims } from './fixture.ts'

const nested = '{"a":42,"c":{"d":95,"e":["dog","cat","bird"],"f":{"g":"value"}}}'

function resolve(claims: string, reference: string): JsonValue | undefined {
  return resolveReference(claimsOf(claims), parseReference(reference))
}

function matches(bound: string, claims: string, type: BoundClaimsType = 'string'): boolean {
  const rules = parseClaimRules(claimsOf(bound), type)
  const work = new MatchWork()
  return rules.every((rule) => checkClaimRule(rule, claimsOf(claims), work, nowSeconds).ok)
}

function isGlobMatch(pattern: string, subject: string): boolean {
  return globMatches(parseGlob(pattern), subject)
}

test('CLM-001, CLM-002: names and pointers find what they name', () => {
  assert.equal(resolve(nested, 'a'), 42)
  assert.equal(resolve(nested, '/a'), 42)
  assert.equal(resolve(nested, '/c/d'), 95)
  assert.equal(resolve(nested, '/c/e/1'), 'cat')
  assert.equal(resolve(nested, '/c/f/g'), 'value')
})

test('CLM-003: what is not there is missing', () => {
  for (const reference of ['nope', '/c/f/h', '', '\\', '/a/b', '/c/e/3', '/']) {
    assert.equal(resolve(nested, reference), undefined, reference)
  }
  assert.equal(resolve('{"":"x","a":null}', ''), 'x')
  assert.equal(resolve('{"a":null}', 'a'), undefined)
})

test('CLM-004: a claim that is written back is found again, and the original stays as it was', () => {
  const claims = claimsOf(nested)
  for (const reference of ['a', '/a', '/c/d', '/c/e/1', '/c/f/g', '/new/deep', 'https://x/y']) {
    const changed = assignReference(claims, parseReference(reference), 'new')
    assert.ok(changed !== undefined)
    assert.equal(resolveReference(changed, parseReference(reference)), 'new')
  }
  for (const reference of ['/c/e/9', '/c/e/x', '/a/b', '/~2']) {
    assert.equal(assignReference(claims, parseReference(reference), 'new'), undefined)
  }
  assert.deepEqual(claims, claimsOf(nested))
})

function mapped(mappings: Record<string, string> | null, claims: string, optional = ['*']) {
  return checkClaimMappings(claimsOf(claims), parseClaimMappings(mappings, optional), 'strict')
}

test('CLM-005, CLM-006, CLM-007, CLM-008: optional mappings copy what is present', () => {
  assert.deepEqual({ ...value(mapped(null, '{"a":"x"}')) }, {})
  assert.deepEqual({ ...value(mapped({ a: 'm', b: 'n' }, '{"a":"x"}')) }, { m: 'x' })
  assert.deepEqual({ ...value(mapped({ a: 'm', b: 'n' }, '{}')) }, {})
  assert.deepEqual({ ...value(mapped({ '/o/p': 'm' }, '{"o":{"p":"x"}}')) }, { m: 'x' })
})

function value<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) assert.fail(JSON.stringify(result.error))
  return result.value
}

test('CLM-009, SEC-MAT-13: a mapped claim that is no string refuses the login', () => {
  for (const got of [42, true, ['x'], { x: 'y' }]) {
    const decision = decide({
      token: tokenOf(withClaims({ n: got })),
      role: roleOf({ claim_mappings: { n: 'm' } }),
    })
    assert.equal(decision.reason, 'metadata_type')
    assert.equal(decision.text, "error converting claim 'n' to string")
  }
})

const matchRows: readonly [
  id: string,
  bound: string,
  claims: string,
  pass: boolean,
  type?: 'glob',
][] = [
  ['CLM-010', '{"foo":"a","bar":"b"}', '{"foo":"a","bar":"b"}', true],
  ['CLM-011', '{"f":[false]}', '{"f":[false]}', true],
  ['CLM-012', '{"f":"a"}', '{"f":["a","b"]}', true],
  ['CLM-013', '{"f":["a","b","c"]}', '{"f":["c","d"]}', true],
  ['CLM-014', '{"f":123}', '{"f":123}', true],
  ['CLM-015', '{"f":456}', '{"f":123}', false],
  ['CLM-016', '{"f":[1,2]}', '{"f":[2]}', true],
  ['CLM-017, SEC-MAT-03', '{"f":1}', '{"f":1.9}', false],
  ['CLM-018', '{"f":10.0}', '{"f":10}', true],
  ['CLM-018 (exponent)', '{"f":1e3}', '{"f":1000}', true],
  ['CLM-019', '{"f":"c"}', '{"f":["a","b"]}', false],
  ['CLM-020', '{"f":["a","b","c"]}', '{"f":["d","e"]}', false],
  ['CLM-021', '{"f":"a"}', '{"f":"a","g":1,"h":{}}', true],
  ['CLM-022', '{"f":"a","g":"b"}', '{"f":"a","g":"c"}', false],
  ['CLM-023', '{"f":"a","g":"b"}', '{"f":"a"}', false],
  ['CLM-024', '{"/bar/baz/1":"y"}', '{"bar":{"baz":["x","y"]}}', true],
  ['CLM-025', '{"/bar/baz/1":"y"}', '{"bar":{"baz":["x","z"]}}', false],
  ['CLM-025 (path missing)', '{"/bar/baz/1":"y"}', '{"bar":{}}', false],
  ['CLM-026', '{"f":true}', '{"f":"true"}', false],
  ['CLM-027', '{"f":"d"}', '{"f":42}', false],
  ['CLM-028', '{"f":"4*"}', '{"f":"42"}', true, 'glob'],
  ['CLM-029', '{"f":"4*"}', '{"f":42}', false, 'glob'],
  ['CLM-030', '{"f":"4*"}', '{"f":"d42"}', false, 'glob'],
  ['CLM-030 (tail)', '{"f":"*2"}', '{"f":"42x"}', false, 'glob'],
  ['CLM-031', '{"f":["4*d","42*"]}', '{"f":"42x"}', true, 'glob'],
  ['CLM-031 (no)', '{"f":["4*d","42*"]}', '{"f":"43x"}', false, 'glob'],
  ['CLM-033', '{"f":"*@*.com"}', '{"f":"test@example.com"}', true, 'glob'],
  ['CLM-034', '{"f":"r*@*.com"}', '{"f":"rest@example.com"}', false],
  ['CLM-035', '{"f":"*"}', '{"f":""}', true, 'glob'],
  ['CLM-035 (boolean)', '{"f":"*"}', '{"f":true}', false, 'glob'],
  ['CLM-036', '{"f":"x*"}', '{"f":[1,"xa"]}', true, 'glob'],
  ['CLM-037', '{"f":"a"}', '{"f":{}}', false],
  ['CLM-037 (null)', '{"f":"a"}', '{"f":null}', false],
  ['CLM-038, SEC-MAT-05', '{"f":[]}', '{"f":["a"]}', false],
  ['CLM-038, SEC-MAT-05 (claim)', '{"f":["a"]}', '{"f":[]}', false],
  ['CLM-038, SEC-MAT-05 (both)', '{"f":[]}', '{"f":[]}', false],
  ['CLM-039', '{"aud":"x"}', '{"aud":"x"}', true],
  ['CLM-042', '{"f":"a*a"}', '{"f":"a"}', false, 'glob'],
  ['SEC-MAT-01 (case)', '{"f":"Ab"}', '{"f":"ab"}', false],
  ['SEC-MAT-01 (space)', '{"f":"ab"}', '{"f":"ab "}', false],
  ['SEC-MAT-01 (normal form)', '{"f":"é"}', '{"f":"e\\u0301"}', false],
  ['SEC-MAT-01 (number)', '{"f":"1"}', '{"f":1}', false],
  ['SEC-MAT-01 (boolean)', '{"f":"true"}', '{"f":true}', false],
  ['SEC-MAT-02', '{"f":9007199254740993}', '{"f":9007199254740992}', false],
  ['SEC-MAT-02 (equal)', '{"f":9007199254740993}', '{"f":9007199254740993}', true],
  [
    'SEC-MAT-02 (long)',
    '{"f":123456789012345678901234567890}',
    '{"f":123456789012345678901234567891}',
    false,
  ],
  ['SEC-MAT-04', '{"f":[{"a":1},["b"],null]}', '{"f":[{"a":1},["b"],null]}', false],
  ['SEC-MAT-06', '{"f":"*"}', '{"g":"x"}', false, 'glob'],
  ['SEC-MAT-06 (null)', '{"f":"*"}', '{"f":null}', false, 'glob'],
]

for (const [id, bound, claims, pass, type] of matchRows) {
  test(`${id}: ${bound} against ${claims} ${pass ? 'matches' : 'does not match'}`, () => {
    assert.equal(matches(bound, claims, type), pass)
  })
}

test('CLM-032: a stored number among globs refuses the login', () => {
  const bound_claims = claimsOf('{"f":42}')
  const rules = { bound_claims, bound_claims_type: 'glob' } as const
  assert.equal(reasonOf(withClaims({ f: '42' }), rules), 'claim_type')
})

test('CLM-040: a single audience can be mapped', () => {
  const role = roleOf({ claim_mappings: { aud: 'a' }, bound_audiences: ['x'] })
  const decision = decide({ token: tokenOf(withClaims({ aud: 'x' })), role })
  assert.equal(decision.outcome?.metadata['a'], 'x')
})

test('CLM-041: a scalar is a list of one, an object is none', () => {
  assert.deepEqual(listOfValues(['a', 'b']), ['a', 'b'])
  assert.deepEqual(listOfValues([]), [])
  assert.deepEqual(listOfValues('s'), ['s'])
  assert.deepEqual(listOfValues(''), [''])
  assert.deepEqual(listOfValues(true), [true])
  assert.equal(listOfValues({}), undefined)
  assert.equal(listOfValues(null), undefined)
  // A number is one element; where strings are wanted, as for groups, that element is refused.
  assert.equal(reasonOf(withClaims({ g: 5 }), { groups_claim: 'g' }), 'groups_type')
})

for (const [id, claim, claims] of [
  ['CLM-043', 'color', withClaims({ COLOR: 'green' })],
  ['CLM-044', '/org/primary', withClaims({ org: {} })],
] as const) {
  test(`${id}: a mapped claim must be there unless it is optional`, () => {
    const claim_mappings = { [claim]: 'm' }
    const token = tokenOf(claims)
    const refused = decide({ token, role: roleOf({ claim_mappings }) })
    assert.equal(refused.reason, 'metadata_missing')
    assert.match(refused.text, new RegExp(`"${claim}"`))
    assert.match(refused.text, /optional_claim_mappings/)
    for (const optional_claim_mappings of [[claim], ['*']]) {
      const accepted = decide({ token, role: roleOf({ claim_mappings, optional_claim_mappings }) })
      assert.deepEqual({ ...accepted.outcome?.metadata }, { role: 'build' })
    }
    const compatible = decide({ token, role: roleOf({ claim_mappings }), compat: 'vault' })
    assert.ok(compatible.accepted)
  })
}

test('SEC-MAT-07: only the star is special in a glob', () => {
  for (const [pattern, subject, expected] of [
    ['*', '', true],
    ['**', 'any/thing\nat all', true],
    ['a*a', 'aa', true],
    ['a*a', 'a', false],
    ['ab*ba', 'aba', false],
    ['', '', true],
    ['', 'x', false],
    ['a?c', 'abc', false],
    ['a?c', 'a?c', true],
    ['[ab]', 'a', false],
    ['a.c', 'abc', false],
    ['\\*', '\\x', true],
    ['\\*', '*', false],
    ['a*b*c', 'abbcc', true],
    ['a*bc*c', 'abc', false],
  ] as const) {
    assert.equal(isGlobMatch(pattern, subject), expected, `${pattern} ${subject}`)
  }
})

test('SEC-MAT-08: forty stars against five thousand letters answer at once', () => {
  const start = performance.now()
  assert.equal(isGlobMatch('*a'.repeat(40) + '*b', 'a'.repeat(5_000)), false)
  assert.equal(isGlobMatch(`*${'a'.repeat(2_000)}b*`, 'a'.repeat(200_000)), false)
  assert.ok(performance.now() - start < 500)
})

test('SEC-MAT-09: a step of a list is a plain index and an escape is 0 or 1', () => {
  const claims = '{"l":["a","b"],"~2":"x","a~":"y"}'
  for (const reference of [
    '/l/00',
    '/l/01',
    '/l/+1',
    '/l/-1',
    '/l/0x1',
    '/l/',
    '/l/-',
    '/l/1e0',
    '/~2',
    '/a~',
  ]) {
    assert.equal(resolve(claims, reference), undefined, reference)
  }
  assert.equal(resolve('{"a/b":1,"~1":2}', '/a~1b'), 1)
  assert.equal(resolve('{"a/b":1,"~1":2}', '/~01'), 2)
})

test('SEC-MAT-10, SEC-JSN-13: inherited members do not exist', () => {
  const claims = '{"s":"text","l":["a"],"o":{}}'
  for (const reference of [
    '/s/length',
    '/l/length',
    '/s/0',
    '/o/constructor',
    'toString',
    '__proto__',
    '/__proto__/x',
    '/l/map',
  ]) {
    assert.equal(resolve(claims, reference), undefined, reference)
  }
  // Also when the claims come from code that gave them a prototype.
  const plain: JsonObject = { own: 'x' }
  assert.equal(resolveReference(plain, parseReference('constructor')), undefined)
})

test('SEC-MAT-11: a plain name is taken literally', () => {
  const claims = '{"https://idp/groups":"a","x.y":"b","l[0]":"c","%41":"d","x":{"y":"no"},"A":"no"}'
  assert.equal(resolve(claims, 'https://idp/groups'), 'a')
  assert.equal(resolve(claims, '/https:~1~1idp~1groups'), 'a')
  assert.equal(resolve(claims, 'x.y'), 'b')
  assert.equal(resolve(claims, 'l[0]'), 'c')
  assert.equal(resolve(claims, '%41'), 'd')
})

test('SEC-MAT-12: a bound claim called __proto__ is enforced', () => {
  assert.equal(matches('{"__proto__":"x"}', '{"__proto__":"x"}'), true)
  assert.equal(matches('{"__proto__":"x"}', '{"__proto__":"y"}'), false)
  assert.equal(matches('{"__proto__":"x"}', '{}'), false)
})

test('a pointer finds what a walk by hand finds', () => {
  const key = fc.constantFrom('a', 'b/c', '~', '~1', '', '0', '1', '__proto__')
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.integer(),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(
      fc.dictionary(key, tree),
      fc.array(key, { minLength: 1, maxLength: 4 }),
      (raw, steps) => {
        const claims = claimsOf(JSON.stringify(raw))
        let expected: unknown = claims
        for (const step of steps) {
          const isIndex = !Array.isArray(expected) || String(Number(step)) === step
          const has: boolean =
            typeof expected === 'object' &&
            expected !== null &&
            isIndex &&
            Object.hasOwn(expected, step)
          expected = has ? (expected as Record<string, unknown>)[step] : undefined
        }
        const text = steps
          .map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`)
          .join('')
        assert.deepEqual(resolveReference(claims, parseReference(text)), expected ?? undefined)
      },
    ),
  )
})

test('a glob matches exactly what trying every split matches', () => {
  const oracle = (pattern: string, subject: string): boolean => {
    if (pattern === '') return subject === ''
    if (pattern.startsWith('*')) {
      return (
        oracle(pattern.slice(1), subject) || (subject !== '' && oracle(pattern, subject.slice(1)))
      )
    }
    return subject !== '' && subject[0] === pattern[0] && oracle(pattern.slice(1), subject.slice(1))
  }
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  const subject = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 })
  fc.assert(
    fc.property(pattern, subject, (p, s) => isGlobMatch(p, s) === oracle(p, s)),
    { numRuns: 2_000 },
  )
})

test('numbers are equal exactly when their decimal values are', () => {
  const number = fc.record({
    digits: fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }),
    scale: fc.integer({ min: 0, max: 30 }),
  })
  const write = ({ digits, scale }: { digits: bigint; scale: number }, form: boolean): string => {
    if (!form) return `${digits}E-${scale}`
    const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
    const point = text.length - scale
    return `${digits < 0n ? '-' : ''}${text.slice(0, point)}${scale > 0 ? `.${text.slice(point)}` : ''}`
  }
  fc.assert(
    fc.property(number, number, fc.integer({ min: 0, max: 3 }), (a, b, zeros) => {
      const left = parseDecimalText(write(a, true))
      const right = parseDecimalText(write(b, false))
      // The same number with more zeros behind it, written the other way.
      const same = parseDecimalText(
        write({ digits: a.digits * 10n ** BigInt(zeros), scale: a.scale + zeros }, false),
      )
      assert.ok(left !== undefined && right !== undefined && same !== undefined)
      assert.equal(canonicalDecimal(left), canonicalDecimal(same))
      const x = a.digits * 10n ** BigInt(b.scale)
      const y = b.digits * 10n ** BigInt(a.scale)
      assert.equal(canonicalDecimal(left) === canonicalDecimal(right), x === y)
      assert.equal(Math.sign(compareDecimals(left, right)), x < y ? -1 : x > y ? 1 : 0)
      const whole = a.digits / 10n ** BigInt(a.scale)
      const isSafe = whole <= 9007199254740991n && whole >= -9007199254740991n
      const truncated = truncateDecimal(left)
      assert.equal(
        truncated === undefined ? undefined : BigInt(truncated),
        isSafe ? whole : undefined,
      )
      assert.equal(
        canonicalDecimal(parseDecimalText(plainDecimal(left, 100) ?? '') ?? left),
        canonicalDecimal(left),
      )
    }),
  )
})

test('a huge exponent costs nothing and equals only itself', () => {
  const huge = parseDecimal(new JsonNumber('1e999999999'))
  const other = parseDecimal(new JsonNumber('10e999999998'))
  assert.ok(huge !== undefined && other !== undefined)
  assert.equal(canonicalDecimal(huge), canonicalDecimal(other))
  assert.equal(plainDecimal(huge, 400), undefined)
  assert.equal(truncateDecimal(huge), undefined)
  assert.equal(parseDecimal(new JsonNumber(`1e${'9'.repeat(100_000)}`)), undefined)
  assert.equal(matches('{"f":0}', '{"f":-0.0e5}'), true)
})
