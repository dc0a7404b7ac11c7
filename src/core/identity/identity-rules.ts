/**
 * What names, metadata and policies of entities, aliases and groups may be (platform.md §5.1,
 * §5.4), and how many of each there may be. Throws a 400 that names the field.
 */

import { invalid } from '../../framework/refusal.ts'
import { isPrintable } from '../../lib/printable.ts'
import { foldText } from '../../schema/field.ts'
import { policyNameCharsMax } from '../policies.ts'
import type { EntityRecord } from '../records.ts'

type Texts = Readonly<Record<string, string>>

/** Of an entity, a group or an alias. */
export const identityNameCharsMax = 512
/** Ids are ours: 36 characters. */
export const identityIdCharsMax = 64
const policiesMax = 1000
/** Direct groups of one entity. */
export const entityGroupsMax = 4096
/** Aliases of one entity: one for each mount. */
export const entityAliasesMax = 1000
/** Entities that one may have taken over. */
export const mergedEntitiesMax = 1000
/** Members that one write may name. */
export const groupMembersMax = 5000
/** Groups directly in one group, and groups that one group is directly in. */
export const groupLinksMax = 1000
/** Groups inside groups, the outermost and the innermost counted. */
export const groupLevelsMax = 32

/** Rows that one request may remove: a change has to fit into one commit. */
const rowsOfChangeMax = 50_000

const metadataPairsMax = 64
const metadataKeyCharsMax = 128
const metadataValueBytesMax = 512

/** As clients see it in the answers of old: the name that was given, or a refusal. */
export function checkName(field: string, name: string): string {
  if (name.trim() === '') throw invalid(`'${field}' must not be empty`)
  if (name.length > identityNameCharsMax) {
    throw invalid(`'${field}' must have at most ${identityNameCharsMax} characters`)
  }
  if (/\p{Cc}|\p{Cs}/u.test(name)) throw invalid(`'${field}' has a character that no name may have`)
  return name
}

/** Of an entity or a group, set by an operator. */
export function checkMetadata(metadata: Texts): Texts | null {
  const pairs = Object.entries(metadata)
  checkPairs('metadata', pairs)
  for (const [key, value] of pairs) {
    if (!/^[a-zA-Z0-9=/+_.-]+$/.test(key)) {
      throw invalid("'metadata' has a key with other characters than a-z, 0-9, =, /, +, _, . and -")
    }
    if (key.startsWith('vault-')) throw invalid("'metadata' has a key that begins with vault-")
    if (Buffer.byteLength(value) > metadataValueBytesMax) {
      throw invalid(`'metadata' has a value of more than ${metadataValueBytesMax} bytes`)
    }
  }
  return pairs.length === 0 ? null : Object.fromEntries(pairs)
}

/** Of an alias, set by an operator. */
export function checkCustomMetadata(metadata: Texts): Texts {
  const pairs = Object.entries(metadata)
  checkPairs('custom_metadata', pairs)
  for (const [key, value] of pairs) {
    if (value === '' || value.length > metadataValueBytesMax) {
      throw invalid(`'custom_metadata' has a value that is not of 1 to 512 characters`)
    }
    if (!isPrintable(key) || !isPrintable(value)) {
      throw invalid("'custom_metadata' has characters that cannot be printed")
    }
  }
  return Object.fromEntries(pairs)
}

function checkPairs(field: string, pairs: readonly (readonly [string, string])[]): void {
  if (pairs.length > metadataPairsMax) {
    throw invalid(`'${field}' has ${pairs.length} pairs, at most ${metadataPairsMax}`)
  }
  if (pairs.some(([key]) => key === '' || key.length > metadataKeyCharsMax)) {
    throw invalid(`'${field}' has a key that is not of 1 to ${metadataKeyCharsMax} characters`)
  }
}

/** As they are kept: folded, sorted, each once. What only the server gives is refused. */
export function checkPolicies(names: readonly string[]): readonly string[] {
  const folded = new Set(names.map(foldText))
  folded.delete('')
  for (const name of ['root', 'response-wrapping']) {
    if (folded.has(name)) throw invalid(`policies cannot contain ${name}`)
  }
  if (folded.size > policiesMax) {
    throw invalid(`'policies' has ${folded.size} names, at most ${policiesMax}`)
  }
  for (const name of folded) {
    if (name.length > policyNameCharsMax) {
      throw invalid(`'policies' has a name of more than ${policyNameCharsMax} characters`)
    }
  }
  return [...folded].toSorted()
}

/** Entities that are to go together, with all that leads to them. */
export function checkRemoval(
  field: string,
  entities: readonly Pick<EntityRecord, 'aliases' | 'groups' | 'merged'>[],
): void {
  let rows = 0
  for (const { aliases, groups, merged } of entities) {
    rows += 2 + aliases.length * 2 + groups.length + merged.length
  }
  if (rows > rowsOfChangeMax) {
    throw invalid(`'${field}' names entities with too many groups and aliases for one request`)
  }
}
