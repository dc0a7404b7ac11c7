/** Conditions of filters and exclusions: what they mean, and what they refuse. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCondition } from '../../src/audit/condition.ts'
import { parseExclusions, withoutExcluded } from '../../src/audit/exclusions.ts'

const facts = {
  mount_point: 'secret/',
  mount_type: 'kv',
  namespace: '',
  operation: 'read',
  path: 'secret/data/app',
}

test('comparisons are joined as they are read', () => {
  const rows: readonly (readonly [string, boolean])[] = [
    ['mount_type == kv', true],
    ['mount_type==kv', true],
    ['"/request/mount_type" == kv', false],
    ['/request/mount_type == "kv"', true],
    ['mount_type != kv', false],
    ['path contains data', true],
    ['path not contains data', false],
    ['"data" in path', true],
    ['data not in path', false],
    ['not mount_type == kv', false],
    ['mount_type == kv and operation == list', false],
    ['mount_type == kv or operation == list and path == x', true],
    ['(mount_type == kv or operation == read) and path == x', false],
    ['not (operation == list or operation == scan)', true],
    ['namespace == ""', true],
    ['path == `secret/data/app`', true],
  ]
  for (const [text, isSo] of rows) {
    const condition = parseCondition(text)
    if (text.startsWith('"/request')) {
      assert.ok(!condition.ok, text)
      continue
    }
    assert.ok(condition.ok, text)
    assert.equal(condition.value(facts), isSo, text)
  }
})

test('what is no condition is refused with a sentence, however long or deep', () => {
  for (const text of [
    'mount_type',
    'mount_type ==',
    'mount_type = kv',
    'secret == kv',
    'mount_type == kv extra',
    '(mount_type == kv',
    'mount_type == "kv',
    'not',
    'and',
    `${'('.repeat(2000)}mount_type == kv${')'.repeat(2000)}`,
    `${'not '.repeat(900)}mount_type == kv`,
    'x'.repeat(5000),
    `mount_type == kv${' or mount_type == kv'.repeat(200)}`,
  ]) {
    const condition = parseCondition(text)
    assert.ok(!condition.ok, text.slice(0, 40))
    assert.ok(condition.error.length < 120)
  }
})

test('exclusions are pointers, with "~1" for a slash, and never what a record needs', () => {
  const record = { time: 't', request: { id: 'i', data: { 'a/b': 1, c: 2 } }, auth: {} }
  const parsed = parseExclusions('[{"fields":["/request/data/a~1b","/none/at/all"]}]')
  assert.ok(parsed.ok)
  assert.deepEqual(JSON.parse(JSON.stringify(withoutExcluded(record, parsed.value, facts))), {
    time: 't',
    request: { id: 'i', data: { c: 2 } },
    auth: {},
  })
  for (const text of [
    'x',
    '{}',
    '[1]',
    '[{}]',
    '[{"fields":[]}]',
    '[{"fields":["request"]}]',
    '[{"fields":["/request/id"]}]',
    '[{"fields":["/time"]}]',
    '[{"condition":1,"fields":["/error"]}]',
    '[{"condition":"x","fields":["/error"]}]',
  ]) {
    assert.ok(!parseExclusions(text).ok, text)
  }
})
