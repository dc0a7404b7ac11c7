/**
 * The only door to the network outside: GET and POST with limits. The implementation is in
 * `outbound-http.ts`.
 */

export interface OutboundRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM certificates that replace the system's roots; empty is the system's. */
  readonly caPem: string
  /** Certificate names accepted instead of the URL's host; the chain is verified all the same. */
  readonly acceptedServerNames: readonly string[]
  /** Dotted OIDs of critical certificate extensions to tolerate. */
  readonly toleratedCriticalExtensions: readonly string[]
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  /**
   * Has places of its own at an origin: a provider that is slow with codes must not hold up its
   * keys.
   */
  readonly lane?: 'documents'
  readonly signal?: AbortSignal
}

export interface OutboundResponse {
  readonly status: number
  /** Lower-case names; repeated headers are joined with ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** After redirects. */
  readonly url: string
}

export type OutboundProblemKind =
  | 'url_refused'
  | 'address_refused'
  | 'connect'
  | 'tls'
  | 'timeout'
  | 'redirect_refused'
  | 'body_too_large'
  | 'aborted'
  | 'protocol'

/** A call that gave no answer. The text carries no header and no body of either side. */
export class OutboundProblem extends Error {
  override readonly name = 'OutboundProblem'
  readonly kind: OutboundProblemKind

  constructor(kind: OutboundProblemKind, message: string) {
    super(message)
    this.kind = kind
  }
}

export interface Outbound {
  /** Sends one request; rejects with `OutboundProblem`. */
  send(request: OutboundRequest): Promise<OutboundResponse>
}
