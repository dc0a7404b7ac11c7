/** The token, lease and policy commands against a real server (platform.md §9.5, §9.6). */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { apiError, Shell } from './fixture.ts'

let shell: Shell

before(async () => {
  shell = await Shell.start()
})
after(() => shell.stop())

const child = (...words: readonly string[]) =>
  shell.must(['token', 'create', '-field=token', '-policy=default', '-ttl=1h', ...words])
const as = (token: string) => ({ env: { VAULT_TOKEN: token } })
const sent = () => shell.taken().map(({ line, body }) => (body === '' ? [line] : [line, body]))
const isGone = async (token: string) => (await shell.run(['token', 'lookup', token])).code === 2
const revoked = 'Success! Revoked token (if it existed)\n'

test('CLI-39: the root token lives for ever', async () => {
  const table = await shell.must(['token', 'lookup'])
  assert.match(table, /^ttl +0s$/m)
  assert.match(table, /^policies +\[root\]$/m)
  assert.match(table, /^expire_time +<nil>$/m)
  assert.equal(await shell.must(['token', 'lookup', '-field=ttl']), '0')
  assert.match(await shell.must(['token', 'create']), /^token_duration +∞$/m)
})

test('CLI-40: -orphan needs sudo', async () => {
  const create = 'path "auth/token/create" { capabilities = ["create", "update"] }'
  const token = await shell.tokenFor('creator', create)
  const result = await shell.run(['token', 'create', '-orphan', '-ttl=1h'], as(token))
  const request = `POST ${shell.address}/v1/auth/token/create`
  assert.deepEqual(result, {
    code: 2,
    out: '',
    err: apiError('Error creating token', request, 400, [
      'root or sudo privileges required to create orphan token',
    ]),
  })
  await shell.must(['token', 'create', '-ttl=1h'], as(token))
  assert.equal((await shell.json(['token', 'create', '-orphan'])).auth.orphan, true)
})

test('CLI-41: create with policies gives their token', async () => {
  const words = ['-policy=a', '-policy=b', '-ttl=1h', '-field=token']
  const result = await shell.run(['token', 'create', ...words])
  assert.equal(result.code, 0)
  assert.match(result.out, /^hvs\.\w+$/)
  assert.deepEqual(sent(), [
    [
      'POST /v1/auth/token/create',
      '{"display_name":"","num_uses":0,"renewable":true,"type":"service","entity_alias":"","policies":["a","b"],"ttl":"1h0m0s"}',
    ],
  ])
  const { data } = await shell.json(['token', 'lookup', result.out])
  assert.deepEqual([data.policies, data.creation_ttl], [['a', 'b', 'default'], 3600])
})

test('create with everything', async () => {
  const { auth } = await shell.json([
    ...['token', 'create', '-policy=default', '-display-name=joe', '-metadata=team=x'],
    ...['-use-limit=3', '-period=1h', '-explicit-max-ttl=2h', '-no-default-policy'],
  ])
  assert.deepEqual([auth.metadata, auth.lease_duration], [{ team: 'x' }, 3600])
  const { data } = await shell.json(['token', 'lookup', '-accessor', auth.accessor])
  assert.deepEqual(
    [data.id, data.display_name, data.num_uses, data.period, data.explicit_max_ttl],
    ['', 'token-joe', 3, 3600, 7200],
  )
  assert.equal((await child('-type=batch')).startsWith('hvb.'), true)
})

test('CLI-42: renew asks renew-self, renew with a token asks renew', async () => {
  const token = await child()
  assert.match(
    await shell.must(['token', 'renew', '-increment=30m'], as(token)),
    /^token_duration +30m$/m,
  )
  assert.deepEqual(sent(), [['PUT /v1/auth/token/renew-self', '{"increment":1800}']])
  assert.match(await shell.must(['token', 'renew', '-i', '1h', token]), /^token_duration +1h$/m)
  assert.deepEqual(sent(), [['PUT /v1/auth/token/renew', `{"token":"${token}","increment":3600}`]])
  await shell.must(['token', 'renew', token])
  assert.deepEqual(sent(), [['PUT /v1/auth/token/renew', `{"token":"${token}","increment":0}`]])
})

test('CLI-43: the ways to revoke are four endpoints and more', async () => {
  const own = await child()
  assert.equal(await shell.must(['token', 'revoke', '-self'], as(own)), revoked)
  assert.deepEqual(sent(), [['PUT /v1/auth/token/revoke-self']])
  assert.ok(await isGone(own))

  const byAccessor = await child()
  const { accessor } = (await shell.json(['token', 'lookup', byAccessor])).data
  assert.equal(await shell.must(['token', 'revoke', '-accessor', accessor]), revoked)
  assert.deepEqual(sent(), [['POST /v1/auth/token/revoke-accessor', `{"accessor":"${accessor}"}`]])
  assert.ok(await isGone(byAccessor))

  const parent = await shell.must(['token', 'create', '-field=token', '-ttl=1h'])
  const orphan = await shell.must(['token', 'create', '-field=token', '-ttl=1h'], as(parent))
  assert.equal(await shell.must(['token', 'revoke', '-mode=orphan', parent]), revoked)
  assert.deepEqual(sent(), [['PUT /v1/auth/token/revoke-orphan', `{"token":"${parent}"}`]])
  assert.deepEqual([await isGone(parent), await isGone(orphan)], [true, false])

  assert.equal(await shell.must(['token', 'revoke', orphan]), revoked)
  assert.deepEqual(sent(), [['PUT /v1/auth/token/revoke', `{"token":"${orphan}"}`]])

  const last = await child()
  assert.equal(await shell.must(['token', 'revoke', '-mode=path', 'auth/token/create']), revoked)
  assert.deepEqual(sent(), [['PUT /v1/sys/leases/revoke-prefix/auth/token/create']])
  assert.ok(await isGone(last))

  for (const words of [[], ['-self', 'x'], ['-self', '-accessor'], ['-mode=x', 't']]) {
    assert.equal((await shell.run(['token', 'revoke', ...words])).code, 1)
  }
})

test('CLI-44: capabilities are names joined by a comma', async () => {
  const token = await shell.tokenFor(
    'ops',
    'path "secret/data/x" { capabilities = ["update", "read", "create"] }',
  )
  const path = 'secret/data/x'
  assert.equal(await shell.must(['token', 'capabilities', token, path]), 'create, read, update\n')
  assert.deepEqual(sent(), [['POST /v1/sys/capabilities', `{"token":"${token}","path":"${path}"}`]])
  assert.equal(await shell.must(['token', 'capabilities', token, 'other']), 'deny\n')
  assert.equal(await shell.must(['token', 'capabilities', path]), 'root\n')
  const own = await child()
  assert.equal(await shell.must(['token', 'capabilities', path], as(own)), 'deny\n')
  assert.deepEqual(sent(), [['POST /v1/sys/capabilities-self', `{"path":"${path}"}`]])
  assert.deepEqual(await shell.json(['token', 'capabilities', path]), ['root'])
})

test('CLI-45: a policy is written from stdin and from a file', async () => {
  const text = 'path "secret/data/x" {\n  capabilities = ["read"]\n}\n'
  const path = join(shell.home, 'p.hcl')
  writeFileSync(path, text)
  const uploaded = 'Success! Uploaded policy: p\n'
  assert.equal(await shell.must(['policy', 'write', 'p', '-'], { stdin: text }), uploaded)
  assert.equal(await shell.must(['policy', 'write', 'p', path]), uploaded)
  assert.deepEqual(
    shell.taken().map(({ line }) => line),
    ['PUT /v1/sys/policies/acl/p'],
  )
  assert.equal((await shell.must(['policy', 'read', 'p'])).trim(), text.trim())
  assert.match(await shell.must(['policy', 'list']), /^(?:\w+\n)*default\n(?:\w+\n)*p\nroot\n$/)
  assert.ok((await shell.json(['policy', 'list'])).includes('p'))
  assert.equal(await shell.must(['policy', 'delete', 'p']), 'Success! Deleted policy: p\n')
  const broken = await shell.run(['policy', 'write', 'p', '-'], { stdin: 'path {' })
  assert.equal(broken.code, 2)
  const noFile = await shell.run(['policy', 'write', 'p', `${path}.none`])
  assert.deepEqual([noFile.code, shell.taken()], [1, []])
})

test('what the server warns of is shown with the success', async () => {
  const text = 'path "secret/data/{{identity.entity.nmae}}" { capabilities = ["read"] }'
  for (const words of [
    ['policy', 'write', 't'],
    ['write', 'sys/policies/acl/t'],
  ]) {
    const stdin = words[0] === 'policy' ? text : JSON.stringify({ policy: text })
    const { code, out, err } = await shell.run([...words, '-'], { stdin })
    assert.equal(code, 0)
    assert.match(out, /^Success! .*t\n$/)
    assert.match(err, /^WARNING! The following warnings were returned from the server:\n\n {2}\* /)
  }
})

test('CLI-46: a policy that is not there', async () => {
  assert.deepEqual(await shell.run(['policy', 'read', 'none']), {
    code: 2,
    out: '',
    err: 'No policy named: none\n',
  })
})

test('the lease of a login is looked up, renewed and revoked with its token', async () => {
  const made = await child()
  const [id = ''] = (await shell.json(['list', 'sys/leases/lookup/auth/token/create'])) as string[]
  assert.notEqual(id, '')
  const lease = `auth/token/create/${id}`
  const { data } = await shell.json(['lease', 'lookup', lease])
  assert.deepEqual([data.id, data.renewable], [lease, true])
  assert.equal(
    await shell.must(['lease', 'revoke', '-prefix', 'auth/token/create']),
    'All revocation operations queued successfully!\n',
  )
  assert.ok(await isGone(made))
  for (const [words, problem] of [
    [['lookup', 'x'], 'invalid lease'],
    [['renew', 'x'], 'lease not found'],
  ] as const) {
    const result = await shell.run(['lease', ...words])
    assert.equal(result.code, 2)
    assert.ok(result.err.includes(`* ${problem}\n`), result.err)
  }
})
