/**
 * Several entities become one (platform.md §5.7): one person who was known twice. All of it is one
 * change, or none of it is. Tokens of the ones that vanish go on as the one that stays.
 */

import { invalid } from '../../framework/refusal.ts'
import type { StoreTransaction } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { AliasRecord, EntityRecord } from '../records.ts'
import { aliasesOf, changed, setGroups, type PlacedAlias } from './entity-rows.ts'
import type { IdentityContext } from './identity-context.ts'
import {
  checkPolicies,
  checkRemoval,
  entityAliasesMax,
  entityGroupsMax,
  mergedEntitiesMax,
} from './identity-rules.ts'

export interface MergeRequest {
  readonly to: string
  readonly from: readonly string[]
  /** Of aliases on one mount the one to keep. */
  readonly keep: readonly string[]
}

/** Two aliases on one mount, of which only one can stay. */
export interface MergeConflict {
  readonly entity: EntityRecord
  readonly alias: AliasRecord
}

/** Entities that one request may merge. */
export const mergeMax = 100

interface Owned extends PlacedAlias {
  readonly owner: EntityRecord
}

export class EntityMerge {
  readonly #context: IdentityContext

  constructor(context: IdentityContext) {
    this.#context = context
  }

  /** Merges, or gives the aliases that are in the way and has then changed nothing. */
  async merge(request: MergeRequest): Promise<readonly MergeConflict[]> {
    const from = [...new Set(request.from)]
    checkRequest({ ...request, from })
    return this.#context.store.write(async (txn) => {
      const to = await txn.get(keys.entity(request.to))
      if (to === undefined) throw invalid("invalid 'to_entity_id': no entity has it")
      const gone: EntityRecord[] = []
      for (const id of from) gone.push(await requireMergeable(txn, id))
      checkRemoval('from_entity_ids', gone)
      const owned: Owned[] = []
      for (const owner of [to, ...gone]) {
        for (const placed of await aliasesOf(txn, owner)) owned.push({ ...placed, owner })
      }
      const { kept, dropped, conflicts } = settle(owned, new Set(request.keep))
      if (conflicts.length === 0) this.#apply(txn, { to, gone, kept, dropped })
      return conflicts
    })
  }

  #apply(
    txn: StoreTransaction,
    {
      to,
      gone,
      kept,
      dropped,
    }: {
      readonly to: EntityRecord
      readonly gone: readonly EntityRecord[]
      readonly kept: readonly Owned[]
      readonly dropped: readonly Owned[]
    },
  ): void {
    const { clock, index } = this.#context
    const nowMs = clock.nowMs()
    const merged = [...to.merged, ...gone.flatMap(({ id, merged: before }) => [id, ...before])]
    const groups = [...new Set([to, ...gone].flatMap((entity) => entity.groups))]
    refuseMoreThan(entityAliasesMax, kept.length, 'aliases')
    refuseMoreThan(entityGroupsMax, groups.length, 'groups')
    refuseMoreThan(mergedEntitiesMax, merged.length, 'entities that were merged into it')
    const policies = checkPolicies([to, ...gone].flatMap((entity) => entity.policies))
    for (const { alias, hash } of dropped) {
      txn.delete(keys.alias(alias.accessor, hash).text)
      txn.delete(keys.aliasId(alias.id).text)
    }
    for (const { alias, hash, owner } of kept) {
      if (owner.id === to.id) continue
      const mergedFrom = [...alias.mergedFrom, owner.id]
      const moved = { ...alias, entity: to.id, mergedFrom, updatedAt: nowMs }
      txn.put(keys.alias(alias.accessor, hash), moved)
    }
    for (const entity of gone) {
      for (const group of entity.groups) txn.delete(keys.member(group, entity.id))
      txn.delete(index.entityName(entity.name).text)
      txn.delete(keys.entity(entity.id).text)
    }
    for (const id of merged) txn.put(keys.mergedEntity(id), { id: to.id })
    const aliases = kept.map(({ alias, hash }) => ({ accessor: alias.accessor, hash }))
    const after = { ...changed(to), policies, merged, aliases, updatedAt: nowMs }
    setGroups(txn, after, groups)
  }
}

function checkRequest({ to, from, keep }: MergeRequest): void {
  if (to === '') throw invalid("missing 'to_entity_id'")
  if (from.length === 0) throw invalid("missing 'from_entity_ids'")
  if (from.length > mergeMax) {
    throw invalid(`'from_entity_ids' has ${from.length} ids, at most ${mergeMax}`)
  }
  if (from.includes(to)) throw invalid("'to_entity_id' should not be present in 'from_entity_ids'")
  // With several, nobody could tell whose alias is meant to go.
  if (keep.length > 0 && from.length > 1) {
    throw invalid("'conflicting_alias_ids_to_keep' takes one of 'from_entity_ids' at a time")
  }
}

/** A token of a disabled entity must not live again because somebody has merged it. */
async function requireMergeable(txn: StoreTransaction, id: string): Promise<EntityRecord> {
  const entity = await txn.get(keys.entity(id))
  if (entity === undefined) throw invalid("invalid 'from_entity_ids': an id is no entity's")
  if (entity.disabled) {
    throw invalid("'from_entity_ids' has a disabled entity: enable it or delete it first")
  }
  return entity
}

/** Which aliases stay: one for each mount. */
function settle(owned: readonly Owned[], keep: ReadonlySet<string>) {
  const byMount = new Map<string, Owned[]>()
  for (const one of owned) {
    const same = byMount.get(one.alias.accessor)
    if (same === undefined) byMount.set(one.alias.accessor, [one])
    else same.push(one)
  }
  const kept: Owned[] = []
  const dropped: Owned[] = []
  const conflicts: MergeConflict[] = []
  for (const same of byMount.values()) {
    const chosen = same.length === 1 ? same : same.filter(({ alias }) => keep.has(alias.id))
    if (chosen.length === 1) {
      kept.push(...chosen)
      dropped.push(...same.filter((one) => !chosen.includes(one)))
    } else conflicts.push(...same.map(({ alias, owner }) => ({ alias, entity: owner })))
  }
  return { kept, dropped, conflicts }
}

function refuseMoreThan(max: number, count: number, what: string): void {
  if (count > max) throw invalid(`the entity would have ${count} ${what}, at most ${max}`)
}
