/**
 * Whether the end of a request is where every other reader of the connection sees it too
 * (RFC 9112 §6). A proxy that reads another length passes on as a body what we would carry out as a
 * request (RFC 9112 §11.2), so a request in doubt ends its connection. What the parser itself
 * refuses never comes here.
 */

import type { IncomingMessage } from 'node:http'

/**
 * Why nobody can say where this request ends; undefined when it is plain. Asked before anything
 * else of it is read.
 */
export function framingProblem(request: IncomingMessage): string | undefined {
  // The parser also lets HTTP/0.9 and 2.0 through.
  const version = request.httpVersion
  if (version !== '1.1' && version !== '1.0') return 'the HTTP version is not supported'
  // Of several lines the parser makes one text, which is not the one word then either.
  const coding = request.headers['transfer-encoding']
  if (coding === undefined) return undefined
  // RFC 9112 §6.1: any coding in HTTP/1.0 is faulty framing; one that we do not undo hides the true
  // body.
  return version === '1.1' && coding.toLowerCase() === 'chunked'
    ? undefined
    : 'the transfer coding is not supported'
}
