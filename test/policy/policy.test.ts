/** Text to rules: what is accepted, what is refused and with which words (platform.md §4.1, §2.4). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from '../harness/properties.ts'
import { compileAcl } from '../../src/core/policy/acl.ts'
import {
  defaultPolicyText,
  responseWrappingPolicyText,
} from '../../src/core/policy/default-policy.ts'
import { decodePolicyText, parsePolicy, type Policy } from '../../src/core/policy/policy.ts'

function policy(text: string): Policy {
  const parsed = parsePolicy('p', text)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return parsed.value
}

function capabilities(text: string, path: string): string[] {
  return compileAcl([policy(text)]).capabilities(path)
}

const refused: readonly (readonly [title: string, text: string, message: string])[] = [
  [
    'POL-14: a plus before the final star is refused',
    'path "a/+*" {}',
    `path "a/+*": invalid use of wildcards ('+*' is forbidden)`,
  ],
  [
    'POL-70: an unknown key in a path block is named with its line',
    'path "a" {\n  capabilities = ["read"]\n  capabilites = []\n}',
    'path "a": invalid key "capabilites" on line 3',
  ],
  ['POL-70: an unknown key at the top too', '\nroute "a" {}', 'invalid key "route" on line 2'],
  [
    'POL-71: an unknown capability is refused',
    'path "p" { capabilities = ["reed"] }',
    'path "p": invalid capability "reed"',
  ],
  [
    'POL-72: a control group is refused because ignoring it would weaken the rule',
    'path "a" { capabilities = ["read"] control_group = { factor "x" {} } }',
    'path "a": control_group on line 1 is not supported',
  ],
  [
    'an expiration is refused for the same reason',
    'path "a" { expiration = "2030-01-01T00:00:00Z" }',
    'path "a": expiration on line 1 is not supported',
  ],
  [
    'POL-73: a maximum below the minimum is refused',
    'path "a" { min_wrapping_ttl = 10 max_wrapping_ttl = 5 }',
    'path "a": max_wrapping_ttl cannot be less than min_wrapping_ttl',
  ],
  [
    'a wrapping TTL that is no duration is refused',
    'path "a" { min_wrapping_ttl = "1w" }',
    'path "a": min_wrapping_ttl on line 1 is not a duration',
  ],
  [
    'a negative wrapping TTL is refused',
    'path "a" { max_wrapping_ttl = -5 }',
    'path "a": max_wrapping_ttl on line 1 is not a duration',
  ],
  [
    'an unknown old policy word is refused',
    'path "a" { policy = "admin" }',
    'path "a": invalid policy "admin"',
  ],
  [
    'POL-123: unbalanced braces of a template are refused',
    'path "a/{{identity.entity.id" {}',
    'path "a/{{identity.entity.id": failed to validate policy templating: unbalanced templating characters',
  ],
  [
    'POL-123: closing braces alone are refused',
    'path "a/x}}" {}',
    'path "a/x}}": failed to validate policy templating: unbalanced templating characters',
  ],
  [
    'capabilities must be a list',
    'path "a" { capabilities = "read" }',
    'path "a": capabilities on line 1 must be a list of strings',
  ],
  [
    'parameter values must be lists',
    'path "a" { allowed_parameters = { ttl = "1h" } }',
    'path "a": allowed_parameters on line 1 must give "ttl" a list of values',
  ],
  ['a syntax problem tells its place', 'path "a" {\n  x', 'line 2, column 4: '],
  ['a path needs a block', 'path "a" = 1', 'line 1, column 10: '],
]

for (const [title, text, message] of refused) {
  test(title, () => {
    const parsed = parsePolicy('p', text)
    assert.ok(!parsed.ok)
    assert.ok(parsed.error.message.startsWith(message), parsed.error.message)
  })
}

test('POL-52: deny in a list discards everything else of the block, limits too', () => {
  const [rule] = policy(
    'path "a/x" { capabilities = ["deny", "read"] required_parameters = ["r"] max_wrapping_ttl = 5 }',
  ).rules
  assert.equal(rule?.wrappingSecondsMax, 0)
  assert.deepEqual(rule?.parameters.required, [])
  assert.deepEqual(capabilities('path "a/x" { capabilities = ["deny", "read"] }', 'a/x'), ['deny'])
})

test('POL-65: the old word write means create, read, update, delete, list', () => {
  assert.deepEqual(capabilities('path "a/x" { policy = "write" }', 'a/x'), [
    'create',
    'delete',
    'list',
    'read',
    'update',
  ])
})

test('POL-66: the old words read, deny and sudo', () => {
  assert.deepEqual(capabilities('path "a" { policy = "read" }', 'a'), ['list', 'read'])
  assert.deepEqual(capabilities('path "a" { policy = "deny" }', 'a'), ['deny'])
  const all = ['create', 'delete', 'list', 'read', 'sudo', 'update']
  assert.deepEqual(capabilities('path "a" { policy = "sudo" }', 'a'), all)
})

test('POL-67: the old word adds to the capabilities of its block', () => {
  const text = 'path "a" { policy = "read" capabilities = ["update"] }'
  assert.deepEqual(capabilities(text, 'a'), ['list', 'read', 'update'])
})

test('POL-68: the JSON twin gives the same rules, also as a list of objects', () => {
  const hcl = policy(`
    path "secret/data/team/*" {
      capabilities        = ["create", "read"]
      allowed_parameters  = { "ttl" = ["1h", "2h"], "*" = [] }
      denied_parameters   = { "password" = [] }
      required_parameters = ["reason"]
      min_wrapping_ttl    = "1s"
      max_wrapping_ttl    = 90
    }
    path "x" { capabilities = ["list"] }`)
  const team = `{"capabilities": ["create", "read"], "allowed_parameters": {"ttl": ["1h", "2h"], "*": []},
    "denied_parameters": {"password": []}, "required_parameters": ["reason"],
    "min_wrapping_ttl": "1s", "max_wrapping_ttl": 90}`
  const x = '{"capabilities": ["list"]}'
  assert.deepEqual(policy(`{"path": {"secret/data/team/*": ${team}, "x": ${x}}}`), hcl)
  assert.deepEqual(policy(`{"path": [{"secret/data/team/*": ${team}}, {"x": ${x}}]}`), hcl)
  const [rule] = hcl.rules
  assert.deepEqual([rule?.wrappingSecondsMin, rule?.wrappingSecondsMax], [1, 90])
})

test('POL-68: a deny counts when JSON names its path twice', () => {
  const text = '{"path": {"a": {"capabilities": ["deny"]}, "a": {"capabilities": ["read"]}}}'
  assert.deepEqual(capabilities(text, 'a'), ['deny'])
})

test('POL-69: comments of all three kinds are accepted', () => {
  const text = '# a\n// b\n/* c\n */ path "a" { /* d */ capabilities = ["read"] # e\n}'
  assert.deepEqual(capabilities(text, 'a'), ['read'])
})

test('POL-74, POL-75: one path twice in one policy merges, and deny wins', () => {
  const twice = (a: string, b: string): string =>
    `path "a" { capabilities = ["${a}"] } path "a" { capabilities = ["${b}"] }`
  assert.deepEqual(capabilities(twice('read', 'update'), 'a'), ['read', 'update'])
  assert.deepEqual(capabilities(twice('read', 'deny'), 'a'), ['deny'])
  assert.deepEqual(capabilities(twice('deny', 'read'), 'a'), ['deny'])
})

test('POL-124: braces outside of paths are plain text', () => {
  const [rule] = policy(
    'path "a" { allowed_parameters = { x = ["{{identity.entity.id}}"] } }',
  ).rules
  assert.equal(rule?.isTemplated, false)
  assert.deepEqual(rule?.parameters.allowed.get('x'), ['{{identity.entity.id}}'])
})

test('a path with a template is kept, and matches nothing until it is filled', () => {
  const templated = policy('path "a/{{ identity.entity.id }}/*" { capabilities = ["read"] }')
  assert.equal(templated.rules[0]?.isTemplated, true)
  const acl = compileAcl([templated])
  assert.deepEqual(acl.capabilities('a/{{ identity.entity.id }}/x'), ['deny'])
})

test('known keys without effect are accepted, and so are words that grant nothing here', () => {
  const text = `name = "other"
    path "a" { capabilities = ["read", "subscribe", "recover"] comment = "c" mfa_methods = ["m"]
      subscribe_event_types = ["*"] }`
  assert.deepEqual(capabilities(text, 'a'), ['read'])
  assert.deepEqual(capabilities('path "a" { capabilities = ["scan"] }', 'a'), ['scan'])
})

test('a policy in base64 is decoded, any other text stays as it is', () => {
  const text = 'path "é" { capabilities = ["read"] }\n'
  const encoded = Buffer.from(text).toString('base64')
  assert.equal(decodePolicyText(encoded), text)
  assert.equal(decodePolicyText(encoded.replace(/.{20}/g, '$&\n')), text)
  assert.equal(decodePolicyText(text), text)
  assert.equal(decodePolicyText('//79'), '//79')
  assert.equal(decodePolicyText(''), '')
})

test('the default policy grants what every token may do with itself and nothing more', () => {
  const acl = compileAcl([policy(defaultPolicyText)])
  assert.deepEqual(acl.capabilities('auth/token/lookup-self'), ['read'])
  for (const path of [
    'auth/token/renew-self',
    'auth/token/revoke-self',
    'sys/capabilities-self',
    'sys/leases/renew',
    'sys/leases/lookup',
    'sys/wrapping/wrap',
    'sys/wrapping/lookup',
    'sys/wrapping/unwrap',
    'sys/tools/hash',
    'sys/tools/hash/sha2-256',
  ]) {
    assert.deepEqual(acl.capabilities(path), ['update'], path)
  }
  assert.deepEqual(acl.capabilities('cubbyhole/x'), ['create', 'delete', 'list', 'read', 'update'])
  assert.deepEqual(acl.capabilities('identity/oidc/provider/main/authorize'), ['read', 'update'])
  for (const path of [
    'auth/token/create',
    'sys/internal/ui/mounts',
    'secret/data/x',
    'sys/mounts',
    'identity/entity/id/x',
  ]) {
    assert.deepEqual(acl.capabilities(path), ['deny'], path)
  }
  const wrapping = compileAcl([policy(responseWrappingPolicyText)])
  assert.deepEqual(wrapping.capabilities('cubbyhole/response'), ['create', 'read'])
  assert.deepEqual(wrapping.capabilities('sys/wrapping/unwrap'), ['update'])
})

test('any text gives a policy or a message', () => {
  const word = fc.constantFrom(
    'path',
    '"a"',
    '{',
    '}',
    '=',
    '[',
    ']',
    'capabilities',
    '"read"',
    '"deny"',
    'policy',
    '1',
    ',',
    '{"path":',
    ':',
    '"+*"',
    '"{{"',
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const parsed = parsePolicy('p', words.join(' '))
      if (!parsed.ok) assert.notEqual(parsed.error.message, '')
    }),
    { numRuns: 5000 },
  )
})
