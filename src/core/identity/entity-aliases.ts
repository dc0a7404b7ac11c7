/** Aliases of entities: written, moved, found and deleted by request (platform.md §5.4). */

import { invalid } from '../../framework/refusal.ts'
import type { StoreTransaction, StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import { aliasRecord, type AliasRecord, type EntityRecord, type MountRecord } from '../records.ts'
import type { Entities, Written } from './entities.ts'
import { aliasKey, dropAlias, findEntity, putNewAlias, type PlacedAlias } from './entity-rows.ts'
import { requireMount, type IdentityContext } from './identity-context.ts'
import { listSegments, readInPages, readMany, type Page } from './identity-index.ts'
import { checkCustomMetadata, checkName } from './identity-rules.ts'

type Texts = Readonly<Record<string, string>>

export interface AliasChange {
  readonly name?: string | undefined
  readonly mountAccessor?: string | undefined
  /** Its entity; a new one where there is none. */
  readonly canonicalId?: string | undefined
  readonly customMetadata?: Texts | undefined
}

export interface WrittenAlias extends Written<AliasRecord> {
  readonly isChanged: boolean
}

export class EntityAliases {
  readonly #context: IdentityContext
  readonly #entities: Entities

  constructor(context: IdentityContext, entities: Entities) {
    this.#context = context
    this.#entities = entities
  }

  /** Changes the alias of that id, else the one of name and mount, else makes a new one. */
  async write(id: string, change: AliasChange): Promise<WrittenAlias> {
    const { name = '', mountAccessor = '', customMetadata } = change
    if (id === '' && (name === '' || mountAccessor === '')) {
      throw invalid("'id' or 'mount_accessor' and 'name' must be provided")
    }
    if (name !== '') checkName('name', name)
    const checked = {
      ...change,
      customMetadata:
        customMetadata === undefined ? undefined : checkCustomMetadata(customMetadata),
    }
    const mount =
      mountAccessor === '' ? undefined : await requireMount(this.#context, mountAccessor)
    return this.#context.store.write(async (txn) => {
      if (id !== '') {
        const placed = await findAlias(txn, id)
        if (placed === undefined)
          throw invalid("invalid entity alias ID: no alias has the given 'id'")
        return this.#change(txn, placed, mount, checked)
      }
      if (mount === undefined) throw new Error('an alias is written without its mount')
      const hash = this.#context.index.aliasHash(mount, name)
      const alias = await txn.get(keys.alias(mount.accessor, hash))
      // The name has led to it: its spelling stays.
      if (alias !== undefined) {
        return this.#change(txn, { alias, hash }, mount, { ...checked, name: undefined })
      }
      return this.#create(txn, mount, hash, { ...checked, name })
    })
  }

  async #create(
    txn: StoreTransaction,
    mount: MountRecord,
    hash: string,
    { name, canonicalId = '', customMetadata = {} }: AliasChange & { readonly name: string },
  ): Promise<WrittenAlias> {
    const { random, clock } = this.#context
    const nowMs = clock.nowMs()
    const entity =
      canonicalId === '' ? await this.#entities.create(txn) : await requireEntity(txn, canonicalId)
    refuseSecond(entity, mount.accessor)
    const record: AliasRecord = {
      ...aliasRecord.defaults,
      id: random.uuid(),
      entity: entity.id,
      name,
      accessor: mount.accessor,
      customMetadata,
      createdAt: nowMs,
      updatedAt: nowMs,
    }
    putNewAlias(txn, entity, record, hash)
    return { record, isNew: true, isChanged: true }
  }

  /** Other name, mount, entity or metadata; what is the same already is not written. */
  async #change(
    txn: StoreTransaction,
    { alias, hash }: PlacedAlias,
    mount: MountRecord | undefined,
    { name = '', canonicalId = '', customMetadata }: AliasChange,
  ): Promise<WrittenAlias> {
    const accessor = mount?.accessor ?? alias.accessor
    const after: AliasRecord = {
      ...alias,
      name: name === '' ? alias.name : name,
      accessor,
      customMetadata: customMetadata ?? alias.customMetadata,
    }
    const owner = await requireEntity(txn, alias.entity)
    const target = canonicalId === '' ? owner : await requireEntity(txn, canonicalId)
    const isPlaced = after.name === alias.name && accessor === alias.accessor
    if (isPlaced && target.id === owner.id && isSame(after, alias)) {
      return { record: alias, isNew: false, isChanged: false }
    }
    const place = isPlaced
      ? hash
      : await this.#freeHash(txn, await requireMount(this.#context, accessor), after.name, alias)
    // Without itself: an alias may take the place that it has.
    const left = dropAlias(txn, owner, alias, hash)
    const into = target.id === owner.id ? left : target
    refuseSecond(into, accessor)
    const record = { ...after, entity: into.id, updatedAt: this.#context.clock.nowMs() }
    putNewAlias(txn, into, record, place)
    return { record, isNew: false, isChanged: true }
  }

  async #freeHash(
    txn: StoreTransaction,
    mount: MountRecord,
    name: string,
    own: AliasRecord,
  ): Promise<string> {
    const hash = this.#context.index.aliasHash(mount, name)
    const taken = await txn.get(keys.alias(mount.accessor, hash))
    if (taken !== undefined && taken.id !== own.id) {
      throw invalid('combination of mount and alias name is already in use')
    }
    return hash
  }

  async read(id: string): Promise<AliasRecord | undefined> {
    return this.#context.store.view(async (view) => (await findAlias(view, id))?.alias)
  }

  /** The entity behind an alias, by the alias's id. */
  async entityOf(id: string, view: StoreView): Promise<EntityRecord | undefined> {
    const found = await findAlias(view, id)
    return found && view.get(keys.entity(found.alias.entity))
  }

  /** The entity behind the name of somebody on a mount. */
  async entityByName(
    name: string,
    mount: MountRecord,
    view: StoreView,
  ): Promise<EntityRecord | undefined> {
    const hash = this.#context.index.aliasHash(mount, name)
    const alias = await view.get(keys.alias(mount.accessor, hash))
    return alias && view.get(keys.entity(alias.entity))
  }

  async list(page: Page): Promise<readonly AliasRecord[]> {
    const ids = await this.#context.store.view((view) =>
      listSegments(view, keys.aliasIdPrefix, page),
    )
    return readInPages(this.#context, ids, async (view, some) =>
      readMany(view, await readMany(view, some, keys.aliasId), aliasKey),
    )
  }

  /** The entity and its tokens stay. */
  async remove(id: string): Promise<void> {
    await this.#context.store.write(async (txn) => {
      const placed = await findAlias(txn, id)
      if (placed === undefined) return
      const entity = await requireEntity(txn, placed.alias.entity)
      dropAlias(txn, entity, placed.alias, placed.hash)
    })
  }
}

async function findAlias(view: StoreView, id: string): Promise<PlacedAlias | undefined> {
  const place = await view.get(keys.aliasId(id))
  if (place === undefined) return undefined
  const alias = await view.get(keys.alias(place.accessor, place.hash))
  return alias && { alias, hash: place.hash }
}

async function requireEntity(view: StoreView, id: string): Promise<EntityRecord> {
  const entity = await findEntity(view, id)
  if (entity === undefined) throw invalid("invalid 'canonical_id': no entity has it")
  return entity
}

function refuseSecond(entity: EntityRecord, accessor: string): void {
  if (entity.aliases.some((one) => one.accessor === accessor)) {
    throw invalid('Alias already exists for requested entity and mount accessor')
  }
}

function isSame(a: AliasRecord, b: AliasRecord): boolean {
  return JSON.stringify(a.customMetadata) === JSON.stringify(b.customMetadata)
}
