/**
 * What the log of logins is told about a login of this method. Claims are on an allow-list: those
 * that the role refers to, and iss, sub, aud, exp and iat; and only of a token that was proven.
 */

import type { LoginNote } from '../../framework/login-log.ts'
import { encodeJson, type JsonObject } from '../../lib/json.ts'
import type { Result } from '../../lib/result.ts'
import type { Decision, ProvenKey, SignatureProblem } from '../../trust/decide.ts'
import {
  literalReference,
  parseReference,
  resolveReference,
  type ClaimReference,
} from '../../trust/pointer.ts'
import { maskTokens } from '../../trust/shown-value.ts'
import { parseUserClaim } from '../../trust/user-claim.ts'
import type { RoleRecord } from './role-record.ts'

/** Explain contract §4: a value of the record of a login has at most so many characters. */
const valueLengthMax = 256
const alwaysShown = ['iss', 'sub', 'aud', 'exp', 'iat']

export interface Noted {
  readonly role: string
  readonly record: RoleRecord | undefined
  readonly decision: Decision
  readonly signature: Result<ProvenKey, SignatureProblem> | undefined
  /** As the token has them; told only when the signature was proven. */
  readonly claims: JsonObject | undefined
  /** The issuer that the mount expects, for a token that was not proven. */
  readonly issuer: string | undefined
}

export function noteOf({ role, record, decision, signature, claims, issuer }: Noted): LoginNote {
  const failure = decision.kind === 'refused' ? decision.failure : undefined
  const proven = signature?.ok === true ? claims : undefined
  const shown = proven === undefined ? undefined : shownClaims(proven, record)
  return {
    role,
    reason: failure?.reason,
    check: failure?.check,
    claim: failure?.claim,
    issuer: shown?.['iss'] ?? issuer,
    keyId: signature?.ok === true ? keyOf(signature.value) : undefined,
    claims: shown,
  }
}

function shownClaims(
  claims: JsonObject,
  record: RoleRecord | undefined,
): Readonly<Record<string, string>> {
  const shown = new Map<string, string>()
  const references = [...alwaysShown.map(literalReference), ...referencesOf(record)]
  for (const reference of references) {
    const value = resolveReference(claims, reference)
    if (value === undefined || shown.has(reference.text)) continue
    const text = typeof value === 'string' ? value : encodeJson(value)
    shown.set(reference.text, maskTokens(text).slice(0, valueLengthMax))
  }
  return Object.fromEntries(shown)
}

/** A key that was given without an id is known by its thumbprint (RFC 7638). */
function keyOf({ keyId, thumbprint }: ProvenKey): string {
  return keyId ?? thumbprint
}

/** The claims that a role looks at. */
function referencesOf(record: RoleRecord | undefined): readonly ClaimReference[] {
  if (record === undefined) return []
  const { user_claim: user, groups_claim: groups } = record
  const names = [
    ...(groups === '' ? [] : [groups]),
    ...Object.keys(record.bound_claims ?? {}),
    ...Object.keys(record.claim_mappings ?? {}),
  ]
  return [parseUserClaim(user, record.user_claim_json_pointer), ...names.map(parseReference)]
}
