/** The server program and the disk under it: who else has the folder, what is wrong with it, and who may read it. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ApiClient } from '../harness/api-client.ts'
import { makeJwtMaker } from '../harness/jwt-maker.ts'
import { damages, hashFiles } from '../storage/damages.ts'
import { ServerFolder } from './server-process.ts'

const folder = new ServerFolder()
after(() => folder.remove())

const posix = process.platform !== 'win32'
const keyFile = join(folder.path, 'seal-key')
writeFileSync(keyFile, randomBytes(32).toString('hex'), { mode: 0o600 })

interface Configuration {
  readonly name: string
  readonly text: string
  /** The data folder. */
  readonly data: string
}

let made = 0

/** A server with a data folder of its own, which opens by itself. */
function configuration(more = '', data = join(folder.path, `data${++made}`)): Configuration {
  const lines = [
    `storage "lmdb" {\n  path = "${data}"\n}`,
    `seal "static" {\n  key_file = "${keyFile}"\n}`,
    'listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}',
    more,
  ]
  return { name: `server${++made}.hcl`, text: `${lines.join('\n')}\n`, data }
}

async function initialise(url: string): Promise<ApiClient> {
  const nobody = new ApiClient(url)
  const answer = await nobody.call('PUT', 'sys/init', {})
  assert.equal(answer.status, 200, answer.text)
  return nobody.as(String(answer.body.root_token))
}

/** An initialised store that no process has open. */
async function closedStore(): Promise<Configuration> {
  const config = configuration()
  const server = folder.start(config.name, config.text)
  const root = await initialise(await server.url())
  await root.must('sys/mounts/kv', { type: 'kv' })
  for (let i = 0; i < 20; i++) await root.must(`kv/${i}`, { value: 'x'.repeat(20_000) })
  assert.equal(await server.stop(), 0)
  return config
}

async function isAlive(root: ApiClient): Promise<boolean> {
  return (await root.read('auth/token/lookup-self')).status === 200
}

test('a second server on one data folder ends with the reason, and of many after a kill one serves (SEC-STO-10)', async () => {
  const { name, text } = configuration()
  const first = folder.start(name, text)
  const root = await initialise(await first.url())
  const second = folder.start(`again-${name}`, text)
  assert.equal(await second.exit, 1)
  assert.match(second.output, new RegExp(`in use by process ${first.child.pid}`))
  assert.ok(await isAlive(root))
  first.child.kill('SIGKILL')
  await first.exit
  const many = Array.from({ length: 6 }, (_, i) => folder.start(`${i}-${name}`, text))
  const outcomes = await Promise.all(many.map((one) => Promise.race([one.exit, one.url()])))
  const urls = outcomes.filter((outcome) => typeof outcome === 'string')
  assert.deepEqual(
    outcomes.filter((outcome) => typeof outcome !== 'string'),
    [1, 1, 1, 1, 1],
  )
  assert.ok(await isAlive(new ApiClient(urls[0] ?? '', root.token)))
  await Promise.all(many.map((one) => one.stop()))
})

test('a damaged data folder ends the server with the reason, and not a byte of it is changed (SEC-STO-11)', async () => {
  const config = await closedStore()
  const script = 'cp -a "$1" "$2"'
  for (const [what, reason, damage] of damages) {
    const copy = configuration()
    assert.equal(spawnSync('sh', ['-c', script, 'sh', config.data, copy.data]).status, 0)
    damage(copy.data)
    const before = hashFiles(copy.data)
    const server = folder.start(copy.name, copy.text)
    assert.equal(await server.exit, 1, `${what}: ${server.output}`)
    assert.match(server.output, reason, what)
    assert.ok(server.output.includes(copy.data), what)
    assert.deepEqual(hashFiles(copy.data), before, what)
  }
  const server = folder.start(config.name, config.text)
  assert.equal((await new ApiClient(await server.url()).read('sys/health')).status, 200)
  await server.stop()
})

test(
  'what the server makes is for its owner alone under any umask, and what was opened is closed again (SEC-STO-16)',
  { skip: !posix },
  async () => {
    const logs = join(folder.path, 'server.log')
    const socket = join(folder.path, 'api.sock')
    const config = configuration(
      `log_file = "${logs}"\nlistener "unix" {\n  address = "${socket}"\n}`,
    )
    const umask = process.umask(0)
    try {
      const modeOf = (path: string) => statSync(path).mode & 0o777
      const check = () => {
        assert.equal(modeOf(config.data), 0o700)
        const files = readdirSync(config.data).map((name) => join(config.data, name))
        assert.ok(files.length >= 3)
        for (const path of [...files, logs, socket]) {
          assert.equal(modeOf(path), 0o600, path)
        }
      }
      const first = folder.start(config.name, config.text)
      await initialise(await first.url())
      check()
      await first.stop()
      // The hostile maximum: somebody opened everything to everybody.
      chmodSync(config.data, 0o777)
      for (const name of readdirSync(config.data)) chmodSync(join(config.data, name), 0o777)
      const second = folder.start(config.name, config.text)
      await second.url()
      check()
      await second.stop()
    } finally {
      process.umask(umask)
    }
  },
)

/** A role whose logins write, and a login. */
async function withLogins(root: ApiClient) {
  const key = makeJwtMaker()
  await root.must('sys/auth/jwt', { type: 'jwt' })
  await root.must('auth/jwt/config', { jwt_validation_pubkeys: [key.pem] })
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['a'] }
  await root.must('auth/jwt/role/r', role)
  return () =>
    root.as(undefined).write('auth/jwt/login', {
      role: 'r',
      jwt: key.sign({ sub: 'u', aud: 'a' }),
    })
}

test(
  'a full disk under the log stops no login (SEC-STO-09)',
  { skip: !existsSync('/dev/full') },
  async () => {
    const config = configuration('log_file = "/dev/full"')
    const server = folder.start(config.name, config.text)
    const login = await withLogins(await initialise(await server.url()))
    const answers = await Promise.all(Array.from({ length: 50 }, login))
    for (const { status, text } of answers) assert.equal(status, 200, text)
    assert.equal(await server.stop(), 0)
  },
)

const canMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /tmp']).status === 0

test(
  'on a full disk writes are refused as unavailable; reads and revocations go on, and nothing is lost (SEC-STO-09)',
  { skip: canMount ? false : 'no user namespaces with mounts here' },
  async () => {
    const disk = join(folder.path, 'small-disk')
    mkdirSync(disk)
    const config = configuration('', join(disk, 'data'))
    const script = 'disk="$1"; shift; mount -t tmpfs -o size=12m tmpfs "$disk" && exec "$@"'
    const within = ['unshare', '-rm', 'sh', '-c', script, 'sh', disk]
    const server = folder.start(config.name, config.text, { within })
    try {
      const root = await initialise(await server.url())
      const login = await withLogins(root)
      await root.must('sys/mounts/kv', { type: 'kv' })
      await root.must('kv/first', { value: 'kept' })
      const doomed = root.as(String((await login()).body.auth.client_token))
      const statuses: number[] = []
      for (let i = 0; i < 60; i++) {
        const value = randomBytes(300_000).toString('base64')
        statuses.push((await root.write(`kv/fill/${i}`, { value })).status)
      }
      assert.deepEqual([...new Set(statuses)], [204, 503])
      assert.equal((await root.read('kv/first')).body.data.value, 'kept')
      assert.ok(await isAlive(doomed))
      assert.equal((await doomed.write('auth/token/revoke-self')).status, 204)
      assert.equal(await isAlive(doomed), false)
      for (const [i, status] of statuses.entries()) {
        assert.equal((await root.read(`kv/fill/${i}`)).status, status === 204 ? 200 : 404)
      }
      // Room again, and all is as before.
      for (let i = 0; i < 20; i++) assert.ok((await root.remove(`kv/fill/${i}`)).status < 300)
      assert.equal((await login()).status, 200)
    } finally {
      await server.stop()
    }
  },
)
