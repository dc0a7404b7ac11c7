/**
 * One API call as the socket side hands it to the core, and what comes back. Neither side knows the
 * other.
 */

import type { JsonObject, JsonText } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import type { InlineLogin } from './inline-login.ts'
import type { LoginNote } from './login-log.ts'
import type { Refusal } from './refusal.ts'

/** Verbs after mapping; `write` becomes create or update when the path is known. */
export type Verb = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete' | 'header' | 'help'

export interface ApiRequest {
  readonly verb: Verb
  /**
   * Path after `/v1/`, decoded once, slashes collapsed, without a leading slash; a list ends in
   * "/".
   */
  readonly path: string
  /** Body fields, or query fields for verbs without a body. */
  readonly data: JsonObject
  /** The body was not read, since whoever shows no token is refused anyway; `data` throws. */
  readonly isUnread?: boolean
  /** From X-Vault-Token, else from Authorization: Bearer. */
  readonly token: string | undefined
  /** X-Vault-Namespace without slashes at its ends; empty is the root. */
  readonly namespace: string
  /** X-Vault-Wrap-TTL in seconds; 0 is none. */
  readonly wrapTtlSeconds: number
  /**
   * Peer address after trusted X-Forwarded-For, IPv4-mapped IPv6 as IPv4; undefined on a unix
   * socket.
   */
  readonly clientAddress: string | undefined
  readonly clientPort: number | undefined
  /** A request header by lower-case name. */
  readonly header: (name: string) => string | undefined
  /** Through a socket, or from this server's own pages, which know the browser by its cookies. */
  readonly via: 'socket' | 'pages'
  /** Listener switches that open paths, such as unauthenticated metrics. */
  readonly listener: ListenerSwitches
  /** In place of a token; never beside one. */
  readonly inlineLogin?: InlineLogin | undefined
  /**
   * Aborted when the client goes away or the request's time is over. Asking for it costs; most
   * requests never do.
   */
  readonly signal: AbortSignal
  /** Nobody waits for the answer any more. */
  readonly isGone: boolean
}

export interface ListenerSwitches {
  readonly unauthenticatedMetricsAccess: boolean
  /** Who knows enough unseal keys may make a root token without showing any. */
  readonly unauthenticatedGenerateRoot: boolean
  /** Likewise for other unseal keys. */
  readonly unauthenticatedRekey: boolean
}

/** Nothing is open that does not have to be. */
export const closedSwitches: ListenerSwitches = {
  unauthenticatedMetricsAccess: false,
  unauthenticatedGenerateRoot: false,
  unauthenticatedRekey: false,
}

/** Members of the `auth` object, platform.md §1.2. */
export interface AuthFields {
  readonly client_token: string
  readonly accessor: string
  readonly policies: readonly string[]
  readonly token_policies: readonly string[]
  readonly identity_policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly lease_duration: number
  readonly renewable: boolean
  readonly entity_id: string
  readonly token_type: 'service' | 'batch'
  readonly orphan: boolean
  readonly num_uses: number
}

export interface WrapInfo {
  readonly token: string
  readonly accessor: string
  readonly ttl: number
  readonly creation_time: string
  readonly creation_path: string
  readonly wrapped_accessor?: string
}

/** The members of the envelope, platform.md §1.2. */
export interface EnvelopeBody {
  readonly kind: 'envelope'
  readonly status: number
  readonly leaseId: string
  readonly renewable: boolean
  readonly leaseSeconds: number
  readonly data: JsonObject | JsonText | null
  readonly auth: AuthFields | null
  readonly wrapInfo: WrapInfo | null
  readonly warnings: readonly string[]
  /** Each key of `data` also stands at the top level (old clients of some sys/ paths). */
  readonly duplicateData: boolean
}

/** A request that was carried out. */
export interface Answer {
  readonly requestId: string
  readonly body:
    | { readonly kind: 'empty'; readonly status: 204 | 202 }
    | EnvelopeBody
    | {
        readonly kind: 'bare'
        readonly status: number
        readonly contentType: string
        readonly body: string | Uint8Array
      }
    | {
        readonly kind: 'stream'
        readonly status: 200
        readonly contentType: string
        readonly chunks: AsyncIterable<Uint8Array>
      }
  readonly headers: Readonly<Record<string, string>>
  /** What made the token in it, for the log and the audit trail alone. */
  readonly login?: AnsweredLogin
  /** Texts of tokens that were made for it: they end when it cannot be given. */
  readonly issued?: readonly string[]
  /** The body is an answer that had been wrapped. */
  readonly isUnwrapped?: true
}

export interface AnsweredLogin {
  readonly mount: string
  readonly note: LoginNote
  /** Of the token; empty for a batch token. */
  readonly accessor: string
  readonly entityId: string
  /** Nobody was there any more to receive the token. */
  readonly isBrokenOff: boolean
  /** Of the token, also where the answer itself is wrapped. */
  readonly auth: AuthFields
  readonly displayName: string
  readonly createdSeconds: number
  /** It has made the entity. */
  readonly isEntityNew: boolean
}

export type ApiOutcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'refusal'; readonly requestId: string; readonly refusal: Refusal }

/** The core as the socket side sees it. Never rejects. */
export type ApiHandler = (request: ApiRequest) => Soon<ApiOutcome>

/** What a path's declaration says that the socket side has to know before it reads a body. */
export interface PathTraits {
  /** Anybody may call it. */
  readonly isOpen: boolean
  /** A field given twice is refused. */
  readonly repeats: 'refuse' | undefined
}

/** Cheap and never failing; a path that nobody knows counts as open, the stricter of the two. */
export type PathTraitsOf = (path: string, verb: Verb, namespace?: string) => PathTraits

/** Makes ready what `PathTraitsOf` has to know of a namespace; mostly nothing has to be. */
export type Prepare = (namespace: string, path: string) => Soon<void>

/** Who comes to which path, known before anything of the body is. */
export type Asking = Pick<
  ApiRequest,
  'verb' | 'path' | 'token' | 'clientAddress' | 'wrapTtlSeconds'
> &
  Partial<Pick<ApiRequest, 'listener' | 'namespace' | 'inlineLogin'>>

/**
 * Rejects, with the refusal of the request, whoever may not come there whatever the body says. Not
 * to be asked about a request that brings a login, which is judged once.
 */
export type RequireMayAsk = (asking: Asking) => Promise<void>

/** A request of whose fields nothing is known. */
export type UnreadRequest = Pick<
  ApiRequest,
  'verb' | 'path' | 'token' | 'clientAddress' | 'clientPort' | 'wrapTtlSeconds' | 'header'
> &
  Partial<Pick<ApiRequest, 'namespace'>>

/** Records a request that is refused before its fields are known; gives what its caller is told. */
export type RecordUnread = (request: UnreadRequest, refusal: Refusal) => Promise<Refusal>
