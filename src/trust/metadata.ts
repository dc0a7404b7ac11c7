/** Claims that a role copies into the metadata of alias and token (jwt-oidc.md §2.7 and §2.1). */

import { setMember, type JsonObject, type JsonValue } from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseReference, resolveReference, type ClaimReference } from './pointer.ts'

export interface ClaimMapping {
  readonly reference: ClaimReference
  /** Name of the metadata entry. */
  readonly target: string
  /** The claim may be absent and is then left out. */
  readonly optional: boolean
}

export type MetadataProblem =
  | { readonly reason: 'metadata_missing'; readonly claim: string }
  | { readonly reason: 'metadata_type'; readonly claim: string; readonly got: JsonValue }

export function parseClaimMappings(
  mappings: Readonly<Record<string, string>> | null,
  optional: readonly string[],
): readonly ClaimMapping[] {
  const isAllOptional = optional.length === 1 && optional[0] === '*'
  return Object.entries(mappings ?? {}).map(([claim, target]) => ({
    reference: parseReference(claim),
    target,
    optional: isAllOptional || optional.includes(claim),
  }))
}

/** The mapped entries; `compat=vault` treats every mapping as optional. */
export function checkClaimMappings(
  claims: JsonObject,
  mappings: readonly ClaimMapping[],
  compat: 'strict' | 'vault',
): Result<Readonly<Record<string, string>>, MetadataProblem> {
  const metadata: Record<string, string> = {}
  for (const { reference, target, optional } of mappings) {
    const got = resolveReference(claims, reference)
    if (got === undefined) {
      if (optional || compat === 'vault') continue
      return err({ reason: 'metadata_missing', claim: reference.text })
    }
    // Ruling R10: NUL ends a string for some of those who will read the metadata.
    if (typeof got !== 'string' || got.includes('\0')) {
      return err({ reason: 'metadata_type', claim: reference.text, got })
    }
    setMember(metadata, target, got)
  }
  return ok(metadata)
}

/** Fixed entries of the role first; what comes from claims, and the name of the role, win. */
export function mergeMetadata(
  fixed: Readonly<Record<string, string>>,
  mapped: Readonly<Record<string, string>>,
  roleName: string,
): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = {}
  for (const name of Object.keys(fixed)) setMember(metadata, name, fixed[name] ?? '')
  for (const name of Object.keys(mapped)) setMember(metadata, name, mapped[name] ?? '')
  metadata['role'] = roleName
  return metadata
}
