/**
 * A short JSON text without escapes goes through the platform's parser, and any text without
 * escapes, control characters and surrogates has its strings cut out as they are. A line feed
 * behind a text changes nothing of what it says and takes that second short way from it, so all
 * ways must give the same for any text.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonReader, parseJson, requestJsonLimits, type JsonLimits } from '../../src/lib/json.ts'
import * as fc from '../harness/properties.ts'

const limits: readonly JsonLimits[] = [
  requestJsonLimits,
  { ...requestJsonLimits, duplicates: 'refuse', loneSurrogates: 'refuse' },
  { ...requestJsonLimits, stringLengthMax: 4, depthMax: 3, entriesMax: 3, entriesTotalMax: 5 },
]

/** Pieces of which most texts are nearly JSON. */
const piece = fc.oneof(
  fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    ' ',
    '\t',
    '\\',
    '\\u0041',
    '\\ud800',
    '\u0001',
  ),
  fc.constantFrom('"a"', '"a":', '"__proto__":', '"constructor":', '"abcdefgh"', 'true', 'null'),
  fc.constantFrom('0', '-0', '1.50', '1e3', '12345678901234567890', '\ud83d', '\ud83d\ude00', 'é'),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const text = fc.oneof(
  fc.json(),
  fc.json({ stringUnit: 'binary' }),
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
)

function same(one: string): void {
  for (const limit of limits) {
    const short = parseJson(one, limit)
    // With prototypes, or the want of them.
    assert.deepStrictEqual(short, new JsonReader(one, limit).read(), one)
    const long = new JsonReader(`${one}\n`, limit).read()
    if (long === undefined) throw new Error('a reader without a limit stopped')
    assert.deepEqual(short.ok, long.ok, one)
    if (short.ok) assert.deepEqual(short, long, one)
    // What is missing at the end of a text is missing behind the line feed in the other.
    else if (!long.ok && short.error.at < one.length) assert.deepEqual(short.error, long.error, one)
  }
}

test('a text is read the same whether or not its strings can be cut out', () => {
  fc.assert(
    fc.property(text, (one) => same(one)),
    { numRuns: 5000 },
  )
})

test('what the platform would read otherwise is left to the strict reader', () => {
  const texts = [
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":2},"c":3}',
    '[{"a":1},{"a":1,"a":1}]',
    '{"a":":","b":"{,"}',
    '{"__proto__":1,"__proto__":2}',
    '{"__proto__":{"sub":"x"}}',
    '{"constructor":1,"1":2,"0":3}',
    '[-0,1.0,1e2,1E2,123456789012345,1234567890123456,0.1]',
    '[123456789012345678,12345678901234567890]',
    '{"n":100000000000000000000}',
    '"\ud800"',
    '{"\udc00":1}',
    '[[[[[[1]]]]]]',
    `${'['.repeat(33)}1${']'.repeat(33)}`,
    `${'['.repeat(400)}${']'.repeat(400)}`,
    '[1,2,3,4,5,6,7]',
    '{"a":1}x',
    '{"a":1,}',
    '{"a" 1}',
    '[01]',
    '\ufeff{}',
    '',
  ]
  for (const one of texts) same(one)
})

test('a string that is longer than it may be is refused on the short way too', () => {
  const limit = { ...requestJsonLimits, stringLengthMax: 4 }
  assert.equal(parseJson('{"abcd":"abcd"}', limit).ok, true)
  for (const one of ['["abcde"]', '{"abcde":1}', `["${'a'.repeat(50)}"]`, '["abcd']) same(one)
  const refused = parseJson('["abcde"]', limit)
  assert.equal(refused.ok ? '' : refused.error.kind, 'string_length')
})
