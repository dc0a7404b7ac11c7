/** Advice about roles: as warnings of a write, and for the whole mount (explain.md §6). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertStatus, configS, keyK, makeMount, plainRole } from './fixture.ts'

let server: TestServer
let mount: string
let count = 0

before(async () => {
  server = await startTestServer()
  mount = await makeMount(server.root, configS)
})
after(() => server.stop())

const glob = { ...plainRole, bound_claims_type: 'glob' }
const rules = { ...plainRole, bound_claims_type: 'rules' }
const cases: readonly (readonly [string, object])[] = [
  ['glob_everything', { ...glob, bound_claims: { env: '*' } }],
  ['glob_everything', { ...rules, bound_claims: { env: { any_of: ['x', { glob: ['*'] }] } } }],
  ['glob_crosses_owner', { ...rules, bound_claims: { repository: [{ glob: 'acme*' }] } }],
  ['glob_crosses_owner', { ...glob, bound_claims: { repository: 'acme*' } }],
  ['subject_unowned', { ...plainRole, bound_subject: 'repo:org/app:ref:refs/heads/main' }],
  ['per_run_user_claim', { ...plainRole, user_claim: 'jti' }],
  ['metadata_key_reserved', { ...plainRole, alias_metadata: 'role=x' }],
  ['metadata_key_reserved', { ...plainRole, claim_mappings: 'a=oauth2_x' }],
  [
    'redirect_http_not_loopback',
    { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: 'http://example.com/cb' },
  ],
]

describe('warnings of a write', () => {
  for (const [code, body] of cases) {
    test(`${code} for ${JSON.stringify(body)}`, async () => {
      const result = await server.root.write(`auth/${mount}/role/w${++count}`, body)
      assertStatus(result, 200)
      assert.ok(
        result.body.warnings.some((text: string) => text.startsWith(`[${code}] `)),
        result.text,
      )
    })
  }

  test('no_bound_claims_public_issuer, by the bound issuer and by a named one', async () => {
    const body = { ...plainRole, bound_claims: { ref: 'main' } }
    const config = { ...configS, bound_issuer: 'https://gitlab.com' }
    const byConfig = await makeMount(server.root, config)
    const byName = await makeMount(server.root)
    await server.root.must(`auth/${byName}/issuers/x`, {
      issuer: 'https://token.actions.githubusercontent.com',
      jwt_validation_pubkeys: [keyK.pem],
    })
    const forbidding = { ...rules, bound_claims: { repository: { not: 'acme/old' } } }
    for (const at of [byConfig, byName]) {
      for (const role of [body, forbidding]) {
        const result = await server.root.write(`auth/${at}/role/r`, role)
        assertStatus(result, 200)
        assert.match(result.body.warnings.join(), /\[no_bound_claims_public_issuer\]/)
      }
    }
  })

  test('ttl_longer_than_token, for tokens of jobs alone', async () => {
    const config = { ...configS, bound_issuer: 'https://gitlab.com' }
    const at = await makeMount(server.root, config)
    const role = { ...plainRole, bound_claims: { project_id: '7' } }
    const long = await server.root.write(`auth/${at}/role/long`, { ...role, token_ttl: '48h' })
    assert.match(long.body.warnings.join(), /\[ttl_longer_than_token\].*gitlab.*48h/)
    assert.match((await server.root.write(`auth/${at}/role/none`, role)).text, /ttl_longer/)
    const short = await server.root.write(`auth/${at}/role/short`, { ...role, token_ttl: '15m' })
    assertStatus(short, 204)
  })

  test('a role without risk is a plain 204', async () => {
    for (const body of [
      plainRole,
      { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: 'http://localhost:8250/cb' },
      {
        role_type: 'oidc',
        user_claim: 'sub',
        allowed_redirect_uris: 'http://[::1]:8250/cb,http://127.0.0.9/x',
      },
    ]) {
      assertStatus(await server.root.write(`auth/${mount}/role/ok${++count}`, body), 204)
    }
  })

  test('ROL-004, ROL-006, ROL-007: a role without an audience is a plain 204 and shows in lint', async () => {
    const at = await makeMount(server.root, configS)
    const base = { role_type: 'jwt', user_claim: 'sub' }
    for (const [name, more] of [
      ['a', { bound_subject: 's' }],
      ['b', { bound_cidrs: '127.0.0.1' }],
      ['c', { bound_claims: { foo: 10 } }],
    ] as const) {
      assertStatus(await server.root.write(`auth/${at}/role/${name}`, { ...base, ...more }), 204)
    }
    const { data } = (await server.root.read(`auth/${at}/lint`)).body
    assert.deepEqual(
      data.lints.map(({ role, code }: { role: string; code: string }) => [role, code]),
      [
        ['a', 'audience_any'],
        ['b', 'audience_any'],
        ['c', 'audience_any'],
      ],
    )
    assert.equal(data.roles_judged, 3)
    assert.equal(data.truncated, false)
  })
})

test('policy_unknown is told by lint, of a role and of its groups, until somebody writes the policy', async () => {
  const at = await makeMount(server.root, configS)
  const role = { ...plainRole, token_policies: ['Default', 'late'], groups_claim: 'groups' }
  const body = { ...role, group_policies: { admins: ['later'] } }
  assertStatus(await server.root.write(`auth/${at}/role/r`, body), 204)
  const told = async (): Promise<string> => (await server.root.read(`auth/${at}/lint`)).text
  assert.match(await told(), /\[policy_unknown\] Nobody has written the policy \\"late\\"/)
  assert.match(await told(), /\\"later\\"/)
  for (const name of ['late', 'later']) {
    await server.root.must(`sys/policies/acl/${name}`, { policy: 'path "x" {}' })
  }
  assert.equal((await told()).includes('policy_unknown'), false)
})

test('lint judges every role and needs the capability', async () => {
  const { data } = (await server.root.read(`auth/${mount}/lint`)).body
  const codes = new Set(data.lints.map(({ code }: { code: string }) => code))
  for (const [code] of cases) assert.ok(codes.has(code), code)
  const known = (await server.root.read('sys/explain/reasons')).body.data.lints
  for (const { code, text } of data.lints) {
    assert.ok(Object.hasOwn(known, code))
    assert.ok(text.startsWith(`[${code}] `))
  }
  assertStatus(await server.client().read(`auth/${mount}/lint`), 403)
  const bare = await makeMount(server.root)
  const empty = await server.root.read(`auth/${bare}/lint`)
  assert.deepEqual(empty.body.data, { lints: [], roles_judged: 0, truncated: false })
})
