/** The login decision: order, texts, reasons, outcome, and what a refused caller hears. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from '../harness/properties.ts'

import type { JwtProblem } from '../../src/jose/compact-jwt.ts'
import { err, ok } from '../../src/lib/result.ts'
import {
  decideJwtLogin,
  explainClaims,
  explainJwtLogin,
  refuseAfterwards,
  type JwtLoginInput,
  type SignatureProblem,
} from '../../src/trust/decide.ts'
import { jwtLogin } from '../../src/trust/login-lists.ts'
import { isReason, reasonCodes, reasons } from '../../src/trust/reasons.ts'
import type { RoleRules } from '../../src/trust/role-rules.ts'
import {
  claimsOf,
  decide,
  goodClaims,
  inputOf,
  judgedOf,
  nowSeconds,
  reasonOf,
  roleOf,
  tokenOf,
  withClaims,
} from './fixture.ts'

const outer = 'error validating token: '
const config = inputOf().config

test('LOG-001: a login gives alias, groups, metadata and policies as the role says', () => {
  const role = roleOf({
    bound_audiences: ['aud1', 'aud2'],
    user_claim: 'https://idp/user',
    groups_claim: 'https://idp/groups',
    claim_mappings: { first_name: 'name', '/org/primary': 'primary_org' },
    alias_metadata: { team: 'x', name: 'fixed', role: 'other' },
    bound_claims: claimsOf('{"color":"green","pnum":123}'),
    token_policies: [' Test ', 'b', 'test', ''],
  })
  const token = tokenOf(
    withClaims({
      aud: 'aud1',
      'https://idp/user': 'jeff',
      'https://idp/groups': ['foo', 'bar'],
      first_name: 'jeff2',
      org: { primary: 'engineering' },
      color: 'green',
      pnum: 123,
    }),
  )
  const decision = decide({ role, token })
  assert.equal(decision.accepted, true)
  assert.equal(decision.proven, true)
  assert.equal(decision.status, 200)
  assert.ok(decision.outcome !== undefined)
  const { metadata, aliasMetadata, claims, ...rest } = decision.outcome
  const expected = { team: 'x', name: 'jeff2', primary_org: 'engineering', role: 'build' }
  assert.deepEqual({ ...metadata }, expected)
  assert.deepEqual({ ...aliasMetadata }, expected)
  assert.equal(claims['color'], 'green')
  assert.deepEqual(rest, {
    aliasName: 'jeff',
    displayName: 'jeff',
    groups: ['foo', 'bar'],
    tokenPolicies: ['b', 'test'],
    boundCidrs: [],
    sourceAddressBound: false,
  })
})

test('LOG-002, LOG-003: a bound network lets its own addresses in and answers others with 403 only', () => {
  const role = roleOf({ token_bound_cidrs: ['127.0.0.42'] })
  assert.ok(decide({ role }).accepted)
  assert.deepEqual(decide({ role }).outcome?.boundCidrs, ['127.0.0.42'])
  for (const sourceAddress of ['127.0.0.99', undefined, 'nonsense', '::1']) {
    const decision = decide({ role, sourceAddress, explainToCaller: 'full' })
    assert.equal(decision.status, 403)
    assert.equal(decision.reason, 'source_address_refused')
    assert.equal(decision.text, 'permission denied')
    assert.equal(decision.sentence, undefined)
  }
})

test('a stored network that cannot be read keeps everybody out', () => {
  assert.equal(decide({ role: roleOf({ token_bound_cidrs: ['300.1.1.1'] }) }).status, 403)
})

test('LOG-041: a strictly bound login keeps the address of the caller', () => {
  const role = roleOf({ token_strictly_bind_ip: true })
  const { outcome } = decide({ role })
  assert.deepEqual(outcome?.boundCidrs, ['127.0.0.42'])
  assert.equal(outcome?.sourceAddressBound, true)
  assert.equal(decide({ role, sourceAddress: undefined }).status, 403)
})

const signatureProblem = (reason: SignatureProblem['reason']): JwtLoginInput['signature'] =>
  err({ reason, detail: 'the cause' })
const jwtProblem = (reason: JwtProblem['reason']): JwtLoginInput['token'] =>
  err({ reason, detail: 'the cause' })
const role = (rules: Partial<RoleRules>, claims = goodClaims): Partial<JwtLoginInput> => ({
  role: roleOf(rules),
  token: tokenOf(claims),
})

/** Every reason this decision can give, its compatible text, and one login that provokes it. */
type Refusal = readonly [id: string, reason: string, text: string, change: Partial<JwtLoginInput>]

const refusals: readonly Refusal[] = [
  [
    'LOG-005',
    'config_missing',
    'could not load configuration',
    { config: { ...config, configured: false } },
  ],
  ['LOG-006', 'role_missing', 'missing role', { requestedRole: '', role: undefined }],
  [
    'LOG-008',
    'role_unknown',
    'role "nope" could not be found',
    { requestedRole: 'nope', role: undefined },
  ],
  [
    'LOG-004',
    'role_type_mismatch',
    'role with oidc role_type is not allowed',
    role({ role_type: 'oidc' }),
  ],
  ['LOG-009', 'jwt_missing', 'missing token', { token: undefined }],
  ['LOG-009 (reader)', 'jwt_missing', 'missing token', { token: jwtProblem('jwt_missing') }],
  [
    'LOG-003',
    'source_address_refused',
    'permission denied',
    role({ token_bound_cidrs: ['10.0.0.0/8'] }),
  ],
  [
    'key source',
    'key_source_invalid',
    'error configuring token validator: the cause',
    { signature: signatureProblem('key_source_invalid') },
  ],
  ...(
    ['keys_unreachable', 'keys_stale', 'key_unknown', 'key_unusable', 'signature_invalid'] as const
  ).map(
    (reason) =>
      [
        `LOG-011 (${reason})`,
        reason,
        `${outer}error verifying token signature: the cause`,
        { signature: signatureProblem(reason) },
      ] as const,
  ),
  ...(
    ['jwt_malformed', 'jwt_too_large', 'jwt_encrypted', 'not_a_jwt', 'header_refused'] as const
  ).map(
    (reason) =>
      [
        `form (${reason})`,
        reason,
        `${outer}error verifying token signature: the cause`,
        { token: jwtProblem(reason) },
      ] as const,
  ),
  ['type', 'token_type_refused', `${outer}the cause`, { token: jwtProblem('token_type_refused') }],
  ['claims', 'claims_malformed', `${outer}the cause`, { token: jwtProblem('claims_malformed') }],
  [
    'algorithm',
    'algorithm_refused',
    `${outer}invalid algorithm (alg) header parameter: token signed with unexpected algorithm`,
    { token: jwtProblem('algorithm_refused') },
  ],
  [
    'SEC-003',
    'claim_ambiguous',
    `${outer}ambiguous claim: key "SUB" is equal to "sub" under Unicode case folding`,
    role({}, withClaims({ SUB: 'x' })),
  ],
  [
    'SEC-JSN-14',
    'claims_malformed',
    `${outer}claim "iss" has the wrong JSON type`,
    role({}, withClaims({ iss: 5 })),
  ],
  [
    'no issuer',
    'issuer_missing',
    `${outer}invalid issuer (iss) claim`,
    role({}, withClaims({ iss: undefined })),
  ],
  [
    'LOG-012',
    'issuer_mismatch',
    `${outer}invalid issuer (iss) claim`,
    role({}, withClaims({ iss: 'https://iss' })),
  ],
  [
    'unknown issuer',
    'issuer_unknown',
    `${outer}invalid issuer (iss) claim`,
    { signature: signatureProblem('issuer_unknown') },
  ],
  [
    'LOG-014',
    'subject_mismatch',
    `${outer}invalid subject (sub) claim`,
    role({}, withClaims({ sub: 'sub2' })),
  ],
  [
    'AUD-009',
    'audience_missing',
    `${outer}invalid audience (aud) claim: audience claim does not match any expected audience`,
    role({ bound_audiences: ['a'] }),
  ],
  [
    'LOG-013',
    'audience_mismatch',
    `${outer}invalid audience (aud) claim: audience claim does not match any expected audience`,
    role({ bound_audiences: ['a'] }, withClaims({ aud: 'b' })),
  ],
  [
    'AUD-001',
    'audience_unbound',
    'audience claim found in JWT but no audiences bound to the role',
    role({}, withClaims({ aud: 'x' })),
  ],
  [
    'TIM-042',
    'time_missing',
    `${outer}no issued at (iat), not before (nbf), or expiration time (exp) claims in token`,
    role({}, withClaims({ nbf: undefined })),
  ],
  [
    'TIM-046',
    'time_malformed',
    `${outer}invalid expiration time (exp) claim: not a date`,
    role({}, withClaims({ exp: 0 })),
  ],
  [
    'TIM-044',
    'not_yet_valid',
    `${outer}invalid not before (nbf) claim: token not yet valid`,
    role({}, withClaims({ nbf: nowSeconds + 61 })),
  ],
  [
    'TIM-043',
    'expired',
    `${outer}invalid expiration time (exp) claim: token is expired`,
    role({}, withClaims({ exp: nowSeconds - 61 })),
  ],
  [
    'future',
    'issued_in_future',
    `${outer}invalid issued at (iat) claim: token issued in the future`,
    role({}, withClaims({ iat: nowSeconds + 61, exp: nowSeconds + 900 })),
  ],
  [
    'LOG-015',
    'user_claim_missing',
    'claim "user" not found in token',
    role({}, withClaims({ user: undefined })),
  ],
  [
    'LOG-016',
    'user_claim_type',
    'claim "user" could not be converted to string',
    role({}, withClaims({ user: 5 })),
  ],
  ['LOG-040', 'user_claim_unsafe', 'claim "user" is empty', role({}, withClaims({ user: '' }))],
  [
    'provider',
    'provider_failed',
    'the cause',
    {
      config: { ...config, has_provider: true },
      provided: err({ reason: 'provider_failed', detail: 'the cause' }),
    },
  ],
  [
    'CLM-043',
    'metadata_missing',
    'claim "c" of claim_mappings not found in token; list it in optional_claim_mappings if it may be absent',
    role({ claim_mappings: { c: 'm' } }),
  ],
  [
    'CLM-009',
    'metadata_type',
    "error converting claim 'c' to string",
    role({ claim_mappings: { c: 'm' } }, withClaims({ c: 42 })),
  ],
  [
    'LOG-023',
    'groups_missing',
    'failed to fetch groups: "g" claim not found in token',
    role({ groups_claim: 'g' }),
  ],
  [
    'LOG-023 (object)',
    'groups_type',
    '"g" claim could not be converted to string list',
    role({ groups_claim: 'g' }, withClaims({ g: {} })),
  ],
  [
    'LOG-023 (number)',
    'groups_type',
    'value 1 in groups claim could not be parsed as string',
    role({ groups_claim: 'g' }, withClaims({ g: [1] })),
  ],
  [
    'overage',
    'groups_truncated',
    'failed to fetch groups: "groups" claim not found in token',
    role({ groups_claim: 'groups' }, withClaims({ _claim_names: { groups: 'src1' } })),
  ],
  [
    'LOG-010',
    'claim_missing',
    'error validating claims: claim "color" is missing',
    role({ bound_claims: claimsOf('{"color":"green"}') }),
  ],
  [
    'CLM-015',
    'claim_mismatch',
    'error validating claims: claim "color" does not match any associated bound claim values',
    role({ bound_claims: claimsOf('{"color":"green"}') }, withClaims({ color: 'red' })),
  ],
  [
    'CLM-037',
    'claim_type',
    'error validating claims: received claim "color" is not a string, bool, int or list',
    role({ bound_claims: claimsOf('{"color":"green"}') }, withClaims({ color: {} })),
  ],
  [
    'LOG-018',
    'policy_template_failed',
    'error rendering policy template 0: there is no "nested" in the claims',
    role({ token_policies: ['{{ .nested.x }}'], token_policies_template_claims: true }),
  ],
  [
    'LOG-037',
    'root_policy_refused',
    'auth methods cannot create root tokens',
    role({ token_policies: ['a', 'root'] }),
  ],
]

for (const [id, reason, text, change] of refusals) {
  test(`${id}: the login is refused with ${reason}`, () => {
    const decision = decide(change)
    assert.equal(decision.accepted, false)
    assert.equal(decision.reason, reason)
    assert.equal(decision.text, text)
    assert.equal(decision.status, reason === 'source_address_refused' ? 403 : 400)
    assert.equal(decision.outcome, undefined)
    const failed = decision.checks.filter((check) => check.status === 'fail')
    assert.deepEqual(
      failed.map((check) => [check.reason, check.compatible_error]),
      [[reason, text]],
    )
    // Nothing behind the failure was judged.
    const place = decision.checks.findIndex((check) => check.status === 'fail')
    assert.ok(decision.checks.slice(place + 1).every((check) => check.status === 'skipped'))
  })
}

test('every check is in the list each time, numbered in order', () => {
  for (const change of [{}, { token: undefined }, { role: undefined }, { evaluateAll: true }]) {
    const { checks } = decide(change)
    assert.deepEqual(
      checks.map(({ n, id }) => [n, id]),
      jwtLogin.checks.map(({ id }, i) => [i + 1, id]),
    )
  }
})

test('explaining gives the reason of the login, for any combination of faults', () => {
  const changes = fc.shuffledSubarray(
    refusals.map(([, , , change]) => change),
    { minLength: 1, maxLength: 4 },
  )
  fc.assert(
    fc.property(changes, (parts) => {
      const input = inputOf(Object.assign({}, ...parts) as Partial<JwtLoginInput>)
      const login = decideJwtLogin(input)
      const explained = explainJwtLogin(input)
      assert.ok(login.kind === 'decided' && explained.kind === 'explained')
      const [made, told] = [judgedOf(login.decision), judgedOf(explained.explanation)]
      assert.equal(told.reason, made.reason)
      assert.equal(told.accepted, made.accepted)
      assert.equal(told.text, made.text)
    }),
    { numRuns: 300 },
  )
})

test('explaining goes on after the first failure and says what else would fail', () => {
  const token = tokenOf(withClaims({ aud: 'b', color: 'red' }))
  const rules = { bound_audiences: ['a'], bound_claims: claimsOf('{"color":"green"}') }
  const decision = decide({ token, role: roleOf(rules), evaluateAll: true })
  assert.equal(decision.reason, 'audience_mismatch')
  assert.deepEqual(decision.also_fails, ['claim_mismatch'])
  const audience = decision.checks.find(({ id }) => id === 'audience')
  assert.deepEqual(audience?.expected, { any_of: ['a'] })
  assert.deepEqual(audience.got, ['b'])
  assert.equal(decision.outcome?.aliasName, 'jeff')
})

test('after a failed signature a check that would pass is unverified', () => {
  const decision = decide({ signature: signatureProblem('signature_invalid'), evaluateAll: true })
  assert.equal(decision.reason, 'signature_invalid')
  assert.equal(decision.proven, false)
  const status = Object.fromEntries(decision.checks.map((check) => [check.id, check.status]))
  assert.equal(status['key_source'], 'pass')
  assert.equal(status['signature'], 'fail')
  assert.equal(status['issuer'], 'unverified')
  assert.equal(status['user_claim'], 'unverified')
})

test('bare claims are judged by the same checks and never count as proven', () => {
  const { token: _token, signature: _signature, ...rest } = inputOf()
  const good = explainClaims({ ...rest, claims: claimsOf(goodClaims) })
  assert.equal(good.failure, undefined)
  assert.equal(good.proven, false)
  assert.equal(good.checks.find(({ id }) => id === 'issuer')?.status, 'unverified')
  const bad = explainClaims({ ...rest, claims: claimsOf(withClaims({ iss: 'x' })) })
  assert.equal(bad.failure?.reason, 'issuer_mismatch')
})

test('keys are asked for only when everything before them is in order', () => {
  const step = decideJwtLogin(inputOf({ signature: undefined }))
  assert.ok(step.kind === 'needs' && step.need === 'signature')
  for (const change of [
    { token: jwtProblem('jwt_malformed') },
    { role: undefined },
    role({ role_type: 'oidc' }),
  ]) {
    const input = inputOf({ ...change, signature: undefined })
    assert.equal(decideJwtLogin(input).kind, 'decided')
    assert.equal(explainJwtLogin(input).kind, 'explained')
  }
})

test('the provider is asked after the user claim, and its claims are the ones that count', () => {
  const withProvider = {
    config: { ...config, has_provider: true },
    role: roleOf({ groups_claim: 'g' }),
  }
  const step = decideJwtLogin(inputOf(withProvider))
  assert.ok(step.kind === 'needs' && step.need === 'provider')
  const provided = ok(claimsOf(withClaims({ g: ['from-provider'] })))
  assert.deepEqual(decide({ ...withProvider, provided }).outcome?.groups, ['from-provider'])
  const refused = decideJwtLogin(
    inputOf({ ...withProvider, token: tokenOf(withClaims({ user: 5 })) }),
  )
  assert.equal(refused.kind, 'decided')
})

test('LOG-007: the default role serves when the request names none', () => {
  const withDefault = { ...config, default_role: 'build' }
  assert.ok(decide({ requestedRole: '', config: withDefault }).accepted)
  assert.equal(
    decide({ requestedRole: '', config: withDefault, role: undefined }).text,
    'role "build" could not be found',
  )
})

test('LOG-017, LOG-019, LOG-020: policies are filled in from claims', () => {
  const token_policies = [
    'policy_{{ .sub }}',
    '{{ .custom_claim }}',
    '{{ .nested_claim.policy }}',
    '{{if eq "prod" .env}}x{{end}}',
  ]
  const rules = {
    token_policies,
    token_policies_template_claims: true,
    claim_mappings: { first_name: 'n' },
    optional_claim_mappings: ['*'],
  }
  const token = tokenOf(
    withClaims({ custom_claim: 'Custom', nested_claim: { policy: 'nested' }, env: 'dev' }),
  )
  assert.deepEqual(decide({ token, role: roleOf(rules) }).outcome?.tokenPolicies, [
    'custom',
    'nested',
    'policy_sub1',
  ])
})

test('LOG-021, LOG-022, LOG-024, LOG-025, LOG-026: groups in all their forms', () => {
  const groups = (claims: string, groups_claim: string) =>
    decide({ token: tokenOf(claims), role: roleOf({ groups_claim }) }).outcome?.groups
  const deep = withClaims({ https: { '//vault/groups': { testing: ['a'] } } })
  assert.deepEqual(groups(deep, '/https/~1~1vault~1groups/testing'), ['a'])
  assert.deepEqual(groups(withClaims({ g: 'one' }), 'g'), ['one'])
  assert.deepEqual(groups(withClaims({ g: ['a', ''] }), 'g'), ['a'])
  assert.deepEqual(groups(withClaims({ g: [] }), 'g'), [])
  assert.deepEqual(groups(withClaims({ g: ['a'] }), ''), [])
})

test('SEC-MAT-14: one group that is no string refuses the login', () => {
  assert.equal(reasonOf(withClaims({ g: ['a', 1, 'b'] }), { groups_claim: 'g' }), 'groups_type')
})

test('an absent groups claim may mean no groups, but not with compat=vault', () => {
  const loose = roleOf({ groups_claim: 'g', groups_claim_required: false })
  assert.deepEqual(decide({ role: loose }).outcome?.groups, [])
  assert.equal(decide({ role: loose, compat: 'vault' }).reason, 'groups_missing')
})

test('LOG-032: without a bound issuer the discovered one counts, except with compat=vault', () => {
  const discovery = { ...config, bound_issuer: '', discovered_issuer: 'https://discovered/' }
  assert.equal(decide({ config: discovery }).reason, 'issuer_mismatch')
  assert.ok(decide({ config: discovery, compat: 'vault' }).accepted)
  assert.ok(decide({ config: { ...discovery, bound_issuer: 'https://iss/' } }).accepted)
})

test('LOG-043, LOG-044: the usual roles for build systems', () => {
  const claims = '{"iss":"https://ci","aud":"sigstore","iat":1900000000}'
  const free = { ...config, bound_issuer: '' }
  const base = { bound_subject: '', user_claim: 'iss' }
  const withoutAudience = roleOf({ ...base, bound_claims: claimsOf('{"iss":"https://ci"}') })
  assert.ok(
    decide({
      config: free,
      role: withoutAudience,
      token: tokenOf('{"iss":"https://ci","iat":1900000000}'),
    }).accepted,
  )
  const bound_claims = claimsOf('{"iss":"https://ci","aud":"sigstore"}')
  const sigstore = roleOf({ ...base, bound_audiences: ['sigstore'], bound_claims })
  assert.ok(decide({ config: free, role: sigstore, token: tokenOf(claims) }).accepted)
})

test('SEC-MAT-17: no spelling of root gets through, neither fixed nor from a claim', () => {
  for (const spelling of [
    'root',
    ' Root ',
    'ROOT',
    'ｒｏｏｔ',
    'ro\u200bot',
    '\u00a0root\u2003',
    '𝐫𝐨𝐨𝐭',
  ]) {
    assert.equal(
      reasonOf(goodClaims, { token_policies: ['a', spelling] }),
      'root_policy_refused',
      spelling,
    )
    const templated = { token_policies: ['{{ .p }}'], token_policies_template_claims: true }
    assert.equal(reasonOf(withClaims({ p: spelling }), templated), 'root_policy_refused', spelling)
  }
})

test('the sentence names the claim and the value of the caller, the expectation only when disclosed in full', () => {
  const change = role(
    { bound_audiences: ['https://secret-name'] },
    withClaims({ aud: ['https://github.com/acme'] }),
  )
  const own = decide({ ...change, requestId: '0d7b' }).sentence ?? ''
  assert.match(own, /"aud".*"https:\/\/github\.com\/acme"/)
  assert.match(own, /request id 0d7b/)
  assert.doesNotMatch(own, /secret-name/)
  assert.match(decide({ ...change, explainToCaller: 'full' }).sentence ?? '', /secret-name/)
  assert.equal(decide({ ...change, explainToCaller: 'none' }).sentence, undefined)
  assert.equal(decide({ ...change, compat: 'vault' }).sentence, undefined)
})

test('no refusal tells what the role expects, and none tells of the token before its signature is proven', () => {
  for (const [id, , , change] of refusals) {
    const marked = {
      ...change,
      role: change.role,
      token: change.token ?? tokenOf(withClaims({ marker: 'TOKEN-MARKER', user: 'TOKEN-MARKER' })),
    }
    const { sentence = '', text } = decide(marked)
    if (change.signature !== undefined) assert.doesNotMatch(text + sentence, /TOKEN-MARKER/, id)
    assert.doesNotMatch(sentence, /green/, id)
  }
})

test('SEC-JSN-07: a value is cut, escaped and freed of signatures before anybody reads it', () => {
  const sentence = (iss: string): string => decide(role({}, withClaims({ iss }))).sentence ?? ''
  assert.ok(sentence('x'.repeat(10_000)).length < 700)
  assert.match(sentence('a\u202eb\u0007\u200bc'), /a\\u202eb\\u0007\\u200bc/)
  assert.doesNotMatch(sentence('eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl'), /c2lnbmF0dXJl/)
  const names = ['jeff', 'jeff\u200b', 'jе\u0066f', '\u202ejeff'].map(
    (user) => decide(role({}, withClaims({ user }))).outcome?.aliasName,
  )
  assert.equal(new Set(names).size, 4)
})

test('SEC-JSN-06: NUL in user claim, group or metadata refuses the login', () => {
  assert.equal(reasonOf(withClaims({ user: 'a\0b' })), 'user_claim_unsafe')
  assert.equal(reasonOf(withClaims({ g: ['a\0'] }), { groups_claim: 'g' }), 'groups_type')
  assert.equal(reasonOf(withClaims({ m: '\0' }), { claim_mappings: { m: 'x' } }), 'metadata_type')
})

test('SEC-JSN-08: a look-alike letter in a claim name does not stand in for the claim', () => {
  assert.equal(reasonOf(withClaims({ user: undefined, usеr: 'jeff' })), 'user_claim_missing')
})

test('SEC-JSN-15: an issuer is compared exactly', () => {
  for (const iss of [
    'https://iss',
    'https://ISS/',
    'https://u@iss/',
    'https://iss:443/',
    'https://iss/x',
    'https://iss/\0',
    'https://іss/',
    '',
  ]) {
    assert.equal(reasonOf(withClaims({ iss })), 'issuer_mismatch', iss)
  }
  assert.equal(reasonOf(withClaims({ iss: ['https://iss/'] })), 'claims_malformed')
})

test('SEC-JSN-21: a user claim of another type or none refuses the login', () => {
  for (const [user, reason] of [
    [5, 'user_claim_type'],
    [['a'], 'user_claim_type'],
    [{ a: 'b' }, 'user_claim_type'],
    [true, 'user_claim_type'],
    [null, 'user_claim_missing'],
    ['', 'user_claim_unsafe'],
  ] as const) {
    assert.equal(reasonOf(withClaims({ user })), reason)
  }
})

test('a user claim is a pointer only when the role says so', () => {
  const claims = withClaims({ '/a/b': 'literal', a: { b: 'deep' } })
  const name = (user_claim_json_pointer: boolean) =>
    decide(role({ user_claim: '/a/b', user_claim_json_pointer }, claims)).outcome?.aliasName
  assert.equal(name(false), 'literal')
  assert.equal(name(true), 'deep')
})

test('what comes after the decision can refuse it and shows at the end of the list', () => {
  const failure = { reason: 'entity_disabled', text: 'entity is disabled' } as const
  const explained = explainJwtLogin(inputOf())
  assert.ok(explained.kind === 'explained')
  const after = refuseAfterwards(explained.explanation, failure, 'own_claims')
  assert.equal(after.failure?.status, 403)
  assert.equal(after.checks.at(-1)?.reason, 'entity_disabled')
})

test('every reason of the table is documented in full', () => {
  for (const code of reasonCodes) {
    const { title, text, fix, docs } = reasons[code]
    assert.ok(title.length > 0 && title.length <= 60, code)
    assert.ok(text.endsWith('.') && fix.endsWith('.'), code)
    assert.equal(docs, `reasons#${code}`)
    assert.match(code, /^[a-z]+(?:_[a-z]+)*$/)
  }
  assert.ok(isReason('expired') && !isReason('constructor'))
})
