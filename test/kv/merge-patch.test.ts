/** JSON Merge Patch: the examples of RFC 7386 and a naive oracle. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'

import {
  encodeJson,
  isJsonObject,
  JsonNumber,
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../../src/lib/json.ts'
import { mergePatch } from '../../src/secrets/kv/merge-patch.ts'

/** RFC 7386 §2, line by line, on maps. */
function naivePatch(target: unknown, patch: unknown): unknown {
  if (!(patch instanceof Map)) return patch
  const result = new Map<string, unknown>(target instanceof Map ? target : [])
  for (const [name, value] of patch as Map<string, unknown>) {
    if (value === null) result.delete(name)
    else result.set(name, naivePatch(result.get(name), value))
  }
  return result
}

function toMaps(value: JsonValue): unknown {
  if (!isJsonObject(value)) return value instanceof JsonNumber ? value.text : value
  return new Map(Object.keys(value).map((name) => [name, toMaps(value[name] ?? null)]))
}

function parse(text: string): JsonObject {
  const parsed = parseJson(text, requestJsonLimits)
  assert.ok(parsed.ok && isJsonObject(parsed.value))
  return parsed.value
}

test('KVS-20: the examples of RFC 7386 that patch objects with objects', () => {
  const examples: readonly (readonly [string, string, string])[] = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ]
  for (const [target, patch, expected] of examples) {
    assert.equal(encodeJson(mergePatch(parse(target), parse(patch))), expected)
  }
})

test('a patch is what the naive algorithm makes, whatever the names (ruling R11)', () => {
  const name = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString', '1', '')
  const leaf = fc.constantFrom('null', 'true', '1.50', '12345678901234567890', '"x"', '[1,null]')
  const { object } = fc.letrec<{ value: string; object: string }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, tie('object')),
    object: fc
      .uniqueArray(fc.tuple(name, tie('value')), { maxLength: 4, selector: ([key]) => key })
      .map(
        (pairs) => `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${item}`).join(',')}}`,
      ),
  }))
  fc.assert(
    fc.property(object, object, (targetText, patchText) => {
      const target = parse(targetText)
      const patch = parse(patchText)
      const merged = mergePatch(target, patch)
      assert.deepEqual(toMaps(merged), naivePatch(toMaps(target), toMaps(patch)))
      // Neither is changed: what a store gave out is never written to.
      assert.deepEqual(target, parse(targetText))
      assert.deepEqual(patch, parse(patchText))
    }),
    { numRuns: 500 },
  )
})
