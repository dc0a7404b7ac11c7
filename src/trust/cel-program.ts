/**
 * What a CEL role decides by, as the checks of a login see it (jwt-oidc.md §6). Types only: the
 * library behind it is loaded by `cel.ts`, with the first role that needs it.
 */

import type { JsonObject } from '../lib/json.ts'

/** What the program gives to somebody whom it lets in; durations in whole seconds. */
export interface CelGrant {
  /** Without one the token belongs to no entity. */
  readonly alias:
    { readonly name: string; readonly metadata: Readonly<Record<string, string>> } | undefined
  readonly groups: readonly string[]
  readonly policies: readonly string[]
  readonly noDefaultPolicy: boolean
  readonly displayName: string
  readonly metadata: Readonly<Record<string, string>>
  readonly boundCidrs: readonly string[]
  readonly numUses: number
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly periodSeconds: number
  readonly explicitMaxTtlSeconds: number
  readonly renewable: boolean
  readonly tokenType: 'default' | 'service' | 'batch'
  readonly internalData: JsonObject | undefined
}

export type CelAnswer =
  | { readonly kind: 'grant'; readonly grant: CelGrant }
  /** It said no: with `false`, or with a text of its own. */
  | { readonly kind: 'blocked'; readonly text: string | undefined }
  /** It could not be evaluated, or answered something that is neither. */
  | { readonly kind: 'failed'; readonly detail: string }

export type CelOperation = 'update' | 'alias-lookahead'

export interface CelProgram {
  /** Names of the claims that it looks at; undefined when it may look at any of them. */
  readonly claims: readonly string[] | undefined
  readonly evaluate: (
    claims: JsonObject,
    context: { readonly nowMs: number; readonly operation: CelOperation },
  ) => CelAnswer
}

/** As a role has it. */
export interface CelSource {
  readonly variables: readonly { readonly name: string; readonly expression: string }[]
  readonly expression: string
}
