/** What an auth method or secrets engine is: its paths and a few hooks. Everything it may touch comes in here. */

import type { JsonObject, JsonText, JsonValue } from '../lib/json.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Outbound } from '../platform/outbound.ts'
import type { Random } from '../platform/random.ts'
import type { Codec, Key, KeyRange, StoreTransaction, StoreView } from '../storage/store.ts'
import type { ApiRequest, AuthFields } from './api.ts'
import type { LoginNote, LoginRecorder } from './login-log.ts'
import type { PathDeclaration } from './path.ts'

export type Operation =
  'read' | 'list' | 'scan' | 'create' | 'update' | 'patch' | 'delete' | 'header' | 'help'

/** A mount as its backend sees it; `tune` may change it at any time, so ask each time. */
export interface MountFacts {
  readonly uuid: string
  readonly accessor: string
  /** `jwt/` or `team/kv/`: with a slash at the end, without `auth/`. */
  readonly path: string
  readonly class: 'auth' | 'secret'
  /** The name given at enable time, such as `jwt` or `oidc`. */
  readonly type: string
  readonly options: Readonly<Record<string, string>>
  /** Effective values, in seconds: the mount's own, else the system's. */
  readonly defaultLeaseTtlSeconds: number
  readonly maxLeaseTtlSeconds: number
  readonly compat: 'strict' | 'vault'
  readonly explainToCaller: 'none' | 'own_claims' | 'full'
}

/** The part of the store that belongs to one mount; gone when the mount is disabled. */
export interface MountStore {
  /** Data: secrets, key documents, sign-in states. */
  key<T>(path: string, codec?: Codec<T>): Key<T>
  /** Configuration: changing it advances the epoch. Config records, roles. */
  configKey<T>(path: string, codec?: Codec<T>): Key<T>
  /** Direct and indirect children below the data path. */
  keyRange(prefix: string, options?: { readonly limit?: number; readonly after?: string }): KeyRange
  configRange(
    prefix: string,
    options?: { readonly limit?: number; readonly after?: string },
  ): KeyRange
  /** The path that was given to `key` or `configKey`. */
  pathOf(keyText: string): string
  view<T>(work: (view: StoreView) => Promise<T>): Promise<T>
  write<T>(work: (txn: StoreTransaction) => Promise<T> | T): Promise<T>
  /** Seals a text that leaves the server for one purpose of this mount, such as the value of a cookie; base64url. */
  sealText(purpose: string, text: string): string
  /** Undefined for what was not sealed here for this purpose. Any node and a restarted server can open it. */
  openText(purpose: string, sealed: string): string | undefined
}

export interface BackendContext {
  readonly mount: () => MountFacts
  readonly store: MountStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly outbound: Outbound
  readonly loginLog: LoginRecorder
}

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
}

/** A proven identity, from which the core makes a token (platform contract §3.12). */
export interface Login {
  readonly alias:
    { readonly name: string; readonly metadata: Readonly<Record<string, string>> } | undefined
  readonly groups: readonly string[]
  /** Token metadata. */
  readonly metadata: Readonly<Record<string, string>>
  /** Without the mount's part. */
  readonly displayName: string
  readonly policies: readonly string[]
  readonly noDefaultPolicy: boolean
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly numUses: number
  readonly tokenType: 'default' | 'service' | 'batch' | 'default-service' | 'default-batch'
  readonly boundCidrs: readonly string[]
  readonly renewable: boolean
  readonly role: { readonly name: string; readonly kind: string; readonly version: number }
  /** Kept with the token and handed back at renewal. */
  readonly facts: JsonObject
  /** For the log alone. */
  readonly note?: LoginNote
}

export type Reply =
  /** Nothing: 404 for reads and lists, 204 for the rest. */
  | { readonly kind: 'none'; readonly warnings?: readonly string[] }
  | {
      readonly kind: 'data'
      readonly data: JsonObject | JsonText
      readonly status?: 200 | 202 | 404
      readonly warnings?: readonly string[]
      /** A lease duration without a lease (kv version 1). */
      readonly leaseSeconds?: number
    }
  | {
      readonly kind: 'list'
      readonly keys: readonly string[]
      readonly keyInfo?: Readonly<Record<string, JsonValue>>
    }
  | { readonly kind: 'login'; readonly login: Login; readonly warnings?: readonly string[] }
  | {
      readonly kind: 'auth'
      readonly auth: AuthFields
      readonly warnings?: readonly string[]
    }
  /** The backend chose status and body itself. */
  | {
      readonly kind: 'raw'
      readonly status: number
      readonly contentType: string
      readonly body: string | Uint8Array
      readonly headers?: Readonly<Record<string, string>>
    }

export interface RenewRequest {
  readonly role: { readonly name: string; readonly kind: string; readonly version: number }
  readonly facts: JsonObject
  readonly policies: readonly string[]
  /** Of whoever renews. */
  readonly clientAddress: string | undefined
  readonly nowMs: number
}

/** What the issuing method says about a renewal, in seconds; 0 is unset. */
export interface RenewTerms {
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly periodSeconds: number
}

export interface Backend {
  readonly paths: readonly PathDeclaration[]
  /** Judges a renewal; throws a `Refusal` when the token may not be renewed. Auth methods only. */
  renew?(request: RenewRequest): Promise<RenewTerms>
  /** Called when mount options were tuned; throws a `Refusal` to refuse the change. */
  checkTune?(
    options: Readonly<Record<string, string>>,
    before: Readonly<Record<string, string>>,
  ): Promise<readonly string[]>
  /** The mount goes away or the server stops. */
  close?(): Promise<void>
}

export interface BackendType {
  /** Names under which it can be enabled. */
  readonly types: readonly string[]
  readonly class: 'auth' | 'secret'
  create(context: BackendContext): Backend
}

export const reply = {
  none: (warnings?: readonly string[]): Reply =>
    warnings === undefined ? { kind: 'none' } : { kind: 'none', warnings },
  data: (data: JsonObject | JsonText, warnings?: readonly string[]): Reply =>
    warnings === undefined ? { kind: 'data', data } : { kind: 'data', data, warnings },
  list: (keys: readonly string[], keyInfo?: Readonly<Record<string, JsonValue>>): Reply =>
    keyInfo === undefined ? { kind: 'list', keys } : { kind: 'list', keys, keyInfo },
} as const
