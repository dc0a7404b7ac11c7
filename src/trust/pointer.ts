/**
 * Claim references: a literal top-level name, or a JSON pointer when they start with a slash
 * (jwt-oidc.md §2.6, RFC 6901). Only own members exist, whatever their names.
 */

import {
  emptyObject,
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'

export interface ClaimReference {
  readonly text: string
  /** Steps from the claims down; undefined for a pointer with a bad escape, which finds nothing. */
  readonly steps: readonly string[] | undefined
}

export function parseReference(text: string): ClaimReference {
  return text.startsWith('/') ? { text, steps: parsePointer(text) } : literalReference(text)
}

export function literalReference(text: string): ClaimReference {
  return { text, steps: [text] }
}

/** The value, or undefined when any step is missing or the value is null. */
export function resolveReference(
  claims: JsonObject,
  reference: ClaimReference,
): Exclude<JsonValue, null> | undefined {
  if (reference.steps === undefined) return undefined
  let value: JsonValue | undefined = claims
  for (const step of reference.steps) {
    if (isJsonArray(value)) value = isIndex(step) ? value[Number(step)] : undefined
    else if (isJsonObject(value)) value = member(value, step)
    else return undefined
  }
  return value ?? undefined
}

/**
 * A copy of the claims with that value put in; missing objects on the way are made. Undefined when
 * a step leads through a scalar or outside a list.
 */
export function assignReference(
  claims: JsonObject,
  reference: ClaimReference,
  value: JsonValue,
): JsonObject | undefined {
  if (reference.steps === undefined) return undefined
  const changed = assign(claims, reference.steps, value)
  return changed !== undefined && isJsonObject(changed) ? changed : undefined
}

/**
 * Claims that were kept under the references of a role, each where its reference looks for it; null
 * stands for one that the token did not have.
 */
export function claimsByReference(kept: JsonObject): JsonObject {
  let claims: JsonObject = Object.fromEntries(
    Object.entries(kept).filter(([, value]) => value !== null),
  )
  for (const [name, value] of Object.entries(kept)) {
    if (value !== null && name.startsWith('/'))
      claims = assignReference(claims, parseReference(name), value) ?? claims
  }
  return claims
}

function assign(
  parent: JsonValue | undefined,
  steps: readonly string[],
  value: JsonValue,
): JsonValue | undefined {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (isJsonArray(parent)) {
    if (!isIndex(step) || Number(step) >= parent.length) return undefined
    const item = assign(parent[Number(step)], rest, value)
    return item === undefined ? undefined : parent.with(Number(step), item)
  }
  if (parent !== undefined && parent !== null && !isJsonObject(parent)) return undefined
  const object = emptyObject()
  if (parent) for (const name of Object.keys(parent)) object[name] = parent[name] ?? null
  const item = assign(parent ? member(parent, step) : undefined, rest, value)
  if (item === undefined) return undefined
  object[step] = item
  return object
}

function parsePointer(text: string): string[] | undefined {
  // RFC 6901 §3: a tilde stands only before 0 or 1.
  if (/~(?![01])/.test(text)) return undefined
  // RFC 6901 §4: ~1 first, so that ~01 gives ~1 and not a slash.
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

// RFC 6901 §4: no leading zeros; the references also read hex and octal, we do not.
function isIndex(step: string): boolean {
  return /^(?:0|[1-9][0-9]{0,8})$/.test(step)
}
