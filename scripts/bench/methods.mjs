/**
 * The other methods beside JWT logins, alternating in one run: logins by a secret id, and JWT logins while strangers send 200 wrong
 * passwords a second from thirty addresses.
 */

import { spawn } from 'node:child_process'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { post, runLoad } from './load.mjs'

const wrongPerSecond = 200
const tickMs = 50
const strangers = 30

export async function benchMethods({ product, logins, rounds, seconds, connections, median }) {
  for (const type of ['approle', 'userpass']) {
    await product.call('POST', `sys/auth/${type}`, { type })
  }
  await product.call('POST', 'auth/approle/role/app', {
    token_policies: ['reader'],
    token_ttl: '1h',
  })
  const { role_id } = (await product.call('GET', 'auth/approle/role/app/role-id')).data
  const { secret_id } = (await product.call('POST', 'auth/approle/role/app/secret-id', {})).data
  const bySecretId = post('/v1/auth/approle/login', { role_id, secret_id })
  const load = { port: product.port, connections, seconds }
  const jwtLoad = () => runLoad({ ...load, next: (n) => logins[n % logins.length] })

  const results = []
  for (let round = 0; round < rounds; round++) {
    const before = await jwtLoad()
    const approle = await runLoad({ ...load, next: () => bySecretId })
    const between = await jwtLoad()
    const stop = startFlood(product.port)
    const flooded = await jwtLoad()
    const answered = await stop()
    const after = await jwtLoad()
    results.push({
      approle: (2 * approle.perSecond) / (before.perSecond + between.perSecond),
      flooded: (2 * flooded.perSecond) / (between.perSecond + after.perSecond),
      approlePerSecond: approle.perSecond,
      floodedPerSecond: flooded.perSecond,
      wrongPerSecond: answered / seconds,
      bad: approle.bad + flooded.bad,
    })
  }
  return Object.fromEntries(
    Object.keys(results[0]).map((name) => [name, median(results.map((one) => one[name]))]),
  )
}

/** In a process of its own: what the load generator has to do must stay the same. Gives what ends it. */
function startFlood(port) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return async () => {
    child.stdin.end()
    let answered = ''
    for await (const text of child.stdout) answered += text
    return Number(answered)
  }
}

/** Tells at the end of its input how many wrong passwords were answered; those that still wait are cut off. */
function flood(port) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1024 })
  let answered = 0
  let sent = 0
  const send = () => {
    const body = JSON.stringify({ password: 'wrong' })
    const options = {
      host: '127.0.0.1',
      port,
      agent,
      method: 'POST',
      path: `/v1/auth/userpass/login/stranger${sent}`,
      localAddress: `127.0.1.${1 + (sent++ % strangers)}`,
      headers: { 'Content-Length': Buffer.byteLength(body) },
    }
    const asked = request(options, (response) => {
      response.resume()
      answered++
    })
    asked.on('error', () => {})
    asked.end(body)
  }
  setInterval(() => {
    for (let i = 0; i < (wrongPerSecond * tickMs) / 1000; i++) send()
  }, tickMs)
  process.stdin.resume().on('end', () => {
    console.log(answered)
    process.exit()
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) flood(Number(process.argv[2]))
