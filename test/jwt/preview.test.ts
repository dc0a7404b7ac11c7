/** `dry_run` of role and configuration: what would change, and for whom, before it is written (explain.md §5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { setUpSignIn } from './oidc-fixture.ts'
import { assertStatus, configS, keyK, login, makeMount, plainRole } from './fixture.ts'

let server: TestServer
let mount: string

const role = {
  ...plainRole,
  bound_claims: { team: ['red', 'blue'] },
  token_ttl: '15m',
}

before(async () => {
  server = await startTestServer()
  mount = await makeMount(server.root, configS)
  await server.root.must(`auth/${mount}/role/r`, role)
  for (const [sub, team] of [
    ['ann', 'red'],
    ['bob', 'blue'],
    ['cat', 'green'],
  ]) {
    await enter({ sub, team, aud: 'a', org: { name: 'acme' } })
  }
})
after(() => server.stop())

const enter = (claims: object): Promise<ApiResult> =>
  login(server, mount, 'r', keyK.sign({ iss: 'https://iss/', ...claims }))

async function preview(path: string, body: object): Promise<ApiResult['body']> {
  const answer = await server.root.write(`auth/${mount}/${path}`, { ...body, dry_run: true })
  assertStatus(answer, 200)
  return answer.body.data
}

const subs = (rows: readonly { readonly sub: string }[]): readonly string[] =>
  rows.map(({ sub }) => sub)

test('who would gain, who would lose and who would get another token; and nothing is written', async () => {
  const before = (await server.root.read(`auth/${mount}/role/r`)).body.data
  const data = await preview('role/r', { ...role, bound_claims: { team: ['blue', 'green'] } })
  assert.equal(data.valid, true)
  assert.equal(data.replayed, 3)
  assert.equal(data.truncated, false)
  assert.deepEqual(subs(data.gain), ['cat'])
  assert.deepEqual(subs(data.lose), ['ann'])
  assert.equal(data.lose[0].reason, 'claim_mismatch')
  assert.equal(data.lose[0].role, 'r')
  assert.equal((await server.root.read(`sys/logins/${data.lose[0].id}`)).status, 200)
  assert.deepEqual(data.changed, [])
  assert.deepEqual(data.changes, [
    {
      field: 'bound_claims',
      before: { team: ['red', 'blue'] },
      after: { team: ['blue', 'green'] },
    },
  ])
  const longer = await preview('role/r', { ...role, token_ttl: '1h' })
  assert.deepEqual(subs(longer.changed).toSorted(), ['ann', 'bob'])
  assert.deepEqual((await server.root.read(`auth/${mount}/role/r`)).body.data, before)
  assertStatus(await enter({ sub: 'dan', team: 'red', aud: 'a' }), 200)
})

test('a claim that no rule has looked at was not kept: those logins are counted as unknown', async () => {
  const claims = { team: ['red', 'blue'], '/org/name': 'acme' }
  const data = await preview('role/r', { ...role, bound_claims: claims })
  assert.equal(data.lose.length, 0)
  assert.ok(data.unknown >= 3)
  await server.root.must(`auth/${mount}/role/r`, { ...role, bound_claims: claims })
  assertStatus(await enter({ sub: 'eve', team: 'red', aud: 'a', org: { name: 'acme' } }), 200)
  const pointer = await preview('role/r', { ...role, bound_claims: { '/org/name': 'other' } })
  assert.deepEqual(subs(pointer.lose), ['eve'])
  await server.root.must(`auth/${mount}/role/r`, role)
})

test('what a write would refuse or warn of is said, with nobody replayed', async () => {
  const refused = await preview('role/r', { ...role, token_bound_cidrs: 'nowhere' })
  assert.equal(refused.valid, false)
  assert.match(refused.problem, /'token_bound_cidrs'/)
  const warned = await preview('role/new', { ...role, bound_subject: 'repo:acme/app:x' })
  assert.match(warned.warnings.join(), /\[subject_unowned\]/)
  assert.equal(warned.replayed, 0)
  assert.equal((await server.root.read(`auth/${mount}/role/new`)).status, 404)
  const bad = await server.root.write(`auth/${mount}/role/r`, { ...role, dry_run: 'perhaps' })
  assertStatus(bad, 400)
})

test('a configuration is previewed for the logins of all roles', async () => {
  const data = await preview('config', { ...configS, token_audiences: ['b'] })
  assert.equal(data.valid, true)
  assert.ok(subs(data.lose).includes('bob'))
  assert.ok(!subs(data.lose).includes('cat'))
  assert.equal(data.lose[0].reason, 'audience_mismatch')
  assert.deepEqual(
    data.changes.map(({ field }: { field: string }) => field),
    ['token_audiences'],
  )
  const other = await preview('config', { ...configS, bound_issuer: 'https://other/' })
  assert.equal(other.lose[0].reason, 'issuer_mismatch')
  const refused = await preview('config', { jwks_url: 'http://127.0.0.1:1/jwks' })
  assert.equal(refused.valid, false)
  assert.match(refused.problem, /127\.0\.0\.1:1/)
  assertStatus(await enter({ sub: 'bob', team: 'blue', aud: 'a' }), 200)
  const reader = await server.root.tokenFor(
    'reader',
    `path "auth/${mount}/*" { capabilities = ["read"] }`,
  )
  const denied = await reader.write(`auth/${mount}/role/r`, { ...role, dry_run: true })
  assertStatus(denied, 403)
})

test('a preview tells what stands to those who may read it, and logins to those who may read logins', async () => {
  const at = `auth/${mount}`
  const update = `path "${at}/*" { capabilities = ["create", "update"] }`
  const reads = (path: string): string => `path "${path}" { capabilities = ["read", "update"] }`
  const next = { ...role, bound_claims: { team: ['blue', 'green'] }, dry_run: true }
  const config = { ...configS, token_audiences: ['b'], dry_run: true }

  const writer = await server.root.tokenFor('writer', update)
  for (const [path, body] of [
    ['role/r', next],
    ['config', config],
  ] as const) {
    const answer = await writer.write(`${at}/${path}`, body)
    assertStatus(answer, 200)
    const { counts, ...data } = answer.body.data
    assert.deepEqual(
      Object.keys(data).toSorted(),
      ['replayed', 'truncated', 'unknown', 'valid', 'warnings'],
      path,
    )
    assert.ok(counts.lose > 0, path)
    for (const secret of ['red', 'BEGIN PUBLIC KEY', 'ann', 'bob']) {
      assert.equal(answer.text.includes(secret), false, `${path}: ${secret}`)
    }
  }

  const seer = await server.root.tokenFor('seer', `${update}\n${reads(`${at}/role/r`)}`)
  const seen = (await seer.write(`${at}/role/r`, next)).body.data
  assert.deepEqual(seen.changes[0].before, { team: ['red', 'blue'] })
  assert.equal(seen.gain, undefined)
  assert.equal((await seer.write(`${at}/config`, config)).body.data.changes, undefined)

  const watcher = await server.root.tokenFor('watch', `${update}\n${reads('sys/logins')}`)
  const watched = (await watcher.write(`${at}/role/r`, next)).body.data
  assert.equal(watched.changes, undefined)
  assert.ok(subs(watched.lose).includes('ann'))
  assert.equal(watched.counts.lose, watched.lose.length)

  // The one spelling counts as well.
  const spelt = await server.root.tokenFor(
    'spelt',
    `${reads(`${at}/role/*`)}\npath "${at}/role/r" { capabilities = ["update"] }`,
  )
  const odd = await spelt.write(`${at}/role/R`, next)
  assertStatus(odd, 200)
  assert.equal(odd.body.data.changes, undefined)

  const whole = (await server.root.write(`${at}/role/r`, next)).body.data
  assert.deepEqual(Object.keys(whole.counts), ['gain', 'lose', 'changed'])
  assert.deepEqual(subs(whole.gain), subs(watched.gain))
})

test('many kept logins are judged, and a long list is cut', { timeout: 60_000 }, async () => {
  const own = await startTestServer({ loginRecordsMax: 3_000 })
  const at = await makeMount(own.root, configS)
  await own.root.must(`auth/${at}/role/r`, role)
  const jwt = keyK.sign({ iss: 'https://iss/', sub: 'u', aud: 'a', team: 'red' })
  for (let i = 0; i < 30; i++) {
    await Promise.all(Array.from({ length: 50 }, () => login(own, at, 'r', jwt)))
  }
  const answer = await own.root.write(`auth/${at}/role/r`, {
    ...role,
    bound_claims: { team: 'blue' },
    dry_run: true,
  })
  const { replayed, lose, truncated, counts } = answer.body.data
  assert.equal(replayed, 1_500)
  assert.equal(counts.lose, 1_500)
  assert.equal(lose.length, 1_000)
  assert.equal(truncated, true)
  await own.stop()
})

test('with record_claims the named claims alone are kept, and a preview judges by no other', async () => {
  const listed = await makeMount(server.root, { ...configS, record_claims: 'sub,team,/org/name' })
  const at = `auth/${listed}`
  assert.deepEqual((await server.root.read(`${at}/config`)).body.data.record_claims, [
    'sub',
    'team',
    '/org/name',
  ])
  await server.root.must(`${at}/role/r`, role)
  const claims = { iss: 'https://iss/', sub: 'ann', team: 'red', aud: 'a', email: 'ann@acme.test' }
  const entered = await login(server, listed, 'r', keyK.sign(claims))
  assertStatus(entered, 200)
  const id = entered.headers['x-request-id'] ?? ''
  const record = (await server.root.read(`sys/logins/${id}`)).body.data
  assert.deepEqual(record.claims, { sub: 'ann', team: 'red', '/org/name': null })
  assert.equal(record.issuer, 'https://iss/')

  const next = { ...role, bound_claims: { team: 'blue' }, dry_run: true }
  const unsure = (await server.root.write(`${at}/role/r`, next)).body.data
  assert.equal(unsure.unknown, 1)
  assert.deepEqual([unsure.gain, unsure.lose, unsure.changed], [[], [], []])
  const explained = await server.root.write('sys/explain/login', { id })
  assert.match(explained.body.warnings.join(), /record_claims/)

  const record_claims = ['iss', 'sub', 'aud', 'exp', 'iat', 'team', '/org/name']
  await server.root.must(`${at}/config`, { ...configS, record_claims })
  assertStatus(await login(server, listed, 'r', keyK.sign({ ...claims, sub: 'bob' })), 200)
  const sure = (await server.root.write(`${at}/role/r`, next)).body.data
  assert.equal(sure.unknown, 1)
  assert.deepEqual(subs(sure.lose), ['bob'])
})

test('a claim that was cut in its record is judged by nobody', async () => {
  const long = 'x'.repeat(300)
  const one = await makeMount(server.root, configS)
  const bound = { ...role, bound_claims: { team: long } }
  await server.root.must(`auth/${one}/role/r`, bound)
  const jwt = keyK.sign({ iss: 'https://iss/', sub: 'ann', team: long, aud: 'a' })
  assertStatus(await login(server, one, 'r', jwt), 200)
  const body = { ...bound, token_ttl: '1h', dry_run: true }
  const { data } = (await server.root.write(`auth/${one}/role/r`, body)).body
  assert.equal(data.unknown, 1)
  assert.deepEqual([data.gain, data.lose, data.changed], [[], [], []])
})

test('SEC-AUD-13: a token in a claim that is kept is masked, and the claim is judged by nobody', async () => {
  const one = await makeMount(server.root, { ...configS, record_claims: 'sub,team,note' })
  const made = await server.root.must('auth/token/create', { policies: ['default'] })
  const token = String(made.body.auth.client_token)
  const bound = { ...role, bound_claims: { team: token } }
  await server.root.must(`auth/${one}/role/r`, bound)
  const note = [`hvb.${'A'.repeat(200)}`, 's.abcdefghijklmnopqrstuvwx']
  const jwt = keyK.sign({ iss: 'https://iss/', sub: 'ann', team: token, note, aud: 'a' })
  const entered = await login(server, one, 'r', jwt)
  assertStatus(entered, 200)
  const id = entered.headers['x-request-id'] ?? ''
  const { claims } = (await server.root.read(`sys/logins/${id}`)).body.data
  assert.deepEqual(claims, { sub: 'ann', team: '<masked>', note: '["<masked>","<masked>"]' })
  const body = { ...bound, token_ttl: '1h', dry_run: true }
  const { data } = (await server.root.write(`auth/${one}/role/r`, body)).body
  assert.equal(data.unknown, 1)
  assert.deepEqual([data.gain, data.lose, data.changed], [[], [], []])
})

test('a list of record_claims that is too long, or names what cannot be a claim, is refused', async () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)
  for (const [record_claims, problem] of [
    [names(65), /'record_claims' must have at most 64 names; it has 65/],
    [['x'.repeat(257)], /'record_claims' must have names of at most 256 characters/],
    [['/a~2'], /invalid 'record_claims'.* is no JSON pointer/],
    [{ a: 1 }, /record_claims/],
  ] as const) {
    const answer = await server.root.write(`auth/${mount}/config`, { ...configS, record_claims })
    assertStatus(answer, 400)
    assert.match(answer.body.errors.join(), problem)
  }
  assert.deepEqual(
    (await server.root.read(`auth/${mount}/config`)).body.data.record_claims,
    undefined,
  )
  const most = { ...configS, record_claims: names(64), dry_run: true }
  assertStatus(await server.root.write(`auth/${mount}/config`, most), 200)
})

test('a write of an issuer is previewed: whose tokens would go another way, and what cannot be judged', async () => {
  const named = await makeMount(server.root, configS)
  const at = `auth/${named}`
  await server.root.must(`${at}/role/r`, role)
  const ci = { issuer: 'https://ci/', jwt_validation_pubkeys: [keyK.pem] }
  await server.root.must(`${at}/issuers/ci`, ci)
  const sign = (iss: string, sub: string) => keyK.sign({ iss, sub, team: 'red', aud: 'a' })
  for (const [iss, sub] of [
    ['https://ci/', 'job'],
    ['https://iss/', 'ann'],
  ] as const) {
    assertStatus(await login(server, named, 'r', sign(iss, sub)), 200)
  }
  const ask = async (body: object): Promise<ApiResult['body']> => {
    const answer = await server.root.write(`${at}/issuers/ci`, { ...body, dry_run: true })
    assertStatus(answer, 200)
    return answer.body.data
  }
  const narrow = await ask({ ...ci, audiences: 'b' })
  assert.deepEqual([narrow.replayed, subs(narrow.lose)], [1, ['job']])
  assert.equal(narrow.lose[0].reason, 'audience_mismatch')
  assert.deepEqual(narrow.changes, [{ field: 'audiences', before: [], after: ['b'] }])
  assert.deepEqual(narrow.warnings, [])

  const moved = await ask({ ...ci, issuer: 'https://other/' })
  assert.equal(moved.lose[0].reason, 'issuer_mismatch')
  const keys = await ask({ ...ci, jwt_supported_algs: 'ES256' })
  assert.match(keys.warnings.join(), /was not judged/)
  const shadow = await ask({ ...ci, issuer: 'https://iss/', audiences: 'b' })
  assert.deepEqual(subs(shadow.lose).toSorted(), ['ann', 'job'])
  assert.match(shadow.warnings.join(), /no longer by the keys in config/)
  const refused = await ask({ issuer: 'https://ci/' })
  assert.equal(refused.valid, false)
  assert.match(refused.problem, /exactly one of/)
  assert.deepEqual((await server.root.read(`${at}/issuers/ci`)).body.data.audiences, [])
})

test('a write of a CEL role is previewed by the claims that its program looks at, where those were kept', async () => {
  const one = await makeMount(server.root, configS)
  const at = `auth/${one}`
  const celRole = (condition: string, policy = 'p'): object => ({
    cel_program: {
      expression: `${condition} ? pb.Auth{policies: ['${policy}'], alias: logical.Alias{name: claims.sub}} : false`,
    },
    bound_audiences: 'a',
  })
  const red = celRole("claims.team == 'red'")
  await server.root.must(`${at}/cel/role/r`, red)
  for (const [sub, team] of [
    ['ann', 'red'],
    ['bob', 'blue'],
  ]) {
    const jwt = keyK.sign({ iss: 'https://iss/', sub, team, aud: 'a', email: 'x@y.test' })
    const entered = await server.client().write(`${at}/cel/login`, { role: 'r', jwt })
    assertStatus(entered, sub === 'ann' ? 200 : 400)
    const record = await server.root.read(`sys/logins/${entered.headers['x-request-id']}`)
    assert.equal(record.body.data.claims.team, team)
    assert.equal(record.body.data.claims.email, undefined)
  }
  const ask = async (path: string, body: object): Promise<ApiResult['body']> => {
    const answer = await server.root.write(`${at}/${path}`, { ...body, dry_run: true })
    assertStatus(answer, 200)
    return answer.body.data
  }
  const blue = await ask('cel/role/r', celRole("claims['team'] == 'blue'"))
  assert.deepEqual([subs(blue.gain), subs(blue.lose), blue.unknown], [['bob'], ['ann'], 0])
  const other = await ask('cel/role/r', celRole("claims.team == 'red'", 'q'))
  assert.deepEqual([subs(other.changed), other.unknown], [['ann'], 0])
  const same = await ask('cel/role/r', red)
  assert.deepEqual([same.replayed, same.changes, same.counts.changed], [2, [], 0])
  for (const condition of ["claims.email.endsWith('y.test')", 'claims.size() > 3']) {
    const unknown = await ask('cel/role/r', celRole(condition))
    assert.deepEqual([unknown.unknown, unknown.gain, unknown.lose], [2, [], []], condition)
  }
  const refused = await ask('cel/role/r', celRole('claims.team =='))
  assert.equal(refused.valid, false)
  assert.match(refused.problem, /cel_program/)
  const config = await ask('config', { ...configS, token_audiences: 'b' })
  assert.deepEqual([subs(config.lose), config.unknown], [['ann'], 0])
  // A role of that name that is none of CEL has not judged them.
  assert.equal((await ask('role/r', role)).replayed, 0)
  const read = (await server.root.read(`${at}/cel/role/r`)).body.data
  assert.match(read.cel_program.expression, /red/)
})

test('browser sign-ins are judged by nobody: what changes a role, a configuration or an issuer has them unknown', async () => {
  const setup = await setUpSignIn()
  try {
    const { root } = setup
    const name = await setup.role({ poll_interval: 7 })
    assertStatus(await setup.callback(await setup.begin(name)), 200)
    const stored = (await root.read(`auth/oidc/role/${name}`)).body.data
    const set = Object.entries(stored).filter(([, value]) => value !== null)
    const ask = async (path: string, body: object): Promise<ApiResult['body']> =>
      (await root.must(`auth/oidc/${path}`, { ...body, dry_run: true })).body.data
    const at = `role/${name}`
    const same = await ask(at, Object.fromEntries(set))
    assert.deepEqual([same.changes, same.unknown], [[], 0])
    const other = { ...Object.fromEntries(set), bound_claims: { password: 'nobody' } }
    const narrow = await ask(at, other)
    assert.deepEqual([narrow.replayed, narrow.unknown, narrow.counts.lose], [1, 1, 0])
    const faster = await ask(at, { ...Object.fromEntries(set), poll_interval: 0 })
    assert.deepEqual(faster.changes, [{ field: 'poll_interval', before: 7, after: null }])
    assert.equal(faster.unknown, 1)
    assert.equal((await ask('config', { ...setup.config, bound_issuer: 'x' })).unknown, 1)
    const issuer = { issuer: setup.idp.issuer, jwt_validation_pubkeys: [keyK.pem] }
    assert.equal((await ask('issuers/ci', issuer)).unknown, 1)
  } finally {
    await setup.stop()
  }
})
