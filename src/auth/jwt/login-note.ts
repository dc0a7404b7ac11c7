/**
 * What the log of logins is told about a login of this method. Claims are on an allow-list: those
 * that the role refers to, and iss, sub, aud, exp and iat; and only of a token that was proven.
 */

import type { LoginNote } from '../../framework/login-log.ts'
import { encodeJson, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Result } from '../../lib/result.ts'
import type { Decision, ProvenKey, SignatureProblem } from '../../trust/decide.ts'
import { literalReference, resolveReference, type ClaimReference } from '../../trust/pointer.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import { maskTokens } from '../../trust/shown-value.ts'

/** explain.md §4: a value of the record of a login has at most so many characters. */
const valueLengthMax = 256

const alwaysShown = ['iss', 'sub', 'aud', 'exp', 'iat'].map(literalReference)

export interface Noted {
  readonly kind: 'jwt' | 'oidc'
  /** As it was asked for, also when there is no such role. */
  readonly roleName: string
  readonly role: CompiledRole | undefined
  readonly decision: Decision
  readonly signature: Result<ProvenKey, SignatureProblem> | undefined
  /** As the token has them; told only when the signature was proven. */
  readonly claims: JsonObject | undefined
  /** The issuer that the mount expects, for a token that was not proven. */
  readonly issuer: string | undefined
}

export function noteOf(noted: Noted): LoginNote {
  const { kind, roleName, role, decision, signature, claims, issuer } = noted
  const failure = decision.kind === 'refused' ? decision.failure : undefined
  const proven = signature?.ok === true ? claims : undefined
  const shown = proven === undefined ? undefined : shownClaims(proven, role)
  return {
    role: roleName,
    reason: failure?.reason,
    check: failure?.check,
    claim: failure?.claim,
    roleVersion: role?.version,
    kind,
    issuer: typeof shown?.['iss'] === 'string' ? shown['iss'] : issuer,
    keyId: signature?.ok === true ? keyOf(signature.value) : undefined,
    claims: shown,
  }
}

/** A key that was given without an id is known by its thumbprint (RFC 7638). */
function keyOf({ keyId, thumbprint }: ProvenKey): string {
  return keyId ?? thumbprint
}

function shownClaims(claims: JsonObject, role: CompiledRole | undefined): JsonObject {
  const shown = new Map<string, JsonValue>()
  const show = (reference: ClaimReference | undefined): void => {
    if (reference === undefined || shown.has(reference.text)) return
    const value = resolveReference(claims, reference)
    if (value === undefined) return
    shown.set(reference.text, shownValue(value))
  }
  alwaysShown.forEach(show)
  show(role?.userClaim)
  show(role?.groupsClaim)
  for (const { reference } of role?.claimRules ?? []) show(reference)
  for (const { reference } of role?.mappings ?? []) show(reference)
  return Object.fromEntries(shown)
}

/** As it is where it is short and no token stands in it; else a text of it, masked and cut. */
function shownValue(value: JsonValue): JsonValue {
  const text = typeof value === 'string' ? value : encodeJson(value)
  const masked = maskTokens(text)
  if (masked === text && text.length <= valueLengthMax) return value
  return masked.slice(0, valueLengthMax)
}
