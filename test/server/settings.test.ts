/** Every setting that the server declares does something that a test shows, or is named as doing nothing (SEC-CFG-S4). */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { configSettings, type SettingTable } from '../../src/server/config-settings.ts'
import { serverFlagTable } from '../../src/server/server-flags.ts'
import { readText } from '../harness/checkout.ts'
import { startTestServer } from '../harness/test-server.ts'
import { configProofs, fieldProofs, flagProofs, type Proofs } from './setting-proofs.ts'
import { plainServer, ServerFolder, type ServerProcess } from './server-process.ts'

const folder = new ServerFolder()
after(() => folder.remove())

/** Each name has a proof that is there, and there is no proof of anything else. */
function assertProven(names: readonly string[], proofs: Proofs, where: string): void {
  const missing = `${where}: each has its row in test/server/setting-proofs.ts`
  assert.deepEqual(names.toSorted(), Object.keys(proofs).toSorted(), missing)
  for (const [name, proof] of Object.entries(proofs)) {
    if (proof === 'idle') continue
    const [file, words] = proof
    const text = readText(`test/${file}`)
    assert.ok(text.includes(words), `${where} ${name}: ${file} has no test of ${words}`)
  }
}

function withEffect(table: SettingTable, wanted: SettingTable[string]): readonly string[] {
  return Object.keys(table).filter((name) => table[name] === wanted)
}

async function outputOf(server: ServerProcess): Promise<string> {
  await server.url()
  await server.stop()
  return server.output
}

test('every setting of the configuration file that is used has its proof (SEC-CFG-S4)', () => {
  assert.deepEqual(Object.keys(configSettings), Object.keys(configProofs))
  for (const [block, table] of Object.entries(configSettings)) {
    assertProven(withEffect(table, 'used'), configProofs[block] ?? {}, block)
  }
})

test('every setting that is used is in the page about the configuration', () => {
  const page = readText('docs/configuration.md')
  const missing = Object.values(configSettings)
    .flatMap((table) => withEffect(table, 'used'))
    .filter((name) => !new RegExp(`\\b${name}\\b`).test(page))
  assert.deepEqual(missing, [], 'docs/configuration.md has a row for each')
})

test('nothing that is read of the configuration is dropped on the way to the server (SEC-CFG-S4)', () => {
  const source = (file: string) => readText(`src/server/${file}`)
  const declared = /interface ServerConfig \{([^}]*)\}/.exec(source('config-file.ts'))?.[1] ?? ''
  const members = [...declared.matchAll(/readonly (\w+):/g)].map(([, name]) => name)
  assert.ok(members.length > 10, declared)
  const files = ['server-command.ts', 'server-options.ts', 'server-log.ts', 'config-load.ts']
  const start = files.map(source).join('')
  for (const name of members) {
    assert.match(start, new RegExp(`\\bconfig\\??\\.${name}\\b`), `${name} is parsed and dropped`)
  }
})

test('every setting without effect is named at the start by file and line (SEC-CFG-S4)', async () => {
  const idle = (table: SettingTable) => withEffect(table, 'without_effect')
  const lines = (names: readonly string[]) => names.map((name) => `${name} = "x"`)
  const text = [
    ...lines(idle(configSettings.top)),
    'storage "lmdb" {',
    `path = "${join(folder.path, 'data')}"`,
    ...lines(idle(configSettings['storage lmdb'])),
    '}',
    'seal "static" {',
    'key_env = "SEAL_KEY"',
    ...lines(idle(configSettings['seal static'])),
    '}',
    'listener "tcp" {',
    'address = "127.0.0.1:0"',
    'tls_disable = true',
    ...lines(idle(configSettings['listener tcp'])),
    'telemetry {',
    ...lines(idle(configSettings.telemetry)),
    '}',
    '}',
    'listener "unix" {',
    `address = "${join(folder.path, 's.sock')}"`,
    ...lines(idle(configSettings['listener unix'])),
    '}',
  ]
  const env = { SEAL_KEY: 'a'.repeat(64) }
  const output = await outputOf(folder.start('idle.hcl', text.join('\n'), { env }))
  const wanted = text.flatMap((line, at) => (line.endsWith(' = "x"') ? [[line, at + 1]] : []))
  assert.ok(wanted.length > 50)
  for (const [line, number] of wanted) {
    const name = String(line).split(' ')[0]
    const said = new RegExp(`idle\\.hcl:${number}:1: .*"${name}" has no effect in this version`)
    assert.match(output, said)
  }
})

test('every setting that is refused stops the start by file and line (SEC-CFG-S4)', async () => {
  const blocks = [
    [
      'seal static',
      (name: string) => `${plainServer}seal "static" {\nkey_env = "A"\n${name} = 1\n}`,
    ],
    [
      'listener tcp',
      (name: string) => `storage "inmem" {}\nlistener "tcp" {\ntls_disable = true\n${name} = 1\n}`,
    ],
    [
      'telemetry',
      (name: string) =>
        `storage "inmem" {}\nlistener "tcp" {\ntls_disable = true\ntelemetry {\n${name} = true\n}\n}`,
    ],
  ] as const
  let count = 0
  for (const [block, textOf] of blocks) {
    for (const name of withEffect(configSettings[block], 'refused')) {
      const server = folder.start('refused.hcl', textOf(name), { env: { A: 'k' } })
      assert.equal(await server.exit, 1)
      assert.match(server.output, new RegExp(`refused\\.hcl:\\d+:1: .*"${name}" is not in this`))
      count++
    }
  }
  const all = Object.values(configSettings).flatMap((table) => withEffect(table, 'refused'))
  assert.equal(count, all.length)
})

test('every flag of the server does something, is refused, or is named (SEC-CFG-S4)', async () => {
  const names = Object.keys(serverFlagTable)
  const having = (...effects: readonly string[]) =>
    names.filter((name) => effects.includes(serverFlagTable[name]?.effect ?? ''))
  assertProven(having('used', 'dev'), flagProofs, 'flags')
  const word = (name: string) =>
    serverFlagTable[name]?.kind === 'bool' ? `-${name}` : `-${name}=127.0.0.1:0`
  const idle = [...having('without_effect'), ...having('dev')]
  const flags = idle.map(word)
  const output = await outputOf(folder.start('flags.hcl', plainServer, { flags }))
  for (const name of having('without_effect')) {
    assert.match(output, new RegExp(`-${name} has no effect in this version`))
  }
  for (const name of having('dev')) {
    assert.match(output, new RegExp(`-${name} has no effect without -dev`))
  }
  for (const name of having('refused')) {
    const server = folder.start('flags.hcl', plainServer, { flags: [word(name)] })
    assert.equal(await server.exit, 1)
    assert.match(server.output, new RegExp(`-${name} is not available in this version`))
  }
})

test('flags beat the file, and a wrong one of the log stops the start (SEC-CFG-S4)', async () => {
  const log = join(folder.path, 'flag.log')
  const text = `${plainServer}log_level = "error"\nlog_format = "standard"\n`
  const output = await outputOf(
    folder.start('log.hcl', text, {
      flags: ['-log-level=warning', '-log-format=json', `-log-file=${log}`, '-log-rotate-bytes=1'],
    }),
  )
  assert.match(output, /Log Level: warn/)
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  assert.ok(
    lines.every((line) => line.startsWith('{')),
    lines[0],
  )
  assert.match(lines.join('\n'), /-log-rotate-bytes has no effect/)
  for (const flag of ['-log-level=loud', '-log-format=xml']) {
    const server = folder.start('log.hcl', text, { flags: [flag] })
    assert.equal(await server.exit, 1)
    assert.match(server.output, /the log (?:level|format) must be/)
  }
  const dev = folder.start('dev.hcl', plainServer, {
    flags: ['-dev', '-dev-kv-v1', '-dev-no-store-token', '-dev-listen-address=127.0.0.1:0'],
  })
  const url = await dev.url()
  const [, token = ''] = await dev.until(/Root Token: (\S+)/)
  const mounts = await fetch(`${url}/v1/sys/mounts`, { headers: { 'X-Vault-Token': token } })
  assert.match(await mounts.text(), /"options":\{"version":"1"\}/)
  assert.match(dev.output, /-dev uses only the log, the pid file and the outbound block of -config/)
  await dev.stop()
})

test('every field of a mount and of a role has its proof or warns at its write (SEC-CFG-S4)', async (context) => {
  const server = await startTestServer()
  context.after(() => server.stop())
  const { root } = server
  await root.must('sys/auth/jwt', { type: 'jwt' })
  const { paths } = (await root.read('sys/internal/specs/openapi')).body
  for (const [path, proofs] of Object.entries(fieldProofs)) {
    const { schema } = paths[path].post.requestBody.content['application/json']
    const captured = path.includes('{name}') ? ['name'] : []
    const names = new Set([...Object.keys(schema.properties), ...captured])
    assertProven([...names], proofs, path)
  }
  const warned = async (path: string, body: object, name: string) => {
    const { body: answer } = await root.must(path, body)
    const text = `"${name}" has no effect in this version`
    assert.ok(answer?.warnings?.includes(text), `${path} ${name}: ${JSON.stringify(answer)}`)
  }
  const idle = (path: string) =>
    Object.keys(fieldProofs[path] ?? {}).filter((name) => fieldProofs[path]?.[name] === 'idle')
  const bools = ['local', 'seal_wrap', 'external_entropy_access', 'force_no_cache']
  const value = (name: string) => (bools.includes(name) ? true : 'v1.0.0')
  for (const [at, name] of idle('/sys/auth/{path}').entries()) {
    await warned(`sys/auth/e${at}`, { type: 'jwt', [name]: value(name) }, name)
    await root.must(`sys/auth/quiet${at}`, {
      type: 'jwt',
      [name]: bools.includes(name) ? false : '',
    })
  }
  for (const [at, name] of idle('/sys/auth/{path}/tune').entries()) {
    await warned('sys/auth/jwt/tune', { [name]: value(name) }, name)
    const config = { [name]: value(name) }
    await warned(`sys/mounts/c${at}`, { type: 'kv', config }, name)
  }
  for (const name of idle('/auth/jwt/config')) {
    await warned(
      'auth/jwt/config',
      { jwks_url: 'http://127.0.0.1:1/', skip_jwks_validation: true, [name]: '2.5.29.54' },
      name,
    )
  }
})
