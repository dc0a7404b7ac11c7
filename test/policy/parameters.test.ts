/** Parameter and wrapping limits of a rule (platform contract §4.5, §4.6). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Acl, Operation } from '../../src/core/policy/acl.ts'
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

interface Row {
  readonly title: string
  readonly limits: readonly string[]
  readonly allowed?: readonly string[]
  readonly denied?: readonly string[]
}

const rows: readonly Row[] = [
  {
    title: 'POL-85: a required parameter must be there, even if null',
    limits: ['required_parameters = ["reason"]'],
    allowed: ['{"reason": null}', '{"reason": "x"}', '{"REASON": "x"}'],
    denied: ['{}', '{"other": 1}'],
  },
  {
    title: 'POL-87: allowed values',
    limits: ['allowed_parameters = { ttl = ["1h", "2h"] }'],
    allowed: ['{"ttl": "1h"}', '{}'],
    denied: ['{"ttl": "3h"}', '{"x": 1}', '{"ttl": "1h", "x": 1}'],
  },
  {
    title: 'POL-88: a star beside allowed values frees the other names only',
    limits: ['allowed_parameters = { ttl = ["1h"] "*" = [] }'],
    allowed: ['{"x": 1}', '{"x": 1, "ttl": "1h"}'],
    denied: ['{"ttl": "3h"}'],
  },
  {
    title: 'POL-89: a star alone allows everything',
    limits: ['allowed_parameters = { "*" = [] }'],
    allowed: ['{"anything": [1]}'],
  },
  {
    title: 'POL-90: an empty list allows any value',
    limits: ['allowed_parameters = { ttl = [] }'],
    allowed: ['{"ttl": "whatever"}', '{"ttl": null}'],
    denied: ['{"x": 1}'],
  },
  {
    title: 'POL-91: a denied name',
    limits: ['denied_parameters = { password = [] }'],
    allowed: ['{"other": 1}'],
    denied: ['{"password": "x"}', '{"password": null}'],
  },
  {
    title: 'POL-92: a denied star leaves requests without data',
    limits: ['denied_parameters = { "*" = [] }'],
    allowed: ['{}'],
    denied: ['{"x": 1}'],
  },
  {
    title: 'POL-93: names are compared without case, also twice in one request',
    limits: ['denied_parameters = { Role = ["admin"] }'],
    allowed: ['{"role": "dev"}', '{"role": "Admin"}'],
    denied: ['{"role": "admin"}', '{"ROLE": "admin"}', '{"role": "dev", "ROLE": "admin"}'],
  },
  {
    title: 'POL-94: a star at the end of a value',
    limits: ['denied_parameters = { name = ["adm*"] }'],
    allowed: ['{"name": "my-adm"}'],
    denied: ['{"name": "admin"}', '{"name": "adm"}'],
  },
  {
    title: 'POL-95: a star at the start of a value',
    limits: ['denied_parameters = { name = ["*min"] }'],
    allowed: ['{"name": "minx"}'],
    denied: ['{"name": "admin"}'],
  },
  {
    title: 'POL-95: stars at both ends of a value',
    limits: ['denied_parameters = { name = ["*dm*"] }'],
    allowed: ['{"name": "d-m"}'],
    denied: ['{"name": "admin"}', '{"name": "dm"}'],
  },
  {
    title: 'a star in the middle of a value is literal, a star alone is any string',
    limits: ['allowed_parameters = { name = ["a*c"] other = ["*"] }'],
    allowed: ['{"name": "a*c"}', '{"other": ""}', '{"other": "x"}'],
    denied: ['{"name": "abc"}', '{"other": 1}'],
  },
  {
    title: 'POL-96: denied is checked before allowed',
    limits: ['allowed_parameters = { ttl = ["1h"] } denied_parameters = { ttl = ["1h"] }'],
    denied: ['{"ttl": "1h"}'],
  },
  {
    title: 'POL-97, SEC-ACL-05: a numeric deny fires whatever the spelling, and not for text',
    limits: ['denied_parameters = { n = [1, 1000, 9007199254740993, 0x10, 0] }'],
    allowed: ['{"n": "1"}', '{"n": 2}', '{"n": 9007199254740992}', '{"n": [1]}'],
    denied: [
      '{"n": 1}',
      '{"n": 1.0}',
      '{"n": 1e3}',
      '{"n": 9007199254740993}',
      '{"n": 16}',
      '{"n": -0}',
    ],
  },
  {
    title: 'POL-98: true is not "true"',
    limits: ['allowed_parameters = { flag = [true] }'],
    allowed: ['{"flag": true}'],
    denied: ['{"flag": "true"}', '{"flag": 1}', '{"flag": null}'],
  },
  {
    title: 'POL-99: lists compare as a whole',
    limits: ['allowed_parameters = { list = [["a", "b"]] }'],
    allowed: ['{"list": ["a", "b"]}'],
    denied: [
      '{"list": ["b", "a"]}',
      '{"list": ["a"]}',
      '{"list": "a"}',
      '{"list": ["a", "b", "c"]}',
    ],
  },
  {
    title: 'SEC-ACL-05: objects compare as a whole, numbers inside by value',
    limits: ['allowed_parameters = { o = [{ a = 1 b = { c = ["x"] } }] }'],
    allowed: ['{"o": {"b": {"c": ["x"]}, "a": 1.0}}'],
    denied: [
      '{"o": {"a": 1}}',
      '{"o": {"a": 1, "b": {"c": ["x"], "d": 1}}}',
      '{"o": {"a": 1, "__proto__": {}}}',
    ],
  },
  {
    title: 'SEC-ACL-05: names of inherited properties are ordinary names',
    limits: ['allowed_parameters = { x = [] }'],
    denied: ['{"__proto__": 1}', '{"constructor": 1}', '{"toString": 1}'],
  },
  {
    title: 'POL-100: limits of one policy stay when another adds none',
    limits: ['allowed_parameters = { a = [1] }', ''],
    allowed: ['{"a": 1}'],
    denied: ['{"b": 1}'],
  },
  {
    title: 'POL-101: value lists of two policies add up',
    limits: ['allowed_parameters = { a = ["x"] }', 'allowed_parameters = { a = ["y"] }'],
    allowed: ['{"a": "x"}', '{"a": "y"}'],
    denied: ['{"a": "z"}'],
  },
  {
    title: 'POL-102: an empty list swallows the other',
    limits: ['allowed_parameters = { a = ["x"] }', 'allowed_parameters = { a = [] }'],
    allowed: ['{"a": "anything"}', '{"a": 1}'],
  },
  {
    title: 'POL-103: required parameters of two policies add up',
    limits: ['required_parameters = ["x"]', 'required_parameters = ["y"]'],
    allowed: ['{"x": 1, "y": 1}'],
    denied: ['{"x": 1}', '{"y": 1}'],
  },
  {
    title: 'POL-104: a limit sees the fields of the request and not what they hold',
    limits: ['denied_parameters = { password = [] }'],
    allowed: ['{"data": {"password": 1}}'],
  },
  {
    title: 'POL-105: the same on a flat body',
    limits: ['denied_parameters = { password = [] }'],
    denied: ['{"password": 1}'],
  },
]

for (const { title, limits, allowed = [], denied = [] } of rows) {
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
