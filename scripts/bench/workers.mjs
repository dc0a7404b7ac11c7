/**
 * Two workers against one process, alternating in one run: how many times as many requests of each kind are answered. The
 * load generator has the same cores, so two workers share two cores with it.
 */

import { readFileSync } from 'node:fs'
import { get, post, runLoad } from './load.mjs'

const connections = 64

/** `one` and `two` are started and prepared products of one and of two workers; gives the ratio of each kind. */
export async function benchWorkers({ one, two, jwts, rounds, seconds, median, cpuSeconds }) {
  const kinds = {
    login: (product) => (n) => product.logins[n % jwts.length],
    batch: (product) => (n) => product.batches[n % jwts.length],
    lookup: (product) => () => get('/v1/auth/token/lookup-self', product.header),
    kv: (product) => () => get('/v1/kv/app/config', product.header),
    kv2: (product) => () => get('/v1/secret/data/app', product.header),
    health: () => () => get('/v1/sys/health'),
    alone: (product) => (n) => product.logins[n % jwts.length],
  }
  for (const product of [one, two]) {
    product.header = `X-Vault-Token: ${product.token}\r\n`
    product.logins = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'service', jwt }))
    product.batches = jwts.map((jwt) => post('/v1/auth/jwt/login', { role: 'batch', jwt }))
  }
  const report = { bad: 0, kinds: {} }
  for (const [name, requests] of Object.entries(kinds)) {
    const load = { connections: name === 'alone' ? 1 : connections, seconds }
    const ratios = []
    const rates = []
    const cpus = []
    for (let round = 0; round <= rounds; round++) {
      const measure = async (product) => {
        const pids = processesOf(product)
        const cpu = () => pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? NaN), 0)
        const before = cpu()
        const result = await runLoad({ ...load, port: product.port, next: requests(product) })
        return { ...result, cpuMicros: ((cpu() - before) * 1e6) / result.count }
      }
      const ofOne = await measure(one)
      const ofTwo = await measure(two)
      report.bad += ofOne.bad + ofTwo.bad
      // The first round warms both up.
      if (round === 0) continue
      ratios.push(ofTwo.perSecond / ofOne.perSecond)
      rates.push({ one: ofOne.perSecond, two: ofTwo.perSecond })
      cpus.push({ one: ofOne.cpuMicros, two: ofTwo.cpuMicros })
    }
    report.kinds[name] = {
      ratio: median(ratios),
      onePerSecond: median(rates.map((rate) => rate.one)),
      twoPerSecond: median(rates.map((rate) => rate.two)),
      oneCpuMicros: median(cpus.map((cpu) => cpu.one)),
      twoCpuMicros: median(cpus.map((cpu) => cpu.two)),
    }
  }
  return report
}

/** The server and its workers. */
function processesOf({ child: { pid } }) {
  try {
    const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ')
    return [pid, ...workers.filter((text) => text !== '').map(Number)]
  } catch {
    return [pid]
  }
}
