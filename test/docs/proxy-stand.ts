/**
 * Reverse proxies as the guide has them, standing before a server of a test: their configurations with this test's addresses, and a client on the far
 * side of them.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { request } from 'node:https'
import { freePort } from '../harness/free-port.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder } from './guide.ts'

const guide = readText('docs/how-to/reverse-proxy.md')
const startMsMax = 10_000

/** The one block of a page in that language. */
export function blockOf(language: string, page = guide): string {
  const [block = '', ...others] = blocksOf(page, `${language} test`)
  assert.deepEqual([block !== '', others.length], [true, 0], language)
  return block
}

export interface Places {
  readonly folder: ReaderFolder
  /** Where the proxy listens, and the server behind it. */
  readonly port: number
  readonly behind: number
  /** Further lines, where the guide that has them says. */
  readonly more: string
}

export interface Proxy {
  readonly language: string
  /** Answers whether the program is here. */
  readonly version: readonly [string, ...string[]]
  /** Writes its configuration, with the addresses of this test, and gives the command. */
  configure(places: Places): readonly [string, ...string[]]
  readonly lines: readonly RegExp[]
}

export const proxies: readonly Proxy[] = [
  {
    language: 'nginx',
    version: ['nginx', '-v'],
    configure: ({ folder, port, behind, more }) => {
      const block = blockOf('nginx')
        .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace('127.0.0.1:8200', `127.0.0.1:${behind}`)
        .replaceAll('/etc/nginx/tokens', folder.at('tokens'))
        .replace('/var/log/nginx/tokens.log', folder.at('access.log'))
      const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      const temporary = paths.map((name) => `${name}_temp_path ${folder.at(name)};`).join('\n')
      folder.write(
        'nginx.conf',
        `pid ${folder.at('nginx.pid')};\nevents {}\nhttp {\n${temporary}\n${more}${block}}\n`,
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
    configure: ({ folder, port, behind, more }) => {
      const block = blockOf('haproxy')
        .replace('bind :443', `bind 127.0.0.1:${port}`)
        .replace('127.0.0.1:8200', `127.0.0.1:${behind}`)
        .replace('/etc/haproxy/tokens.pem', folder.at('tokens.pem'))
        .replace('  default_backend', `${more}  default_backend`)
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

/** Of a proxy's program: why a test of it is skipped here, or false. */
export function skipWithout(proxy: Proxy): string | false {
  const [program, ...words] = proxy.version
  const isMissing = spawnSync(program, words).error !== undefined
  return isMissing ? `${program} is not on this machine` : false
}

/** Starts the proxy before the server at that port, and ends it when the work is done. */
export async function standing(
  proxy: Proxy,
  behind: number,
  work: (through: Through, folder: ReaderFolder) => Promise<void>,
  more = '',
): Promise<void> {
  const folder = new ReaderFolder()
  const { certificate, key } = makeCertificate({
    commonName: 'localhost',
    altNames: ['localhost', '127.0.0.1'],
  })
  folder.write('tokens.crt', certificate)
  folder.write('tokens.key', key)
  folder.write('tokens.pem', certificate + key)
  const port = await freePort()
  const [program, ...words] = proxy.configure({ folder, port, behind, more })
  const child = spawn(program, words, {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: folder.path },
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  try {
    const through = new Through(port, certificate)
    await through.untilItServes(child)
    await work(through, folder)
  } finally {
    child.kill('SIGKILL')
    await ended
    folder.remove()
  }
}

export interface Asking {
  readonly localAddress?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Asked {
  readonly status: number
  readonly text: string
}

/** A client on the far side of the proxy. */
export class Through {
  readonly url: string
  readonly #port: number
  readonly #ca: string

  constructor(port: number, ca: string) {
    this.url = `https://localhost:${port}`
    this.#port = port
    this.#ca = ca
  }

  ask(method: string, path: string, more: Asking = {}): Promise<Asked> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        servername: 'localhost',
        port: this.#port,
        method,
        path,
        ca: this.#ca,
        agent: false,
        localAddress: more.localAddress,
        headers: { Host: new URL(this.url).host, ...more.headers },
      }
      const asking = request(options, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      })
      asking.on('error', reject)
      asking.end(more.body)
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
