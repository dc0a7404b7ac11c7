/** Conditions of bound claims over HTTP (jwt-oidc.md §2.10): what passes, what is refused, at write and at login. */

import { after, before, describe, test } from 'node:test'
import assert from 'node:assert/strict'
import { besideOtherCaller, otherCallerMsMax } from '../harness/other-caller.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import {
  assertReason,
  assertRefused,
  assertStatus,
  configS,
  fresh,
  login,
  makeMount,
  makeSigner,
  nowSeconds,
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

/** A claim `a` as JSON text, so that every number arrives as it is written. */
function tokenWith(a: string | undefined): string {
  const text = JSON.stringify(fresh(plainClaims))
  const claims = a === undefined ? text : `${text.slice(0, -1)},"a":${a}}`
  return signAs('ES256', signer.privateKey, { alg: 'ES256' }, claims)
}

function writeRole(name: string, condition: string) {
  const { role_type, user_claim, bound_audiences } = plainRole
  const rest = JSON.stringify({ role_type, user_claim, bound_audiences }).slice(1, -1)
  const raw = `{${rest},"bound_claims_type":"rules","bound_claims":{"a":${condition}}}`
  return server.root.call('POST', `auth/${mount}/role/${name}`, undefined, { raw })
}

async function enter(condition: string, a: string | undefined) {
  const name = `k${++count}`
  const written = await writeRole(name, condition)
  assert.ok(written.status < 300, written.text)
  return login(server, mount, name, tokenWith(a))
}

type Row = readonly [condition: string, claim: string | undefined, reason: string | undefined]

function judged(title: string, rows: readonly Row[]): void {
  test(title, async () => {
    for (const [condition, a, reason] of rows) {
      const note = `${condition} against ${a}`
      const result = await enter(condition, a)
      if (reason === undefined) assertStatus(result, 200, note)
      else assertReason(result, reason, note)
    }
  })
}

const mismatch = 'claim_mismatch'
const type = 'claim_type'

describe('conditions at a login', () => {
  judged('a plain value and a list mean what they mean without rules (RUL-001)', [
    ['"x"', '"x"', undefined],
    ['["x","y"]', '["z","y"]', undefined],
    ['true', 'true', undefined],
    ['10.0', '1e1', undefined],
    ['"x"', '"y"', mismatch],
    ['"x"', undefined, 'claim_missing'],
  ])
  judged('what must not be there keeps out whoever has it (RUL-002)', [
    ['{"not":"x"}', '"y"', undefined],
    ['{"not":"x"}', '"x"', mismatch],
    ['{"not":["x","z"]}', '["y","x"]', mismatch],
    ['{"not":["x","z"]}', '["y","w"]', undefined],
    ['{"not":{"not":"x"}}', '"x"', undefined],
    ['{"not":{"matches":"adm.*"}}', '["user","admin"]', mismatch],
  ])
  judged('nobody passes what must not be there by a claim of an odd kind (RUL-003)', [
    ['{"not":"x"}', undefined, 'claim_missing'],
    ['{"not":"x"}', 'null', 'claim_missing'],
    ['{"not":"x"}', '{"b":1}', type],
    ['{"not":"x"}', '42', type],
    ['{"not":"x"}', '[]', type],
    ['{"not":"x"}', '["y",42]', type],
    ['{"not":"x"}', '["y",["x"]]', type],
    ['{"not":{"at_most":5}}', '"9"', type],
    ['{"not":{"glob":"x*"}}', '7', type],
    ['{"not":{"any_of":["x",{"at_most":5}]}}', '"y"', type],
    ['{"not":{"all_of":["x",{"at_most":5}]}}', '"x"', type],
  ])
  judged('conditions are joined by all_of and any_of (RUL-004)', [
    ['{"all_of":["a","b"]}', '["a","b","c"]', undefined],
    ['{"all_of":["a","b"]}', '["a","c"]', mismatch],
    ['{"any_of":["a",{"glob":"b*"}]}', '"bx"', undefined],
    ['{"any_of":["a",{"glob":"b*"}]}', '"cx"', mismatch],
    ['{"all_of":[{"any_of":["a","b"]},{"not":"z"}]}', '["b"]', undefined],
    ['{"all_of":[{"any_of":["a","b"]},{"not":"z"}]}', '["b","z"]', mismatch],
    ['["a",{"glob":"b*"}]', '"bx"', undefined],
  ])
  judged('an expression is held against the whole text (RUL-005)', [
    ['{"matches":"acme/.+"}', '"acme/x"', undefined],
    ['{"matches":"acme/.+"}', '"evil/acme/x"', mismatch],
    ['{"matches":"acme/.+"}', '"acme/"', mismatch],
    ['{"matches":"acme"}', '"acme\\nevil"', mismatch],
    ['{"matches":"(?i)ACME"}', '"acme"', undefined],
    ['{"matches":["x","y"]}', '["z","y"]', undefined],
  ])
  judged('numbers are compared exactly, and texts are no numbers (RUL-006)', [
    ['{"at_least":3}', '3', undefined],
    ['{"at_most":3}', '3', undefined],
    ['{"at_most":3}', '4', mismatch],
    ['{"less_than":3}', '2', undefined],
    ['{"less_than":3}', '3', mismatch],
    ['{"less_than":3}', '4', mismatch],
    ['{"more_than":3}', '4', undefined],
    ['{"more_than":9007199254740992}', '9007199254740993', undefined],
    ['{"less_than":9007199254740993}', '9007199254740993', mismatch],
    ['{"more_than":3}', '"4"', type],
    ['{"at_least":3}', '2.999999999999999999999', mismatch],
    ['{"more_than":3}', '3', mismatch],
    ['{"more_than":3}', '3.0000000000000000000001', undefined],
    ['{"less_than":0}', '-0.1', undefined],
    ['{"at_most":9007199254740992}', '9007199254740993', mismatch],
    ['{"at_most":9007199254740993}', '9007199254740993', undefined],
    ['{"at_least":1,"at_most":3}', '4', mismatch],
    ['{"at_least":1,"at_most":3}', '2', undefined],
    ['{"at_least":3}', '"3"', type],
    ['{"less_than":1e999999}', '1e999998', undefined],
  ])
  const at = nowSeconds()
  const text = (seconds: number) => JSON.stringify(new Date(seconds * 1000).toISOString())
  judged('times are compared with fixed ones and with the present (RUL-007)', [
    ['{"after":"now-15m"}', `${at - 60}`, undefined],
    ['{"after":"now-15m"}', `${at - 3600}`, mismatch],
    ['{"after":"now-15m"}', text(at - 60), undefined],
    ['{"before":"now+1h"}', `${at}`, undefined],
    ['{"before":"now"}', `${at + 3600}`, mismatch],
    ['{"after":"2026-01-01T00:00:00Z"}', '"2026-01-01T01:00:00+02:00"', mismatch],
    ['{"after":"2026-01-01T00:00:00Z"}', '"2026-01-01T03:00:00+02:00"', undefined],
    ['{"after":1767225600}', '1767225600.5', undefined],
    ['{"after":"2026-01-01T00:00:00Z"}', '"2027-01-01T00:00:00"', type],
    ['{"after":"2026-01-01T00:00:00Z"}', '"later"', type],
  ])
  judged('several members of one object must hold together (RUL-011)', [
    ['{"glob":"acme/*","not":"acme/old"}', '"acme/new"', undefined],
    ['{"glob":"acme/*","not":"acme/old"}', '"acme/old"', mismatch],
  ])
})

const nested = (depth: number): string => (depth === 0 ? '"x"' : `{"not":${nested(depth - 1)}}`)

test('a condition that cannot be read is refused, and the refusal names the claim and the rule (RUL-005, RUL-008)', async () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['{"unlike":"x"}', /claim "a" in 'bound_claims': there is no rule "unlike"/],
    ['{"at_least":"3"}', /claim "a".*rule "at_least" needs a number/],
    ['{"any_of":"x"}', /rule "any_of" needs a list/],
    ['{"all_of":[]}', /rule "all_of": an empty list/],
    ['{"not":{}}', /rule "not": an empty object/],
    ['[]', /claim "a".*empty/],
    ['null', /claim "a".*null/],
    ['{"glob":[1]}', /rule "glob" needs a string/],
    ['{"matches":"("}', /rule "matches": the expression is none/],
    ['{"matches":"a)|(.*"}', /rule "matches"/],
    ['{"matches":"(?:a{100}){10}"}', /rule "matches": the expression/],
    [`{"matches":"${'x'.repeat(513)}"}`, /more than 512 characters/],
    ['{"before":"soon"}', /rule "before" needs a time/],
    ['{"after":"now-"}', /rule "after" needs a time/],
    [nested(9), /nested deeper than 8/],
    [`{"all_of":[${Array.from({ length: 201 }, () => '"x"').join(',')}]}`, /more than 200/],
    [`{"__proto__":1}`, /there is no rule "__proto__"/],
    [`{"toString":1}`, /there is no rule "toString"/],
  ]
  for (const [condition, expected] of rows) {
    assertRefused(await writeRole('refused', condition), expected, condition)
  }
  assertStatus(await server.root.read(`auth/${mount}/role/refused`), 404)
  assertStatus(await writeRole('deep', nested(8)), 204)
})

test('a role that loses its claims type takes its conditions for plain values, which match nothing (RUL-010)', async () => {
  assertStatus(await writeRole('lost', '{"not":"x"}'), 204)
  assertStatus(await server.root.write(`auth/${mount}/role/lost`, { role_type: 'jwt' }), 200)
  const read = await server.root.read(`auth/${mount}/role/lost`)
  assert.equal(read.body.data.bound_claims_type, 'string')
  assertReason(await login(server, mount, 'lost', tokenWith('"y"')), 'claim_type')
})

test('neither an expression nor a long claim holds up another caller (RUL-009, SEC-HTP-17, SEC-SUP-04)', async () => {
  const bait = JSON.stringify('a'.repeat(65_536))
  const groups = JSON.stringify(
    Array.from({ length: 5000 }, (_, i) => `group-${i}-${'a'.repeat(20)}`),
  )
  const abs = JSON.stringify(
    Array.from({ length: 60_000 }, (_, i) => 'ab'.charAt(((i * 7919) % 13) & 1)).join(''),
  )
  const rows: readonly (readonly [string, string])[] = [
    ['{"matches":"(a+)+b"}', bait],
    ['{"matches":"(a|aa|aaa)*b"}', bait],
    ['{"matches":"[ab]*a[ab]{200}c"}', abs],
    [`{"matches":[${Array.from({ length: 150 }, (_, i) => `"(?:x|a)*${i}"`).join(',')}]}`, groups],
    [`{"all_of":[${Array.from({ length: 95 }, (_, i) => `{"not":"n${i}"}`).join(',')}]}`, groups],
    ['{"not":{"glob":"*a*a*a*a*a*a*a*b"}}', bait],
  ]
  for (const [condition, claim] of rows) {
    const name = `k${++count}`
    assert.ok((await writeRole(name, condition)).status < 300, condition.slice(0, 60))
    const jwt = tokenWith(claim)
    const { result, otherCallerMs } = await besideOtherCaller(server, () =>
      login(server, mount, name, jwt),
    )
    const note = `${condition.slice(0, 60)}: ${otherCallerMs} ms, ${result.text.slice(0, 200)}`
    assert.ok(otherCallerMs < otherCallerMsMax, note)
    assert.ok(result.status === 200 || result.status === 400, note)
  }
})
