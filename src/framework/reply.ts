/** What the handler of a path gives back; the core makes an answer of it. */

import type { JsonObject, JsonText, JsonValue } from '../lib/json.ts'
import type { StoreTransaction } from '../storage/store.ts'
import type { FlowPage } from '../ui/flow-pages.ts'
import type { AuthFields, WrapInfo } from './api.ts'
import type { LoginNote } from './login-log.ts'

/** What a role says about the identities behind its logins (platform.md §5.5, §5.6). */
export interface LoginBinding {
  /** Groups of the login count for this token alone, or for all tokens of its entity. */
  readonly mode: 'token' | 'entity'
  /** Whoever has no alias yet is refused, so that no login makes an identity. */
  readonly existingOnly: boolean
}

/** A proven identity, from which the core makes a token (platform.md §3.12). */
export interface Login {
  readonly alias:
    { readonly name: string; readonly metadata: Readonly<Record<string, string>> } | undefined
  readonly groups: readonly string[]
  /** How the login and its groups are bound to an entity; as in the references when absent. */
  readonly identity?: LoginBinding
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
  /**
   * What has to hold, or to be written, in the very step that makes the token: one use of a secret
   * id, a password that nobody has changed meanwhile. Throws a refusal, and then there is no token.
   */
  readonly alongside?: (txn: StoreTransaction) => Promise<void>
}

export type Reply =
  /** Nothing: 404 for reads and lists, 204 for the rest. */
  | { readonly kind: 'none'; readonly status?: 202; readonly warnings?: readonly string[] }
  | {
      readonly kind: 'data'
      readonly data: JsonObject | JsonText
      readonly status?: 200 | 202 | 404
      readonly warnings?: readonly string[]
      /** A lease duration without a lease (kv version 1). */
      readonly leaseSeconds?: number
      /** Of the token or secret id in it, told beside a wrapped answer. */
      readonly wrappedAccessor?: string
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
      /** The token was made by this request. */
      readonly isNew?: true
      readonly warnings?: readonly string[]
    }
  /** Bytes that are made as they leave; read to their end, or left early when nobody takes them. */
  | {
      readonly kind: 'stream'
      readonly contentType: string
      readonly chunks: AsyncIterable<Uint8Array>
    }
  /** The answer is in a wrapping token already. */
  | { readonly kind: 'wrapped'; readonly info: WrapInfo }
  /**
   * For a person: what the page shows. The server draws it in the frame that all its pages have.
   */
  | {
      readonly kind: 'page'
      readonly page: FlowPage
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The backend chose status and body itself. */
  | {
      readonly kind: 'raw'
      readonly status: number
      readonly contentType: string
      readonly body: string | Uint8Array
      readonly headers?: Readonly<Record<string, string>>
      /** The body is an answer that had been wrapped. */
      readonly isUnwrapped?: true
    }

export const reply = {
  none: (warnings: readonly string[] = []): Reply =>
    warnings.length === 0 ? { kind: 'none' } : { kind: 'none', warnings },
  /** Nothing to tell, once the work is done. */
  done: async (work: Promise<unknown>): Promise<Reply> => {
    await work
    return reply.none()
  },
  /** What is there, as it is shown; nothing where it is not. */
  found: <T>(value: T | undefined, show: (value: T) => JsonObject): Reply =>
    value === undefined ? reply.none() : reply.data(show(value)),
  /** Goes on in the background: an envelope without data, as typed clients read it. */
  accepted: (warning: string): Reply => ({ kind: 'none', status: 202, warnings: [warning] }),
  /** Of a tidy that was started by this request, or had been before. */
  tidied: (started: boolean): Reply =>
    started
      ? reply.accepted(
          'Tidy operation successfully started. Any information from the operation will be printed to the server logs.',
        )
      : reply.none(['Tidy operation already in progress.']),
  data: (data: JsonObject | JsonText, warnings?: readonly string[]): Reply =>
    warnings === undefined ? { kind: 'data', data } : { kind: 'data', data, warnings },
  list: (keys: readonly string[], keyInfo?: Readonly<Record<string, JsonValue>>): Reply =>
    keyInfo === undefined ? { kind: 'list', keys } : { kind: 'list', keys, keyInfo },
} as const
