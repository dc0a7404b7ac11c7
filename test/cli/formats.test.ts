import assert from 'node:assert/strict'
import { test } from 'node:test'
import { goQuotedList, goSeconds, goText, goTime } from '../../src/cli/go-text.ts'
import { formatJson } from '../../src/cli/json-text.ts'
import { safeText } from '../../src/cli/safe-text.ts'
import { formatMembers, formatTable, formatTitle } from '../../src/cli/table.ts'
import { formatYaml } from '../../src/cli/yaml.ts'
import {
  parseJson,
  requestJsonLimits,
  type JsonObject,
  type JsonValue,
} from '../../src/lib/json.ts'
import { product, wireVersion } from '../../src/lib/product.ts'

function json(text: string): JsonValue {
  const parsed = parseJson(text, requestJsonLimits)
  assert.ok(parsed.ok)
  return parsed.value
}

test('the wire version is a semantic version without the letters that mean Enterprise', () => {
  assert.match(wireVersion, /^\d+\.\d+\.\d+\+[0-9A-Za-z.-]+$/u)
  assert.equal(wireVersion, '1.17.0+tokenstile.0.2.0')
  assert.ok(!wireVersion.includes('ent'))
  assert.ok(!product.name.includes('ent'))
})

test('a table aligns its columns under dashes and fills empty cells', () => {
  assert.equal(
    formatTable(
      ['Path', 'Type', 'Description'],
      [
        ['jwt/', 'jwt', ''],
        ['token/', 'token', 'tokens'],
      ],
    ),
    [
      'Path      Type     Description',
      '----      ----     -----------',
      'jwt/      jwt      n/a',
      'token/    token    tokens',
    ].join('\n'),
  )
})

test('members of an object are sorted, durations are words, nested values are Go text', () => {
  const object = json('{"ttl":3600,"b":{"z":1,"a":[true,null]},"a":12345678901234567890,"s":""}')
  assert.equal(
    formatMembers(object as JsonObject),
    [
      'Key    Value',
      '---    -----',
      'a      12345678901234567890',
      'b      map[a:[true <nil>] z:1]',
      's      n/a',
      'ttl    1h',
    ].join('\n'),
  )
})

test('titles are as wide as what is below them', () => {
  const metadata = json('{"custom_metadata":null,"version":1}') as JsonObject
  assert.equal(formatTitle('Metadata', metadata), '======= Metadata =======')
  assert.equal(formatTitle('Secret Path', 'secret/data/my-secret'), '==== Secret Path ====')
  assert.equal(formatTitle('Data', json('{"x":1}') as JsonObject), '== Data ==')
})

test('Go texts of values, durations, lists and times', () => {
  assert.equal(goText(json('[1.50,"a",{"k":null}]')), '[1.50 a map[k:<nil>]]')
  assert.equal(goSeconds(2764800), '768h')
  assert.equal(goSeconds(5400), '1h30m')
  assert.equal(goSeconds(3605), '1h0m5s')
  assert.equal(goSeconds(600), '10m')
  assert.equal(goSeconds(0), '0s')
  assert.equal(goSeconds('0s'), '0s')
  assert.equal(goQuotedList(['default', 'x']), '["default" "x"]')
  assert.equal(goQuotedList(undefined), '[]')
  assert.equal(goTime('2026-01-02T03:04:05.678Z'), '2026-01-02 03:04:05.678 +0000 UTC')
})

test('json is indented by two, keeps numbers as they came, and stays the same text when read again', () => {
  const text = formatJson(
    json('{"a":1.50,"b":[],"c":{},"d":[1,{"e":"x"}],"big":12345678901234567890}'),
  )
  assert.equal(
    text,
    '{\n  "a": 1.50,\n  "b": [],\n  "c": {},\n  "d": [\n    1,\n    {\n      "e": "x"\n    }\n  ],\n  "big": 12345678901234567890\n}',
  )
  assert.equal(formatJson(json(text)), text)
})

test('yaml quotes what a reader could take for something else, and keeps numbers', () => {
  const value = json(
    '{"plain":"hello world","yes":"yes","number":"1","n":1.50,"date":"2026-01-02","colon":"a: b","empty":"","nil":null,"list":["a",{"k":"v","l":[1]}],"none":[],"map":{},"deep":{"x":{"y":true}},"lines":"a\\nb"}',
  )
  assert.equal(
    formatYaml(value),
    [
      'colon: "a: b"',
      'date: "2026-01-02"',
      'deep:',
      '  x:',
      '    "y": true',
      'empty: ""',
      'lines: "a\\nb"',
      'list:',
      '- a',
      '- k: v',
      '  l:',
      '  - 1',
      'map: {}',
      '"n": 1.50',
      'nil: null',
      'none: []',
      'number: "1"',
      'plain: hello world',
      '"yes": "yes"',
    ].join('\n'),
  )
  assert.equal(formatYaml(json('["a","b"]')), '- a\n- b')
  assert.equal(formatYaml('x'), 'x')
  assert.equal(formatYaml(json('{}')), '{}')
})

test('SEC-CLI-07, SEC-JSN-07: control sequences, direction marks and zero-width letters are shown as escapes', () => {
  assert.equal(safeText('a\u001b[2Jb\rc\u0007'), 'a\\u001b[2Jb\\u000dc\\u0007')
  assert.equal(safeText('\u009b31m\u202eevil\u200b\ufeff'), '\\u009b31m\\u202eevil\\u200b\\ufeff')
  assert.equal(safeText('a\u{e0041}b'), 'a\\udb40\\udc41b')
  assert.equal(safeText('two\nlines\tand a tab'), 'two\nlines\tand a tab')
  const text = formatJson({ a: '\u009b\u202e' })
  assert.equal(text, '{\n  "a": "\\u009b\\u202e"\n}')
  assert.deepEqual(JSON.parse(text), { a: '\u009b\u202e' })
  assert.equal(formatTable(['K'], [['\u001b[31m']]), 'K\n-\n\\u001b[31m')
  assert.equal(formatYaml({ a: 'x\u202e' }), 'a: "x\\u202e"')
})
