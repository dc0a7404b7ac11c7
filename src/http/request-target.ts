/**
 * The request target of a request line (RFC 9112 §3.2) as one decoded path and a raw query.
 * platform.md §1.1, §1.8 ("Names in URLs"). A path is decoded once and here; router, policy and
 * handler see that one text, and nobody decodes again.
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
  // The parser of this platform may let them through, one character for a byte, which is not what
  // they mean.
  if (/[^!-~]/.test(url)) throw invalid('the request target has a byte that must be escaped')
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

/**
 * An escaped slash is a slash, for clients send nested names so; what the text looks like is judged
 * after the decoding.
 */
function decodePath(raw: string): string {
  let path = raw
  if (raw.includes('%')) {
    try {
      path = decodeURIComponent(raw)
    } catch {
      throw invalid('the path is not percent-encoded UTF-8')
    }
  }
  if (!isPrintable(path)) throw invalid('the path contains a character that cannot be printed')
  if (path.includes('\\')) throw invalid('the path contains a backslash')
  // Not a redirect: vault-action sends `/v1//secret/…`.
  if (path.includes('//')) path = path.replace(/\/{2,}/g, '/')
  if (path.includes('/.') && /\/\.{1,2}(?:\/|$)/.test(path)) {
    throw invalid('relative paths not supported')
  }
  return path
}
