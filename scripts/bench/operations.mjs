/**
 * What operators and wrapped answers cost: wrapping beside a write, an audit device that hangs, ten thousand namespaces, and a
 * backup while logins go on.
 */

import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { post, runLoad } from './load.mjs'

const wrappedMax = 4000
const boundMs = 1000
const hangingSeconds = 5
/** For the namespaces and for the tokens: what is measured says how many there were. */
const makingSecondsMax = 600

/** `product(settings)` gives a started and prepared server; `tokens` and `namespaces` are how many to make. */
export async function benchOperations({ product, jwts, tokens, namespaces, tree, ...run }) {
  const { rounds, seconds, connections, median } = run
  const logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
  const next = (n) => logins[n % logins.length]
  const report = { namespaces, tokens, bad: 0 }

  const server = await product([])
  const own = `X-Vault-Token: ${server.root}\r\n`
  const load = (asked, more = {}) =>
    runLoad({ port: server.port, connections, seconds, next: asked, ...more })
  const write = post('/v1/kv/bench', { username: 'app', password: 'x'.repeat(64) }, own)
  const wrap = post(
    '/v1/sys/wrapping/wrap',
    { username: 'app', password: 'x'.repeat(64) },
    `${own}X-Vault-Wrap-TTL: 600\r\n`,
  )
  const shares = { wrap: [], unwrap: [] }
  await load(() => write)
  for (let round = 0; round < rounds; round++) {
    const before = await load(() => write)
    const wrapping = await load(() => wrap)
    const unwrapping = await unwrapAll(server, load)
    const after = await load(() => write)
    const both = (before.perSecond + after.perSecond) / 2
    shares.wrap.push(wrapping.perSecond / both)
    shares.unwrap.push(unwrapping.perSecond / both)
    report.bad += wrapping.bad + unwrapping.bad
  }
  report.wrap = median(shares.wrap)
  report.unwrap = median(shares.unwrap)

  report.hangMs = await slowestBesideHanging({ product, next, connections })

  await load(next)
  const few = await load(next)
  const makes = Array.from({ length: namespaces }, (_, i) =>
    post(`/v1/sys/namespaces/n${i}`, {}, own),
  )
  const made = await load((n) => makes[n - 1], { seconds: makingSecondsMax, countMax: namespaces })
  report.namespaces = made.count
  report.bad += made.bad
  await load(next)
  const many = await load(next)
  report.crowd = few.perSecond / many.perSecond
  await server.stop()
  report.startMs = await server.start()
  await server.stop()

  const full = await product([])
  const filling = {
    port: full.port,
    connections,
    seconds: makingSecondsMax,
    countMax: tokens,
    next,
  }
  const filled = await runLoad(filling)
  report.tokens = filled.count
  report.bad += filled.bad
  const alone = await runLoad({ port: full.port, connections, seconds, next })
  let backupMs
  const backup = run.backup(full, join(full.folder, 'bench.backup'), tree)
  const backed = backup.then((ms) => {
    backupMs = ms
  })
  const beside = await runLoad({ port: full.port, connections, seconds, next })
  await backed
  report.backupMs = backupMs
  report.besideBackup = beside.perSecond / alone.perSecond
  report.bad += beside.bad
  await full.stop()
  return report
}

/** Each of them works once. */
async function unwrapAll(server, load) {
  const texts = []
  const makeOne = async () => {
    const answer = await fetch(`${server.url}/v1/sys/wrapping/wrap`, {
      method: 'POST',
      headers: { 'X-Vault-Token': server.root, 'X-Vault-Wrap-TTL': '600' },
      body: '{"username":"app"}',
    })
    texts.push((await answer.json()).wrap_info.token)
  }
  while (texts.length < wrappedMax) await Promise.all(Array.from({ length: 64 }, makeOne))
  const unwraps = texts.map((text) =>
    post('/v1/sys/wrapping/unwrap', {}, `X-Vault-Token: ${text}\r\n`),
  )
  return load((n) => unwraps[n - 1], { countMax: unwraps.length })
}

/** The slowest login beside a device that takes everything and says nothing, and one that works. */
async function slowestBesideHanging({ product, next, connections }) {
  const hanging = createServer(() => {})
  await new Promise((resolve) => hanging.listen(0, '127.0.0.1', resolve))
  const { port } = hanging.address()
  try {
    const server = await product([
      'audit "file" "works" { options { file_path = "discard" } }',
      `audit "http" "hangs" { options { uri = "http://127.0.0.1:${port}/"  write_timeout = "${boundMs}ms" } }`,
    ])
    const { p99 } = await runLoad({ port: server.port, connections, seconds: hangingSeconds, next })
    await server.stop()
    return p99
  } finally {
    hanging.closeAllConnections()
    hanging.close()
  }
}

/** Milliseconds that `operator backup` takes. */
export function timedBackup(server, file, tree) {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const args = [join(tree, 'bin', 'tokenstile.js'), 'operator', 'backup', file]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, TOKENSTILE_ADDR: server.url, TOKENSTILE_TOKEN: server.root },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.on('exit', (code) =>
      code === 0
        ? resolve(performance.now() - begun)
        : reject(new Error(`backup ended with ${code}`)),
    )
  })
}

/** Rows of the table of all figures. */
export function operationRows({ namespaces, tokens, ...of }) {
  return [
    ['wrapping / kv write', of.wrap, '>=', 0.6],
    ['unwrapping / kv write', of.unwrap, '>=', 0.6],
    [`p99 of logins beside a hanging device, ms`, of.hangMs, '<=', boundMs * 1.2],
    [`login cost beside ${namespaces} namespaces`, of.crowd, '<=', 1.1],
    [`ready after start with them, ms`, of.startMs, '<=', 1000],
    [`backup of ${tokens} tokens, ms`, of.backupMs, '<=', 3000],
    ['logins left beside it', of.besideBackup, '>=', 0.8],
    ['of these not 2xx', of.bad, '<=', 0],
  ]
}
