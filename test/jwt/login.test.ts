/** Logins that are accepted, and what they give (jwt-oidc.md §3). */

import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { sendText, startIdp, startServer, type RunningServer } from '../oidc/fixture.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  claimsA,
  configS,
  issuerUrl,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
  roleA,
  writeFrom,
  type Claims,
} from './fixture.ts'

let server: TestServer
let jwks: RunningServer
let mount: string
let count = 0

before(async () => {
  server = await startTestServer()
  const { kid: _, ...nameless } = keyK.jwk
  jwks = await startServer((_request, response) =>
    sendText(response, JSON.stringify({ keys: [nameless] })),
  )
  mount = await makeMount(server.root, configS)
})
after(async () => {
  await server.stop()
  await jwks.close()
})

const token = (claims: Claims = {}) => keyK.sign({ ...plainClaims, ...claims })

/** Writes a role that differs from the plain one, and logs in. */
async function loginWith(role: object, claims: Claims = {}, at = mount) {
  const name = `l${++count}`
  await server.root.must(`auth/${at}/role/${name}`, { ...plainRole, ...role })
  return login(server, at, name, token(claims))
}

const lookup = async (clientToken: unknown) =>
  (await server.root.must('auth/token/lookup', { token: clientToken })).body.data

describe('LOG-001: the whole role', () => {
  const claims = {
    ...claimsA,
    org: { primary: 'engineering' },
    first_name: 'jeff2',
    color: 'green',
    pnum: 123,
  }
  const role = { ...roleA, bound_claims: { color: 'green', pnum: 123 } }

  for (const kind of ['a static key', 'a key set'] as const) {
    test(`LOG-001: from ${kind}`, async () => {
      const config =
        kind === 'a static key' ? configS : { jwks_url: jwks.url, bound_issuer: issuerUrl }
      const at = await makeMount(server.root, config)
      await server.root.must(`auth/${at}/role/a`, role)
      const result = await login(server, at, 'A', keyK.sign(claims, { kid: undefined }))
      assertStatus(result, 200)
      const { auth } = result.body
      assert.equal(result.body.data, null)
      assert.deepEqual(Object.keys(auth).toSorted(), [
        'accessor',
        'client_token',
        'entity_id',
        'lease_duration',
        'metadata',
        'mfa_requirement',
        'num_uses',
        'orphan',
        'policies',
        'renewable',
        'token_policies',
        'token_type',
      ])
      assert.deepEqual(auth.policies, ['default', 'test'])
      assert.deepEqual(auth.token_policies, ['default', 'test'])
      assert.deepEqual(auth.metadata, { role: 'a', name: 'jeff2', primary_org: 'engineering' })
      assert.deepEqual(
        [auth.num_uses, auth.lease_duration, auth.renewable, auth.token_type, auth.orphan],
        [12, 3, true, 'service', true],
      )
      const data = await lookup(auth.client_token)
      assert.equal(data.period, 3)
      assert.equal(data.display_name, `${at}-jeff`)
      assert.equal(data.path, `auth/${at}/login`)
      assert.deepEqual(data.meta, auth.metadata)
      assert.equal(data.entity_id, auth.entity_id)
      const { aliases } = (await server.root.read(`identity/entity/id/${auth.entity_id}`)).body.data
      assert.deepEqual([aliases[0].name, aliases[0].metadata], ['jeff', auth.metadata])
    })
  }
})

describe('source address', () => {
  test('LOG-002, LOG-003: bound networks let one address in and another not', async () => {
    await server.root.must(`auth/${mount}/role/net`, { ...plainRole, bound_cidrs: '127.0.0.42' })
    const body = { role: 'net', jwt: token() }
    const inside = await writeFrom(server, '127.0.0.42', `auth/${mount}/login`, body)
    assertStatus(inside, 200)
    const outside = await writeFrom(server, '127.0.0.99', `auth/${mount}/login`, body)
    assertStatus(outside, 403)
    assert.deepEqual(outside.body, { errors: ['permission denied'] })
    const path = 'auth/token/renew-self'
    const { client_token } = inside.body.auth
    assertStatus(await writeFrom(server, '127.0.0.42', path, {}, client_token), 200)
    assertStatus(await writeFrom(server, '127.0.0.99', path, {}, client_token), 403)
  })

  test('LOG-003: nobody outside learns whether the token would have been good', async () => {
    const bad = await writeFrom(server, '127.0.0.99', `auth/${mount}/login`, {
      role: 'net',
      jwt: 'x',
    })
    const good = await writeFrom(server, '127.0.0.99', `auth/${mount}/login`, {
      role: 'net',
      jwt: token(),
    })
    assert.equal(bad.text, good.text)
    assert.equal(bad.status, good.status)
  })

  test("LOG-041: a token bound to its login's address", async () => {
    await server.root.must(`auth/${mount}/role/strict`, {
      ...plainRole,
      token_strictly_bind_ip: true,
    })
    const body = { role: 'strict', jwt: token() }
    const made = await writeFrom(server, '127.0.0.7', `auth/${mount}/login`, body)
    assertStatus(made, 200)
    const path = 'auth/token/renew-self'
    assertStatus(await writeFrom(server, '127.0.0.7', path, {}, made.body.auth.client_token), 200)
    assertStatus(await writeFrom(server, '127.0.0.8', path, {}, made.body.auth.client_token), 403)
  })
})

test('LOG-005: no configuration', async () => {
  const bare = await makeMount(server.root)
  assertReason(await login(server, bare, 'r', token()), 'config_missing')
})

test('LOG-006, LOG-007, AUT-32, AUT-33: no role, and the default role', async () => {
  const at = await makeMount(server.root, configS)
  await server.root.must(`auth/${at}/role/main`, plainRole)
  for (const body of [{ jwt: token() }, { jwt: token(), role: '' }]) {
    const refused = await server.client().write(`auth/${at}/login`, body)
    assertReason(refused, 'role_missing')
    assert.match(refused.text, /missing role/)
  }
  await server.root.must(`auth/${at}/config`, { ...configS, default_role: 'Main' })
  const result = await server.client().write(`auth/${at}/login`, { jwt: token() })
  assertStatus(result, 200)
  assert.equal(result.body.auth.metadata.role, 'main')
  assertStatus(await server.client().write(`auth/${at}/login`, { jwt: token(), role: '' }), 200)
})

describe('policy templates', () => {
  const templates = {
    token_policies_template_claims: true,
    token_policies: ['policy_{{ .sub }}', '{{ .custom_claim }}', '{{ .nested_claim.policy }}'],
  }

  test('LOG-017: three policies, sorted', async () => {
    const result = await loginWith(templates, { custom_claim: 'Z', nested_claim: { policy: 'b' } })
    assertStatus(result, 200)
    assert.deepEqual(result.body.auth.token_policies, ['b', 'default', 'policy_u', 'z'])
  })

  test('LOG-018: a missing claim refuses', async () => {
    assertReason(await loginWith(templates, { custom_claim: 'z' }), 'policy_template_failed')
  })

  test('LOG-020: an empty result is dropped', async () => {
    const role = { ...templates, token_policies: ['{{if eq "prod" .env}}x{{end}}', 'y'] }
    const dev = await loginWith(role, { env: 'dev' })
    assert.deepEqual(dev.body.auth.token_policies, ['default', 'y'])
    const prod = await loginWith(role, { env: 'prod' })
    assert.deepEqual(prod.body.auth.token_policies, ['default', 'x', 'y'])
  })

  test('LOG-037, SEC-MAT-17: no spelling of root is ever given', async () => {
    for (const name of ['root', ' ROOT ', 'ｒｏｏｔ', 'ro\u200bot']) {
      assertReason(
        await loginWith({ ...templates, token_policies: ['{{ .p }}'] }, { p: name }),
        'root_policy_refused',
        name,
      )
    }
    assertNoRoot(await loginWith({ token_policies: ['root'] }))
    assertNoRoot(await loginWith({ token_policies: ['ok', 'Root'] }))
  })
})

function assertNoRoot(result: Awaited<ReturnType<typeof login>>): void {
  assertReason(result, 'root_policy_refused')
  assert.equal(result.body.errors[0], 'auth methods cannot create root tokens')
}

describe('groups', () => {
  const role = {
    groups_claim: 'groups',
    token_policies: [],
    token_no_default_policy: true,
    group_policies: { a: 'of-a', b: 'of-b', '': 'of-none' },
  }
  test('LOG-021: a pointer with escaped slashes', async () => {
    const claims = { https: { '//vault/groups': { testing: ['a', 'b'] } } }
    const pointer = { ...role, groups_claim: '/https/~1~1vault~1groups/testing' }
    const found = await loginWith(pointer, claims)
    assertStatus(found, 200)
    assert.deepEqual(found.body.auth.policies, ['of-a', 'of-b'])
    assertReason(await loginWith(pointer, { https: {} }), 'groups_missing')
  })
  const accepted: readonly (readonly [string, object, Claims, readonly string[]])[] = [
    ['LOG-022: one string', role, { groups: 'a' }, ['of-a']],
    ['LOG-024: an empty string among them', role, { groups: ['a', ''] }, ['of-a']],
    ['LOG-025: an empty list', role, { groups: [] }, []],
    ['LOG-026: a role without groups_claim', {}, { groups: 5 }, ['default', 'p']],
    [
      'a missing claim where it is not required (design.md §8)',
      { ...role, groups_claim_required: false },
      {},
      [],
    ],
  ]
  for (const [title, more, claims, policies] of accepted) {
    test(title, async () => {
      const result = await loginWith(more, claims)
      assertStatus(result, 200)
      assert.deepEqual(result.body.auth.policies, policies)
    })
  }
  const refused: readonly (readonly [string, Claims, string])[] = [
    ['LOG-023: missing', {}, 'groups_missing'],
    ['LOG-023: null', { groups: null }, 'groups_missing'],
    ['LOG-023: an object', { groups: { a: 1 } }, 'groups_type'],
    ['LOG-023, SEC-MAT-14: a number in it', { groups: ['a', 1] }, 'groups_type'],
    ['LOG-023: a boolean', { groups: true }, 'groups_type'],
    ['SEC-JSN-06: NUL in a group', { groups: ['a\0'] }, 'groups_type'],
    ['LOG-023: too many for the token', { _claim_names: { groups: 'src1' } }, 'groups_truncated'],
  ]
  for (const [title, claims, reason] of refused) {
    test(title, async () => assertReason(await loginWith(role, claims), reason))
  }
})

test('with compat=vault a missing groups claim always refuses, without a hint (design.md §8)', async () => {
  const at = await makeMount(server.root, configS)
  await server.root.must(`sys/auth/${at}/tune`, { compat: 'vault' })
  const result = await loginWith({ groups_claim: 'groups', groups_claim_required: false }, {}, at)
  assertRefused(result, /failed to fetch groups/)
  assert.equal(result.headers['x-login-reason'], undefined)
})

describe('metadata', () => {
  test('CLM-009, SEC-MAT-13: a mapped claim that is no string', async () => {
    for (const value of [42, ['a'], { a: 1 }, true]) {
      assertReason(await loginWith({ claim_mappings: 'c=m' }, { c: value }), 'metadata_type')
    }
  })

  test('CLM-040: a mapped audience', async () => {
    const result = await loginWith({ claim_mappings: 'aud=m' })
    assert.equal(result.body.auth.metadata.m, 'a')
  })

  const cases: readonly (readonly [string, string, Claims])[] = [
    ['CLM-043', 'color', { COLOR: 'green' }],
    ['CLM-044', '/org/primary', { org: {} }],
  ]
  for (const [id, reference, claims] of cases) {
    test(`${id}: a mapped claim that is absent refuses, unless it may be`, async () => {
      const role = { claim_mappings: { [reference]: 'm' } }
      const refused = await loginWith(role, claims)
      assertReason(refused, 'metadata_missing')
      assert.ok(refused.body.errors[0].includes(reference))
      assert.match(refused.body.errors[0], /optional_claim_mappings/)
      for (const optional of [reference, '*']) {
        const result = await loginWith({ ...role, optional_claim_mappings: optional }, claims)
        assertStatus(result, 200)
        assert.equal('m' in result.body.auth.metadata, false)
      }
    })
  }

  test('CLM-043, CLM-044, LOG-019: with compat=vault it is left out', async () => {
    const at = await makeMount(server.root, configS)
    await server.root.must(`sys/auth/${at}/tune`, { compat: 'vault' })
    const role = { claim_mappings: { color: 'c', '/org/primary': 'o', sub: 's' } }
    const result = await loginWith(role, {}, at)
    assertStatus(result, 200)
    assert.deepEqual({ ...result.body.auth.metadata, role: '' }, { s: 'u', role: '' })
  })

  test('alias metadata gives way to claims and role', async () => {
    const result = await loginWith({
      claim_mappings: 'sub=s',
      alias_metadata: { s: 'fixed', role: 'fixed', own: 'x' },
    })
    const { role, ...rest } = result.body.auth.metadata
    assert.deepEqual(rest, { s: 'u', own: 'x' })
    assert.match(role, /^l\d+$/)
  })
})

describe('the field jwt', () => {
  test('LOG-027, SEC-TOK-10: white space around it is nothing, inside it is a fault', async () => {
    await server.root.must(`auth/${mount}/role/ws`, plainRole)
    assertStatus(await login(server, mount, 'ws', `\n ${token()}\r\n`), 200)
    const jwt = token()
    for (const broken of [jwt.replace('.', '. '), `${jwt.slice(0, 40)}\n${jwt.slice(40)}`]) {
      assertReason(await login(server, mount, 'ws', broken), 'jwt_malformed')
    }
  })

  test('LOG-009: empty, blank, null or absent', async () => {
    for (const body of [{ jwt: '' }, { jwt: ' \n' }, { jwt: null }, {}]) {
      const result = await server.client().write(`auth/${mount}/login`, { role: 'ws', ...body })
      assertReason(result, 'jwt_missing')
    }
    assertRefused(
      await server.client().write(`auth/${mount}/login`, { role: 'ws', jwt: ['a'] }),
      /Field validation failed.*jwt/,
    )
  })

  test('LOG-042: GET and LIST are 405', async () => {
    assertStatus(await server.client().read(`auth/${mount}/login`), 405)
    assertStatus(await server.client().list(`auth/${mount}/login`), 405)
    assertStatus(await server.client().remove(`auth/${mount}/login`), 405)
  })

  test('PUT, a form, and a bad token in the header are no obstacle', async () => {
    const jwt = token()
    assertStatus(await server.client().call('PUT', `auth/${mount}/login`, { role: 'ws', jwt }), 200)
    const raw = new URLSearchParams({ role: 'ws', jwt }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    assertStatus(
      await server.client().call('POST', `auth/${mount}/login`, undefined, { raw, headers }),
      200,
    )
    assertStatus(
      await server.client('hvs.nonsense').write(`auth/${mount}/login`, { role: 'ws', jwt }),
      200,
    )
  })
})

describe('issuer of a discovery mount', () => {
  test('LOG-032: it must be the discovered one; with compat=vault only bound_issuer counts', async () => {
    const idp = await startIdp()
    const at = await makeMount(server.root, { oidc_discovery_url: idp.issuer })
    await server.root.must(`auth/${at}/role/r`, plainRole)
    const claims = { sub: 'u', aud: 'a' }
    assertStatus(await login(server, at, 'r', idp.mint(claims)), 200)
    const foreign = idp.mint({ ...claims, iss: 'https://foreign' })
    assertReason(await login(server, at, 'r', foreign), 'issuer_mismatch')
    assertReason(
      await login(server, at, 'r', idp.mint({ ...claims, iss: undefined })),
      'issuer_missing',
    )
    await server.root.must(`sys/auth/${at}/tune`, { compat: 'vault' })
    assertStatus(await login(server, at, 'r', foreign), 200)
    await server.root.must(`sys/auth/${at}/tune`, { compat: 'strict' })
    await server.root.must(`auth/${at}/config`, {
      oidc_discovery_url: idp.issuer,
      bound_issuer: 'https://foreign',
    })
    assertStatus(await login(server, at, 'r', foreign), 200)
    assertReason(await login(server, at, 'r', idp.mint(claims)), 'issuer_mismatch')
    await idp.stop()
  })

  test('LOG-031: an OIDC-flow mount serves jwt roles', async () => {
    const idp = await startIdp()
    const at = await makeMount(
      server.root,
      { oidc_discovery_url: idp.issuer, oidc_client_id: 'abc', oidc_client_secret: 'def' },
      'oidc',
    )
    await server.root.must(`auth/${at}/role/r`, plainRole)
    assertStatus(await login(server, at, 'r', idp.mint({ sub: 'u', aud: 'a' })), 200)
    await idp.stop()
  })
})

describe('the token', () => {
  test('LOG-038: a batch token has no accessor and cannot be renewed', async () => {
    const result = await loginWith({ token_type: 'batch', token_ttl: '5m' })
    assertStatus(result, 200)
    const { auth } = result.body
    assert.deepEqual([auth.accessor, auth.renewable, auth.token_type], ['', false, 'batch'])
    assert.equal(auth.lease_duration, 300)
    assert.deepEqual(auth.metadata.role, `l${count}`)
    assertStatus(await server.client(auth.client_token).write('auth/token/renew-self'), 400)
  })

  test('LOG-039: the display name of a mount below a folder', async () => {
    await server.root.must('sys/auth/team/jwt', { type: 'jwt' })
    await server.root.must('auth/team/jwt/config', configS)
    const result = await loginWith({ user_claim: 'name' }, { name: 'jeff' }, 'team/jwt')
    assertStatus(result, 200)
    assert.equal((await lookup(result.body.auth.client_token)).display_name, 'team-jwt-jeff')
  })

  test('a lifetime above that of the mount is cut, with a warning in the answer', async () => {
    const at = await makeMount(server.root, configS)
    await server.root.must(`sys/auth/${at}/tune`, { max_lease_ttl: '10m', default_lease_ttl: '5m' })
    const result = await loginWith({ token_ttl: '1h' }, {}, at)
    assertStatus(result, 200)
    assert.equal(result.body.auth.lease_duration, 600)
    assert.match(result.body.warnings.join(), /TTL/)
    const plain = await loginWith({}, {}, at)
    assert.equal(plain.body.auth.lease_duration, 300)
    assert.equal(plain.body.warnings, null)
  })

  test('no default policy, explicit maximum, policies tidied', async () => {
    const result = await loginWith({
      token_no_default_policy: true,
      token_policies: [' B ', 'a', 'A'],
      token_explicit_max_ttl: '2m',
    })
    assert.deepEqual(result.body.auth.policies, ['a', 'b'])
    assert.equal(result.body.auth.lease_duration, 120)
    assert.equal((await lookup(result.body.auth.client_token)).explicit_max_ttl, 120)
  })

  test('an unknown field warns, because the answer has a body', async () => {
    const result = await server
      .client()
      .write(`auth/${mount}/login`, { role: 'ws', jwt: token(), nonsense: 'x' })
    assertStatus(result, 200)
    assert.match(result.body.warnings.join(), /nonsense/)
  })

  test('the same person is the same entity, on this mount alone and by exact spelling', async () => {
    const ids = async (user: string, at = mount) =>
      (await loginWith({}, { sub: user }, at)).body.auth.entity_id
    const one = await ids('person')
    assert.equal(await ids('person'), one)
    assert.notEqual(await ids('Person'), one)
    assert.notEqual(await ids('person', await makeMount(server.root, configS)), one)
    const folding = await makeMount(server.root, configS)
    await server.root.must(`sys/auth/${folding}/tune`, { compat: 'vault' })
    assert.equal(await ids('Person', folding), await ids('person', folding))
  })
})

test('LOG-043: the scenario of a CI action', async () => {
  const role = { bound_audiences: null, bound_claims: { iss: issuerUrl }, user_claim: 'iss' }
  assertStatus(await loginWith(role, { aud: undefined }), 200)
})

test('LOG-044, CLM-039: an audience bound twice', async () => {
  const role = { bound_audiences: 'sigstore', bound_claims: { iss: issuerUrl, aud: 'sigstore' } }
  assertStatus(await loginWith(role, { aud: 'sigstore' }), 200)
})

test(
  'LOG-028: a hundred callers at once, a hundred times each, on a key set',
  { timeout: 30_000 },
  async () => {
    const at = await makeMount(server.root, { jwks_url: jwks.url, bound_issuer: issuerUrl })
    await server.root.must(`auth/${at}/role/r`, { ...plainRole, token_type: 'batch' })
    const jwt = keyK.sign(plainClaims, { kid: undefined })
    const body = JSON.stringify({ role: 'r', jwt })
    const agent = new Agent({ keepAlive: true, maxSockets: 100 })
    const asked = jwks.paths.length
    const caller = async () => {
      for (let i = 0; i < 100; i++) assert.equal(await post(agent, at, body), 200)
    }
    await Promise.all(Array.from({ length: 100 }, caller))
    agent.destroy()
    assert.equal(jwks.paths.length - asked, 1, 'one fetch serves all of them')
  },
)

function post(agent: Agent, at: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        agent,
        host: '127.0.0.1',
        port: server.port,
        method: 'POST',
        path: `/v1/auth/${at}/login`,
        headers: { 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}
