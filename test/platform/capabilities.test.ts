/** sys/capabilities* (platform.md §2.5). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'
import { create, want403P, wantError } from './fixture.ts'

let server: TestServer
let root: ApiClient
let reader: ApiClient

before(async () => {
  server = await startTestServer()
  root = server.root
  await root.must('sys/policies/acl/reader', {
    policy: `path "a" { capabilities = ["read", "update", "create", "sudo"] }
             path "b" { capabilities = ["deny"] }
             path "list" { capabilities = ["list"] }`,
  })
  reader = (await create(root, { policies: ['reader'] })).client
})

after(() => server.stop())

test('SYS-66: several paths are answered one by one', async () => {
  const { body } = await reader.write('sys/capabilities-self', { paths: 'a,b,c,list/' })
  assert.deepEqual(body.data, {
    a: ['create', 'read', 'sudo', 'update'],
    b: ['deny'],
    c: ['deny'],
    'list/': ['list'],
  })
  assert.equal(body.capabilities, undefined)
})

test('SYS-67: one path is answered twice, and at the top level too', async () => {
  const { body } = await root.write('sys/capabilities-self', { path: 'a' })
  assert.deepEqual(body.data, { a: ['root'], capabilities: ['root'] })
  assert.deepEqual(body.a, ['root'])
  assert.deepEqual(body.capabilities, ['root'])
})

test('SYS-68: without a path there is nothing to answer', async () => {
  for (const body of [{}, { paths: '' }, { paths: [] }, { path: '/' }]) {
    wantError(await reader.write('sys/capabilities-self', body), 400, 'paths must be supplied')
  }
})

test('SYS-69, SEC-ACL-11: another token is asked about by its text or accessor, and an unknown one is no oracle', async () => {
  const { client, auth } = await create(root, { policies: ['reader'] })
  const wanted = ['create', 'read', 'sudo', 'update']
  const byText = await root.write('sys/capabilities', { token: client.token, paths: ['a'] })
  assert.deepEqual(byText.body.data.a, wanted)
  const byAccessor = await root.write('sys/capabilities-accessor', {
    accessor: auth.accessor,
    paths: ['a'],
  })
  assert.deepEqual(byAccessor.body.data.a, wanted)
  want403P(await reader.write('sys/capabilities', { token: client.token, paths: ['a'] }))
  want403P(
    await reader.write('sys/capabilities-accessor', { accessor: auth.accessor, paths: ['a'] }),
  )
  for (const token of ['unknown', '', auth.accessor, `${client.token}x`]) {
    wantError(await root.write('sys/capabilities', { token, paths: ['a'] }), 400, 'invalid token')
  }
  for (const accessor of ['unknown', '', client.token]) {
    wantError(
      await root.write('sys/capabilities-accessor', { accessor, paths: ['a'] }),
      400,
      'invalid accessor',
    )
  }
  await client.write('auth/token/revoke-self')
  wantError(
    await root.write('sys/capabilities', { token: client.token, paths: ['a'] }),
    400,
    'invalid token',
  )
  const gone = { accessor: auth.accessor, paths: ['a'] }
  wantError(await root.write('sys/capabilities-accessor', gone), 400, 'invalid accessor')
})

test('any path can be asked about, whatever its name means to a program', async () => {
  for (const path of ['__proto__', 'constructor', 'toString']) {
    const { text } = await reader.write('sys/capabilities-self', { paths: [path, 'a'] })
    assert.match(text, new RegExp(`"${path}":\\["deny"\\]`))
  }
})
