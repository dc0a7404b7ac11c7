/** What a web interface of the reference's kind asks before anybody has signed in (platform.md §2). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../harness/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})

after(() => server.stop())

test('CLT-38: without a token its first page has what it asks for, and nothing is a 5xx', async () => {
  const known: Readonly<Record<string, number>> = {
    'sys/internal/ui/mounts': 200,
    'sys/internal/ui/resultant-acl': 204,
    'sys/seal-status': 200,
    'sys/replication/status': 200,
    'sys/leader': 200,
    'sys/init': 200,
    'sys/health?standbycode=200&sealedcode=200&uninitcode=200&drsecondarycode=200': 200,
  }
  for (const [path, wanted] of Object.entries(known)) {
    assert.equal((await server.client().read(path)).status, wanted, path)
  }
  for (const path of [
    'sys/internal/ui/feature-flags',
    'sys/internal/ui/namespaces',
    'sys/replication/dr/status',
    'sys/license/features',
  ]) {
    const { status, headers } = await server.client().read(path)
    assert.ok(status >= 400 && status < 500, `${path}: ${status}`)
    assert.equal(headers['content-type'], 'application/json', path)
  }
})

test('CLT-38: signed in, the same pages open', async () => {
  for (const path of ['sys/internal/ui/mounts', 'sys/internal/ui/resultant-acl']) {
    assert.equal((await server.root.read(path)).status, 200, path)
  }
})
