/** CEL roles over HTTP (jwt-oidc.md §6): what is stored, who gets in, with what, and at what cost. */

import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import type { ApiResult } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { manualClock, startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  configS,
  issuerUrl,
  makeMount,
  type Claims,
} from './fixture.ts'

let server: TestServer
let mount: string
let count = 0
const clock = manualClock()
const key = makeJwtMaker('c1', () => Math.floor(clock.nowMs() / 1000))
const config = { ...configS, jwt_validation_pubkeys: [key.pem] }

before(async () => {
  server = await startTestServer({ clock })
  mount = await makeMount(server.root, config)
})
after(() => server.stop())

const claims: Claims = { iss: issuerUrl, sub: 'u1' }

type Program = string | { expression: string; variables?: object[] }

function programOf(program: Program): object {
  return typeof program === 'string' ? { expression: program } : program
}

function write(name: string, program: Program, rest: object = {}): Promise<ApiResult> {
  return server.root.write(`auth/${mount}/cel/role/${name}`, {
    cel_program: programOf(program),
    ...rest,
  })
}

async function read(name: string) {
  return (await server.root.read(`auth/${mount}/cel/role/${name}`)).body.data
}

function enter(role: string, extra: Claims = {}): Promise<ApiResult> {
  const jwt = key.sign({ ...claims, ...extra })
  return server.client().write(`auth/${mount}/cel/login`, { role, jwt })
}

/** Writes a role and logs in through it. */
async function run(program: Program, extra: Claims = {}, rest: object = {}): Promise<ApiResult> {
  const name = `p${++count}`
  assertStatus(await write(name, program, rest), 200, JSON.stringify(program))
  return enter(name, extra)
}

/** The value of an expression, as text. */
async function valueOf(expression: string, extra: Claims = {}): Promise<string> {
  const result = await run(`pb.Auth{metadata: {'v': ${expression}}}`, extra)
  assertStatus(result, 200, `${expression}: ${result.text}`)
  return result.body.auth.metadata.v
}

describe('what is stored', () => {
  test('a role is written, read and listed (CEL-001)', async () => {
    const written = await write('one', '1 == 1')
    assertStatus(written, 200)
    assert.deepEqual(written.body.data, {
      name: 'one',
      cel_program: { expression: '1 == 1' },
      message: '',
      expiration_leeway: 150,
      not_before_leeway: 150,
      clock_skew_leeway: 60,
      bound_audiences: [],
    })
    assert.deepEqual(await read('one'), written.body.data)
    const listed = await server.root.call('LIST', `auth/${mount}/cel/role`)
    assert.ok(listed.body.data.keys.includes('one'))
  })

  test('what cannot be compiled is refused and not stored (CEL-002, CEL-028)', async () => {
    const rows: readonly (readonly [Program, RegExp])[] = [
      ['invalid_cel_syntax', /undeclared reference to "invalid_cel_syntax"/],
      ['claims.sub ==', /cel_program/],
      ['nothing(claims)', /function "nothing"/],
      ['pb.Unknown{}', /type "pb.Unknown"/],
      ['@tick()', /cel_program/],
      ['', /expression/],
      ['x'.repeat(5000), /4096/],
      [`${'['.repeat(300)}1${']'.repeat(300)}`, /too large|cel_program/],
      [
        {
          expression: 'a',
          variables: [
            { name: 'a', expression: 'b' },
            { name: 'b', expression: '1' },
          ],
        },
        /variable "a".*"b"/,
      ],
      [
        { expression: '1', variables: [{ name: 'claims', expression: '1' }] },
        /"claims" is there already/,
      ],
      [
        {
          expression: '1',
          variables: [
            { name: 'a', expression: '1' },
            { name: 'a', expression: '1' },
          ],
        },
        /"a" is there already/,
      ],
      [{ expression: '1', variables: [{ name: 'a b', expression: '1' }] }, /no name of a variable/],
      [{ expression: '1', variables: [{ name: 'a' }] }, /name and an expression/],
    ]
    for (const [program, expected] of rows) {
      assertRefused(await write('bad', program), expected, JSON.stringify(program).slice(0, 80))
    }
    assertRefused(await server.root.write(`auth/${mount}/cel/role/bad`, {}), /expression/)
    const text = { cel_program: 'expression=1 == 1' }
    assertRefused(await server.root.write(`auth/${mount}/cel/role/bad`, text), /JSON text/)
    assertStatus(await server.root.read(`auth/${mount}/cel/role/bad`), 404)
  })

  test('a patch keeps what it does not give, and a write puts it back to its default (CEL-003)', async () => {
    await write(
      'patched',
      { expression: 'v == 1', variables: [{ name: 'v', expression: '1' }] },
      { message: 'no', bound_audiences: ['a'], clock_skew_leeway: 5 },
    )
    const patch = (body: object) =>
      server.root.call('PATCH', `auth/${mount}/cel/role/patched`, body, {
        headers: { 'content-type': 'application/merge-patch+json' },
      })
    const first = await patch({ message: 'other' })
    assertStatus(first, 200)
    assert.equal(first.body.data.message, 'other')
    assert.deepEqual(first.body.data.bound_audiences, ['a'])
    assert.equal(first.body.data.clock_skew_leeway, 5)
    const variables = [{ name: 'v', expression: '2' }]
    const second = await patch({ cel_program: { variables }, bound_audiences: ['b'] })
    assert.deepEqual(second.body.data.cel_program, { variables, expression: 'v == 1' })
    assert.deepEqual((await read('patched')).bound_audiences, ['b'])
    assertRefused(await patch({ cel_program: { expression: 'nobody' } }), /undeclared/)
    await write('patched', '1 == 1')
    const again = await read('patched')
    assert.equal(again.expiration_leeway, 150)
    assert.equal(again.clock_skew_leeway, 60)
    assert.equal(again.message, '')
    assert.deepEqual(again.cel_program, { expression: '1 == 1' })
  })

  test('a deleted role is gone (CEL-004)', async () => {
    await write('gone', '1 == 1')
    assertStatus(await server.root.call('DELETE', `auth/${mount}/cel/role/gone`), 204)
    assertStatus(await server.root.read(`auth/${mount}/cel/role/gone`), 404)
    assertReason(await enter('gone'), 'role_unknown')
  })

  test('a patch of no role, or in another form, is refused (CEL-021)', async () => {
    const path = `auth/${mount}/cel/role/never`
    const headers = { 'content-type': 'application/merge-patch+json' }
    assertRefused(await server.root.call('PATCH', path, { message: 'x' }, { headers }), /never/)
    const json = { headers: { 'content-type': 'application/json' } }
    assertStatus(await server.root.call('PATCH', path, { message: 'x' }, json), 415)
  })

  test('the plural leads to the same roles (CEL-026)', async () => {
    const cel_program = { expression: '1 == 1' }
    assertStatus(await server.root.write(`auth/${mount}/cel/roles/plural`, { cel_program }), 200)
    assert.equal((await read('plural')).name, 'plural')
    const listed = await server.root.call('LIST', `auth/${mount}/cel/roles`)
    assert.ok(listed.body.data.keys.includes('plural'))
  })
})

describe('who gets in', () => {
  test('false and a text turn away, with the text or the message of the role (CEL-005, CEL-006, CEL-024)', async () => {
    const plain = await run('false')
    assertReason(plain, 'rule_refused')
    assert.match(plain.body.errors[0], /role .* blocked/)
    const text = await run(`'not on ' + claims.sub + "'s day"`)
    assertReason(text, 'rule_refused')
    assert.match(text.body.errors[0], /not on u1's day/)
    const message = await run('false', {}, { message: 'ask the platform team' })
    assert.match(message.body.errors[0], /ask the platform team/)
  })

  test('a pb.Auth gives name, policies and networks (CEL-007, CEL-008, CEL-009)', async () => {
    const named = await run(`pb.Auth{display_name: 'x', policies: ['B', 'a']}`)
    assertStatus(named, 200)
    const { auth } = named.body
    assert.deepEqual(auth.token_policies, ['a', 'b', 'default'])
    const self = await server.client(auth.client_token).read('auth/token/lookup-self')
    assert.equal(self.body.data.display_name, `${mount}-x`)
    assert.equal(auth.entity_id, '')
    const bound = `claims.sub == 'u1' ? pb.Auth{bound_cidrs: ['127.0.0.0/8']} : false`
    const inside = await run(bound)
    const lookup = await server.client(inside.body.auth.client_token).read('auth/token/lookup-self')
    assert.deepEqual(lookup.body.data.bound_cidrs, ['127.0.0.0/8'])
    assertReason(await run(bound, { sub: 'u2' }), 'rule_refused')
  })

  test('variables are seen in order, and a claim decides (CEL-010, CEL-012)', async () => {
    const program = {
      variables: [
        { name: 'wanted', expression: `['u1', 'u3']` },
        { name: 'isWanted', expression: 'claims.sub in wanted' },
      ],
      expression: 'isWanted ? pb.Auth{policies: ["p"]} : false',
    }
    assertStatus(await run(program), 200)
    assertReason(await run(program, { sub: 'u2' }), 'rule_refused')
  })

  test('nothing but a right pb.Auth lets in (CEL-011, CEL-014, CEL-017)', async () => {
    const rows: readonly (readonly [string, RegExp])[] = [
      ['true', /unexpected type/],
      ['5', /unexpected type/],
      ['[]', /unexpected type/],
      ['null', /unexpected type/],
      [`{'policies': ['p']}`, /unexpected type/],
      [`pb.LeaseOptions{}`, /unexpected type/],
      ['pb.Auth{polices: ["p"]}', /no such field "polices"/],
      ['pb.Auth{policies: [1]}', /field policies needs/],
      ['pb.Auth{policies: "p"}', /field policies needs/],
      ['pb.Auth{num_uses: -1}', /field num_uses needs/],
      ['pb.Auth{bound_cidrs: ["nowhere"]}', /field bound_cidrs needs/],
      ['pb.Auth{alias: logical.Alias{}}', /field name needs/],
      ['pb.Auth{alias: {"name": "x"}}', /field alias needs/],
      ['pb.Auth{token_type: 7}', /field token_type needs/],
      ['pb.Auth{internal_data: "["}', /field internal_data needs/],
      ['claims.missing == 1 ? pb.Auth{} : false', /error evaluating/],
      ['claims.sub > 1 ? pb.Auth{} : false', /error evaluating/],
      ['pb.Auth{policies: [" Root "]}', /cannot create root tokens/],
    ]
    for (const [program, expected] of rows) {
      const result = await run(program)
      assertStatus(result, 400, program)
      assert.match(result.body.errors[0], expected, program)
    }
  })

  test('audiences bind only when the role names some, and the mount may name its own (CEL-013, CEL-015, CEL-016)', async () => {
    const all = 'pb.Auth{policies: ["p"]}'
    const bound = { bound_audiences: ['a'] }
    assertStatus(await run(all, { aud: 'a' }, bound), 200)
    assertReason(await run(all, { aud: 'b' }, bound), 'audience_mismatch')
    assertReason(await run(all, {}, bound), 'audience_missing')
    assertStatus(await run(all, { aud: 'anything' }), 200)
    const narrow = await makeMount(server.root, { ...config, token_audiences: ['m'] })
    await server.root.must(`auth/${narrow}/cel/role/r`, { cel_program: { expression: all } })
    const at = (aud: string) =>
      server
        .client()
        .write(`auth/${narrow}/cel/login`, { role: 'r', jwt: key.sign({ ...claims, aud }) })
    assertStatus(await at('m'), 200)
    assertReason(await at('x'), 'audience_mismatch')
  })

  test('a role is found whatever its case, and no token passes unproven (CEL-027)', async () => {
    await write('MyRole', 'pb.Auth{}')
    assertStatus(await enter('MYROLE'), 200)
    const jwt = key.sign(claims)
    const forged = `${jwt.slice(0, -8)}AAAAAAAA`
    const result = await server
      .client()
      .write(`auth/${mount}/cel/login`, { role: 'myrole', jwt: forged })
    assertReason(result, 'signature_invalid')
    assertReason(await enter('myrole', { iss: 'https://other/' }), 'issuer_mismatch')
    assertReason(await enter('myrole', { exp: 1000, iat: 900, nbf: 900 }), 'expired')
  })

  test('an alias makes an entity, with groups and metadata (CEL-025)', async () => {
    const result = await run(`pb.Auth{
      alias: logical.Alias{name: claims.sub, metadata: {'team': 't'}},
      group_aliases: [logical.Alias{name: 'g1'}],
      metadata: {'k': 'v'},
      lease_options: pb.LeaseOptions{TTL: 600000000000, MaxTTL: 3600000000000},
      num_uses: 3,
    }`)
    assertStatus(result, 200)
    const { auth } = result.body
    assert.notEqual(auth.entity_id, '')
    assert.equal(auth.lease_duration, 600)
    assert.equal(auth.renewable, true)
    assert.equal(auth.num_uses, 3)
    assert.equal(auth.metadata.k, 'v')
    assert.match(auth.metadata.role, /^p\d+$/)
  })
})

describe('functions', () => {
  test('addresses of mail are told from other texts (CEL-018)', async () => {
    for (const good of ['a@b', '<a@b>', 'a@b.example', 'Some Body <a.b+c@d.example>']) {
      assert.equal(await valueOf(`string(check_valid_email(claims.e))`, { e: good }), 'true', good)
    }
    for (const bad of ['<a@b', 'nobody', '', 'a..b@c.example', 'a@', '@b', 'a b@c.example']) {
      assert.equal(await valueOf(`string(check_valid_email(claims.e))`, { e: bad }), 'false', bad)
    }
  })

  test('JSON goes out and comes back (CEL-019)', async () => {
    assert.equal(await valueOf(`decode_json(encode_json({'a': [1, 'x', true]})).a[1]`), 'x')
    assert.equal(await valueOf(`string(decode_json('{') == false)`), 'true')
    assert.equal(await valueOf(`string(encode_json('x') == false)`), 'true')
  })

  test('texts, expressions, sets and encoders (CEL-020)', async () => {
    assert.equal(await valueOf(`'a,b,c'.split(',')[1]`), 'b')
    assert.equal(await valueOf(`regex.extract('item-42', '(\\\\d+)')`), '42')
    assert.equal(await valueOf(`regex.extractAll('a1b22', '\\\\d+').join('-')`), '1-22')
    assert.equal(await valueOf(`regex.replace('a1b2', '\\\\d', '#')`), 'a#b#')
    assert.equal(await valueOf(`base64.encode(b'hello')`), 'aGVsbG8=')
    assert.equal(await valueOf(`string(base64.decode('aGVsbG8='))`), 'hello')
    assert.equal(await valueOf(`'x.y.z'.replace('.', '/', 1)`), 'x/y.z')
    assert.equal(await valueOf(`string(sets.contains([1, 2, 3], [2]))`), 'true')
    assert.equal(await valueOf(`string(sets.intersects(['a'], ['b']))`), 'false')
    assert.equal(await valueOf(`string(math.greatest(1, 2))`), '2')
    assert.equal(await valueOf(`string('ab'.matches('^a'))`), 'true')
    assert.equal(
      await valueOf(`claims.groups.filter(g, g.startsWith('x-')).map(g, g + '!').join()`, {
        groups: ['x-1', 'y', 'x-2'],
      }),
      'x-1!x-2!',
    )
    assert.equal(await valueOf(`string(claims.n == 5 && claims.n < 6)`, { n: 5 }), 'true')
    assert.equal(await valueOf(`string(now > timestamp('2020-01-01T00:00:00Z'))`), 'true')
  })

  test('a program of a login knows that it is one', async () => {
    assert.equal(await valueOf('operation'), 'update')
  })
})

describe('renewal', () => {
  const program = `pb.Auth{lease_options: pb.LeaseOptions{TTL: 600000000000, MaxTTL: 1200000000000}}`

  test('a token keeps the terms that its program gave, and ends with its role (CEL-022, CEL-023)', async () => {
    await write('renewed', program)
    const { auth } = (await enter('renewed')).body
    const token = server.client(auth.client_token)
    const renew = () => token.write('auth/token/renew-self', {})
    clock.advance(300_000)
    const first = await renew()
    assertStatus(first, 200)
    assert.equal(first.body.auth.lease_duration, 600)
    clock.advance(400_000)
    const second = await renew()
    assert.ok(second.body.auth.lease_duration <= 500, second.text)
    await server.root.call('DELETE', `auth/${mount}/cel/role/renewed`)
    assertRefused(await renew(), /renewed/)
  })

  test('a role of the other kind with the same name renews nothing (CEL-022)', async () => {
    await write('twin', program)
    const { auth } = (await enter('twin')).body
    await server.root.call('DELETE', `auth/${mount}/cel/role/twin`)
    const role = { role_type: 'jwt', user_claim: 'sub', bound_subject: 'u1' }
    await server.root.must(`auth/${mount}/role/twin`, role)
    const renewed = await server.client(auth.client_token).write('auth/token/renew-self', {})
    assertRefused(renewed, /twin/)
  })
})

test('no token makes a program run long, and others are served meanwhile (SEC-HTP-17, SEC-SUP-04)', async () => {
  const groups = Array.from({ length: 9000 }, (_, i) => `g${i}`)
  const bait = 'a'.repeat(60_000)
  const g = 'claims.groups'
  const rows: readonly string[] = [
    `${g}.all(a, ${g}.all(b, ${g}.all(c, true))) ? pb.Auth{} : false`,
    `(${g}.all(a, ${g}.all(b, a != 'x')) || true) ? pb.Auth{} : false`,
    `${g}.map(a, a + a).exists(b, b == 'zz') ? pb.Auth{} : pb.Auth{}`,
    `${g}.exists(a, ${g} == [a]) ? pb.Auth{} : false`,
    `claims.bait.matches('(a+)+b') ? pb.Auth{} : pb.Auth{}`,
    `claims.bait.matches('(x+x+)+y|[ab]*a[ab]{200}c') ? pb.Auth{} : pb.Auth{}`,
    `regex.extractAll(claims.bait, '(a|aa)*?b').size() > 1 ? pb.Auth{} : pb.Auth{}`,
    `claims.bait.replace('a', 'aa').replace('a', 'aa').size() > 1 ? pb.Auth{} : false`,
    `claims.bait.indexOf(claims.bait.substring(1) + 'b') > 1 ? pb.Auth{} : pb.Auth{}`,
    `${g}.exists(x, claims.bait.matches(x)) ? pb.Auth{} : pb.Auth{}`,
    `sets.contains(${g}, ${g}) ? pb.Auth{} : false`,
    `${g}.all(x, (claims.a.b.c || true) && (claims.z || x > 1 || true)) ? pb.Auth{} : false`,
    `${g}.all(x, [${'x,'.repeat(200)} x][0] == x) ? pb.Auth{} : false`,
    `int(claims.digits) > 1 ? pb.Auth{} : false`,
    `'%s %s %s'.format([claims, claims, claims]).size() > 1 ? pb.Auth{} : false`,
  ]
  for (const expression of rows) {
    const name = `p${++count}`
    assertStatus(await write(name, expression), 200, expression)
    const jwt = key.sign({ ...claims, groups, bait, digits: '1'.repeat(60_000) })
    const { result, otherCallerMs } = await besideOtherCaller(server, () =>
      server.client().write(`auth/${mount}/cel/login`, { role: name, jwt }),
    )
    assert.ok(otherCallerMs < otherCallerMsMax, `${expression}: ${otherCallerMs} ms`)
    assert.ok(result.status === 200 || result.status === 400, result.text)
  }
  // What is honest at that size passes.
  assertStatus(await run(`'g8999' in ${g} ? pb.Auth{} : false`, { groups }), 200)
  const some = { groups: groups.slice(0, 3000) }
  const last = `${g}.filter(x, x.endsWith('9')).map(x, x + '!').exists(x, x == 'g2999!')`
  assertStatus(await run(`${g}.exists(x, x == 'g2999') ? pb.Auth{} : false`, some), 200)
  assertStatus(await run(`${last} ? pb.Auth{} : false`, { groups: groups.slice(2000, 3000) }), 200)
})
