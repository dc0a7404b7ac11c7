/**
 * What a person waits for: `version` and `status` beside a Node that does nothing, in turns, so that a busy machine slows all
 * alike; and the sign-in page, its size and its first byte.
 */

import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/tokenstile.js', import.meta.url))
const rounds = 25
const visits = 100
const home = mkdtempSync(join(tmpdir(), 'tokenstile-bench-cli-'))
const port = await freePort()
const env = { PATH: process.env.PATH, HOME: home, VAULT_ADDR: `http://127.0.0.1:${port}` }
const settings = join(home, 'server.hcl')
const key = join(home, 'seal.key')
writeFileSync(key, randomBytes(32), { mode: 0o600 })
writeFileSync(
  settings,
  `storage "inmem" {}
listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_disable = true
}
seal "static" { key_file = "${key}" }
ui = true
`,
)
const words = ['server', `-config=${settings}`]
const server = spawn(process.execPath, [program, ...words], { env, stdio: 'ignore' })
const ended = new Promise((resolve) => server.once('exit', resolve))

try {
  await opened()
  const kinds = { nothing: ['-e', '0'], version: [program, 'version'], status: [program, 'status'] }
  // Once before it counts: the compile cache of this home is empty.
  for (const args of Object.values(kinds)) took(args)
  const times = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, args] of Object.entries(kinds)) times[name].push(took(args))
  }
  const nothing = median(times.nothing)
  const pages = []
  for (let visit = 0; visit < visits; visit++) pages.push(await signInPage())
  const rows = [
    ['version / node -e 0', median(times.version) / nothing, 2],
    ['status / node -e 0', median(times.status) / nothing, 2.5],
    ['sign-in page, kB gzip', gzipSync(pages[0].body).length / 1000, 12],
    ['sign-in page, first byte, ms', median(pages.map(({ firstMs }) => firstMs)), 5],
  ]
  for (const [name, value, atMost] of rows) {
    const mark = value <= atMost ? '✔' : '✗'
    console.log(`${mark} ${name.padEnd(32)} ${value.toFixed(2).padStart(6)}   asked: <= ${atMost}`)
    if (value > atMost) process.exitCode = 1
  }
} finally {
  server.kill('SIGTERM')
  await ended
  rmSync(home, { recursive: true, force: true })
}

function took(args) {
  const begun = performance.now()
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
  return performance.now() - begun
}

function signInPage() {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    const asked = request(
      { host: '127.0.0.1', port, path: '/ui/login', agent: false },
      (answer) => {
        const firstMs = performance.now() - begun
        const chunks = []
        answer.on('data', (chunk) => chunks.push(chunk))
        answer.on('end', () => {
          if (answer.statusCode !== 200) reject(new Error(`/ui/login answers ${answer.statusCode}`))
          resolve({ firstMs, body: Buffer.concat(chunks) })
        })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

async function opened() {
  const body = JSON.stringify({ recovery_shares: 1, recovery_threshold: 1 })
  for (let attempt = 0; attempt < 100; attempt++) {
    const url = `http://127.0.0.1:${port}/v1/sys/init`
    const answer = await fetch(url, { method: 'PUT', body }).catch(() => undefined)
    if (answer?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the server did not open')
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address()
      probe.close(() => resolve(free))
    })
  })
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}
