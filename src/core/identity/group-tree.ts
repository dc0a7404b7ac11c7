/**
 * Groups in groups (platform.md §5.7): who inherits from whom, and which links would make a circle
 * or a tower. Every walk goes level by level and sees each group once.
 */

import { invalid } from '../../framework/refusal.ts'
import type { StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { GroupRecord } from '../records.ts'
import { readMany } from './identity-index.ts'
import { groupLevelsMax } from './identity-rules.ts'

/** Groups that a walk before a change may see; that of a request ends with the groups there are. */
const walkMax = 10_000

type Links = (group: GroupRecord) => readonly string[]
const parentsOf: Links = ({ parents }) => parents
const membersOf: Links = ({ memberGroups }) => memberGroups

/** The groups themselves and all that they are in, each once, the nearest first. */
export async function withAncestors(
  view: StoreView,
  groups: readonly GroupRecord[],
): Promise<readonly GroupRecord[]> {
  return (await walk(view, groups, parentsOf, Infinity)).seen
}

/**
 * Refuses members that would make a circle, or more levels than there may be. Both are asked of the
 * state before the change: a walk down from the new members and one up from the group.
 */
export async function checkNesting(
  view: StoreView,
  group: GroupRecord,
  added: readonly GroupRecord[],
): Promise<void> {
  if (added.length === 0) return
  const above = await walk(view, [group], parentsOf, walkMax)
  const own = new Set(above.seen.map(({ id }) => id))
  const circular = added.find(({ id }) => own.has(id))
  if (circular !== undefined) {
    throw invalid(`cyclic relationship detected for member group ID "${circular.id}"`)
  }
  const below = await walk(view, added, membersOf, walkMax)
  if (above.levels + below.levels > groupLevelsMax) {
    throw invalid(`'member_group_ids' would nest groups in more than ${groupLevelsMax} levels`)
  }
}

async function walk(
  view: StoreView,
  start: readonly GroupRecord[],
  links: Links,
  groupsMax: number,
): Promise<{ readonly seen: readonly GroupRecord[]; readonly levels: number }> {
  const seen = new Map<string, GroupRecord>(start.map((group) => [group.id, group]))
  let level: readonly GroupRecord[] = start
  let levels = start.length === 0 ? 0 : 1
  // A stored circle cannot be; if there were one, each group is still seen once.
  while (level.length > 0) {
    const next = new Set(level.flatMap(links).filter((id) => !seen.has(id)))
    if (next.size === 0) break
    if (seen.size + next.size > groupsMax) {
      throw invalid(`'member_group_ids' would link more than ${groupsMax} groups`)
    }
    level = await readMany(view, [...next], keys.group)
    for (const group of level) seen.set(group.id, group)
    if (level.length > 0) levels++
  }
  return { seen: [...seen.values()], levels }
}
