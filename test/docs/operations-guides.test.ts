/** The guides for operators, word by word, on a machine that is a folder: backup, upgrade and roll-back, shipping of logs, rate limits. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { freePort } from '../harness/free-port.ts'
import { startTestServer } from '../harness/test-server.ts'
import { tcpListener } from '../../src/http/listener-options.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { readText } from '../harness/checkout.ts'
import { blocksOf, ReaderFolder, sectionsOf } from './guide.ts'
import { blockOf, proxies, skipWithout, standing } from './proxy-stand.ts'

const missingCurl = spawnSync('curl', ['--version']).error !== undefined

/** A machine as deploy/README.md leaves it, below a folder, with a stand-in for systemd that starts the real program. */
class Machine {
  readonly folder = new ReaderFolder()
  #moves: readonly (readonly [string, string])[] = []
  #env: Readonly<Record<string, string>> = {}
  token = ''

  async setUp(config: string): Promise<void> {
    const { folder } = this
    const [port, other] = [await freePort(), await freePort()]
    const places = ['/etc/tokenstile', '/var/lib/tokenstile', '/var/log/tokenstile']
    const all = [...places, '/var/backups/tokenstile']
    for (const place of all) mkdirSync(folder.at(place.slice(1)), { recursive: true })
    this.#moves = [
      ...all.map((place) => [place, folder.at(place.slice(1))] as const),
      ['127.0.0.1:8200', `127.0.0.1:${port}`],
      ['127.0.0.1:8299', `127.0.0.1:${other}`],
    ]
    const tls = makeCertificate({ commonName: 'localhost', altNames: ['127.0.0.1'] })
    folder.write('etc/tokenstile/tls.crt', tls.certificate)
    folder.write('etc/tokenstile/tls.key', tls.key)
    folder.write('etc/tokenstile/seal.key', randomBytes(32).toString('hex'))
    const install = blocksOf(readText('deploy/README.md'), 'sh test')[0] ?? ''
    const [, file = ''] = /<<'END'\n(.*?)^END$/ms.exec(install) ?? []
    folder.write('etc/tokenstile/server.hcl', this.moved(file + config))
    folder.program('systemctl', this.moved(systemctl))
    for (const name of ['npm', 'chown']) folder.program(name, 'exit 0')
    this.#env = {
      VAULT_ADDR: `https://127.0.0.1:${port}`,
      VAULT_CACERT: folder.at('etc/tokenstile/tls.crt'),
    }
    const init = 'systemctl start tokenstile\ntokenstile operator init -format=json'
    const made = await folder.must(init, this.#env)
    this.token = (JSON.parse(made) as { root_token: string }).root_token
  }

  moved(text: string): string {
    return this.#moves.reduce((moved, [from, to]) => moved.replaceAll(from, to), text)
  }

  /** Runs shell lines as an administrator; the files and ports that they name are this machine's. */
  run(script: string): Promise<string> {
    return this.folder.must(this.moved(script), { ...this.#env, VAULT_TOKEN: this.token })
  }

  path(name: string): string {
    return this.folder.at(name)
  }

  async stop(): Promise<void> {
    await this.folder.run('systemctl stop tokenstile', this.#env)
    this.folder.remove()
  }
}

/** Its waiting ends: a test that is broken off leaves nothing that runs on. */
const systemctl = `
data=/var/lib/tokenstile
wait_for() {
  for _ in $(seq 300); do "$@" && return; sleep 0.1; done
  exit 1
}
# Nobody may be there to collect it.
ended() {
  ! kill -0 "$(cat $data/pid)" 2>/dev/null || grep -qs '^State:.Z' "/proc/$(cat $data/pid)/status"
}
# With a log file the console has the words for people, without one the event.
serves() { grep -q '"listening"\\|server started!' $data/console || { ended && exit 1; false; }; }
stop() {
  test -e $data/pid || return 0
  kill -TERM "$(cat $data/pid)"
  wait_for ended
  rm $data/pid
}
start() {
  : >$data/console
  tokenstile server -config=/etc/tokenstile/server.hcl >$data/console 2>&1 &
  echo $! >$data/pid
  wait_for serves
}
case "$1" in
  start) start ;;
  stop) stop ;;
  restart) stop; start ;;
  reload) kill -HUP "$(cat $data/pid)" ;;
esac`

/** The blocks of a guide that run, section by section. */
function scriptsOf(page: string): ReadonlyMap<string, string> {
  const sections = sectionsOf(readText(`docs/how-to/${page}.md`))
  return new Map(
    [...sections].map(([heading, text]) => [heading, blocksOf(text, 'sh test').join('\n')]),
  )
}

async function onMachine(
  work: (machine: Machine) => Promise<void>,
  config: string = '',
): Promise<void> {
  const machine = new Machine()
  try {
    await machine.setUp(config)
    await work(machine)
  } finally {
    await machine.stop()
  }
}

describe('the guides for operators', () => {
  test('a backup is taken, practised and restored as its guide says', () =>
    onMachine(async (machine) => {
      const scripts = scriptsOf('backup')
      const step = (heading: string) => machine.run(scripts.get(heading) ?? assert.fail(heading))
      await machine.run(
        'vault secrets enable -version=2 -path=kept kv\nvault kv put kept/one word=before',
      )
      await step('Who may take one')
      assert.equal(statSync(machine.path('etc/tokenstile/backup.token')).mode & 0o777, 0o600)
      assert.match(await step('Each night'), /Problems +0\n/)
      assert.match(await step('Practise it'), /Problems +0\n/)
      const left = readdirSync(machine.path('var/backups/tokenstile'))
      assert.deepEqual([left.length, left[0]?.endsWith('.backup')], [1, true])
      await machine.run('vault kv put kept/one word=after')
      assert.match(await step('Restore'), /Problems +0\n/)
      assert.match(await machine.run('vault kv get -field=word kept/one'), /^before/)
    }))

  test('an upgrade keeps what is there, and both ways back work, as its guide says', () =>
    onMachine(async (machine) => {
      const scripts = scriptsOf('upgrade')
      const step = (heading: string) => machine.run(scripts.get(heading) ?? assert.fail(heading))
      await machine.run(
        'vault secrets enable -version=2 -path=kept kv\nvault kv put kept/one word=before',
      )
      const format = /"format":(\d+)/.exec(await step('Before'))?.[1]
      await step('Upgrade')
      assert.match(await step('Check'), /^Sealed +false$/m)
      await machine.run('vault kv put kept/one word=after')
      const [asItIs, fromBackup] = blocksOf(
        sectionsOf(readText('docs/how-to/upgrade.md')).get('Roll back') ?? '',
        'sh test',
      )
      await machine.run(asItIs ?? '')
      assert.match(await machine.run('vault kv get -field=word kept/one'), /^after/)

      // A folder of a later version.
      const file = 'var/lib/tokenstile/data/format.json'
      await machine.run('systemctl stop tokenstile')
      const record = readFileSync(machine.path(file), 'utf8')
      const newer = Number(format) + 1
      machine.folder.write(file, record.replace(`"format":${format}`, `"format":${newer}`))
      const start = machine.moved('tokenstile server -config=/etc/tokenstile/server.hcl')
      const { code, output } = await machine.folder.run(start, {})
      const told = blocksOf(readText('docs/how-to/upgrade.md'), 'text')[0] ?? ''
      assert.equal(code, 1)
      assert.ok(output.includes(told.trim().split(' … ')[1] ?? '?'), output)
      await machine.run(fromBackup ?? '')
      assert.match(await machine.run('vault kv get -field=word kept/one'), /^before/)
    }))

  test('logs are rotated and shipped, and a refused login is found, as the guide says', async () => {
    const posted: string[] = []
    const collector = createHttpServer((incoming, outgoing) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
      incoming.on('end', () => {
        posted.push(`${incoming.headers.authorization} ${incoming.url}\n${body}`)
        outgoing.end()
      })
    })
    let central = ''
    const syslog = createServer((socket) => {
      socket.on('data', (chunk: Buffer) => (central += chunk.toString()))
      socket.on('error', () => undefined)
    })
    const ports = await Promise.all(
      [collector, syslog].map(async (server) => {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
        return (server.address() as AddressInfo).port
      }),
    )
    const text = readText('docs/how-to/log-shipping.md')
    const config = blocksOf(text, 'hcl test')
      .join('\n')
      .replace('127.0.0.1:9428', `127.0.0.1:${ports[0]}`)
      .replace('127.0.0.1:1514', `127.0.0.1:${ports[1]}`)
      .replace('log_format = "json"\n', '')
    try {
      await onMachine(async (machine) => {
        await machine.run('vault auth enable jwt')
        const out = await machine.run(scriptsOf('log-shipping').get('Check') ?? '')
        const lines = out.split('\n').filter((line) => line.startsWith('{'))
        const [login, record] = lines.map((line) => JSON.parse(line))
        assert.equal(login.decision, 'refused')
        assert.equal(record.request.id, login.request_id)
        assert.ok(existsSync(machine.path('var/log/tokenstile/server.log.1')))
        const shipped = `"id":"${login.request_id}"`
        assert.ok(posted.some((one) => one.includes(shipped)))
        assert.match(posted[0] ?? '', /^Bearer collector-token \/insert\/jsonline\n\{/)
        assert.ok(central.includes(shipped))
        assert.match(central, /^(?:\d+ )?<\d+>1 \S+ \S+ tokenstile /)
        assert.ok(!`${out}${posted.join('')}${central}`.includes('not-a-token'))
      }, config)
    } finally {
      for (const server of [collector, syslog]) server.close()
    }
  })

  test(
    'quotas refuse a caller beyond them, and nobody else, as the guide says',
    { skip: missingCurl ? 'curl is not installed' : false },
    async () => {
      const server = await startTestServer()
      const folder = new ReaderFolder()
      try {
        await server.root.must('sys/auth/jwt', { type: 'jwt' })
        const env = { VAULT_ADDR: server.url, VAULT_TOKEN: server.rootToken }
        const scripts = scriptsOf('rate-limits')
        await folder.must(scripts.get('Here: quotas') ?? '', env)
        const counted = await folder.must(scripts.get('Check') ?? '', env)
        const times = (status: number) =>
          Number(new RegExp(`(\\d+) ${status}$`, 'm').exec(counted)?.[1] ?? 0)
        assert.equal(times(400) + times(429), 200, counted)
        assert.ok(times(400) >= 20 && times(429) > 100, counted)
        const refused = await server.client().write('auth/jwt/login', {})
        assert.deepEqual([refused.status, Number(refused.headers['retry-after']) > 1], [429, true])
        assert.equal((await server.client().read('sys/health')).status, 200)
      } finally {
        folder.remove()
        await server.stop()
      }
    },
  )

  const page = readText('docs/how-to/rate-limits.md')
  for (const proxy of proxies.filter(({ language }) => language !== 'caddyfile')) {
    test(
      `${proxy.version[0]} limits logins in front as the guide says`,
      { skip: skipWithout(proxy) },
      async () => {
        const listener = tcpListener({ host: '127.0.0.1', port: 0 })
        const server = await startTestServer({ listeners: [listener] })
        try {
          await standing(
            proxy,
            server.port,
            async (through) => {
              const statuses: number[] = []
              for (let count = 0; count < 160; count++) {
                const body = '{"role":"deploy","jwt":"x"}'
                statuses.push((await through.ask('POST', '/v1/auth/jwt/login', { body })).status)
              }
              const refused = statuses.filter((status) => status === 429).length
              assert.ok(statuses[0] !== 429 && refused > 20, statuses.join(' '))
              assert.equal((await through.ask('GET', '/v1/sys/health')).status, 200)
            },
            blockOf(proxy.language, page),
          )
        } finally {
          await server.stop()
        }
      },
    )
  }
})
