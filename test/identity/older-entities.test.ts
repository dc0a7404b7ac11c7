/** A folder of version 0.1: its entities are found by name and by alias after one start. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keys } from '../../src/core/keys.ts'
import { prefixRange } from '../../src/storage/store.ts'
import { startIdentity } from './fixture.ts'

test('entities that were stored without rows have them after a start', async () => {
  const identity = await startIdentity()
  const jwt = await identity.mount('jwt')
  const { entity, client } = await jwt.mustLogin('older')
  const { core } = identity.server.server
  const twin = '00000000-0000-4000-8000-000000000000'
  await core.store.write(async (txn) => {
    // As version 0.1 left it: no rows, and members that it did not know.
    for (const prefix of [keys.entityNamePrefix, keys.aliasIdPrefix]) {
      for await (const key of txn.keys(prefixRange(prefix))) txn.delete(key)
    }
    txn.delete(keys.identityRows().text)
    const record = await txn.get(keys.entity(entity))
    assert.ok(record !== undefined)
    const { groups: _, merged: __, revision: ___, ...older } = record
    txn.put(keys.entity(entity), older as typeof record)
    txn.put(keys.entity(twin), { ...record, id: twin, aliases: [] })
  })
  await core.close()
  await core.open()
  const { name, aliases } = await identity.read(`entity/id/${entity}`)
  const twinName = (await identity.read(`entity/id/${twin}`)).name
  assert.notEqual(twinName, name)
  for (const asked of [{ name }, { alias_id: aliases[0].id }]) {
    const found = await identity.root.write('identity/lookup/entity', asked)
    assert.ok([entity, twin].includes(found.body.data.id))
  }
  assert.equal((await identity.read(`entity-alias/id/${aliases[0].id}`)).name, 'older')
  const listed = (await identity.root.list('identity/entity/name')).body.data.keys
  assert.deepEqual(new Set(listed), new Set([name, twinName]))
  assert.equal((await client.read('auth/token/lookup-self')).status, 200)
  assert.equal((await jwt.mustLogin('older')).entity, entity)
  await identity.stop()
})
