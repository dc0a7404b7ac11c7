/**
 * Entities and aliases with the rows that lead to them: whoever puts or removes one comes through
 * here, so that a row never points to nothing.
 */

import { invalid } from '../../framework/refusal.ts'
import type { Random } from '../../platform/random.ts'
import type { Key, StoreTransaction, StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import type { AliasPlace, AliasRecord, EntityRecord } from '../records.ts'
import { readMany, type IdentityIndex } from './identity-index.ts'
import { entityAliasesMax } from './identity-rules.ts'

/** Names of chance that are taken are drawn again; so many in a row are no chance any more. */
const drawsMax = 16

/** `entity_` or `group_` and eight digits that nobody has. */
export async function freeName(
  kind: 'entity' | 'group',
  random: Random,
  isTaken: (name: string) => Promise<boolean>,
): Promise<string> {
  for (let draw = 0; draw < drawsMax; draw++) {
    const name = `${kind}_${random.bytes(4).toString('hex')}`
    if (!(await isTaken(name))) return name
  }
  throw new Error(`no free name for a new ${kind}`)
}

/** Puts an entity that was not there, under its name. */
export function putNewEntity(
  txn: StoreTransaction,
  index: IdentityIndex,
  entity: EntityRecord,
): void {
  txn.put(keys.entity(entity.id), entity)
  txn.put(index.entityName(entity.name), { id: entity.id })
}

/** Puts an alias that was not there, and gives its entity as it is then. */
export function putNewAlias(
  txn: StoreTransaction,
  entity: EntityRecord,
  alias: AliasRecord,
  hash: string,
): EntityRecord {
  if (entity.aliases.length >= entityAliasesMax) {
    throw invalid(`an entity has at most ${entityAliasesMax} aliases`)
  }
  const place = { accessor: alias.accessor, hash }
  txn.put(keys.alias(alias.accessor, hash), alias)
  txn.put(keys.aliasId(alias.id), place)
  const after = changed({ ...entity, aliases: [...entity.aliases, place] })
  txn.put(keys.entity(entity.id), after)
  return after
}

/** Removes an alias; gives its entity as it is then. */
export function dropAlias(
  txn: StoreTransaction,
  entity: EntityRecord,
  alias: AliasRecord,
  hash: string,
): EntityRecord {
  txn.delete(keys.alias(alias.accessor, hash).text)
  txn.delete(keys.aliasId(alias.id).text)
  const after = changed({
    ...entity,
    aliases: entity.aliases.filter((one) => one.accessor !== alias.accessor || one.hash !== hash),
  })
  txn.put(keys.entity(entity.id), after)
  return after
}

/** Removes an entity with its aliases, its memberships, and the ids that lead to it. */
export async function dropEntity(
  txn: StoreTransaction,
  index: IdentityIndex,
  entity: EntityRecord,
): Promise<void> {
  for (const { alias, hash } of await aliasesOf(txn, entity)) dropAlias(txn, entity, alias, hash)
  for (const group of entity.groups) txn.delete(keys.member(group, entity.id))
  for (const id of entity.merged) txn.delete(keys.mergedEntity(id).text)
  txn.delete(index.entityName(entity.name).text)
  txn.delete(keys.entity(entity.id).text)
}

/** Makes these its groups, with their rows; what did not change is not written. */
export function setGroups(
  txn: StoreTransaction,
  entity: EntityRecord,
  groups: readonly string[],
): EntityRecord {
  const before = new Set(entity.groups)
  const after = new Set(groups)
  for (const id of before) if (!after.has(id)) txn.delete(keys.member(id, entity.id))
  for (const id of after) if (!before.has(id)) txn.putIndex(keys.member(id, entity.id))
  const record = { ...entity, groups: [...after] }
  txn.put(keys.entity(entity.id), record)
  return record
}

/** The same entity, as one of which something beside the record itself is new. */
export function changed(entity: EntityRecord): EntityRecord {
  return { ...entity, revision: entity.revision + 1 }
}

export interface PlacedAlias {
  readonly alias: AliasRecord
  readonly hash: string
}

export function aliasKey({ accessor, hash }: AliasPlace): Key<AliasRecord> {
  return keys.alias(accessor, hash)
}

export async function aliasesOf(
  view: StoreView,
  entity: EntityRecord,
): Promise<readonly PlacedAlias[]> {
  const found = await readMany(view, entity.aliases, aliasKey)
  const hashes = new Map(entity.aliases.map(({ accessor, hash }) => [accessor, hash]))
  return found.map((alias) => ({ alias, hash: hashes.get(alias.accessor) ?? '' }))
}

/** The entity of that id, or the one that has taken it over. */
export async function findEntity(view: StoreView, id: string): Promise<EntityRecord | undefined> {
  const entity = await view.get(keys.entity(id))
  if (entity !== undefined) return entity
  const into = await view.get(keys.mergedEntity(id))
  return into === undefined ? undefined : view.get(keys.entity(into.id))
}
