/**
 * What strangers leave behind: starts of sign-ins, answers to them and junk forms, each as large as it may be and written in
 * the characters that take the most room, against a server of its own. Prints by how much data folder and memory grew.
 *
 *     node scripts/flood.mjs [count of each] [addresses they come from]
 *
 * Not part of `npm test`: a hundred thousand of each take minutes. Bounded in count and time; loopback only.
 */

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const count = Math.min(Number(process.argv[2] ?? 100_000), 1_000_000)
const addresses = Math.min(Number(process.argv[3] ?? 1), 100)
const parallel = 32
const secondsMax = 1800
const restMs = 20_000
const redirectUri = 'http://localhost:8250/oidc/callback'

const folder = mkdtempSync(join(tmpdir(), 'tokenstile-flood-'))
const data = join(folder, 'data')
const children = []
const startedAt = performance.now()

function start(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  child.stdout.setEncoding('utf8')
  return child
}

function lineOf(child, pattern) {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      if (text.length > 100_000) return
      text += chunk
      const found = pattern.exec(text)
      if (found !== null) resolve(found[1])
    })
    child.once('exit', () => reject(new Error('a program ended early')))
  })
}

const agents = Array.from(
  { length: addresses },
  (_, i) => new Agent({ keepAlive: true, maxSockets: parallel, localAddress: `127.0.0.${i + 1}` }),
)
let port = 0

function call(method, path, { body, type = 'application/json', token, turn = 0 } = {}) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type }
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(body)
    if (token !== undefined) headers['x-vault-token'] = token
    const agent = agents[turn % addresses]
    const request = httpRequest(
      { host: '127.0.0.1', port, method, path, agent, headers },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, text }))
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

async function must(path, body, token) {
  const { status, text } = await call('POST', `/v1/${path}`, { body: JSON.stringify(body), token })
  if (status >= 300) throw new Error(`${path}: ${status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

const mebi = 1_048_576

function grown(pid) {
  const disk = readdirSync(data).reduce((sum, name) => sum + statSync(join(data, name)).size, 0)
  // Its own memory: the pages of the data file that are mapped come and go with the kernel's wishes.
  const resident = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { diskMiB: disk / mebi, memoryMiB: Number(resident?.[1] ?? 0) / 1024 }
}

/** The work so often, so many at a time; gives how often each status came. */
async function flood(name, times, work) {
  const statuses = new Map()
  const began = performance.now()
  let next = 0
  const one = async () => {
    while (next < times && performance.now() - startedAt < secondsMax * 1000) {
      const { status } = await work(next++)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: parallel }, one))
  const perSecond = Math.round(next / ((performance.now() - began) / 1000))
  console.log(`${name}: ${JSON.stringify(Object.fromEntries(statuses))}, ${perSecond} a second`)
}

const form = (fields) => ({
  body: new URLSearchParams(fields).toString(),
  type: 'application/x-www-form-urlencoded',
})

async function main() {
  const idp = start([join(root, 'scripts', 'bench', 'idp.mjs')])
  const issuer = `http://127.0.0.1:${await lineOf(idp, /^(\d+)\n/)}`
  writeFileSync(join(folder, 'seal.key'), Buffer.alloc(32, 7), { mode: 0o600 })
  writeFileSync(
    join(folder, 'server.hcl'),
    `storage "lmdb" { path = "${data}" }
listener "tcp" {
  address = "127.0.0.1:0"
  tls_disable = true
}
seal "static" { key_file = "${join(folder, 'seal.key')}" }
ui = true
log_file = "${join(folder, 'server.log')}"
`,
  )
  const server = start([
    join(root, 'bin', 'tokenstile.js'),
    'server',
    `-config=${join(folder, 'server.hcl')}`,
  ])
  port = Number(await lineOf(server, /http:\/\/127\.0\.0\.1:(\d+)/))
  const init = await must('sys/init', { recovery_shares: 1, recovery_threshold: 1 })
  const token = init.root_token
  await must('sys/auth/oidc', { type: 'oidc' }, token)
  const config = {
    oidc_discovery_url: issuer,
    oidc_client_id: 'bench',
    oidc_client_secret: 'bench-secret',
    oidc_response_mode: 'form_post',
  }
  await must('auth/oidc/config', config, token)
  const role = { user_claim: 'sub', token_policies: ['p'], allowed_redirect_uris: [redirectUri] }
  await must('auth/oidc/role/people', role, token)

  /** Begun and not yet answered: each takes one answer. */
  const states = []
  const begin = async (turn) => {
    // As many characters as may be of the kind that takes six bytes in a record.
    const body = JSON.stringify({
      role: 'people',
      redirect_uri: redirectUri,
      client_nonce: '\u0001'.repeat(85),
    })
    const answer = await call('POST', '/v1/auth/oidc/oidc/auth_url', { body, turn })
    const url = answer.status === 200 ? JSON.parse(answer.text).data.auth_url : ''
    if (url !== '') states.push(new URL(url).searchParams.get('state'))
    return answer
  }
  const answerOne = (character) => async (turn) =>
    call('POST', '/v1/auth/oidc/oidc/callback', {
      ...form({
        state: states.pop() ?? '',
        code: character.repeat(4096),
        iss: character.repeat(2048),
      }),
      turn,
    })
  const junk = async (turn) =>
    turn % 2 === 0
      ? call('POST', '/v1/auth/oidc/oidc/callback', {
          ...form({ state: `st_${turn}`, id_token: 'x'.repeat(8192), error_description: 'x' }),
          turn,
        })
      : call('POST', '/ui/login/jwt', {
          ...form({ mount: 'jwt', role: 'x'.repeat(512), jwt: `${turn}`.repeat(1000) }),
          turn,
        })

  // Caches, the young generation and the ceilings are full before anything is counted.
  const warm = Math.min(count, 2000)
  await flood('warm starts', warm, begin)
  await flood('warm answers', warm, answerOne('x'))
  await flood('warm forms', warm, junk)
  const before = grown(server.pid)
  // In rounds: an answer counts while its sign-in is open, and the oldest of those go.
  const rounds = 10
  for (let round = 0; round < rounds; round++) {
    const share = Math.ceil(count / rounds)
    await flood('starts', share, begin)
    await flood('answers', share, answerOne('x'))
    await flood('answers beyond what is taken', Math.ceil(share / 10), answerOne('\u0001'))
    await flood('junk forms', share, junk)
    tell('grown', before, grown(server.pid))
  }
  // What is garbage and not yet collected is nobody's growth.
  await new Promise((resolve) => setTimeout(resolve, restMs))
  tell('grown, at rest', before, grown(server.pid))
}

function tell(what, before, now) {
  const disk = (now.diskMiB - before.diskMiB).toFixed(1)
  const memory = (now.memoryMiB - before.memoryMiB).toFixed(1)
  console.log(`${what}: ${disk} MiB of disk, ${memory} MiB of memory`)
}

function end() {
  for (const child of children) child.kill()
  for (const agent of agents) agent.destroy()
  rmSync(folder, { recursive: true, force: true })
}

process.once('SIGTERM', () => {
  end()
  process.exit(2)
})
try {
  await main()
} finally {
  end()
}
