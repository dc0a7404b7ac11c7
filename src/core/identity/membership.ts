/**
 * External groups of a login (platform.md §5.6): which of the names it brings are known, and what
 * groups its entity is in after it. Pure but for what it reads.
 */

import type { StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { EntityRecord, GroupRecord, MountRecord } from '../records.ts'
import { readMany, type IdentityIndex } from './identity-index.ts'
import { identityNameCharsMax } from './identity-rules.ts'

/** Names that have a group, in their order, and the ids of those groups. */
export interface KnownGroups {
  readonly names: readonly string[]
  readonly ids: readonly string[]
}

const nothingKnown: KnownGroups = { names: [], ids: [] }

/** Those of the names that have a group alias on the mount; others are nobody's business. */
export async function findKnownGroups(
  view: StoreView,
  index: IdentityIndex,
  mount: MountRecord,
  names: readonly string[],
): Promise<KnownGroups> {
  if (names.length === 0) return nothingKnown
  // No group has a longer name, and nothing is to be kept of one.
  const each = [...new Set(names)].filter(({ length }) => length <= identityNameCharsMax)
  if (each.length === 0) return nothingKnown
  const rows = each.map((name) => keys.groupAlias(mount.accessor, index.aliasHash(mount, name)))
  const found = view.getNow(rows) ?? (await view.getMany(rows))
  const ids: string[] = []
  const known = each.filter((_, at) => {
    const row = found[at] as { readonly id: string } | undefined
    if (row !== undefined) ids.push(row.id)
    return row !== undefined
  })
  return { names: known, ids: [...new Set(ids)] }
}

/** The groups that an entity is in, without those that are gone. */
export function groupsOf(
  view: StoreView,
  { groups }: Pick<EntityRecord, 'groups'>,
): Promise<readonly GroupRecord[]> {
  return readMany(view, groups, keys.group)
}

/**
 * The groups after a login with these ones known on that mount. Internal groups and those of other
 * mounts stay; an external group that has lost its alias loses its members one by one.
 */
export function refreshedGroups(
  current: readonly GroupRecord[],
  known: readonly string[],
  accessor: string,
): readonly string[] {
  const kept = current.filter(
    ({ type, alias }) =>
      type === 'internal' || (alias !== undefined && alias.accessor !== accessor),
  )
  return [...new Set([...kept.map(({ id }) => id), ...known])]
}

export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  const known = new Set(a)
  return b.every((one) => known.has(one))
}
