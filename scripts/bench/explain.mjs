/**
 * What it costs to know why (explain.md): decision records beside a server that keeps none, refused logins beside accepted ones,
 * one explained login, all roles of a mount, a preview over kept logins, readers of the stream, and a scrape.
 */

import { request } from 'node:http'
import { post, runLoad } from './load.mjs'

const rolesMax = 1000
const keptMax = 10_000
const readers = 200
const explainedMax = 25
const pacedSeconds = 5

/** `product(settings)` gives a started and prepared server. */
export async function benchExplain({ product, jwts, pem, residentMiB, ...run }) {
  const { rounds, seconds, connections, median } = run
  const keeps = await product([])
  const forgets = await product(['record_max = 0'])
  const logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
  const next = (n) => logins[n % logins.length]
  const load = (server, asked = next) =>
    runLoad({ port: server.port, connections, seconds, next: asked })
  const report = { bad: 0 }
  const share = async (own, other) => {
    const shares = []
    for (let round = 0; round < rounds; round++) {
      const before = await other()
      const measured = await own()
      const after = await other()
      shares.push((2 * measured.perSecond) / (before.perSecond + after.perSecond))
    }
    return median(shares)
  }
  for (const server of [keeps, forgets]) await load(server)
  report.records = await share(
    () => load(keeps),
    () => load(forgets),
  )

  await keeps.call('POST', 'auth/jwt/role/elsewhere', {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['https://elsewhere.test'],
  })
  const wrong = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'elsewhere', jwt }))
  await load(keeps, (n) => wrong[n % wrong.length])
  report.refused = await share(
    () => load(keeps, (n) => wrong[n % wrong.length]),
    () => load(keeps),
  )

  // Each token may have thirty explained in a minute.
  const timeOf = async (path, body, token) => {
    const begun = performance.now()
    await keeps.call('POST', path, body, token)
    return performance.now() - begun
  }
  const explained = []
  const loggedIn = []
  for (let round = 0; round < rounds; round++) {
    const token = (await keeps.call('POST', 'auth/token/create', { policies: ['root'] })).auth
    for (let i = 0; i < explainedMax; i++) {
      const jwt = jwts[i % jwts.length]
      const asked = { mount: 'jwt', role: 'service', jwt }
      explained.push(await timeOf('sys/explain/login', asked, token.client_token))
      loggedIn.push(await timeOf('auth/jwt/login', { role: 'batch', jwt }))
    }
  }
  report.explainPerLogin = median(explained) / median(loggedIn)

  await keeps.call('POST', 'sys/auth/many', { type: 'jwt' })
  const config = { jwt_validation_pubkeys: [pem], bound_issuer: 'https://issuer.bench.test' }
  await keeps.call('POST', 'auth/many/config', config)
  const role = {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: ['https://tokenstile.test'],
    token_policies: ['reader'],
  }
  for (let i = 0; i < rolesMax; i++) {
    const own = { ...role, bound_claims: { repository: `acme/app-${i}` } }
    await keeps.call('POST', `auth/many/role/r${i}`, own)
  }
  const allRoles = []
  for (let i = 0; i < explainedMax; i++) {
    const asked = { mount: 'many', all_roles: true, jwt: jwts[i % jwts.length] }
    allRoles.push(await timeOf('sys/explain/login', asked))
  }
  report.allRolesMs = median(allRoles)

  // A label for each role: every one of them has refused somebody.
  const ofMany = Array.from({ length: rolesMax }, (_, i) =>
    post('/v1/auth/many/login', { role: `r${i}`, jwt: jwts[0] }),
  )
  const labels = { port: keeps.port, connections, seconds: 60, countMax: 2 * rolesMax }
  await runLoad({ ...labels, next: (n) => ofMany[n % rolesMax] })
  const scrapes = []
  for (let i = 0; i < explainedMax; i++) {
    const begun = performance.now()
    const headers = { 'X-Vault-Token': keeps.root }
    await (await fetch(`${keeps.url}/v1/sys/metrics?format=prometheus`, { headers })).text()
    scrapes.push(performance.now() - begun)
  }
  report.scrapeMs = median(scrapes)

  const filled = { port: keeps.port, connections, seconds: 60, countMax: keptMax }
  report.bad += (await runLoad({ ...filled, next })).bad
  const begun = performance.now()
  const preview = await keeps.call('POST', 'auth/jwt/role/service', {
    ...role,
    bound_claims: { repository_owner: 'acme', environment: 'staging' },
    dry_run: true,
  })
  report.previewMs = performance.now() - begun
  report.replayed = preview.data.replayed

  const before = residentMiB(keeps.child.pid)
  const streams = await Promise.all(
    Array.from({ length: readers }, () => openStream(keeps.port, keeps.root)),
  )
  // As many logins as a large site has; the readers are in this process and read as fast as it can.
  await paced(keeps.port, next)
  report.streamMiB = residentMiB(keeps.child.pid) - before
  report.streamed = Math.min(...streams.map(({ bytes }) => bytes))
  for (const { end } of streams) end()
  await Promise.all([keeps.stop(), forgets.stop()])
  return report
}

/** Two hundred logins a second. */
async function paced(port, next) {
  for (let second = 0; second < pacedSeconds; second++) {
    const begun = performance.now()
    await runLoad({ port, connections: 8, seconds: 1, countMax: 200, next })
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(1000 - performance.now() + begun, 0)),
    )
  }
}

function openStream(port, token) {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        port,
        host: '127.0.0.1',
        path: '/v1/sys/logins/stream',
        headers: { 'X-Vault-Token': token },
      },
      (response) => {
        const stream = { bytes: 0, end: () => asked.destroy() }
        response.on('data', (chunk) => {
          stream.bytes += chunk.length
        })
        response.on('error', () => {})
        if (response.statusCode === 200) resolve(stream)
        else reject(new Error(`sys/logins/stream: ${response.statusCode}`))
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

/** Rows of the table of all figures. */
export function explainRows(of) {
  return [
    ['logins with decision records / without', of.records, '>=', 0.95],
    ['refused logins / accepted', of.refused, '>=', 1],
    ['time of an explained login / of a login', of.explainPerLogin, '<=', 2],
    ['all of 1,000 roles explained, ms', of.allRolesMs, '<=', 50],
    [`preview over ${of.replayed} kept logins, ms`, of.previewMs, '<=', 1000],
    [`${readers} readers of the stream under load, MiB`, of.streamMiB, '<=', 40],
    ['of them the least was sent, bytes', of.streamed, '>=', 1],
    ['a scrape with 1,000 roles, ms', of.scrapeMs, '<=', 20],
    ['of these not 2xx', of.bad, '<=', 0],
  ]
}
