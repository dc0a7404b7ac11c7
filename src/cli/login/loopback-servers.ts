/**
 * Listens on this machine, at every address that a browser may try for a name. `localhost` is
 * 127.0.0.1 and ::1, and a stranger at the other one would be given what was meant for us
 * (RFC 8252 §8.3).
 */

import { createServer, type RequestListener, type Server } from 'node:http'
import { CommandFailure } from '../failure.ts'

export interface LoopbackPlace {
  /** As the person named it. */
  readonly address: string
  readonly port: number
  /** Host of the redirect URI, which is what the browser asks for. */
  readonly callbackHost: string
}

const bothFamilies = ['127.0.0.1', '::1']
/** What a system says about a family that it does not have. */
const absentCodes = ['EADDRNOTAVAIL', 'EAFNOSUPPORT']

/** All servers, or a failure and none. */
export async function listenOnLoopback(
  place: LoopbackPlace,
  serve: RequestListener,
): Promise<readonly Server[]> {
  const servers: Server[] = []
  try {
    for (const address of addressesOf(place)) {
      const server = createServer(serve)
      const code = await problemOfListening(server, address, place.port)
      const isAbsentFamily = address !== place.address && absentCodes.includes(code ?? '')
      if (code === undefined) servers.push(server)
      else if (!isAbsentFamily) throw cannotListen(place, address, code)
    }
    if (servers.length === 0) throw cannotListen(place, place.address, absentCodes[0] ?? '')
    return servers
  } catch (cause) {
    for (const server of servers) server.close()
    throw cause
  }
}

function addressesOf({ address, callbackHost }: LoopbackPlace): readonly string[] {
  const own = isLocalhost(address) ? [] : [address]
  const both = isLocalhost(address) || isLocalhost(callbackHost) ? bothFamilies : []
  return [...new Set([...own, ...both])]
}

/** RFC 6761 §6.3: the names below it as well. */
function isLocalhost(name: string): boolean {
  const lower = name.toLowerCase()
  return lower === 'localhost' || lower.endsWith('.localhost')
}

/** The system's code, or undefined when it listens. */
function problemOfListening(
  server: Server,
  address: string,
  port: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once('error', (cause) => resolve('code' in cause ? String(cause.code) : 'unknown'))
    server.listen(port, address, () => resolve(undefined))
  })
}

function cannotListen({ address, port }: LoopbackPlace, tried: string, code: string): Error {
  const other =
    code === 'EADDRINUSE' && tried !== address
      ? ` Another program has ${tried}, and a browser could hand it the answer of the identity provider.`
      : ''
  return new CommandFailure(
    `Error authenticating: cannot listen on ${address}:${port} (${code}).${other} Use another port: port=8251`,
  )
}
