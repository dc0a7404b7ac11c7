/**
 * What a record of the audit trail tells, before any device has hashed or left out a part of it
 * (platform.md §8.2). Every request gives two: one before it is carried out, one with its end.
 */

import type { AuthFields, WrapInfo } from '../framework/api.ts'
import type { JsonObject, JsonText } from '../lib/json.ts'

export interface AuditEntry {
  readonly type: 'request' | 'response'
  readonly timeMs: number
  readonly auth: AuditedAuth
  readonly request: AuditedRequest
  /** Of responses that were no refusal. */
  readonly response?: AuditedResponse
  /** `errors[0]` of the refusal. */
  readonly error?: string
}

/** The token behind the request; that of a login is the one that it made. */
export interface AuditedAuth {
  readonly isAllowed: boolean
  /** Names of the policies that allowed it. */
  readonly grantedBy: readonly string[]
  readonly token?: AuditedToken
}

export interface AuditedToken {
  readonly text: string
  readonly accessor: string
  readonly displayName: string
  readonly policies: readonly string[]
  readonly tokenPolicies: readonly string[]
  readonly identityPolicies: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly usesLeft: number
  readonly entityId: string
  /** The login has made the entity. */
  readonly isEntityNew?: boolean
  readonly type: 'service' | 'batch'
  readonly ttlSeconds: number
  readonly issuedAtMs: number
  /** Where it and its policies are; the root where it is absent. */
  readonly namespace?: AuditedNamespace | undefined
}

export interface AuditedNamespace {
  readonly id: string
  readonly path: string
}

export interface AuditedMount {
  readonly point: string
  readonly type: string
  readonly accessor: string
  readonly class: 'auth' | 'secret'
  /** Members of the data that are shown as they are. */
  readonly plainRequestKeys: readonly string[]
  readonly plainResponseKeys: readonly string[]
}

export interface AuditedRequest {
  readonly id: string
  readonly operation: string
  readonly path: string
  /** The root where it is undefined. */
  readonly namespace: AuditedNamespace | undefined
  readonly mount: AuditedMount | undefined
  /** Its text as it came, whatever it is worth. */
  readonly token: string | undefined
  readonly tokenAccessor: string
  /** Undefined where it was not read. */
  readonly data: JsonObject | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly wrapTtlSeconds: number
  readonly header: (name: string) => string | undefined
}

export interface AuditedResponse {
  readonly auth?: AuthFields
  readonly data?: JsonObject | JsonText
  readonly warnings?: readonly string[]
  readonly redirect?: string
  readonly wrapInfo?: WrapInfo
}

/** Request headers that records show, by lower-case name, and whether their value is hashed. */
export type AuditedHeaders = Readonly<Record<string, { readonly hmac: boolean }>>
