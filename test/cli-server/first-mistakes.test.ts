/** The mistakes of the first hour at the command line: each is its own sentence with the next command, in eight lines at most. */

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { run, type RunOptions } from '../cli/cli-run.ts'
import { Shell } from './fixture.ts'

const own = { programName: 'tokenstile' }

describe('errors that help', () => {
  let shell: Shell

  before(async () => {
    shell = await Shell.start()
    await shell.must(['kv', 'put', 'secret/demo', 'a=1'])
  })
  after(() => shell.stop())

  /** Standard error of a command that fails with exit code 2 and prints nothing else. */
  async function refusal(words: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await shell.run(words, { ...own, ...options })
    assert.deepEqual([result.code, result.out], [2, ''], result.err)
    assert.ok(result.err.split('\n').length <= 9, result.err)
    return result.err
  }

  test('without a token the first line says that none is set (FIX-U9)', async () => {
    const env = { VAULT_TOKEN: undefined }
    for (const words of [
      ['kv', 'get', 'secret/demo'],
      ['read', 'secret/data/demo'],
      ['auth', 'list'],
    ]) {
      const [first = '', second] = (await refusal(words, { env })).split('\n')
      assert.match(first, /^Error [a-z ]+(?: \S+)?: no token is set$/)
      assert.equal(
        second,
        'Log in first: tokenstile login -method=oidc, or set VAULT_TOKEN.',
        words.join(' '),
      )
    }
  })

  test('a dead token is told from a policy that denies, and where it came from (FIX-U9)', async () => {
    const dead = await shell.must(['token', 'create', '-field=token'])
    await shell.must(['token', 'revoke', dead])
    const env = { VAULT_TOKEN: undefined, BAO_TOKEN: dead }
    const text = await refusal(['kv', 'get', 'secret/demo'], { env })
    assert.match(
      text,
      /^Error finding the store of secret\/demo: the token of BAO_TOKEN is not valid: it has expired or was revoked\nLog in again: tokenstile login -method=oidc\n/,
    )
    assert.equal(text.includes(dead), false)
    const narrow = await shell.tokenFor(
      'narrow',
      'path "secret/data/x" { capabilities = ["read"] }',
    )
    assert.match(
      await refusal(['read', 'secret/data/demo'], { env: { VAULT_TOKEN: narrow } }),
      /: permission denied\nWhat the token may do there: tokenstile token capabilities secret\/data\/demo\n/,
    )
  })

  test('a mistyped mount has its nearest name, or the names there are (FIX-U9)', async () => {
    assert.match(
      await refusal(['kv', 'get', 'secert/demo']),
      /: no mount that this token can see holds secert\/demo\nDid you mean secret\/demo\?\n/,
    )
    assert.match(
      await refusal(['kv', 'get', 'elsewhere/demo']),
      /: no mount that this token can see holds elsewhere\/demo\nIt can see: [^\n]*\bsecret\/[^\n]*\n/,
    )
  })

  test('a login at a mount that is not there has the nearest name, or says whom to ask (FIX-U9)', async () => {
    await shell.server.root.must('sys/auth/github', { type: 'jwt' })
    const tokenless = { env: { VAULT_TOKEN: undefined } }
    const words = (mount: string) => ['login', '-method=jwt', `-path=${mount}`, 'role=r', 'jwt=x']
    assert.match(
      await refusal(words('githb'), tokenless),
      /: no login of this server answers at auth\/githb\/login\n.*sees it: tokenstile auth list\n/,
    )
    assert.match(await refusal(words('githb')), /\nDid you mean auth\/github\/login\?\n/)
    const written = ['write', 'auth/githb/login', 'role=r', 'jwt=x']
    assert.match(await refusal(written, tokenless), /: no login of this server answers at /)
    await shell.server.root.call('DELETE', 'sys/auth/github')
  })

  test('where there is no store of secrets yet, the command that makes one is named', async () => {
    const bare = await Shell.start({ raw: true, staticKey: '22'.repeat(32) })
    try {
      const { root_token: token } = await bare.json(['operator', 'init'])
      const env = { VAULT_TOKEN: String(token) }
      const { err } = await bare.run(['kv', 'put', 'secret/a', 'b=c'], { ...own, env })
      assert.match(
        err,
        /\nThere is none for secrets\..*: tokenstile secrets enable -path=secret kv-v2\n/,
      )
    } finally {
      await bare.stop()
    }
  })

  test('the layout that scripts know stays under the names vault and bao (FIX-U9)', async () => {
    const result = await shell.run(['kv', 'get', 'secret/demo'], {
      programName: 'bao',
      env: { VAULT_TOKEN: undefined },
    })
    assert.match(
      result.err,
      /^Error finding the store of secret\/demo: Error making API request\.\n\nURL: GET \S+\nCode: 403\. Errors:\n\n\* preflight /,
    )
    assert.match(result.err, /\nNo token is set\. Log in first: bao login -method=oidc, or set /)
  })

  test('a sealed server says so and how it is opened (FIX-U13)', async () => {
    await shell.must(['operator', 'seal'])
    assert.match(
      await refusal(['read', 'secret/data/demo']),
      /: the server is sealed\nIts operators open it: tokenstile operator unseal\n/,
    )
    for (const words of [
      ['-method=jwt', 'jwt=x'],
      ['-method=oidc', 'skip_browser=true'],
    ]) {
      assert.match(
        await refusal(['login', ...words, 'role=r']),
        /: the server is sealed\nIts operators/,
      )
    }
    await shell.must(['operator', 'unseal', shell.server.unsealKey])
  })
})

describe('a static seal', () => {
  test('does not ask for keys that it has no use for: a restart opens it (FIX-U13)', async () => {
    const shell = await Shell.start({ staticKey: '11'.repeat(32), raw: true })
    const { root_token: token } = await shell.json(['operator', 'init'])
    await shell.must(['operator', 'seal'], { env: { VAULT_TOKEN: token } })
    const read = await shell.run(['read', 'sys/policies/acl'], own)
    assert.match(
      read.err,
      /: the server is sealed\nIts key is in its configuration: restart it, and it opens itself\.\n/,
    )
    const key = Buffer.alloc(33).toString('base64')
    const unseal = await shell.run(['operator', 'unseal', key], own)
    assert.match(
      unseal.err,
      /not used with seal type static: the server opens itself when it is restarted/,
    )
    await shell.stop()
  })
})

describe('another server', () => {
  let server: Server
  let address = ''

  before(async () => {
    server = createServer((incoming, outgoing) => {
      const isKnown = incoming.url === '/v1/known'
      outgoing.writeHead(isKnown ? 200 : 404, { 'content-type': 'application/json' })
      outgoing.end('{"error":"not_found"}')
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => server.close())

  test('is said to be one, and nothing of it is taken for an answer (FIX-U10)', async () => {
    for (const words of [
      ['kv', 'get', 'secret/demo'],
      ['read', 'secret/demo'],
      ['list', 'secret'],
    ]) {
      const env = { HOME: '/nonexistent', VAULT_ADDR: address }
      const result = await run(words, { ...own, env })
      assert.deepEqual([result.code, result.out], [2, ''], words.join(' '))
      assert.match(
        result.err,
        /answered 404, but not as this API does: \{"error":"not_found"\}\nCheck the address: -address=URL or VAULT_ADDR\.\n$/,
      )
    }
    const status = await run(['status'], { ...own, env: { VAULT_ADDR: address } })
    assert.deepEqual([status.code, status.out], [1, ''])
    assert.match(status.err, /not as this API does/)
  })
})
