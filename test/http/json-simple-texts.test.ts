/**
 * A JSON text without escapes, control characters and surrogates has its strings cut out as they
 * are. A line feed behind a text changes nothing of what it says and takes that short way from it,
 * so both ways must give the same for any text.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, requestJsonLimits, type JsonLimits } from '../../src/lib/json.ts'
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
    const long = parseJson(`${one}\n`, limit)
    assert.deepEqual(short.ok, long.ok, one)
    if (short.ok) assert.deepEqual(short, long, one)
    // What is missing at the end of a text is missing behind the line feed in the other.
    else if (!long.ok && short.error.at < one.length) assert.deepEqual(short.error, long.error, one)
  }
}

test('a text is read the same whether or not its strings can be cut out', () => {
  fc.assert(
    fc.property(text, (one) => same(one)),
    { numRuns: 2000 },
  )
})

test('a string that is longer than it may be is refused on the short way too', () => {
  const limit = { ...requestJsonLimits, stringLengthMax: 4 }
  assert.equal(parseJson('{"abcd":"abcd"}', limit).ok, true)
  for (const one of ['["abcde"]', '{"abcde":1}', `["${'a'.repeat(50)}"]`, '["abcd']) same(one)
  const refused = parseJson('["abcde"]', limit)
  assert.equal(refused.ok ? '' : refused.error.kind, 'string_length')
})
