/** Names of policies as tokens carry them. */

import { foldText } from '../schema/field.ts'

/**
 * Lower-cased, trimmed, without blanks and duplicates, sorted; `root` beside others leaves only
 * `root`.
 */
export function normalisePolicyNames(names: readonly string[]): string[] {
  const set = new Set<string>()
  for (const name of names) {
    const clean = foldText(name)
    if (clean !== '') set.add(clean)
  }
  if (set.has('root')) return ['root']
  return [...set].toSorted()
}

/**
 * Names that decide what a token may, and that answers show as its policies: its own and its
 * entity's; nothing else puts them together. Root rights come from a token alone, never from an
 * identity, whatever may be stored there.
 */
export function effectivePolicies(
  own: readonly string[],
  identity: readonly string[],
): readonly string[] {
  return unionOfNames(
    own,
    identity.includes('root') ? identity.filter((name) => name !== 'root') : identity,
  )
}

/** The sorted union. */
export function unionOfNames(a: readonly string[], b: readonly string[]): readonly string[] {
  if (b.length === 0) return a
  return [...new Set([...a, ...b])].toSorted()
}
