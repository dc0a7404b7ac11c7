/** What documents list by hand and the source has as a table: whatever is added there is named here with its place. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configRecord } from '../../src/auth/jwt/config.ts'
import { roleRecord } from '../../src/auth/jwt/role-record.ts'
import { signatureAlgorithms } from '../../src/jose/algorithms.ts'
import { builtIns } from '../../src/server/built-ins.ts'
import { jwtLogin } from '../../src/trust/login-lists.ts'
import { reasonCodes } from '../../src/trust/reasons.ts'
import { readText } from '../harness/checkout.ts'

/** The text from a heading to the next one of any depth. */
function sectionOf(file: string, heading: string): string {
  const [, behind] = readText(file).split(`\n${heading}`)
  assert.ok(behind !== undefined, `${file} has no heading "${heading}"`)
  return behind.split(/^#/m)[0] ?? ''
}

const lists: readonly (readonly [
  what: string,
  file: string,
  heading: string,
  names: readonly string[],
])[] = [
  ['reason', 'docs/contract/explain.md', '## 1. Reasons', reasonCodes],
  ['config', 'docs/contract/jwt-oidc.md', '### 1.1 ', Object.keys(configRecord.fields)],
  ['algorithm', 'docs/contract/jwt-oidc.md', '### 1.3 ', signatureAlgorithms],
  ['role', 'docs/contract/jwt-oidc.md', '### 2.1 ', Object.keys(roleRecord.fields)],
  [
    'method',
    'ARCHITECTURE.md',
    '## Folders',
    builtIns(() => assert.fail()).flatMap(({ types }) => types),
  ],
]

for (const [what, file, heading, names] of lists) {
  test(`each ${what} stands in ${file} below "${heading.trim()}"`, () => {
    const text = sectionOf(file, heading)
    const missing = names.filter((name) => !new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(text))
    assert.deepEqual(missing, [], `name them in ${file}, below "${heading}"`)
  })
}

test('a reason that the contract names keeps its name', () => {
  const section = sectionOf('docs/contract/explain.md', '## 1. Reasons')
  const listed = /`(config_missing\s[^`]+)`/.exec(section)?.[1]?.split(/\s+/) ?? []
  assert.deepEqual(listed.toSorted(), [...reasonCodes].toSorted())
})

test('a compatible text that a document quotes is one that a check has', () => {
  const texts = jwtLogin.checks.flatMap(({ refusals }) => Object.values(refusals))
  const quotes = [
    'README.md',
    'docs/contract/explain.md',
    'docs/contract/ux.md',
    'docs/explanation/why-a-login-was-refused.md',
  ].flatMap((file) =>
    [...readText(file).matchAll(/error validating token: [^"`|*…\n]+/g)].map(
      ([quote]) => [file, quote.trim()] as const,
    ),
  )
  assert.ok(quotes.length >= 6)
  const wrong = quotes.filter(([, quote]) => !texts.some((text) => text.startsWith(quote)))
  assert.deepEqual(wrong, [])
})
