/** The audit commands against a real server with a device of every kind of trouble (platform.md §9.1). */

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Shell } from '../cli-server/fixture.ts'
import { fileDevice } from './fixture.ts'

const folder = mkdtempSync(join(tmpdir(), 'tokenstile-audit-cli-'))
const file = join(folder, 'file.log')
let shell: Shell

before(async () => {
  const declared = [fileDevice(folder, 'file')]
  shell = await Shell.start({ audit: { declared, mayCreate: true } })
})

after(async () => {
  await shell.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('devices are enabled, listed and disabled', async () => {
  const path = join(folder, 'second.log')
  assert.equal(
    await shell.must(['audit', 'enable', '-path=second', 'file', `file_path=${path}`]),
    'Success! Enabled the file audit device at: second/\n',
  )
  const table = await shell.must(['audit', 'list', '-detailed'])
  assert.match(table, /^second\/ +file +\S* *replicated +file_path=/m)
  assert.equal((await shell.json(['audit', 'list']))['second/'].type, 'file')
  const wrong = await shell.run(['audit', 'enable', '-path=x', 'file', 'file_path=/no/such/x'])
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /does not take records: ENOENT/)
  assert.equal(
    await shell.must(['audit', 'disable', 'second']),
    'Success! Disabled audit device (if it was enabled) at: second/\n',
  )
  assert.equal((await shell.json(['audit', 'list']))['second/'], undefined)
})

test('audit hash finds a value in the records', async () => {
  await shell.must(['write', 'cubbyhole/x', 'name=carol'])
  const hash = (await shell.must(['audit', 'hash', 'carol'])).trim()
  assert.match(hash, /^hmac-sha256:[0-9a-f]{64}$/)
  assert.ok(readFileSync(file, 'utf8').includes(`"name":"${hash}"`))
  assert.equal((await shell.must(['audit', 'hash', '-'], { stdin: 'carol\n' })).trim(), hash)
  assert.equal((await shell.json(['audit', 'hash', 'carol'])).hash, hash)
  const unknown = await shell.run(['audit', 'hash', '-path=none', 'carol'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.err, /unknown audit backend/)
})

test('audit verify finds broken lines, tokens in clear and lonely records', async () => {
  const good = await shell.json(['audit', 'verify', file])
  assert.equal(good.broken_lines, 0)
  assert.equal(good.lines_with_tokens_in_clear, 0)
  assert.equal(good.requests_without_response, 0)
  assert.ok(good.requests > 3 && good.errors > 0)
  const copy = join(folder, 'copy.log')
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, 4)
  writeFileSync(copy, `${lines.join('\n')}\n`)
  // The first record again, then half of one.
  appendFileSync(copy, `${lines[0]?.replaceAll(/"id":"[^"]*"/g, '"id":"lonely"')}\n`)
  appendFileSync(copy, `{"time":"x","note":"hvs.${'A'.repeat(40)}"}\n{"time":`)
  const bad = await shell.run(['audit', 'verify', copy])
  assert.equal(bad.code, 2)
  assert.match(bad.out, /^requests_without_response +1$/m)
  assert.match(bad.out, /^broken_lines +2 \(lines 6, 7\)$/m)
  assert.match(bad.out, /^lines_with_tokens_in_clear +1 \(lines 6\)$/m)
  const none = await shell.run(['audit', 'verify', join(folder, 'none.log')])
  assert.equal(none.code, 1)
  assert.match(none.err, /there is no file/)
})
