/**
 * What goes into the checks of a login. Each flow has the facts that its checks ask for; types
 * only.
 */

import type { JwtProblem, ParsedJwt } from '../jose/compact-jwt.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Result } from '../lib/result.ts'
import type { CelOperation, CelProgram } from './cel-program.ts'
import type { TemplateEnvironment } from './policy-template.ts'
import type { CompiledRole } from './role-rules.ts'
import type { Disclosure } from './sentence.ts'

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

/** What every login has, whatever its flow. */
export interface SharedFacts {
  /** With its slash, like `jwt/`. */
  readonly mountPath: string
  /** The role of that name, or of the default name. */
  readonly role: CompiledRole | undefined
  readonly compat: Compat
  readonly sourceAddress: string | undefined
  /** Undefined until the keys were asked for. */
  readonly signature: Result<ProvenKey, SignatureProblem> | undefined
  readonly config: Pick<LoginConfig, 'has_provider'>
  /**
   * Claims after the provider's lookup; undefined until it was asked, or when the mount has none.
   */
  readonly provided?: Result<JsonObject, ProviderProblem> | undefined
  readonly nowSeconds: number
  readonly env: TemplateEnvironment
  readonly explainToCaller: Disclosure
  /** For the hint to the operator in the sentence. */
  readonly requestId?: string | undefined
}

export interface JwtLoginInput extends SharedFacts {
  readonly config: LoginConfig
  /** Empty when the request names none. */
  readonly requestedRole: string
  readonly token: Presented | undefined
}

/** A login through a role whose program decides; its `role` has what the checks before it need. */
export interface CelLoginInput extends JwtLoginInput {
  /** Undefined when there is no such role. */
  readonly program: CelProgram | undefined
  readonly operation: CelOperation
  /** What somebody hears who is turned away by `false`; empty for the standard text. */
  readonly message: string
}

/** What of the sign-in an ID token must fit. */
export interface SignInFacts {
  readonly issuer: string
  readonly clientId: string
  /** Undefined in the device flow, which has none. */
  readonly nonce: string | undefined
  /** `max_age` that was asked for, and when; undefined when none was. */
  readonly maxAge: { readonly seconds: number; readonly askedAtSeconds: number } | undefined
  /** What came beside the token; empty when nothing did. */
  readonly accessToken: string
  readonly code: string
}

export interface OidcLoginInput extends SharedFacts {
  readonly role: CompiledRole
  readonly idToken: Presented
  readonly facts: SignInFacts
  /** Claims with user info over them; undefined until the provider was asked. */
  readonly overlaid: JsonObject | undefined
}
