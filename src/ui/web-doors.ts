/**
 * What the web pages are given to work with: the server's own API, sealed texts, time and chance.
 * They have no other door.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Compared } from './flow-pages.ts'

export interface WebRequest {
  readonly method: string
  /** Decoded once, slashes collapsed, with the leading slash. */
  readonly path: string
  readonly query: string
  readonly header: (name: string) => string | undefined
  readonly body: Buffer
  readonly clientAddress: string | undefined
  /** It came over TLS. */
  readonly isSecure: boolean
  /** Aborted when the browser has gone: a token made for it would be nobody's. */
  readonly signal: AbortSignal
}

export interface WebAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly cookies: readonly string[]
}

export interface ApiCall {
  readonly verb: 'read' | 'write'
  /** Below `/v1/`. */
  readonly path: string
  readonly data?: JsonObject
  readonly token?: string
  /** Where it is not that of the token. */
  readonly namespace?: string
  readonly clientAddress: string | undefined
  readonly signal: AbortSignal
}

/** What the same call over the socket would have been answered. */
export interface ApiResult {
  readonly status: number
  /** Without members when there is none. */
  readonly body: JsonObject
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Set when it was refused: what `errors` says, in the parts that it is made of. */
  readonly refusal?: RefusalTexts
}

export interface RefusalTexts {
  /** The compatible text, without what stock clients want to see around it. */
  readonly text: string
  /** What happened, as far as this caller may know it; the fix is the reason's own. */
  readonly happened: string | undefined
  readonly compared: Compared | undefined
}

export interface ReasonText {
  readonly title: string
  readonly text: string
  readonly fix: string
}

export interface WebDoors {
  /** Never rejects. */
  readonly api: (call: ApiCall) => Promise<ApiResult>
  /** Seals for one purpose and until then; any node of this server can open it, nobody else can. */
  readonly sealText: (
    text: string,
    options: { readonly purpose: string; readonly expiresAtMs: number },
  ) => string
  /** Undefined for what was not sealed here for this purpose, and for what has expired. */
  readonly openText: (sealed: string, purpose: string) => string | undefined
  /** From now on `isEnded` knows that sealed text, on every node, until then at least. */
  readonly end: (sealed: string, untilMs: number) => Promise<void>
  readonly isEnded: (sealed: string) => Promise<boolean>
  /** Fresh base64url text of 18 bytes. */
  readonly randomText: () => string
  readonly nowMs: () => number
  /**
   * Such as `https://stile.example:8200`: what a browser calls this server. Undefined when nobody
   * can tell.
   */
  readonly publicOrigin: (request: WebRequest) => string | undefined
  readonly isSealed: () => boolean
  /** Host of the identity provider that sign-ins of that mount lead to; empty is not known. */
  readonly providerOf: (mount: string) => Promise<string>
  readonly reasonText: (reason: string) => ReasonText | undefined
  /** Such as "dev" or the name of the cluster; may be empty. */
  readonly environment: string
}
