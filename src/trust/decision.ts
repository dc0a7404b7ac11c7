/** What goes into a login decision and what comes out of it. Types only; `decide.ts` decides. */

import type { JwtProblem, ParsedJwt } from '../jose/compact-jwt.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Result } from '../lib/result.ts'
import type { TemplateEnvironment } from './policy-template.ts'
import type { Reason, ReasonEntry } from './reasons.ts'
import type { CompiledRole } from './role-rules.ts'
import type { Disclosure } from './sentence.ts'
import type { Check } from './trace.ts'

export type Compat = 'strict' | 'vault'

export interface LoginConfig {
  readonly configured: boolean
  readonly bound_issuer: string
  /** Issuer of the discovery document or of the cluster, where the mount has one. */
  readonly discovered_issuer: string | undefined
  readonly token_audiences: readonly string[]
  readonly default_role: string
  /** The mount has a provider that looks up groups or claims; see `provided`. */
  readonly has_provider?: boolean
}

export interface ProvenKey {
  readonly keyId: string | undefined
  readonly thumbprint: string
}

export interface SignatureProblem {
  readonly reason:
    | 'key_source_invalid'
    | 'keys_unreachable'
    | 'keys_stale'
    | 'key_unknown'
    | 'key_unusable'
    | 'signature_invalid'
    /** No issuer of the mount has the name that the token gives, so there are no keys to try. */
    | 'issuer_missing'
    | 'issuer_unknown'
  /** For `errors[0]`: names URLs and key ids, never a part of the token but its form. */
  readonly detail: string
}

export interface ProviderProblem {
  readonly reason: 'provider_failed' | 'groups_truncated' | 'userinfo_failed'
  readonly detail: string
}

/** A token as it was read, or bare claims to be judged without one. */
export type Presented = Result<ParsedJwt, JwtProblem> | { readonly claims: JsonObject }

export interface JwtLoginInput {
  /** With its slash, like `jwt/`. */
  readonly mountPath: string
  readonly config: LoginConfig
  /** Empty when the request names none. */
  readonly requestedRole: string
  /** The role of that name, or of the default name. */
  readonly role: CompiledRole | undefined
  readonly compat: Compat
  readonly token: Presented | undefined
  readonly sourceAddress: string | undefined
  /** Undefined until the keys were asked for. */
  readonly signature: Result<ProvenKey, SignatureProblem> | undefined
  /** Claims after the provider's lookup; undefined until it was asked, or when the mount has none. */
  readonly provided?: Result<JsonObject, ProviderProblem> | undefined
  readonly nowSeconds: number
  readonly env: TemplateEnvironment
  readonly explainToCaller: Disclosure
  readonly evaluateAll: boolean
  /** For the hint to the operator in the sentence. */
  readonly requestId?: string | undefined
}

/** What a token would be made from. */
export interface LoginOutcome {
  readonly aliasName: string
  readonly aliasMetadata: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
  readonly groups: readonly string[]
  /** Without the prefix of the mount. */
  readonly displayName: string
  /** Tidy and sorted; `default` is not added here. */
  readonly tokenPolicies: readonly string[]
  readonly boundCidrs: readonly string[]
  /** The address in `boundCidrs` is the caller's own. */
  readonly sourceAddressBound: boolean
  readonly claims: JsonObject
}

export interface Decision {
  readonly accepted: boolean
  /** The first failure in login order, undefined when accepted. */
  readonly reason: Reason | undefined
  readonly status: 200 | ReasonEntry['status']
  /** The signature was proven. Nothing may be minted from a decision about bare claims. */
  readonly proven: boolean
  /** `errors[0]`, empty when accepted. */
  readonly text: string
  /** `errors[1]`, where the caller may have one. */
  readonly sentence: string | undefined
  readonly checks: readonly Check[]
  readonly also_fails: readonly Reason[]
  readonly outcome: LoginOutcome | undefined
}

export type Step =
  /** Everything before the keys is in order: fetch them, verify, and decide again with `signature`. */
  | { readonly kind: 'needs_signature' }
  /** Everything before the provider is in order: ask it, and decide again with `provided`. */
  | { readonly kind: 'needs_provider' }
  | { readonly kind: 'decided'; readonly decision: Decision }
