/**
 * What every declared path has to say about itself, walked over a server with everything mounted: an
 * attribute that only some paths need is forgotten on the next one otherwise. Each rule is first tried
 * on a declaration that breaks it.
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { reply } from '../../src/framework/reply.ts'
import { definePath, type PathDeclaration, type TypedPath } from '../../src/framework/path.ts'
import { field, type FieldKind, type FieldTable } from '../../src/schema/field.ts'
import { authTypes, declaredPaths, type Declared } from '../harness/declared-paths.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

/** Kinds whose values have a length of their own. */
const scalars: readonly FieldKind[] = [
  'int',
  'bool',
  'duration',
  'signed_duration',
  'float',
  'comma_int_list',
  'time',
]

/** Kinds whose contents no declaration bounds. */
const boundless: readonly FieldKind[] = ['map', 'text_map', 'kv_pairs', 'list', 'any']

let server: TestServer
let declared: readonly Declared[]

before(async () => {
  server = await startTestServer()
  for (const type of authTypes(server.server)) {
    await server.root.must(`sys/auth/${type}`, { type })
  }
  declared = await declaredPaths(server.server)
})

after(() => server.stop())

function isOpen({ access, operations }: PathDeclaration): boolean {
  const all = Object.values(operations).map((operation) => operation.access ?? access)
  return access === 'open' || all.includes('open')
}

/** Fields of an open path that a stranger may fill as far as a body goes. */
function unbounded(declaration: PathDeclaration): readonly string[] {
  if (!isOpen(declaration)) return []
  return Object.entries(declaration.fields)
    .filter(([, { kind }]) => !scalars.includes(kind))
    .filter(([, { charsMax, kind }]) => charsMax === undefined || boundless.includes(kind))
    .map(([name]) => `${declaration.pattern}: "${name}" needs charsMax, and a kind that it bounds`)
}

/** An open path read from query and body: of a field given twice each reader takes another one. */
function repeating(declaration: PathDeclaration): readonly string[] {
  const { fields, operations, pattern, repeats } = declaration
  const isReadTwice = operations.read !== undefined && operations.write !== undefined
  const hasTexts = Object.values(fields).some(({ kind }) => !scalars.includes(kind))
  const isAmbiguous = isOpen(declaration) && isReadTwice && hasTexts && repeats === undefined
  return isAmbiguous ? [`${pattern}: needs repeats: 'refuse'`] : []
}

const operation = { summary: 'Do it.', handler: () => Promise.resolve(reply.none()) }

function define<const F extends FieldTable>(
  pattern: string,
  fields: F,
  more: Partial<TypedPath<F>> = {},
): PathDeclaration {
  const operations = { read: operation, write: operation }
  return definePath({ pattern, access: 'open', summary: 'A path.', fields, operations, ...more })
}

const bounded = field.string({ help: 'A text.', charsMax: 10 })
const endless = field.string({ help: 'A text.' })

test('the rules see their own bad examples', () => {
  assert.equal(unbounded(define('a', { endless })).length, 1)
  assert.equal(unbounded(define('a', { any: field.any({ help: 'x', charsMax: 1 }) })).length, 1)
  assert.equal(unbounded(define('a', { list: field.commaList({ help: 'x' }) })).length, 1)
  assert.deepEqual(unbounded(define('a', { bounded, n: field.int({ help: 'x' }) })), [])
  assert.deepEqual(unbounded(define('a', { endless }, { access: 'token' })), [])
  assert.equal(repeating(define('a', { bounded })).length, 1)
  assert.deepEqual(repeating(define('a', { bounded }, { repeats: 'refuse' })), [])
  assert.deepEqual(repeating(define('a', { bounded }, { operations: { write: operation } })), [])
})

test('every text field of a path that anybody may call has a length of its own', () => {
  assert.ok(declared.some(({ declaration }) => isOpen(declaration)))
  assert.deepEqual(
    declared.flatMap(({ declaration }) => unbounded(declaration)),
    [],
  )
})

test('an open path that is read from query and body refuses a field given twice', () => {
  assert.deepEqual(
    declared.flatMap(({ declaration }) => repeating(declaration)),
    [],
  )
})

test('a part of a path that is no field, has no length or several spellings cannot be declared', () => {
  assert.throws(() => define('a/:name', {}), /"name" has to be a field/)
  assert.throws(() => define('a/:name', { name: endless }), /"name" has to be a field/)
  assert.throws(() => define('a/*name?', { name: endless }), /"name" has to be a field/)
  const list = field.commaList({ help: 'x', charsMax: 10 })
  assert.throws(() => define('a/:name', { name: list }), /"name" has to be a field/)
  assert.throws(() => define('a/:constructor', {}), /"constructor" has to be a field/)
  for (const name of [bounded, field.lowerString({ help: 'x', charsMax: 10 })]) {
    assert.equal(define('a/:name', { name }).pattern, 'a/:name')
  }
})

test('a kind that may be a part of a path reads it as it stands or knows its one spelling', () => {
  const options = { help: 'x', charsMax: 100 }
  const kinds = [
    field.string(options),
    field.lowerString(options),
    field.foldedString(options),
    field.path(options),
    field.name(options),
    field.int(options),
  ]
  const texts = ['a', 'A', ' a ', '/a/', '//a//b//', 'İ', 'ẞ', 'ΑΣ', '0x10', '+7', '007', '\u00a0a']
  for (const { kind, parse, spell } of kinds) {
    for (const text of texts) {
      const spelt = spell === undefined ? text : spell(text)
      const parsed = parse(text)
      if (parsed.ok) assert.equal(String(parsed.value), spelt, `${kind} of ${JSON.stringify(text)}`)
      assert.equal(spell === undefined ? spelt : spell(spelt), spelt, `${kind} again`)
    }
  }
})

test('a length bounds a text before anything is made of it, and the texts of a list together', () => {
  const list = field.stringList({ help: 'x', charsMax: 3 })
  assert.equal(list.parse(['ab', 'c']).ok, true)
  assert.equal(list.parse(['ab', 'cd']).ok, false)
  assert.equal(bounded.parse('x'.repeat(11)).ok, false)
  assert.equal(field.int({ help: 'x' }).parse('1'.repeat(65)).ok, false)
})

test('the paths of a server say to the socket side whether anybody may call them', () => {
  const { core } = server.server
  assert.deepEqual(core.traitsOf('auth/jwt/login', 'write'), { isOpen: true, repeats: undefined })
  assert.equal(core.traitsOf('auth/jwt/config', 'write').isOpen, false)
  assert.equal(core.traitsOf('sys/init', 'write').repeats, 'refuse')
  assert.equal(core.traitsOf('nowhere/at/all', 'write').isOpen, true)
})
