/** `dry_run` where nothing previews: refused, and never a write for real (explain.md §5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiResult } from '../harness/api-client.ts'
import { firstError } from '../harness/api-client.ts'
import { authTypes } from '../harness/declared-paths.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { configS, plainRole } from '../jwt/fixture.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
  const { root } = server
  for (const type of authTypes(server.server)) {
    await root.must(`sys/auth/${type}`, { type })
  }
  await root.must('auth/jwt/config', configS)
  await root.must('sys/mounts/kv1', { type: 'kv' })
  await root.must('sys/mounts/kv2', { type: 'kv', options: { version: '2' } })
})
after(() => server.stop())

function wantRefused(answer: ApiResult, note: string): void {
  assert.equal(answer.status, 400, `${note}: ${answer.status} ${answer.text}`)
  assert.match(firstError(answer), /"dry_run"/, note)
}

const kubernetesRole = {
  bound_service_account_names: 'a',
  bound_service_account_namespaces: 'b',
}

test('a write that has no preview refuses dry_run, in the body and in the query, and writes nothing', async () => {
  const { root } = server
  const writes: readonly (readonly [path: string, body: object])[] = [
    ['auth/approle/role/r', { token_policies: 'admin' }],
    ['auth/userpass/users/u', { password: 'a-long-password' }],
    ['auth/kubernetes/role/k', kubernetesRole],
    ['auth/token/roles/t', { allowed_policies: 'admin' }],
    ['identity/group/name/g', { policies: 'admin' }],
    ['kv2/metadata/m', { max_versions: 3 }],
    ['kv2/data/d', { data: { a: 'b' } }],
    ['sys/auth/other', { type: 'approle' }],
    ['sys/namespaces/blue', {}],
  ]
  for (const [path, body] of writes) {
    for (const value of [true, 'true', 1, 'perhaps', [true]]) {
      wantRefused(await root.write(path, { ...body, dry_run: value }), `${path} ${String(value)}`)
    }
    for (const query of ['dry_run=true', 'dr%79_run=1', 'a=b&%64ry_run']) {
      wantRefused(await root.write(`${path}?${query}`, body), `${path}?${query}`)
    }
    const read = path === 'sys/auth/other' ? 'sys/auth' : path
    const found = (await root.read(read)).body
    assert.equal(found?.data?.['other/'], undefined)
    if (read === path) assert.equal(found?.data ?? undefined, undefined, path)
  }
  for (const value of [false, 'false', null]) {
    await root.must('auth/approle/role/r', { token_policies: 'a', dry_run: value })
  }
  await root.must('auth/approle/role/r?dry_run=false', { token_policies: 'a' })
})

test('the query of a write is no place for dry_run, where it is a field too', async () => {
  const { root } = server
  for (const query of [
    'dry_run=true',
    'dry_run',
    'dry_run=',
    'dry_run=false&dry_run=1',
    'dry%5Frun=true',
    'dry_run=perhaps',
  ]) {
    wantRefused(await root.write(`auth/jwt/role/vv?${query}`, plainRole), query)
    wantRefused(await root.call('PUT', `sys/policies/acl/vv?${query}`, { policy: '' }), query)
    wantRefused(await root.write(`kv1/vv?${query}`, { a: 'b' }), query)
  }
  const older = await root.write('sys/policy/vv?dry_run=true', { policy: '' })
  wantRefused(older, 'the older form of a policy')
  for (const path of ['auth/jwt/role/vv', 'sys/policies/acl/vv', 'kv1/vv']) {
    assert.equal((await root.read(path)).status, 404, path)
  }
})

test('neither a delete nor a patch is tried: it is refused, and what there is stays', async () => {
  const { root } = server
  await root.must('auth/jwt/role/keep', plainRole)
  await root.must('sys/policies/acl/keep', { policy: 'path "a" { capabilities = ["read"] }' })
  await root.must('auth/approle/role/keep', { token_policies: 'a' })
  await root.must('kv1/keep', { a: 'b' })
  await root.must('kv2/data/keep', { data: { a: 'b' } })
  for (const path of [
    'auth/jwt/role/keep',
    'sys/policies/acl/keep',
    'auth/approle/role/keep',
    'kv1/keep',
    'kv2/data/keep',
    'kv2/metadata/keep',
  ]) {
    wantRefused(await root.remove(`${path}?dry_run=true`), path)
    for (const dry_run of [true, 'true', 1, 'perhaps', '']) {
      wantRefused(await root.call('DELETE', path, { dry_run }), `${path} body`)
    }
    assert.equal((await root.read(path)).status, 200, path)
  }
  // Nothing else of the body of a delete counts.
  await root.must('kv1/gone', { a: 'b' })
  const gone = await root.call('DELETE', 'kv1/gone', { dry_run: false, other: 'x' })
  assert.equal(gone.status, 204, gone.text)
  const patch = { data: { a: 'c' }, dry_run: true }
  wantRefused(await root.call('PATCH', 'kv2/data/keep', patch), 'PATCH')
  assert.deepEqual((await root.read('kv2/data/keep')).body.data.data, { a: 'b' })
})

test('a secret may have a member of that name', async () => {
  const { root } = server
  await root.must('kv1/s', { dry_run: true })
  assert.deepEqual((await root.read('kv1/s')).body.data, { dry_run: true })
  await root.must('kv2/data/s', { data: { dry_run: true } })
  assert.deepEqual((await root.read('kv2/data/s')).body.data.data, { dry_run: true })
  await root.must('cubbyhole/s', { dry_run: 'true' })
  const wrapped = await root.call(
    'POST',
    'sys/wrapping/wrap',
    { dry_run: true },
    { headers: { 'X-Vault-Wrap-TTL': '60s' } },
  )
  assert.equal(wrapped.status, 200, wrapped.text)
})

test('whoever may not write hears of no field', async () => {
  const nobody = await server.root.tokenFor('nobody', 'path "b" { capabilities = ["read"] }')
  const answer = await nobody.write('auth/approle/role/x', { dry_run: true })
  assert.equal(answer.status, 403, answer.text)
})
