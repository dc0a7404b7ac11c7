/**
 * The records that the core keeps, each as one table: a member that is added has the default that
 * older records are read with (`schema/record.ts`). Members are only ever added.
 */

import type { JsonObject } from '../lib/json.ts'
import { defineRecord, optional, optionalPart, own, part, type StoredOf } from '../schema/record.ts'

type Texts = Readonly<Record<string, string>>

/** Groups that a login brought, of those that have an alias on its mount. */
export interface ExternalGroups {
  readonly accessor: string
  readonly names: readonly string[]
  readonly [member: string]: string | readonly string[]
}

/** Where the record of an alias lies. */
export interface AliasPlace {
  readonly accessor: string
  readonly hash: string
  readonly [member: string]: string
}

export type GroupType = 'internal' | 'external'

const noNames: readonly string[] = []

export const corsRecord = defineRecord({
  enabled: own<boolean>(false),
  allowedOrigins: own(noNames),
  allowedHeaders: own(noNames),
  allowCredentials: own<boolean>(false),
})
export type CorsRecord = StoredOf<typeof corsRecord.table>

/** One namespace below the root. */
export const namespaceRecord = defineRecord({
  /** In the suffix of its tokens and in the keys of all that is its. */
  id: own<string>(''),
  uuid: own<string>(''),
  /** From the root on, with a slash at the end. */
  path: own<string>(''),
  customMetadata: own<Texts>({}),
  createdAt: own<number>(0),
  /** Being deleted: it serves nothing any more, its data is on the way out. */
  tainted: optional<true>(),
  /** Hash of the key that opens it again; while it stands, nothing is served. */
  lock: optional<string>(),
})
export type NamespaceRecord = StoredOf<typeof namespaceRecord.table>

/** Counts the changes of namespaces and names the last one, so that one change is one read. */
export interface NamespaceRevision {
  readonly revision: number
  readonly changed: string
}

/** One audit device, whoever has made it; its salt is what its hashes are comparable by. */
export const auditDeviceRecord = defineRecord({
  /** With a slash at the end. */
  path: own<string>(''),
  type: own<string>(''),
  description: own<string>(''),
  local: own<boolean>(false),
  options: own<Texts>({}),
  /** Base64. */
  salt: own<string>(''),
  /** It stands in the configuration file and goes with it. */
  declared: own<boolean>(false),
})
export type AuditDeviceRecord = StoredOf<typeof auditDeviceRecord.table>

/** Request headers that audit records show. */
export type AuditHeadersRecord = Readonly<Record<string, { readonly hmac: boolean }>>

/** Headers that pages get besides their own. */
export const uiHeadersRecord = defineRecord({
  headers: own<readonly { readonly name: string; readonly values: readonly string[] }[]>([]),
})
export type UiHeadersRecord = StoredOf<typeof uiHeadersRecord.table>

/** When the barrier key rotates by itself; 0 is the limit of what is safe, or none. */
export const rotationRecord = defineRecord({
  enabled: own<boolean>(true),
  maxOperations: own<number>(0),
  intervalSeconds: own<number>(0),
})
export type RotationRecord = StoredOf<typeof rotationRecord.table>

/** Tunable settings; seconds, 0 inherits. Absent means never set. */
export const mountConfig = defineRecord({
  defaultLeaseTtl: own<number>(0),
  maxLeaseTtl: own<number>(0),
  forceNoCache: own<boolean>(false),
  tokenType: optional<string>(),
  auditNonHmacRequestKeys: optional<readonly string[]>(),
  auditNonHmacResponseKeys: optional<readonly string[]>(),
  listingVisibility: optional<string>(),
  passthroughRequestHeaders: optional<readonly string[]>(),
  allowedResponseHeaders: optional<readonly string[]>(),
  userLockout: optional<JsonObject>(),
  compat: optional<'strict' | 'vault'>(),
  explainToCaller: optional<'none' | 'own_claims' | 'full'>(),
  /** Role by which a JWT is taken in place of a token. */
  directBearer: optional<string>(),
})
export type MountConfig = StoredOf<typeof mountConfig.table>

export const mountRecord = defineRecord({
  uuid: own<string>(''),
  accessor: own<string>(''),
  /** With a slash at the end, without `auth/`. */
  path: own<string>(''),
  class: own<'auth' | 'secret'>('secret'),
  type: own<string>(''),
  description: own<string>(''),
  local: own<boolean>(false),
  sealWrap: own<boolean>(false),
  externalEntropyAccess: own<boolean>(false),
  options: own<Texts | null>(null),
  config: part(mountConfig),
  /** Being disabled: it serves nothing any more, its data is on the way out. */
  tainted: optional<boolean>(),
})
export type MountRecord = StoredOf<typeof mountRecord.table>

export interface RemountRecord {
  readonly from: string
  readonly to: string
  readonly status: 'in-progress' | 'success' | 'failure'
}

export const policyRecord = defineRecord({
  name: own<string>(''),
  text: own<string>(''),
  modifiedAt: own<number>(0),
  /** Values that templates are filled with may be paths of several names. */
  allowSlashes: optional<true>(),
})
export type PolicyRecord = StoredOf<typeof policyRecord.table>

export const loginFacts = defineRecord({
  role: own<string>(''),
  kind: own<string>(''),
  version: own<number>(0),
  alias: own<string>(''),
  groups: own(noNames),
  facts: own<JsonObject>({}),
})
export type LoginFacts = StoredOf<typeof loginFacts.table>

/**
 * One token. Short member names: there are millions of them. Times are seconds, down to the
 * millisecond; version 0.1 kept whole ones. What a login proved is kept in `facts`; renewal judges
 * the current role by it.
 */
export const tokenRecord = defineRecord({
  /** Hash of the text's secret part, or of the whole chosen text. */
  h: own<string>(''),
  /** The text was chosen by its maker. */
  custom: optional<true>(),
  policies: own(noNames),
  /** Request path that made it, such as `auth/jwt/login`. */
  path: own<string>(''),
  mount: own<string>(''),
  meta: own<Texts | null>(null),
  name: own<string>(''),
  /** Uses left; 0 is unlimited, -1 is spent. */
  uses: own<number>(0),
  created: own<number>(0),
  /** TTL granted at issue; 0 never expires. */
  ttl: own<number>(0),
  /** Last granted TTL, when a renewal granted another one. */
  lastTtl: optional<number>(),
  /** Dead at this time; 0 never. */
  expires: own<number>(0),
  explicitMax: own<number>(0),
  period: own<number>(0),
  renewable: own<boolean>(false),
  /** No lease: made by init or root generation. */
  leaseless: optional<true>(),
  renewed: optional<number>(),
  entity: own<string>(''),
  parent: optional<string>(),
  orphan: own<boolean>(false),
  cidrs: optional<readonly string[]>(),
  /** Token role (auth/token/roles). */
  role: optional<string>(),
  /** Issuing method's role, and what it proved. */
  login: optionalPart(loginFacts),
  /**
   * External groups of this token alone, in place of its entity's (`identity_mode=token`); mostly
   * none.
   */
  external: optional<readonly ExternalGroups[]>(),
  /** Namespace of the parent, where it is one above. */
  parentNamespace: optional<string>(),
})
export type TokenRecord = StoredOf<typeof tokenRecord.table>

export const entityRecord = defineRecord({
  id: own<string>(''),
  name: own<string>(''),
  policies: own(noNames),
  metadata: own<Texts | null>(null),
  disabled: own<boolean>(false),
  createdAt: own<number>(0),
  updatedAt: own<number>(0),
  aliases: own<readonly AliasPlace[]>([]),
  /** Ids of the groups it is a member of. A group that is gone may still stand here. */
  groups: own(noNames, { since: '0.2' }),
  /** Ids of the entities that were merged into it. */
  merged: own(noNames, { since: '0.2' }),
  /** Grows when an alias changes, so that what was made of both is known to be old. */
  revision: own<number>(0, { since: '0.2' }),
})
export type EntityRecord = StoredOf<typeof entityRecord.table>

export const aliasRecord = defineRecord({
  id: own<string>(''),
  entity: own<string>(''),
  name: own<string>(''),
  accessor: own<string>(''),
  /** Of the last login. */
  metadata: own<Texts>({}),
  /** Of the operator. */
  customMetadata: own<Texts>({}, { since: '0.2' }),
  /** Entities it belonged to before they were merged. */
  mergedFrom: own(noNames, { since: '0.2' }),
  createdAt: own<number>(0),
  updatedAt: own<number>(0),
})
export type AliasRecord = StoredOf<typeof aliasRecord.table>

const groupAlias = defineRecord({
  id: own<string>(''),
  name: own<string>(''),
  accessor: own<string>(''),
  hash: own<string>(''),
  createdAt: own<number>(0),
  updatedAt: own<number>(0),
})
export type GroupAlias = StoredOf<typeof groupAlias.table>

/** Who is a member stands in rows of its own and in the entities, since there may be very many. */
export const groupRecord = defineRecord({
  id: own<string>(''),
  name: own<string>(''),
  type: own<GroupType>('internal'),
  policies: own(noNames),
  metadata: own<Texts | null>(null),
  memberGroups: own(noNames),
  parents: own(noNames),
  alias: optionalPart(groupAlias),
  modifyIndex: own<number>(1),
  createdAt: own<number>(0),
  updatedAt: own<number>(0),
})
export type GroupRecord = StoredOf<typeof groupRecord.table>

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
