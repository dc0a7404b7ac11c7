/** Weak conversions of request fields over the wire (platform.md §1.8), on a login role and the token method. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { enableJwt, unsupportedPath, wantError, type JwtMount } from './fixture.ts'

let server: TestServer
let root: ApiClient
let jwt: JwtMount

before(async () => {
  server = await startTestServer()
  root = server.root
  jwt = await enableJwt(server)
})

after(() => server.stop())

async function shown(name: string): Promise<unknown> {
  return (await root.read('auth/jwt/role/r')).body.data[name]
}

const takenRows: readonly (readonly [string, string, readonly unknown[], unknown])[] = [
  ['PAR-01', 'token_ttl', [3600, '3600', '1h', '60m'], 3600],
  ['PAR-02', 'token_ttl', ['1h30m'], 5400],
  ['PAR-03', 'token_ttl', ['7d'], 604_800],
  ['PAR-05', 'token_ttl', ['500ms'], 0],
  ['PAR-06', 'token_ttl', ['1500ms'], 1],
  ['PAR-11', 'token_policies', ['a, b'], ['a', 'b']],
  ['PAR-12', 'token_policies', [['a,b', 'c']], ['a,b', 'c']],
  ['PAR-13', 'token_policies', ['', []], []],
  ['PAR-14', 'token_policies', [7], ['7']],
  ['PAR-23', 'token_no_default_policy', ['true', '1', 'T', 1, true], true],
  ['PAR-24', 'token_no_default_policy', ['', '0', 'f', false], false],
  ['PAR-26', 'token_num_uses', ['0x10', 16, '16'], 16],
]

for (const [id, name, given, want] of takenRows) {
  test(`${id}: ${name} as ${JSON.stringify(given)} reads back ${JSON.stringify(want)}`, async () => {
    for (const value of given) {
      await jwt.mustRole('r', { [name]: value })
      assert.deepEqual(await shown(name), want, JSON.stringify(value))
    }
  })
}

const conversion = (name: string) =>
  new RegExp(`^Field validation failed: error converting input for field "${name}": .`)

const refusedRows: readonly (readonly [string, string, unknown, RegExp])[] = [
  ...['1d12h', '1.5d', '1w', '1 h', '1.5', 1.5, [], {}].map(
    (value) => ['PAR-04', 'token_ttl', value, conversion('token_ttl')] as const,
  ),
  ['PAR-07', 'token_ttl', -5, /cannot provide negative value/],
  ['PAR-07', 'token_ttl', '-5s', /cannot provide negative value/],
  ['PAR-22', 'claim_mappings', 'nopair', /invalid key pair/],
  ['PAR-25', 'token_no_default_policy', 'yes', conversion('token_no_default_policy')],
  ['PAR-27', 'token_num_uses', 1.5, conversion('token_num_uses')],
  ['PAR-34', 'user_claim', [], conversion('user_claim')],
  ['PAR-34', 'user_claim', {}, conversion('user_claim')],
]

for (const [id, name, value, error] of refusedRows) {
  test(`${id}: ${name} ${JSON.stringify(value)} is refused and changes nothing`, async () => {
    await jwt.mustRole('r', { token_ttl: 600 })
    const before = (await root.read('auth/jwt/role/r')).body.data
    wantError(await jwt.role('r', { [name]: value }), 400, error)
    assert.deepEqual((await root.read('auth/jwt/role/r')).body.data, before)
  })
}

test('PAR-08, PAR-09, PAR-10: null and absence keep a value, the empty text clears it', async () => {
  await jwt.mustRole('r', { token_ttl: 600 })
  await jwt.mustRole('r', { token_ttl: null })
  assert.equal(await shown('token_ttl'), 600)
  await jwt.mustRole('r', {})
  assert.equal(await shown('token_ttl'), 600)
  await jwt.mustRole('r', { token_ttl: '' })
  assert.equal(await shown('token_ttl'), 0)
})

test('PAR-32: the name in the path beats the one in the body', async () => {
  const result = await jwt.role('a', { name: 'b' })
  assert.ok(result.status < 300, result.text)
  assert.equal((await root.read('auth/jwt/role/a')).status, 200)
  assert.equal((await root.read('auth/jwt/role/b')).status, 404)
})

test('PAR-36, PAR-37: names of roles', async () => {
  for (const name of ['-bad', 'bad-', 'a%20b', 'a/b', '.a', 'a.']) {
    wantError(await jwt.role(name), 404, unsupportedPath)
  }
  await jwt.mustRole('a.b-c_d')
  assert.equal((await root.read('auth/jwt/role/a.b-c_d')).status, 200)
})

test('PAR-28, PAR-33: kv version 1 keeps every digit and never warns', async () => {
  await root.must('sys/mounts/kv1', { type: 'kv' })
  const raw = '{"n":12345678901234567890,"f":1.50,"zzz":1}'
  const written = await root.call('POST', 'kv1/a', undefined, { raw })
  assert.equal(written.status, 204)
  assert.match((await root.read('kv1/a')).text, /"n":12345678901234567890,"f":1\.50,"zzz":1/)
})

test('SEC-CLK-03: durations at their limits', async () => {
  for (const [value, wanted] of [
    ['9223372036', 400],
    ['9223372037', 400],
    [2 ** 53, 400],
    ['106751d', 400],
    ['1e3', 400],
    ['0x10', 400],
    ['-0s', 200],
    ['+5s', 200],
    ['0.5s', 200],
  ] as const) {
    const result = await jwt.role('r', { token_period: value })
    assert.equal(result.status < 300 ? 200 : result.status, wanted, `${value}: ${result.text}`)
  }
})
