/** One case for each known mistake: what it is told by, and that a refused caller hears nothing of the role (explain.md §2). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { looks, lookOf, notBase64Url, whyNotCompact } from '../../src/jose/jwt-look.ts'
import type { JsonValue } from '../../src/lib/json.ts'
import { allMistakes, mistakeIds, ownMistakes } from '../../src/trust/known-mistakes.ts'
import type { Reason } from '../../src/trust/reasons.ts'
import { claimsOf, decide, roleOf, tokenOf, withClaims } from './fixture.ts'

interface Case {
  readonly id: string
  readonly reason: Reason
  readonly claim: string
  readonly claims: object
  readonly got?: JsonValue
  readonly expected?: JsonValue
}

const github = 'https://token.actions.githubusercontent.com'
const tenant = '0b1f3a52-1111-4222-8333-444455556666'
const entra1 = `https://sts.windows.net/${tenant}/`
const entra2 = `https://login.microsoftonline.com/${tenant}/v2.0`
const gitlab = { iss: 'https://gitlab.acme.test', project_path: 'acme/app', pipeline_id: '7' }
const pod = 'system:serviceaccount:build:runner'

const issuer = (id: string, iss: string, expected: string, claims: object = {}): Case => ({
  id,
  reason: 'issuer_mismatch',
  claim: 'iss',
  claims: { iss, ...claims },
  got: iss,
  expected,
})
const audience = (id: string, iss: string, aud: JsonValue, claims: object = {}): Case => ({
  id,
  reason: 'audience_mismatch',
  claim: 'aud',
  claims: { iss, aud, ...claims },
  got: aud,
  expected: { any_of: ['https://vault.acme.test'] },
})
const value = (id: string, got: JsonValue, expected: JsonValue, claims: object = {}): Case => ({
  id,
  reason: 'claim_mismatch',
  claim: 'team',
  claims: { team: got, ...claims },
  got,
  expected,
})
const missing = (id: string, reason: Reason, claim: string, claims: object): Case => ({
  id,
  reason,
  claim,
  claims,
})

const cases: readonly Case[] = [
  audience('github_default_audience', github, 'https://github.com/acme'),
  {
    ...value(
      'github_immutable_subject',
      'repo:acme@1/app@2:ref:refs/heads/main',
      'repo:acme/app:x',
    ),
    claim: 'sub',
    claims: { iss: github },
  },
  issuer('entra_v1_issuer', entra1, entra2),
  issuer('entra_v2_issuer', entra2, entra1),
  audience('entra_graph_audience', entra2, '00000003-0000-0000-c000-000000000000'),
  audience('entra_v1_audience', entra1, `api://${tenant}`),
  audience('entra_v2_audience', entra2, tenant),
  issuer('auth0_slash', 'https://acme.eu.auth0.com/', 'https://acme.eu.auth0.com'),
  missing('auth0_namespaced_claim', 'groups_missing', 'groups', { 'https://acme.test/groups': [] }),
  issuer('okta_org_issuer', 'https://acme.okta.com', 'https://acme.okta.com/oauth2/default'),
  issuer('okta_server_issuer', 'https://acme.okta.com/oauth2/aus1', 'https://acme.okta.com'),
  missing('okta_groups', 'groups_missing', 'groups', { iss: 'https://acme.okta.com' }),
  audience('keycloak_audience', 'https://sso.acme.test/realms/a', ['account']),
  missing('keycloak_roles', 'groups_missing', 'roles', { realm_access: { roles: ['a'] } }),
  issuer('google_issuer_scheme', 'accounts.google.com', 'https://accounts.google.com'),
  audience('google_client_audience', 'https://accounts.google.com', '1.apps.googleusercontent.com'),
  audience(
    'kubernetes_default_audience',
    'https://kubernetes.default.svc',
    'https://kubernetes.default.svc',
    { sub: pod },
  ),
  issuer('kubernetes_legacy_token', 'kubernetes/serviceaccount', 'https://kubernetes.default.svc'),
  value('gitlab_text_booleans', 'true', true, gitlab),
  issuer('gitlab_old_token', 'gitlab.acme.test', 'https://gitlab.acme.test', {
    ...gitlab,
    iss: 'gitlab.acme.test',
  }),
  { ...missing('list_for_text', 'user_claim_type', 'email', {}), got: ['a@acme.test'] },
  missing('null_claim', 'groups_missing', 'groups', { groups: null }),
  value('empty_list', [], 'red'),
  { ...missing('number_for_text', 'metadata_type', 'uid', {}), got: 7 },
  missing('similar_claim', 'claim_missing', 'repository_owner', { repositoryOwner: 'acme' }),
  value('near_space', 'red ', 'red'),
  issuer('near_slash', 'https://iss.test', 'https://iss.test/'),
  issuer('near_scheme', 'http://iss.test', 'https://iss.test'),
  issuer('near_port', 'https://iss.test:443/a', 'https://iss.test/a'),
  value('near_case', 'Acme/App', ['other', 'acme/app']),
  issuer('near_several', 'http://ISS.test', 'https://iss.test/'),
  value('other_type', '42', 42),
  {
    ...value('github_ids_expected', 'repo:acme/app:ref:x', 'repo:acme@1/app@2:ref:x'),
    claim: 'sub',
    claims: { iss: github },
  },
  value('glob_not_on', 'acme/app', 'acme/*'),
  issuer('keycloak_old_path', 'https://sso.test/realms/a', 'https://sso.test/auth/realms/a'),
  issuer('same_host', 'https://sso.test/realms/a', 'https://sso.test/realms/b'),
]

test('every known mistake is told by its own case', () => {
  assert.deepEqual(
    cases.map(({ id }) => id),
    mistakeIds.toSorted((a, b) => place(a) - place(b)),
  )
  for (const { id, claims, ...failure } of cases) {
    const found = allMistakes(failure, claimsOf(JSON.stringify(claims)))
    const mistake = found.find((one) => one.id === id)
    assert.ok(mistake !== undefined, `${id}: ${JSON.stringify(found)}`)
    assert.match(mistake.note, /\.$/, id)
    assert.match(mistake.fix, /[.…]$|[A-Z]+\.$/, id)
  }
})

function place(id: string): number {
  return cases.findIndex((one) => one.id === id)
}

test('what a refused caller hears is the same whatever the role expects', () => {
  const canary = 'Zq7-canary'
  for (const { claims, reason, claim, got } of cases) {
    const own = got === undefined ? { reason, claim } : { reason, claim, got }
    const parsed = claimsOf(JSON.stringify(claims))
    const bare = JSON.stringify(ownMistakes(own, parsed))
    for (const expected of [canary, [canary], { any_of: [canary] }, { glob: `${canary}*` }]) {
      const given = { ...own, expected }
      assert.equal(JSON.stringify(ownMistakes(given, parsed)), bare)
    }
    assert.equal(bare.includes('differ only'), false)
  }
})

test('one value in two types is told, whichever side has the text', () => {
  const none = claimsOf('{}')
  const noteOf = (got: JsonValue, expected: JsonValue): string =>
    allMistakes({ reason: 'claim_mismatch', got, expected }, none)[0]?.note ?? ''
  assert.match(noteOf('true', true), /as a text, the role expects/)
  assert.match(noteOf(true, ['x', 'true']), /as a boolean or a number/)
  assert.match(noteOf('42', claimsOf('{"n":42}')['n'] ?? null), /as a text/)
  assert.equal(noteOf('42', 43), '')
})

test('a value that fits nothing has no note, and neither has what failed for another reason', () => {
  const none = claimsOf('{}')
  assert.deepEqual(
    allMistakes({ reason: 'claim_mismatch', got: 'red', expected: 'blue' }, none),
    [],
  )
  assert.deepEqual(allMistakes({ reason: 'expired', claim: 'exp', got: 1 }, none), [])
  const long = 'x'.repeat(10_000)
  const huge = Array.from({ length: 5_000 }, () => long)
  const failure = { reason: 'claim_mismatch', got: huge, expected: huge } as const
  assert.deepEqual(allMistakes(failure, none), [])
})

test('the sentence of a refusal has the note, and the expectation for full disclosure alone', () => {
  const role = roleOf({ bound_subject: '', bound_audiences: ['https://vault.acme.test'] })
  const token = tokenOf(withClaims({ aud: 'https://VAULT.acme.test/' }))
  const own = decide({ role, token })
  assert.equal(own.reason, 'audience_mismatch')
  assert.match(own.sentence ?? '', /The claim "aud" of the token is "https:\/\/VAULT.acme.test\/"/)
  assert.equal(own.sentence?.includes('https://vault.acme.test'), false)
  const full = decide({ role, token, explainToCaller: 'full' })
  assert.match(full.sentence ?? '', /differ only in a slash at the end and upper and lower case/)
  const explained = decide({ role, token, evaluateAll: true })
  const check = explained.checks.find(({ status }) => status === 'fail')
  assert.match(check?.note ?? '', /differ only in/)
})

test('a list of one is shown as a list, an empty list and null as what they are', () => {
  const said = (team: JsonValue): string => {
    const role = roleOf({ bound_claims: { team: 'red' } })
    return decide({ role, token: tokenOf(withClaims({ team })) }).sentence ?? ''
  }
  assert.match(said(['blue']), /is \["blue"\]\./)
  assert.match(said('blue'), /is "blue"\./)
  assert.match(said([]), /is an empty list\./)
  assert.match(said(null), /is there and is null/)
})

const looksLike: Readonly<Record<string, readonly string[]>> = {
  server_token: ['hvs.CAESIJ', 's.abcdefghijklmnopqrstuvwx', 'hvb.x', 'b.abcdefghijklmnopqrst'],
  bearer_prefix: ['Bearer eyJhbGciOi.e30.x', 'bearer\tx'],
  unfilled_variable: ['$TOKEN', '${JWT}', '$(cat token)', '{{ jwt }}', '%JWT%'],
  no_value: ['null', 'undefined', '[object Object]', 'None'],
  json: ['{"jwt":"x"}'],
  certificate: ['-----BEGIN CERTIFICATE-----\nMIIB'],
  pem: ['-----BEGIN PUBLIC KEY-----'],
  certificate_base64: ['MIIDazCCAlOgAwIBAgI', 'LS0tLS1CRUdJTiBDRVJU'],
  github_token: ['ghp_abc', 'ghs_abc', 'github_pat_11A'],
  gitlab_token: ['glpat-abc', 'glcbt-64_x'],
  service_token: ['xoxb-1', 'ya29.a0', 'AKIAIOSFODNN7EXAMPLE', 'npm_x', 'sk-x'],
  paseto: ['v4.public.eyJ', 'v2.local.x'],
  saml: ['PHNhbWxwOlJlc3BvbnNl', 'PHNhbWw6QXNz'],
  ssh_key: ['ssh-ed25519 AAAAC3'],
  markup: ['<html>'],
  encoded_twice: ['ZXlKaGJHY2lPaUpTVXpJMU5pSjku'],
  quotes: ['"eyJhbGciOi.e30.x"', "'eyJ.e30.x'", '\u201ceyJ.e30.x\u201d'],
  named: ['jwt=eyJhbGciOi.e30.x', 'token: eyJ.e30.x'],
  file_name: ['@token.jwt', '/var/run/secrets/token', './token.jwt', '~/token'],
  url: ['https://iss.test/token'],
  url_encoded: ['eyJhbGciOi%2Ee30%2Ex'],
  line_breaks: ['eyJhbGciOi\n.e30'],
  spaces: ['eyJhbGciOi .e30'],
}

test('what is no token at all is recognised by its look, and nothing of it is repeated', () => {
  assert.deepEqual(
    looks.map(({ id }) => id),
    Object.keys(looksLike),
  )
  for (const { id, detail } of looks) {
    for (const text of looksLike[id] ?? []) assert.equal(lookOf(text)?.detail, detail, text)
  }
  assert.equal(lookOf('eyJhbGciOiJFUzI1NiJ9'), undefined)
  assert.equal(whyNotCompact('a.b.c.d.e').reason, 'jwt_encrypted')
  assert.match(whyNotCompact('eyJhbGciOi.e30').hint ?? '', /cut off/)
  assert.match(whyNotCompact('AbCdEfGhIjKlMnOpQrStUv').hint ?? '', /opaque access token/)
  assert.match(notBase64Url('second', 'e\n30').hint ?? '', /line break/)
  assert.match(notBase64Url('third', 'x"').hint ?? '', /quotation mark/)
  assert.match(notBase64Url('third', 'a+b/').hint ?? '', /plain base64/)
  assert.match(notBase64Url('third', 'ab==').hint ?? '', /padding/)
  assert.match(notBase64Url('first', 'a%3D').hint ?? '', /URL-encoded/)
})
