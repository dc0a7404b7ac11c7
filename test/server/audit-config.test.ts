/** Audit devices as the configuration file says, in a real server process, and what the API may do beside them. */

import assert from 'node:assert/strict'
import { existsSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ApiClient } from '../harness/api-client.ts'
import { recordsIn } from '../audit/fixture.ts'
import { plainServer, ServerFolder, type ServerProcess } from './server-process.ts'

const folder = new ServerFolder()
const started: ServerProcess[] = []
const place = (name: string) => join(folder.path, name)

after(async () => {
  await Promise.all(started.map((server) => server.stop()))
  folder.remove()
})

function start(name: string, text: string): ServerProcess {
  const server = folder.start(`${name}.hcl`, `${plainServer}${text}\n`)
  started.push(server)
  return server
}

const device = (name: string, options: string) =>
  `audit "file" "${name}" {\n  description = "of ${name}"\n  local = true\n  options {\n${options}\n  }\n}\n`

test('devices of the configuration file record from the first request on, and the API makes none (AUD-13, SYS-77)', async () => {
  const path = place('one.log')
  const root = await start('one', device('one', `file_path = "${path}"`)).open()
  const { data } = (await root.read('sys/audit')).body
  assert.deepEqual(data, {
    'one/': {
      path: 'one/',
      type: 'file',
      description: 'of one',
      local: true,
      options: { file_path: path },
    },
  })
  assert.ok(recordsIn(path).some(({ request }) => request.path === 'sys/audit'))
  const more = { type: 'file', options: { file_path: place('two.log') } }
  const refused = await root.call('PUT', 'sys/audit/two', more)
  assert.equal(refused.status, 400)
  assert.match(refused.body.errors[0], /^cannot enable audit device via API/)
  const removed = await root.remove('sys/audit/one')
  assert.equal(removed.status, 400)
  assert.match(removed.body.errors[0], /configuration file/)
})

test('unsafe_allow_api_audit_creation lets requests make devices where nothing of the server lies (SEC-AUD-10, AUD-13)', async () => {
  const root = await start('api', 'unsafe_allow_api_audit_creation = true').open()
  const make = (name: string, options: object) =>
    root.call('PUT', `sys/audit/${name}`, { type: 'file', options })
  const refusals: readonly (readonly [object, RegExp])[] = [
    [{}, /^file_path: is missing/],
    [{ file_path: 'relative.log' }, /^file_path: /],
    [{ file_path: `${folder.path}/../x.log` }, /^file_path: /],
    [{ file_path: place('in-the-config-folder.log') }, /folder of the server itself/],
    [{ file_path: join(import.meta.dirname, 'x.log') }, /folder of the server itself/],
    [{ file_path: '/tmp/x.log', mode: '0755' }, /^mode: /],
    [{ file_path: '/tmp/x.log', mode: '0666' }, /^mode: /],
    [{ file_path: '/tmp/x.log', mode: '4600' }, /^mode: /],
    [{ file_path: '/tmp/x.log', prefix: '#!/bin/sh ' }, /^prefix: needs allow_audit_log_prefixing/],
    [{ file_path: '/tmp/x.log', prefix: 'a\nb' }, /^prefix: /],
    [{ file_path: '/no/such/folder/x.log' }, /does not take records: ENOENT/],
    [{ file_path: '/tmp' }, /does not take records: EISDIR/],
    [{ file_path: '/tmp/x.log', format: 'jsonx' }, /^format: /],
    [{ file_path: '/tmp/x.log', log_row: 'true' }, /"log_row" is no option/],
    [{ file_path: '/tmp/x.log', hmac_accessor: 'maybe' }, /^hmac_accessor: /],
    [{ file_path: '/tmp/x.log', filter: 'path = x' }, /^filter: /],
    [{ file_path: '/tmp/x.log', exclude: '{}' }, /^exclude: /],
    [{ file_path: `/tmp/${'x'.repeat(40_000)}` }, /./],
  ]
  for (const [options, text] of refusals) {
    const answer = await make('bad', options)
    assert.equal(answer.status, 400, `${JSON.stringify(options).slice(0, 200)} ${answer.text}`)
    assert.match(answer.body.errors[0], text)
  }
  for (const type of ['', 'kafka']) {
    const answer = await root.call('PUT', 'sys/audit/bad', { type, options: {} })
    assert.equal(answer.status, 400)
  }
  // Through a link that leads back into a folder of the server.
  const outside = new ServerFolder()
  try {
    symlinkSync(folder.path, join(outside.path, 'link'))
    const linked = await make('bad', { file_path: join(outside.path, 'link', 'x.log') })
    assert.match(linked.body.errors[0], /folder of the server itself/)
    assert.deepEqual((await root.read('sys/audit')).body.data, {})
    const path = join(outside.path, 'good.log')
    assert.equal((await make('good', { file_path: path })).status, 204)
    assert.match((await make('good', { file_path: path })).body.errors[0], /already in use/)
    await root.read('sys/mounts')
    const paths = recordsIn(path).map(({ request }) => request.path)
    assert.ok(paths.includes('sys/audit/test') && paths.includes('sys/mounts'), paths.join())
    assert.equal((await root.remove('sys/audit/good')).status, 204)
    assert.equal((await root.remove('sys/audit/good')).status, 204)
    const count = recordsIn(path).length
    await root.read('sys/mounts')
    assert.equal(recordsIn(path).length, count)
  } finally {
    outside.remove()
  }
})

test('allow_audit_log_prefixing lets a request ask for a prefix', async () => {
  const outside = new ServerFolder()
  try {
    const text = 'unsafe_allow_api_audit_creation = true\nallow_audit_log_prefixing = true'
    const root = await start('prefix', text).open()
    const options = { file_path: join(outside.path, 'p.log'), prefix: 'audit: ' }
    assert.equal((await root.call('PUT', 'sys/audit/p', { type: 'file', options })).status, 204)
  } finally {
    outside.remove()
  }
})

test('a wrong option stops the start with its line, and a wrong name as well', async () => {
  const read = (text: string, at: number) => {
    const name = `wrong${at}.hcl`
    return folder.start(name, `${plainServer}${text}`).until(/wrong\d\.hcl:\d+:\d+: .*/)
  }
  await Promise.all(
    [
      device('x', 'file_path = "relative"'),
      device('x', 'file_path = "/tmp/x"\nmod = "0600"'),
      device('bad name', 'file_path = "/tmp/x"'),
      `${device('x', 'file_path = "/tmp/x"')}${device('x', 'file_path = "/tmp/y"')}`,
      'audit "kafka" "x" {\n options { a = "b" }\n}\n',
    ].map(read),
  )
})

async function reload(server: ServerProcess, root: ApiClient): Promise<void> {
  const count = server.output.split('reloaded').length
  server.child.kill('SIGHUP')
  while (server.output.split('reloaded').length === count) await root.read('sys/health')
}

test('a file that was moved away is made anew after SIGHUP, and a link in its place is not followed (AUD-17, SEC-AUD-09)', async () => {
  const path = place('moved.log')
  const server = start('moved', device('moved', `file_path = "${path}"`))
  const root = await server.open()
  renameSync(path, place('old.log'))
  await root.read('sys/mounts')
  assert.ok(!existsSync(path), 'until it is told, the server writes to the file that it has')
  await reload(server, root)
  await root.read('sys/policy')
  assert.ok(recordsIn(path).some(({ request }) => request.path === 'sys/policy'))
  assert.equal(statSync(path).mode & 0o777, 0o600)
  // Somebody puts a link in the place of the file.
  renameSync(path, place('older.log'))
  writeFileSync(place('victim'), '')
  symlinkSync(place('victim'), path)
  await reload(server, root)
  assert.match(server.output, /an audit device cannot be opened again.*is a link/)
  assert.equal((await root.read('sys/mounts')).status, 200)
  assert.equal(statSync(place('victim')).size, 0)
  assert.ok(recordsIn(place('older.log')).some(({ request }) => request.path === 'sys/mounts'))
  rmSync(path)
  await reload(server, root)
  await root.read('sys/mounts')
  assert.ok(recordsIn(path).length > 0)
})
