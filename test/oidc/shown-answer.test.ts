/** Words of a provider, quoted without what was sent to it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createQuotes } from '../../src/oidc/shown-answer.ts'

test('what was sent is taken out wherever it stands, however short it is', () => {
  const { quote, isEcho } = createQuotes(['s3cr3t', 'a b/ü', ''])
  assert.equal(quote('the code s3cr3t, (s3cr3t) is unknown'), '"the code …, (…) is unknown"')
  assert.equal(quote('code=a%20b%2F%C3%BC&x or a+b%2F%C3%BC'), '"code=…&x or …"')
  assert.equal(quote('nothing of it'), '"nothing of it"')
  assert.ok(isEcho('xs3cr3tx') && !isEcho('invalid_grant'))
})

test('a value that begins where the quotation ends leaves no part of it', () => {
  for (let before = 350; before <= 410; before++) {
    const text = createQuotes(['s3cr3t-of-mine']).quote(
      `${' '.repeat(before)}s3cr3t-of-mine and more`,
    )
    assert.ok(!text.includes('s3'), `${before}`)
    assert.ok(text.length <= 402)
  }
})

test('a value inside a longer one does not tell the rest of it', () => {
  assert.equal(createQuotes(['abc', 'abcdef']).quote('say abcdef'), '"say …"')
})

test('tags, control characters and long runs are taken out as well', () => {
  const { quote } = createQuotes([])
  assert.equal(quote(`<b>\u001b[31m ${'k'.repeat(24)}`), '"?b??[31m …"')
})

test('a long text and a long value cost little', () => {
  const text = createQuotes(['x'.repeat(100_000)]).quote('x'.repeat(262_144))
  assert.ok(text.length <= 402)
})
