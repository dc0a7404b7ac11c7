/**
 * The only place that makes status lines, headers and body texts of answers (platform.md §1.2 to
 * §1.4). One string and one writeHead per answer: this is on the path of every request.
 */

import {
  STATUS_CODES,
  validateHeaderName,
  validateHeaderValue,
  type ServerResponse,
} from 'node:http'

import type { Answer, ApiOutcome } from '../framework/api.ts'
import { envelopeText } from '../framework/envelope.ts'
import type { Refusal } from '../framework/refusal.ts'
import type { CustomResponseHeaders, ServingOptions } from './listener-options.ts'
import { endWithBody } from './one-write.ts'

/** An answer as it goes out; names of headers as they are written. */
export interface WireAnswer {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: string | Uint8Array | undefined
  /** Instead of a body; whoever sends the head sends these after it. */
  readonly chunks?: AsyncIterable<Uint8Array>
  readonly headers: Readonly<Record<string, string>>
  /** One `Set-Cookie` each: the one header that may be there several times. */
  readonly cookies?: readonly string[]
  readonly requestId: string | undefined
}

export interface SendOptions {
  readonly fixedHeaders: FixedHeaders
  /** X-Vault-Namespace as it came. */
  readonly namespaceEcho: string | undefined
  readonly extraHeaders: Readonly<Record<string, string>> | undefined
  /** The caller ends the answer; what there is to send is sent at once. */
  readonly isEndedLater: boolean
}

// hvac compares the type for equality before it reads `errors`: no charset, ever.
const json = 'application/json'

const none: Readonly<Record<string, string>> = {}

const transportSecurity = 'max-age=31536000; includeSubDomains'

export function outcomeAnswer(outcome: ApiOutcome): WireAnswer {
  return outcome.kind === 'answer'
    ? handlerAnswer(outcome.answer)
    : refusalAnswer(outcome.refusal, outcome.requestId)
}

/** `{"errors":[…]}` with the status of the refusal. */
export function refusalAnswer(refusal: Refusal, requestId: string | undefined): WireAnswer {
  const { reason, headers } = refusal.detail
  return {
    status: refusal.status,
    contentType: json,
    body: `{"errors":${JSON.stringify(refusal.errors)}}\n`,
    headers: reason === undefined ? (headers ?? none) : { ...headers, 'X-Login-Reason': reason },
    requestId,
  }
}

/** A CORS preflight that is allowed: 200 and nothing in it. */
export const preflightAnswer: WireAnswer = {
  status: 200,
  contentType: undefined,
  body: undefined,
  headers: none,
  requestId: undefined,
}

export function sendAnswer(
  response: ServerResponse,
  answer: WireAnswer,
  options: SendOptions,
): void {
  const { status, body } = answer
  const isEmpty = status === 204 || status === 304
  const head: (string | number)[] = [...options.fixedHeaders.of(status)]
  if (answer.contentType !== undefined && !isEmpty) head.push('Content-Type', answer.contentType)
  if (answer.requestId !== undefined) head.push('X-Request-Id', answer.requestId)
  if (options.namespaceEcho !== undefined) head.push('X-Vault-Namespace', options.namespaceEcho)
  let isCacheable = false
  for (const name of Object.keys(answer.headers)) {
    if (name.length === 13 && name.toLowerCase() === 'cache-control') isCacheable = true
    const value = answer.headers[name] ?? ''
    // A head that fails half-way would leave the response unusable for the refusal that has to
    // follow.
    validateHeaderName(name)
    validateHeaderValue(name, value)
    head.push(name, value)
  }
  if (answer.cookies !== undefined) {
    for (const cookie of answer.cookies) {
      validateHeaderValue('Set-Cookie', cookie)
      head.push('Set-Cookie', cookie)
    }
  }
  if (!isCacheable) head.push('Cache-Control', 'no-store')
  if (options.extraHeaders !== undefined) {
    for (const name of Object.keys(options.extraHeaders))
      head.push(name, options.extraHeaders[name] ?? '')
  }
  const bodyBytes = body === undefined || isEmpty ? 0 : byteLength(body)
  if (!isEmpty && answer.chunks === undefined) head.push('Content-Length', bodyBytes)
  response.writeHead(status, head)
  if (answer.chunks !== undefined) return
  if (options.isEndedLater) {
    if (isEmpty || body === undefined) response.flushHeaders()
    else response.write(body)
    return
  }
  // For HEAD the platform itself leaves the body away.
  if (isEmpty) response.end()
  else if (typeof body === 'string') endWithBody(response, body, bodyBytes)
  else response.end(body)
}

/**
 * An answer for a connection on which no request could be made out; the connection ends after it.
 */
export function brokenRequestText(
  status: 400 | 405 | 408 | 431,
  errors: readonly string[],
): string {
  const body = `{"errors":${JSON.stringify(errors)}}\n`
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n` +
    `Content-Type: ${json}\r\nCache-Control: no-store\r\n` +
    `Strict-Transport-Security: ${transportSecurity}\r\n` +
    `Content-Length: ${byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  )
}

/** Headers that depend on the listener and the status alone; worked out once per status. */
export class FixedHeaders {
  readonly #custom: CustomResponseHeaders
  readonly #byStatus = new Map<number, readonly string[]>()

  constructor(listener: ServingOptions) {
    this.#custom = listener.customResponseHeaders
  }

  of(status: number): readonly string[] {
    const known = this.#byStatus.get(status)
    if (known !== undefined) return known
    const merged = new Map([
      ['strict-transport-security', ['Strict-Transport-Security', transportSecurity]],
    ])
    for (const key of ['default', `${Math.floor(status / 100)}xx`, String(status)]) {
      if (!Object.hasOwn(this.#custom, key)) continue
      for (const [name, value] of Object.entries(this.#custom[key] ?? {})) {
        merged.set(name.toLowerCase(), [name, value])
      }
    }
    // Those are not the configuration's to change: they frame the message or are compared by
    // clients.
    for (const name of [
      'content-type',
      'content-length',
      'transfer-encoding',
      'connection',
      'cache-control',
    ]) {
      merged.delete(name)
    }
    const flat = [...merged.values()].flat()
    this.#byStatus.set(status, flat)
    return flat
  }
}

function handlerAnswer(answer: Answer): WireAnswer {
  const { body, headers, requestId } = answer
  switch (body.kind) {
    case 'envelope':
      return {
        status: body.status,
        contentType: json,
        body: envelopeText(requestId, body),
        headers,
        requestId,
      }
    case 'bare':
      return {
        status: body.status,
        contentType: body.contentType,
        body: body.body,
        headers,
        requestId,
      }
    case 'stream': {
      const { status, contentType, chunks } = body
      return { status, contentType, body: undefined, chunks, headers, requestId }
    }
    case 'empty':
      return { status: body.status, contentType: undefined, body: undefined, headers, requestId }
  }
}

function byteLength(body: string | Uint8Array): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
}
