/** `identity entity` and `identity group` against a real server. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Shell } from './fixture.ts'

let shell: Shell

before(async () => {
  shell = await Shell.start()
})
after(() => shell.stop())

test('entities and groups are shown as a table, one by name or id, and as JSON', async () => {
  const none = await shell.run(['identity', 'entity'])
  assert.deepEqual([none.code, none.err], [2, 'No entity is known.\n'])
  const alice = await shell.must(['write', '-field=id', 'identity/entity', 'name=alice'])
  await shell.must(['write', 'identity/entity', 'name=bob'])
  const table = await shell.must(['identity', 'entity'])
  assert.match(table, /^Id +Name +Known as$/m)
  assert.match(table, new RegExp(`^${alice} +alice +n/a$`, 'm'))
  for (const name of ['Alice', alice]) {
    assert.equal(await shell.must(['identity', 'entity', '-field=id', name]), alice)
  }
  const one = await shell.must(['identity', 'entity', '-limit=1'])
  assert.equal(one.trim().split('\n').length, 3)
  const nobody = await shell.run(['identity', 'entity', 'carol'])
  assert.deepEqual([nobody.code, nobody.err], [2, 'No entity has the name or id carol\n'])
  const listed = await shell.json(['identity', 'entity'])
  assert.equal(listed[alice].name, 'alice')

  const group = ['identity/group', 'name=devs', 'type=external']
  const devs = await shell.must(['write', '-field=id', ...group])
  await shell.must(['auth', 'enable', 'jwt'])
  const accessor = await shell.must(['read', '-field=accessor', 'sys/auth/jwt'])
  const alias = ['name=Developers', `mount_accessor=${accessor}`, `canonical_id=${devs}`]
  await shell.must(['write', 'identity/group-alias', ...alias])
  assert.match(
    await shell.must(['identity', 'group']),
    new RegExp(`^${devs} +devs +external +Developers \\(auth/jwt/\\)$`, 'm'),
  )
  assert.match(await shell.must(['identity', 'group', 'devs']), /^type +external$/m)
})
