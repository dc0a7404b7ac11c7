/**
 * The request target of a request line (RFC 9112 §3.2) as one decoded path and a raw query. Platform contract §1.1, §1.7.
 * Policy and routing see exactly the path made here, so everything that a second reader could take for another path is refused.
 */

import { invalid, Refusal } from '../framework/refusal.ts'
import { isPrintable } from '../lib/printable.ts'

export interface RequestTarget {
  /** Decoded once, slashes collapsed, with the leading slash. */
  readonly path: string
  /** Without the question mark; empty when absent. */
  readonly query: string
}

const pathBytesMax = 8192

const absoluteForm = /^https?:\/\/[^/?#]*/i

/** Throws a refusal when the target is not a path that can be served. */
export function parseRequestTarget(url: string): RequestTarget {
  let target = url
  if (target.charCodeAt(0) !== 0x2f) {
    // RFC 9112 §3.2.2: a server must accept the absolute form.
    target = target.replace(absoluteForm, '')
    if (target.charCodeAt(0) !== 0x2f) throw invalid('the request target is not a path')
  }
  if (target.includes('#')) throw invalid('the request target contains a fragment')
  const mark = target.indexOf('?')
  const raw = mark === -1 ? target : target.slice(0, mark)
  if (raw.length > pathBytesMax) {
    throw new Refusal('invalid_request', { status: 414, text: 'the path is too long' })
  }
  return { path: decodePath(raw), query: mark === -1 ? '' : target.slice(mark + 1) }
}

function decodePath(raw: string): string {
  let path = raw
  if (raw.includes('%')) {
    // An encoded slash or backslash would be one segment to a proxy and two to us.
    if (/%2f/i.test(raw)) throw invalid('the path contains an encoded slash')
    try {
      path = decodeURIComponent(raw)
    } catch {
      throw invalid('the path is not percent-encoded UTF-8')
    }
    if (!isPrintable(path)) throw invalid('the path contains a character that cannot be printed')
  }
  if (path.includes('\\')) throw invalid('the path contains a backslash')
  // Not a redirect: vault-action sends `/v1//secret/…`.
  if (path.includes('//')) path = path.replace(/\/{2,}/g, '/')
  if (path.includes('/.') && /\/\.{1,2}(?:\/|$)/.test(path)) {
    throw invalid('relative paths not supported')
  }
  return path
}
