/** Aliases of external groups: a group of a login method is a group here (platform.md §5.4). */

import { invalid } from '../../framework/refusal.ts'
import type { Store, StoreTransaction, StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { GroupAlias, GroupRecord, MountRecord } from '../records.ts'
import { dropGroupAliasRows, type Groups } from './groups.ts'
import { requireMount, type IdentityContext } from './identity-context.ts'
import { listSegments, readMany, type IdentityIndex, type Page } from './identity-index.ts'
import { checkName } from './identity-rules.ts'

export interface GroupAliasChange {
  readonly name: string
  readonly mountAccessor: string
  /** Its group; a new external one where there is none. */
  readonly canonicalId: string
}

/** A group that has an alias. */
export interface AliasedGroup {
  readonly group: GroupRecord
  readonly alias: GroupAlias
}

export interface WrittenGroupAlias extends AliasedGroup {
  readonly isChanged: boolean
}

export class GroupAliases {
  readonly #context: IdentityContext
  readonly #groups: Groups

  constructor(context: IdentityContext, groups: Groups) {
    this.#context = context
    this.#groups = groups
  }

  /** Changes the alias of that id, else the one of name and mount, else makes a new one. */
  async write(id: string, change: GroupAliasChange): Promise<WrittenGroupAlias> {
    const { name, mountAccessor, canonicalId } = change
    if (name === '') throw invalid("missing alias name: 'name' must be provided")
    if (mountAccessor === '')
      throw invalid("missing mount_accessor: 'mount_accessor' must be provided")
    checkName('name', name)
    const mount = await requireMount(this.#context, mountAccessor)
    const hash = this.#context.index.aliasHash(mount, name)
    return this.#context.store.write(async (txn) => {
      const own = id === '' ? undefined : await findGroupAlias(txn, id)
      if (id !== '' && own === undefined) {
        throw invalid("invalid group alias ID: no alias has the given 'id'")
      }
      const row = await txn.get(keys.groupAlias(mount.accessor, hash))
      const taken = row === undefined ? undefined : await txn.get(keys.group(row.id))
      const target = await this.#target(txn, canonicalId, own ?? aliased(taken))
      if (target.type === 'internal') throw invalid("alias can't be set on an internal group")
      if (taken !== undefined && taken.id !== (own?.group.id ?? target.id)) {
        throw invalid('combination of mount and group alias name is already in use')
      }
      return this.#place(txn, target, own, { name, mount, hash })
    })
  }

  async #target(
    txn: StoreTransaction,
    canonicalId: string,
    present: AliasedGroup | undefined,
  ): Promise<GroupRecord> {
    if (canonicalId === '') return present?.group ?? this.#groups.create(txn, 'external')
    const group = await txn.get(keys.group(canonicalId))
    if (group === undefined) throw invalid("invalid 'canonical_id': no group has it")
    return group
  }

  /** At most one alias belongs to a group: another one takes the place of what was there. */
  async #place(
    txn: StoreTransaction,
    target: GroupRecord,
    own: AliasedGroup | undefined,
    to: { readonly name: string; readonly mount: MountRecord; readonly hash: string },
  ): Promise<WrittenGroupAlias> {
    const { random, clock } = this.#context
    const { name, mount, hash } = to
    const before = target.alias
    if (before !== undefined && before.accessor === mount.accessor && before.hash === hash) {
      if (own === undefined || own.alias.id === before.id) {
        return { group: target, alias: before, isChanged: false }
      }
    }
    if (before !== undefined) dropGroupAliasRows(txn, before)
    if (own !== undefined && own.group.id !== target.id) {
      dropGroupAliasRows(txn, own.alias)
      txn.put(keys.group(own.group.id), bare(own.group))
    }
    const nowMs = clock.nowMs()
    const alias: GroupAlias = {
      id: own?.alias.id ?? random.uuid(),
      name,
      accessor: mount.accessor,
      hash,
      createdAt: own?.alias.createdAt ?? nowMs,
      updatedAt: nowMs,
    }
    const group = { ...target, alias, modifyIndex: target.modifyIndex + 1, updatedAt: nowMs }
    txn.put(keys.group(group.id), group)
    txn.put(keys.groupAlias(alias.accessor, hash), { id: group.id })
    txn.put(keys.groupAliasId(alias.id), { id: group.id })
    return { group, alias, isChanged: true }
  }

  read(id: string): Promise<AliasedGroup | undefined> {
    return this.#context.store.view((view) => findGroupAlias(view, id))
  }

  /** The group behind an alias, by the alias's id. */
  async groupOf(id: string, view: StoreView): Promise<GroupRecord | undefined> {
    return (await findGroupAlias(view, id))?.group
  }

  /** The group behind the name of one on a mount. */
  async groupByName(
    name: string,
    mount: MountRecord,
    view: StoreView,
  ): Promise<GroupRecord | undefined> {
    const hash = this.#context.index.aliasHash(mount, name)
    const row = await view.get(keys.groupAlias(mount.accessor, hash))
    return row === undefined ? undefined : view.get(keys.group(row.id))
  }

  async list(page: Page): Promise<readonly AliasedGroup[]> {
    return this.#context.store.view(async (view) => {
      const ids = await listSegments(view, keys.groupAliasIdPrefix, page)
      const rows = await readMany(view, ids, keys.groupAliasId)
      const groups = await readMany(view, rows, ({ id }) => keys.group(id))
      return groups.map(aliased).filter((one) => one !== undefined)
    })
  }

  /** The group stays, and loses its members one by one at their next login. */
  async remove(id: string): Promise<void> {
    await this.#context.store.write(async (txn) => {
      const found = await findGroupAlias(txn, id)
      if (found === undefined) return
      dropGroupAliasRows(txn, found.alias)
      txn.put(keys.group(found.group.id), bare(found.group))
    })
  }
}

async function findGroupAlias(view: StoreView, id: string): Promise<AliasedGroup | undefined> {
  const row = await view.get(keys.groupAliasId(id))
  return aliased(row === undefined ? undefined : await view.get(keys.group(row.id)))
}

function aliased(group: GroupRecord | undefined): AliasedGroup | undefined {
  return group?.alias === undefined ? undefined : { group, alias: group.alias }
}

function bare(group: GroupRecord): GroupRecord {
  const { alias: _, ...rest } = group
  return { ...rest, modifyIndex: group.modifyIndex + 1 }
}

/** Those of these groups of a login for which no group has an alias on that mount. */
export async function unmappedGroups(
  names: readonly string[],
  {
    store,
    index,
    mount,
  }: {
    readonly store: Pick<Store, 'view'>
    readonly index: IdentityIndex
    readonly mount: MountRecord
  },
): Promise<readonly string[]> {
  const rows = names.map((name) => keys.groupAlias(mount.accessor, index.aliasHash(mount, name)))
  const found = await store.view((view) => view.getMany(rows))
  return names.filter((_, i) => found[i] === undefined)
}
