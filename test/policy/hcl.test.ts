/** HCL 1 and its JSON twin: the tree, positions, problems, limits, and agreement with the reference's parser. */

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { listHclBlocks, parseHcl, parseHclOrJson, toJsonValue } from '../../src/lib/hcl.ts'
import type { HclBody, HclValue } from '../../src/lib/hcl-tree.ts'
import { encodeJson, isJsonObject, JsonNumber, type JsonValue } from '../../src/lib/json.ts'

function tree(text: string): HclBody {
  const parsed = parseHclOrJson(text)
  assert.ok(parsed.ok, parsed.ok ? '' : `${parsed.error.line}: ${parsed.error.message}`)
  return parsed.value
}

function json(text: string): unknown {
  return JSON.parse(encodeJson(toJsonValue(tree(text))))
}

const readings: readonly (readonly [why: string, text: string, value: unknown])[] = [
  ['attributes need no newline', 'a = 1 b = "x" c=true', { a: 1, b: 'x', c: true }],
  ['commas between attributes are optional', 'a = 1, b = 2\nc = 3', { a: 1, b: 2, c: 3 }],
  ['a one-line block holds several attributes', 'a { x = 1 y = [2] }', { a: { x: 1, y: [2] } }],
  ['labels nest', 'a "b" c { d = 1 }', { a: { b: { c: { d: 1 } } } }],
  ['keys may be quoted, dotted, dashed', '"k k" = 1 a.b-c = 2', { 'k k': 1, 'a.b-c': 2 }],
  ['an object may be assigned', 'a = { "x" = [] }', { a: { x: [] } }],
  ['a list may end in a comma', 'a = [1, 2,\n]', { a: [1, 2] }],
  ['commas too many separate nothing', 'a = [,1,,2]', { a: [1, 2] }],
  ['lists hold lists and objects', 'a = [[1], {b = 2}, true]', { a: [[1], { b: 2 }, true] }],
  ['three kinds of comment', '# x\na = 1 // y\n/* z\n */ b = 2', { a: 1, b: 2 }],
  ['escapes', 'a = "\\n\\t\\"\\\\\\u00e9\\U0001F600\\x41\\101"', { a: '\n\t"\\é😀AA' }],
  ['nothing is unescaped inside ${}', 'a = "x${f("\\n")}y"', { a: 'x${f("\\n")}y' }],
  ['numbers', 'a = -3 b = 1.5 c = 1e3 d = 0x1f e = 010', { a: -3, b: 1.5, c: 1000, d: 31, e: 8 }],
  ['a heredoc keeps its lines', 'a = <<EOF\n x\n  y\nEOF\nb = 1', { a: ' x\n  y\n', b: 1 }],
  ['a heredoc with a dash loses its indent', 'a = <<-E\n  x\n    y\n  E\n', { a: 'x\n  y\n' }],
  ['a heredoc with less indent loses none', 'a = <<-E\n  x\n y\n  E\n', { a: '  x\n y\n' }],
  ['Windows line ends', 'a = <<E\r\nx\r\nE\r\nb = 1\r\n', { a: 'x\n', b: 1 }],
  ['a byte order mark is skipped', '\uFEFFa = 1', { a: 1 }],
  ['nothing', ' # only a comment', {}],
  ['JSON', ' {"a": {"b": [1, null, "\\n"]}}', { a: { b: [1, null, '\n'] } }],
]

for (const [why, text, value] of readings) {
  test(`HCL: ${why}`, () => {
    assert.deepEqual(json(text), value)
  })
}

const problems: readonly (readonly [text: string, line: number, column: number, part: RegExp])[] = [
  ['a = "x', 1, 5, /not closed/],
  ['a = "x\n"', 1, 5, /not closed/],
  ['a = 1\n  b c = 2', 2, 7, /labels/],
  ['a {\n b = 1\n', 3, 1, /name was expected/],
  ['a = [1 2]', 1, 8, /comma/],
  ['a = 1h', 1, 5, /quotes/],
  ['a = 089', 1, 5, /octal/],
  ['a', 1, 2, /"=" or "{"/],
  ['a = b', 1, 5, /value was expected/],
  ['true = 1', 1, 1, /name was expected/],
  ['a = "\\q"', 1, 5, /escape/],
  ['a = "\\ud800"', 1, 5, /escape/],
  ['/* x', 1, 1, /comment/],
  ['a = <<E\nx', 1, 5, /heredoc/],
  ['a = 1 }', 1, 7, /name was expected/],
  ['a = 1\n€', 2, 1, /no meaning/],
  ['a = \0', 1, 5, /no meaning/],
  ['{"a": 1,\n x}', 2, 2, /member name/],
  ['{"a": 1} b', 1, 10, /after/],
]

for (const [text, line, column, part] of problems) {
  test(`HCL: ${JSON.stringify(text)} is refused at ${line}:${column}`, () => {
    const parsed = parseHclOrJson(text)
    assert.ok(!parsed.ok)
    assert.match(parsed.error.message, part)
    assert.deepEqual([parsed.error.line, parsed.error.column], [line, column])
  })
}

test('HCL: every item, label and value knows where it stands', () => {
  for (const text of ['a "b" {\n  c = [1,\n    2]\n}', '\n{"q": 1}']) {
    assert.ok(tree(text).items.length > 0)
  }
  const item = tree('a "b" {\n  c = [1,\n    2]\n}').items[0]
  assert.ok(item?.value.kind === 'body')
  assert.deepEqual([item.line, item.column, item.labels[0]?.column], [1, 1, 3])
  const inner = item.value.items[0]
  assert.ok(inner?.value.kind === 'list')
  assert.deepEqual([inner.line, inner.column, inner.value.column], [2, 3, 7])
  assert.deepEqual([inner.value.values[1]?.line, inner.value.values[1]?.column], [3, 5])
  const member = tree('\n{\n "q": [\n  7]}').items[0]
  assert.ok(member?.value.kind === 'list')
  assert.deepEqual([member.line, member.column, member.value.values[0]?.line], [3, 2, 4])
})

test('HCL: one block is found in each of its spellings, and both of two JSON members count', () => {
  const spellings = [
    'p "a" { x = 1 }',
    'p { a { x = 1 } }',
    'p = { "a" = { x = 1 } }',
    'p = [{ a = { x = 1 } }]',
    '{"p": {"a": {"x": 1}}}',
    '{"p": [{"a": {"x": 1}}]}',
    '{"p": {"a": [{"x": 1}]}}',
  ]
  for (const text of spellings) {
    const blocks = listHclBlocks(tree(text), 'p', 1)
    assert.ok(blocks.ok, text)
    assert.deepEqual(
      blocks.value.map((block) => [block.labels[0]?.text, encodeJson(toJsonValue(block.body))]),
      [['a', '{"x":1}']],
    )
  }
  const twice = listHclBlocks(tree('{"p": {"a": {}}, "p": {"a": {}}}'), 'p', 1)
  assert.ok(twice.ok)
  assert.equal(twice.value.length, 2)
  assert.equal(listHclBlocks(tree('p "a" "b" {}'), 'p', 1).ok, false)
  assert.equal(listHclBlocks(tree('p { a = 1 }'), 'p', 1).ok, false)
})

test('HCL: depth and length are bounded', () => {
  const nested = (depth: number): string => `a = ${'['.repeat(depth)}${']'.repeat(depth)}`
  assert.equal(parseHcl(nested(64)).ok, true)
  assert.equal(parseHcl(nested(65)).ok, false)
  assert.equal(parseHcl('a { '.repeat(100_000)).ok, false)
  assert.equal(parseHclOrJson(`{"a": ${'['.repeat(100_000)}`).ok, false)
  assert.equal(parseHcl('#'.repeat(1_048_577)).ok, false)
  assert.equal(parseHclOrJson(`{"a": "${'\\n'.repeat(400_000)}"}`).ok, true)
})

test('HCL: hostile texts of 64 KiB cost no more than plain ones', () => {
  const size = 65_536
  const fill = (part: string): string => part.repeat(Math.ceil(size / part.length))
  const baits = [
    '{',
    '[',
    '"',
    'a ',
    'a = <<E\n',
    'a = "${',
    'a = "\\',
    '/*',
    '#',
    ',',
    'a = <<-E\n E',
    '-',
    '0',
    '\n',
  ].map(fill)
  baits.push(`a = [${fill('1,')}]`, `{"a":[${fill('1,')}1]}`, fill('a "b" c { d = 1 }\n'))
  const started = process.cpuUsage()
  for (const bait of baits) parseHclOrJson(bait)
  // 50 ms each is the promise; on a shared machine the sum is the steadier figure.
  const { user, system } = process.cpuUsage(started)
  assert.ok((user + system) / 1000 < 50 * baits.length)
})

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'path', 'x-y', 'capabilities'),
  fc.string({ maxLength: 8 }),
)

const value = fc.letrec<{ value: JsonValue; object: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.dictionary(name, tie('value'), { maxKeys: 4 }),
}))

function writeHcl(json: JsonValue): string {
  if (typeof json === 'string') return writeString(json)
  if (Array.isArray(json)) return `[${json.map(writeHcl).join(', ')}]`
  if (isJsonObject(json)) return `{ ${writeItems(json)} }`
  return encodeJson(json)
}

function writeItems(json: JsonValue): string {
  if (!isJsonObject(json)) return ''
  return Object.entries(json)
    .map(([key, item]) => `${writeString(key)} = ${writeHcl(item)}`)
    .join('\n')
}

function writeString(text: string): string {
  const hex = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `"${text.replace(/[\\"$\p{Cc}]/gu, hex)}"`
}

test('HCL: whatever is written comes back, as HCL and as JSON', () => {
  fc.assert(
    fc.property(value.object, (object) => {
      const expected: unknown = JSON.parse(encodeJson(object))
      assert.deepEqual(json(writeItems(object)), expected)
      assert.deepEqual(json(encodeJson(object)), expected)
    }),
    { numRuns: 500 },
  )
})

/** The reference decodes every object into a list of maps, one for each time its name comes. */
function referenceShape(value: HclValue): unknown {
  switch (value.kind) {
    case 'list':
      return value.values.map((item) =>
        item.kind === 'body' ? itemsShape(item) : referenceShape(item),
      )
    case 'body':
      return [itemsShape(value)]
    case 'null':
      return null
    case 'string':
    case 'bool':
    case 'number':
      break
  }
  return value.value
}

function itemsShape(body: HclBody): Record<string, unknown> {
  const shape: Record<string, unknown> = {}
  for (const item of body.items) {
    let inner = referenceShape(item.value)
    for (const label of item.labels.toReversed()) inner = [{ [label.text]: inner }]
    const known = shape[item.name]
    shape[item.name] = Array.isArray(known) && Array.isArray(inner) ? [...known, ...inner] : inner
  }
  return shape
}

interface ReferenceParser {
  readonly parse: (text: string) => string
}
const reference = createRequire(import.meta.url)('js-hcl-parser') as ReferenceParser

function referenceReading(text: string): unknown {
  try {
    const answer = reference.parse(text)
    return answer.startsWith('unable') ? undefined : JSON.parse(answer)
  } catch {
    return undefined
  }
}

const fragment = fc.constantFrom(
  'a = 1',
  'b = "x"',
  'path "a/*" {',
  '}',
  'c = [',
  ']',
  '1,',
  '"y",',
  'd {',
  '# c\n',
  '/* c */',
  '// x\n',
  '\n',
  ' ',
  'e = {',
  '=',
  '"q"',
  'true',
  '-2',
  '0x1F',
  '1.5',
  '[{f = 1}]',
  '"\\n\\"\\u00e9"',
  ',',
  'g = <<E\n  one\nE\n',
  'h = <<-E\n  one\n    two\n  E\n',
  '"${a("b")}"',
  '"a\\',
  '08',
  '"{{x}}"',
)

test('HCL: the reference parser reads the same tree, or refuses the same text', () => {
  let bothRead = 0
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 9 }), (fragments) => {
      const text = fragments.join(' ')
      const names = [...text.matchAll(/[a-z]+/g)].map(([word]) => word)
      // Of names given twice the reference merges some values in its own way; nothing here depends on it.
      fc.pre(new Set(names).size === names.length)
      const ours = parseHcl(text)
      const theirs = referenceReading(text)
      // The reference takes a text that stops short of a value for one without that name.
      if (!ours.ok && /not the end of the text/.test(ours.error.message)) return
      assert.equal(ours.ok, theirs !== undefined)
      if (!ours.ok) return
      bothRead++
      assert.deepEqual(JSON.parse(JSON.stringify(itemsShape(ours.value))), theirs)
    }),
    { numRuns: 400 },
  )
  assert.ok(bothRead > 20)
})

test('HCL: hand-written policies read as the reference reads them', () => {
  const texts = readings.map(([, text]) => text).filter((text) => !/^[\uFEFF {]/.test(text))
  texts.push('path "a" { capabilities = ["read"] policy = "read" }\npath "a" { }')
  for (const text of texts) {
    assert.deepEqual(
      JSON.parse(JSON.stringify(itemsShape(tree(text)))),
      referenceReading(text),
      text,
    )
  }
})

test('HCL: 50,000 random texts give a tree or a problem, never an exception', () => {
  const part = fc.constantFrom(
    ...'{}[]=,"\\#/*<>-E\n \tab01.x$\u00e9\uD800'.split(''),
    '<<E\n',
    '<<-E\n',
    '\nE\n',
  )
  const text = fc.oneof(
    fc.array(part, { maxLength: 24 }).map((parts) => parts.join('')),
    fc.array(part, { maxLength: 24 }).map((parts) => `{${parts.join('')}`),
    fc.string({ unit: 'binary', maxLength: 16 }),
  )
  fc.assert(
    fc.property(text, (input) => {
      const parsed = parseHclOrJson(input)
      if (parsed.ok) toJsonValue(parsed.value)
      else assert.ok(parsed.error.line >= 1 && parsed.error.column >= 1)
    }),
    { numRuns: 50_000 },
  )
})

test('HCL: digits that a double would lose are kept', () => {
  const kept = toJsonValue(tree('a = 9007199254740993'))
  assert.ok(isJsonObject(kept) && kept['a'] instanceof JsonNumber)
  assert.equal(encodeJson(kept), '{"a":9007199254740993}')
})
