/**
 * What an auth method says about a login without making one (explain.md §3): the same checks as the
 * login itself, to their end.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Explanation } from '../trust/decision.ts'
import type { Reason } from '../trust/reasons.ts'
import type { Login } from './reply.ts'

export type PresentedLogin =
  | { readonly kind: 'jwt'; readonly jwt: string }
  /** Claims without a token: every check that rests on a signature reads `unverified`. */
  | { readonly kind: 'claims'; readonly claims: JsonObject }

export interface ExplainAsked {
  /** Empty for the mount's default role. */
  readonly role: string
  readonly presented: PresentedLogin
  /** As which kind of login; undefined for that of the role. */
  readonly kind: 'jwt' | 'oidc' | undefined
  /** As if called from there. */
  readonly clientAddress: string | undefined
  /** As of then. */
  readonly nowMs: number
  readonly requestId: string
}

export interface ExplainedLogin {
  /** As it was asked for, or the mount's default. */
  readonly role: string
  /** 0 when there is no such role. */
  readonly roleVersion: number
  readonly issuer: string | undefined
  /** Of the key that proved the signature. */
  readonly keyId: string | undefined
  readonly explanation: Explanation
  /** What the token would be made from; undefined when a part of it could not be worked out. */
  readonly login: Login | undefined
}

export interface RoleVerdict {
  readonly role: string
  /** Undefined when the role would accept. */
  readonly reason: Reason | undefined
  /** Of an accepted one: what the core would make of it. */
  readonly login?: Login | undefined
}

export interface AllRoles {
  readonly roles: readonly RoleVerdict[]
  /** There are more roles than were judged. */
  readonly truncated: boolean
}

/** Never mints, never counts, and asks nobody whom a login would not ask. */
export interface LoginExplainer {
  explain(asked: ExplainAsked): Promise<ExplainedLogin>
  /** The same token under each role of the mount, up to `rolesMax` of them. */
  explainRoles(asked: Omit<ExplainAsked, 'role'>, rolesMax: number): Promise<AllRoles>
  /** Names of roles, at most so many. */
  roleNames(limit: number): Promise<readonly string[]>
}
