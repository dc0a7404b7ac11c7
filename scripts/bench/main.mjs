/**
 * The bench (design.md §9): the real server on LMDB against the floor program, alternating in one
 * run, so that a busy machine slows both. Prints each figure as a ratio beside what is asked of it
 * and beside an earlier version's; `--json` for machines, `--quick` for a first look,
 * `--tree=FOLDER` for the built server of another checkout. Everything it starts is on loopback and
 * is ended by its id.
 */

import { spawn } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { auditRows, benchAudit } from './audit.mjs'
import { besideEarlier } from './earlier.mjs'
import { benchExplain, explainRows } from './explain.mjs'
import { get, post, runLoad } from './load.mjs'
import { benchKinds, kindRows } from './kinds.mjs'
import { benchMethods } from './methods.mjs'
import { benchOperations, operationRows, timedBackup } from './operations.mjs'
import { benchSignIns } from './sign-in.mjs'
import { benchWorkers } from './workers.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..', '..')
const tree = process.argv.find((text) => text.startsWith('--tree='))?.slice(7) ?? root
const quick = process.argv.includes('--quick')
const asJson = process.argv.includes('--json')
const rounds = quick ? 2 : 5
const seconds = quick ? 2 : 4
const liveTokens = quick ? 20_000 : 200_000
const connections = 64
/** `--sign-in`: nothing but the part with the identity provider. */
const signInOnly = process.argv.includes('--sign-in')
/** `--audit`: nothing but what audit devices cost. */
const auditOnly = process.argv.includes('--audit')
/** `--workers`: nothing but two workers against one process. */
const workersOnly = process.argv.includes('--workers')
/** `--methods`: nothing but the other auth methods. */
const methodsOnly = process.argv.includes('--methods')
/** `--kinds`: nothing but kinds of logins beside a plain one. */
const kindsOnly = process.argv.includes('--kinds')
/** `--explain`: nothing but what it costs to know why. */
const explainOnly = process.argv.includes('--explain')
/** `--operations`: nothing but wrapping, namespaces, a hanging audit device and a backup. */
const operationsOnly = process.argv.includes('--operations')

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = publicKey.export({ format: 'jwk' })
const pem = publicKey.export({ type: 'spki', format: 'pem' })
const jwts = Array.from({ length: 256 }, (_, i) => mint(i))
const children = new Set()
const kinds = ['login', 'batch', 'lookup', 'kv', 'kv2', 'alone']

function mint(i, more = {}) {
  const now = Math.floor(Date.now() / 1000)
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = part({ alg: 'RS256', typ: 'JWT', kid: 'bench' })
  const claims = part({
    iss: 'https://issuer.bench.test',
    sub: `repo:acme/app-${i % 16}:ref:refs/heads/main`,
    aud: 'https://tokenstile.test',
    iat: now,
    nbf: now,
    exp: now + 7200,
    jti: randomBytes(16).toString('hex'),
    repository: `acme/app-${i % 16}`,
    repository_owner: 'acme',
    ref: 'refs/heads/main',
    environment: 'production',
    job_workflow_ref: 'acme/ci/.github/workflows/deploy.yml@refs/heads/main',
    ...more,
  })
  const signature = sign(
    'sha256',
    Buffer.from(`${head}.${claims}`),
    createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  )
  return `${head}.${claims}.${signature.toString('base64url')}`
}

function start(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  child.on('exit', () => children.delete(child))
  return child
}

function firstLine(child, wanted) {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const match = wanted.exec(text)
      if (match !== null) resolve(match)
    })
    child.on('exit', (code) => reject(new Error(`ended with ${code} before it was ready\n${text}`)))
  })
}

function stop(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.on('exit', resolve)
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), 15_000).unref()
  })
}

/** CPU seconds that a process has used, from the kernel; undefined where there is no /proc. */
function cpuSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

function residentMiB(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024
  } catch {
    return undefined
  }
}

async function measured(pid, load) {
  const before = cpuSeconds(pid)
  const result = await runLoad(load)
  const after = cpuSeconds(pid)
  return {
    ...result,
    cpuMicros: before === undefined ? undefined : ((after - before) * 1e6) / result.count,
  }
}

/** Takes the bench's tokens. */
const plainRole = {
  role_type: 'jwt',
  user_claim: 'sub',
  bound_audiences: ['https://tokenstile.test'],
  bound_claims: { repository_owner: 'acme', environment: 'production' },
  claim_mappings: { repository: 'repository' },
  token_policies: ['reader'],
  token_ttl: '1h',
}

class Product {
  constructor(folder, { workers = 1, settings = [] } = {}) {
    this.folder = folder
    this.configFile = join(folder, 'server.hcl')
    writeFileSync(join(folder, 'key'), randomBytes(32).toString('hex'), { mode: 0o600 })
    writeFileSync(
      this.configFile,
      [
        `storage "lmdb" { path = "${join(folder, 'data')}" }`,
        `seal "static" { key_file = "${join(folder, 'key')}" }`,
        'listener "tcp" { address = "127.0.0.1:0"  tls_disable = true }',
        'ui = true',
        'log_level = "error"',
        // An earlier version that is measured beside this one does not know the setting.
        ...(workers === 1 ? [] : [`workers = ${workers}`]),
        ...settings,
        '',
      ].join('\n'),
      { mode: 0o600 },
    )
  }

  async start() {
    const began = process.hrtime.bigint()
    this.child = start(process.execPath, [
      join(tree, 'bin', 'tokenstile.js'),
      'server',
      '-config',
      this.configFile,
    ])
    const match = await firstLine(this.child, /http:\/\/127\.0\.0\.1:(\d+)/)
    this.port = Number(match[1])
    this.url = `http://127.0.0.1:${this.port}`
    while (this.root !== undefined && (await fetch(`${this.url}/v1/sys/health`)).status !== 200)
      await new Promise((r) => setTimeout(r, 5))
    return Number(process.hrtime.bigint() - began) / 1e6
  }

  async call(method, path, body, token = this.root) {
    const response = await fetch(`${this.url}/v1/${path}`, {
      method,
      headers: token === undefined ? {} : { 'X-Vault-Token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async prepare() {
    this.root = undefined
    const made = await this.call('PUT', 'sys/init', {})
    this.root = made.root_token
    await this.call('POST', 'sys/auth/jwt', { type: 'jwt' })
    await this.call('POST', 'auth/jwt/config', {
      jwt_validation_pubkeys: [pem],
      bound_issuer: 'https://issuer.bench.test',
    })
    await this.call('POST', 'auth/jwt/role/service', plainRole)
    await this.call('POST', 'auth/jwt/role/batch', { ...plainRole, token_type: 'batch' })
    await this.call('PUT', 'sys/policies/acl/reader', {
      policy:
        'path "kv/*" { capabilities = ["read"] }\npath "secret/data/*" { capabilities = ["read", "list"] }',
    })
    await this.call('POST', 'sys/mounts/kv', { type: 'kv' })
    await this.call('PUT', 'kv/app/config', secret)
    await this.call('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    await this.call('POST', 'secret/data/app', { data: secret })
    const login = await this.call(
      'POST',
      'auth/jwt/login',
      { role: 'service', jwt: jwts[0] },
      undefined,
    )
    this.token = login.auth.client_token
  }

  stop() {
    return stop(this.child)
  }

  dataBytes() {
    return statSync(join(this.folder, 'data', 'data.mdb')).blocks * 512
  }
}

const secret = {
  username: 'app',
  password: 'x'.repeat(64),
  url: 'postgres://db.bench.test/app',
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

async function main() {
  if (auditOnly) {
    const report = await audits()
    printRows(auditRows(report))
    for (const kind of ['login', 'lookup']) {
      const cpu = report[kind].cpuMicros.map((micros) => micros.toFixed(0)).join(', ')
      console.log(`CPU per ${kind} without, with one, with two, µs: ${cpu}`)
    }
    return
  }
  if (workersOnly) {
    const report = await workerRatios()
    if (asJson) console.log(JSON.stringify(report, undefined, 2))
    else printWorkers(report)
    return
  }
  if (kindsOnly) {
    const report = await loginKinds()
    if (asJson) console.log(JSON.stringify(report, undefined, 2))
    else printRows(kindRows(report))
    return
  }
  if (explainOnly || operationsOnly) {
    if (explainOnly) printRows(explainRows(await explains()))
    if (operationsOnly) printRows(operationRows(await operations()))
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-'))
  const report = {}
  try {
    const product = new Product(folder)
    await product.start()
    await product.prepare()
    if (signInOnly || methodsOnly) {
      await product.stop()
      console.log(await (signInOnly ? signIns() : methods()))
      return
    }
    const bytesOf = async (path, init) =>
      (await (await fetch(`${product.url}${path}`, init)).text()).length
    const token = `X-Vault-Token: ${product.token}\r\n`
    const sizes = {
      loginBytes: await bytesOf('/v1/auth/jwt/login', {
        method: 'POST',
        body: JSON.stringify({ role: 'service', jwt: jwts[1] }),
      }),
      lookupBytes: await bytesOf('/v1/auth/token/lookup-self', {
        headers: { 'X-Vault-Token': product.token },
      }),
      kvBytes: await bytesOf('/v1/kv/app/config', { headers: { 'X-Vault-Token': product.token } }),
    }
    const floorArgument = JSON.stringify({ path: join(folder, 'floor'), jwk, ...sizes })
    const floor = start(process.execPath, [join(here, 'floor.mjs'), floorArgument])
    const floorPort = Number((await firstLine(floor, /^(\d+)\n/))[1])

    const logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
    const batches = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'batch', jwt }))
    const floorLogins = jwts.map((jwt) => post('/login', { role: 'service', jwt }))
    const cases = [
      { name: 'login', floor: (n) => floorLogins[n % 256], product: (n) => logins[n % 256] },
      { name: 'batch', floor: (n) => floorLogins[n % 256], product: (n) => batches[n % 256] },
      {
        name: 'lookup',
        floor: () => get('/lookup'),
        product: () => get('/v1/auth/token/lookup-self', token),
      },
      { name: 'kv', floor: () => get('/kv'), product: () => get('/v1/kv/app/config', token) },
      { name: 'kv2', floor: () => get('/kv'), product: () => get('/v1/secret/data/app', token) },
      {
        name: 'alone',
        connections: 1,
        floor: (n) => floorLogins[n % 256],
        product: (n) => logins[n % 256],
      },
    ]
    const results = Object.fromEntries(cases.map(({ name }) => [name, { floor: [], product: [] }]))
    for (let round = 0; round < rounds; round++) {
      for (const one of cases) {
        const load = { connections: one.connections ?? connections, seconds }
        results[one.name].floor.push(
          await measured(floor.pid, { ...load, port: floorPort, next: one.floor }),
        )
        results[one.name].product.push(
          await measured(product.child.pid, { ...load, port: product.port, next: one.product }),
        )
      }
    }
    await stop(floor)
    for (const { name } of cases) report[name] = summary(results[name])
    report.live = await manyTokens(product, logins)
    await product.stop()
    report.signIn = await signIns()
    report.audit = await audits()
    report.workers = await workerRatios()
    report.methods = await methods()
    report.kinds = await loginKinds()
    report.explain = await explains()
    report.operations = await operations()
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  print(report)
}

/** Without a device, with one and with two. */
function audits() {
  const logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
  return benchAudit({
    product: (folder, settings) => new Product(folder, { settings }),
    loads: (server) => {
      const lookup = get('/v1/auth/token/lookup-self', `X-Vault-Token: ${server.token}\r\n`)
      return { login: (n) => logins[n % 256], lookup: () => lookup }
    },
    measured,
    median,
    rounds,
    seconds,
    connections,
  })
}

/** Two servers of their own, one with two workers. */
async function workerRatios() {
  const folders = ['one', 'two'].map((name) =>
    mkdtempSync(join(tmpdir(), `tokenstile-bench-${name}-`)),
  )
  const [one, two] = folders.map((folder, i) => new Product(folder, { workers: i + 1 }))
  try {
    for (const product of [one, two]) {
      await product.start()
      await product.prepare()
    }
    const report = await benchWorkers({ one, two, jwts, rounds, seconds, median, cpuSeconds })
    await Promise.all([one.stop(), two.stop()])
    return report
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}

function printWorkers({ bad, kinds: byKind }) {
  for (const [name, { ratio, ...of }] of Object.entries(byKind)) {
    const bound = name === 'login' ? 1.15 : 1
    console.log(
      `two workers / one process, ${name}`.padEnd(44),
      `${ratio.toFixed(2).padStart(10)}   ${`>= ${bound}`.padEnd(10)} ${ratio >= bound ? 'ok' : 'SHORT'}`.padEnd(
        32,
      ),
      `${of.onePerSecond.toFixed(0)}/s, ${of.twoPerSecond.toFixed(0)}/s  CPU ${of.oneCpuMicros.toFixed(0)} us, ${of.twoCpuMicros.toFixed(0)} us`,
    )
  }
  console.log(`answers that were not 2xx: ${bad}`)
}

/** On a store of their own, so that what they leave is not counted as tokens. */
async function signIns() {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-people-'))
  const product = new Product(folder)
  try {
    await product.start()
    await product.prepare()
    const tools = { start, stop, firstLine, here, residentMiB, median }
    const report = await benchSignIns({ product, tools, quick, rounds, folder })
    await product.stop()
    return report
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** On a store of their own as well. */
async function loginKinds() {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-kinds-'))
  const product = new Product(folder)
  try {
    await product.start()
    await product.prepare()
    const entities = quick ? 10_000 : 100_000
    const run = { rounds, seconds, connections, median }
    const report = await benchKinds({ product, mint, pem, plainRole, entities, ...run })
    await product.stop()
    return report
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Servers of their own; what is left of them goes when the work is over. */
async function withServers(work) {
  const folders = []
  const product = async (settings) => {
    const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-own-'))
    folders.push(folder)
    const server = new Product(folder, { settings })
    await server.start()
    await server.prepare()
    return server
  }
  try {
    return await work(product)
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}

function explains() {
  const run = { jwts, pem, residentMiB, rounds, seconds, connections, median }
  return withServers((product) => benchExplain({ product, ...run }))
}

function operations() {
  const run = { jwts, tree, rounds, seconds, connections, median, backup: timedBackup }
  const namespaces = quick ? 1000 : 10_000
  return withServers((product) =>
    benchOperations({ product, tokens: liveTokens, namespaces, ...run }),
  )
}

/** On a store of their own as well. */
async function methods() {
  const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-methods-'))
  const product = new Product(folder)
  try {
    await product.start()
    await product.prepare()
    const logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
    const report = await benchMethods({ product, logins, rounds, seconds, connections, median })
    await product.stop()
    return report
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function summary({ floor, product }) {
  const of = (list, pick) => median(list.map(pick))
  return {
    floorPerSecond: of(floor, (r) => r.perSecond),
    perSecond: of(product, (r) => r.perSecond),
    ratio: median(product.map((r, i) => r.perSecond / floor[i].perSecond)),
    p50: of(product, (r) => r.p50),
    p99: of(product, (r) => r.p99),
    tail: of(product, (r) => r.p99 / r.p50),
    cpuMicros: of(product, (r) => r.cpuMicros),
    floorCpuMicros: of(floor, (r) => r.cpuMicros),
    cpuRatio: median(product.map((r, i) => r.cpuMicros / floor[i].cpuMicros)),
    bad: product.reduce((sum, r) => sum + r.bad, 0),
  }
}

/** Logins among few and among many live tokens, side by side on two stores; then size, start and memory. */
async function manyTokens(product, logins) {
  const fewFolder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-few-'))
  const few = new Product(fewFolder)
  try {
    const next = (n) => logins[n % 256]
    const before = product.dataBytes()
    const tokensBefore = (await product.call('GET', 'auth/token/accessors?list=true')).data.keys
      .length
    const missing = Math.max(liveTokens - tokensBefore, 0)
    if (missing > 0)
      await runLoad({ port: product.port, connections, seconds: 300, countMax: missing, next })
    const tokens = (await product.call('GET', 'auth/token/accessors?list=true')).data.keys.length
    const bytesPerToken = product.dataBytes() / tokens
    await product.stop()
    const startMs = await product.start()
    await few.start()
    await few.prepare()
    await runLoad({ port: few.port, connections, seconds: 10, countMax: 1000, next })
    await runLoad({ port: product.port, connections, seconds: 2, next })
    const ratios = []
    const load = { connections, seconds: Math.min(seconds, 2), next }
    for (let round = 0; round < rounds; round++) {
      const many = await measured(product.child.pid, { ...load, port: product.port })
      const little = await measured(few.child.pid, { ...load, port: few.port })
      ratios.push({
        rate: little.perSecond / many.perSecond,
        cpu: many.cpuMicros / little.cpuMicros,
        bad: many.bad + little.bad,
      })
    }
    await few.stop()
    return {
      tokens,
      bytesPerToken,
      grownBytes: product.dataBytes() - before,
      startMs,
      residentMiB: residentMiB(product.child.pid),
      costRatio: median(ratios.map((r) => r.rate)),
      cpuRatio: median(ratios.map((r) => r.cpu)),
      bad: ratios.reduce((sum, r) => sum + r.bad, 0),
    }
  } finally {
    rmSync(fewFolder, { recursive: true, force: true })
  }
}

function printRows(rows) {
  for (const [name, value, sign, bound] of rows) {
    const verdict =
      bound === undefined ? '' : (sign === '>=' ? value >= bound : value <= bound) ? 'ok' : 'SHORT'
    console.log(
      `${name.padEnd(44)} ${value.toFixed(2).padStart(10)}   ${bound === undefined ? '' : `${sign} ${bound}`.padEnd(10)} ${verdict}`,
    )
  }
}

function print(report) {
  if (asJson) {
    console.log(JSON.stringify(report, undefined, 2))
    return
  }
  const rows = [
    ['durable logins / floor', report.login.ratio, '>=', 0.6],
    ['batch logins / floor', report.batch.ratio, '>=', 0.85],
    ['lookup-self / bare answer', report.lookup.ratio, '>=', 0.7],
    ['kv read / bare answer', report.kv.ratio, '>=', 0.62],
    ['kv version 2 read / bare answer', report.kv2.ratio, '>=', 0.58],
    ['durable logins of one connection / floor', report.alone.ratio, '>=', undefined],
    ['login p99 / p50', report.login.tail, '<=', 4],
    ['lookup p99 / p50', report.lookup.tail, '<=', 4],
    ['kv p99 / p50', report.kv.tail, '<=', 4],
    ['kv version 2 p99 / p50', report.kv2.tail, '<=', 4],
    ['CPU per login / floor', report.login.cpuRatio, '<=', 1.75],
    [
      'answers that were not 2xx',
      kinds.reduce((sum, name) => sum + report[name].bad, report.live.bad),
      '<=',
      0,
    ],
    [`login cost at ${report.live.tokens} tokens / at 1,000`, report.live.costRatio, '<=', 1.1],
    ['ready after start, ms', report.live.startMs, '<=', 1000],
    ['resident memory, MiB', report.live.residentMiB, '<=', 250],
    ['disk per token, bytes', report.live.bytesPerToken, '<=', 800],
    ['approle logins / JWT logins', report.methods.approle, '>=', 0.7],
    ['JWT logins under wrong passwords / without', report.methods.flooded, '>=', 0.7],
    ['sign-ins / bare program', report.signIn.ratio, '>=', 0.4],
    ['sign-ins that failed', report.signIn.bad, '<=', 0],
    ['2,000 open sign-ins hold, MiB', report.signIn.openMiB, '<=', 80],
    [`${report.signIn.flooded} starts and unknown states, MiB`, report.signIn.floodMiB, '<=', 20],
    ['the same on disk, MiB', report.signIn.floodDiskMiB, '<=', undefined],
    ['first byte of the sign-in page, ms', report.signIn.pageMs, '<=', 5],
    ['weight of the sign-in page, KiB', report.signIn.pageKiB, '<=', 30],
    ...auditRows(report.audit),
    ...kindRows(report.kinds),
    ...explainRows(report.explain),
    ...operationRows(report.operations),
  ]
  printRows(rows)
  for (const name of kinds) {
    const r = report[name]
    console.log(
      `${name.padEnd(8)} ${r.perSecond.toFixed(0)}/s (floor ${r.floorPerSecond.toFixed(0)}/s)  p50 ${r.p50.toFixed(2)} ms  p99 ${r.p99.toFixed(2)} ms  CPU ${r.cpuMicros.toFixed(0)} us (floor ${r.floorCpuMicros.toFixed(0)} us)`,
    )
  }
  console.log(
    `sign-in  ${report.signIn.perSecond.toFixed(0)}/s (bare ${report.signIn.floorPerSecond.toFixed(0)}/s)  starts under flood ${report.signIn.floodPerSecond.toFixed(0)}/s`,
  )
  printWorkers(report.workers)
  for (const line of besideEarlier('0.1', report, kinds)) console.log(line)
  console.log(
    `medians of ${rounds} alternating rounds of ${seconds} s, ${connections} connections, node ${process.versions.node}`,
  )
}

await main()
