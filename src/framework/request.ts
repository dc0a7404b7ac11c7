/** A request as the backend of its mount sees it: typed input, and who asks. */

import type { JsonObject } from '../lib/json.ts'
import type { ApiRequest } from './api.ts'

export type Operation =
  'read' | 'list' | 'scan' | 'create' | 'update' | 'patch' | 'delete' | 'header' | 'help'

/** The token that makes a request. */
export interface Caller {
  readonly accessor: string
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[]
  readonly isRoot: boolean
  readonly entityId: string
  readonly displayName: string
  /** Opaque and stable for the token's life: the name of its cubbyhole. Empty for batch tokens. */
  readonly tokenId: string
}

export interface BackendRequest<I> {
  readonly requestId: string
  readonly operation: Operation
  /** Path inside the mount. */
  readonly path: string
  /** Whole path, such as `auth/jwt/login`. */
  readonly fullPath: string
  /** Path of the namespace with a slash at its end; absent for the root. */
  readonly namespace?: string | undefined
  readonly input: I
  /** All fields as they came, with captured path parts unless the path takes any field. */
  readonly data: JsonObject
  /** Undefined on open paths. */
  readonly caller: Caller | undefined
  /** The caller's rule for this path grants `sudo`. */
  readonly sudo: boolean
  readonly clientAddress: string | undefined
  readonly nowMs: number
  readonly header: (name: string) => string | undefined
  readonly wrapTtlSeconds: number
  readonly via: ApiRequest['via']
  readonly listener: ApiRequest['listener']
  /** For an answer that tells of other things; given to paths with a preview. */
  readonly may?: ((asked: AskedBesides) => boolean) | undefined
}

/** Something else that the caller of a request might do. */
export interface AskedBesides {
  readonly operation: Operation
  /** That of the request when absent. */
  readonly path?: string
  readonly sudo?: boolean
}
