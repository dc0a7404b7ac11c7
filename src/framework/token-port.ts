/**
 * What the token method (auth/token) asks of the core. The core implements it; the plugin sees only
 * this. `Known` is what the core knows of the caller: the plugin hands back what it was handed.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Soon } from '../lib/soon.ts'
import type { AuthFields } from './api.ts'
import type { Page } from './named-records.ts'
import type { TokenRole } from './token-role.ts'

export interface TokenCreation {
  readonly id: string | undefined
  readonly policies: readonly string[]
  readonly meta: Readonly<Record<string, string>> | undefined
  readonly noParent: boolean
  readonly noDefaultPolicy: boolean
  readonly renewable: boolean
  /** Seconds; 0 is unset. */
  readonly ttlSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly periodSeconds: number
  /**
   * What is wrong with the text of one of them; refused after everything else (platform.md §3.4).
   */
  readonly durationProblem: string | undefined
  readonly displayName: string
  readonly numUses: number
  readonly type: string
  readonly entityAlias: string
  /** Made through `create-orphan`: an orphan without sudo. */
  readonly orphanPath: boolean
  readonly path: string
  /** Made through `create/<role>`. */
  readonly role: TokenRole | undefined
}

export interface TokenAnswer {
  readonly auth: AuthFields
  readonly warnings: readonly string[]
}

/** A token named by a request: its text, or its accessor. */
export type TokenName =
  | { readonly kind: 'self' }
  | { readonly kind: 'token'; readonly text: string }
  | { readonly kind: 'accessor'; readonly accessor: string }

/** Who asks for a renewal, and from where. */
export interface Renewer<Known> {
  readonly caller: Known
  readonly clientAddress: string | undefined
}

export interface TokenPort<Known> {
  create(creation: TokenCreation, caller: Known, sudo: boolean): Promise<TokenAnswer>
  /**
   * Members of the lookup answer, or undefined when there is no such live token. Its `id` is the
   * text that was presented; an accessor gives none.
   */
  lookup(name: TokenName, caller: Known, id: string): Soon<JsonObject | undefined>
  /** Undefined when there is no such live token; throws a refusal when it may not be renewed. */
  renew(
    name: TokenName,
    incrementSeconds: number,
    by: Renewer<Known>,
  ): Promise<TokenAnswer | undefined>
  /** Durable when it resolves; false when there was no such token. */
  revoke(name: TokenName, caller: Known, keepChildren: boolean): Promise<boolean>
  accessors(page: Page): Promise<readonly string[]>
  /** False when a tidy is already running. */
  tidy(): boolean
}
