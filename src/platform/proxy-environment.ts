/**
 * The system's proxy variables: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in upper or lower case, read
 * as Go programs read them: this machine itself is never reached through a proxy. Only `http://`
 * proxies are spoken to.
 */

import { cidrContains, isAddress, parseCidr, type Cidr } from '../lib/cidr.ts'
import { hostOf, portOf } from './outbound-url.ts'

export interface Proxy {
  readonly host: string
  readonly port: number
  /** Value of Proxy-Authorization; empty when the proxy wants none. */
  readonly authorization: string
}

export type ProxyEnvironment = Readonly<Record<string, string | undefined>>

/** Which proxy serves an address; undefined is a direct connection. */
export type ChooseProxy = (url: URL) => Proxy | undefined

interface Exception {
  /** Lower case, with a leading dot when only subdomains match. */
  readonly host: string
  readonly port: string
  readonly network: Cidr | undefined
}

const exceptionsMax = 1000

/**
 * Throws on a proxy address that cannot be used: going direct instead could leak what the proxy
 * should see.
 */
export function readProxyEnvironment(environment: ProxyEnvironment): ChooseProxy {
  const plain = parseProxy(pick(environment, 'HTTP_PROXY'))
  const secure = parseProxy(pick(environment, 'HTTPS_PROXY'))
  if (plain === undefined && secure === undefined) return () => undefined
  const exceptions = pick(environment, 'NO_PROXY')
    .split(/[\s,]+/)
    .filter((text) => text !== '')
    .slice(0, exceptionsMax)
    .map(parseException)
  return (url) => {
    const proxy = url.protocol === 'https:' ? secure : plain
    if (proxy === undefined || isThisMachine(hostOf(url))) return undefined
    return exceptions.some((exception) => matchesException(exception, url)) ? undefined : proxy
  }
}

function pick(environment: ProxyEnvironment, name: string): string {
  // An upper-case HTTP_PROXY may come from a request header where a server runs programs per
  // request; this one never does.
  const upper = environment[name]
  return upper !== undefined && upper !== '' ? upper : (environment[name.toLowerCase()] ?? '')
}

function parseProxy(text: string): Proxy | undefined {
  if (text === '') return undefined
  const proxy = parseProxyAddress(text.includes('://') ? text : `http://${text}`)
  if (proxy === undefined) throw new Error('the proxy variable holds no http:// address')
  return proxy
}

/** `http://host:port`, with credentials or without; undefined for anything else. */
export function parseProxyAddress(text: string): Proxy | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 'http:' || url.hostname === '') return undefined
  const credentials = credentialsOf(url)
  if (credentials === undefined) return undefined
  const authorization =
    credentials === ':' ? '' : `Basic ${Buffer.from(credentials).toString('base64')}`
  return { host: hostOf(url), port: portOf(url), authorization }
}

/** Undefined where an escape is none. */
function credentialsOf({ username, password }: URL): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  } catch {
    return undefined
  }
}

function parseException(text: string): Exception {
  const lower = text.toLowerCase()
  const network = parseCidr(lower)
  if (network !== undefined) return { host: '', port: '', network }
  const match = /^(.*?)(?::([0-9]+))?$/.exec(lower)
  const host = (match?.[1] ?? lower).replace(/^\[|\]$/g, '').replace(/^\*(?=\.)/, '')
  const port = match?.[2] ?? ''
  return { host, port, network: undefined }
}

function matchesException(exception: Exception, url: URL): boolean {
  const host = hostOf(url).replace(/\.$/, '')
  if (exception.network !== undefined) return cidrContains(exception.network, host)
  if (exception.port !== '' && exception.port !== String(portOf(url))) return false
  if (exception.host === '*') return true
  if (exception.host.startsWith('.')) return host.endsWith(exception.host)
  return host === exception.host || (!isAddress(host) && host.endsWith(`.${exception.host}`))
}

function isThisMachine(host: string): boolean {
  const loopback = ['127.0.0.0/8', '::1/128'].map(parseCidr)
  return (
    host === 'localhost' ||
    loopback.some((network) => network !== undefined && cidrContains(network, host))
  )
}
