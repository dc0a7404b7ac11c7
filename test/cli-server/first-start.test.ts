/** `npm start` and `npm run demo:…` as somebody meets them in the first minutes. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { troubleNames } from '../../src/practice-idp/trouble.ts'
import { root } from '../harness/checkout.ts'
import { Computer } from './program.ts'

interface Ran {
  readonly code: number | null
  readonly out: string
}

describe('the first minutes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-start-'))
  const computer = new Computer()
  let started: ChildProcess | undefined
  let address = ''
  let issuer = ''

  before(async () => {
    started = launch('try-out', 'runTryOut', [
      ...['--port', '0', '--idp-port', '0'],
      ...['-o', 'json'],
    ])
    let out = ''
    for await (const chunk of started.stdout ?? []) {
      out += String(chunk)
      if (out.endsWith('\n')) break
    }
    const facts = JSON.parse(out) as Record<string, string>
    address = facts['address'] ?? ''
    issuer = facts['demo IdP']?.split(' ')[0] ?? ''
  })
  after(async () => {
    if (started !== undefined && started.exitCode === null) {
      const ended = once(started, 'exit')
      started.kill('SIGTERM')
      await ended
    }
    await computer.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  function launch(bundle: string, name: string, words: readonly string[]): ChildProcess {
    const script = `
      const { ${name} } = await import(${JSON.stringify(`file://${join(root, 'dist', `${bundle}.js`)}`)})
      const write = (text) => process.stdout.write(text)
      process.exitCode = await ${name}(...${JSON.stringify(words[0] === 'fail' || words[0] === 'jwt' ? [words[0], words.slice(1)] : [words])}, { write, writeError: write })`
    return spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  async function run(bundle: string, name: string, words: readonly string[]): Promise<Ran> {
    const child = launch(bundle, name, words)
    const ended = once(child, 'exit')
    let out = ''
    for await (const chunk of child.stdout ?? []) out += String(chunk)
    const [code] = (await ended) as [number | null]
    return { code, out }
  }

  const demo = (...words: string[]) =>
    run('demo', 'runDemo', [...words, '--server', address, '--idp', issuer])

  test('--help is help and no error, for start and demo (FIX-U12)', async () => {
    const start = await run('try-out', 'runTryOut', ['--help'])
    assert.equal(start.code, 0)
    assert.match(start.out, /^npm start -- \[OPTIONS\]/)
    const fail = await run('demo', 'runDemo', ['fail', '--help'])
    assert.equal(fail.code, 0)
    assert.match(fail.out, /--trouble NAME/)
  })

  test('a second start in the folder says which process has it and how to start beside it (FIX-U16)', async () => {
    const second = await run('try-out', 'runTryOut', ['--port', '0', '--idp-port', '0'])
    assert.equal(second.code, 1)
    assert.match(
      second.out,
      new RegExp(
        `✗ the data folder \\S+ is in use by process ${started?.pid}; stop it first\n  One without that folder, beside it: npm start -- --memory --port `,
      ),
    )
  })

  test('demo:fail names check n of 25, got, expected and the fix of that reason (FIX-U4)', async () => {
    const { code, out } = await demo('fail')
    assert.equal(code, 3)
    assert.match(out, /reason: audience_mismatch\n/)
    assert.match(out, /refused at check 13 of 25: /)
    assert.match(out, /^ +got +\S*https:\/\/example\.com/m)
    assert.match(out, /^ +expected +\S/m)
    assert.match(out, /ask for another audience: +npm run demo:jwt -- --aud http/)
  })

  test('every trouble shows its own reason and fix, or where it is seen (FIX-U4, FIX-U5)', async () => {
    const reasons: Readonly<Record<string, string>> = {
      clock_ahead: 'not_yet_valid|issued_in_future',
      unknown_kid: 'key_unknown',
      wrong_key: 'signature_invalid',
      expired: 'expired',
      status_500: 'keys_unreachable|key_unknown|keys_stale',
      html: 'keys_unreachable|key_unknown|keys_stale',
    }
    const quick = troubleNames.filter((name) => name !== 'slow_jwks')
    for (const trouble of quick) {
      const { code, out } = await demo('fail', '--trouble', trouble)
      assert.match(out, new RegExp(`^\n  ${trouble}: `))
      const reason = reasons[trouble]
      if (reason === undefined) assert.match(out, /Seen in a browser: switch it on at http/)
      else {
        assert.equal(code, 3, out)
        assert.match(out, new RegExp(`reason: (?:${reason})\n`), trouble)
        assert.doesNotMatch(out, /ask for another audience/)
      }
    }
    assert.equal((await demo('jwt')).code, 0)
    const none = await demo('fail', '--trouble', 'nope')
    assert.match(none.out, /^✗ there is no trouble nope; there are /)
  })

  test('the trial has roles for a device and a direct sign-in (FIX-U3)', async () => {
    const env = { VAULT_ADDR: address, VAULT_TOKEN: 'root' }
    const program = computer.start(
      ['login', '-method=oidc', 'callbackmode=device', 'role=people-device'],
      { env, name: 'vault' },
    )
    const [, code = ''] = await program.until(/When prompted, enter code (\S+)/)
    assert.match(code, /^[A-Z0-9-]{6,}$/)
    assert.ok(program.err.includes(code))
    await program.stop('SIGKILL')
    const direct = computer.start(
      ['login', '-method=oidc', 'callbackmode=direct', 'role=people-direct', 'skip_browser=true'],
      { env, name: 'vault' },
    )
    await direct.until(/The page must show the code /)
    await direct.stop('SIGKILL')
  })
})
