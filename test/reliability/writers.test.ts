/** Many who change configuration at once: each gets its answer, and none is told to come again. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '../harness/test-server.ts'
import { makeMount, plainRole } from '../jwt/fixture.ts'

const writersCount = 8
const writesEach = 10

test('roles and policies written by many at once are all written', async () => {
  const server = await startTestServer({ storage: 'lmdb' })
  try {
    const mount = await makeMount(server.root)
    const writer = async (at: number): Promise<void> => {
      for (let count = 0; count < writesEach; count++) {
        await server.root.must(`auth/${mount}/role/r${at}`, { ...plainRole, token_ttl: count + 1 })
        const policy = `path "x/${count}" { capabilities = ["read"] }`
        await server.root.must(`sys/policies/acl/p${at}`, { policy })
      }
    }
    await Promise.all(Array.from({ length: writersCount }, (_, at) => writer(at)))
    for (let at = 0; at < writersCount; at++) {
      const role = await server.root.read(`auth/${mount}/role/r${at}`)
      assert.equal(role.body.data.token_ttl, writesEach)
    }
  } finally {
    await server.stop()
  }
})
