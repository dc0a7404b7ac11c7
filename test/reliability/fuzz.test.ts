/** The parsers that test/jose does not fuzz: damaged texts end in a result (SEC-SUP-05, ruling R3). */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { compileAcl } from '../../src/core/policy/acl.ts'
import { parsePolicy } from '../../src/core/policy/policy.ts'
import { Refusal } from '../../src/framework/refusal.ts'
import { parsePairs } from '../../src/http/request-query.ts'
import { parseDurationMs } from '../../src/lib/duration.ts'
import { parseCidr } from '../../src/lib/cidr.ts'
import { globMatches, parseGlob } from '../../src/trust/glob.ts'
import { parseReference, resolveReference } from '../../src/trust/pointer.ts'
import { parsePolicyTemplate, renderPolicyTemplate } from '../../src/trust/policy-template.ts'
import { claimsOf } from '../trust/fixture.ts'

const runs = { numRuns: 50_000 }
const claims = claimsOf('{"a":{"b":[1,"x",null]},"":{"~":true},"l":["a","b"],"s":"text"}')
const env = { nowMs: 0, randomBytes: (count: number) => new Uint8Array(count) }

/** Texts put together from what the language is made of, and from anything. */
function textOf(...words: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
  )
  return fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
}

suite('damaged texts end in a result', () => {
  test('pointers (SEC-SUP-05)', () => {
    const text = textOf('/', '~0', '~1', '~', 'a', 'b', '0', '-', '__proto__', 'l')
    fc.assert(
      fc.property(text, (given) => void resolveReference(claims, parseReference(given))),
      runs,
    )
  })

  test('globs (SEC-SUP-05)', () => {
    const text = textOf('*', '**', 'a', 'ab', '?', '[', '\\', 'é')
    fc.assert(
      fc.property(text, text, (glob, subject) => {
        assert.equal(typeof globMatches(parseGlob(glob), subject), 'boolean')
      }),
      runs,
    )
  })

  test('durations and networks (SEC-SUP-05)', () => {
    const text = textOf(
      '1',
      '99',
      '.',
      'h',
      'm',
      's',
      'ms',
      'd',
      '-',
      '+',
      ':',
      '::',
      '/',
      '%',
      'ff',
    )
    fc.assert(
      fc.property(text, (given) => {
        const ms = parseDurationMs(given)
        assert.ok(ms === undefined || Number.isFinite(ms), given)
        parseCidr(given)
      }),
      runs,
    )
  })

  test('policies (SEC-SUP-05)', () => {
    const text = textOf(
      'path "a/+" ',
      '{ capabilities = ["read"] }',
      '"',
      '{',
      '}',
      '[',
      ']',
      '=',
      ',',
      '"x*"',
      '{{',
      '}}',
      '<<E\n',
      'E\n',
      '0x',
      '089',
      '1e5',
      '#',
      '/*',
      '*/',
      'allowed_parameters = { a = [1] }',
      'min_wrapping_ttl = ',
      '\n',
    )
    fc.assert(
      fc.property(text, (given) => {
        const parsed = parsePolicy('p', given)
        if (parsed.ok) compileAcl([parsed.value]).capabilities('a/b')
        else assert.equal(typeof parsed.error.message, 'string')
      }),
      runs,
    )
  })

  test('forms and queries (SEC-SUP-05)', () => {
    const text = textOf('&', '=', 'a', 'list', '%', '%2', '%00', '%ff', '+', '%e2%82%ac')
    fc.assert(
      fc.property(text, (given) => {
        try {
          parsePairs(given)
        } catch (problem) {
          assert.ok(problem instanceof Refusal, given)
        }
      }),
      runs,
    )
  })

  test('templates (SEC-SUP-05)', () => {
    const text = textOf(
      '{{',
      '}}',
      '{{-',
      '-}}',
      '.l',
      '.s',
      ' range ',
      ' if ',
      ' end ',
      ' else ',
      '{{end}}',
      '|',
      '(',
      ')',
      '"',
      '`',
      '$x',
      ':=',
      'print ',
      'printf "%5s" ',
      'index ',
      '1',
      '/*',
      '*/',
    )
    fc.assert(
      fc.property(text, (given) => {
        const template = parsePolicyTemplate(given)
        if (!template.ok) return
        const rendered = renderPolicyTemplate(template.value, claims, env)
        assert.equal(typeof (rendered.ok ? rendered.value : rendered.error.detail), 'string')
      }),
      runs,
    )
  })
})
