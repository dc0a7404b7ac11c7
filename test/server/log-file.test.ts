/** A log that cannot be written is no reason to stop logins (SEC-STO-09). */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile } from '../../src/platform/log-file.ts'

test(
  'SEC-STO-09: a full disk under the log file throws nothing at whoever logs',
  { skip: !existsSync('/dev/full') },
  () => {
    const log = new LogFile('/dev/full')
    // The sweep, the seal and the fault handler log in places where a throw ends the process.
    assert.doesNotThrow(() => log.write('one line\n'))
  },
)

test('SIGHUP while the folder of the log file is away does not end the server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-review-'))
  const logs = join(folder, 'logs')
  mkdirSync(logs)
  const config = join(folder, 'server.hcl')
  writeFileSync(
    config,
    `storage "lmdb" { path = "${join(folder, 'data')}" }\nlog_file = "${join(logs, 'log')}"\n` +
      'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n',
  )
  const main = new URL('../../src/server/server-command.js', import.meta.url).href
  const script =
    `const { runServer } = await import(${JSON.stringify(main)});` +
    `process.exit(await runServer(['-config=${config}'], process))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve('it ended')))
  for await (const chunk of child.stdout) if (/server started/.test(String(chunk))) break
  rmSync(logs, { recursive: true })
  child.kill('SIGHUP')
  const state = await Promise.race([
    ended,
    new Promise<string>((resolve) => setTimeout(() => resolve('it runs'), 1500)),
  ])
  child.kill('SIGKILL')
  await ended
  rmSync(folder, { recursive: true, force: true })
  assert.equal(state, 'it runs')
})
