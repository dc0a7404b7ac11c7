/** sys/explain/login: the login's own checks, to their end, and nothing minted (explain.md §3). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { jwtLogin } from '../../src/trust/login-lists.ts'
import type { ApiClient, ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import { changeEntity, want403P, want403T, wantError } from './fixture.ts'

const clock = manualClock()
const nowSeconds = (): number => Math.floor(clock.nowMs() / 1000)
const key = makeJwtMaker('k1', nowSeconds)
const stranger = makeJwtMaker('k2', nowSeconds)
const issuer = 'https://iss.test'

let server: TestServer
let root: ApiClient

interface Check {
  readonly n: number
  readonly id: string
  readonly status: string
  readonly reason?: string
}

before(async () => {
  server = await startTestServer({ clock })
  root = server.root
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', {
    jwt_validation_pubkeys: [key.pem],
    bound_issuer: issuer,
    default_role: 'deploy',
  })
  await role('deploy', {
    bound_audiences: ['https://vault.acme.test'],
    bound_claims: { repository_owner: 'acme' },
    bound_claims_type: 'string',
    claim_mappings: { actor: 'actor' },
    optional_claim_mappings: 'actor',
    token_policies: ['ro'],
    token_ttl: '15m',
    token_max_ttl: '1h',
  })
})

after(() => server.stop())

function role(name: string, settings: object, mount = 'jwt'): Promise<ApiResult> {
  return root.must(`auth/${mount}/role/${name}`, {
    role_type: 'jwt',
    user_claim: 'sub',
    ...settings,
  })
}

const good = {
  iss: issuer,
  sub: 'repo:acme/app',
  aud: 'https://vault.acme.test',
  repository_owner: 'acme',
  actor: 'mona',
}

let askers = 0

/** A caller of its own each time: a token may ask only so often. */
async function explain(body: object): Promise<ApiResult> {
  const policy = 'path "sys/explain/login" { capabilities = ["update"] }'
  const asker = await root.tokenFor('explainer', policy, { display_name: `a${++askers}` })
  return asker.write('sys/explain/login', body)
}

async function explained(body: object): Promise<ApiResult['body']> {
  const answer = await explain(body)
  assert.equal(answer.status, 200, answer.text)
  return answer.body.data
}

const login = (body: object): Promise<ApiResult> => server.client().write('auth/jwt/login', body)

test('an accepted login: every check, and what would be minted', async () => {
  const before = (await root.list('auth/token/accessors')).body.data.keys.length
  const data = await explained({ jwt: key.sign(good) })
  assert.equal(data.decision, 'accept')
  assert.equal(data.reason, null)
  assert.deepEqual(data.fix, [])
  assert.equal(data.mount, 'jwt/')
  assert.match(data.mount_accessor, /^auth_jwt_/)
  assert.equal(data.role, 'deploy')
  assert.equal(data.role_version, 1)
  assert.equal(data.issuer, issuer)
  assert.equal(data.key_id, null)
  assert.deepEqual(
    data.checks.map(({ n }: Check) => n),
    jwtLogin.checks.map((_, i) => i + 1),
  )
  const { entity, metadata, ...outcome } = data.outcome
  assert.deepEqual(entity, { id: null, would_create: true })
  assert.equal(metadata.actor, 'mona')
  assert.deepEqual(outcome, {
    display_name: 'jwt-repo:acme/app',
    alias_name: 'repo:acme/app',
    groups: [],
    token_policies: ['default', 'ro'],
    identity_policies: [],
    policies: ['default', 'ro'],
    token_type: 'service',
    ttl: 900,
    explicit_max_ttl: 0,
    period: 0,
    num_uses: 0,
    bound_cidrs: [],
  })
  // One token for whoever asked, and none for the login.
  const after = (await root.list('auth/token/accessors')).body.data.keys.length
  assert.equal(after, before + 1)
  const { body } = await login({ jwt: key.sign(good) })
  assert.deepEqual(body.auth.policies, outcome.policies)
  assert.equal(body.auth.lease_duration, outcome.ttl)
  const known = await explained({ jwt: key.sign(good) })
  assert.deepEqual(known.outcome.entity, { id: body.auth.entity_id, would_create: false })
})

test('a refused login: the first failure is the login’s, the rest is judged as well, and it says what to do', async () => {
  const jwt = key.sign({ ...good, aud: 'https://github.com/acme', repository_owner: 'evil' })
  const refused = await login({ role: 'deploy', jwt })
  const data = await explained({ role: 'deploy', jwt })
  assert.equal(data.decision, 'refuse')
  assert.equal(data.reason, refused.headers['x-login-reason'])
  assert.equal(data.reason, 'audience_mismatch')
  assert.deepEqual(data.also_fails, ['claim_mismatch'])
  const failed = data.checks.filter(({ status }: Check) => status === 'fail')
  assert.deepEqual(
    failed.map(({ reason }: Check) => reason),
    ['audience_mismatch', 'claim_mismatch'],
  )
  assert.equal(failed[0].compatible_error, refused.body.errors[0])
  assert.deepEqual(failed[0].got, ['https://github.com/acme'])
  assert.deepEqual(failed[0].expected, { any_of: ['https://vault.acme.test'] })
  assert.match(data.sentence, /Expected is/)
  const [first, second] = data.fix
  assert.equal(first.side, 'token')
  assert.match(first.text, /https:\/\/vault\.acme\.test/)
  assert.deepEqual(second.patch, {
    bound_audiences: ['https://vault.acme.test', 'https://github.com/acme'],
  })
  // What would be minted if both were mended.
  assert.deepEqual(data.outcome.token_policies, ['default', 'ro'])
})

test('claims without a token: what rests on a signature is unverified', async () => {
  const now = nowSeconds()
  const claims = { ...good, iat: now, exp: now + 60 }
  for (const given of [claims, JSON.stringify(claims)]) {
    const data = await explained({ claims: given })
    assert.equal(data.decision, 'accept')
    const byId = Object.fromEntries(data.checks.map((check: Check) => [check.id, check.status]))
    assert.equal(byId['signature'], 'unverified')
    assert.equal(byId['audience'], 'unverified')
    assert.equal(data.key_id, null)
  }
  const expired = await explained({ claims: { ...good, iat: now - 9000, exp: now - 8000 } })
  assert.equal(expired.reason, 'expired')
  const forged = await explained({ jwt: stranger.sign(good) })
  assert.equal(forged.reason, 'signature_invalid')
  const statuses = new Set(forged.checks.map(({ status }: Check) => status))
  assert.ok(statuses.has('unverified'))
})

test('as of another time, from another address, and for all roles', async () => {
  const jwt = key.sign(good)
  const late = await explained({ jwt, at: nowSeconds() + 7200 })
  assert.equal(late.reason, 'expired')
  const text = new Date(clock.nowMs() + 7_200_000).toISOString()
  assert.equal((await explained({ jwt, at: text })).reason, 'expired')
  assert.equal((await explained({ jwt, at: text })).at.slice(0, 19), text.slice(0, 19))
  await role('inside', { bound_audiences: good.aud, token_bound_cidrs: '10.0.0.0/8' })
  const outside = await explained({ role: 'inside', jwt, source_address: '192.0.2.1' })
  assert.equal(outside.reason, 'source_address_refused')
  const inside = await explained({ role: 'inside', jwt, source_address: '10.1.2.3' })
  assert.equal(inside.decision, 'accept')
  const all = await explained({ jwt, all_roles: true, source_address: '192.0.2.1' })
  assert.equal(all.truncated, false)
  assert.deepEqual(all.roles, [
    { role: 'deploy', decision: 'accept', reason: null },
    { role: 'inside', decision: 'refuse', reason: 'source_address_refused' },
  ])
})

test('a disabled entity and a root policy refuse after the method has said yes', async () => {
  const { body } = await login({ jwt: key.sign({ ...good, sub: 'repo:acme/other' }) })
  await changeEntity(server, String(body.auth.entity_id), { disabled: true })
  const disabled = await explained({ jwt: key.sign({ ...good, sub: 'repo:acme/other' }) })
  assert.equal(disabled.reason, 'entity_disabled')
  assert.equal(disabled.decision, 'refuse')
  const all = await explained({
    jwt: key.sign({ ...good, sub: 'repo:acme/other' }),
    all_roles: true,
  })
  const deploy = all.roles.find((one: { readonly role: string }) => one.role === 'deploy')
  assert.deepEqual(deploy, { role: 'deploy', decision: 'refuse', reason: 'entity_disabled' })
  await role('rooted', { bound_audiences: good.aud, token_policies: ['root'] })
  const rooted = await explained({ role: 'rooted', jwt: key.sign(good) })
  const refused = await login({ role: 'rooted', jwt: key.sign(good) })
  assert.equal(rooted.reason, refused.headers['x-login-reason'])
})

test('whoever may not explain learns nothing, and whoever may asks thirty times a minute', async () => {
  const jwt = key.sign(good)
  want403T(await server.client().write('sys/explain/login', { jwt }))
  const nobody = await root.tokenWith(['nothing'])
  want403P(await nobody.write('sys/explain/login', { jwt }))
  const policy = 'path "sys/explain/login" { capabilities = ["update"] }'
  const asker = await root.tokenFor('explainer', policy)
  for (let i = 0; i < 30; i++) {
    assert.equal((await asker.write('sys/explain/login', { jwt })).status, 200)
  }
  const refused = await asker.write('sys/explain/login', { jwt })
  assert.equal(refused.status, 429)
  assert.match(refused.headers['retry-after'] ?? '', /^\d+$/)
  assert.equal((await explain({ jwt })).status, 200)
  clock.advance(61_000)
  assert.equal((await asker.write('sys/explain/login', { jwt: key.sign(good) })).status, 200)
})

test('a question that cannot be understood names its field', async () => {
  const jwt = key.sign(good)
  for (const [body, text] of [
    [{}, /exactly one of "jwt", "claims" and "id"/],
    [{ jwt, claims: {} }, /exactly one/],
    [{ id: 'nobody' }, /no decision record/],
    [{ claims: '[1]' }, /"claims"/],
    [{ claims: '{' }, /"claims" is no JSON text/],
    [{ claims: 7 }, /"claims"/],
    [{ jwt, kind: 'saml' }, /"kind"/],
    [{ jwt, mount: 'nowhere' }, /no mount "nowhere".*there are: jwt\//],
    [{ jwt, source_address: '10.0.0.0/8' }, /"source_address"/],
    [{ jwt, at: 'noon' }, /at/],
  ] as const) {
    wantError(await explain(body), 400, text)
  }
  for (const mount of ['jwt', 'jwt/', 'auth/jwt', 'auth/jwt/']) {
    assert.equal((await explain({ jwt, mount })).status, 200)
  }
  const deep = '['.repeat(70) + ']'.repeat(70)
  wantError(await explain({ claims: `{"a":${deep}}` }), 400, /"claims" is no JSON text/)
  const large = { claims: { ...good, pad: 'x'.repeat(1_000_000) } }
  assert.equal((await explain(large)).status, 200)
})

test('a misspelt role is told to whoever may list roles, and to nobody else', async () => {
  const body = { role: 'deplyo', jwt: key.sign(good) }
  const asked = await explained(body)
  assert.equal(asked.reason, 'role_unknown')
  assert.equal(JSON.stringify(asked.fix).includes('deploy"'), false)
  const lister = await root.tokenFor(
    'lister',
    `path "sys/explain/login" { capabilities = ["update"] }
     path "auth/jwt/role" { capabilities = ["list"] }`,
  )
  const told = await lister.write('sys/explain/login', body)
  assert.match(told.body.data.fix[0].text, /Did you mean the role "deploy"\?/)
})

test('with several mounts the mount has to be named', async () => {
  await root.must('sys/auth/second', { type: 'jwt' })
  await root.must('sys/auth/approle-like', { type: 'oidc' })
  wantError(
    await explain({ jwt: key.sign(good) }),
    400,
    '"mount" has to say which of these: approle-like/, jwt/, second/',
  )
  const bare = await explained({ mount: 'second', jwt: key.sign(good), role: 'x' })
  assert.equal(bare.reason, 'config_missing')
  await root.must('auth/second/config', { jwt_validation_pubkeys: [key.pem] })
  assert.equal((await explained({ mount: 'second', jwt: 'x' })).reason, 'role_missing')
  const unknown = await explained({ mount: 'second', jwt: key.sign(good), role: 'x' })
  assert.equal(unknown.reason, 'role_unknown')
  await root.remove('sys/auth/second')
  await root.remove('sys/auth/approle-like')
})

test('explain and login agree, whatever role and token are', async () => {
  const roles: Record<string, object> = {
    plain: { bound_audiences: good.aud },
    subject: { bound_audiences: good.aud, bound_subject: good.sub },
    claims: { bound_audiences: good.aud, bound_claims: { repository_owner: ['acme', 'other'] } },
    groups: { bound_audiences: good.aud, groups_claim: 'groups' },
    mapped: { bound_audiences: good.aud, claim_mappings: { team: 'team' } },
    short: { bound_audiences: good.aud, clock_skew_leeway: -1, expiration_leeway: -1 },
    user: { bound_audiences: good.aud, user_claim: '/org/name', user_claim_json_pointer: true },
  }
  for (const [name, settings] of Object.entries(roles)) await role(`p-${name}`, settings)
  const now = nowSeconds()
  const changes: readonly object[] = [
    {},
    { aud: ['x', good.aud] },
    { aud: 'x' },
    { aud: undefined },
    { aud: '' },
    { iss: `${issuer}/` },
    { iss: undefined },
    { sub: 'other' },
    { sub: undefined },
    { sub: 7 },
    { groups: ['a', 'b'] },
    { groups: 'a' },
    { groups: [1] },
    { team: 'red' },
    { team: null },
    { exp: now - 500 },
    { exp: undefined, nbf: undefined, iat: undefined },
    { nbf: now + 900 },
    { iat: now + 900 },
    { exp: 'soon' },
    { repository_owner: 'evil' },
    { org: { name: 'acme' } },
  ]
  const seen = new Set<string>()
  const whole = await root.tokenFor('all', 'path "*" { capabilities = ["update"] }')
  let asker = whole
  let count = 0
  for (const name of [...Object.keys(roles).map((one) => `p-${one}`), 'none']) {
    for (const change of changes) {
      for (const signer of [key, stranger]) {
        if (count++ % 25 === 0) asker = await root.tokenWith(['all'])
        const jwt = signer.sign({ ...good, ...change })
        const judged = await asker.write('sys/explain/login', { role: name, jwt })
        const done = await login({ role: name, jwt })
        assert.equal(judged.status, 200, `${name} ${judged.text}`)
        const { decision, reason } = judged.body.data
        assert.equal(decision === 'accept', done.status === 200, `${name} ${done.text}`)
        assert.equal(reason ?? undefined, done.headers['x-login-reason'], `${name} ${done.text}`)
        seen.add(String(reason))
      }
    }
  }
  assert.ok(seen.size >= 14, [...seen].join(' '))
})
