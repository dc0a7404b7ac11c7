/** A server of several workers, seen from outside: one log, one process id to watch, one folder. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from 'node:tls'
import { Computer } from '../cli-server/program.ts'
import { ApiClient } from '../harness/api-client.ts'
import { makeCertificate } from '../http/self-signed.ts'
import { plainServer } from './server-process.ts'
import {
  atEachWorker,
  replaceWorkers,
  until,
  workerPids,
  type WorkerClient,
} from './worker-connections.ts'
import { initStatic, mustAt, pairOf, staticSeal, WorkerFolder } from './worker-folder.ts'

const folder = new WorkerFolder()
after(() => folder.remove())

test('what one worker revokes, changes or rotates the others know with the next request', async (t) => {
  const server = folder.start(t, 'at-once', { more: staticSeal })
  const [a, b] = await pairOf(server)
  const root = await initStatic(a)
  for (let round = 0; round < 20; round++) {
    const [maker, user] = round % 2 === 0 ? [a, b] : [b, a]
    const made = await mustAt(maker, 'POST', 'auth/token/create', root, { policies: ['p'] })
    const token = String(made.body.auth.client_token)
    await mustAt(user, 'POST', 'sys/policies/acl/p', root, {
      policy: `path "auth/token/lookup-self" { capabilities = ["${round % 4 < 2 ? 'read' : 'deny'}"] }`,
    })
    const looked = await maker.call('GET', 'auth/token/lookup-self', token)
    assert.equal(looked.status, round % 4 < 2 ? 200 : 403, `round ${round}`)
    await mustAt(maker, 'POST', 'auth/token/revoke', root, { token })
    const after = await user.call('POST', 'auth/token/renew-self', token)
    assert.equal(after.status, 403, `round ${round}`)
    await mustAt(maker, 'PUT', 'sys/rotate', root)
    const terms = await Promise.all(
      [a, b].map(async (client) => (await mustAt(client, 'GET', 'sys/key-status', root)).body.term),
    )
    assert.deepEqual(terms, [round + 2, round + 2])
  }
  const requests = async (client: WorkerClient) => {
    const { body } = await mustAt(client, 'GET', 'sys/metrics', root)
    const counted: readonly { readonly Name: string; readonly Count: number }[] = body.Counters
    return JSON.stringify(counted.filter(({ Name }) => Name.includes('requests_total')))
  }
  const countOf = (text: string) => Number(/"Count":(\d+)/.exec(text)?.[1])
  const [ofA, ofB] = [countOf(await requests(a)), countOf(await requests(b))]
  assert.ok(ofA > 100 && ofB > ofA && ofB <= ofA + 2, `${ofA} and ${ofB} requests`)
  const seals = async (client: WorkerClient) =>
    Number((await mustAt(client, 'GET', 'sys/key-status', root)).body.encryptions)
  const before = await seals(a)
  for (let i = 0; i < 10; i++) await mustAt(b, 'POST', 'auth/token/create', root)
  assert.ok((await seals(a)) >= before + 10, 'what one seals counts at the other')
})

test('one process id is watched: pid file, reload, one log of whole lines, an end with all', async (t) => {
  const server = folder.start(t, 'watched', {
    more: `${staticSeal}log_format = "json"\nlog_file = "${folder.at('log')}"\npid_file = "${folder.at('pid')}"\n`,
  })
  const [a, b] = await pairOf(server)
  assert.equal(readFileSync(folder.at('pid'), 'utf8').trim(), String(server.child.pid))
  assert.equal(statSync(folder.at('pid')).mode & 0o777, 0o644)
  const token = await initStatic(a)
  renameSync(folder.at('log'), folder.at('log.1'))
  server.child.kill('SIGHUP')
  await until(
    () => existsSync(folder.at('log')) && /"reloaded"/.test(readFileSync(folder.at('log'), 'utf8')),
    'reload',
  )
  for (const client of [a, b]) {
    await mustAt(client, 'POST', 'sys/auth/jwt', token, { type: 'jwt' }).catch(() => undefined)
    await client.call('POST', 'auth/jwt/login', undefined, { role: 'nobody', jwt: 'x' })
  }
  await mustAt(a, 'PUT', 'sys/rotate', token)
  const pids = workerPids(server)
  assert.equal(pids.length, 2)
  // A terminal sends what somebody types to every process of the group.
  for (const pid of pids) process.kill(pid, 'SIGINT')
  assert.equal((await a.call('GET', 'sys/health')).status, 200)
  assert.equal(await server.stop(), 0)
  assert.equal(existsSync(folder.at('pid')), false)
  for (const pid of pids) assert.equal(existsSync(`/proc/${pid}`), false)
  const lines = readFileSync(folder.at('log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const count = (text: string) => lines.filter((line) => line['@message'] === text).length
  assert.deepEqual([count('stopped'), count('reloaded'), count('login refused')], [2, 1, 2])
})

test('workers end with the first process, however that ends, and leave the folder free', async (t) => {
  const server = folder.start(t, 'orphans', { more: staticSeal })
  const [a] = await pairOf(server)
  const root = await initStatic(a)
  const pids = workerPids(server)
  server.child.kill('SIGKILL')
  await server.exit
  await until(() => pids.every((pid) => !existsSync(`/proc/${pid}`)), 'the workers have ended')
  const again = folder.start(t, 'orphans', { more: staticSeal })
  const [b] = await pairOf(again)
  await mustAt(b, 'GET', 'auth/token/lookup-self', root)
})

test('a socket that is a file has its mode with workers, too (SEC-STO-16)', async (t) => {
  const listener = `listener "unix" {\n  address = "${folder.at('s.sock')}"\n  socket_mode = "0660"\n}\n`
  const server = folder.start(t, 'unix', { listener })
  const [a, b] = await pairOf(server)
  assert.equal(statSync(folder.at('s.sock')).mode & 0o777, 0o660)
  for (const client of await replaceWorkers(server, [a.pid, b.pid])) {
    assert.equal((await client.call('GET', 'sys/health')).status, 501)
  }
  assert.equal(statSync(folder.at('s.sock')).mode & 0o777, 0o660)
  assert.equal(await server.stop(), 0)
  assert.equal(existsSync(folder.at('s.sock')), false)
})

test('a folder of workers belongs to their server alone (SEC-STO-10)', async (t) => {
  const server = folder.start(t, 'mine', { more: staticSeal })
  const [a] = await pairOf(server)
  await initStatic(a)
  const second = folder.start(t, 'mine', { more: staticSeal })
  assert.equal(await second.exit, 1)
  assert.match(second.output, /is in use by process \d+/)
  const single = folder.start(t, 'mine', { workers: 1, more: staticSeal })
  assert.equal(await single.exit, 1)
})

test('a new certificate is served by all of them after SIGHUP', async (t) => {
  const files = [folder.at('tls.pem'), folder.at('tls.key')] as const
  const issue = (commonName: string): void => {
    const made = makeCertificate({ commonName, altNames: ['127.0.0.1'] })
    writeFileSync(files[0], made.certificate)
    writeFileSync(files[1], made.key, { mode: 0o600 })
  }
  issue('first')
  const listener = `listener "tcp" {\n  address = "127.0.0.1:0"\n  tls_cert_file = "${files[0]}"\n  tls_key_file = "${files[1]}"\n}\n`
  const server = folder.start(t, 'tls', { listener })
  const [, port = ''] = await server.until(/Listener \d: tcp 127\.0\.0\.1:(\d+) \(TLS\)/)
  const names = () => atEachWorker(server, () => nameServedAt(Number(port)))
  assert.deepEqual(await names(), ['first', 'first'])
  issue('second')
  server.child.kill('SIGHUP')
  await server.until(/\] reloaded/)
  assert.deepEqual(await names(), ['second', 'second'])
  writeFileSync(files[0], 'no certificate')
  server.child.kill('SIGHUP')
  await server.until(/reload failed, the old settings stay/)
  assert.deepEqual(await names(), ['second', 'second'])
})

function nameServedAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('refused logins at all workers together leave no more lines than at one', async (t) => {
  const server = folder.start(t, 'lines', {
    more: `${staticSeal}log_file = "${folder.at('lines.log')}"\n`,
  })
  const pair = await pairOf(server)
  const root = await initStatic(pair[0])
  await mustAt(pair[0], 'POST', 'sys/auth/jwt', root, { type: 'jwt' })
  const startedMs = performance.now()
  const ofEach = 600
  await Promise.all(
    pair.map(async (client) => {
      for (let i = 0; i < ofEach; i++) {
        await client.call('POST', 'auth/jwt/login', undefined, { role: 'nobody', jwt: `x${i}` })
      }
    }),
  )
  const seconds = Math.ceil((performance.now() - startedMs) / 1000) + 1
  const lines = readFileSync(folder.at('lines.log'), 'utf8').split('\n')
  const refused = lines.filter((line) => line.includes('login refused')).length
  assert.ok(refused >= 100, `${refused} lines`)
  assert.ok(refused <= 200 * seconds, `${refused} lines in ${seconds} s`)
})

test('the program that is shipped starts its workers', async () => {
  const computer = new Computer()
  const file = join(computer.folder, 'server.hcl')
  writeFileSync(
    file,
    `workers = 2\nstorage "lmdb" { path = "${join(computer.folder, 'data')}" }\nlistener "tcp" {\n  address = "127.0.0.1:0"\n  tls_disable = true\n}\n`,
    { mode: 0o600 },
  )
  const program = computer.start(['server', `-config=${file}`])
  const [, url = ''] = await program.until(/Api Address: (http:[^\s,]+)/)
  assert.equal((await new ApiClient(url).read('sys/health')).status, 501)
  const ended = await program.stop()
  assert.equal(ended.code, 0, ended.err)
  assert.match(ended.out, /shutdown complete/)
  await computer.remove()
})

test('workers that cannot serve end the server with the reason', async (t) => {
  const memory = folder.startText(t, 'memory', `workers = 2\n${plainServer}`)
  assert.equal(await memory.exit, 1)
  assert.match(memory.output, /memory\.hcl:1:1: "workers" above 1 needs storage "lmdb"/)
  for (const wrong of ['0', '17', 'many', '1.5', '-1']) {
    const server = folder.startText(t, 'wrong', `workers = "${wrong}"\n${plainServer}`)
    assert.equal(await server.exit, 1)
    assert.match(server.output, /"workers" must be a number from 1 to 16, or "auto"/)
  }
  const one = folder.start(t, 'bound')
  const port = new URL(await one.url()).port
  const listener = `listener "tcp" {\n  address = "127.0.0.1:${port}"\n  tls_disable = true\n}\n`
  const taken = folder.start(t, 'taken', { listener })
  assert.equal(await taken.exit, 1)
  assert.match(taken.output, /is in use by another program/)
})

test('workers that end again and again end the server', async (t) => {
  const server = folder.start(t, 'again', { more: staticSeal })
  await pairOf(server)
  // What the next ones find is no store any more.
  writeFileSync(join(folder.at('again'), 'format.json'), 'not a store')
  for (const pid of workerPids(server)) process.kill(pid, 'SIGKILL')
  assert.equal(await server.exit, 1)
  assert.match(server.output, /workers end as soon as they are started, stopping/)
})

test('auto is one worker for each processor, and one process where memory is the storage', async (t) => {
  const server = folder.start(t, 'auto', { workers: 'auto' })
  await server.url()
  const memory = folder.startText(t, 'auto-memory', `workers = "auto"\n${plainServer}`)
  const client = new ApiClient(await memory.url())
  assert.equal((await client.read('sys/health')).status, 501)
  assert.equal(workerPids(memory).length, 0)
})
