/** What a role write refuses and warns about. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { checkRoleRules } from '../../src/trust/role-checks.ts'
import { lintRole, lints } from '../../src/trust/role-lint.ts'
import {
  defaultRoleRules,
  type RoleRules,
  type RoleRulesDraft,
} from '../../src/trust/role-rules.ts'
import { claimsOf } from './fixture.ts'

const good: RoleRules = {
  ...defaultRoleRules,
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: ['a'],
}
const unbound = { bound_audiences: [] }

function fields(change: Partial<RoleRulesDraft>): readonly string[] {
  return checkRoleRules({ ...good, ...change }).problems.map((problem) => problem.field)
}

const rows: readonly [id: string, change: Partial<RoleRulesDraft>, fields: readonly string[]][] = [
  ['ROL-002', { user_claim: '' }, ['user_claim']],
  ['ROL-003', unbound, ['bound_audiences']],
  ['ROL-004', { ...unbound, bound_subject: 's' }, []],
  ['ROL-005', {}, []],
  ['ROL-006', { ...unbound, token_bound_cidrs: ['127.0.0.1/8'] }, []],
  ['ROL-007', { ...unbound, bound_claims: claimsOf('{"a":1,"b":"x"}') }, []],
  ['ROL-011', { bound_claims_type: 'invalid' }, ['bound_claims_type']],
  [
    'ROL-012',
    { bound_claims_type: 'glob', bound_claims: claimsOf('{"foo":25}') },
    ['bound_claims'],
  ],
  [
    'ROL-013',
    { bound_claims_type: 'glob', bound_claims: claimsOf('{"foo":["baz",10]}') },
    ['bound_claims'],
  ],
  ['ROL-015', { claim_mappings: { x: 'role' } }, ['claim_mappings']],
  ['ROL-016', { claim_mappings: { x: 'm', y: 'm' } }, ['claim_mappings']],
  ['ROL-022', { role_type: 'saml' }, ['role_type']],
  [
    'ROL-041',
    { token_strictly_bind_ip: true, token_bound_cidrs: ['10.0.0.0/8'] },
    ['token_strictly_bind_ip'],
  ],
  ['ROL-043', { token_bound_cidrs: ['300.1.1.1'] }, ['token_bound_cidrs']],
  [
    'ROL-059',
    { token_policies_template_claims: true, token_policies: ['{{ .x'] },
    ['token_policies'],
  ],
  [
    'ROL-059 (empty)',
    { token_policies_template_claims: true, token_policies: [''] },
    ['token_policies'],
  ],
  ['oidc roles need no bound constraint', { ...unbound, role_type: 'oidc' }, []],
]

for (const [id, change, expected] of rows) {
  test(`${id}: a role with ${JSON.stringify(change)} ${expected.length === 0 ? 'is accepted' : 'is refused'}`, () => {
    assert.deepEqual(fields(change), expected)
  })
}

test('rules that can never match are accepted with a warning', () => {
  const bound_claims = claimsOf(
    '{"a":{"b":1},"c":[["x"]],"d":null,"e":[],"/f~":"x","ok":["x",1,true]}',
  )
  const { problems, warnings } = checkRoleRules({ ...good, bound_claims })
  assert.deepEqual(problems, [])
  assert.deepEqual(
    warnings.map((warning) => /"(.*?)"/.exec(warning.text)?.[1]),
    ['a', 'c', 'd', 'e', '/f~'],
  )
  const optional = checkRoleRules({
    ...good,
    claim_mappings: { a: 'm' },
    optional_claim_mappings: ['a', 'b', '*'],
  })
  assert.deepEqual(
    optional.warnings.map((warning) => warning.field),
    ['optional_claim_mappings'],
  )
})

const globs = (text: string): Partial<RoleRules> => ({
  bound_claims_type: 'glob',
  bound_claims: claimsOf(text),
})

for (const [code, change, issuer] of [
  ['audience_any', { bound_audiences: [], bound_subject: 's' }],
  ['glob_everything', globs('{"x":"**"}')],
  ['glob_crosses_owner', globs('{"sub":"repo:acme*"}')],
  ['glob_crosses_owner', globs('{"repository":"*/app"}')],
  ['subject_unowned', { bound_subject: 'repo:acme/app:ref:refs/heads/main' }],
  ['per_run_user_claim', { user_claim: 'jti' }],
  ['no_bound_claims_public_issuer', {}, 'https://token.actions.githubusercontent.com'],
  ['metadata_key_reserved', { alias_metadata: { role: 'x' } }],
] as const) {
  test(`a role with ${JSON.stringify(change)} is advised about: ${code}`, () => {
    const found = lintRole({ ...good, ...change }, issuer)
    assert.ok(found.some((lint) => lint.code === code && lint.text.startsWith(`[${code}] `)))
    assert.ok(lints[code].fix.endsWith('.'))
  })
}

test('a pipeline is a run at GitLab, and lasts at Buildkite', () => {
  const rules = { ...good, user_claim: 'pipeline_id' }
  const codes = (issuer: string) => lintRole(rules, issuer).map(({ code }) => code)
  assert.ok(codes('https://gitlab.com').includes('per_run_user_claim'))
  assert.ok(!codes('https://agent.buildkite.com').includes('per_run_user_claim'))
})

test('a careful role is left alone', () => {
  const rules = { ...good, ...globs('{"sub":"repo:acme@1042/app@77:ref:*","repository_id":"77"}') }
  assert.deepEqual(lintRole(rules, 'https://token.actions.githubusercontent.com'), [])
})
