/** A login that comes with a request, where it goes to one namespace and the request to another: as with a token of there. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startAudited, type AuditedServer } from '../audit/fixture.ts'
import { firstError, type ApiClient, type ApiResult } from '../harness/api-client.ts'
import { inlineLogin, type InlineHeaders } from '../harness/inline-auth.ts'

let server: AuditedServer
let root: ApiClient
const password = 'a password of everywhere'
const places = ['', 'team', 'team/a', 'team/a/x', 'other'] as const

before(async () => {
  server = await startAudited()
  root = server.root
  for (const path of places.slice(1)) await root.must(`sys/namespaces/${path}`)
  for (const path of places) {
    const inside = root.in(path)
    await inside.must('sys/mounts/kv', { type: 'kv' })
    await inside.must('kv/where', { here: path })
    await inside.must('sys/auth/people', { type: 'userpass' })
    await inside.must('sys/policies/acl/all', {
      policy: 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }',
    })
    await inside.must('auth/people/users/ann', { password, token_policies: 'all' })
  }
})

after(() => server.stop())

const login = 'auth/people/login/ann'

function read(path: string, headers: InlineHeaders): Promise<ApiResult> {
  return server.client().call('GET', path, undefined, { headers })
}

/** Logs in there and reads there. */
function fromTo(from: string, to: string, more: InlineHeaders = {}): Promise<ApiResult> {
  const headers = {
    'X-Vault-Namespace': to,
    'X-Vault-Inline-Auth-Namespace': from === '' ? '/' : from,
  }
  return read('kv/where', inlineLogin(login, { password }, { ...headers, ...more }))
}

test('a login acts in its namespace and below it, and nowhere else (NSP-09, NSP-24)', async () => {
  for (const from of places) {
    for (const to of places) {
      const answer = await fromTo(from, to)
      const isBelow = from === '' || from === to || to.startsWith(`${from}/`)
      assert.equal(answer.status, isBelow ? 200 : 400, `${from} ${to} ${answer.text}`)
      const failed = answer.headers['x-vault-inline-auth-failed']
      assert.equal(failed, isBelow ? undefined : 'true')
      if (isBelow) assert.equal(answer.body.data.here, to)
      else assert.match(firstError(answer), /acts in that one and below it/)
    }
  }
})

test('its namespace is that of the request unless it says another, with what its path begins with', async () => {
  const ways: readonly (readonly [string, InlineHeaders])[] = [
    ['kv/where', { 'X-Vault-Namespace': 'team/a' }],
    ['kv/where', { 'X-Vault-Namespace': '/team/a/', 'X-Vault-Inline-Auth-Namespace': '' }],
    ['kv/where', { 'X-Vault-Namespace': 'team/a', 'X-Vault-Inline-Auth-Namespace': '/team/' }],
    ['a/kv/where', { 'X-Vault-Namespace': 'team' }],
    ['team/a/kv/where', {}],
    ['team/a/kv/where', { 'X-Vault-Inline-Auth-Namespace': 'root' }],
    ['team/a/kv/where', { 'X-Vault-Inline-Auth-Namespace': 'team/a' }],
  ]
  for (const [path, headers] of ways) {
    const answer = await read(path, inlineLogin(login, { password }, headers))
    assert.equal(answer.status, 200, answer.text)
    assert.equal(answer.body.data.here, 'team/a')
  }
  const inPath = inlineLogin(`team/${login}`, { password })
  assert.equal((await read('team/a/kv/where', inPath)).body.data.here, 'team/a')
  assert.equal((await read('kv/where', inPath)).status, 400)
  const both = inlineLogin(`a/${login}`, { password }, { 'X-Vault-Inline-Auth-Namespace': 'team' })
  assert.equal((await read('team/a/x/kv/where', both)).status, 200)
  assert.equal((await read('team/kv/where', both)).status, 400)
})

test('what could be a namespace or a part of a mount is not guessed', async () => {
  const plain = inlineLogin('people/login/ann', { password }, { 'X-Vault-Namespace': 'team' })
  assert.equal((await read('kv/where', plain)).status, 200)
  const twofold = await read('team/kv/where', inlineLogin('team/people/login/ann', { password }))
  assert.equal(twofold.status, 400)
  assert.match(firstError(twofold), /can be read in two ways: write it with auth\//)
})

test('a namespace that nobody knows, and one that is locked, answer as at a login', async () => {
  for (const path of ['kv/where', 'team/kv/where']) {
    const headers = { 'X-Vault-Inline-Auth-Namespace': 'nowhere' }
    const answer = await read(path, inlineLogin(login, { password }, headers))
    assert.equal(answer.status, 404, answer.text)
    assert.equal(answer.headers['x-vault-inline-auth-failed'], 'true')
  }
  const nowhere = await fromTo('', 'nowhere')
  assert.equal(nowhere.status, 404)
  assert.equal(nowhere.headers['x-vault-inline-auth-failed'], undefined)
  await root.must('sys/namespaces/api-lock/lock/team')
  for (const from of ['', 'team', 'team/a']) {
    const locked = await fromTo(from, 'team/a')
    assert.equal(locked.status, 503, locked.text)
  }
  assert.equal((await fromTo('', 'other')).status, 200)
  await root.must('sys/namespaces/api-lock/unlock/team')
  assert.equal((await fromTo('team', 'team/a')).status, 200)
})

test('it has no place of its own below, and its rules are for the whole path', async () => {
  const headers = { 'X-Vault-Namespace': 'team/a', 'X-Vault-Inline-Auth-Namespace': 'team' }
  const self = await read('auth/token/lookup-self', inlineLogin(login, { password }, headers))
  assert.deepEqual([self.body.data.type, self.body.data.accessor], ['batch', ''])
  await root.in('team').must('sys/policies/acl/narrow', {
    policy: 'path "a/kv/where" { capabilities = ["read"] }',
  })
  await root.in('team').must('auth/people/users/bob', { password, token_policies: 'narrow' })
  const asBob = inlineLogin('auth/people/login/bob', { password }, headers)
  assert.equal((await read('kv/where', asBob)).status, 200)
  assert.equal((await read('kv/other', asBob)).status, 403)
  const inTeam = inlineLogin('auth/people/login/bob', { password }, { 'X-Vault-Namespace': 'team' })
  assert.equal((await read('kv/where', inTeam)).status, 403)
})

test('it is recorded, counted and locked out where the login is (NSP-24)', async () => {
  const kept = async (namespace: string) => {
    const found = await root.in(namespace).read('sys/logins?mount=people&limit=100')
    return found.body.data.logins.length as number
  }
  const before = await Promise.all(['team', 'team/a'].map(kept))
  assert.equal((await fromTo('team', 'team/a')).status, 200)
  const { request } = server.last()
  const after = await Promise.all(['team', 'team/a'].map(kept))
  assert.deepEqual(after, [(before[0] ?? 0) + 1, before[1]])
  assert.equal(request.request.namespace.path, 'team/a/')
  assert.equal(request.auth.display_name, 'people-ann')
  const name = 'sys/quotas/rate-limit/inline'
  await root.must(name, { path: `team/${login}`, rate: 1, interval: '60s' })
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await fromTo('team', 'team/a')).status)
  assert.deepEqual(statuses.slice(1), [429, 429])
  assert.equal((await fromTo('team/a', 'team/a')).status, 200)
  assert.equal((await root.remove(name)).status, 204)
  for (let i = 0; i < 5; i++) {
    const wrong = inlineLogin(
      login,
      { password: 'wrong' },
      { 'X-Vault-Inline-Auth-Namespace': '/' },
    )
    assert.equal((await read('other/kv/where', wrong)).status, 400)
  }
  assert.equal((await fromTo('', 'other')).headers['x-login-reason'], 'locked_out')
  assert.equal((await fromTo('other', 'other')).status, 200)
  assert.equal((await fromTo('team', 'team')).status, 200)
})

test('a namespace that is gone lets nobody in', async () => {
  await root.must('sys/namespaces/gone')
  const inside = root.in('gone')
  await inside.must('sys/auth/people', { type: 'userpass' })
  await inside.must('auth/people/users/ann', { password })
  const headers = { 'X-Vault-Namespace': 'gone' }
  const self = () => read('auth/token/lookup-self', inlineLogin(login, { password }, headers))
  assert.equal((await self()).status, 200)
  await root.remove('sys/namespaces/gone')
  assert.equal((await self()).status, 404)
})

test('whoever is large is asked before the body is read, and once', async () => {
  const headers = inlineLogin(
    login,
    { password },
    { 'X-Vault-Namespace': 'team/a', 'X-Vault-Inline-Auth-Namespace': 'team' },
  )
  const body = { v: 'x'.repeat(60_000) }
  const before = (await root.in('team').read('sys/logins?mount=people&limit=100')).body.data.logins
  const written = await server.client().call('POST', 'kv/large', body, { headers })
  assert.equal(written.status, 204, written.text)
  const after = (await root.in('team').read('sys/logins?mount=people&limit=100')).body.data.logins
  assert.equal(after.length, before.length + 1)
})

test('a sealed server knows no login', async () => {
  await root.write('sys/seal')
  const answer = await fromTo('', '')
  assert.equal(answer.status, 503)
  assert.match(firstError(answer), /sealed/)
})
