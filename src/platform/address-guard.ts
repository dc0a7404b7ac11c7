/**
 * Networks the server may or may not call. The judgement is made on the very addresses that the
 * socket then connects to, so a name that resolves differently a moment later gains nothing
 * (SEC-NET-12).
 */

import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { carriedAddress, cidrContains, parseCidr, type Cidr } from '../lib/cidr.ts'
import { OutboundProblem } from './outbound.ts'

export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>

export interface AddressGuardOptions {
  /** Calls networks too that nobody but the machine itself should: see `neverCalled`. */
  readonly insecureAllowLinkLocal: boolean
  readonly denyNetworks: readonly Cidr[]
  /** Empty allows every address that is not denied. */
  readonly allowNetworks: readonly Cidr[]
  readonly resolve: ResolveName
}

/**
 * Refused unless the operator says otherwise. No identity provider lives there, and what does hands
 * the credentials of the machine to whoever makes the server ask.
 */
const neverCalled = [
  // Link-local (RFC 3927, RFC 4291 §2.5.6): 169.254.169.254 is the metadata service of most clouds.
  '169.254.0.0/16',
  'fe80::/10',
  // Metadata services elsewhere: Amazon and Google over IPv6, Alibaba, Oracle, and the host of an
  // Azure machine.
  'fd00:ec2::/32',
  'fd20:ce::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
].flatMap((text) => parseCidr(text) ?? [])

/**
 * No address of anybody (RFC 1122 §3.2.1.3, RFC 4291 §2.5.2); systems take it for this machine,
 * past a rule on loopback.
 */
const noAddress = ['0.0.0.0/8', '::/128'].flatMap((text) => parseCidr(text) ?? [])

export class AddressGuard {
  readonly #options: AddressGuardOptions
  readonly #denied: readonly Cidr[]
  /** Name resolution for sockets that leaves only permitted addresses. */
  readonly lookup: LookupFunction

  constructor(options: AddressGuardOptions) {
    this.#options = options
    const builtIn = options.insecureAllowLinkLocal ? [] : neverCalled
    this.#denied = [...options.denyNetworks, ...noAddress, ...builtIn]
    this.lookup = (hostname, settings, callback) => {
      void this.#answer(hostname, settings.all === true, callback)
    }
  }

  /** True when the operator restricts where calls may go. */
  get isRestricting(): boolean {
    return this.#options.denyNetworks.length > 0 || this.#options.allowNetworks.length > 0
  }

  isAllowed(address: string): boolean {
    const { allowNetworks } = this.#options
    if (this.#isDenied(address)) return false
    // Written so, it may still arrive at the machine that is denied; it is never allowed for that
    // reason.
    const carried = carriedAddress(address)
    if (carried !== undefined && this.#isDenied(carried)) return false
    return (
      allowNetworks.length === 0 || allowNetworks.some((network) => cidrContains(network, address))
    )
  }

  #isDenied(address: string): boolean {
    return this.#denied.some((network) => cidrContains(network, address))
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
