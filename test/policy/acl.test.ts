/** Which rule decides, and what it lets through (platform.md §4.2 to §4.5, §2.5, §2.8). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileAcl, compileRootAcl, type Operation } from '../../src/core/policy/acl.ts'
import { aclRows } from './acl-rows.suite.ts'
import { aclOf, isAllowed, policyOf, ruleText } from './rules.ts'

for (const { title, rules, allowed = '', denied = '' } of aclRows) {
  test(title, () => {
    const acl = aclOf(...rules.map(ruleText))
    for (const [list, expected] of [
      [allowed, true],
      [denied, false],
    ] as const) {
      for (const request of list === '' ? [] : list.split(', ')) {
        const [operation = '', path = ''] = request.split(' ')
        assert.equal(isAllowed(acl, operation as Operation, path), expected, request)
      }
    }
  })
}

test('POL-54 to POL-57: sudo counts on the winning rule only', () => {
  const allows = (...rules: readonly string[]): boolean =>
    aclOf(...rules.map(ruleText)).decide({
      path: 'sys/auth/jwt',
      operation: 'update',
      wrapTtlSeconds: 0,
      sudoRequired: true,
    }).allowed
  assert.equal(allows('sys/auth/jwt u'), false)
  assert.equal(allows('sys/auth/* us'), true)
  assert.equal(allows('sys/auth/* u', 'sys/auth/jwt s'), false)
  assert.equal(allows('sys/auth/* u', 'sys/auth/* s'), true)
})

test('POL-76: a name without a policy takes nothing from the others', () => {
  assert.equal(isAllowed(compileAcl([policyOf(ruleText('a r'))]), 'read', 'a'), true)
  assert.equal(isAllowed(compileAcl([]), 'read', 'a'), false)
})

test('POL-107 to POL-110: capabilities of a path', () => {
  assert.deepEqual(aclOf(ruleText('secret/data/a ru')).capabilities('secret/data/a'), [
    'read',
    'update',
  ])
  assert.deepEqual(aclOf(ruleText('m/team l')).capabilities('m/team/'), ['list'])
  assert.deepEqual(aclOf().capabilities('x'), ['deny'])
  assert.deepEqual(aclOf(ruleText('a/* curdlps')).capabilities('a/b'), [
    'create',
    'delete',
    'list',
    'patch',
    'read',
    'sudo',
    'update',
  ])
  assert.deepEqual(aclOf(ruleText('a -')).capabilities('a'), ['deny'])
  assert.deepEqual(aclOf(ruleText('a s')).capabilities('a'), ['sudo'])
})

test('POL-131: root passes everything', () => {
  const acl = compileRootAcl()
  const decision = acl.decide({
    path: 'sys/raw/x',
    operation: 'delete',
    wrapTtlSeconds: 0,
    sudoRequired: true,
  })
  assert.deepEqual(decision, { allowed: true, sudo: true, policies: ['root'] })
  assert.deepEqual(acl.capabilities('x'), ['root'])
  assert.deepEqual(acl.resultant(), { root: true })
  assert.equal(acl.hasAnyCapabilityUnder('x/'), true)
})

test('POL-131: a policy that is merely named root passes nothing by its name', () => {
  assert.equal(isAllowed(compileAcl([policyOf('', 'root')]), 'read', 'a'), false)
})

test('a decision names the policies that granted it, and the rule that decided', () => {
  const acl = aclOf(ruleText('a/* r'), ruleText('a/* ru'), ruleText('a/* s'), ruleText('* r'))
  const ask = (operation: Operation, path: string) =>
    acl.decide({ path, operation, wrapTtlSeconds: 0, sudoRequired: false })
  assert.deepEqual(ask('read', 'a/x'), {
    allowed: true,
    sudo: true,
    policies: ['P1', 'P2'],
    pattern: 'a/*',
  })
  assert.deepEqual(ask('update', 'a/x').policies, ['P2'])
  assert.deepEqual(ask('update', 'b'), { allowed: false, sudo: false, policies: [], pattern: '*' })
})

test('any capability below a mount: on the mount, below it, or through plus segments', () => {
  const under = (rules: string, mount: string): boolean =>
    aclOf(ruleText(rules)).hasAnyCapabilityUnder(mount)
  assert.equal(under('secret/* r', 'secret/'), true)
  assert.equal(under('secret/data/a r', 'secret/'), true)
  assert.equal(under('secret/data/* r', 'secret'), true)
  assert.equal(under('sec* r', 'secret/'), true)
  assert.equal(under('secret l', 'secret/'), true)
  assert.equal(under('+/data/x r', 'secret/'), true)
  assert.equal(under('team/+/x r', 'team/kv/'), true)
  assert.equal(under('+/* r', 'team/kv/'), true)
  assert.equal(under('secret/* deny; secret/a r', 'secret/'), true)
  assert.equal(under('secret/* deny', 'secret/'), false)
  assert.equal(under('secret/* -', 'secret/'), false)
  assert.equal(under('secrets/a r', 'secret/'), false)
  assert.equal(under('+/data/x deny', 'secret/'), false)
  assert.equal(under('other/+/x r', 'team/kv/'), false)
  assert.equal(under('+ r', 'team/kv/'), false)
})

test('resultant-acl lists exact and prefix rules in its own order, and no plus rules', () => {
  const acl = aclOf(
    ruleText('a/b urcdlpsn; c deny; d -; __proto__ r'),
    'path "e/*" { capabilities = ["read"] allowed_parameters = { X = [1] } required_parameters = ["r"] max_wrapping_ttl = "1m" }',
    ruleText('f/+ r; * l'),
  )
  assert.deepEqual(JSON.parse(JSON.stringify(acl.resultant())), {
    root: false,
    exact_paths: {
      'a/b': {
        capabilities: ['create', 'delete', 'list', 'read', 'sudo', 'update', 'patch', 'scan'],
      },
      c: { capabilities: ['deny'] },
      d: { capabilities: ['deny'] },
      ['__proto__']: { capabilities: ['read'] },
    },
    glob_paths: {
      '': { capabilities: ['list'] },
      'e/': {
        capabilities: ['read'],
        allowed_parameters: { x: [1] },
        required_parameters: ['r'],
        max_wrapping_ttl: 60,
      },
    },
  })
})
