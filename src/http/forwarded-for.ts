/**
 * Whose request this is: the peer, or what a trusted proxy says in X-Forwarded-For
 * (platform.md §9.7).
 */

import { invalid } from '../framework/refusal.ts'
import { cidrContains, isAddress, parseCidr } from '../lib/cidr.ts'
import type { ForwardedForOptions } from './listener-options.ts'

const mappedGroup = 0xffff

/** One spelling per address: IPv4-mapped IPv6 as IPv4, no zone. */
export function plainAddress(address: string): string {
  if (!address.includes(':')) return address
  const zone = address.indexOf('%')
  const bare = zone === -1 ? address : address.slice(0, zone)
  const groups = parseCidr(bare)?.groups ?? []
  const isMapped = groups[5] === mappedGroup && groups.slice(0, 5).every((group) => group === 0)
  if (!isMapped) return bare
  const high = groups[6] ?? 0
  const low = groups[7] ?? 0
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** The client's address; throws a refusal when the header is not what the listener wants. */
export function requireClientAddress(
  options: ForwardedForOptions,
  peer: string,
  header: string | undefined,
): string {
  // A header without a value says as little as none.
  if (header === undefined || header.trim() === '') {
    if (!options.rejectNotPresent) return peer
    throw invalid('missing x-forwarded-for header and configured to reject when not present')
  }
  // Only a listed proxy is believed, else anybody could pass the address rule of a stolen token.
  if (!options.authorized.some((cidr) => cidrContains(cidr, peer))) {
    if (!options.rejectNotAuthorized) return peer
    throw invalid(
      'client address not authorized for x-forwarded-for and configured to reject connection',
    )
  }
  const chain = header.split(',')
  const at = chain.length - 1 - options.hopSkips
  const entry = chain[at]?.trim()
  if (entry === undefined) {
    throw invalid(
      `malformed x-forwarded-for configuration or request, hops to skip (${options.hopSkips}) would skip before earliest chain link (chain length ${chain.length})`,
    )
  }
  const address = withoutPort(entry)
  if (!isAddress(address)) throw invalid('malformed x-forwarded-for header')
  return plainAddress(address)
}

/** Some proxies write the port too: `192.0.2.1:5678`, `[2001:db8::1]:5678`, `[2001:db8::1]`. */
function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]{1,64})\](?::\d{1,5})?$/.exec(entry)
  if (bracketed !== null) return bracketed[1] ?? entry
  const plain = /^([0-9.]{1,15}):\d{1,5}$/.exec(entry)
  return plain?.[1] ?? entry
}
