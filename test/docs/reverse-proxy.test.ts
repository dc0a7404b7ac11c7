/**
 * The guide to reverse proxies: each of its configurations stands before a real server where the program is on this machine, and does what the guide asks of a
 * proxy; everywhere their texts have the lines that matter.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { freePort } from '../harness/free-port.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { ServerFolder, type ServerProcess } from '../server/server-process.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

const guide = readText('docs/how-to/reverse-proxy.md')
const startMsMax = 10_000

function blockOf(language: string): string {
  const [block = '', ...others] = blocksOf(guide, `${language} test`)
  assert.deepEqual([block !== '', others.length], [true, 0], language)
  return block
}

interface Places {
  readonly folder: ReaderFolder
  /** Where the proxy listens, and the server behind it. */
  readonly port: number
  readonly behind: number
}

interface Proxy {
  readonly language: string
  /** Answers whether the program is here. */
  readonly version: readonly [string, ...string[]]
  /** Writes its configuration, with the addresses of this test, and gives the command. */
  configure(places: Places): readonly [string, ...string[]]
  readonly lines: readonly RegExp[]
}

const proxies: readonly Proxy[] = [
  {
    language: 'nginx',
    version: ['nginx', '-v'],
    configure: ({ folder, port, behind }) => {
      const block = blockOf('nginx')
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('127.0.0.1:8200', `127.0.0.1:${behind}`)
        .replaceAll('/etc/nginx/tokens', folder.at('tokens'))
        .replace('/var/log/nginx/tokens.log', folder.at('access.log'))
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      const temporary = paths.map((name) => `${name}_temp_path ${folder.at(name)};`).join('\n')
      folder.write(
        'nginx.conf',
        `pid ${folder.at('nginx.pid')};\nevents {}\nhttp {\n${temporary}\n${block}}\n`,
      )
      const settings = 'daemon off; master_process off;'
      const conf = folder.at('nginx.conf')
      return ['nginx', '-p', folder.path, '-c', conf, '-e', 'stderr', '-g', settings]
    },
    lines: [
      /^ *proxy_set_header X-Forwarded-For \$remote_addr;$/m,
      /^ *client_max_body_size 33m;$/m,
      /^ *proxy_buffering off;$/m,
      /^ *proxy_request_buffering off;$/m,
      /^ *proxy_read_timeout 95s;$/m,
      /^ *proxy_pass http:\/\/\w+;$/m,
      /^log_format (?!.*\$request[^_]|.*\$args)/m,
    ],
  },
  {
    language: 'haproxy',
    version: ['haproxy', '-v'],
    configure: ({ folder, port, behind }) => {
      const block = blockOf('haproxy')
        .replace('bind :443', `bind 127.0.0.1:${port}`)
        .replace('127.0.0.1:8200', `127.0.0.1:${behind}`)
        .replace('/etc/haproxy/tokens.pem', folder.at('tokens.pem'))
      folder.write('haproxy.cfg', `global\n  log stdout format raw local0\n${block}`)
      return ['haproxy', '-db', '-f', folder.at('haproxy.cfg')]
    },
    lines: [
      /^ *http-request set-header X-Forwarded-For %\[src\]$/m,
      /content-length\) gt 34603008/,
      /^ *timeout server 95s$/m,
      /^ *http-check send .*hdr X-Forwarded-For/m,
      /^ *log-format (?!.*%HU|.*%r)/m,
    ],
  },
  {
    language: 'caddyfile',
    version: ['caddy', 'version'],
    configure: ({ folder, port, behind }) => {
      const pair = `tls ${folder.at('tokens.crt')} ${folder.at('tokens.key')}`
      const block = blockOf('caddyfile')
        .replace('tokens.example.com {', `https://localhost:${port} {\n  ${pair}`)
        .replace('127.0.0.1:8200', `127.0.0.1:${behind}`)
      folder.write('Caddyfile', `{\n  admin off\n  auto_https off\n}\n${block}`)
      return ['caddy', 'run', '--adapter', 'caddyfile', '--config', folder.at('Caddyfile')]
    },
    lines: [
      /^ *flush_interval -1$/m,
      /^ *max_size 33MiB$/m,
      /^ *response_header_timeout 95s$/m,
      /^ *X-Forwarded-For 127\.0\.0\.1$/m,
    ],
  },
]

describe('the guide to reverse proxies', () => {
  const configs = new ServerFolder()
  let server: ServerProcess
  let operator: ApiClient
  let behind = 0

  before(async () => {
    const own = blockOf('hcl').replace('127.0.0.1:8200', '127.0.0.1:0')
    const plain = 'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n'
    const storage = `storage "lmdb" { path = "${join(configs.path, 'data')}" }\n`
    server = configs.start('server.hcl', `${storage}${plain}${own}`)
    operator = await server.open()
    const [, believing = ''] = await server.urls()
    behind = Number(new URL(believing).port)
    await operator.must('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    await operator.must('sys/auth/jwt', { type: 'jwt' })
    const rules = { role_type: 'jwt', user_claim: 'sub', bound_audiences: 'here' }
    await operator.must('auth/jwt/role/one', rules)
  })

  after(async () => {
    await server.stop()
    configs.remove()
  })

  test('a listener as the guide has it answers nobody but its proxy', async () => {
    const direct = new ApiClient(`http://127.0.0.1:${behind}`)
    assert.equal((await direct.read('sys/health')).status, 400)
    const headers = { 'X-Forwarded-For': '192.0.2.7' }
    const proxied = await direct.call('GET', 'sys/health', undefined, { headers })
    assert.equal(proxied.status, 200)
  })

  for (const proxy of proxies) {
    test(`the text for ${proxy.version[0]} has the lines that matter`, () => {
      const block = blockOf(proxy.language)
      for (const line of proxy.lines) assert.match(block, line)
    })

    const [program, ...words] = proxy.version
    const isMissing = spawnSync(program, words).error !== undefined
    test(
      `${program} before the server passes all that a client needs, and no forged address`,
      { skip: isMissing ? `${program} is not on this machine` : false },
      () => stand(proxy),
    )
  }

  async function stand(proxy: Proxy): Promise<void> {
    const folder = new ReaderFolder()
    const { certificate, key } = makeCertificate({
      commonName: 'localhost',
      altNames: ['localhost', '127.0.0.1'],
    })
    folder.write('tokens.crt', certificate)
    folder.write('tokens.key', key)
    folder.write('tokens.pem', certificate + key)
    const port = await freePort()
    const [program, ...words] = proxy.configure({ folder, port, behind })
    const child = spawn(program, words, {
      cwd: folder.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: folder.path },
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    try {
      const through = new Through(port, certificate, operator.token ?? '')
      await through.untilItServes(child)
      await check(folder, through)
    } finally {
      child.kill('SIGKILL')
      await ended
      folder.remove()
    }
  }

  async function check(folder: ReaderFolder, through: Through): Promise<void> {
    // The guide's own check.
    const script = blockOf('sh').replace('https://tokens.example.com', through.url)
    await folder.must(script.replace('192.0.2.7', '127.0.0.1'), {
      VAULT_TOKEN: operator.token ?? '',
      VAULT_CACERT: folder.at('tokens.crt'),
    })

    // Who calls is who calls, whatever the caller says.
    const networks = { allowed_policies: 'default', token_bound_cidrs: '127.0.0.9' }
    await operator.must('auth/token/roles/elsewhere', networks)
    const bound = (await operator.must('auth/token/create/elsewhere')).body.auth.client_token
    const lookup = (localAddress: string, headers: Readonly<Record<string, string>> = {}) =>
      through.ask('GET', '/v1/auth/token/lookup-self', {
        localAddress,
        headers: { 'X-Vault-Token': bound, ...headers },
      })
    assert.equal((await lookup('127.0.0.9')).status, 200)
    assert.equal((await lookup('127.0.0.1')).status, 403)
    const forged = { 'X-Forwarded-For': '127.0.0.9' }
    assert.equal((await lookup('127.0.0.1', forged)).status, 403)

    // Paths come as they were sent.
    await operator.must('secret/data/a/b', { data: { word: 'here' } })
    for (const path of [
      'secret/data/a/b',
      'secret/data/a%2Fb',
      'secret//data/a/b',
      'sys//health',
    ]) {
      const [there, here] = await Promise.all([
        through.ask('GET', `/v1/${path}`),
        operator.read(path),
      ])
      assert.equal(there.status, here.status, path)
    }
  }
})

interface Asked {
  readonly status: number
  readonly text: string
}

/** A client on the far side of the proxy. */
class Through {
  readonly url: string
  readonly #port: number
  readonly #ca: string
  readonly #token: string

  constructor(port: number, ca: string, token: string) {
    this.url = `https://localhost:${port}`
    this.#port = port
    this.#ca = ca
    this.#token = token
  }

  ask(
    method: string,
    path: string,
    more: { readonly localAddress?: string; readonly headers?: object } = {},
  ): Promise<Asked> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        servername: 'localhost',
        port: this.#port,
        method,
        path,
        ca: this.#ca,
        agent: false,
        ...more,
        headers: { Host: new URL(this.url).host, 'X-Vault-Token': this.#token, ...more.headers },
      }
      const asking = request(options, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      })
      asking.on('error', reject)
      asking.end()
    })
  }

  async untilItServes(child: ChildProcess): Promise<void> {
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    }
    const endMs = Date.now() + startMsMax
    for (;;) {
      const answer = await this.ask('GET', '/v1/sys/health').catch(() => undefined)
      if (answer?.text.includes('"sealed":false')) return
      assert.ok(child.exitCode === null && Date.now() < endMs, said)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
