/** The guide to groups: its commands run in order, in one shell, and say what the text says. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { startTestServer } from '../harness/test-server.ts'

const root = findRoot(import.meta.dirname)
const shellMsMax = 90_000

function findRoot(folder: string): string {
  const parent = dirname(folder)
  if (existsSync(join(folder, 'package.json')) || parent === folder) return folder
  return findRoot(parent)
}

function blocks(): readonly string[] {
  const text = readFileSync(join(root, 'docs/how-to/groups-become-policies.md'), 'utf8')
  return [...text.matchAll(/^```sh test\n(.*?)^```$/gms)].map(([, body = '']) => body)
}

function runShell(folder: string, script: string, env: Readonly<Record<string, string>>) {
  const path = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH']]
  const child = spawn('sh', ['-c', script], {
    cwd: folder,
    timeout: shellMsMax,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { HOME: folder, PATH: path.join(delimiter), ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
    })
  }
  return new Promise<{ readonly code: number; readonly output: string }>((resolve) => {
    child.once('close', (code) => resolve({ code: code ?? -1, output }))
  })
}

test('the guide to groups does what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-groups-'))
  const server = await startTestServer()
  try {
    mkdirSync(join(folder, 'bin'))
    symlinkSync(join(root, 'bin/tokenstile.js'), join(folder, 'bin/vault'))
    const keys = makeJwtMaker('key', () => Math.floor(server.clock.nowMs() / 1000))
    const claims = { iss: 'https://iss/', sub: 'dora', aud: 'vault', groups: ['developers', 'all'] }
    writeFileSync(join(folder, 'developer.jwt'), keys.sign(claims))
    await server.root.must('sys/auth/jwt', { type: 'jwt' })
    await server.root.must('auth/jwt/config', {
      jwt_validation_pubkeys: [keys.pem],
      bound_issuer: 'https://iss/',
    })
    const each = blocks()
    assert.equal(each.length, 6)
    const script = each.map((block, at) => `printf "\\n--- ${at + 1}\\n"\n${block}`).join('\n')
    const { code, output } = await runShell(folder, `set -eu\n${script}`, {
      VAULT_ADDR: server.url,
      VAULT_TOKEN: server.rootToken,
    })
    assert.equal(code, 0, output)
    const [, mapped, external, nested, , , leaving] = output.split(/^--- \d\n/m)
    assert.match(mapped ?? '', /\[default reader\]/)
    assert.match(external ?? '', /\[reader\]/)
    assert.match(nested ?? '', /\[deployer reader\]/)
    assert.match(leaving ?? '', /permission denied/)
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
