/**
 * The decision about a sign-in with OpenID Connect: a pure function of configuration, role, ID token, user info, request and time (contract
 * jwt-oidc.md §4.9, §4.11). It fills the same list of checks as `decide.ts`, and what a role makes of claims is the same code.
 */

import type { JwtProblem, ParsedJwt } from '../jose/compact-jwt.ts'
import { emptyObject, member, type JsonObject } from '../lib/json.ts'
import type { Result } from '../lib/result.ts'
import type {
  Compat,
  Decision,
  LoginOutcome,
  ProvenKey,
  ProviderProblem,
  SignatureProblem,
} from './decision.ts'
import { checkIdToken, type SignInFacts } from './id-token.ts'
import { checkIdentity, checkUser } from './identity-checks.ts'
import type { TemplateEnvironment } from './policy-template.ts'
import { reasonStatus } from './reasons.ts'
import { checkRoleOfSignIn, checkSource } from './request-checks.ts'
import type { CompiledRole } from './role-rules.ts'
import { sentenceFor, type Disclosure } from './sentence.ts'
import { Trace, type Failure } from './trace.ts'

export interface OidcLoginInput {
  /** With its slash, like `oidc/`. */
  readonly mountPath: string
  readonly role: CompiledRole
  readonly compat: Compat
  readonly sourceAddress: string | undefined
  readonly idToken: Result<ParsedJwt, JwtProblem>
  /** Undefined until the keys were asked for. */
  readonly signature: Result<ProvenKey, SignatureProblem> | undefined
  readonly facts: SignInFacts
  /** Claims with user info over them; undefined until the provider was asked. */
  readonly overlaid: JsonObject | undefined
  readonly has_provider: boolean
  /** Claims after the provider's lookup; undefined until it was asked. */
  readonly provided: Result<JsonObject, ProviderProblem> | undefined
  readonly nowSeconds: number
  readonly env: TemplateEnvironment
  readonly explainToCaller: Disclosure
  readonly evaluateAll: boolean
  readonly requestId?: string | undefined
}

export type OidcStep =
  | { readonly kind: 'needs_signature' }
  /** The ID token is proven: ask for user info, and decide again with `overlaid`. */
  | { readonly kind: 'needs_user_info'; readonly claims: JsonObject }
  | { readonly kind: 'needs_provider'; readonly claims: JsonObject }
  | {
      readonly kind: 'decided'
      readonly decision: Decision
      /** The ID token itself was refused, and not what the role makes of it. */
      readonly isTokenRefused: boolean
    }

export function decideOidcLogin(input: OidcLoginInput): OidcStep {
  const trace = new Trace(input.evaluateAll)
  const { role } = input
  trace.pass('config', () => ({ got: input.mountPath }))
  trace.pass('role_name', () => ({ got: role.name }))
  trace.pass('role')
  checkRoleOfSignIn(trace, role)
  if (trace.isOver) return decided(trace, input, undefined, false)
  trace.pass('token')
  checkSource(trace, input)
  if (trace.isOver) return decided(trace, input, undefined, false)
  const { idToken } = input
  if (!idToken.ok) {
    const { reason, detail } = idToken.error
    trace.fail(reason === 'algorithm_refused' ? 'algorithm' : 'signature', { reason, text: detail })
    return decided(trace, input, undefined, true)
  }
  if (input.signature === undefined) return { kind: 'needs_signature' }
  if (!input.signature.ok) {
    const { reason, detail } = input.signature.error
    const id = reason === 'key_source_invalid' ? 'key_source' : 'signature'
    trace.fail(id, { reason, text: detail })
    trace.isProven = false
  } else {
    trace.pass('key_source')
    trace.pass('signature')
  }
  if (trace.isOver) return decided(trace, input, undefined, true)
  checkIdToken(trace, { ...input, jwt: idToken.value })
  if (trace.isOver) return decided(trace, input, undefined, true)
  const claims = withoutNonce(idToken.value.claims)
  checkBoundSubject(trace, role, claims)
  if (trace.isOver) return decided(trace, input, undefined, false)
  if (input.overlaid === undefined) return { kind: 'needs_user_info', claims }
  const aliasName = checkUser(trace, role, input.overlaid)
  if (trace.isOver) return decided(trace, input, undefined, false)
  const provided = provide(trace, input, input.overlaid)
  if ('kind' in provided) return provided.step
  if (trace.isOver) return decided(trace, input, undefined, false)
  const outcome = checkIdentity(trace, input, provided.claims, aliasName)
  return decided(trace, input, trace.isOver ? undefined : outcome, false)
}

function provide(
  trace: Trace,
  input: OidcLoginInput,
  claims: JsonObject,
): { readonly claims: JsonObject } | { readonly kind: 'step'; readonly step: OidcStep } {
  if (!input.has_provider) return { claims }
  if (input.provided === undefined)
    return { kind: 'step', step: { kind: 'needs_provider', claims } }
  if (input.provided.ok) {
    trace.pass('provider')
    return { claims: input.provided.value }
  }
  trace.fail('provider', {
    reason: input.provided.error.reason,
    text: input.provided.error.detail,
  })
  return { claims }
}

/** It was compared already, and no rule of a role may depend on it. */
function withoutNonce(claims: JsonObject): JsonObject {
  const rest = emptyObject()
  for (const [name, value] of Object.entries(claims)) if (name !== 'nonce') rest[name] = value
  return rest
}

function checkBoundSubject(trace: Trace, role: CompiledRole, claims: JsonObject): void {
  const want = role.rules.bound_subject
  if (want === '') return
  const got = member(claims, 'sub')
  const shown = { claim: 'sub', expected: want, ...(got === undefined ? {} : { got }) }
  if (got === want) trace.pass('subject', () => shown)
  else {
    const text = 'sub claim does not match bound subject'
    trace.fail('subject', { reason: 'subject_mismatch', text, ...shown })
  }
}

function decided(
  trace: Trace,
  input: OidcLoginInput,
  outcome: LoginOutcome | undefined,
  isTokenRefused: boolean,
): OidcStep {
  const { failure, checks, alsoFails } = trace
  const decision: Decision = {
    accepted: failure === undefined && outcome !== undefined,
    reason: failure?.reason,
    status: failure === undefined ? 200 : reasonStatus(failure.reason),
    proven: trace.isProven && input.signature?.ok === true,
    text: failure?.text ?? '',
    sentence: failure === undefined ? undefined : sentenceOf(failure, input),
    checks,
    also_fails: alsoFails,
    outcome,
  }
  return { kind: 'decided', decision, isTokenRefused }
}

function sentenceOf(failure: Failure, input: OidcLoginInput): string | undefined {
  const disclosure = input.compat === 'vault' ? 'none' : input.explainToCaller
  return sentenceFor(failure, disclosure, input.requestId)
}
