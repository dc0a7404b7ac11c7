/**
 * What audit devices cost: three servers side by side, without a device, with one file and with two, under the same load in
 * alternating rounds. A ratio is the share of the rate that is left.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const deviceText = (folder, name) =>
  `audit "file" "${name}" { options { file_path = "${join(folder, `${name}.log`)}" } }`

/** `product(folder, settings)` makes a server that is not started yet; `loads` gives the cases of a started one. */
export async function benchAudit({
  product,
  loads,
  measured,
  median,
  rounds,
  seconds,
  connections,
}) {
  const folders = []
  const servers = []
  try {
    for (const names of [[], ['one'], ['one', 'two']]) {
      const folder = mkdtempSync(join(tmpdir(), 'tokenstile-bench-audit-'))
      folders.push(folder)
      const server = product(
        folder,
        names.map((name) => deviceText(folder, name)),
      )
      await server.start()
      await server.prepare()
      servers.push(server)
    }
    const kinds = Object.keys(loads(servers[0]))
    const results = Object.fromEntries(kinds.map((kind) => [kind, servers.map(() => [])]))
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        for (const [at, server] of servers.entries()) {
          const load = { connections, seconds, port: server.port, next: loads(server)[kind] }
          results[kind][at].push(await measured(server.child.pid, load))
        }
      }
    }
    const share = (kind, at) =>
      median(results[kind][at].map((one, i) => one.perSecond / results[kind][0][i].perSecond))
    const cpu = (kind, at) => median(results[kind][at].map((one) => one.cpuMicros))
    return Object.fromEntries(
      kinds.map((kind) => [
        kind,
        {
          one: share(kind, 1),
          two: share(kind, 2),
          cpuMicros: [0, 1, 2].map((at) => cpu(kind, at)),
          bad: results[kind].flat().reduce((sum, one) => sum + one.bad, 0),
        },
      ]),
    )
  } finally {
    for (const server of servers) await server.stop()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}

/** Rows of the table of all figures. */
export function auditRows({ login, lookup }) {
  return [
    ['logins left with an audit file', login.one, '>=', 0.85],
    ['lookups left with an audit file', lookup.one, '>=', 0.85],
    ['logins left with two audit files', login.two, '>=', 0.75],
    ['lookups left with two audit files', lookup.two, '>=', 0.75],
    ['audited answers that were not 2xx', login.bad + lookup.bad, '<=', 0],
  ]
}
