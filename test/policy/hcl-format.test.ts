/** The canonical layout: what it looks like, and that it changes nothing else. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { formatHcl } from '../../src/lib/hcl-format.ts'
import { parseHcl, toJsonValue } from '../../src/lib/hcl.ts'
import type { HclBody } from '../../src/lib/hcl-tree.ts'
import { encodeJson } from '../../src/lib/json.ts'

function format(text: string): string {
  const formatted = formatHcl(text)
  assert.ok(formatted.ok, formatted.ok ? '' : formatted.error.message)
  return formatted.value
}

function tree(text: string): HclBody {
  const parsed = parseHcl(text)
  assert.ok(parsed.ok, text)
  return parsed.value
}

/** Every item in its order without positions. */
function shape(text: string): string {
  return JSON.stringify(tree(text), (key, value: unknown) =>
    key === 'line' || key === 'column' ? undefined : value,
  )
}

test('a policy is laid out with two spaces, aligned signs and lines between blocks', () => {
  const text = `# team
path   "a/*" {capabilities=["read","list",] # both
 min_wrapping_ttl="1s"


  allowed_parameters={"ttl"=["1h"] "*"=[]}}
path "b" {
  // nothing
}
path "c" {}`
  const expected = `# team
path "a/*" {
  capabilities     = ["read", "list"] # both
  min_wrapping_ttl = "1s"

  allowed_parameters = {
    "ttl" = ["1h"]
    "*"   = []
  }
}

path "b" {
  // nothing
}

path "c" {}
`
  assert.equal(format(text), expected)
  assert.equal(format(expected), expected)
})

test('lists over several lines, heredocs and comments in odd places are kept', () => {
  const text = 'a /* why */ = [1, # one\n 2, <<E\nx\nE\n]\nb = <<-E\n  y\n  E\n'
  const expected = '/* why */\na = [\n  1, # one\n  2,\n  <<E\nx\nE\n  ,\n]\n\nb = <<-E\n  y\n  E\n'
  assert.equal(format(text), expected)
  assert.equal(format(expected), expected)
})

test('a comment after a heredoc goes to a line of its own', () => {
  const expected = 'q = <<E\n x\nE\n\n# c\n'
  assert.equal(format('q = <<E\n x\nE\n, # c\n'), expected)
  assert.equal(format(expected), expected)
})

test('a text that is no HCL gives its problem, an empty one stays empty', () => {
  assert.equal(formatHcl('a = ').ok, false)
  assert.equal(format(' \n\n'), '')
})

test('formatting changes no value, loses no comment, and changes nothing the second time', () => {
  const part = fc.constantFrom(
    'a = 1',
    'bb = "x"',
    'path "a/*" {',
    'd {',
    '}',
    'c = [',
    ']',
    '1,',
    '"y",',
    'e = {',
    '# c\n',
    '/* d */',
    '// e\n',
    '/* f\n g */',
    '\n',
    '\n\n',
    ',',
    '=',
    '"q"',
    '<<E\n x\nE\n',
  )
  const comments = (text: string): readonly string[] =>
    (text.match(/# c|\/\* d \*\/|\/\/ e|\/\* f\n g \*\//g) ?? []).toSorted()
  let formatted = 0
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const text = parts.join(' ')
      if (!parseHcl(text).ok) return
      formatted++
      const once = format(text)
      assert.equal(shape(once), shape(text))
      assert.equal(encodeJson(toJsonValue(tree(once))), encodeJson(toJsonValue(tree(text))))
      assert.deepEqual(comments(once), comments(text))
      assert.equal(format(once), once)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(formatted > 500)
})
