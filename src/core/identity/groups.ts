/** Groups: written, found, listed and deleted by request (platform.md §5.2 to §5.4). */

import { invalid } from '../../framework/refusal.ts'
import { destroyRange } from '../../storage/sealed-store.ts'
import { prefixRange, type StoreTransaction, type StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import { groupRecord, type GroupRecord, type GroupType } from '../records.ts'
import type { Written } from './entities.ts'
import { freeName, setGroups } from './entity-rows.ts'
import { checkNesting } from './group-tree.ts'
import type { IdentityContext } from './identity-context.ts'
import { listSegments, readInPages, readMany, type Page } from './identity-index.ts'
import {
  checkMetadata,
  checkName,
  checkPolicies,
  entityGroupsMax,
  groupLinksMax,
  groupMembersMax,
} from './identity-rules.ts'

type Texts = Readonly<Record<string, string>>

/** What a write gives; a member that is undefined stays as it is. */
export interface GroupChange {
  readonly name?: string | undefined
  readonly type?: string | undefined
  readonly policies?: readonly string[] | undefined
  readonly metadata?: Texts | undefined
  readonly memberEntityIds?: readonly string[] | undefined
  readonly memberGroupIds?: readonly string[] | undefined
}

export interface GroupView {
  readonly group: GroupRecord
  readonly memberEntityIds: readonly string[]
}

const removedRowsOfStep = 1000

export class Groups {
  readonly #context: IdentityContext

  constructor(context: IdentityContext) {
    this.#context = context
  }

  /** Changes the group of that id, else the one of the name, else makes a new one. */
  async write(id: string, change: GroupChange): Promise<Written<GroupRecord>> {
    const checked = checkChange(change)
    return this.#context.store.write(async (txn) => {
      if (id !== '') {
        const group = await txn.get(keys.group(id))
        if (group === undefined) throw invalid('group not found from id')
        return { record: await this.#change(txn, group, checked), isNew: false }
      }
      const named = checked.name === undefined ? undefined : await this.byName(checked.name, txn)
      if (named !== undefined) {
        const rest = { ...checked, name: undefined }
        return { record: await this.#change(txn, named, rest), isNew: false }
      }
      const group = await this.create(txn, checked.type ?? 'internal', checked.name)
      const rest = { ...checked, name: undefined }
      return { record: await this.#change(txn, group, rest), isNew: true }
    })
  }

  /** Inside a transaction; with a name of chance where none is given. */
  async create(txn: StoreTransaction, type: GroupType, name?: string): Promise<GroupRecord> {
    const { clock, random, index } = this.#context
    const nowMs = clock.nowMs()
    const isTaken = async (one: string) => (await txn.get(index.groupName(one))) !== undefined
    const group: GroupRecord = {
      ...groupRecord.defaults,
      id: random.uuid(),
      name: name ?? (await freeName('group', random, isTaken)),
      type,
      modifyIndex: 0,
      createdAt: nowMs,
      updatedAt: nowMs,
    }
    txn.put(keys.group(group.id), group)
    txn.put(index.groupName(group.name), { id: group.id })
    return group
  }

  async #change(
    txn: StoreTransaction,
    group: GroupRecord,
    change: CheckedChange,
  ): Promise<GroupRecord> {
    const { type, policies, metadata, memberEntityIds, memberGroupIds } = change
    if (type !== undefined && type !== group.type) throw invalid('group type cannot be changed')
    if (group.type === 'external' && (memberEntityIds?.length ?? 0) > 0) {
      throw invalid("member entities can't be set manually for external groups")
    }
    if (group.type === 'external' && (memberGroupIds?.length ?? 0) > 0) {
      throw invalid("member groups can't be set for external groups")
    }
    const after: GroupRecord = {
      ...group,
      name: await this.#rename(txn, group, change.name),
      policies: policies ?? group.policies,
      metadata: metadata === undefined ? group.metadata : checkMetadata(metadata),
      memberGroups:
        group.type === 'external' || memberGroupIds === undefined
          ? group.memberGroups
          : await this.#setMemberGroups(txn, group, memberGroupIds),
      modifyIndex: group.modifyIndex + 1,
      updatedAt: this.#context.clock.nowMs(),
    }
    if (group.type === 'internal' && memberEntityIds !== undefined) {
      await this.#setMembers(txn, group.id, memberEntityIds)
    }
    txn.put(keys.group(group.id), after)
    return after
  }

  async #rename(
    txn: StoreTransaction,
    group: GroupRecord,
    name: string | undefined,
  ): Promise<string> {
    const { index } = this.#context
    if (name === undefined || name === group.name) return group.name
    const taken = await txn.get(index.groupName(name))
    if (taken !== undefined && taken.id !== group.id) throw invalid('group name is already in use')
    txn.delete(index.groupName(group.name).text)
    txn.put(index.groupName(name), { id: group.id })
    return name
  }

  async #setMembers(
    txn: StoreTransaction,
    group: string,
    wanted: readonly string[],
  ): Promise<void> {
    const after = new Set(wanted)
    const before = new Set(await listSegments(txn, keys.memberPrefix(group), {}))
    const added = [...after].filter((id) => !before.has(id))
    const removed = [...before].filter((id) => !after.has(id))
    const joining = await readMany(txn, added, keys.entity)
    if (joining.length < added.length) {
      const known = new Set(joining.map(({ id }) => id))
      throw unknownMember('entity', added.find((id) => !known.has(id)) ?? '')
    }
    for (const entity of joining) {
      if (entity.groups.length >= entityGroupsMax) {
        throw invalid(`the entity ${entity.id} is in ${entityGroupsMax} groups already`)
      }
      setGroups(txn, entity, [...entity.groups, group])
    }
    for (const entity of await readMany(txn, removed, keys.entity)) {
      setGroups(
        txn,
        entity,
        entity.groups.filter((id) => id !== group),
      )
    }
  }

  /** Links both ways; gives the members as they are kept. */
  async #setMemberGroups(
    txn: StoreTransaction,
    group: GroupRecord,
    wanted: readonly string[],
  ): Promise<readonly string[]> {
    const after = [...new Set(wanted)]
    const before = new Set(group.memberGroups)
    const added = after.filter((id) => !before.has(id))
    const removed = group.memberGroups.filter((id) => !after.includes(id))
    const joining = await readMany(txn, added, keys.group)
    if (joining.length < added.length) {
      const known = new Set(joining.map(({ id }) => id))
      throw unknownMember('group', added.find((id) => !known.has(id)) ?? '')
    }
    await checkNesting(txn, group, joining)
    for (const member of joining) {
      if (member.parents.length >= groupLinksMax) {
        throw invalid(`the group ${member.id} is a member of ${groupLinksMax} groups already`)
      }
      txn.put(keys.group(member.id), { ...member, parents: [...member.parents, group.id] })
    }
    for (const member of await readMany(txn, removed, keys.group)) {
      txn.put(keys.group(member.id), without(member, 'parents', group.id))
    }
    return after
  }

  async byName(name: string, view: StoreView): Promise<GroupRecord | undefined> {
    const row = await view.get(this.#context.index.groupName(name))
    return row === undefined ? undefined : view.get(keys.group(row.id))
  }

  async read(
    find: (view: StoreView) => Promise<GroupRecord | undefined>,
  ): Promise<GroupView | undefined> {
    return this.#context.store.view(async (view) => {
      const group = await find(view)
      if (group === undefined) return undefined
      return { group, memberEntityIds: await listSegments(view, keys.memberPrefix(group.id), {}) }
    })
  }

  readById(id: string): Promise<GroupView | undefined> {
    return this.read(async (view) => view.get(keys.group(id)))
  }

  readByName(name: string): Promise<GroupView | undefined> {
    return this.read((view) => this.byName(name, view))
  }

  async list(by: 'id' | 'name', { after = '', limit }: Page): Promise<readonly GroupRecord[]> {
    const { store, index } = this.#context
    const ids = await store.view(async (view) => {
      if (by === 'id') return listSegments(view, keys.groupPrefix, { after, limit })
      const from =
        after === '' ? '' : index.groupName(after).text.slice(keys.groupNamePrefix.length)
      const rows = await listSegments(view, keys.groupNamePrefix, { after: from, limit })
      const found = await readMany(view, rows, keys.groupName)
      return found.map(({ id }) => id)
    })
    return readInPages(this.#context, ids, (view, some) => readMany(view, some, keys.group))
  }

  /**
   * Gone at once, with its policies. Members keep an id that leads nowhere until they change; the
   * rows of its members follow in steps, as there may be very many.
   */
  async remove(find: (view: StoreView) => Promise<GroupRecord | undefined>): Promise<void> {
    const { store, index } = this.#context
    const removed = await store.write(async (txn) => {
      const group = await find(txn)
      if (group === undefined) return undefined
      const { id, name, alias, parents, memberGroups } = group
      for (const parent of await readMany(txn, parents, keys.group)) {
        txn.put(keys.group(parent.id), without(parent, 'memberGroups', id))
      }
      for (const member of await readMany(txn, memberGroups, keys.group)) {
        txn.put(keys.group(member.id), without(member, 'parents', id))
      }
      if (alias !== undefined) dropGroupAliasRows(txn, alias)
      txn.delete(index.groupName(name).text)
      txn.delete(keys.group(id).text)
      return id
    })
    if (removed === undefined) return
    await destroyRange(store, prefixRange(keys.memberPrefix(removed)), removedRowsOfStep)
  }

  removeById(id: string): Promise<void> {
    return this.remove(async (view) => view.get(keys.group(id)))
  }

  removeByName(name: string): Promise<void> {
    return this.remove((view) => this.byName(name, view))
  }
}

/** The rows that lead from an alias to its group. */
export function dropGroupAliasRows(
  txn: StoreTransaction,
  alias: NonNullable<GroupRecord['alias']>,
): void {
  txn.delete(keys.groupAlias(alias.accessor, alias.hash).text)
  txn.delete(keys.groupAliasId(alias.id).text)
}

function without(group: GroupRecord, links: 'parents' | 'memberGroups', id: string): GroupRecord {
  return { ...group, [links]: group[links].filter((one) => one !== id) }
}

interface CheckedChange extends GroupChange {
  readonly type?: GroupType | undefined
}

function checkChange(change: GroupChange): CheckedChange {
  const { name, policies, metadata, memberEntityIds, memberGroupIds } = change
  if (metadata !== undefined) checkMetadata(metadata)
  checkCount('member_entity_ids', memberEntityIds, groupMembersMax)
  checkCount('member_group_ids', memberGroupIds, groupLinksMax)
  return {
    ...change,
    name: name === undefined || name === '' ? undefined : checkName('name', name),
    type: checkType(change.type),
    policies: policies === undefined ? undefined : checkPolicies(policies),
  }
}

function checkCount(field: string, ids: readonly string[] = [], max: number): void {
  if (ids.length > max) throw invalid(`'${field}' has ${ids.length} ids, at most ${max}`)
}

function checkType(type: string | undefined): GroupType | undefined {
  if (type === undefined || type === '') return undefined
  if (type === 'internal' || type === 'external') return type
  throw invalid(`invalid group type ${JSON.stringify(type.slice(0, 64))}`)
}

function unknownMember(kind: 'entity' | 'group', id: string) {
  return invalid(`'member_${kind}_ids' names ${JSON.stringify(id.slice(0, 64))}, which nobody has`)
}
