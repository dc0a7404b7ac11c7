/** The executable itself: names, help, version, a dev server, a server with a configuration file, signals (platform.md §9). */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makeCertificate } from '../http/self-signed.ts'
import { Computer, type Program } from './program.ts'

const computer = new Computer()
after(() => computer.remove())

function save(name: string, text: string): string {
  const path = join(computer.folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

describe('without a server', () => {
  test('CLI-05: no command and an unknown one are help on stderr, exit code 127', async () => {
    const none = await computer.run([])
    assert.deepEqual([none.code, none.out], [127, ''])
    assert.match(none.err, /^Usage: vault <command> \[args\]\n/)
    const unknown = await computer.run(['lgoin'], { name: 'bao' })
    assert.deepEqual([unknown.code, unknown.out], [127, ''])
    assert.match(
      unknown.err,
      /^There is no command "lgoin"\. Did you mean "login"\?\nAll commands: bao -h\n$/,
    )
  })

  test('CLI-06: a group alone is help on stderr, exit code 1', async () => {
    const { code, out, err } = await computer.run(['token'], { name: 'tokenstile' })
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^Usage: tokenstile token <subcommand>/)
  })

  test('CLI-07: help is exit code 0, on stdout', async () => {
    for (const words of [['-h'], ['token', '--help'], ['kv', 'get', '-h'], ['server', '-help']]) {
      const { code, out, err } = await computer.run(words)
      assert.deepEqual([code, err], [0, ''], words.join(' '))
      assert.match(out, /^Usage: vault /)
    }
  })

  test('CLI-08: version and -version are the same text and load neither the client nor the server', async () => {
    const covered = join(computer.folder, 'coverage')
    const [first, ...others] = await Promise.all([
      computer.run(['version'], { env: { NODE_V8_COVERAGE: covered } }),
      computer.run(['-version']),
      computer.run(['-v']),
    ])
    assert.match(first.out, /^Vault v\d+\.\d+\.\d+ \(tokenstile v\d+\.\d+\.\d+\)\n$/)
    for (const other of others) assert.deepEqual(other, { code: 0, out: first.out, err: '' })
    // The second word is the number of the client that the name stands for.
    const names = [
      ['bao', /^OpenBao v\d+\.\d+\.\d+ \(tokenstile v/],
      ['tokenstile', /^tokenstile v\d+\.\d+\.\d+ /],
    ] as const
    for (const [name, line] of names) {
      assert.match((await computer.run(['--version'], { name })).out, line)
    }
    const loaded = readdirSync(covered).flatMap((name) => {
      const report: { result: { url: string }[] } = JSON.parse(
        readFileSync(join(covered, name), 'utf8'),
      )
      return report.result.map(({ url }) => url).filter((url) => url.includes('/dist/'))
    })
    const entries = loaded.filter((url) => !url.includes('/chunks/')).map((url) => basename(url))
    assert.deepEqual(entries, ['version.js'])
    const bytes = loaded.map((url) => statSync(new URL(url)).size)
    assert.ok(Math.max(...bytes) < 20_000, loaded.join('\n'))
  })

  test('a server that cannot be reached is told apart from a refusal', async () => {
    const env = { VAULT_ADDR: 'http://127.0.0.1:1' }
    const status = await computer.run(['status'], { env })
    assert.deepEqual([status.code, status.out], [1, ''])
    const read = await computer.run(['read', 'a'], { env })
    assert.deepEqual([read.code, read.out], [2, ''])
    assert.match(read.err, /^Error reading a: .*127\.0\.0\.1:1/)
    assert.doesNotMatch(read.err, /\n +at /)
  })
})

describe('server -dev', () => {
  let server: Program & { readonly url: string }
  const env = () => ({ VAULT_ADDR: server.url })

  before(async () => {
    server = await computer.startDev()
  })

  test('CLI-01: it prints what scripts look for', async () => {
    assert.match(server.out, /^==> .* server configuration:\n/)
    assert.match(server.out, /^==> .* server started! Log data will stream in below:$/m)
    assert.ok(server.out.includes(`\n    $ export VAULT_ADDR='${server.url}'\n`), server.out)
    assert.ok(server.out.includes(`\n    $ export BAO_ADDR='${server.url}'\n`), server.out)
    const [, key = ''] = await server.until(/^Unseal Key: (\S+)$/m)
    assert.equal(Buffer.from(key, 'base64').length, 32)
    assert.match(server.out, /^Root Token: hvs\.\w+$/m)
  })

  test('CLI-03: the root token is kept for its owner alone, and used', async () => {
    const [, token = ''] = await server.until(/^Root Token: (\S+)$/m)
    const file = join(computer.home, '.vault-token')
    assert.equal(readFileSync(file, 'utf8'), token)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    for (const name of ['vault', 'bao', 'tokenstile'] as const) {
      const { code, out } = await computer.run(['print', 'token'], { name, env: env() })
      assert.deepEqual([code, out], [0, `${token}\n`])
    }
  })

  test('CLI-02: secret/ is a store of version 2', async () => {
    const put = await computer.run(['kv', 'put', 'secret/a', 'x=-'], {
      env: env(),
      stdin: 'from stdin',
    })
    assert.equal(put.code, 0, put.err)
    const get = await computer.run(['kv', 'get', '-format=json', 'secret/a'], { env: env() })
    assert.equal(get.code, 0, get.err)
    const { data } = JSON.parse(get.out)
    assert.deepEqual([data.data, data.metadata.version], [{ x: 'from stdin' }, 1])
  })

  test('CLI-23: a large field reaches a pipe as a whole', async () => {
    const text = 'ä'.repeat(150_000)
    const put = await computer.run(['kv', 'put', 'secret/large', 'x=-'], {
      env: env(),
      stdin: text,
    })
    assert.equal(put.code, 0, put.err)
    const get = await computer.run(['kv', 'get', '-field=x', 'secret/large'], { env: env() })
    assert.equal(get.out === text, true)
    const head = await computer.shell('vault kv get secret/large | head -c 5', { env: env() })
    assert.deepEqual(head, { code: 0, out: '== Se', err: '' })
  })

  test('exit codes of a refusal and of nothing there', async () => {
    const denied = await computer.run(['token', 'lookup'], {
      env: { ...env(), VAULT_TOKEN: 'hvs.wrong' },
    })
    assert.equal(denied.code, 2)
    assert.match(denied.err, /Code: 403\. Errors:\n\n\* permission denied\n/)
    const none = await computer.run(['kv', 'get', 'secret/none'], { env: env() })
    assert.deepEqual(none, { code: 2, out: '', err: 'No value found at secret/data/none\n' })
  })

  test('CLI-63: SIGTERM ends it with code 0, and so does SIGINT', async () => {
    const stopped = await server.stop('SIGTERM')
    assert.equal(stopped.code, 0, stopped.err)
    const other = await computer.startDev(['-dev-no-store-token'])
    assert.equal((await other.stop('SIGINT')).code, 0)
  })

  test('CLI-02, CLI-03: a chosen root token works, and -dev-no-store-token keeps none', async () => {
    const own = new Computer()
    try {
      const other = await own.startDev(['-dev-root-token-id=root', '-dev-no-store-token'])
      assert.match(other.out, /^Root Token: root$/m)
      assert.equal(existsSync(join(own.home, '.vault-token')), false)
      const addressed = { VAULT_ADDR: other.url, VAULT_TOKEN: 'root' }
      const lookup = await own.run(['token', 'lookup', '-format=json'], { env: addressed })
      assert.equal(JSON.parse(lookup.out).data.id, 'root')
      const mounts = await own.run(['secrets', 'list', '-format=json'], { env: addressed })
      assert.equal(JSON.parse(mounts.out)['secret/'].options.version, '2')
    } finally {
      await own.remove()
    }
  })
})

test('what a system says of a file is told in words, with the path and no system call', async () => {
  const { folder } = computer
  const file = save('file', 'x')
  const absent = join(folder, 'absent')
  const address = { VAULT_ADDR: 'https://127.0.0.1:1' }
  const cases = [
    [['status'], { VAULT_CAPATH: absent }, `there is no file ${absent}`],
    [['status'], { VAULT_CAPATH: file }, `${file} is no folder`],
    [['status'], { VAULT_CACERT: folder }, `${folder} is a folder, and a file is wanted`],
    [['status'], { VAULT_CACERT: absent }, `There is no file ${absent} (-ca-cert)`],
    [['write', 'a/b', `x=@${folder}`], {}, `${folder} is a folder, and a file is wanted`],
    [['server', '-dev', `-log-file=${absent}/log`], {}, `there is no folder for ${absent}/log`],
    [['server', `-config=${absent}`], {}, `there is no file ${absent}`],
  ] as const
  for (const [words, env, text] of cases) {
    const ended = await computer.run(words, { env: { ...address, ...env } })
    assert.equal(ended.code, 1, ended.err)
    assert.ok(ended.err.includes(text), ended.err)
    assert.ok(!/ENOENT|EISDIR|ENOTDIR|scandir|open '/.test(ended.err), ended.err)
  }
})

test('a dev server that cannot keep its token says how to go without', async () => {
  const { code, err } = await computer.run(['server', '-dev', '-dev-listen-address=127.0.0.1:0'], {
    env: { HOME: join(computer.folder, 'none') },
  })
  assert.equal(code, 1)
  assert.match(
    err,
    /^the root token cannot be kept for the command line: .*-token.*\n.*-dev-no-store-token/m,
  )
  assert.doesNotMatch(err, /\n +at /)
})

describe('server -config', () => {
  test('CLI-60: a listener with neither TLS files nor tls_disable: exit code 1 and the reason', async () => {
    const path = save(
      'bare.hcl',
      'storage "inmem" {}\nlistener "tcp" { address = "127.0.0.1:0" }\n',
    )
    const { code, out, err } = await computer.run(['server', `-config=${path}`])
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /bare\.hcl:2:1: .*tls_cert_file.*tls_disable/)
    assert.doesNotMatch(err, /\n +at /)
  })

  test('neither -config nor -dev, a wrong flag, a missing file and a port in use: exit code 1, one reason (FIX-U11, FIX-U15)', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => {
      holder.listen(0, '127.0.0.1', resolve)
    })
    const taken = holder.address()
    const port = typeof taken === 'object' ? (taken?.port ?? 0) : 0
    const cases: [readonly string[], RegExp][] = [
      [[], /-config.*-dev/],
      [['-conf=x'], /^flag provided but not defined: -conf\. Did you mean -config\?\n$/],
      [['-config=none.hcl'], /none\.hcl/],
      [
        ['-dev', `-dev-listen-address=127.0.0.1:${port}`],
        new RegExp(`^127\\.0\\.0\\.1:${port} is in use by another program`),
      ],
    ]
    for (const [words, reason] of cases) {
      const { code, out, err } = await computer.run(['server', ...words])
      assert.deepEqual([code, out], [1, ''], err)
      assert.match(err, reason)
      assert.doesNotMatch(err, /\n +at /)
    }
    holder.close()
  })

  test('a TLS file that is missing, empty or of another certificate is named with setting and line (FIX-F11, FIX-U15)', async () => {
    const one = makeCertificate({ commonName: 'one' })
    const other = makeCertificate({ commonName: 'other' })
    const certificate = save('one.pem', one.certificate)
    const key = save('other-key.pem', other.key)
    const empty = save('empty.pem', 'nothing')
    const cases: [string, string, string][] = [
      ['none.pem', key, `:4:3: tls_cert_file: there is no file none.pem`],
      [certificate, key, `:5:3: tls_key_file: ${key} does not belong to the certificate of`],
      [empty, key, `:4:3: tls_cert_file: ${empty} holds no certificate in PEM`],
      [certificate, empty, `:5:3: tls_key_file: ${empty} holds no private key in PEM`],
      [computer.folder, key, `:4:3: tls_cert_file: ${computer.folder} is a folder`],
    ]
    for (const [certFile, keyFile, text] of cases) {
      const config = save(
        'pair.hcl',
        [
          'storage "inmem" {}',
          'listener "tcp" {',
          '  address = "127.0.0.1:0"',
          `  tls_cert_file = "${certFile}"`,
          `  tls_key_file = "${keyFile}"`,
          '}',
        ].join('\n'),
      )
      const { code, out, err } = await computer.run(['server', `-config=${config}`])
      assert.deepEqual([code, out], [1, ''], err)
      assert.ok(err.startsWith(`${config}${text}`), err)
      assert.equal(err.split('\n').length, 2)
    }
  })

  test('the banner names each listener and its TLS, and api_addr; as json it is one event (FIX-U14)', async () => {
    const socket = join(computer.folder, 'banner.sock')
    const config = save(
      'banner.hcl',
      [
        'storage "inmem" {}',
        'api_addr = "https://vault.example.com"',
        'listener "tcp" {',
        '  address = "127.0.0.1:0"',
        '  tls_disable = true',
        '}',
        `listener "unix" { address = "${socket}" }`,
      ].join('\n'),
    )
    const plain = computer.start(['server', `-config=${config}`])
    await plain.until(/server started!/)
    assert.match(
      plain.out,
      /Api Address: https:\/\/vault\.example\.com\n +Listener 1: tcp 127\.0\.0\.1:\d+ \(no TLS\)\n +Listener 2: unix \S+banner\.sock\n/,
    )
    await plain.stop()
    const json = computer.start(['server', `-config=${config}`, '-log-format=json'])
    await json.until(/"listening"/)
    const ended = await json.stop()
    assert.deepEqual([ended.code, ended.out], [0, ''])
    const events = ended.err
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const listening = events.find((event) => event['@message'] === 'listening')
    assert.equal(listening.api_addr, 'https://vault.example.com')
    assert.match(listening.listeners, /^tcp 127\.0\.0\.1:\d+ \(no TLS\), unix /)
    assert.equal(events.at(-1)['@message'], 'stopped')
  })

  test('CLI-53, CLI-61, CLI-62, CLI-63: TLS and LMDB from a file with an unknown key, from init to a second start', async () => {
    const made = makeCertificate({ commonName: 'tokenstile.test', altNames: ['127.0.0.1'] })
    const certificate = save('cert.pem', made.certificate)
    const key = save('key.pem', made.key)
    const data = join(computer.folder, 'data')
    mkdirSync(data, { mode: 0o700 })
    const config = save(
      'tls.hcl',
      [
        `storage "lmdb" { path = "${data}" }`,
        'listener "tcp" {',
        '  address = "127.0.0.1:0"',
        `  tls_cert_file = "${certificate}"`,
        `  tls_key_file = "${key}"`,
        '}',
        'clustername = "x"',
      ].join('\n'),
    )
    const words = ['server', `-config=${config}`]
    const server = computer.start(words)
    const [, url = ''] = await server.until(/Api Address: (https:\S+)/)
    await server.until(/"clustername" is unknown and ignored/)

    const env = { VAULT_ADDR: url }
    const trusting = { VAULT_ADDR: url, VAULT_CACERT: certificate }
    const init = await computer.run(
      ['operator', 'init', '-key-shares=1', '-key-threshold=1', '-format=json'],
      { env: trusting },
    )
    assert.equal(init.code, 0, init.err)
    const { unseal_keys_b64: keys, root_token: token } = JSON.parse(init.out)
    const unseal = await computer.run(['operator', 'unseal', '-'], {
      env: trusting,
      stdin: keys[0],
    })
    assert.equal(unseal.code, 0, unseal.err)

    const distrusted = await computer.run(['status'], { env })
    assert.deepEqual([distrusted.code, distrusted.out], [1, ''])
    assert.match(distrusted.err, /certificate/)
    for (const flag of ['-tls-skip-verify', `-ca-cert=${certificate}`]) {
      const status = await computer.run(['status', flag], { env })
      assert.deepEqual([status.code, status.err], [0, ''])
      assert.match(status.out, /^Sealed +false$/m)
    }

    const former = save('former.pem', made.certificate)
    const renewed = makeCertificate({ commonName: 'renewed.test', altNames: ['127.0.0.1'] })
    writeFileSync(certificate, renewed.certificate)
    writeFileSync(key, renewed.key)
    server.signal('SIGHUP')
    await server.until(/\breloaded\b/)
    assert.equal((await computer.run(['status', `-ca-cert=${former}`], { env })).code, 1)
    assert.equal((await computer.run(['status', `-ca-cert=${certificate}`], { env })).code, 0)

    const second = await computer.run(words)
    assert.equal(second.code, 1)
    assert.match(second.err, new RegExp(`\\b${server.pid}\\b`))

    const root = { ...trusting, VAULT_TOKEN: token }
    await computer.run(['secrets', 'enable', '-path=kv1', 'kv'], { env: root })
    const write = await computer.run(['write', 'kv1/a', 'x=1'], { env: root })
    assert.equal(write.code, 0, write.err)
    const stopped = await server.stop('SIGTERM')
    assert.equal(stopped.code, 0, stopped.err)

    const again = computer.start(words)
    const [, nextUrl = ''] = await again.until(/Api Address: (https:\S+)/)
    const next = { ...root, VAULT_ADDR: nextUrl }
    assert.equal((await computer.run(['status'], { env: next })).code, 2)
    await computer.run(['operator', 'unseal', '-'], { env: next, stdin: keys[0] })
    const read = await computer.run(['read', '-field=x', 'kv1/a'], { env: next })
    assert.deepEqual(read, { code: 0, out: '1', err: '' })
    assert.equal((await again.stop('SIGTERM')).code, 0)
  })
})
