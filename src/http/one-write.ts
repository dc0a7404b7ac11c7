/**
 * An answer as one text. The platform hands head and body to the socket in pieces, which costs a
 * gathered write of several buffers; what is one short ASCII text goes out as one plain write
 * instead.
 *
 * There is no public way to say so: the head that `writeHead` has made is a field of the response,
 * and it is made longer by the body before it leaves. Where a trial at the first use does not find
 * exactly that on the wire, everything goes the ordinary way.
 */

import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** Above it the copy costs more than the pieces. */
const charactersMax = 16_384

const headEnd = '\r\n\r\n'
/** Where the platform keeps it until it leaves. */
const headField = '_header'

let isTrusted: boolean | undefined

/** Ends a response whose head is written and not sent. `byteLength` is that of the body. */
export function endWithBody(response: ServerResponse, body: string, byteLength: number): void {
  isTrusted ??= isSentAsExtended()
  // The head is sent in Latin-1, so that only ASCII is the same in it.
  const isShort = byteLength === body.length && body.length <= charactersMax
  if (isTrusted && isShort && extendHead(response, body)) response.end()
  else response.end(body)
}

function extendHead(response: ServerResponse, body: string): boolean {
  // The answer of a HEAD has the length of a body and none.
  if (response.req.method === 'HEAD' || !(headField in response)) return false
  const head = response[headField]
  if (typeof head !== 'string' || !head.endsWith(headEnd)) return false
  response[headField] = head + body
  return true
}

/** Whether this platform sends head and body once, in this order and nothing else. */
export function isSentAsExtended(): boolean {
  const sink = new Sink()
  const request = new IncomingMessage(sink)
  request.httpVersionMajor = 1
  request.httpVersionMinor = 1
  const response = new ServerResponse(request)
  const body = 'trial'
  response.assignSocket(sink)
  response.sendDate = false
  response.shouldKeepAlive = false
  response.writeHead(200, ['Content-Length', body.length])
  if (!extendHead(response, body)) return false
  response.end()
  const lines = ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, 'Connection: close']
  return sink.text === lines.join('\r\n') + headEnd + body
}

/** A socket that leads nowhere and keeps what it is given. */
class Sink extends Socket {
  text = ''

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.text += typeof chunk === 'string' ? chunk : chunk.toString(encoding)
    done()
  }

  override _writev(chunks: { chunk: unknown }[], done: () => void): void {
    this.text += chunks.map(({ chunk }) => String(chunk)).join('')
    done()
  }
}
