/** Sign-ins of the documents people follow (jwt-oidc.md §8.2, S-02 and S-10). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ScriptedProvider, type Members } from '../harness/scripted-provider.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { assertReason, assertStatus } from './fixture.ts'

let server: TestServer
let idp: ScriptedProvider
const loopback = 'http://localhost:8250/oidc/callback'

before(async () => {
  idp = await new ScriptedProvider().start()
  server = await startTestServer()
  await server.root.must('sys/auth/oidc', { type: 'oidc' })
})

after(async () => {
  await server.stop()
  await idp.stop()
})

async function signIn(claims: Members) {
  const client = server.client()
  const begun = await client.write('auth/oidc/oidc/auth_url', { redirect_uri: loopback })
  const url = new URL(begun.body.data.auth_url)
  const nonce = url.searchParams.get('nonce') ?? ''
  idp.onToken = () => ({
    body: { access_token: 'a', token_type: 'Bearer', id_token: idp.mint(nonce, claims) },
  })
  const state = url.searchParams.get('state') ?? ''
  return client.read(`auth/oidc/oidc/callback?state=${state}&code=x`)
}

test('SED-001 S-02: each write is a 204, and the role has what the page says', async () => {
  const config = await server.root.write('auth/oidc/config', {
    oidc_discovery_url: idp.issuer,
    oidc_client_id: 'vault-client',
    oidc_client_secret: 's.secret',
    default_role: 'web',
    // The page's provider signs with RS256; this one with ES256.
    jwt_supported_algs: 'ES256',
  })
  assertStatus(config, 204)
  const role = await server.root.write('auth/oidc/role/web', {
    user_claim: 'sub',
    bound_audiences: 'vault',
    allowed_redirect_uris: [loopback, 'https://vault.example.com/ui/vault/auth/oidc/oidc/callback'],
    oidc_scopes: 'openid,profile,email,groups',
    groups_claim: 'groups',
    claim_mappings: 'email=alias_email',
    token_policies: 'dev',
  })
  assertStatus(role, 204)
  const { data } = (await server.root.read('auth/oidc/role/web')).body
  assert.equal(data.allowed_redirect_uris.length, 2)
  assert.deepEqual(data.claim_mappings, { email: 'alias_email' })
  assert.equal(data.role_type, 'oidc')
})

test("SED-002 S-02: the page's own sample is refused for its issuer and for its missing azp", async () => {
  const sample = { email: 'user@example.com', groups: ['dev'], aud: 'vault' }
  assertReason(await signIn({ ...sample, iss: `${idp.issuer}/` }), 'issuer_mismatch')
  assertReason(await signIn(sample), 'authorized_party_mismatch')
})

test('SED-003 S-02: a provider that names both audiences and the client is accepted', async () => {
  const claims = { email: 'user@example.com', groups: ['dev'], azp: 'vault-client' }
  for (const aud of [['vault', 'vault-client'], 'vault']) {
    const answer = await signIn({ ...claims, aud })
    assertStatus(answer, 200)
    assert.deepEqual(answer.body.auth.policies, ['default', 'dev'])
    assert.equal(answer.body.auth.metadata.alias_email, 'user@example.com')
  }
})

test('SED-015 S-10: another port of this machine is the same address', async () => {
  const redirect_uri = 'http://localhost:8400/oidc/callback'
  const answer = await server.client().write('auth/oidc/oidc/auth_url', { redirect_uri })
  assert.match(
    answer.body.data.auth_url,
    /redirect_uri=http%3A%2F%2Flocalhost%3A8400%2Foidc%2Fcallback/,
  )
})
