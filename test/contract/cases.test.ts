/**
 * The catalogues of `docs/contract/` against the tests: each case is named by a test, or listed with its reason in
 * `not-yet.md`, and never both. What counts is what stands in the strings of a test file: its titles and tables of titles.
 */

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readText, root } from '../harness/checkout.ts'
import { caseIdsOf, parseContract } from '../tidy/contract-pages.ts'
import { withoutComments } from '../tidy/source-text.ts'

const notYet = 'test/contract/not-yet.md'

function filesBelow(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name))
}

interface Coverage {
  /** Named by no test and not listed. */
  readonly forgotten: readonly string[]
  /** Listed, and yet a test names them. */
  readonly both: readonly string[]
  /** Listed, and in no catalogue. */
  readonly unknown: readonly string[]
}

function compare(
  cases: ReadonlySet<string>,
  named: ReadonlySet<string>,
  listed: ReadonlySet<string>,
): Coverage {
  return {
    forgotten: [...cases].filter((id) => !named.has(id) && !listed.has(id)),
    both: [...listed].filter((id) => named.has(id)),
    unknown: [...listed].filter((id) => !cases.has(id)),
  }
}

function namedBy(testText: string): ReadonlySet<string> {
  return caseIdsOf(withoutComments(testText))
}

describe('the comparison sees what it looks for', () => {
  test('a case that is only mentioned in a comment is not named', () => {
    const text = `// ${'TIM'}-001\ntest('one (${'TIM'}-002, ${'TIM'}-004..${'TIM'}-006)', () => {})`
    assert.deepEqual([...namedBy(text)].toSorted(), ['TIM-002', 'TIM-004', 'TIM-005', 'TIM-006'])
  })

  test('a case is forgotten, listed twice over, or unknown', () => {
    const found = compare(new Set(['a', 'b', 'c']), new Set(['b']), new Set(['b', 'd']))
    assert.deepEqual(found, { forgotten: ['a', 'c'], both: ['b'], unknown: ['d'] })
  })

  test('an id that two catalogues give away is refused', () => {
    const row = `| ${'TIM'}-001 | B | x |\n`
    const pages = new Map([
      ['a-cases.md', row],
      ['b-cases.md', row],
    ])
    assert.throws(() => parseContract(pages), /is in a-cases\.md and in b-cases\.md/)
  })
})

test('every case is named by a test or listed as missing, and none is both', () => {
  const pages = filesBelow('docs/contract', /\.md$/)
  const { cases } = parseContract(new Map(pages.map((path) => [path, readText(path)])))
  assert.ok(cases.size > 1600, `only ${cases.size} cases`)
  const tests = filesBelow('test', /\.(?:test|suite)\.ts$/).filter(
    (path) => path !== join('test', 'contract', 'cases.test.ts'),
  )
  const named = new Set(tests.flatMap((path) => [...namedBy(readText(path))]))
  const found = compare(new Set(cases.keys()), named, caseIdsOf(readText(notYet)))
  assert.deepEqual(found, { forgotten: [], both: [], unknown: [] })
})
