/** Roles: what a write accepts, what it keeps, how it reads back (jwt-oidc.md §2). */

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  configS,
  keyK,
  login,
  makeMount,
  plainClaims,
  plainRole,
  roleA,
} from './fixture.ts'

let server: TestServer
let mount: string
let count = 0

before(async () => {
  server = await startTestServer({ maxLeaseTtlSeconds: 86_400, defaultLeaseTtlSeconds: 3600 })
  mount = await makeMount(server.root, configS)
})
after(() => server.stop())

const newName = () => `r${++count}`
const write = (name: string, body: object, at = mount): Promise<ApiResult> =>
  server.root.write(`auth/${at}/role/${name}`, body)
const read = async (name: string, at = mount) =>
  (await server.root.read(`auth/${at}/role/${name}`)).body.data
const oidc = { role_type: 'oidc', user_claim: 'sub', allowed_redirect_uris: ['https://x/cb'] }
const jwt = { role_type: 'jwt', user_claim: 'sub', bound_subject: 's' }

test('ROL-001: older names and newer ones read back side by side, durations as seconds', async () => {
  assertStatus(await write('full', roleA), 204)
  const data = await read('full')
  assert.deepEqual(
    [data.policies, data.token_policies, data.period, data.token_period, data.ttl, data.token_ttl],
    [['test'], ['test'], 3, 3, 1, 1],
  )
  assert.deepEqual(
    [data.max_ttl, data.token_max_ttl, data.num_uses, data.token_num_uses],
    [5, 5, 12, 12],
  )
  assert.equal('bound_cidrs' in data, false)
  assert.deepEqual(data.claim_mappings, roleA.claim_mappings)
})

test('ROL-017, ROL-060: the read shape is exact', async () => {
  await write('shape', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: 'api',
    bound_claims: { env: ['prod', 'stage'] },
    token_policies: 'ci',
    token_ttl: 600,
  })
  assert.deepEqual(await read('shape'), {
    alias_metadata: {},
    allowed_redirect_uris: null,
    bound_audiences: ['api'],
    bound_claims: { env: ['prod', 'stage'] },
    bound_claims_type: 'string',
    bound_subject: '',
    callback_mode: 'client',
    claim_mappings: null,
    clock_skew_leeway: 0,
    expiration_leeway: 0,
    groups_claim: '',
    max_age: 0,
    not_before_leeway: 0,
    oauth2_metadata: null,
    oidc_disable_confirmation: false,
    oidc_scopes: null,
    role_type: 'jwt',
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: 0,
    token_no_default_policy: false,
    token_num_uses: 0,
    token_period: 0,
    token_policies: ['ci'],
    token_policies_template_claims: false,
    token_strictly_bind_ip: false,
    token_ttl: 600,
    token_type: 'default',
    user_claim: 'sub',
    user_claim_json_pointer: false,
    verbose_oidc_logging: false,
  })
})

test('ROL-017: lists and maps that were never set read null, and token lists empty', async () => {
  await write('nulls', { ...jwt })
  const data = await read('nulls')
  for (const name of [
    'bound_audiences',
    'bound_claims',
    'claim_mappings',
    'oauth2_metadata',
    'oidc_scopes',
  ]) {
    assert.equal(data[name], null, name)
  }
  assert.deepEqual(data.token_policies, [])
  assert.deepEqual(data.token_bound_cidrs, [])
})

describe('refused writes', () => {
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ['ROL-002: no user claim', { role_type: 'jwt', bound_subject: 's' }, /user_claim/],
    ['ROL-002: an empty user claim', { ...jwt, user_claim: '' }, /user_claim/],
    ['ROL-003: no bound constraint', { role_type: 'jwt', user_claim: 'sub' }, /bound constraint/],
    [
      'ROL-003: an empty one',
      { role_type: 'jwt', user_claim: 'sub', bound_claims: {} },
      /bound constraint/,
    ],
    ['ROL-011: claims type', { ...jwt, bound_claims_type: 'invalid' }, /bound_claims_type/],
    [
      'ROL-012: a number among globs',
      { ...jwt, bound_claims_type: 'glob', bound_claims: { foo: 25 } },
      /foo/,
    ],
    [
      'ROL-013: a number in a list of globs',
      { ...jwt, bound_claims_type: 'glob', bound_claims: { foo: ['baz', 10] } },
      /foo/,
    ],
    ['ROL-015: a reserved target', { ...jwt, claim_mappings: { a: 'role' } }, /reserved/],
    ['ROL-016: one target twice', { ...jwt, claim_mappings: { a: 'x', b: 'x' } }, /"x"/],
    ['ROL-022: role type saml', { ...jwt, role_type: 'saml' }, /role_type/],
    ['ROL-031: callback mode Device', { ...oidc, callback_mode: 'Device' }, /callback_mode/],
    ['ROL-032: provider tokens', { ...oidc, oauth2_metadata: ['foo'] }, /oauth2_metadata/],
    [
      'ROL-033: a periodic batch token',
      { ...jwt, token_type: 'batch', token_period: '1h' },
      /batch/,
    ],
    ['ROL-033: by its older name', { ...jwt, token_type: 'batch', period: 5 }, /batch/],
    ['ROL-034: a counted batch token', { ...jwt, token_type: 'batch', token_num_uses: 1 }, /batch/],
    ['ROL-035: by its older name', { ...jwt, token_type: 'batch', num_uses: 1 }, /batch/],
    ['ROL-036: another token type', { ...jwt, token_type: 'other' }, /token_type/],
    [
      'ROL-036: a periodic default-batch token',
      { ...jwt, token_type: 'default-batch', token_period: '1h' },
      /batch/,
    ],
    [
      'ROL-037: ttl above its maximum',
      { ...jwt, token_ttl: '2h', token_max_ttl: '1h' },
      /token_ttl/,
    ],
    ['ROL-037: by older names', { ...jwt, ttl: '2h', max_ttl: '1h' }, /ttl/],
    [
      'ROL-038: a period above the maximum of the mount',
      { ...jwt, token_period: '25h' },
      /token_period/,
    ],
    [
      'ROL-041: strict address and networks',
      { ...jwt, token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.0/8' },
      /token_strictly_bind_ip/,
    ],
    ['ROL-042: negative uses', { ...jwt, token_num_uses: -1 }, /token_num_uses/],
    ['ROL-042: by the older name', { ...jwt, num_uses: '-1' }, /num_uses/],
    ['ROL-043: no address', { ...jwt, token_bound_cidrs: '300.1.1.1' }, /300\.1\.1\.1/],
    ['ROL-045: max_age 1hr', { ...oidc, max_age: '1hr' }, /max_age/],
    ['ROL-045: max_age -1', { ...oidc, max_age: -1 }, /max_age/],
    ['ROL-045: a negative lifetime', { ...jwt, token_ttl: '-1s' }, /token_ttl/],
    [
      'ROL-050: clearing the only constraint',
      { role_type: 'jwt', user_claim: 'sub', bound_audiences: null },
      /bound constraint/,
    ],
    ['ROL-056: text that is no map', { ...jwt, bound_claims: 'oops' }, /bound_claims/],
    ['ROL-056: a key without a name', { ...jwt, bound_claims: '=x' }, /bound_claims/],
    ['ROL-056: broken JSON text', { ...jwt, bound_claims: '{"a":' }, /bound_claims/],
    ['ROL-056: a list of objects', { ...jwt, bound_claims: [{ a: 'b' }] }, /bound_claims/],
    ['ROL-056: a number', { ...jwt, bound_claims: 5 }, /bound_claims/],
    ['ROL-051: a mapping without "="', { ...jwt, claim_mappings: 'a' }, /claim_mappings/],
    [
      'ROL-059: a broken template',
      { ...jwt, token_policies_template_claims: true, token_policies: ['{{ .x'] },
      /template 0/,
    ],
    ['a negative poll interval', { ...oidc, poll_interval: -1 }, /poll_interval/],
    ['a fraction is no whole number', { ...jwt, token_num_uses: 1.5 }, /token_num_uses/],
    ['a list is no text', { ...jwt, user_claim: ['sub'] }, /user_claim/],
    ['a word is no boolean', { ...jwt, verbose_oidc_logging: 'yes' }, /verbose_oidc_logging/],
  ]
  for (const [title, body, text] of cases) {
    test(title, async () => {
      const name = newName()
      assertRefused(await write(name, body), text)
      assertStatus(await server.root.read(`auth/${mount}/role/${name}`), 404)
    })
  }
})

describe('accepted writes', () => {
  const cases: readonly (readonly [string, object, string, unknown])[] = [
    ['ROL-004: bound subject alone', jwt, 'bound_subject', 's'],
    [
      'ROL-005: bound audiences alone',
      { ...plainRole, bound_audiences: 'a,b' },
      'bound_audiences',
      ['a', 'b'],
    ],
    [
      'ROL-006: bound networks alone',
      { role_type: 'jwt', user_claim: 'sub', bound_cidrs: '127.0.0.1/8' },
      'token_bound_cidrs',
      ['127.0.0.1/8'],
    ],
    [
      'ROL-007: bound claims alone, a number and a string',
      { role_type: 'jwt', user_claim: 'sub', bound_claims: { foo: 10, bar: 'baz' } },
      'bound_claims',
      { foo: 10, bar: 'baz' },
    ],
    ['ROL-008: leeway of 5s', { ...jwt, clock_skew_leeway: '5s' }, 'clock_skew_leeway', 5],
    ['ROL-009: leeway of 0', { ...jwt, expiration_leeway: '0' }, 'expiration_leeway', 0],
    ['ROL-010: leeway of -1', { ...jwt, not_before_leeway: '-1' }, 'not_before_leeway', -1],
    [
      'ROL-010: leeway of -1 as a number',
      { ...jwt, expiration_leeway: -1 },
      'expiration_leeway',
      -1,
    ],
    ['ROL-048: the older name tidies', { ...jwt, policies: 'B,a,A' }, 'policies', ['a', 'b']],
    [
      'ROL-048: the newer one does not',
      { ...jwt, token_policies: 'B,a,A' },
      'token_policies',
      ['B', 'a', 'A'],
    ],
    ['ROL-051: a mapping as text', { ...jwt, claim_mappings: 'a=b' }, 'claim_mappings', { a: 'b' }],
    [
      'ROL-051: a comma does not separate',
      { ...jwt, claim_mappings: 'a=b,c' },
      'claim_mappings',
      { a: 'b,c' },
    ],
    [
      'ROL-051: mappings as a list',
      { ...jwt, claim_mappings: ['a=b', 'c=d'] },
      'claim_mappings',
      { a: 'b', c: 'd' },
    ],
    [
      'ROL-052: redirects from repeated keys',
      { ...oidc, allowed_redirect_uris: ['https://x/1', 'https://x/2,y'] },
      'allowed_redirect_uris',
      ['https://x/1', 'https://x/2,y'],
    ],
    [
      'ROL-053: bound claims as text',
      { ...jwt, bound_claims: 'groups=developers' },
      'bound_claims',
      { groups: 'developers' },
    ],
    [
      'ROL-053: several in one text',
      { ...jwt, bound_claims: 'a=b, c = d' },
      'bound_claims',
      { a: 'b', c: 'd' },
    ],
    [
      'ROL-054: as JSON text',
      { ...jwt, bound_claims: ' {"g":["a"]}' },
      'bound_claims',
      { g: ['a'] },
    ],
    [
      'ROL-055: a repeated key is a list',
      { ...jwt, bound_claims: ['g=a', 'g=b'] },
      'bound_claims',
      { g: ['a', 'b'] },
    ],
    [
      'ROL-055: three times',
      { ...jwt, bound_claims: 'g=a,g=b,g=c' },
      'bound_claims',
      { g: ['a', 'b', 'c'] },
    ],
    [
      'ROL-055: list items are not split',
      { ...jwt, bound_claims: ['g=a,b', 'h=c'] },
      'bound_claims',
      { g: 'a,b', h: 'c' },
    ],
    [
      'ROL-055: the first "=" separates',
      { ...jwt, bound_claims: 'g=a=b' },
      'bound_claims',
      { g: 'a=b' },
    ],
    [
      'SEC-MAT-12: a claim called __proto__',
      { ...jwt, bound_claims: '{"__proto__":"x"}' },
      'bound_claims',
      JSON.parse('{"__proto__":"x"}'),
    ],
    [
      'empty elements are dropped',
      { ...jwt, token_policies: 'a,,b,' },
      'token_policies',
      ['a', 'b'],
    ],
    ['a number becomes text', { ...jwt, bound_subject: 42 }, 'bound_subject', '42'],
    ['true becomes 1', { ...jwt, bound_subject: true }, 'bound_subject', '1'],
    ['whole days', { ...jwt, token_max_ttl: '1d' }, 'token_max_ttl', 86_400],
    ['parts of a second are cut off', { ...jwt, token_ttl: '1500ms' }, 'token_ttl', 1],
    ['a null duration is not supplied', { ...jwt, token_ttl: null }, 'token_ttl', 0],
    [
      'alias metadata as a list',
      { ...jwt, alias_metadata: ['a=b', 'c=d=e'] },
      'alias_metadata',
      { a: 'b', c: 'd=e' },
    ],
    ['token type ""', { ...jwt, token_type: '' }, 'token_type', 'default'],
    [
      'a network as it was written',
      { ...jwt, token_bound_cidrs: '127.0.0.1/8,::1' },
      'token_bound_cidrs',
      ['127.0.0.1/8', '::1'],
    ],
    [
      'a literal claim name with slashes',
      { ...jwt, user_claim: 'https://vault/user' },
      'user_claim',
      'https://vault/user',
    ],
    [
      'optional mappings',
      { ...jwt, claim_mappings: 'a=b', optional_claim_mappings: '*' },
      'optional_claim_mappings',
      ['*'],
    ],
  ]
  for (const [title, body, name, want] of cases) {
    test(title, async () => {
      const role = newName()
      assertStatus(await write(role, body), 204)
      const text = (await server.root.read(`auth/${mount}/role/${role}`)).text
      assert.deepEqual(JSON.parse(text).data[name], want)
    })
  }
})

describe('writes with warnings', () => {
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ['ROL-039: a maximum above that of the mount', { ...jwt, token_max_ttl: '25h' }, /truncated/],
    ['ROL-040: verbose logging', { ...jwt, verbose_oidc_logging: true }, /verbose_oidc_logging/],
    [
      'a bound object can never match',
      { ...jwt, bound_claims: { a: { b: 1 } } },
      /matches no token/,
    ],
    ['nor can a list in a list', { ...jwt, bound_claims: { a: ['x', ['y']] } }, /matches no token/],
    ['nor null in a list', { ...jwt, bound_claims: { a: [null] } }, /matches no token/],
  ]
  for (const [title, body, text] of cases) {
    test(title, async () => {
      const name = newName()
      const result = await write(name, body)
      assertStatus(result, 200)
      assert.match(result.body.warnings.join('\n'), text)
      assert.equal(result.body.data, null)
      assert.notEqual(await read(name), undefined)
    })
  }

  test('an unknown field is named, with and without another warning', async () => {
    assertStatus(await write(newName(), { ...jwt, nonsense: 1 }), 200)
    const result = await write(newName(), { ...jwt, nonsense: 1, verbose_oidc_logging: true })
    assert.match(result.body.warnings.join('\n'), /\[nonsense\]/)
  })
})

describe('role type', () => {
  test('ROL-014: an empty type with redirects is an oidc role', async () => {
    await write('t1', { ...oidc, role_type: '' })
    await write('t2', oidc)
    assert.deepEqual(await read('t1'), await read('t2'))
    assert.equal((await read('t1')).role_type, 'oidc')
  })

  test('ROL-024: without type and redirects a JWT-only mount makes it jwt', async () => {
    assertStatus(await write('t3', { user_claim: 'sub', bound_claims: { a: 'b' } }), 204)
    assert.equal((await read('t3')).role_type, 'jwt')
    assertStatus(
      await write('t4', { role_type: '', user_claim: 'sub', bound_claims: { a: 'b' } }),
      204,
    )
    assert.equal((await read('t4')).role_type, 'jwt')
  })

  test('ROL-025: on a mount without configuration it is refused', async () => {
    const bare = await makeMount(server.root)
    const body = { user_claim: 'sub', bound_claims: { a: 'b' } }
    assertRefused(await write('t', body, bare), /'allowed_redirect_uris' must be set/)
  })

  test('ROL-026: device mode needs no redirects', async () => {
    assertStatus(await write('t5', { user_claim: 'sub', callback_mode: 'device' }), 204)
    assert.equal((await read('t5')).role_type, 'oidc')
    assertStatus(
      await write('t6', { role_type: 'oidc', user_claim: 'sub', callback_mode: 'device' }),
      204,
    )
  })

  test('an explicit oidc role without redirects is refused everywhere', async () => {
    assertRefused(
      await write('t7', { role_type: 'oidc', user_claim: 'sub' }),
      /allowed_redirect_uris/,
    )
    assertRefused(
      await write('t8', { role_type: 'oidc', user_claim: 'sub', callback_mode: 'direct' }),
      /allowed_redirect_uris/,
    )
  })
})

describe('updates', () => {
  test('ROL-027: an update keeps what it does not give', async () => {
    await write('u1', { ...oidc, claim_mappings: 'a=b', oidc_scopes: 'x,y', token_ttl: 60 })
    assertStatus(await write('u1', { user_claim: 'email' }), 204)
    const data = await read('u1')
    assert.equal(data.user_claim, 'email')
    assert.deepEqual(data.allowed_redirect_uris, oidc.allowed_redirect_uris)
    assert.deepEqual(data.claim_mappings, { a: 'b' })
    assert.deepEqual(data.oidc_scopes, ['x', 'y'])
    assert.equal(data.token_ttl, 60)
    assert.equal(data.role_type, 'oidc')
  })

  test('ROL-028: the claims type goes back to string', async () => {
    await write('u2', { ...jwt, bound_claims: { a: 'x*' }, bound_claims_type: 'glob' })
    await write('u2', { role_type: 'jwt' })
    assert.equal((await read('u2')).bound_claims_type, 'string')
  })

  test('a glob update is judged with the stored claims', async () => {
    await write('u3', { ...jwt, bound_claims: { a: 5 } })
    assertRefused(await write('u3', { role_type: 'jwt', bound_claims_type: 'glob' }), /glob/)
    assert.equal((await read('u3')).bound_claims_type, 'string')
  })

  test('ROL-029: the callback mode goes back to client', async () => {
    await write('u4', { ...oidc, callback_mode: 'direct', poll_interval: 7 })
    assert.equal((await read('u4')).poll_interval, 7)
    await write('u4', { user_claim: 'sub' })
    assert.equal((await read('u4')).callback_mode, 'client')
    assert.equal((await read('u4')).poll_interval, 7)
  })

  test('ROL-030: the confirmation comes back', async () => {
    await write('u5', { ...oidc, callback_mode: 'direct', oidc_disable_confirmation: true })
    assert.equal((await read('u5')).oidc_disable_confirmation, true)
    await write('u5', { callback_mode: 'direct' })
    assert.equal((await read('u5')).oidc_disable_confirmation, false)
  })

  test('a jwt role with redirects becomes oidc when the type is left out', async () => {
    await write('u6', { ...jwt, allowed_redirect_uris: 'https://x/cb' })
    await write('u6', { user_claim: 'sub' })
    assert.equal((await read('u6')).role_type, 'oidc')
  })

  test('ROL-046: when both names are given, the newer wins in both', async () => {
    await write('u7', { ...jwt, policies: 'old', token_policies: 'new', ttl: 1, token_ttl: 2 })
    const data = await read('u7')
    assert.deepEqual(
      [data.policies, data.token_policies, data.ttl, data.token_ttl],
      [['new'], ['new'], 2, 2],
    )
  })

  test('ROL-047: writing the newer name alone clears the older', async () => {
    const older = { policies: 'old', max_ttl: 9, period: 9, num_uses: 9, bound_cidrs: '10.0.0.1' }
    await write('u8', { ...jwt, ...older, ttl: 5 })
    await write('u8', {
      role_type: 'jwt',
      token_policies: 'new',
      token_max_ttl: 8,
      token_period: 7,
      token_num_uses: 6,
      token_bound_cidrs: '10.0.0.2',
    })
    const data = await read('u8')
    for (const name of Object.keys(older)) assert.equal(name in data, false, name)
    assert.deepEqual(data.token_policies, ['new'])
    assert.deepEqual(
      [data.token_max_ttl, data.token_period, data.token_num_uses, data.token_bound_cidrs],
      [8, 7, 6, ['10.0.0.2']],
    )
    assert.equal(data.ttl, 5)
  })

  test('ROL-050: null clears, and a failed update changes nothing', async () => {
    await write('u9', {
      ...jwt,
      bound_audiences: 'a',
      bound_claims: { a: 'b' },
      token_policies: 'p',
    })
    assertStatus(
      await write('u9', {
        role_type: 'jwt',
        bound_audiences: null,
        bound_claims: null,
        token_policies: null,
      }),
      204,
    )
    const data = await read('u9')
    assert.deepEqual(data.bound_audiences ?? [], [])
    assert.deepEqual(data.bound_claims ?? {}, {})
    assert.deepEqual(data.token_policies, [])
    assertRefused(await write('u9', { role_type: 'jwt', bound_subject: null }), /bound constraint/)
    assert.equal((await read('u9')).bound_subject, 's')
  })

  test('a map is replaced whole', async () => {
    await write('u10', { ...jwt, bound_claims: { a: 'b', c: 'd' } })
    await write('u10', { role_type: 'jwt', bound_claims: { e: 'f' } })
    assert.deepEqual((await read('u10')).bound_claims, { e: 'f' })
  })
})

test('ROL-021: delete, read, delete again', async () => {
  await write('gone', jwt)
  assertStatus(await server.root.remove(`auth/${mount}/role/gone`), 204)
  assertStatus(await server.root.read(`auth/${mount}/role/gone`), 404)
  assertStatus(await server.root.remove(`auth/${mount}/role/gone`), 204)
})

test('ROL-049: names are lower-cased everywhere', async () => {
  await write('MyRole', plainRole)
  assertStatus(await login(server, mount, 'MYROLE', keyK.sign(plainClaims)), 200)
  assert.notEqual(await read('MYROLE'), undefined)
  const { keys } = (await server.root.list(`auth/${mount}/role`)).body.data
  assert.ok(keys.includes('myrole'))
})

test('a name in the body gives way to the path', async () => {
  assertStatus(await write('by-path', { ...jwt, name: 'by-body' }), 204)
  assertStatus(await server.root.read(`auth/${mount}/role/by-body`), 404)
  assertStatus(await server.root.read(`auth/${mount}/role/by-path`), 200)
})

test('ROL-057, ROL-058: lists are sorted, paged, and 404 when empty', async () => {
  const at = await makeMount(server.root, configS)
  assertStatus(await server.root.list(`auth/${at}/role`), 404)
  for (const name of ['c', 'a', 'b']) await write(name, jwt, at)
  const list = async (query: string) =>
    (await server.root.call('GET', `auth/${at}/role?list=true${query}`)).body.data?.keys
  assert.deepEqual(await list(''), ['a', 'b', 'c'])
  assert.deepEqual(await list('&after=b&limit=1'), ['c'])
  assert.deepEqual(await list('&after=aa&limit=1'), ['b'])
  assert.deepEqual(await list('&limit=0'), ['a', 'b', 'c'])
  assert.deepEqual(await list('&limit=-3'), ['a', 'b', 'c'])
  const verb = await server.root.call('LIST', `auth/${at}/role/`)
  assert.deepEqual(verb.body.data, { keys: ['a', 'b', 'c'] })
})

test('ROL-061: PATCH is 405', async () => {
  await write('patched', jwt)
  assertStatus(await server.root.call('PATCH', `auth/${mount}/role/patched`, {}), 405)
})

test('ROL-062: a name that begins or ends with a dash is no path', async () => {
  for (const name of ['-x', 'x-', '.x', 'a/b', 'a%20b'])
    assertStatus(await write(name, jwt), 404, name)
  for (const name of ['a-b', 'a.b', '_', '0']) assertStatus(await write(name, jwt), 204, name)
})

test('create and update are told apart for the policy', async () => {
  await write('there', jwt)
  const client = await server.root.tokenFor(
    'creator',
    `path "auth/${mount}/role/*" { capabilities = ["create"] }`,
  )
  assertStatus(await client.write(`auth/${mount}/role/new-one`, jwt), 204)
  assertStatus(await client.write(`auth/${mount}/role/there`, jwt), 403)
  assertStatus(await client.write(`auth/${mount}/role/There`, jwt), 403)
})

test('LOG-004: an oidc role is not for logins with a JWT', async () => {
  await write('browser', oidc)
  assertReason(await login(server, mount, 'browser', keyK.sign(plainClaims)), 'role_type_mismatch')
})

test('SEC-MAT-12: a bound claim called __proto__ is enforced', async () => {
  await write('proto', { ...plainRole, bound_claims: '{"__proto__":"x"}' })
  const claims = (text: string) => ({ ...plainClaims, ...JSON.parse(text) })
  assertReason(await login(server, mount, 'proto', keyK.sign(plainClaims)), 'claim_missing')
  const own = Object.defineProperty({ ...claims('{}') }, '__proto__', {
    value: 'x',
    enumerable: true,
  })
  assertStatus(await login(server, mount, 'proto', keyK.sign(own)), 200)
})
