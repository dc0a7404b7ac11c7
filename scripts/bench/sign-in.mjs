/**
 * Sign-ins with OpenID Connect against a provider on loopback: how many, beside a bare program that does the same; what open ones hold; and what a
 * flood of starts and of unknown states leaves behind.
 */

import { Agent, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { get, post, runLoad } from './load.mjs'

const redirectUri = 'https://app.bench.test/callback'
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

function call(port, method, path, body) {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent,
        headers: body === undefined ? {} : { 'content-length': Buffer.byteLength(body) },
      },
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

const startBody = JSON.stringify({ role: 'people', redirect_uri: redirectUri })

/** One whole sign-in; the person's yes at the provider costs nothing here. */
async function signIn(target) {
  const begun = await call(target.port, 'POST', target.start, startBody)
  const query = new URL(JSON.parse(begun.text).data.auth_url).searchParams
  const code = `${query.get('nonce')}.${query.get('code_challenge')}`
  const back = `${target.callback}?state=${query.get('state')}&code=${code}`
  const done = await call(target.port, 'GET', back)
  return { isGood: done.status === 200, bytes: done.text.length }
}

async function rate(target, { seconds, parallel }) {
  const endAt = performance.now() + seconds * 1000
  const start = performance.now()
  let count = 0
  let bad = 0
  const one = async () => {
    while (performance.now() < endAt) {
      const { isGood } = await signIn(target)
      if (isGood) count++
      else bad++
    }
  }
  await Promise.all(Array.from({ length: parallel }, one))
  return { perSecond: (count * 1000) / (performance.now() - start), bad }
}

export async function benchSignIns({ product, tools, quick, rounds, folder }) {
  const { start, stop, firstLine, here, residentMiB, median } = tools
  const idp = start(process.execPath, [join(here, 'idp.mjs')])
  const idpPort = Number((await firstLine(idp, /^(\d+)\n/))[1])
  await product.call('POST', 'sys/auth/oidc', { type: 'oidc' })
  await product.call('POST', 'auth/oidc/config', {
    oidc_discovery_url: `http://127.0.0.1:${idpPort}`,
    oidc_client_id: 'bench',
    oidc_client_secret: 'bench-secret',
  })
  await product.call('POST', 'auth/oidc/role/people', {
    user_claim: 'sub',
    groups_claim: 'groups',
    allowed_redirect_uris: [redirectUri],
    token_policies: ['reader'],
    token_ttl: '1h',
  })
  const own = {
    port: product.port,
    start: '/v1/auth/oidc/oidc/auth_url',
    callback: '/v1/auth/oidc/oidc/callback',
  }
  const { bytes } = await signIn(own)
  const floorArgument = { path: join(folder, 'sign-in-floor'), idpPort, answerBytes: bytes }
  const floor = start(process.execPath, [
    join(here, 'sign-in-floor.mjs'),
    JSON.stringify(floorArgument),
  ])
  const floorPort = Number((await firstLine(floor, /^(\d+)\n/))[1])
  const bare = { port: floorPort, start: '/start', callback: '/callback' }
  const load = { seconds: quick ? 2 : 4, parallel: 16 }
  const results = []
  for (let round = 0; round < rounds; round++) {
    results.push({ floor: await rate(bare, load), product: await rate(own, load) })
  }
  await stop(floor)
  const report = {
    perSecond: median(results.map((r) => r.product.perSecond)),
    floorPerSecond: median(results.map((r) => r.floor.perSecond)),
    ratio: median(results.map((r) => r.product.perSecond / r.floor.perSecond)),
    bad: results.reduce((sum, r) => sum + r.product.bad, 0),
    ...(await signInPage(product.port, median)),
    ...(await openSignIns(product, own, residentMiB)),
    ...(await flood(product, residentMiB, quick ? 10_000 : 100_000)),
  }
  await stop(idp)
  agent.destroy()
  return report
}

/** One visitor at a time, as a person is. */
async function signInPage(port, median) {
  const times = []
  let bytes = 0
  for (let i = 0; i < 200; i++) {
    const began = performance.now()
    const page = await call(port, 'GET', '/ui/login')
    times.push(performance.now() - began)
    bytes = Buffer.byteLength(page.text)
    if (page.status !== 200) throw new Error(`the sign-in page answered ${page.status}`)
  }
  return { pageMs: median(times), pageKiB: bytes / 1024 }
}

/** What 2,000 sign-ins hold that were begun and not finished. */
async function openSignIns(product, target, residentMiB) {
  const before = residentMiB(product.child.pid)
  const begin = post(target.start, { role: 'people', redirect_uri: redirectUri })
  await runLoad({
    port: target.port,
    connections: 64,
    seconds: 60,
    countMax: 2000,
    next: () => begin,
  })
  return { openMiB: residentMiB(product.child.pid) - before }
}

/** Starts that nobody finishes, and answers to sign-ins that nobody began. */
async function flood(product, residentMiB, countMax) {
  const begin = post('/v1/auth/oidc/oidc/auth_url', { role: 'people', redirect_uri: redirectUri })
  const load = { port: product.port, connections: 64, seconds: 240, countMax: countMax / 2 }
  // The first half warms what is bounded: caches, the young generation, the ceiling of one address.
  await runLoad({ ...load, next: () => begin })
  const unknown = (n) => get(`/v1/auth/oidc/oidc/callback?state=st_${n}&code=x`)
  await runLoad({ ...load, next: unknown })
  const before = { memory: residentMiB(product.child.pid), disk: product.dataBytes() }
  const started = await runLoad({ ...load, countMax, next: () => begin })
  await runLoad({ ...load, countMax, next: unknown })
  return {
    flooded: countMax,
    floodPerSecond: started.perSecond,
    floodMiB: residentMiB(product.child.pid) - before.memory,
    floodDiskMiB: (product.dataBytes() - before.disk) / 1_048_576,
  }
}
