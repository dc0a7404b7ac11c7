/** Dev mode (platform.md §9.7): what a server holds after it prepared itself. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { prepareDevServer } from '../../src/server/dev.ts'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer({ raw: true })
})

after(() => server.stop())

test('a dev server has the chosen root token alone, is open, and keeps secrets in kv version 2', async () => {
  const made = await prepareDevServer(server.server, { rootTokenId: 'my-root', kvVersion: '2' })
  assert.equal(made.rootToken, 'my-root')
  assert.equal(Buffer.from(made.unsealKey, 'base64').toString('base64'), made.unsealKey)
  const root = server.client('my-root')
  const self = (await root.read('auth/token/lookup-self')).body.data
  assert.deepEqual(self.policies, ['root'])
  assert.equal(self.expire_time, null)
  assert.equal(self.orphan, true)
  assert.deepEqual((await root.list('auth/token/accessors')).body.data.keys, [self.accessor])
  const { data } = (await root.read('sys/mounts')).body
  assert.deepEqual(data['secret/'].options, { version: '2' })
  const status = (await root.read('sys/seal-status')).body
  assert.deepEqual([status.sealed, status.t, status.n], [false, 1, 1])
})
