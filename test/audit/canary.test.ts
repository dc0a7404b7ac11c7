/**
 * Runs test files once more with an audit device at each of their servers and a log of everything, and looks for every token, JWT
 * and password of that run in what the servers have written. Their tests have to pass as they do without a device.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const files = [
  'platform/tokens-create',
  'platform/wrapping',
  'kv/version-2-data',
  'kv/cubbyhole',
  'jwt/login-refusals',
  'jwt/oidc-direct',
  'userpass/users',
  'approle/approle',
]

/** Where the first of the texts stands, found in one pass over the content. */
function findAny(content: string, secrets: ReadonlySet<string>): number {
  const byStart = new Map<string, string[]>()
  for (const secret of secrets) {
    const start = secret.slice(0, startChars)
    byStart.set(start, [...(byStart.get(start) ?? []), secret])
  }
  for (let at = 0; at + startChars <= content.length; at++) {
    const found = byStart.get(content.slice(at, at + startChars))
    if (found?.some((secret) => content.startsWith(secret, at)) === true) return at
  }
  return -1
}

const startChars = 16

test('a text is found wherever it stands', () => {
  const secrets = new Set(['a'.repeat(24), `hvs.${'b'.repeat(30)}`])
  assert.equal(findAny(`{"x":"hvs.${'b'.repeat(30)}"}`, secrets), 6)
  assert.equal(findAny(`${'a'.repeat(23)}b`, secrets), -1)
})

function runTests(
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; text: string }> {
  const paths = files.map((name) => join(import.meta.dirname, '..', `${name}.test.js`))
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...paths], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, text })))
}

test('no secret of a run of tests is in a log or an audit file of its servers (SEC-AUD-01, SEC-AUD-02)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-canary-'))
  try {
    const { code, text } = await runTests({ TEST_CANARY_FOLDER: folder })
    assert.equal(
      code,
      0,
      text
        .split('\n')
        .filter((line) => line.includes('not ok'))
        .join('\n'),
    )
    const names = readdirSync(folder)
    const read = (name: string) => readFileSync(join(folder, name), 'utf8')
    const secrets = new Set<string>()
    for (const name of names.filter((one) => one.startsWith('secrets-'))) {
      for (const line of read(name).split('\n')) if (line !== '') secrets.add(JSON.parse(line))
    }
    assert.ok(secrets.size > 200, `${secrets.size} secrets`)
    const written = names.filter((name) => !name.startsWith('secrets-'))
    const audits = written.filter((name) => name.startsWith('audit-'))
    assert.ok(audits.length >= files.length - 2, `${audits.length} audit files`)
    for (const name of written) {
      const content = read(name)
      const at = findAny(content, secrets)
      const around = content.slice(content.lastIndexOf('\n', at) + 1, at)
      assert.equal(at, -1, `${name}: a secret after ${around.slice(-300)}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
