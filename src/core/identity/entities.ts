/** Entities: written, found, listed and deleted by request (platform.md §5.2 to §5.4). */

import { invalid } from '../../framework/refusal.ts'
import type { StoreTransaction, StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import { entityRecord, type AliasRecord, type EntityRecord, type GroupRecord } from '../records.ts'
import { aliasesOf, dropEntity, findEntity, freeName, putNewEntity } from './entity-rows.ts'
import { withAncestors } from './group-tree.ts'
import type { IdentityContext } from './identity-context.ts'
import { listSegments, readInPages, readMany, type Page } from './identity-index.ts'
import { checkMetadata, checkName, checkPolicies, checkRemoval } from './identity-rules.ts'
import { groupsOf } from './membership.ts'

type Texts = Readonly<Record<string, string>>

/** What a write gives; a member that is undefined stays as it is. */
export interface EntityChange {
  readonly name?: string | undefined
  readonly policies?: readonly string[] | undefined
  readonly metadata?: Texts | undefined
  readonly disabled?: boolean | undefined
}

export interface Written<T> {
  readonly record: T
  readonly isNew: boolean
}

export interface ListedEntity {
  readonly entity: EntityRecord
  readonly aliases: readonly AliasRecord[]
}

/** An entity with what a read shows beside it. */
export interface EntityView extends ListedEntity {
  readonly directGroups: readonly GroupRecord[]
  /** Those that the direct ones are in. */
  readonly inheritedGroups: readonly GroupRecord[]
}

/** Entities that one request may delete. */
export const batchDeleteMax = 1000

export class Entities {
  readonly #context: IdentityContext

  constructor(context: IdentityContext) {
    this.#context = context
  }

  /** Changes the entity of that id, else the one of the name, else makes a new one. */
  async write(id: string, change: EntityChange): Promise<Written<EntityRecord>> {
    const { store } = this.#context
    const checked = checkChange(change)
    return store.write(async (txn) => {
      if (id !== '') {
        const entity = await txn.get(keys.entity(id))
        if (entity === undefined) throw invalid('entity not found from id')
        return { record: await this.#change(txn, entity, checked), isNew: false }
      }
      const named = checked.name === undefined ? undefined : await this.byName(checked.name, txn)
      // The name has led to it: its spelling stays.
      if (named !== undefined) {
        const rest = { ...checked, name: undefined }
        return { record: await this.#change(txn, named, rest), isNew: false }
      }
      return { record: await this.create(txn, checked), isNew: true }
    })
  }

  /** Inside a transaction; with a name of chance where none is given. */
  async create(txn: StoreTransaction, change: EntityChange = {}): Promise<EntityRecord> {
    const { clock, random, index } = this.#context
    const nowMs = clock.nowMs()
    const isTaken = async (name: string) => (await txn.get(index.entityName(name))) !== undefined
    const entity: EntityRecord = {
      ...entityRecord.defaults,
      id: random.uuid(),
      name: change.name ?? (await freeName('entity', random, isTaken)),
      policies: change.policies ?? [],
      metadata: change.metadata === undefined ? null : checkMetadata(change.metadata),
      disabled: change.disabled ?? false,
      createdAt: nowMs,
      updatedAt: nowMs,
    }
    putNewEntity(txn, index, entity)
    return entity
  }

  async #change(
    txn: StoreTransaction,
    entity: EntityRecord,
    { name, policies, metadata, disabled }: EntityChange,
  ): Promise<EntityRecord> {
    const { clock, index } = this.#context
    if (name !== undefined && name !== entity.name) {
      const taken = await txn.get(index.entityName(name))
      if (taken !== undefined && taken.id !== entity.id) {
        throw invalid('entity name is already in use')
      }
      txn.delete(index.entityName(entity.name).text)
      txn.put(index.entityName(name), { id: entity.id })
    }
    const after: EntityRecord = {
      ...entity,
      name: name ?? entity.name,
      policies: policies ?? entity.policies,
      metadata: metadata === undefined ? entity.metadata : checkMetadata(metadata),
      disabled: disabled ?? entity.disabled,
      updatedAt: clock.nowMs(),
    }
    txn.put(keys.entity(entity.id), after)
    return after
  }

  async byName(name: string, view: StoreView): Promise<EntityRecord | undefined> {
    const row = await view.get(this.#context.index.entityName(name))
    return row === undefined ? undefined : view.get(keys.entity(row.id))
  }

  /** The entity of an id, a name or an alias as a read shows it. */
  async read(
    find: (view: StoreView) => Promise<EntityRecord | undefined>,
  ): Promise<EntityView | undefined> {
    return this.#context.store.view(async (view) => {
      const entity = await find(view)
      return entity && this.#viewOf(entity, view)
    })
  }

  /** Of that very id: what policies say of one path must not be read by another. */
  readById(id: string): Promise<EntityView | undefined> {
    return this.read(async (view) => view.get(keys.entity(id)))
  }

  /** Of that id, or of the one that has taken it over. */
  lookUpId(id: string): Promise<EntityView | undefined> {
    return this.read((view) => findEntity(view, id))
  }

  readByName(name: string): Promise<EntityView | undefined> {
    return this.read((view) => this.byName(name, view))
  }

  async #viewOf(entity: EntityRecord, view: StoreView): Promise<EntityView> {
    const directGroups = await groupsOf(view, entity)
    const direct = new Set(directGroups.map(({ id }) => id))
    const all = await withAncestors(view, directGroups)
    const aliases = (await aliasesOf(view, entity)).map(({ alias }) => alias)
    const inheritedGroups = all.filter(({ id }) => !direct.has(id))
    return { entity, aliases, directGroups, inheritedGroups }
  }

  /** A page in the order of ids, or of where names lie: which is no order of names. */
  async list(by: 'id' | 'name', { after = '', limit }: Page): Promise<readonly ListedEntity[]> {
    const { store, index } = this.#context
    const ids = await store.view(async (view) => {
      if (by === 'id') return listSegments(view, keys.entityPrefix, { after, limit })
      const from =
        after === '' ? '' : index.entityName(after).text.slice(keys.entityNamePrefix.length)
      const rows = await listSegments(view, keys.entityNamePrefix, { after: from, limit })
      const found = await readMany(view, rows, keys.entityName)
      return found.map(({ id }) => id)
    })
    return readInPages(this.#context, ids, async (view, some) => {
      const listed: ListedEntity[] = []
      for (const entity of await readMany(view, some, keys.entity)) {
        listed.push({ entity, aliases: (await aliasesOf(view, entity)).map(({ alias }) => alias) })
      }
      return listed
    })
  }

  /** Deletes all of them or none; an id that nobody has is no fault. */
  async remove(find: readonly string[] | ((view: StoreView) => Promise<string | undefined>)) {
    const { store, index } = this.#context
    await store.write(async (txn) => {
      const ids = typeof find === 'function' ? [await find(txn)] : find
      const known = [...new Set(ids)].filter((id) => id !== undefined)
      const entities = await readMany(txn, known, keys.entity)
      checkRemoval('entity_ids', entities)
      for (const entity of entities) await dropEntity(txn, index, entity)
    })
  }

  async removeByName(name: string): Promise<void> {
    await this.remove(async (view) => (await this.byName(name, view))?.id)
  }
}

function checkChange(change: EntityChange): EntityChange {
  const { name, policies, metadata } = change
  if (metadata !== undefined) checkMetadata(metadata)
  return {
    ...change,
    name: name === undefined || name === '' ? undefined : checkName('name', name),
    policies: policies === undefined ? undefined : checkPolicies(policies),
  }
}
