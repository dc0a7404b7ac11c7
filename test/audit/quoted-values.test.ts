/** Values that a refusal quotes, hidden in the record of it, at a cost that nobody chooses. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutValues } from '../../src/audit/hashed-data.ts'

const hash = (text: string): string => `"hmac-sha256:${Buffer.from(text).toString('hex')}"`

test('what stands in the data stands in no text, as it is, as JSON writes it, or in lower case', () => {
  const data = { a: 'Secret"One', list: ['secret-two', 'secret-two', 'short'] }
  const text = withoutValues('no Secret\\"One, secret"one or secret-two, but short', data, hash)
  assert.doesNotMatch(text, /One|one|two/)
  assert.match(text, /^no hmac-sha256:\w+, hmac-sha256:\w+ or hmac-sha256:\w+, but short$/)
})

test('a text is looked through once, and never what was put into it', () => {
  const pairs = Array.from({ length: 5000 }, () => ['hmac-s', 'ha256:', 'sha256']).flat()
  const text = withoutValues('role "hmac-s" could not be found', { role: 'hmac-s', z: pairs }, hash)
  assert.equal(text, `role "${hash('hmac-s').slice(1, -1)}" could not be found`)
  const many = Array.from({ length: 100_000 }, (_, i) => `value${i}`)
  const startedMs = performance.now()
  const hidden = withoutValues('a'.repeat(200_000), { many }, hash)
  assert.match(hidden, /^hmac-sha256:/)
  assert.ok(performance.now() - startedMs < 2000)
})

test('values that lie in each other are hidden whole', () => {
  const data = ['abcdefgh', 'efghijkl', 'defghi']
  assert.doesNotMatch(withoutValues('<abcdefghijkl>', { data }, hash), /[a-l]{6}/)
})
