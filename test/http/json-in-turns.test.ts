import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'
import { ByteGatherer } from '../../src/lib/byte-gatherer.ts'
import { BoundedCache } from '../../src/lib/bounded-cache.ts'
import {
  encodeJson,
  JsonReader,
  parseJson,
  requestJsonLimits,
  type JsonLimits,
  type JsonValue,
} from '../../src/lib/json.ts'
import { decodeInTurns, encodeJsonInTurns, parseJsonInTurns } from '../../src/lib/json-in-turns.ts'
import { decodeUtf8 } from '../../src/lib/utf8.ts'

/** Counts the turns that were asked for. */
function turns(): { readonly soon: (work: () => void) => void; readonly count: () => number } {
  let count = 0
  return {
    soon: (work) => {
      count++
      setImmediate(work)
    },
    count: () => count,
  }
}

/** JSON texts, good and broken: pieces in any order, and values as the platform writes them, with blanks. */
const pieces = fc
  .array(
    fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"a"', '"b"', '"\\u00e9"', '"\\ud800"', '""', '"x'],
      ...[' ', '\n', '1', '-0', '1.50', '1e400', '01', 'true', 'null', 'nul', '"__proto__"'],
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(''))
const texts = fc.oneof(
  pieces,
  fc.json({ maxDepth: 5 }),
  fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.stringify(value, null, 3)),
)

const narrow: JsonLimits = {
  depthMax: 3,
  stringLengthMax: 6,
  entriesMax: 3,
  entriesTotalMax: 6,
  duplicates: 'refuse',
  loneSurrogates: 'refuse',
}

test('a text read in slices of any length gives what it gives at once', () => {
  fc.assert(
    fc.property(
      texts,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(narrow, requestJsonLimits),
      (text, slice, limits) => {
        const reader = new JsonReader(text, limits)
        let result = reader.read(slice)
        // Each slice goes on by one value at least.
        for (let i = 0; i <= text.length && result === undefined; i++) result = reader.read(slice)
        assert.deepEqual(result, parseJson(text, limits))
      },
    ),
    { numRuns: 3000 },
  )
})

test('what is read is what the platform reads, but for the digits of numbers', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const ours = parseJson(text, { ...requestJsonLimits, duplicates: 'last' })
      let theirs: unknown
      try {
        theirs = JSON.parse(text)
      } catch {
        assert.equal(ours.ok, false, text)
        return
      }
      assert.ok(ours.ok, text)
      assert.deepEqual(JSON.parse(encodeJson(ours.value)), theirs)
    }),
    { numRuns: 3000 },
  )
})

test('a value written in turns is the text that is written at once', async () => {
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const parsed = parseJson(text, requestJsonLimits)
      if (!parsed.ok) return
      assert.equal(await encodeJsonInTurns(parsed.value, turns()), encodeJson(parsed.value))
    }),
    { numRuns: 1000 },
  )
})

test('a large text is decoded, read and written with turns between, and stays the same', async () => {
  const value: JsonValue = {
    list: Array.from({ length: 9000 }, (_, i) => ({ [`name ${i}`]: `é漢😀${'x'.repeat(40)}` })),
    text: '漢'.repeat(300_000),
    empty: [{}, [], ''],
  }
  const text = JSON.stringify(value)
  const [decoding, reading, writing] = [turns(), turns(), turns()]
  assert.equal(await decodeInTurns(Buffer.from(text), decoding), text)
  const parsed = await parseJsonInTurns(text, requestJsonLimits, reading)
  assert.ok(parsed.ok)
  assert.equal(await encodeJsonInTurns(parsed.value, writing), text)
  for (const { count } of [decoding, reading, writing]) assert.ok(count() >= 2)
})

test('bytes decode to the same text whichever way is taken', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const long = text.repeat(200)
      assert.equal(decodeUtf8(Buffer.from(long)), Buffer.from(long).toString('utf8'))
    }),
  )
})

test('pieces of any size are gathered in their order, up to the limit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 }),
      fc.integer({ min: 0, max: 900 }),
      (parts, bytesMax) => {
        const gathered = new ByteGatherer(bytesMax)
        const whole = Buffer.concat(parts)
        const copies = parts.map((part) => Buffer.from(part))
        const fits = copies.every((part) => gathered.add(part))
        assert.equal(fits, whole.length <= bytesMax)
        if (fits) assert.deepEqual(gathered.take(), whole)
        // Nothing is written into what was handed in.
        assert.deepEqual(Buffer.concat(copies), whole)
      },
    ),
  )
})

test('a full cache drops its oldest entry, also after others were deleted, and however often', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('set', 'delete', 'clear'), fc.nat(9)), { maxLength: 80 }),
      (steps) => {
        const cache = new BoundedCache<number, number>(4)
        let model: number[] = []
        for (const [what, key] of steps) {
          if (what === 'clear' && key > 7) {
            cache.clear()
            model = []
          } else if (what === 'delete') {
            cache.delete(key)
            model = model.filter((one) => one !== key)
          } else if (what === 'set') {
            cache.set(key, key)
            if (!model.includes(key)) model = [...model.slice(model.length === 4 ? 1 : 0), key]
          }
          assert.deepEqual(
            Array.from({ length: 10 }, (_, one) => one).filter((one) => cache.get(one) === one),
            model.toSorted((a, b) => a - b),
          )
        }
      },
    ),
  )
})
