/**
 * Networks in CIDR form (RFC 4632, RFC 4291 §2.3) and single addresses.
 *
 * Addresses are read strictly: no leading zeros, no short or octal forms, no zone. An IPv4 address
 * and its IPv4-mapped IPv6 form (::ffff:a.b.c.d) are one address here, because a dual-stack socket
 * reports the latter.
 */

import { isIPv4, isIPv6 } from 'node:net'

import { BoundedCache } from './bounded-cache.ts'

export interface Cidr {
  /** The text as it was given; host bits may be set, as in 127.0.0.1/8. */
  readonly text: string
  /** The 128 bits as sixteen-bit groups; IPv4 in mapped form. */
  readonly groups: readonly number[]
  /** Leading bits that must agree, counted in 128. */
  readonly prefixBits: number
}

const mappedPrefix: readonly number[] = [0, 0, 0, 0, 0, 0xffff]
const mappedBits = 96

/** An address or a network; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const address = slash === -1 ? text : text.slice(0, slash)
  const groups = parseAddress(address)
  if (groups === undefined) return undefined
  const isShort = isIPv4(address)
  const bitsMax = isShort ? 32 : 128
  let bits = bitsMax
  if (slash !== -1) {
    const length = text.slice(slash + 1)
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return undefined
    bits = Number(length)
    if (bits > bitsMax) return undefined
  }
  return { text, groups, prefixBits: isShort ? bits + mappedBits : bits }
}

/** False also for a text that is no address. */
export function cidrContains(cidr: Cidr, address: string): boolean {
  const groups = parseAddress(address)
  if (groups === undefined) return false
  // An IPv6 network is about IPv6: `::/0` must not let all of IPv4 in.
  if (cidr.prefixBits < mappedBits && sharesPrefix(groups, mappedPrefix, mappedBits)) return false
  return sharesPrefix(cidr.groups, groups, cidr.prefixBits)
}

/** Whether every address of `inner` is one of `outer`. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  const [address = ''] = inner.text.split('/')
  return inner.prefixBits >= outer.prefixBits && cidrContains(outer, address)
}

/**
 * The IPv4 address that an IPv6 address stands for where a translator or a tunnel is on the way;
 * undefined for others. The mapped form is no other address but the same one, and does not come
 * here.
 */
export function carriedAddress(address: string): string | undefined {
  const groups = parseAddress(address)
  const form =
    groups === undefined
      ? undefined
      : carriers.find(({ prefix }) => sharesPrefix(prefix, groups, prefix.length * 16))
  if (groups === undefined || form === undefined) return undefined
  const [high = 0, low = 0] = groups.slice(form.at, form.at + 2)
  // `::1` is this machine itself, and 0.0.0.0/8 is nobody's address.
  if (high >> 8 === 0) return undefined
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

const carriers: readonly { readonly prefix: readonly number[]; readonly at: number }[] = [
  // NAT64: the prefix of everybody (RFC 6052 §2.1) and the one of a network of its own (RFC 8215),
  // both with /96.
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 },
  { prefix: [0x64, 0xff9b, 1], at: 6 },
  // 6to4 (RFC 3056 §2), translated (RFC 2765 §2.1) and compatible (RFC 4291 §2.5.5.1) addresses.
  { prefix: [0x2002], at: 1 },
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 },
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 },
]

export function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined
}

/**
 * The part of an address that stands for one customer where strangers are counted: an IPv4 address
 * as it is, of an IPv6 address the /64, which one household or machine has all of (RFC 6177 §2).
 * A text that is no address, and an unknown one, count as one customer.
 */
export function customerOf(address: string | undefined): string {
  if (address === undefined) return ''
  const known = customers.get(address)
  if (known !== undefined) return known
  const customer = customerIn(address)
  if (address.length <= addressLengthMax) customers.set(address, customer)
  return customer
}

const addressLengthMax = 64
/** An address comes with every request of its connection. */
const customers = new BoundedCache<string, string>(4096)

function customerIn(address: string): string {
  const groups = parseAddress(address)
  if (groups === undefined) return ''
  const isShort = sharesPrefix(groups, mappedPrefix, mappedBits)
  return (isShort ? groups.slice(6) : groups.slice(0, 4)).join(':') + (isShort ? '' : '::')
}

function sharesPrefix(a: readonly number[], b: readonly number[], bits: number): boolean {
  let left = bits
  for (let i = 0; i < 8 && left > 0; i++, left -= 16) {
    const mask = left >= 16 ? 0xffff : (0xffff << (16 - left)) & 0xffff
    if ((((a[i] ?? 0) ^ (b[i] ?? 0)) & mask) !== 0) return false
  }
  return true
}

function parseAddress(text: string): readonly number[] | undefined {
  if (isIPv4(text)) return [...mappedPrefix, ...shortGroups(text)]
  // A zone (fe80::1%eth0) names an interface of one machine and has no place in a rule.
  if (!isIPv6(text) || text.includes('%')) return undefined
  const gap = text.indexOf('::')
  if (gap === -1) return longGroups(text)
  const head = longGroups(text.slice(0, gap))
  const tail = longGroups(text.slice(gap + 2))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0)
  return [...head, ...zeros, ...tail]
}

function shortGroups(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number)
  return [a * 256 + b, c * 256 + d]
}

function longGroups(text: string): number[] {
  if (text === '') return []
  return text
    .split(':')
    .flatMap((group) => (group.includes('.') ? shortGroups(group) : [Number.parseInt(group, 16)]))
}
