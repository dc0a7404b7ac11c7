/** The commands of the seed pages as the calls a stock CLI makes of them: values as text, repeated keys as lists (jwt-oidc.md §8.2). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startServer, type RunningServer } from '../oidc/fixture.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  login,
  makeSigner,
  signAs,
  fresh,
} from './fixture.ts'

const rsa = makeSigner('RS256')
const keys = makeJwtMaker('es')
let server: TestServer
let idp: RunningServer
let hasSlash = false

before(async () => {
  server = await startTestServer()
  idp = await startServer((request, response) => {
    const issuer = hasSlash ? `${idp.url}/` : idp.url
    if (request.url === '/.well-known/jwks.json') {
      sendText(response, JSON.stringify({ keys: [{ ...rsa.jwk, kid: 'r1' }, keys.jwk] }))
    } else if (request.url === '/.well-known/openid-configuration') {
      sendText(response, JSON.stringify({ issuer, jwks_uri: `${idp.url}/.well-known/jwks.json` }))
    } else response.writeHead(404).end()
  })
})
after(async () => {
  await server.stop()
  await idp.close()
})

const enable = (path: string) => server.root.call('POST', `sys/auth/${path}`, { type: 'jwt' })
const write = (path: string, body: object) => server.root.call('PUT', `auth/${path}`, body)
const read = async (path: string) => (await server.root.read(`auth/${path}`)).body.data
const signRsa = (claims: object) =>
  signAs('RS256', rsa.privateKey, { alg: 'RS256', kid: 'r1' }, fresh({ ...claims }))

test('S-06: enable jwt', async () => {
  assertStatus(await enable('s06'), 204)
})

describe('S-03', () => {
  const claims = () => ({
    iss: 'https://idp.example.com/',
    sub: 'repo:org/app:ref:refs/heads/main',
    aud: 'vault',
  })

  before(async () => {
    await enable('s03')
    const config = await write('s03/config', {
      jwks_url: `${idp.url}/.well-known/jwks.json`,
      bound_issuer: 'https://idp.example.com/',
    })
    assertStatus(config, 204)
    const role = await write('s03/role/ci', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: 'vault',
      bound_subject: 'repo:org/app:ref:refs/heads/main',
      token_policies: 'ci-readonly',
    })
    assert.ok(role.status < 300, role.text)
  })

  test('SED-004: the login gives ci-readonly', async () => {
    const result = await login(server, 's03', 'ci', signRsa(claims()))
    assertStatus(result, 200)
    assert.deepEqual(result.body.auth.token_policies, ['ci-readonly', 'default'])
    const data = (
      await server.root.must('auth/token/lookup', { token: result.body.auth.client_token })
    ).body.data
    assert.equal(data.meta.role, 'ci')
    assert.equal(data.display_name, 's03-repo:org/app:ref:refs/heads/main')
    assert.equal(data.path, 'auth/s03/login')
  })

  test('SED-005: the subject of another branch', async () => {
    const other = { ...claims(), sub: 'repo:org/app:ref:refs/heads/dev' }
    assertReason(await login(server, 's03', 'ci', signRsa(other)), 'subject_mismatch')
  })

  test('S-17: the sample tokens are expired, and one has no iat', async () => {
    const samples = [
      {
        iss: 'https://idp.example.com/',
        sub: '00u123abc',
        aud: 'vault',
        iat: undefined,
        exp: 1_710_000_000,
      },
      {
        iss: 'https://idp.example.com/',
        sub: '00u123abc',
        aud: 'vault',
        iat: 1_709_996_400,
        exp: 1_710_000_000,
      },
      {
        iss: 'https://idp.example.com/',
        sub: 'user-12345',
        aud: 'vault',
        iat: 1_678_882_800,
        exp: 1_678_886_400,
      },
    ]
    await write('s03/role/any', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'vault' })
    for (const sample of samples) {
      assertReason(await login(server, 's03', 'any', signRsa(sample)), 'expired')
    }
    const farAway = { ...samples[0], exp: Math.floor(Date.now() / 1000) + 3600 }
    assertReason(await login(server, 's03', 'any', signRsa(farAway)), 'not_yet_valid')
  })
})

for (const slash of [false, true]) {
  describe(`S-07 and S-08, the provider ${slash ? 'with' : 'without'} a final slash`, () => {
    const mount = slash ? 's07b' : 's07a'
    const issuer = () => (slash ? `${idp.url}/` : idp.url)
    const token = (more: object = {}) =>
      signRsa({
        iss: issuer(),
        sub: 'user-12345',
        aud: 'vault-aud-value',
        groups: ['developers', 'ops'],
        ...more,
      })

    before(async () => {
      hasSlash = slash
      await enable(mount)
    })

    test('SED-006: the pasted address is stored as the issuer, with a warning', async () => {
      const result = await write(`${mount}/config`, {
        oidc_discovery_url: `${idp.url}/.well-known/openid-configuration`,
        bound_issuer: issuer(),
        token_audiences: 'vault-aud-value',
      })
      assertStatus(result, 200)
      assert.equal(result.body.warnings.length, 1)
      const data = await read(`${mount}/config`)
      assert.equal(data.oidc_discovery_url, issuer())
      assert.deepEqual(data.token_audiences, ['vault-aud-value'])
    })

    test('SED-007: the role is a jwt role with its text as a map', async () => {
      const result = await write(`${mount}/role/developer-role`, {
        user_claim: 'sub',
        groups_claim: 'groups',
        token_policies: 'developer-policy',
        bound_claims_type: 'glob',
        bound_claims: 'groups=developers',
      })
      assertStatus(result, 204)
      const data = await read(`${mount}/role/developer-role`)
      assert.equal(data.role_type, 'jwt')
      assert.equal(data.bound_claims_type, 'glob')
      assert.deepEqual(data.bound_claims, { groups: 'developers' })
    })

    test("SED-008: the page's token with fresh times logs in", async () => {
      const result = await login(server, mount, 'developer-role', token())
      assertStatus(result, 200)
      assert.deepEqual(result.body.auth.token_policies, ['default', 'developer-policy'])
      const { client_token } = result.body.auth
      const data = (await server.root.must('auth/token/lookup', { token: client_token })).body.data
      assert.equal(data.display_name, `${mount}-user-12345`)
    })

    test('SED-009: another audience, or no such group', async () => {
      assertReason(
        await login(server, mount, 'developer-role', token({ aud: 'x' })),
        'audience_mismatch',
      )
      assertReason(
        await login(server, mount, 'developer-role', token({ groups: ['ops'] })),
        'claim_mismatch',
      )
    })
  })
}

describe('S-09: claim examples', () => {
  const enter = async (role: object, claims: object) => {
    const jwt = keys.sign({ sub: 'u', aud: 'a', ...claims })
    await write('s09/role/r', {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: 'a',
      ...role,
    })
    return login(server, 's09', 'r', jwt)
  }

  before(async () => {
    await enable('s09')
    assertStatus(await write('s09/config', { jwt_validation_pubkeys: keys.pem }), 204)
  })

  test('S-09: all keys of bound_claims must match', async () => {
    const role = { bound_claims: { division: 'Europe', department: 'Engineering' } }
    assertStatus(await enter(role, { division: 'Europe', department: 'Engineering' }), 200)
    assertReason(await enter(role, { division: 'Europe', department: 'Sales' }), 'claim_mismatch')
  })

  test('S-09: a list is any of', async () => {
    const role = { bound_claims: { email: ['fred@example.com', 'julie@example.com'] } }
    assertStatus(await enter(role, { email: 'julie@example.com' }), 200)
    assertReason(await enter(role, { email: 'bob@example.com' }), 'claim_mismatch')
  })

  test('S-09: mappings, and claims found by name and by pointer', async () => {
    const claims = {
      division: 'North America',
      department: 'x',
      groups: { primary: 'Engineering', secondary: 'Software' },
    }
    const role = {
      bound_claims: null,
      claim_mappings: {
        division: 'organization',
        department: 'department',
        '/groups/primary': 'group',
      },
    }
    const result = await enter(role, claims)
    assertStatus(result, 200)
    assert.deepEqual(result.body.auth.metadata, {
      role: 'r',
      organization: 'North America',
      department: 'x',
      group: 'Engineering',
    })
  })

  test('S-09: the addresses that were lost in rendering match an empty one only', async () => {
    const role = { claim_mappings: {}, bound_claims: { email: ['', ''] } }
    assertStatus(await enter(role, { email: '' }), 200)
    assertReason(await enter(role, { email: 'x' }), 'claim_mismatch')
  })
})

describe('S-11: a role from JSON', () => {
  const body = {
    user_claim: 'sub',
    bound_audiences: 'abc123',
    role_type: 'oidc',
    policies: 'demo',
    ttl: '1h',
    bound_claims: { groups: ['mygroup/mysubgroup'] },
  }

  test('SED-011: refused without redirects, fine as an update of a role that has some', async () => {
    await enable('s11')
    assertStatus(await write('s11/config', { jwt_validation_pubkeys: keys.pem }), 204)
    assertRefused(await write('s11/role/demo', body), /allowed_redirect_uris/)
    assertStatus(
      await write('s11/role/demo', {
        user_claim: 'x',
        allowed_redirect_uris: 'http://localhost:8250/oidc/callback',
      }),
      204,
    )
    assertStatus(await write('s11/role/demo', body), 204)
    const data = await read('s11/role/demo')
    assert.deepEqual([data.policies, data.ttl, data.token_ttl], [['demo'], 3600, 3600])
    assert.deepEqual(data.bound_claims, { groups: ['mygroup/mysubgroup'] })
  })
})

describe('S-12 and S-18: the login with curl', () => {
  before(async () => {
    await enable('s12')
    await write('s12/config', { jwt_validation_pubkeys: keys.pem })
    await write('s12/role/demo', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a' })
  })

  test('S-12: a placeholder is no token', async () => {
    assertReason(await login(server, 's12', 'demo', '...'), 'jwt_malformed')
    assertReason(await login(server, 's12', 'demo', 'your_jwt'), 'jwt_malformed')
  })

  test('SED-014, S-18: JSON under the content type of a form', async () => {
    const raw = JSON.stringify({ jwt: keys.sign({ sub: 'u', aud: 'a' }), role: 'demo' })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const result = await server.client().call('POST', 'auth/s12/login', undefined, { raw, headers })
    assertStatus(result, 200)
    const { auth } = result.body
    assert.deepEqual(auth.policies, ['default'])
    assert.deepEqual(auth.metadata, { role: 'demo' })
    assert.equal(auth.lease_duration, 2_764_800)
    assert.equal(auth.renewable, true)
  })
})

describe('S-13', () => {
  before(() => enable('s13'))

  test('SED-012: as printed both have no key source', async () => {
    const printed = [
      {
        oidc_discovery_url: '',
        oidc_client_id: 'm5i8bj3iofytj',
        oidc_client_secret: 'f4ubv72nfiu23hnsj',
      },
      { oidc_discovery_url: '', oidc_client_id: '', oidc_client_secret: '' },
    ]
    for (const body of printed) {
      const result = await write('s13/config', body)
      assertRefused(result, /^exactly one of/)
      assert.ok(!result.text.includes('f4ubv72nfiu23hnsj'))
    }
  })

  test('S-13: with an address both are accepted, and empty strings are left out', async () => {
    hasSlash = false
    assertStatus(
      await write('s13/config', {
        oidc_discovery_url: idp.url,
        oidc_client_id: 'm5i8bj3iofytj',
        oidc_client_secret: 'f4ubv72nfiu23hnsj',
        default_role: 'demo',
      }),
      204,
    )
    assert.equal((await read('s13/config')).default_role, 'demo')
    assertStatus(
      await write('s13/config', {
        oidc_discovery_url: idp.url,
        oidc_client_id: '',
        oidc_client_secret: '',
      }),
      204,
    )
    const data = await read('s13/config')
    assert.deepEqual([data.oidc_client_id, data.default_role], ['', ''])
  })
})

test('S-14, SED-013: an oidc role with literal claim names, which no JWT may use', async () => {
  const result = await write('s13/role/demo', {
    allowed_redirect_uris: 'http://localhost:8250/oidc/callback',
    bound_subject: 'r3qX9DljwFIWhsiqwFiu38209F10atW6@clients',
    bound_audiences: 'https://vault.plugin.auth.jwt.test',
    user_claim: 'https://vault/user',
    groups_claim: 'https://vault/groups',
    policies: 'webapps',
  })
  assertStatus(result, 204)
  const data = await read('s13/role/demo')
  assert.equal(data.role_type, 'oidc')
  assert.deepEqual(data.policies, ['webapps'])
  assertReason(await login(server, 's13', 'demo', keys.sign({})), 'role_type_mismatch')
})

describe('S-16: statements to honour', () => {
  test('S-16: key rotation at the provider needs no new configuration', async () => {
    const rotated = makeJwtMaker('r2')
    let list: readonly object[] = [keys.jwk]
    const jwks = await startServer((_request, response) =>
      sendText(response, JSON.stringify({ keys: list })),
    )
    await enable('s16')
    await write('s16/config', { jwks_url: jwks.url })
    await write('s16/role/r', { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a' })
    assertStatus(await login(server, 's16', 'r', keys.sign({ sub: 'u', aud: 'a' })), 200)
    list = [rotated.jwk]
    assertStatus(await login(server, 's16', 'r', rotated.sign({ sub: 'u', aud: 'a' })), 200)
    await jwks.close()
  })

  test('S-16, S-05: several providers are several mounts that do not know each other', async () => {
    for (const [path, pem] of [
      ['s16a', keys.pem],
      ['s16b', rsa.pem],
    ] as const) {
      await enable(path)
      await write(`${path}/config`, { jwt_validation_pubkeys: pem })
      await write(`${path}/role/r`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'a' })
    }
    const claims = { sub: 'u', aud: 'a' }
    assertStatus(await login(server, 's16a', 'r', keys.sign(claims)), 200)
    assertStatus(await login(server, 's16b', 'r', signRsa(claims)), 200)
    assertStatus(await login(server, 's16a', 'r', signRsa(claims)), 400)
    assertStatus(await login(server, 's16b', 'r', keys.sign(claims)), 400)
  })

  test('S-16: role is reserved in mappings, and a mount has one key source', async () => {
    const role = {
      role_type: 'jwt',
      user_claim: 'sub',
      bound_audiences: 'a',
      claim_mappings: 'x=role',
    }
    assertRefused(await write('s16a/role/x', role), /reserved/)
    const two = { jwt_validation_pubkeys: keys.pem, jwks_url: idp.url }
    assertRefused(await write('s16a/config', two), /^exactly one of/)
  })
})
