/** namespace commands, and the other commands inside a namespace, against a real server. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Shell } from './fixture.ts'

let shell: Shell

before(async () => {
  shell = await Shell.start()
})

after(() => shell.stop())

test('a namespace is created, listed, looked up, patched and deleted', async () => {
  const created = await shell.must(['namespace', 'create', '-custom-metadata=stage=dev', 'team/'])
  assert.match(created, /^custom_metadata +map\[stage:dev\]$/m)
  assert.match(created, /^id +\w{6}$/m)
  assert.match(created, /^path +team\/$/m)
  await shell.must(['namespace', 'create', '-namespace=team', 'a'])
  assert.equal(await shell.must(['namespace', 'list']), 'Keys\n----\nteam/\n')
  assert.deepEqual(await shell.json(['namespace', 'scan']), ['team/', 'team/a/'])
  const id = await shell.must(['namespace', 'lookup', '-field=id', 'team'])
  assert.match(id, /^\w{6}$/)
  const patch = ['-custom-metadata=owner=web', '-remove-custom-metadata=stage']
  const patched = await shell.must(['namespace', 'patch', ...patch, 'team'])
  assert.match(patched, /^custom_metadata +map\[owner:web\]$/m)
  const missing = await shell.run(['namespace', 'lookup', 'nobody'])
  assert.deepEqual([missing.code, missing.err], [2, 'Namespace not found\n'])
  const full = await shell.run(['namespace', 'delete', 'team'])
  assert.equal(full.code, 2)
  assert.match(full.err, /containing child namespaces/)
  assert.equal(
    await shell.must(['namespace', 'delete', '-ns=team', 'a/']),
    'Success! Namespace deleted at: a/\n',
  )
  await shell.must(['namespace', 'delete', 'team'])
})

test('the flag and the variable lead every command into the namespace', async () => {
  await shell.must(['namespace', 'create', 'ops'])
  const env = { VAULT_NAMESPACE: 'ops' }
  await shell.must(['secrets', 'enable', '-ns=ops', '-version=2', 'kv'])
  await shell.must(['kv', 'put', '-namespace=ops', '-mount=kv', 'app', 'a=b'])
  const got = await shell.run(['kv', 'get', '-mount=kv', '-field=a', 'app'], { env })
  assert.equal(got.out, 'b')
  const token = await shell.run(['token', 'create', '-policy=default', '-field=token'], { env })
  assert.match(token.out, /^hvs\.\w{48}\.\w{6}$/)
  const looked = await shell.run(['token', 'lookup', '-field=namespace_path'], {
    env: { ...env, VAULT_TOKEN: token.out },
  })
  assert.equal(looked.out, 'ops/')
  const outside = await shell.run(['token', 'lookup'], { env: { VAULT_TOKEN: token.out } })
  assert.equal(outside.code, 2)
  const status = await shell.run(['status'], { env })
  assert.equal(status.code, 0)
  const unknown = await shell.run(['kv', 'get', '-ns=nowhere', '-mount=kv', 'app'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /namespace not found/)
})

test('a namespace is locked and opened with the key that was printed', async () => {
  await shell.must(['namespace', 'create', 'shut'])
  const key = await shell.must(['namespace', 'lock', '-field=unlock_key', 'shut'])
  const refused = await shell.run(['secrets', 'list', '-ns=shut'])
  assert.equal(refused.code, 2)
  assert.match(refused.err, /must be unlocked to gain access/)
  assert.equal(
    await shell.must(['namespace', 'unlock', `-unlock-key=${key.trim()}`, 'shut']),
    'Success! Namespace unlocked\n',
  )
  await shell.must(['secrets', 'list', '-ns=shut'])
})
