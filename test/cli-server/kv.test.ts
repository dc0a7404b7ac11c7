/** The kv commands against a real store of version 2, and of version 1 (platform.md §7.2, §7.3, §9.6). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Shell } from './fixture.ts'

let shell: Shell

before(async () => {
  shell = await Shell.start()
})
after(() => shell.stop())

const get = async (path: string) => (await shell.json(['kv', 'get', path])).data
const lines = () => shell.taken().map(({ line }) => line)
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g

test('CLI-25, CLI-26: a field and the json of kv get are those of the version', async () => {
  await shell.must(['kv', 'put', 'secret/a', 'x=1', 'data=inner'])
  assert.equal(await shell.must(['kv', 'get', '-field=x', 'secret/a']), '1')
  assert.equal(await shell.must(['kv', 'get', '-field=data', 'secret/a']), 'inner')
  const json = JSON.parse(await shell.must(['kv', 'get', '-format=json', 'secret/a']))
  assert.equal(json.data.data.x, '1')
  assert.equal(json.data.metadata.version, 1)
})

test('CLI-27: the mount is asked for first, however the path is given', async () => {
  await shell.must(['kv', 'put', 'secret/b', 'x=1'])
  const whole = await shell.must(['kv', 'get', 'secret/b'])
  assert.deepEqual(lines(), ['GET /v1/sys/internal/ui/mounts/secret/b', 'GET /v1/secret/data/b'])
  assert.equal(await shell.must(['kv', 'get', '-mount=secret', 'b']), whole)
  assert.deepEqual(lines(), ['GET /v1/sys/internal/ui/mounts/secret', 'GET /v1/secret/data/b'])
  assert.equal(
    whole.replaceAll(time, 'TIME'),
    [
      '== Secret Path ==',
      'secret/data/b',
      '',
      '======= Metadata =======',
      'Key                Value',
      '---                -----',
      'created_time       TIME',
      'custom_metadata    <nil>',
      'deletion_time      n/a',
      'destroyed          false',
      'version            1',
      '',
      '== Data ==',
      'Key    Value',
      '---    -----',
      'x      1',
      '',
    ].join('\n'),
  )
})

test('CLI-28: kv get needs no grant on sys/', async () => {
  await shell.must(['kv', 'put', 'secret/c', 'x=1'])
  const token = await shell.tokenFor('reader', 'path "secret/data/c" { capabilities = ["read"] }')
  const env = { VAULT_TOKEN: token }
  assert.equal(await shell.must(['kv', 'get', '-field=x', 'secret/c'], { env }), '1')
  assert.equal(await shell.must(['kv', 'get', '-field=x', '-mount=secret', 'c'], { env }), '1')
  assert.equal((await shell.run(['kv', 'list', 'secret'], { env })).code, 2)
})

test('CLI-29: a deleted version prints its metadata, exit code 0, and comes back', async () => {
  await shell.must(['kv', 'put', 'secret/d', 'x=1'])
  assert.equal(
    await shell.must(['kv', 'delete', 'secret/d']),
    'Success! Data deleted (if it existed) at: secret/data/d\n',
  )
  const deleted = await shell.must(['kv', 'get', 'secret/d'])
  assert.match(deleted, /^deletion_time +\d{4}-/m)
  assert.doesNotMatch(deleted, /== Data ==/)
  assert.equal((await shell.run(['kv', 'get', '-field=x', 'secret/d'])).code, 2)
  assert.equal(
    await shell.must(['kv', 'undelete', '-versions=1', 'secret/d']),
    'Success! Data written to: secret/undelete/d\n',
  )
  assert.equal(await shell.must(['kv', 'get', '-field=x', 'secret/d']), '1')
})

test('CLI-30: check-and-set with 0 writes once', async () => {
  await shell.must(['kv', 'put', '-cas=0', 'secret/e', 'x=1'])
  const again = await shell.run(['kv', 'put', '-cas=0', 'secret/e', 'x=2'])
  assert.equal(again.code, 2)
  assert.match(
    again.err,
    /^Error writing data to secret\/data\/e: Error making API request\.[^]*check-and-set parameter did not match the current version/,
  )
  await shell.must(['kv', 'put', '-cas=1', 'secret/e', 'x=2'])
  assert.equal((await get('secret/e')).metadata.version, 2)
})

test('patch, rollback and old versions', async () => {
  await shell.must(['kv', 'put', 'secret/f', 'x=1', 'y=1'])
  await shell.must(['kv', 'patch', 'secret/f', 'x=2'])
  assert.deepEqual((await get('secret/f')).data, { x: '2', y: '1' })
  await shell.must(['kv', 'patch', '-method=rw', 'secret/f', 'x=3'])
  assert.deepEqual((await get('secret/f')).data, { x: '3', y: '1' })
  await shell.must(['kv', 'patch', '-remove-data=y', 'secret/f'])
  assert.deepEqual((await get('secret/f')).data, { x: '3' })
  assert.equal(await shell.must(['kv', 'get', '-version=1', '-field=y', 'secret/f']), '1')
  await shell.must(['kv', 'rollback', '-version=1', 'secret/f'])
  const { data, metadata } = await get('secret/f')
  assert.deepEqual([data, metadata.version], [{ x: '1', y: '1' }, 5])
  const none = await shell.run(['kv', 'patch', 'secret/none', 'x=1'])
  assert.deepEqual(none, { code: 2, out: '', err: 'No value found at secret/data/none\n' })
})

test('destroy removes a version for good', async () => {
  await shell.must(['kv', 'put', 'secret/g', 'x=1'])
  await shell.must(['kv', 'put', 'secret/g', 'x=2'])
  await shell.must(['kv', 'destroy', '-versions=1', 'secret/g'])
  await shell.must(['kv', 'undelete', '-versions=1', 'secret/g'])
  assert.match(await shell.must(['kv', 'get', '-version=1', 'secret/g']), /^destroyed +true$/m)
  assert.equal(await shell.must(['kv', 'get', '-field=x', 'secret/g']), '2')
  const noVersions = await shell.run(['kv', 'destroy', 'secret/g'])
  assert.equal(noVersions.code, 1)
})

test('metadata is set, changed, listed and deleted with all versions', async () => {
  const written = 'Success! Data written to: secret/metadata/team/h\n'
  const path = 'secret/team/h'
  assert.equal(
    await shell.must([
      ...['kv', 'metadata', 'put', '-max-versions=3', '-cas-required'],
      ...['-delete-version-after=1h', '-custom-metadata=owner=me', path],
    ]),
    written,
  )
  assert.equal(
    await shell.must(['kv', 'metadata', 'patch', '-custom-metadata=zone=eu', path]),
    written,
  )
  const { data } = await shell.json(['kv', 'metadata', 'get', path])
  assert.deepEqual(
    [data.max_versions, data.cas_required, data.delete_version_after, data.custom_metadata],
    [3, true, '1h0m0s', { owner: 'me', zone: 'eu' }],
  )
  assert.equal((await shell.run(['kv', 'put', path, 'x=1'])).code, 2)
  await shell.must(['kv', 'put', '-cas=0', path, 'x=1'])
  const table = await shell.must(['kv', 'metadata', 'get', path])
  assert.match(table, /^==== Metadata Path ====\nsecret\/metadata\/team\/h\n\n=+ Metadata =+\n/)
  assert.match(table, /^=+ Version 1 =+$/m)
  assert.equal(await shell.must(['kv', 'list', 'secret/team']), 'Keys\n----\nh\n')
  assert.match(await shell.must(['kv', 'list', '-mount=secret']), /^team\/$/m)
  await shell.must(['kv', 'metadata', 'delete', path])
  assert.equal((await shell.run(['kv', 'get', path])).code, 2)
})

test('a version 1 store is read and written without its parts, and becomes version 2', async () => {
  await shell.must(['secrets', 'enable', '-path=old', 'kv'])
  assert.equal(await shell.must(['kv', 'put', 'old/a', 'x=1']), 'Success! Data written to: old/a\n')
  assert.equal(await shell.must(['kv', 'get', '-field=x', '-mount=old', 'a']), '1')
  assert.equal(await shell.must(['kv', 'list', 'old']), 'Keys\n----\na\n')
  const metadata = await shell.run(['kv', 'metadata', 'get', 'old/a'])
  assert.equal(metadata.code, 1)
  assert.match(metadata.err, /not supported on KV Version 1/)
  const upgraded = await shell.run(['kv', 'enable-versioning', 'old'])
  assert.deepEqual(
    [upgraded.code, upgraded.out],
    [0, 'Success! Tuned the secrets engine at: old/\n'],
  )
  assert.match(upgraded.err, /^WARNING! The following warnings were returned from the server:\n/)
  assert.equal(await shell.must(['kv', 'get', '-field=x', 'old/a']), '1')
  assert.equal((await get('old/a')).metadata.version, 1)
  await shell.must(['kv', 'delete', '-versions=1', 'old/a'])
})
