/**
 * What the log of logins is told about a login of this method. Claims are on an allow-list, that of
 * the mount or else those that the role refers to with iss, sub, aud, exp and iat; and only of a
 * token that was proven.
 */

import type { LoginNote, LoginTimes } from '../../framework/login-log.ts'
import { encodeJson, member, type JsonObject, type JsonValue } from '../../lib/json.ts'
import { mask, maskSecrets } from '../../lib/masked-text.ts'
import type { Result } from '../../lib/result.ts'
import type { Decision, ProvenKey, SignatureProblem } from '../../trust/decide.ts'
import {
  literalReference,
  parseReference,
  resolveReference,
  type ClaimReference,
} from '../../trust/pointer.ts'
import type { CompiledRole } from '../../trust/role-rules.ts'
import { maskTokens, tokenMark } from '../../trust/shown-value.ts'

/** explain.md §4: a value of the record of a login has at most so many characters. */
const valueLengthMax = 256

const alwaysShown = ['iss', 'sub', 'aud', 'exp', 'iat'].map(literalReference)
/** Each once: they are the same for all logins through a role. */
const referencesOfRoles = new WeakMap<CompiledRole, readonly ClaimReference[]>()
/** By the list of a configuration, which stays the same while that does. */
const referencesOfLists = new WeakMap<readonly string[], readonly ClaimReference[]>()

export interface Noted extends LoginTimes {
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
  /** Names of claims that a program looks at besides. */
  readonly programClaims?: readonly string[] | undefined
  /** `record_claims` of the mount; undefined or empty for the claims that the role refers to. */
  readonly recordClaims: readonly string[] | undefined
}

export function noteOf(noted: Noted): LoginNote {
  const { kind, roleName, role, decision, signature, claims, issuer, recordClaims = [] } = noted
  const failure = decision.kind === 'refused' ? decision.failure : undefined
  const proven = signature?.ok === true ? claims : undefined
  const isListed = proven !== undefined && recordClaims.length > 0
  const shown =
    proven === undefined
      ? undefined
      : isListed
        ? listedClaims(proven, recordClaims)
        : shownClaims(proven, lookedAt(role, noted.programClaims))
  return {
    role: roleName,
    reason: failure?.reason,
    check: failure?.check,
    claim: failure?.claim,
    roleVersion: role?.version,
    kind,
    issuer: issuerOf(proven) ?? issuer,
    keyId: signature?.ok === true ? keyOf(signature.value) : undefined,
    claims: shown,
    verifyMs: noted.verifyMs,
    keysMs: noted.keysMs,
    decideMs: noted.decideMs,
    claimsListed: isListed || undefined,
  }
}

/** A key that was given without an id is known by its thumbprint (RFC 7638). */
function keyOf({ keyId, thumbprint }: ProvenKey): string {
  return keyId ?? thumbprint
}

function issuerOf(claims: JsonObject | undefined): string | undefined {
  const iss = claims === undefined ? undefined : member(claims, 'iss')
  const shown = typeof iss === 'string' ? shownValue(iss) : undefined
  return typeof shown === 'string' ? shown : undefined
}

/** What a login through that role looks at, or what every login does when there is none. */
export function lookedAt(
  role: CompiledRole | undefined,
  programClaims: readonly string[] = [],
): readonly ClaimReference[] {
  if (programClaims.length > 0) return [...alwaysShown, ...programClaims.map(literalReference)]
  if (role === undefined) return alwaysShown
  const known = referencesOfRoles.get(role)
  if (known !== undefined) return known
  const { userClaim, groupsClaim, claimRules, mappings } = role
  const all = [
    ...alwaysShown,
    userClaim,
    ...(groupsClaim === undefined ? [] : [groupsClaim]),
    ...claimRules.map(({ reference }) => reference),
    ...mappings.map(({ reference }) => reference),
  ]
  const references = all.filter(({ text }, i) => all.findIndex((one) => one.text === text) === i)
  referencesOfRoles.set(role, references)
  return references
}

function shownClaims(claims: JsonObject, references: readonly ClaimReference[]): JsonObject {
  const shown: [string, JsonValue][] = []
  for (const reference of references) {
    const value = resolveReference(claims, reference)
    if (value !== undefined) shown.push([reference.text, shownValue(value)])
  }
  return Object.fromEntries(shown)
}

/** Null says that the token has none: what is not listed may have been there. */
function listedClaims(claims: JsonObject, names: readonly string[]): JsonObject {
  let references = referencesOfLists.get(names)
  if (references === undefined) {
    references = names.map(parseReference)
    referencesOfLists.set(names, references)
  }
  return Object.fromEntries(
    references.map((reference) => {
      const value = resolveReference(claims, reference)
      return [reference.text, value === undefined ? null : shownValue(value)]
    }),
  )
}

/** Whether every record that goes by no list would have that claim, had the token had it. */
export function isAlwaysKept(name: string): boolean {
  return alwaysShown.some(({ text }) => text === name)
}

/** Whether a record says of that claim what the token had: it was kept, and whole. */
export function isKeptWhole(claims: JsonObject, { text }: ClaimReference): boolean {
  const value = member(claims, text)
  return value !== undefined && !isCut(value)
}

/** Whether a kept value is less than the token had: cut, or with a secret masked in it. */
export function isCut(value: JsonValue | undefined): boolean {
  if (typeof value !== 'string') return false
  return value.length >= valueLengthMax || value.includes(mask) || value.includes(tokenMark)
}

/** As it is where it is short and no token stands in it; else a text of it, masked and cut. */
function shownValue(value: JsonValue): JsonValue {
  const text = typeof value === 'string' ? value : encodeJson(value)
  const masked = maskSecrets(maskTokens(text))
  if (masked === text && text.length <= valueLengthMax) return value
  return masked.slice(0, valueLengthMax)
}
