/**
 * The decision about a login with a JWT: a pure function of configuration, role, token, request and time.
 *
 * The login handler is this function with I/O before and after it; explain, preview and replay call the same
 * function with `evaluateAll`. Order and texts: contract jwt-oidc.md §3.2, design ux.md §3.6.
 */

import type { JsonObject } from '../lib/json.ts'
import type { Decision, JwtLoginInput, LoginOutcome, Step } from './decision.ts'
import { checkIdentity, checkUser } from './identity-checks.ts'
import { reasonStatus, type Reason } from './reasons.ts'
import { checkRequest } from './request-checks.ts'
import { sentenceFor, type Disclosure } from './sentence.ts'
import { checkToken, failSignature, failToken } from './token-checks.ts'
import { Trace, type Failure } from './trace.ts'

export type * from './decision.ts'

export function decideJwtLogin(input: JwtLoginInput): Step {
  const trace = new Trace(input.evaluateAll)
  checkRequest(trace, input)
  if (trace.isOver) return decided(trace, input, undefined)
  const claims = checkProof(trace, input)
  if (claims === 'needs_signature') return { kind: 'needs_signature' }
  if (trace.isOver || claims === undefined) return decided(trace, input, undefined)
  checkToken(trace, input, claims)
  const { role } = input
  if (trace.isOver || role === undefined) return decided(trace, input, undefined)
  const aliasName = checkUser(trace, role, claims)
  if (trace.isOver) return decided(trace, input, undefined)
  const provided = checkProvider(trace, input, claims)
  if (provided === 'needs_provider') return { kind: 'needs_provider' }
  if (trace.isOver) return decided(trace, input, undefined)
  const outcome = checkIdentity(trace, { ...input, role }, provided, aliasName)
  return decided(trace, input, trace.isOver ? undefined : outcome)
}

/** Decides about claims without a token: every check that rests on a signature reads `unverified`. */
export function decideClaims(
  input: Omit<JwtLoginInput, 'token' | 'signature' | 'evaluateAll'> & {
    readonly claims: JsonObject
  },
): Step {
  const { claims, ...rest } = input
  return decideJwtLogin({ ...rest, token: { claims }, signature: undefined, evaluateAll: true })
}

/**
 * A refusal by what comes after the decision: a disabled entity, a quota, the store. The list keeps what was
 * found and shows the refusal at its end.
 */
export function refuseAfterwards(
  decision: Decision,
  failure: { readonly reason: Reason; readonly text: string },
  disclosure: Disclosure,
  requestId?: string,
): Decision {
  const last = decision.checks.length - 1
  const checks = decision.checks.map((check, i) =>
    i === last
      ? {
          ...check,
          status: 'fail' as const,
          reason: failure.reason,
          compatible_error: failure.text,
        }
      : check,
  )
  return {
    ...decision,
    accepted: false,
    reason: failure.reason,
    status: reasonStatus(failure.reason),
    text: failure.text,
    sentence: sentenceFor(failure, disclosure, requestId),
    checks,
  }
}

/** Key source, form and signature; gives the claims that may be judged from here on. */
function checkProof(
  trace: Trace,
  input: JwtLoginInput,
): JsonObject | 'needs_signature' | undefined {
  const { token, signature } = input
  if (token === undefined) return undefined
  if ('claims' in token) {
    trace.isProven = false
    trace.pass('key_source')
    trace.pass('signature')
    return token.claims
  }
  if (!token.ok) {
    failToken(trace, token.error)
    return undefined
  }
  if (signature === undefined) {
    // Nothing is fetched for a login that is refused anyway, also not to explain it.
    if (trace.failure === undefined) return 'needs_signature'
    trace.isProven = false
  } else if (!signature.ok) {
    failSignature(trace, signature.error)
    return token.value.claims
  }
  trace.pass('key_source')
  trace.pass('signature', () => ({
    got: { alg: token.value.header.alg, kid: token.value.header.kid ?? null },
  }))
  return token.value.claims
}

/** The claims with what the provider of the mount adds to them. */
function checkProvider(
  trace: Trace,
  input: JwtLoginInput,
  claims: JsonObject,
): JsonObject | 'needs_provider' {
  const { provided } = input
  if (input.config.has_provider !== true) return claims
  if (provided === undefined) {
    // As with keys: a refused login, or one that only is explained, asks nobody.
    return trace.failure === undefined && trace.isProven ? 'needs_provider' : claims
  }
  if (provided.ok) {
    trace.pass('provider')
    return provided.value
  }
  trace.fail('provider', { reason: provided.error.reason, text: provided.error.detail })
  return claims
}

function decided(trace: Trace, input: JwtLoginInput, outcome: LoginOutcome | undefined): Step {
  const { failure, checks, alsoFails } = trace
  return {
    kind: 'decided',
    decision: {
      accepted: failure === undefined && outcome !== undefined,
      reason: failure?.reason,
      status: failure === undefined ? 200 : reasonStatus(failure.reason),
      proven: trace.isProven && hasToken(input),
      text: failure?.text ?? '',
      sentence: failure === undefined ? undefined : sentenceOf(failure, input),
      checks,
      also_fails: alsoFails,
      outcome,
    },
  }
}

/** A signature that was asked for and found good, and not just nothing that spoke against one. */
function hasToken({ token, signature }: JwtLoginInput): boolean {
  return token !== undefined && 'ok' in token && token.ok && signature?.ok === true
}

function sentenceOf(failure: Failure, input: JwtLoginInput): string | undefined {
  // Vault compatibility: one element in `errors`, as its clients have always seen.
  const disclosure = input.compat === 'vault' ? 'none' : input.explainToCaller
  return sentenceFor(failure, disclosure, input.requestId)
}
