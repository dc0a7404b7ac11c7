/** `npm start` and the demos, as a stranger runs them: real processes in an empty folder. */

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from '../harness/checkout.ts'

const startLimitMs = 30_000

interface Started {
  readonly address: string
  readonly 'demo IdP': string
  readonly login: { readonly policy: string; readonly ttlSeconds: number }
}

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'tokenstile-try-'))
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('npm start logs in by itself, keeps its data for the next start, and the demos work', async () => {
  const first = await start()
  try {
    assert.equal(first.facts.login.policy, 'deployer')
    assert.equal(first.facts.login.ttlSeconds, 900)
    const places = ['--server', first.facts.address, '--idp', idpOf(first.facts)]
    const jwt = await run(['scripts/demo.mjs', 'jwt', ...places])
    assert.equal(jwt.code, 0, jwt.text)
    assert.match(jwt.text, /token for 900 s, policies \["default","deployer"\]/)
    const fail = await run(['scripts/demo.mjs', 'fail', ...places])
    assert.equal(fail.code, 3, fail.text)
    assert.match(fail.text, /reason: audience_mismatch/)
    assert.match(fail.text, /https:\/\/example\.com/)
    const written = await fetch(`${first.facts.address}/v1/secret/data/kept`, {
      method: 'POST',
      headers: { 'X-Vault-Token': 'root' },
      body: '{"data":{"k":"v"}}',
    })
    assert.equal(written.status, 200)
  } finally {
    assert.equal(await stop(first.child), 0)
  }
  assert.equal(statSync(join(folder, '.tokenstile')).mode & 0o777, 0o700)
  assert.equal(statSync(join(folder, '.tokenstile', 'key')).mode & 0o777, 0o600)
  const second = await start()
  try {
    const kept = await fetch(`${second.facts.address}/v1/secret/data/kept`, {
      headers: { 'X-Vault-Token': 'root' },
    })
    assert.equal(kept.status, 200)
  } finally {
    assert.equal(await stop(second.child), 0)
  }
})

test('an unknown option and a busy port are one line each', async () => {
  const unknown = await run(['scripts/start.mjs', '--prot', '1'])
  assert.equal(unknown.code, 1)
  assert.match(unknown.text, /unknown option --prot/)
  const first = await start()
  try {
    const port = new URL(first.facts.address).port
    const busy = await run(['scripts/start.mjs', '--memory', '--port', port])
    assert.equal(busy.code, 1, busy.text)
    assert.match(
      busy.text,
      /is in use by another program\. Start here instead: npm start -- --port/,
    )
  } finally {
    await stop(first.child)
  }
})

function idpOf(facts: Started): string {
  return facts['demo IdP'].split(' ')[0] ?? ''
}

function launch(args: readonly string[]): ChildProcess {
  const [script = '', ...rest] = args
  return spawn(process.execPath, [join(root, script), ...rest], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function start(): Promise<{ readonly child: ChildProcess; readonly facts: Started }> {
  const child = launch(['scripts/start.mjs', '--port', '0', '--idp-port', '0', '-o', 'json'])
  const facts = await new Promise<Started>((resolve, reject) => {
    let text = ''
    const limit = setTimeout(() => reject(new Error(`did not start: ${text}`)), startLimitMs)
    const take = (chunk: Buffer) => {
      text += chunk.toString()
      const line = text.split('\n').find((one) => one.startsWith('{'))
      if (line === undefined) return
      clearTimeout(limit)
      resolve(JSON.parse(line) as Started)
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('exit', (code) => reject(new Error(`ended with ${String(code)}: ${text}`)))
  })
  return { child, facts }
}

function stop(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code))
    child.kill('SIGINT')
  })
}

function run(
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly text: string }> {
  const child = launch(args)
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, text }))
  })
}
