/** What a server may say to a terminal, and what the terminal never says of secrets: the whole command line is run. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { envelope, loginAuth, withServer, type RunResult } from './cli-run.ts'

/** Sequences that move a cursor, name a window, turn a line around, or hide. */
const hostile = '\u001b[2J\u001b]0;title\u0007\r\u009b31m\u202eevil\u200b\u{e0041}'
const huge = hostile.repeat(4000)
const raw = /(?![\n\t])[\p{Cc}\p{Cf}]/u

function wantEscaped({ out, err }: RunResult, note: string): void {
  for (const text of [out, err]) {
    const at = text.search(raw)
    assert.equal(at, -1, `${note}: ${JSON.stringify(text.slice(at - 20, at + 20))}`)
  }
}

test('terminal escapes of a server are shown as text, wherever they stand and however many (SEC-CLI-07)', () =>
  withServer({}, async (server) => {
    for (const text of [hostile, huge]) {
      const data = { [text]: text, list: [text, { a: text }] }
      server.answer({
        'GET /v1/a': { body: envelope({ data, warnings: [text] }) },
        'PUT /v1/a': { body: envelope({ auth: { ...loginAuth, metadata: { a: text } } }) },
        'GET /v1/list': { body: envelope({ data: { keys: [text] } }) },
        'PUT /v1/refused': {
          status: 400,
          headers: { 'X-Login-Reason': 'audience_mismatch' },
          body: { errors: [text, text] },
        },
        'GET /v1/text': { status: 502, text },
        'GET /v1/sys/policies/acl/p': { body: envelope({ data: { name: text, policy: text } }) },
      })
      const commands = [
        ['read', 'a'],
        ['read', '-format=json', 'a'],
        ['read', '-format=yaml', 'a'],
        ['write', 'a', 'b=c'],
        ['list', 'list'],
        ['write', 'refused', 'b=c'],
        ['read', 'text'],
        ['policy', 'read', 'p'],
      ]
      for (const words of commands) {
        wantEscaped(await server.run(words, { terminal: true }), words.join(' '))
      }
    }
  }))

/** GitHub's runner reads them at the start of a line, or anywhere. */
const commands = 'a\n::error title=pwn::owned\n  ::add-mask::x\nb ##[error]c'

test('no value of a server is a command in the log of a GitHub job, whatever prints it (SEC-CLI-07)', () =>
  withServer({}, async (server) => {
    const secret = { [commands]: commands, data: { [commands]: commands }, metadata: {} }
    const auth = { ...loginAuth, metadata: { role: commands, [commands]: commands } }
    server.answer({
      'GET /v1/a': { body: envelope({ data: secret, warnings: [commands] }) },
      'PUT /v1/a': { body: envelope({ auth }) },
      'GET /v1/list': { body: envelope({ data: { keys: [commands] } }) },
      'GET /v1/text': { status: 502, text: commands },
      'GET /v1/sys/policies/acl/p': { body: envelope({ data: { name: 'p', policy: commands } }) },
      'PUT /v1/auth/jwt/login': { body: envelope({ auth }) },
      'GET /v1/auth/token/lookup-self': {
        body: envelope({ data: { display_name: commands, meta: { sub: commands } } }),
      },
      'GET /v1/sys/internal/ui/whoami': {
        body: envelope({ data: { groups: [{ name: commands }], policies: [] } }),
      },
      'GET /v1/sys/internal/ui/mounts/kv/a': {
        body: envelope({ data: { path: 'kv/', options: { version: '2' } } }),
      },
      'GET /v1/kv/data/a': { body: envelope({ data: secret }) },
    })
    for (const words of [
      ['read', 'a'],
      ['read', '-format=json', 'a'],
      ['read', '-format=yaml', 'a'],
      ['read', '-format=json', '-field=data', 'a'],
      ['write', 'a', 'b=c'],
      ['list', 'list'],
      ['list', '-format=json', 'list'],
      ['read', 'text'],
      ['policy', 'read', 'p'],
      ['kv', 'get', 'kv/a'],
      ['login', '-method=jwt', 'role=r', 'jwt=x'],
      ['login', '-no-store', '-method=jwt', 'role=r', 'jwt=x'],
      ['whoami'],
    ]) {
      for (const terminal of [true, false]) {
        const env = { GITHUB_ACTIONS: 'true' }
        const { out, err } = await server.run(words, { env, terminal })
        const read = `${out}\n${err}`
        assert.match(read, /pwn/, words.join(' '))
        const taken = read
          .split('\n')
          .filter((line) => line.trimStart().startsWith('::') || line.includes('##['))
        assert.deepEqual(taken, [], words.join(' '))
        if (words[1] === '-format=json' && words[2] === 'a') {
          assert.equal(JSON.parse(out).data[commands], commands)
        }
      }
    }
  }))

const canary = 'canary-5c07'

test('a secret comes from standard input or a file, and is in nothing that is printed (SEC-CLI-06)', () =>
  withServer({}, async (server) => {
    const file = join(server.home, 'secret')
    const largest = canary + 'x'.repeat(200_000)
    for (const secret of [canary, largest]) {
      await writeFile(file, secret)
      server.answer({
        'PUT /v1/auth/jwt/login': { status: 400, body: { errors: ['permission denied'] } },
        'GET /v1/auth/token/lookup-self': { status: 403, body: { errors: ['permission denied'] } },
      })
      const runs = [
        await server.run(['write', 'auth/jwt/login', 'role=r', 'jwt=-'], { stdin: secret }),
        await server.run(['write', 'auth/jwt/login', 'role=r', `jwt=@${file}`]),
        await server.run(['write', 'auth/jwt/login', '-'], {
          stdin: JSON.stringify({ jwt: secret }),
        }),
        await server.run(['login', '-'], { stdin: secret }),
        await server.run(['login', '-method=jwt', 'role=r', `jwt=${secret}`]),
        await server.run(['token', 'lookup'], { env: { VAULT_TOKEN: secret } }),
      ]
      for (const [i, { code, out, err }] of runs.entries()) {
        assert.equal(code, 2, `${i}: ${err.slice(0, 300)}`)
        assert.ok(!(out + err).includes(canary), `${i}: ${err.slice(0, 300)}`)
      }
      assert.ok(server.seen.some(({ body }) => JSON.stringify(body ?? '').includes(canary)))
    }
  }))

test('what is wrong with a command line is said without repeating a value of it (SEC-CLI-06)', () =>
  withServer({}, async (server) => {
    for (const value of [canary, canary + 'x'.repeat(100_000)]) {
      const wrong = [
        ['token', 'create', `-meta=${value}`],
        ['login', '-method=jwt', `jwt:${value}`],
        ['write', 'auth/jwt/login', 'role=r', value],
        ['token', 'revoke', '-mode=none', value],
      ]
      for (const words of wrong) {
        const { code, out, err } = await server.run(words)
        assert.notEqual(code, 0, words.slice(0, 2).join(' '))
        assert.ok(!(out + err).includes(canary), `${words[0]} ${words[1]}: ${err.slice(0, 300)}`)
      }
    }
  }))
