/** The claims engine and the audience rule over HTTP (jwt-oidc.md §2.5, §2.6, §3.3). */

import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertStatus,
  configS,
  fresh,
  issuerUrl,
  login,
  makeMount,
  makeSigner,
  plainClaims,
  plainRole,
  signAs,
} from './fixture.ts'

const signer = makeSigner('ES256')
let server: TestServer
let mount: string
let count = 0

before(async () => {
  server = await startTestServer()
  mount = await makeMount(server.root, { ...configS, jwt_validation_pubkeys: [signer.pem] })
})
after(() => server.stop())

/** Claims as JSON text, so that every number arrives as it is written. */
function sign(extra: string, base: object = plainClaims): string {
  const text = JSON.stringify(fresh({ ...base }))
  const inner = extra.slice(1, -1)
  const claims = inner === '' ? text : `${text.slice(0, -1)},${inner}}`
  return signAs('ES256', signer.privateKey, { alg: 'ES256' }, claims)
}

async function enter(role: string, jwt: string) {
  const name = `c${++count}`
  const result = await server.root.call('POST', `auth/${mount}/role/${name}`, undefined, {
    raw: role,
  })
  assert.ok(result.status < 300, result.text)
  return login(server, mount, name, jwt)
}

const withClaims = (bound: string, type = 'string') =>
  `{"role_type":"jwt","user_claim":"sub","bound_audiences":["a"],"bound_claims_type":"${type}","bound_claims":${bound}}`

describe('bound claims', () => {
  const cases: readonly (readonly [string, string, string, string | undefined, string?])[] = [
    ['CLM-001', '{"a":42,"/a":42}', '{"a":42}', undefined],
    [
      'CLM-002',
      '{"/c/d":95,"/c/e/1":"cat","/c/f/g":"v"}',
      '{"c":{"d":95,"e":["dog","cat","bird"],"f":{"g":"v"}}}',
      undefined,
    ],
    ['CLM-003', '{"nope":"x"}', '{"a":"x"}', 'claim_missing'],
    ['CLM-003', '{"/c/f/h":"x"}', '{"c":{"f":{"g":"x"}}}', 'claim_missing'],
    ['CLM-003', '{"":"x"}', '{"a":"x"}', 'claim_missing'],
    ['CLM-003', '{"\\\\":"x"}', '{"a":"x"}', 'claim_missing'],
    ['CLM-010', '{"foo":"a","bar":"b"}', '{"foo":"a","bar":"b"}', undefined],
    ['CLM-011', '{"a":[false]}', '{"a":[false]}', undefined],
    ['CLM-012', '{"a":"a"}', '{"a":["a","b"]}', undefined],
    ['CLM-013', '{"a":["a","b","c"]}', '{"a":["c","d"]}', undefined],
    ['CLM-014', '{"a":123}', '{"a":123}', undefined],
    ['CLM-015', '{"a":456}', '{"a":123}', 'claim_mismatch'],
    ['CLM-016', '{"a":[1,2]}', '{"a":[2]}', undefined],
    ['CLM-017, SEC-MAT-03', '{"a":1}', '{"a":1.9}', 'claim_mismatch'],
    ['CLM-018', '{"a":10.0}', '{"a":10}', undefined],
    ['CLM-018', '{"a":1e1}', '{"a":10}', undefined],
    ['SEC-MAT-02', '{"a":9007199254740993}', '{"a":9007199254740992}', 'claim_mismatch'],
    ['SEC-MAT-02', '{"a":9007199254740993}', '{"a":9007199254740993}', undefined],
    ['CLM-019', '{"a":"c"}', '{"a":["a","b"]}', 'claim_mismatch'],
    ['CLM-020', '{"a":["a","b","c"]}', '{"a":["d","e"]}', 'claim_mismatch'],
    ['CLM-021', '{"a":"x"}', '{"a":"x","b":"y"}', undefined],
    ['CLM-022', '{"a":"x","b":"y"}', '{"a":"x","b":"z"}', 'claim_mismatch'],
    ['CLM-023', '{"a":"x","b":"y"}', '{"a":"x"}', 'claim_missing'],
    ['CLM-024', '{"/bar/baz/1":"y"}', '{"bar":{"baz":["x","y"]}}', undefined],
    ['CLM-025', '{"/bar/baz/1":"z"}', '{"bar":{"baz":["x","y"]}}', 'claim_mismatch'],
    ['CLM-025', '{"/bar/bar":"z"}', '{"bar":{"baz":["x","y"]}}', 'claim_missing'],
    ['CLM-026, SEC-MAT-01', '{"a":true}', '{"a":"true"}', 'claim_mismatch'],
    ['CLM-027', '{"a":"d"}', '{"a":42}', 'claim_mismatch'],
    ['SEC-MAT-01', '{"a":"x"}', '{"a":"X"}', 'claim_mismatch'],
    ['SEC-MAT-01', '{"a":"x"}', '{"a":"x "}', 'claim_mismatch'],
    ['SEC-MAT-01', '{"a":"é"}', '{"a":"e\\u0301"}', 'claim_mismatch'],
    ['CLM-028', '{"a":"4*"}', '{"a":"42"}', undefined, 'glob'],
    ['CLM-029', '{"a":"4*"}', '{"a":42}', 'claim_mismatch', 'glob'],
    ['CLM-030', '{"a":"4*"}', '{"a":"d42"}', 'claim_mismatch', 'glob'],
    ['CLM-030', '{"a":"*2"}', '{"a":"42x"}', 'claim_mismatch', 'glob'],
    ['CLM-031', '{"a":["4*d","42*"]}', '{"a":"42x"}', undefined, 'glob'],
    ['CLM-031', '{"a":["4*d","42*"]}', '{"a":"43x"}', 'claim_mismatch', 'glob'],
    ['CLM-033', '{"a":"*@*.com"}', '{"a":"test@example.com"}', undefined, 'glob'],
    ['CLM-034', '{"a":"r*@*.com"}', '{"a":"r1@example.com"}', 'claim_mismatch'],
    ['CLM-035', '{"a":"*"}', '{"a":""}', undefined, 'glob'],
    ['CLM-035', '{"a":"*"}', '{"a":true}', 'claim_mismatch', 'glob'],
    ['CLM-036', '{"a":"x*"}', '{"a":[1,"xa"]}', undefined, 'glob'],
    ['CLM-037', '{"a":"x"}', '{"a":{"x":1}}', 'claim_type'],
    ['CLM-037, SEC-MAT-06', '{"a":"*"}', '{"a":null}', 'claim_missing', 'glob'],
    ['CLM-038, SEC-MAT-05', '{"a":[]}', '{"a":["x"]}', 'claim_mismatch'],
    ['CLM-038, SEC-MAT-05', '{"a":"x"}', '{"a":[]}', 'claim_mismatch'],
    ['CLM-039', '{"aud":"a"}', '{}', undefined],
    ['CLM-042', '{"a":"a*a"}', '{"a":"a"}', 'claim_mismatch', 'glob'],
    ['CLM-042', '{"a":"a*a"}', '{"a":"aa"}', undefined, 'glob'],
    ['SEC-MAT-04', '{"a":[{"x":1},["x"],null]}', '{"a":[{"x":1},["x"],null]}', 'claim_mismatch'],
    ['SEC-MAT-07', '{"a":"a?[b].\\\\c*"}', '{"a":"a?[b].\\\\cd"}', undefined, 'glob'],
    ['SEC-MAT-09', '{"/a/01":"y"}', '{"a":["x","y"]}', 'claim_missing'],
    ['SEC-MAT-09', '{"/a/-":"y"}', '{"a":["x","y"]}', 'claim_missing'],
    ['SEC-MAT-09', '{"/a/+1":"y"}', '{"a":["x","y"]}', 'claim_missing'],
    ['SEC-MAT-09', '{"/a~2b":"y"}', '{"a~2b":"y"}', 'claim_missing'],
    ['SEC-MAT-10', '{"/a/length":2}', '{"a":["x","y"]}', 'claim_missing'],
    ['SEC-MAT-10', '{"toString":"x"}', '{}', 'claim_missing'],
    ['SEC-MAT-10, SEC-JSN-12', '{"/constructor/name":"Object"}', '{}', 'claim_missing'],
    ['SEC-MAT-11', '{"https://x/a.b[0]%20":"y"}', '{"https://x/a.b[0]%20":"y"}', undefined],
    [
      'SEC-JSN-13',
      '{"toString":"x","then":"y","length":"z"}',
      '{"toString":"x","then":"y","length":"z","toJSON":"q"}',
      undefined,
    ],
  ]
  for (const [id, bound, claims, reason, type] of cases) {
    test(`${id}: ${type ?? 'string'} ${bound} against ${claims}`, async () => {
      const result = await enter(withClaims(bound, type), sign(claims))
      if (reason === undefined) assertStatus(result, 200)
      else assertReason(result, reason)
    })
  }

  test('forty stars against five thousand letters', async () => {
    const pattern = `${'*a'.repeat(40)}b`
    const started = performance.now()
    const result = await enter(
      withClaims(JSON.stringify({ a: pattern }), 'glob'),
      sign(JSON.stringify({ a: 'a'.repeat(5000) })),
    )
    assertReason(result, 'claim_mismatch')
    assert.ok(performance.now() - started < 2000)
  })

  test('a thousand globs beside a claim of 180 KB hold up nobody (SEC-HTP-17)', async () => {
    const many = (count: number, of: (i: number) => string) =>
      JSON.stringify({ a: Array.from({ length: count }, (_, i) => of(i)) })
    const long = JSON.stringify({ a: 'x'.repeat(150_000) })
    const hostile = [
      [many(2000, (i) => `*x${i}y*`), long],
      [many(2000, (i) => `*${'x'.repeat(40)}${i}*`), long],
      [many(200, (i) => `*y${'x'.repeat(27)}${i % 10}*`), long],
      [many(5000, (i) => `*x${i}y*`), many(14_000, (i) => `g${i}`)],
      [many(9000, (i) => `x*${i}`), many(14_000, (i) => `g${i}`)],
    ] as const
    for (const [bound, claims] of hostile) {
      const { result, otherCallerMs } = await besideOtherCaller(server, () =>
        enter(withClaims(bound, 'glob'), sign(claims)),
      )
      assertReason(result, 'claim_too_large')
      assert.ok(otherCallerMs < otherCallerMsMax, `others waited ${Math.round(otherCallerMs)} ms`)
    }
    // The honest one: the last of many globs is that of the last of many groups.
    const groups = many(1000, (i) => `team-${i}-of-the-department`)
    const globs = many(100, (i) => `*-${i + 900}-of-*`)
    assertStatus(await enter(withClaims(globs, 'glob'), sign(groups)), 200)
  })
})

describe('audiences', () => {
  const cases: readonly (readonly [string, unknown, unknown, string | undefined])[] = [
    ['AUD-001', null, 'x', 'audience_unbound'],
    ['AUD-002', null, ['x'], 'audience_unbound'],
    ['AUD-003', null, ['x', 'y', 'z'], 'audience_unbound'],
    ['AUD-004', null, undefined, undefined],
    ['AUD-005', null, [], undefined],
    ['AUD-006', null, '', 'audience_unbound'],
    ['AUD-006', null, [''], 'audience_unbound'],
    ['AUD-007', ['a', 'b'], ['a'], undefined],
    ['AUD-007', ['a', 'b'], 'a', undefined],
    ['AUD-008', ['a', 'b'], 'c', 'audience_mismatch'],
    ['AUD-009', ['a'], undefined, 'audience_missing'],
    ['AUD-009', ['a'], [], 'audience_missing'],
    ['AUD-010', ['https://x'], 'https://x/', 'audience_mismatch'],
    ['SEC-JSN-16', ['a'], 'A', 'audience_mismatch'],
    ['SEC-JSN-16', ['a'], 'a,b', 'audience_mismatch'],
    ['SEC-JSN-16', ['a'], '*', 'audience_mismatch'],
    ['SEC-JSN-16', ['a'], ' a', 'audience_mismatch'],
    ['AUD-011', ['a'], 5, 'claims_malformed'],
    ['AUD-011', ['a'], null, 'claims_malformed'],
    ['AUD-011', ['a'], ['a', 5], 'claims_malformed'],
    ['SEC-JSN-14', ['a'], [['a']], 'claims_malformed'],
    ['SEC-JSN-14', ['a'], { a: 1 }, 'claims_malformed'],
  ]
  for (const [id, bound, aud, reason] of cases) {
    test(`${id}: ${JSON.stringify(bound)} against ${JSON.stringify(aud)}`, async () => {
      const role = { ...plainRole, bound_audiences: bound, bound_subject: 'u' }
      const result = await enter(JSON.stringify(role), sign('{}', { ...plainClaims, aud }))
      if (reason === undefined) assertStatus(result, 200)
      else assertReason(result, reason)
    })
  }

  test('AUD-012, AUD-013: audiences of the mount', async () => {
    const at = await makeMount(server.root, {
      jwt_validation_pubkeys: [signer.pem],
      bound_issuer: issuerUrl,
      token_audiences: ['v'],
    })
    await server.root.must(`auth/${at}/role/none`, {
      ...plainRole,
      bound_audiences: null,
      bound_subject: 'u',
    })
    await server.root.must(`auth/${at}/role/r`, { ...plainRole, bound_audiences: ['r'] })
    const enterAt = (role: string, aud: unknown) =>
      login(server, at, role, sign('{}', { ...plainClaims, aud }))
    assertStatus(await enterAt('none', 'v'), 200)
    assertReason(await enterAt('none', 'w'), 'audience_mismatch')
    assertReason(await enterAt('none', undefined), 'audience_missing')
    assertReason(await enterAt('r', ['v']), 'audience_mismatch')
    assertReason(await enterAt('r', ['r']), 'audience_mismatch')
    assertStatus(await enterAt('r', ['v', 'r']), 200)
  })
})

describe('the JSON of the claims', () => {
  const raw = (text: string | Buffer) =>
    signAs(
      'ES256',
      signer.privateKey,
      { alg: 'ES256' },
      typeof text === 'string' ? text : text.toString('latin1'),
    )
  const good = JSON.stringify(fresh(plainClaims))
  const cases: readonly (readonly [string, string])[] = [
    ['SEC-JSN-01: a nested member twice', good.replace('{', '{"n":{"a":1,"a":2},')],
    ['SEC-JSN-01: twice, once with an escape', good.replace('{', '{"s\\u0075b":"x",')],
    ['SEC-JSN-02: a string', '"x"'],
    ['SEC-JSN-02: null', 'null'],
    ['SEC-JSN-03: text after it', `${good} x`],
    ['SEC-JSN-03: two objects', good + good],
    ['SEC-JSN-03: a comma too many', good.replace('}', ',}')],
    ['SEC-JSN-03: a comment', `/**/${good}`],
    ['SEC-JSN-04: a byte order mark', `\ufeff${good}`],
    ['SEC-JSN-05: a lone surrogate in a value', good.replace('{', '{"x":"\\ud800",')],
    ['SEC-JSN-05: a lone surrogate in a name', good.replace('{', '{"\\udc00":1,')],
    ['SEC-JSN-10: eighty thousand levels', `{"x":${'['.repeat(80_000)}`],
    ['SEC-JSN-10: ten thousand closed levels', `{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['SEC-TOK-15: another token', raw('{}')],
  ]
  for (const [title, text] of cases) {
    test(title, async () => {
      assertReason(await enter(JSON.stringify(plainRole), raw(text)), 'claims_malformed')
    })
  }

  test('SEC-JSN-18: numbers that are no dates', async () => {
    for (const exp of ['1e400', '1e308', '9007199254740993', '"NaN"', '-1']) {
      const text = good.replace(/"exp":\d+/, `"exp":${exp}`)
      assertReason(await enter(JSON.stringify(plainRole), raw(text)), 'time_malformed')
    }
    for (const exp of ['NaN', '0x10', '+5', '007']) {
      const text = good.replace(/"exp":\d+/, `"exp":${exp}`)
      assertReason(await enter(JSON.stringify(plainRole), raw(text)), 'claims_malformed')
    }
  })

  test('SEC-JSN-12: members inside __proto__ are not members', async () => {
    const jwt = raw(`{"__proto__":${good}}`)
    assertReason(await enter(JSON.stringify(plainRole), jwt), 'issuer_missing')
    assert.equal(({} as Record<string, unknown>)['sub'], undefined)
  })
})
