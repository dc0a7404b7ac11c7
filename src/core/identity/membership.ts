/**
 * External groups of a login (platform.md §5.6): which of the names it brings are known, and what
 * groups its entity is in after it. Pure but for what it reads.
 */

import type { StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { EntityRecord, GroupRecord, MountRecord } from '../records.ts'
import { readMany, type IdentityIndex } from './identity-index.ts'

/** Names that have a group, in their order, and the groups. */
export interface KnownGroups {
  readonly names: readonly string[]
  readonly groups: readonly GroupRecord[]
}

const nothingKnown: KnownGroups = { names: [], groups: [] }

/** Those of the names that have a group alias on the mount; others are nobody's business. */
export async function findKnownGroups(
  view: StoreView,
  index: IdentityIndex,
  mount: MountRecord,
  names: readonly string[],
): Promise<KnownGroups> {
  if (names.length === 0) return nothingKnown
  const each = [...new Set(names)]
  const rows = each.map((name) => keys.groupAlias(mount.accessor, index.aliasHash(mount, name)))
  const found = view.getNow(rows) ?? (await view.getMany(rows))
  const ids: string[] = []
  const known = each.filter((_, at) => {
    const row = found[at] as { readonly id: string } | undefined
    if (row !== undefined) ids.push(row.id)
    return row !== undefined
  })
  if (ids.length === 0) return nothingKnown
  const groups = await readMany(
    view,
    [...new Set(ids)].map((id) => keys.group(id)),
  )
  return { names: known, groups }
}

export function groupsOf(view: StoreView, entity: EntityRecord): Promise<readonly GroupRecord[]> {
  return readMany(
    view,
    entity.groups.map((id) => keys.group(id)),
  )
}

/**
 * The groups after a login with these ones known on that mount. Internal groups and those of other
 * mounts stay; an external group that has lost its alias loses its members one by one.
 */
export function refreshedGroups(
  current: readonly GroupRecord[],
  known: readonly GroupRecord[],
  accessor: string,
): readonly string[] {
  const kept = current.filter(
    ({ type, alias }) =>
      type === 'internal' || (alias !== undefined && alias.accessor !== accessor),
  )
  return [...new Set([...kept, ...known].map(({ id }) => id))]
}

export function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  const known = new Set(a)
  return b.every((one) => known.has(one))
}
