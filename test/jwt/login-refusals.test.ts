/**
 * Every reason for which the JWT login can refuse, over HTTP: status, compatible text, the sentence by disclosure, the header
 * (explain.md §2, jwt-oidc.md Appendix B).
 */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'
import { reasonCodes, type Reason } from '../../src/trust/reasons.ts'
import {
  configS,
  fresh,
  issuerUrl,
  keyK,
  login,
  makeMount,
  makeSigner,
  nowSeconds,
  part,
  plainClaims,
  plainRole,
  signAs,
  writeFrom,
  type Claims,
} from './fixture.ts'

interface Case {
  readonly title: string
  readonly reason: Reason
  /** errors[0]: exact, or what it matches. */
  readonly text: string | RegExp
  readonly role?: object
  readonly jwt?: string | (() => string)
  readonly claims?: Claims
  /** The caller's own value or claim name that `own_claims` shows. */
  readonly own?: string
  /** What the role expects: shown with `full` alone. */
  readonly expected?: string
  readonly config?: object
}

const canary = 'CANARYVALUE'
const stranger = makeJwtMaker('k1')
const outer = 'error validating token:'
const proof = `${outer} error verifying token signature:`
const unsigned = (header: unknown, claims: unknown = plainClaims) =>
  `${part(header)}.${part(claims)}.${part(canary)}`
const now = nowSeconds()

const cases: readonly Case[] = [
  // -------------------------------------------------- form and keys: nothing of the token may come back
  {
    title: 'KEY-009, SEC-TOK-01: one part',
    reason: 'jwt_malformed',
    text: `${proof} three parts expected, one found`,
    jwt: canary,
  },
  {
    title: 'KEY-009: no signature part',
    reason: 'jwt_malformed',
    text: `${proof} three parts expected, two found`,
    jwt: () => `${part({ alg: 'ES256' })}.${part({ sub: canary })}`,
  },
  {
    title: 'SEC-TOK-03: too long',
    reason: 'jwt_too_large',
    text: /^error validating token: .*262144 characters/,
    jwt: () => `${part({ alg: 'ES256' })}.${'A'.repeat(262_144)}.AAAA`,
  },
  {
    title: 'SEC-TOK-13: five parts',
    reason: 'jwt_encrypted',
    text: /five parts found/,
    jwt: () => `${part({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.AAAA.AAAA`,
  },
  {
    title: 'a token of this server',
    reason: 'not_a_jwt',
    text: /looks like a Vault token/,
    jwt: `hvs.${canary}`,
  },
  {
    title: 'SEC-TOK-11: the word Bearer',
    reason: 'not_a_jwt',
    text: /Bearer/,
    jwt: () => `Bearer ${keyK.sign(plainClaims)}`,
  },
  {
    title: 'SEC-007, SEC-TOK-12: JSON serialisation',
    reason: 'not_a_jwt',
    text: /looks like JSON/,
    jwt: () => {
      const [protectedPart, payload, signature] = keyK.sign(plainClaims).split('.')
      return JSON.stringify({ protected: protectedPart, payload, signature })
    },
  },
  {
    title: 'SEC-008, SEC-ALG-15: crit',
    reason: 'header_refused',
    text: /critical/,
    jwt: () => keyK.sign({ ...plainClaims, c: canary }, { crit: ['x'] }),
  },
  {
    title: 'SEC-KEY-07: a kid that is a number',
    reason: 'header_refused',
    text: /kid/,
    jwt: () => keyK.sign(plainClaims, { kid: 5 }),
  },
  {
    title: 'KEY-005, SEC-ALG-01: none',
    reason: 'algorithm_refused',
    text: `${outer} invalid algorithm (alg) header parameter: token signed with unexpected algorithm`,
    jwt: () => unsigned({ alg: 'none' }),
  },
  {
    title: 'KEY-005, SEC-ALG-05: HS256',
    reason: 'algorithm_refused',
    text: `${outer} invalid algorithm (alg) header parameter: token signed with unexpected algorithm`,
    jwt: () => unsigned({ alg: 'HS256' }),
  },
  {
    title: 'LOG-011, SEC-KEY-05: a stranger key',
    reason: 'signature_invalid',
    text: /^error validating token: error verifying token signature: the signature does not verify/,
    jwt: () => stranger.sign({ ...plainClaims, sub: canary }),
  },
  {
    title: 'KEY-006, SEC-SIG-03: claims exchanged',
    reason: 'signature_invalid',
    text: /does not verify/,
    jwt: () => {
      const [header, , signature] = keyK.sign(plainClaims).split('.')
      return `${header}.${part(fresh({ ...plainClaims, sub: canary }))}.${signature}`
    },
  },
  {
    title: 'a key that cannot verify the algorithm',
    reason: 'key_unusable',
    text: /none of the configured keys fits/,
    jwt: () =>
      signAs('EdDSA', makeSigner('EdDSA').privateKey, { alg: 'EdDSA' }, fresh(plainClaims)),
  },
  {
    title: 'SEC-JSN-02: claims that are a list',
    reason: 'claims_malformed',
    text: /^error validating token: the claims of the token are not a JSON object/,
    jwt: () => signRaw(JSON.stringify([canary])),
  },
  {
    title: 'SEC-006, SEC-JSN-01: a claim twice',
    reason: 'claims_malformed',
    text: /two members of one name/,
    jwt: () => signRaw(`{"sub":"${canary}","sub":"u"}`),
  },
  {
    title: 'a logout token (jwt-oidc.md §3.4)',
    reason: 'token_type_refused',
    text: /^error validating token: /,
    jwt: () => keyK.sign({ ...plainClaims, c: canary }, { typ: 'Logout+JWT' }),
  },
  {
    title: 'a logout event (jwt-oidc.md §3.4)',
    reason: 'token_type_refused',
    text: /^error validating token: /,
    claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
  },
  // -------------------------------------------------- registered claims
  {
    title: 'SEC-001, SEC-JSN-09: a look-alike beside the claim',
    reason: 'claim_ambiguous',
    text: `${outer} ambiguous claim: key "ſub" is equal to "sub" under Unicode case folding`,
    claims: { ſub: 'anon' },
  },
  {
    title: 'SEC-JSN-14: an issuer that is a number',
    reason: 'claims_malformed',
    text: `${outer} claim "iss" has the wrong JSON type`,
    claims: { iss: 5 },
    own: '5',
  },
  {
    title: 'LOG-012, SEC-JSN-15: another issuer',
    reason: 'issuer_mismatch',
    text: `${outer} invalid issuer (iss) claim`,
    claims: { iss: `https://${canary}/` },
    own: canary,
    expected: issuerUrl,
  },
  {
    title: 'no issuer',
    reason: 'issuer_missing',
    text: `${outer} invalid issuer (iss) claim`,
    claims: { iss: undefined },
    own: '"iss"',
  },
  {
    title: 'LOG-014: another subject',
    reason: 'subject_mismatch',
    text: `${outer} invalid subject (sub) claim`,
    role: { bound_subject: 'secret-subject' },
    claims: { sub: canary },
    own: canary,
    expected: 'secret-subject',
  },
  {
    title: 'LOG-013, AUD-008, SEC-JSN-16: another audience',
    reason: 'audience_mismatch',
    text: `${outer} invalid audience (aud) claim: audience claim does not match any expected audience`,
    role: { bound_audiences: ['secret-audience'] },
    claims: { aud: canary },
    own: canary,
    expected: 'secret-audience',
  },
  {
    title: 'AUD-009: no audience',
    reason: 'audience_missing',
    text: `${outer} invalid audience (aud) claim: audience claim does not match any expected audience`,
    role: { bound_audiences: ['secret-audience'] },
    claims: { aud: undefined },
    own: '"aud"',
    expected: 'secret-audience',
  },
  {
    title: 'AUD-001, SEC-JSN-17: an audience nobody bound',
    reason: 'audience_unbound',
    text: 'audience claim found in JWT but no audiences bound to the role',
    role: { bound_audiences: null, bound_subject: 'u' },
    claims: { aud: canary },
    own: canary,
  },
  {
    title: 'TIM-042: no date',
    reason: 'time_missing',
    text: `${outer} no issued at (iat), not before (nbf), or expiration time (exp) claims in token`,
    claims: { iat: undefined, nbf: undefined, exp: undefined },
  },
  {
    title: 'TIM-045, SEC-JSN-18: a date that is text',
    reason: 'time_malformed',
    text: `${outer} invalid expiration time (exp) claim: not a date`,
    claims: { exp: '123' },
    own: '123',
  },
  {
    title: 'SEC-JSN-20: not yet valid',
    reason: 'not_yet_valid',
    text: `${outer} invalid not before (nbf) claim: token not yet valid`,
    claims: { nbf: now + 300 },
    own: String(now + 300),
  },
  {
    title: 'SEC-JSN-20: expired',
    reason: 'expired',
    text: `${outer} invalid expiration time (exp) claim: token is expired`,
    claims: { exp: now - 100 },
    own: String(now - 100),
  },
  {
    title: 'SEC-JSN-20: issued in the future',
    reason: 'issued_in_future',
    text: `${outer} invalid issued at (iat) claim: token issued in the future`,
    claims: { iat: now + 300 },
    own: String(now + 300),
  },
  // -------------------------------------------------- the role
  {
    title: 'LOG-015: no user claim',
    reason: 'user_claim_missing',
    text: 'claim "email" not found in token',
    role: { user_claim: 'email' },
    own: '"email"',
  },
  {
    title: 'LOG-016, SEC-JSN-21: a user claim that is a number',
    reason: 'user_claim_type',
    text: 'claim "email" could not be converted to string',
    role: { user_claim: 'email' },
    claims: { email: 5 },
    own: '5',
  },
  {
    title: 'LOG-040, SEC-JSN-21: an empty user claim',
    reason: 'user_claim_unsafe',
    text: 'claim "email" is empty',
    role: { user_claim: 'email' },
    claims: { email: '' },
  },
  {
    title: 'SEC-JSN-06: NUL in the user claim',
    reason: 'user_claim_unsafe',
    text: 'claim "email" contains a NUL character',
    role: { user_claim: 'email' },
    claims: { email: 'a\0b' },
  },
  {
    title: 'CLM-043: a mapped claim is missing',
    reason: 'metadata_missing',
    text: /^claim "color" of claim_mappings not found in token/,
    role: { claim_mappings: 'color=c' },
    own: '"color"',
  },
  {
    title: 'SEC-MAT-13: a mapped claim is an object',
    reason: 'metadata_type',
    text: "error converting claim 'color' to string",
    role: { claim_mappings: 'color=c' },
    claims: { color: { a: canary } },
    own: canary,
  },
  {
    title: 'LOG-023: no groups',
    reason: 'groups_missing',
    text: 'failed to fetch groups: "groups" claim not found in token',
    role: { groups_claim: 'groups' },
    own: '"groups"',
  },
  {
    title: 'LOG-023: the groups are elsewhere',
    reason: 'groups_truncated',
    text: 'failed to fetch groups: "groups" claim not found in token',
    role: { groups_claim: 'groups' },
    claims: { hasgroups: true },
  },
  {
    title: 'LOG-023: groups that are an object',
    reason: 'groups_type',
    text: '"groups" claim could not be converted to string list',
    role: { groups_claim: 'groups' },
    claims: { groups: { a: canary } },
    own: canary,
  },
  {
    title: 'SEC-MAT-14: a group that is a number',
    reason: 'groups_type',
    text: 'value 1 in groups claim could not be parsed as string',
    role: { groups_claim: 'groups' },
    claims: { groups: [1] },
  },
  {
    title: 'LOG-010, SEC-MAT-06: a bound claim is missing',
    reason: 'claim_missing',
    text: 'error validating claims: claim "env" is missing',
    role: { bound_claims: { env: 'secret-value' } },
    own: '"env"',
    expected: 'secret-value',
  },
  {
    title: 'CLM-015: a bound claim differs',
    reason: 'claim_mismatch',
    text: 'error validating claims: claim "env" does not match any associated bound claim values',
    role: { bound_claims: { env: 'secret-value' } },
    claims: { env: canary },
    own: canary,
    expected: 'secret-value',
  },
  {
    title: 'more globs beside more characters than one login may look at',
    reason: 'claim_too_large',
    text: 'error validating claims: claim "env" is too large for what it is compared with',
    role: {
      bound_claims_type: 'glob',
      bound_claims: { env: Array.from({ length: 500 }, (_, i) => `*secret-value-${i}*`) },
    },
    claims: { env: canary.repeat(4000) },
    expected: 'secret-value',
  },
  {
    title: 'CLM-037: a bound claim is an object',
    reason: 'claim_type',
    text: 'error validating claims: received claim "env" is not a string, bool, int or list',
    role: { bound_claims: { env: 'secret-value' } },
    claims: { env: { a: canary } },
    own: canary,
    expected: 'secret-value',
  },
  {
    title: 'LOG-018: a template without its claim',
    reason: 'policy_template_failed',
    text: /^error rendering policy template 1: /,
    role: { token_policies: ['a', '{{ .nope }}'], token_policies_template_claims: true },
  },
  {
    title: 'LOG-037: root',
    reason: 'root_policy_refused',
    text: 'auth methods cannot create root tokens',
    role: { token_policies: ['root'] },
  },
]

function signRaw(claims: string): string {
  return signAs('ES256', rawKey.privateKey, { alg: 'ES256' }, claims)
}

const rawKey = makeSigner('ES256')
const disclosures = ['own_claims', 'none', 'full', 'vault'] as const
const mounts = new Map<string, string>()
const provoked = new Set<string>()
let server: TestServer
let jwks: RunningServer

before(async () => {
  server = await startTestServer()
  jwks = await startServer((_request, response) =>
    sendText(response, JSON.stringify({ keys: [{ ...makeSigner('RS256').jwk, kid: 'k-rsa' }] })),
  )
  for (const disclosure of disclosures) {
    const mount = await makeMount(server.root, {
      ...configS,
      jwt_validation_pubkeys: [keyK.pem, rawKey.pem],
    })
    const tune = disclosure === 'vault' ? { compat: 'vault' } : { explain_to_caller: disclosure }
    await server.root.must(`sys/auth/${mount}/tune`, tune)
    mounts.set(disclosure, mount)
  }
})
after(async () => {
  await server.stop()
  await jwks.close()
})

describe('every refusal, with each disclosure', () => {
  cases.forEach((one, i) => {
    test(`${one.title} is ${one.reason}`, async () => {
      const given = typeof one.jwt === 'function' ? one.jwt() : one.jwt
      const jwt = given ?? keyK.sign({ ...plainClaims, ...one.claims })
      for (const disclosure of disclosures) {
        // There a missing mapped claim is no refusal.
        if (disclosure === 'vault' && one.reason === 'metadata_missing') continue
        const mount = mounts.get(disclosure) ?? ''
        await server.root.must(`auth/${mount}/role/c${i}`, { ...plainRole, ...one.role })
        const result = await login(server, mount, `c${i}`, jwt)
        assert.equal(result.status, 400, result.text)
        const errors: readonly string[] = result.body.errors
        const [text = '', sentence = ''] = errors
        if (typeof one.text === 'string') assert.equal(text, one.text)
        else assert.match(text, one.text)
        assert.equal(result.headers['content-type'], 'application/json')
        const isHinted = disclosure === 'own_claims' || disclosure === 'full'
        assert.equal(errors.length, isHinted ? 2 : 1, `${disclosure}: ${result.text}`)
        assert.equal(result.headers['x-login-reason'], isHinted ? one.reason : undefined)
        if (isHinted) {
          provoked.add(one.reason)
          assert.match(sentence, new RegExp(`request id ${result.headers['x-request-id']}`))
          if (one.own !== undefined) assert.ok(sentence.includes(one.own), sentence)
        }
        const mayShowExpected = disclosure === 'full'
        if (one.expected !== undefined) {
          assert.equal(sentence.includes(one.expected), mayShowExpected, sentence)
          assert.ok(!text.includes(one.expected))
        }
        if (one.jwt !== undefined) {
          assert.ok(!result.text.includes(canary), 'nothing unproven is echoed')
        }
        const signature = jwt.split('.')[2] ?? ''
        if (signature.length > 20) assert.ok(!result.text.includes(signature))
      }
    })
  })
})

describe('refusals before the token is looked at', () => {
  const refuse = async (mount: string, body: object, reason: Reason, text: string | RegExp) => {
    const result = await server.client().write(`auth/${mount}/login`, body)
    assert.equal(result.status, 400, result.text)
    assert.equal(result.headers['x-login-reason'], reason)
    if (typeof text === 'string') assert.equal(result.body.errors[0], text)
    else assert.match(result.body.errors[0], text)
    assert.equal(result.body.errors.length, 2)
    assert.ok(!result.text.includes(canary))
    provoked.add(reason)
  }

  test('LOG-005: no configuration', async () => {
    const bare = await makeMount(server.root)
    const body = { role: 'r', jwt: canary }
    await refuse(bare, body, 'config_missing', 'could not load configuration')
  })

  test('LOG-006: no role', async () => {
    await refuse(mounts.get('own_claims') ?? '', { jwt: canary }, 'role_missing', 'missing role')
  })

  test('LOG-008: an unknown role is named', async () => {
    const body = { role: 'Nobody', jwt: canary }
    const text = 'role "nobody" could not be found'
    await refuse(mounts.get('own_claims') ?? '', body, 'role_unknown', text)
  })

  test('LOG-004: an oidc role', async () => {
    const mount = mounts.get('own_claims') ?? ''
    await server.root.must(`auth/${mount}/role/browser`, {
      user_claim: 'sub',
      allowed_redirect_uris: 'https://x/cb',
    })
    const text = 'role with oidc role_type is not allowed'
    await refuse(mount, { role: 'browser', jwt: canary }, 'role_type_mismatch', text)
  })

  test('LOG-009: no token', async () => {
    const mount = mounts.get('own_claims') ?? ''
    await server.root.must(`auth/${mount}/role/plain`, plainRole)
    await refuse(mount, { role: 'plain' }, 'jwt_missing', 'missing token')
  })

  test('LOG-003: an address from outside hears nothing but permission denied', async () => {
    for (const disclosure of disclosures) {
      const mount = mounts.get(disclosure) ?? ''
      await server.root.must(`auth/${mount}/role/net`, { ...plainRole, bound_cidrs: '127.0.0.42' })
      const body = { role: 'net', jwt: keyK.sign(plainClaims) }
      const result = await writeFrom(server, '127.0.0.99', `auth/${mount}/login`, body)
      assert.equal(result.status, 403)
      assert.deepEqual(result.body, { errors: ['permission denied'] })
      const isHinted = disclosure === 'own_claims' || disclosure === 'full'
      assert.equal(
        result.headers['x-login-reason'],
        isHinted ? 'source_address_refused' : undefined,
      )
      provoked.add('source_address_refused')
    }
  })
})

describe('refusals by the keys', () => {
  const refuse = async (config: object, jwt: string, reason: Reason, text: RegExp) => {
    const mount = await makeMount(server.root, config)
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    const result = await login(server, mount, 'r', jwt)
    assert.equal(result.status, 400, result.text)
    assert.equal(result.headers['x-login-reason'], reason, result.text)
    assert.match(result.body.errors[0], text)
    assert.equal(result.body.errors.length, 2)
    assert.ok(!result.text.includes(canary))
    provoked.add(reason)
  }

  test('a key that nobody publishes', async () => {
    const jwt = keyK.sign({ ...plainClaims, sub: canary })
    await refuse(
      { jwks_url: jwks.url },
      jwt,
      'key_unknown',
      /^error validating token: .*no key named "k1"/,
    )
  })

  test('KEY-016: the address does not answer', async () => {
    const config = { jwks_url: 'http://127.0.0.1:9/keys', skip_jwks_validation: true }
    const jwt = keyK.sign({ ...plainClaims, sub: canary })
    await refuse(config, jwt, 'keys_unreachable', /127\.0\.0\.1:9\/keys/)
  })

  test('KEY-020: discovery names another issuer at the first login', async () => {
    const idp = await startServer((_request, response) =>
      sendText(response, JSON.stringify({ issuer: 'https://other', jwks_uri: 'https://other/k' })),
    )
    const config = { oidc_discovery_url: idp.url, skip_jwks_validation: true }
    const jwt = keyK.sign({ ...plainClaims, sub: canary })
    await refuse(config, jwt, 'key_source_invalid', /^error configuring token validator: .*issuer/)
    await idp.close()
  })
})

describe('issuers', () => {
  test('issuer_missing and issuer_unknown: named issuers only, and none fits', async () => {
    const mount = await makeMount(server.root)
    await server.root.must(`auth/${mount}/issuers/one`, {
      issuer: 'https://one',
      jwt_validation_pubkeys: [keyK.pem],
    })
    await server.root.must(`auth/${mount}/role/r`, plainRole)
    for (const [iss, reason] of [
      [`https://${canary}`, 'issuer_unknown'],
      [undefined, 'issuer_missing'],
    ] as const) {
      const result = await login(server, mount, 'r', keyK.sign({ ...plainClaims, iss }))
      assert.equal(result.status, 400)
      assert.equal(result.headers['x-login-reason'], reason, result.text)
      assert.equal(result.body.errors[0], `${outer} invalid issuer (iss) claim`)
      assert.equal(result.body.errors.length, 2)
      assert.ok(!result.text.includes(canary), 'the issuer is not proven')
      provoked.add(reason)
    }
  })
})

test('a value of the caller is cut, on one line, and free of control characters', async () => {
  const mount = mounts.get('own_claims') ?? ''
  await server.root.must(`auth/${mount}/role/shown`, { ...plainRole, bound_claims: { env: 'x' } })
  const hostile = `a\u001b[31m\r\n\u202e${'z'.repeat(500)}`
  const result = await login(server, mount, 'shown', keyK.sign({ ...plainClaims, env: hostile }))
  const sentence: string = result.body.errors[1]
  // oxlint-disable-next-line no-control-regex
  assert.ok(!/[\u0000-\u001f\u202e]/.test(sentence))
  assert.ok(!sentence.includes('z'.repeat(129)))
  const nested = await login(
    server,
    mount,
    'shown',
    keyK.sign({ ...plainClaims, env: keyK.sign({ a: 1 }) }),
  )
  assert.ok(!/eyJ[\w-]+\.eyJ/.test(nested.text), 'a token inside a claim is not shown')
})

test('the list of reasons of this method is complete', () => {
  const notOfTheJwtLogin = new Set<Reason>([
    // The browser flow.
    'state_unknown',
    'state_used',
    'client_nonce_missing',
    'client_nonce_mismatch',
    'redirect_uri_missing',
    'redirect_uri_refused',
    'code_missing',
    'code_exchange_failed',
    'id_token_missing',
    'nonce_mismatch',
    'authorized_party_mismatch',
    'userinfo_failed',
    'userinfo_subject_mismatch',
    'idp_denied',
    'idp_error',
    'device_pending',
    'device_slow_down',
    'device_expired',
    // Rules in an expression language.
    'rule_refused',
    // No role can ask for it yet.
    'token_replayed',
    // Of look-ups (providers.test.ts).
    'provider_failed',
    // Provoked in keys.test.ts and claims.test.ts.
    'keys_stale',
    'claim_too_large',
    // Of logins that name no role (role-selection.test.ts).
    'role_unmatched',
    'role_ambiguous',
    // Of other methods.
    'credentials_missing',
    'credentials_refused',
    'locked_out',
    'service_account_refused',
    'namespace_refused',
    'token_review_refused',
    'token_review_failed',
    // Of the core, not of the method.
    'entity_disabled',
    'entity_unknown',
    'quota_exceeded',
    'storage_unavailable',
    'audit_unavailable',
  ])
  const open = reasonCodes.filter((code) => !provoked.has(code) && !notOfTheJwtLogin.has(code))
  assert.deepEqual(open, [], 'each has a case above, or stands in the list of this test')
})
