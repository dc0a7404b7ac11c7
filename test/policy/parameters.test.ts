/** Parameter and wrapping limits of a rule (platform.md §4.5, §4.6). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Acl, Operation } from '../../src/core/policy/acl.ts'
import { parameterRows } from './parameter-rows.suite.ts'
import { aclOf, dataOf } from './rules.ts'

/** One policy per string, each with one rule on `a` that grants everything within these limits. */
function limited(...limits: readonly string[]): Acl {
  const all = '["create", "read", "update", "patch", "delete", "list"]'
  return aclOf(...limits.map((limit) => `path "a" { capabilities = ${all} ${limit} }`))
}

function allows(acl: Acl, data: string, operation: Operation = 'update'): boolean {
  return acl.decide({
    path: 'a',
    operation,
    data: dataOf(data),
    wrapTtlSeconds: 0,
    sudoRequired: false,
  }).allowed
}

function allowsWrap(acl: Acl, wrapTtlSeconds: number, operation: Operation = 'update'): boolean {
  return acl.decide({ path: 'a', operation, wrapTtlSeconds, sudoRequired: false }).allowed
}

for (const { title, limits, allowed = [], denied = [] } of parameterRows) {
  test(title, () => {
    const acl = limited(...limits)
    for (const data of allowed) assert.equal(allows(acl, data), true, data)
    for (const data of denied) assert.equal(allows(acl, data), false, data)
  })
}

test('SEC-ACL-05: null in a JSON policy equals null only', () => {
  const acl = aclOf(
    '{"path": {"a": {"capabilities": ["update"], "denied_parameters": {"x": [null]}}}}',
  )
  assert.equal(allows(acl, '{"x": null}'), false)
  for (const other of ['0', '""', 'false', '[]', '{}', '"null"']) {
    assert.equal(allows(acl, `{"x": ${other}}`), true, other)
  }
})

test('POL-86: list and delete do not look at parameters', () => {
  const acl = limited('required_parameters = ["reason"] denied_parameters = { "*" = [] }')
  assert.equal(allows(acl, '{"x": 1}', 'delete'), true)
  assert.equal(allows(acl, '{"x": 1}', 'list'), true)
  for (const operation of ['read', 'create', 'update', 'patch', 'header'] as const) {
    assert.equal(allows(acl, '{"reason": 1}', operation), false, operation)
  }
})

test('POL-106: the query of a read counts as data', () => {
  const acl = limited('allowed_parameters = { list = ["true"] }')
  assert.equal(allows(acl, '{"x": "1"}', 'read'), false)
  assert.equal(allows(acl, '{"list": "true"}', 'read'), true)
})

test('no data at all is the same as empty data', () => {
  assert.equal(allowsWrap(limited('required_parameters = ["reason"]'), 0), false)
  assert.equal(allowsWrap(limited('denied_parameters = { "*" = [] }'), 0), true)
})

test('POL-80: a minimum asks for wrapping of at least that long, on every operation', () => {
  const acl = limited('min_wrapping_ttl = "30s"')
  assert.deepEqual(
    [0, 10, 30, 60].map((seconds) => allowsWrap(acl, seconds)),
    [false, false, true, true],
  )
  assert.equal(allowsWrap(acl, 0, 'list'), false)
  assert.equal(allowsWrap(acl, 0, 'help'), true)
})

test('POL-81: a maximum asks for wrapping of at most that long', () => {
  const acl = limited('max_wrapping_ttl = "60s"')
  assert.deepEqual(
    [0, 60, 61].map((seconds) => allowsWrap(acl, seconds)),
    [false, true, false],
  )
})

test('POL-82, POL-83: the smaller limit of two policies counts', () => {
  const max = limited('max_wrapping_ttl = 60', 'max_wrapping_ttl = 30')
  assert.equal(allowsWrap(max, 45), false)
  assert.equal(allowsWrap(max, 30), true)
  assert.equal(allowsWrap(limited('min_wrapping_ttl = 60', 'min_wrapping_ttl = 10'), 20), true)
  const mixed = limited('max_wrapping_ttl = 60', '')
  assert.equal(allowsWrap(mixed, 0), false)
})

test('POL-84: a maximum that merging puts below the minimum lets nothing through', () => {
  const acl = limited('min_wrapping_ttl = 60', 'max_wrapping_ttl = 30')
  for (const seconds of [0, 20, 30, 45, 60, 90]) assert.equal(allowsWrap(acl, seconds), false)
  assert.deepEqual(
    acl.decide({ path: 'a', operation: 'update', wrapTtlSeconds: 45, sudoRequired: false })
      .wrapping,
    { secondsMin: 60, secondsMax: 30 },
  )
})

test('a fraction of a second is still a limit', () => {
  const acl = limited('min_wrapping_ttl = "500ms"')
  assert.equal(allowsWrap(acl, 0), false)
  assert.equal(allowsWrap(acl, 1), true)
})
