/** `dry_run` of a policy: which live tokens would be allowed more or less, before it is written (explain.md §5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { want403P, wantError } from '../platform/fixture.ts'

let server: TestServer
const text = 'path "kv/app/*" { capabilities = ["read", "list"] }'

before(async () => {
  server = await startTestServer()
  const { root } = server
  await root.must('sys/policies/acl/app', { policy: text })
  await root.must('sys/policies/acl/more', {
    policy: 'path "kv/app/*" { capabilities = ["update"] }',
  })
  for (const [name, policies] of [
    ['alone', ['app']],
    ['both', ['app', 'more']],
    ['other', ['more']],
  ] as const) {
    await root.must('auth/token/create', { policies, display_name: name, no_default_policy: true })
  }
})
after(() => server.stop())

async function preview(policy: string, name = 'app'): Promise<ApiResult['body']> {
  const answer = await server.root.write(`sys/policies/acl/${name}`, { policy, dry_run: true })
  assert.equal(answer.status, 200, answer.text)
  return answer.body.data
}

const subs = (rows: readonly { readonly sub: string }[]): readonly string[] =>
  rows.map(({ sub }) => sub).toSorted()

test('who may do more, who less, and who the one and the other; nothing is written', async () => {
  const more = await preview('path "kv/app/*" { capabilities = ["read", "list", "update"] }')
  assert.equal(more.valid, true)
  assert.equal(more.replayed, 2)
  // Whoever has it from elsewhere gains nothing.
  assert.deepEqual(subs(more.gain), ['token-alone'])
  assert.deepEqual(more.gain[0].paths, [{ path: 'kv/app/*', gained: ['update'], lost: [] }])
  const less = await preview('path "kv/app/*" { capabilities = ["read"] }')
  assert.deepEqual(subs(less.lose), ['token-alone', 'token-both'])
  const moved = await preview('path "kv/lib/+" { capabilities = ["read"] }')
  assert.deepEqual(subs(moved.changed), ['token-alone', 'token-both'])
  const denied = await preview(`${text}\npath "kv/app/secret" { capabilities = ["deny"] }`)
  assert.deepEqual(subs(denied.lose), ['token-alone', 'token-both'])
  assert.deepEqual(denied.changes, [
    {
      field: 'policy',
      before: text,
      after: `${text}\npath "kv/app/secret" { capabilities = ["deny"] }`,
    },
  ])
  assert.equal((await server.root.read('sys/policies/acl/app')).body.data.policy, text)
  const same = await preview(text)
  assert.deepEqual([same.changes, same.gain, same.lose, same.changed], [[], [], [], []])
})

test('a new policy, one that does not parse, and one that may not be written', async () => {
  const made = await preview('path "x" { capabilities = ["read"] }', 'new')
  assert.equal(made.replayed, 0)
  assert.equal((await server.root.read('sys/policies/acl/new')).status, 404)
  const bad = await preview('path "x" {')
  assert.equal(bad.valid, false)
  assert.match(bad.problem, /failed to parse policy/)
  assert.equal((await preview('path "x" {}', 'root')).valid, false)
  const templated = await preview(
    `${text}\npath "kv/{{identity.entity.id}}/*" { capabilities = ["read"] }`,
  )
  assert.deepEqual([templated.gain, templated.lose], [[], []])
})

test('it needs the capability of the write', async () => {
  const reader = await server.root.tokenFor('reader', 'path "sys/*" { capabilities = ["read"] }')
  want403P(await reader.write('sys/policies/acl/app', { policy: text, dry_run: true }))
  const perhaps = { policy: text, dry_run: 'perhaps' }
  wantError(await server.root.write('sys/policies/acl/app', perhaps), 400, /dry_run/)
})

test('the older path previews too, and a path without a preview does nothing rather than write', async () => {
  const { root } = server
  const older = await root.write('sys/policy/app', { policy: 'path "x" {}', dry_run: true })
  assert.equal(older.body.data.valid, true)
  assert.equal((await root.read('sys/policies/acl/app')).body.data.policy, text)
  await root.must('sys/auth/userpass', { type: 'userpass' })
  const empty = { policy: 'path "x" {}', dry_run: '' }
  wantError(await root.write('sys/policies/acl/app', empty), 400, /'dry_run' is neither/)
  for (const asked of [true, 'true', 1, 'yes']) {
    const body = { password: 'correct horse', dry_run: asked }
    wantError(await root.write('auth/userpass/users/ann', body), 400, /dry_run/)
  }
  assert.equal((await root.read('auth/userpass/users/ann')).status, 404)
  await root.must('auth/userpass/users/ann', { password: 'correct horse', dry_run: false })
  await root.must('secret/data/x', { data: { dry_run: true } })
})

test('the text that stands is for those who may read it, accessors for those who may list them', async () => {
  const path = 'sys/policies/acl/app'
  const next = { policy: 'path "kv/app/*" { capabilities = ["list"] }', dry_run: true }
  const update = `path "${path}" { capabilities = ["update"] }`
  const writer = await server.root.tokenFor('writer', update)
  const told = await writer.write(path, next)
  assert.equal(told.body.data.counts.lose, 2, told.text)
  for (const name of ['changes', 'gain', 'lose', 'changed']) {
    assert.equal(told.body.data[name], undefined, name)
  }
  assert.equal(told.text.includes('"list"'), false)
  const reader = await server.root.tokenFor(
    'policy-reader',
    `path "${path}" { capabilities = ["update", "read"] }
     path "auth/token/accessors" { capabilities = ["list"] }`,
  )
  const read = (await reader.write(path, next)).body.data
  assert.equal(read.changes[0].before, text)
  assert.equal(read.lose, undefined)
  const lister = await server.root.tokenFor(
    'lister',
    `${update}\npath "auth/token/accessors/" { capabilities = ["list", "sudo"] }`,
  )
  const listed = (await lister.write(path, next)).body.data
  assert.deepEqual(subs(listed.lose), ['token-alone', 'token-both'])
  assert.equal(listed.changes, undefined)
})

test('where a changed rule has a template, parameters or wrapping TTLs its holders are unknown', async () => {
  const { root } = server
  const plain = 'path "kv/*" { capabilities = ["update"] }'
  const ruled = (more: string): string => `path "kv/*" { capabilities = ["update"] ${more} }`
  const templated = 'path "kv/{{identity.entity.id}}/*" { capabilities = ["read"] }'
  const allowed = ruled('allowed_parameters = { "a" = ["1"] }')
  const cases: readonly (readonly [was: string, next: string, unknown: number])[] = [
    [templated, 'path "other" { capabilities = ["deny"] }', 1],
    [allowed, plain, 1],
    [plain, ruled('required_parameters = ["zz"]'), 1],
    [plain, ruled('denied_parameters = { "*" = [] }'), 1],
    [plain, ruled('min_wrapping_ttl = "1h" max_wrapping_ttl = "2h"'), 1],
    // What is left of a path is narrower than what was removed of it.
    [`${plain}\n${allowed}`, allowed, 1],
    [`${plain}\npath "kv/app/*" { capabilities = ["update"] }`, plain, 0],
    [`${allowed}\npath "kv/app/*" { capabilities = ["update"] }`, allowed, 1],
    [`${plain}\n${templated}`, `${templated}\n${plain}`, 0],
    [templated, `${templated}\n${plain}`, 0],
  ]
  for (const [index, [was, next, unknown]] of cases.entries()) {
    const name = `hard${index}`
    await root.must(`sys/policies/acl/${name}`, { policy: was })
    await root.must('auth/token/create', { policies: [name] })
    const data = await preview(next, name)
    assert.deepEqual([data.replayed, data.unknown, data.counts.lose], [1, unknown, 0], next)
  }
  const slashes = { policy: templated, allow_slashes_in_identity_templates: true, dry_run: true }
  const wider = await root.must('sys/policies/acl/hard0', slashes)
  assert.equal(wider.body.data.unknown, 1)
})

test('no rule can be written for the words that stand for a star or a plus', async () => {
  const { root } = server
  const rule = (path: string): string => `path "${path}" { capabilities = ["read"] }`
  const cases: readonly (readonly [was: string, next: string, lost: string])[] = [
    [`${rule('kv/+/x')}\n${rule('kv/any/x')}`, rule('kv/any/x'), 'kv/+/x'],
    [rule('kv/*'), rule('kv/any'), 'kv/*'],
    [rule('kv/*'), `${rule('kv/+')}\n${rule('kv/+/+')}`, 'kv/*'],
  ]
  for (const [index, [was, next, lost]] of cases.entries()) {
    const name = `word${index}`
    await root.must(`sys/policies/acl/${name}`, { policy: was })
    await root.must('auth/token/create', { policies: [name] })
    const data = await preview(next, name)
    assert.equal(data.counts.lose, 1, next)
    assert.deepEqual(data.lose[0].paths, [{ path: lost, gained: [], lost: ['read'] }])
  }
})
