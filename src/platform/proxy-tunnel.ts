/** A connection through a proxy, by CONNECT (RFC 9110 §9.3.6). */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Proxy } from './proxy-environment.ts'

/** The proxy answered, and refused. */
export class TunnelProblem extends Error {}

export interface TunnelOptions {
  readonly host: string
  readonly port: number
  readonly signal?: AbortSignal | undefined
}

export function openTunnel(proxy: Proxy, { host, port, signal }: TunnelOptions): Promise<Duplex> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    const call = httpRequest({
      method: 'CONNECT',
      host: proxy.host,
      port: proxy.port,
      path: authority,
      headers: { host: authority, ...proxyHeaders(proxy) },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    })
    call.once('connect', (response: IncomingMessage, socket: Duplex) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      return reject(new TunnelProblem(`the proxy answered ${response.statusCode}`))
    })
    call.once('response', (response) => {
      response.destroy()
      reject(new TunnelProblem(`the proxy answered ${response.statusCode}`))
    })
    call.on('error', reject)
    call.end()
  })
}

/** What the proxy itself wants to see, in a CONNECT and in a plain request alike. */
export function proxyHeaders({ authorization }: Proxy): Record<string, string> {
  return authorization === '' ? {} : { 'proxy-authorization': authorization }
}
