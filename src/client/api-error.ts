/**
 * What can go wrong between the client and the server, as errors whose texts hold no token and no
 * body.
 */

import { encodeJson, isJsonArray, isJsonObject, member } from '../lib/json.ts'
import type { ApiResponse } from './api-response.ts'

/** The server answered and refused. */
export class ApiError extends Error {
  readonly response: ApiResponse
  /** The texts of `errors`; empty when the answer had none or was not JSON. */
  readonly errors: readonly string[]
  /** Code of a refused login, from `X-Login-Reason`. */
  readonly loginReason: string | undefined
  readonly requestId: string | undefined

  constructor(response: ApiResponse) {
    super(`${response.method} ${response.url} answered ${response.status}`)
    this.response = response
    this.errors = errorTexts(response)
    this.loginReason = response.headers.get('x-login-reason')
    this.requestId = response.headers.get('x-request-id')
  }
}

/** No usable answer: address, connection, TLS, time, size. `fix` is one sentence on what to do. */
export class ConnectionError extends Error {
  readonly fix: string | undefined

  constructor(text: string, fix?: string) {
    super(text)
    this.fix = fix
  }
}

/** Something answered with a page for browsers where the API answers with JSON. */
export class PageInsteadOfJson extends ConnectionError {
  readonly status: number

  constructor(url: string, status: number, start: string) {
    super(
      `${url} answered ${status} with a page instead of JSON: ${start}`,
      'Is a proxy in front of the server?',
    )
    this.status = status
  }
}

/** Something answered in a way in which this API never does, so that it is another server. */
export class ForeignAnswer extends ConnectionError {
  constructor(url: string, status: number, start: string) {
    super(
      `${url} answered ${status}, but not as this API does${start === '' ? '' : `: ${start}`}`,
      'Check the address: -address=URL or VAULT_ADDR.',
    )
  }
}

function errorTexts(response: ApiResponse): readonly string[] {
  if (!isJsonObject(response.json)) return []
  const errors = member(response.json, 'errors')
  if (!isJsonArray(errors)) return []
  return errors.map((text) => (typeof text === 'string' ? text : encodeJson(text)))
}

/** Turns an error of the socket or of TLS into a sentence and a fix. */
export function connectionError(cause: unknown, address: string): ConnectionError {
  if (cause instanceof ConnectionError) return cause
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const text = cause instanceof Error ? cause.message : String(cause)
  const known = Object.hasOwn(fixes, code) ? fixes[code] : undefined
  // OpenSSL's own codes carry the reason in their text only.
  const plainHttp = /wrong version number|packet length too long/iu.test(text)
  if (plainHttp) {
    return new ConnectionError(
      `${address}: the server speaks plain HTTP, the client was told to use HTTPS`,
      `Use -address=${withScheme(address, 'http')}`,
    )
  }
  return new ConnectionError(
    `${address}: ${code === '' || text.includes(code) ? text : `${text} (${code})`}`,
    known,
  )
}

/** The same host and port by the other protocol. */
function withScheme(address: string, scheme: 'http' | 'https'): string {
  const at = address.indexOf('://')
  return at === -1 ? address : scheme + address.slice(at)
}

const unknownAuthority =
  "The server's certificate is not signed by an authority this machine knows. Name the authority's file: -ca-cert=FILE."

const isThereTls =
  'The connection was cut off. If the server has TLS, the address must begin with https://.'

const fixes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there. Start the server, or set the address: -address=URL.',
  ECONNRESET: isThereTls,
  EPIPE: isThereTls,
  ENOTFOUND: 'The host name does not resolve. Check the address: -address=URL.',
  EAI_AGAIN: 'The host name does not resolve at the moment. Check the name server.',
  ENOENT: 'There is no socket at that path. Check the address: -address=unix:///PATH.',
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  CERT_HAS_EXPIRED: "The server's certificate has expired. Its operator has to renew it.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "The server's certificate is for another name. Use that name in -address, or name it with -tls-server-name.",
}
