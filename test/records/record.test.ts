/** One line in a record's table is the whole of a new field: what follows from it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roleRecord } from '../../src/auth/jwt/role-record.ts'
import { reply } from '../../src/framework/reply.ts'
import { parseInput } from '../../src/framework/input.ts'
import { definePath } from '../../src/framework/path.ts'
import { field } from '../../src/schema/field.ts'
import {
  choice,
  choiceList,
  deciding,
  defineRecord,
  optionalPart,
  own,
  part,
  replacing,
  serverSet,
  stored,
} from '../../src/schema/record.ts'
import { recordCodec } from '../../src/storage/record-codec.ts'
import { helpText } from '../../src/sys/openapi.ts'

const extended = defineRecord({
  ...roleRecord.table,
  sample_seconds: stored(field.duration({ help: 'How old iat may be.' }), {
    default: 300,
    since: '0.2',
  }),
})

const path = definePath({
  pattern: 'role',
  access: 'token',
  summary: 'A role.',
  fields: extended.fields,
  operations: { write: { summary: 'Write it.', handler: async () => reply.none() } },
})

test('a role of before has the default of a field that was added', () => {
  const before = recordCodec(roleRecord)
  const text = before.encode({ ...roleRecord.defaults, name: 'old', user_claim: 'sub' })
  assert.ok(!text.includes('sample_seconds'))
  const role = recordCodec(extended).decode(text)
  assert.equal(role.sample_seconds, 300)
  assert.equal(role.user_claim, 'sub')
})

test('a new role has its default, and a request is read by its kind and kept', () => {
  assert.equal(extended.defaults.sample_seconds, 300)
  const { input } = parseInput(path, { sample_seconds: '2m' }, {})
  const { sample_seconds } = input
  assert.equal(sample_seconds, 120)
  const given = extended.merge(extended.defaults, { sample_seconds: 120 })
  const written = extended.check(given)
  assert.ok(written.ok)
  assert.equal(extended.merge(written.value, { user_claim: 'sub' }).sample_seconds, 120)
})

test('it is shown to readers where it is set, and told in the help', () => {
  assert.equal(extended.shown({ ...extended.defaults, sample_seconds: 9 })['sample_seconds'], 9)
  assert.match(helpText([path], path, 'x'), /sample_seconds \(duration\)\n {8}How old iat may be\./)
})

const sample = defineRecord({
  revision: own<number>(0),
  ...deciding({
    claim: stored(field.string({ help: 'a' })),
    audiences: stored(field.commaList({ help: 'b' }), { default: null }),
  }),
  ...replacing({ mode: choice(['plain', 'deep'], field.string({ help: 'c' })) }),
  algorithms: choiceList(['A', 'B'], field.commaList({ help: 'd' })),
  secret: stored(field.string({ help: 'e' }), { shown: 'never' }),
  note: stored(field.string({ help: 'f' }), { shown: 'unless_default' }),
})

test('what a write leaves out stays or goes back to its default, as its field says', () => {
  const current = { ...sample.defaults, claim: 'sub', mode: 'deep', note: 'n' } as const
  const merged = sample.merge(current, { secret: 's' })
  assert.deepEqual(merged, { ...current, mode: 'plain', secret: 's' })
  assert.equal(sample.merge(current, { mode: '' }).mode, 'plain')
  assert.equal(sample.merge(current, { claim: '' }).claim, '')
})

test('members of the server are out of reach of a request', () => {
  const hostile = { revision: 7, claim: 'sub', constructor: 'x', toString: 'x', ['__proto__']: 'x' }
  const merged = sample.merge(sample.defaults, hostile)
  assert.deepEqual(merged, { ...sample.defaults, claim: 'sub' })
  assert.deepEqual(Object.keys(sample.fields), [
    'claim',
    'audiences',
    'mode',
    'algorithms',
    'secret',
    'note',
  ])
})

test('a text that is none of the choices is named, alone and in a list', () => {
  const wrong = sample.merge(sample.defaults, { mode: 'flat', algorithms: ['A', 'C'] })
  const first = sample.check(wrong)
  assert.deepEqual(first.ok ? undefined : first.error, {
    field: 'mode',
    value: 'flat',
    choices: ['plain', 'deep'],
  })
  const second = sample.check({ ...wrong, mode: 'deep' })
  assert.equal(second.ok ? undefined : second.error.value, 'C')
  assert.ok(sample.check({ ...wrong, mode: 'deep', algorithms: ['B'] }).ok)
})

test('a read shows what its field says, and nothing that the table does not know', () => {
  const record = { ...sample.defaults, secret: 's', unknown: 'u' }
  assert.deepEqual(sample.shown(record), {
    claim: '',
    audiences: null,
    mode: 'plain',
    algorithms: [],
  })
  assert.equal(sample.shown({ ...record, note: 'n' })['note'], 'n')
})

test('two records decide alike while nothing that decides differs', () => {
  const { defaults } = sample
  assert.ok(sample.decideAlike(defaults, { ...defaults, note: 'n', revision: 3 }))
  assert.ok(!sample.decideAlike(defaults, { ...defaults, claim: 'sub' }))
  assert.ok(!sample.decideAlike(defaults, { ...defaults, audiences: [] }))
})

test('a record within a record is read as one, and may be absent where that is said', () => {
  const outer = defineRecord({ inner: part(sample), other: optionalPart(sample) })
  assert.deepEqual(outer.upgrade({}), { inner: sample.defaults })
  const old = outer.upgrade({ inner: { claim: 'sub' }, other: { note: 'n' } })
  assert.deepEqual(old.inner, { ...sample.defaults, claim: 'sub' })
  assert.deepEqual(old.other, { ...sample.defaults, note: 'n' })
})

test('a record that lacks nothing is handed on as it is, with what a later version put into it', () => {
  const whole = { ...sample.defaults, later: 1 }
  assert.equal(sample.upgrade(whole), whole)
})

test('members taken over for the server alone are no field of a path', () => {
  const taken = defineRecord(serverSet(sample.table))
  assert.deepEqual(Object.keys(taken.fields), [])
  assert.deepEqual(taken.defaults, sample.defaults)
  assert.deepEqual(taken.shown(taken.defaults), {})
})
