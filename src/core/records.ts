/** The records that the core keeps. Members are only ever added; a reader copes with their absence in older records. */

import type { JsonObject } from '../lib/json.ts'

export interface CorsRecord {
  readonly enabled: boolean
  readonly allowedOrigins: readonly string[]
  readonly allowedHeaders: readonly string[]
  readonly allowCredentials: boolean
}

export interface MountRecord {
  readonly uuid: string
  readonly accessor: string
  /** With a slash at the end, without `auth/`. */
  readonly path: string
  readonly class: 'auth' | 'secret'
  readonly type: string
  readonly description: string
  readonly local: boolean
  readonly sealWrap: boolean
  readonly externalEntropyAccess: boolean
  readonly options: Readonly<Record<string, string>> | null
  readonly config: MountConfig
  /** Being disabled: it serves nothing any more, its data is on the way out. */
  readonly tainted?: boolean
}

/** Tunable settings; seconds, 0 inherits. Absent means never set. */
export interface MountConfig {
  readonly defaultLeaseTtl: number
  readonly maxLeaseTtl: number
  readonly forceNoCache: boolean
  readonly tokenType?: string
  readonly auditNonHmacRequestKeys?: readonly string[]
  readonly auditNonHmacResponseKeys?: readonly string[]
  readonly listingVisibility?: string
  readonly passthroughRequestHeaders?: readonly string[]
  readonly allowedResponseHeaders?: readonly string[]
  readonly userLockout?: JsonObject
  readonly compat?: 'strict' | 'vault'
  readonly explainToCaller?: 'none' | 'own_claims' | 'full'
}

export interface RemountRecord {
  readonly from: string
  readonly to: string
  readonly status: 'in-progress' | 'success' | 'failure'
}

export interface PolicyRecord {
  readonly name: string
  readonly text: string
  readonly modifiedAt: number
}

/**
 * One token. Short member names: there are millions of them. Times are seconds, down to the
 * millisecond; version 0.1 kept whole ones. What a login proved is kept in `facts`; renewal judges
 * the current role by it.
 */
export interface TokenRecord {
  /** Hash of the text's secret part, or of the whole chosen text. */
  readonly h: string
  /** The text was chosen by its maker. */
  readonly custom?: true
  readonly policies: readonly string[]
  /** Request path that made it, such as `auth/jwt/login`. */
  readonly path: string
  readonly mount: string
  readonly meta: Readonly<Record<string, string>> | null
  readonly name: string
  /** Uses left; 0 is unlimited, -1 is spent. */
  readonly uses: number
  readonly created: number
  /** TTL granted at issue; 0 never expires. */
  readonly ttl: number
  /** Last granted TTL, when a renewal granted another one. */
  readonly lastTtl?: number
  /** Dead at this time; 0 never. */
  readonly expires: number
  readonly explicitMax: number
  readonly period: number
  readonly renewable: boolean
  /** No lease: made by init or root generation. */
  readonly leaseless?: true
  readonly renewed?: number
  readonly entity: string
  readonly parent?: string
  readonly orphan: boolean
  readonly cidrs?: readonly string[]
  /** Token role (auth/token/roles). */
  readonly role?: string
  /** Issuing method's role, and what it proved. */
  readonly login?: LoginFacts
}

export interface LoginFacts {
  readonly role: string
  readonly kind: string
  readonly version: number
  readonly alias: string
  readonly groups: readonly string[]
  readonly facts: JsonObject
}

export interface EntityRecord {
  readonly id: string
  readonly name: string
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly disabled: boolean
  readonly createdAt: number
  readonly updatedAt: number
  readonly aliases: readonly { readonly accessor: string; readonly hash: string }[]
}

export interface AliasRecord {
  readonly id: string
  readonly entity: string
  readonly name: string
  readonly accessor: string
  readonly metadata: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
}

/**
 * All tokens whose path begins with `prefix` and whose id is not above `upTo` are dead, from the
 * commit of this record on. It makes revoking a million tokens one small write; the sweep removes
 * them and then this. Batch tokens have no id and no record: those that were made up to
 * `batchUpToMs` are dead, and the marker stays until none of them can live.
 */
export interface RevocationMarker {
  readonly id: string
  readonly prefix: string
  readonly upTo: string
  /** Absent in markers of version 0.1. */
  readonly batchUpToMs?: number
  readonly keepUntilMs?: number
  /** All tokens with a record are removed; it stays for batch tokens alone. */
  readonly swept?: true
}

/** Work that must be finished even when the server stops half-way. */
export type CleanupJob =
  | { readonly kind: 'revoked_prefix'; readonly id: string; readonly marker: string }
  | {
      readonly kind: 'mount'
      readonly id: string
      readonly mount: string
      readonly wasAuth: boolean
    }
