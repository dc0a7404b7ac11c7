/**
 * Load over keep-alive sockets on loopback, one request at a time on each. Raw sockets and hand-made requests, because
 * the generator shares the cores with the server and must cost as little as it can. Bounded in time and count.
 */

import { connect } from 'node:net'

/** Sends requests made by `next` until the time is over; gives rates, latencies and everything that was not 2xx. */
export function runLoad({ port, connections, seconds, countMax = Infinity, next }) {
  return new Promise((resolve, reject) => {
    const latencies = []
    const statuses = new Map()
    let sent = 0
    let open = connections
    let failed
    const start = process.hrtime.bigint()
    const endAt = start + BigInt(Math.round(seconds * 1e9))

    const finish = () => {
      if (failed !== undefined) return reject(failed)
      const elapsed = Number(process.hrtime.bigint() - start) / 1e9
      latencies.sort((a, b) => a - b)
      const at = (share) =>
        latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
      const good = [...statuses]
        .filter(([code]) => code >= 200 && code < 300)
        .reduce((sum, [, n]) => sum + n, 0)
      return resolve({
        perSecond: latencies.length / elapsed,
        count: latencies.length,
        p50: at(0.5),
        p99: at(0.99),
        bad: latencies.length - good,
        statuses: Object.fromEntries(statuses),
      })
    }

    for (let i = 0; i < connections; i++) {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      let buffered = ''
      let need = -1
      let began = 0n
      const send = () => {
        const now = process.hrtime.bigint()
        if (now >= endAt || sent >= countMax) {
          socket.end()
          return
        }
        sent++
        began = now
        buffered = ''
        need = -1
        socket.write(next(sent))
      }
      socket.on('connect', send)
      socket.on('data', (chunk) => {
        buffered += chunk.latin1Slice()
        if (need < 0) {
          const head = buffered.indexOf('\r\n\r\n')
          if (head < 0) return
          const length = /\r\ncontent-length: *(\d+)/i.exec(buffered.slice(0, head + 2))
          need = head + 4 + (length === null ? 0 : Number(length[1]))
        }
        if (buffered.length < need) return
        latencies.push(Number(process.hrtime.bigint() - began) / 1e6)
        const status = Number(buffered.slice(9, 12))
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        send()
      })
      socket.on('error', (problem) => {
        failed ??= problem
      })
      socket.on('close', () => {
        if (--open === 0) finish()
      })
    }
  })
}

export function post(path, body, headers = '') {
  const text = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

export function get(path, headers = '') {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`
}
