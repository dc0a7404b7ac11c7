/**
 * Request headers that change how a request is carried out (platform.md §1.6). All others are
 * passed on or ignored.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

import { invalid, Refusal } from '../framework/refusal.ts'
import { parseDurationSeconds } from '../lib/duration.ts'
import { isInlineAuth } from './inline-auth.ts'

const headerLinesMax = 200

/**
 * Headers that have one value. Of two, one reader takes the first and another the last or both
 * joined, so they are refused. Content-Length is the parser's business, Transfer-Encoding that of
 * `request-framing.ts`.
 */
const single = new Set([
  'host',
  'authorization',
  'content-type',
  'content-encoding',
  'x-vault-token',
  'x-vault-namespace',
  'x-vault-wrap-ttl',
])

const singleNameLengths = new Set([...single].map((name) => name.length))

/**
 * Throws a refusal when the header block can be read in two ways. Gives whether a login is among
 * the headers.
 */
export function requireUnambiguousHeaders(request: IncomingMessage): boolean {
  const raw = request.rawHeaders
  if (raw.length > headerLinesMax * 2) {
    throw new Refusal('invalid_request', { status: 431, text: 'too many header lines' })
  }
  let seen: string[] | undefined
  let hasLogin = false
  for (let i = 0; i < raw.length; i += 2) {
    const written = raw[i] ?? ''
    if (!hasLogin && isInlineAuth(written)) hasLogin = true
    if (!singleNameLengths.has(written.length)) continue
    const name = written.toLowerCase()
    if (!single.has(name)) continue
    if (seen === undefined) seen = [name]
    else if (seen.includes(name)) throw invalid(`the header ${name} is there twice`)
    else seen.push(name)
  }
  // RFC 9112 §3.2.
  if (request.httpVersion === '1.1' && request.headers.host === undefined) {
    throw invalid('the header host is missing')
  }
  return hasLogin
}

/** The client token; X-Vault-Token wins. Other schemes than exactly `Bearer ` are no token. */
export function requestToken(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-vault-token']
  if (typeof own === 'string' && own !== '') return own
  const authorization = headers.authorization
  if (authorization === undefined || !authorization.startsWith('Bearer ')) return undefined
  const token = authorization.slice(7).trim()
  return token === '' ? undefined : token
}

/** The namespace without slashes at its ends; empty is the root. */
export function requestNamespace(headers: IncomingHttpHeaders): string {
  const value = headers['x-vault-namespace']
  if (typeof value !== 'string' || value === '') return ''
  let start = 0
  let end = value.length
  while (start < end && value.charCodeAt(start) === 0x2f) start++
  while (end > start && value.charCodeAt(end - 1) === 0x2f) end--
  return value.slice(start, end)
}

/** Seconds; 0 is no wrapping. */
export function requireWrapTtlSeconds(headers: IncomingHttpHeaders): number {
  const value = headers['x-vault-wrap-ttl']
  if (typeof value !== 'string' || value === '') return 0
  const seconds = parseDurationSeconds(value)
  if (seconds === undefined) {
    throw invalid('error parsing X-Vault-Wrap-TTL header: the value is no duration')
  }
  if (seconds < 0 || value.startsWith('-')) {
    throw invalid('error parsing X-Vault-Wrap-TTL header: the duration is negative')
  }
  return seconds
}
