import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandTable } from '../../src/cli/command-table.ts'
import { run } from './cli-run.ts'

test('CLI-05: help without a command, one line for an unknown one, and 127 (FIX-U11)', async () => {
  const none = await run([])
  assert.equal(none.code, 127)
  assert.equal(none.out, '')
  assert.match(none.err, /^Usage: tokenstile <command> \[args\]\n/u)
  const unknown = await run(['raed', 'x'])
  assert.equal(unknown.code, 127)
  assert.equal(
    unknown.err,
    'There is no command "raed". Did you mean "read"?\nAll commands: tokenstile -h\n',
  )
})

test('CLI-06: a group without its subcommand is help on stderr and 1, an unknown one is a line (FIX-U11)', async () => {
  for (const words of [['token'], ['kv', 'metadata']]) {
    const result = await run(words)
    assert.deepEqual([result.code, result.out], [1, ''])
    assert.match(result.err, /^Usage: tokenstile (?:token|kv metadata) <subcommand>/u)
  }
  const near: [string[], string][] = [
    [
      ['kv', 'gett', 'secret/a'],
      '"kv gett". Did you mean "kv get"?\nAll commands: tokenstile kv -h',
    ],
    [
      ['operator', 'unsael'],
      '"operator unsael". Did you mean "operator unseal"?\nAll commands: tokenstile operator -h',
    ],
    [
      ['kv', 'metadata', 'gte', 'a'],
      '"kv metadata gte". Did you mean "kv metadata get"?\nAll commands: tokenstile kv metadata -h',
    ],
    [
      ['operator', 'generate-everything'],
      '"operator generate-everything".\nAll commands: tokenstile operator -h',
    ],
    [['token', 'nope\u009b2J'], '"token nope\\u009b2J".\nAll commands: tokenstile token -h'],
  ]
  for (const [words, text] of near) {
    assert.deepEqual(await run(words), { code: 1, out: '', err: `There is no command ${text}\n` })
  }
})

test('CLI-07: -h on any command and group is help on stdout and 0, with two examples before the flags', async () => {
  for (const { name } of commandTable) {
    const result = await run([...name.split(' '), '-h'], { programName: 'vault' })
    assert.deepEqual([result.code, result.err], [0, ''], name)
    assert.ok(result.out.startsWith(`Usage: vault ${name}`), name)
    const examples = result.out.split(/\n(?:Flags|Output flags|Connection flags):\n/u)[0] ?? ''
    assert.ok(examples.split('\n      $ vault ').length >= 3, name)
    assert.ok(
      result.out.split('\n').every((line) => line.length <= 110),
      name,
    )
  }
  for (const words of [['-h'], ['--help'], ['token', '-help'], ['kv', 'metadata', '--help']]) {
    const result = await run(words)
    assert.deepEqual([result.code, result.err], [0, ''])
    assert.match(result.out, /^Usage: /u)
  }
})

test('CLI-08: version by its four spellings', async () => {
  for (const words of [['version'], ['-v'], ['-version'], ['--version']]) {
    const result = await run(words)
    assert.deepEqual(result, {
      code: 0,
      out: 'tokenstile v0.2.0 (speaks Vault v1.17.0)\n',
      err: '',
    })
  }
})

test('under the name of an existing client its number is the second word of the version', async () => {
  const lines = await Promise.all(
    ['vault', 'bao'].map(async (programName) => (await run(['-version'], { programName })).out),
  )
  assert.deepEqual(lines, [
    'Vault v1.17.0 (tokenstile v0.2.0)\n',
    'OpenBao v2.0.0 (tokenstile v0.2.0)\n',
  ])
})

test('the server gets its words unread', async () => {
  let got: string[] = []
  const runServer = (args: string[]) => {
    got = args
    return Promise.resolve(7)
  }
  const result = await run(['server', '-dev', '-format=x', '-nope'], { runServer })
  assert.equal(result.code, 7)
  assert.deepEqual(got, ['-dev', '-format=x', '-nope'])
})

test('too few and too many words, an unknown flag and an unknown format are usage errors', async () => {
  const cases: [string[], string][] = [
    [['read'], 'Not enough arguments (expected at least 1, got 0)'],
    [['policy', 'write', 'x'], 'Not enough arguments (expected 2, got 1)'],
    [['list', 'a', 'b'], 'Too many arguments (expected 1, got 2)'],
    [['token', 'lookup', '-nope'], 'flag provided but not defined: -nope'],
    [
      ['read', '-format=xml', 'a'],
      'Invalid output format: "xml". Use table, json, yaml, pretty, raw.',
    ],
  ]
  for (const [words, text] of cases) {
    assert.deepEqual(await run(words), { code: 1, out: '', err: `${text}\n` })
  }
})

test('CLI-55: -output-curl-string prints the request, without the token, and sends nothing', async () => {
  const env = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'canary' }
  const result = await run(['-output-curl-string'], { env })
  assert.equal(result.code, 127)
  const write = await run(['write', '-output-curl-string', 'a', "b=it's"], { env })
  assert.equal(write.code, 0)
  assert.equal(
    write.out,
    `curl -X PUT -H 'X-Vault-Request: true' -H "X-Vault-Token: $(tokenstile print token)" -H 'Content-Type: application/json' -d '{"b":"it'\\''s"}' http://127.0.0.1:1/v1/a\n`,
  )
  const late = await run(['read', 'a/b c', 'k=1', '-output-curl-string'], {
    env: { ...env, VAULT_TOKEN: '', HOME: '/nonexistent' },
  })
  assert.equal(late.out, "curl -H 'X-Vault-Request: true' 'http://127.0.0.1:1/v1/a/b%20c?k=1'\n")
})

test('CLI-56: -output-policy prints what the request needs', async () => {
  const env = { HOME: '/nonexistent', VAULT_ADDR: 'http://127.0.0.1:1' }
  const policy = async (...words: string[]) => (await run(words, { env })).out
  assert.equal(
    await policy('read', '-output-policy', 'secret/data/x'),
    'path "secret/data/x" {\n  capabilities = ["read"]\n}\n',
  )
  assert.match(
    await policy('list', '-output-policy', 'secret/metadata'),
    /capabilities = \["list"\]/u,
  )
  assert.match(await policy('delete', '-output-policy', 'a'), /\["delete"\]/u)
  assert.match(
    await policy('auth', 'enable', '-output-policy', 'jwt'),
    /path "sys\/auth\/jwt" \{\n {2}capabilities = \["create", "update", "sudo"\]/u,
  )
  assert.match(
    await policy('auth', 'list', '-output-policy'),
    /path "sys\/auth" \{\n {2}capabilities = \["read"\]/u,
  )
})

test('local mistakes of single commands are found before anything is sent', async () => {
  const cases: [string[], RegExp][] = [
    [['login', '-no-store', '-no-print'], /cannot be used together/u],
    [['login', '-method=nope'], /^Unknown auth method: nope\./u],
    [['login', '-method=jwt', 'role=r'], /'jwt' must be specified/u],
    [['token', 'revoke'], /expected 1 or -self/u],
    [['token', 'revoke', '-self', 'x'], /Too many arguments/u],
    [['token', 'revoke', '-mode=nope', 'x'], /Invalid mode/u],
    [['token', 'lookup', '-accessor'], /with -accessor/u],
    [['kv', 'destroy', 'secret/a'], /No versions provided/u],
    [['kv', 'delete', '-versions=1,x', 'secret/a'], /Invalid version number "x"/u],
    [['kv', 'put', 'secret/a'], /Must supply data/u],
    [['kv', 'rollback', 'secret/a'], /greater than zero/u],
    [['lease', 'revoke', '-force', 'x'], /requires also specifying -prefix/u],
    [['read', '-header=X-Vault-Token=t', 'a'], /not allowed/u],
    [['read', '-client-cert=/nonexistent', 'a'], /no file \/nonexistent/u],
    [['policy', 'write', 'p', '/nonexistent'], /no file \/nonexistent/u],
  ]
  for (const [words, text] of cases) {
    const result = await run(words, {
      env: { HOME: '/nonexistent', VAULT_ADDR: 'http://127.0.0.1:1' },
    })
    assert.equal(result.code, 1, words.join(' '))
    assert.equal(result.out, '')
    assert.match(result.err, text)
  }
})

test('CLI-38: a missing password with nobody to ask is an error, not a wait', async () => {
  const result = await run(['login', '-method=userpass', 'username=u'], {
    env: { HOME: '/nonexistent' },
  })
  assert.equal(result.code, 1)
  assert.match(
    result.err,
    /^There is no terminal to ask at\. Give the password with password=@FILE/u,
  )
})
