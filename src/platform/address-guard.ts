/**
 * Networks the server may or may not call. The judgement is made on the very addresses that the socket then connects
 * to, so a name that resolves differently a moment later gains nothing (SEC-NET-12).
 */

import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { cidrContains, type Cidr } from '../lib/cidr.ts'
import { OutboundProblem } from './outbound.ts'

export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>

export interface AddressGuardOptions {
  readonly denyNetworks: readonly Cidr[]
  /** Empty allows every address that is not denied. */
  readonly allowNetworks: readonly Cidr[]
  readonly resolve: ResolveName
}

export class AddressGuard {
  readonly #options: AddressGuardOptions
  /** Name resolution for sockets that leaves only permitted addresses. */
  readonly lookup: LookupFunction

  constructor(options: AddressGuardOptions) {
    this.#options = options
    this.lookup = (hostname, settings, callback) => {
      void this.#answer(hostname, settings.all === true, callback)
    }
  }

  /** True when the operator restricts where calls may go. */
  get isRestricting(): boolean {
    return this.#options.denyNetworks.length > 0 || this.#options.allowNetworks.length > 0
  }

  isAllowed(address: string): boolean {
    const { denyNetworks, allowNetworks } = this.#options
    if (denyNetworks.some((network) => cidrContains(network, address))) return false
    return (
      allowNetworks.length === 0 || allowNetworks.some((network) => cidrContains(network, address))
    )
  }

  /** Refuses a host written as an address: sockets resolve names only. */
  requireAllowedLiteral(host: string): void {
    if (isIP(host) !== 0 && !this.isAllowed(host)) throw refusedAddress()
  }

  async #answer(
    host: string,
    wantsAll: boolean,
    callback: Parameters<LookupFunction>[2],
  ): Promise<void> {
    let found: readonly LookupAddress[]
    try {
      found = await this.resolve(host)
    } catch (problem) {
      callback(problem as NodeJS.ErrnoException, '', 4)
      return
    }
    if (wantsAll) callback(null, [...found])
    else callback(null, found[0]?.address ?? '', found[0]?.family ?? 4)
  }

  /** The permitted addresses of a host; at least one, or it rejects. */
  async resolve(host: string): Promise<readonly LookupAddress[]> {
    const family = isIP(host)
    const found = family === 0 ? await this.#options.resolve(host) : [{ address: host, family }]
    if (found.length === 0) throw new OutboundProblem('connect', 'the host name has no address')
    const allowed = found.filter((entry) => this.isAllowed(entry.address))
    if (allowed.length === 0) throw refusedAddress()
    return allowed
  }
}

export const resolveBySystem: ResolveName = (name) =>
  new Promise((resolve, reject) => {
    systemLookup(name, { all: true }, (problem, found) => {
      if (problem === null) resolve(found)
      else reject(problem)
    })
  })

function refusedAddress(): OutboundProblem {
  return new OutboundProblem(
    'address_refused',
    'the address lies in a network that this server must not call',
  )
}
