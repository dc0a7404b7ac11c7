/**
 * Who is behind a login (platform.md §5.5, §5.6): its entity and alias, made where there are none,
 * and the external groups it brings. A known entity whose groups did not change costs no write.
 */

import { invalid, Refusal } from '../../framework/refusal.ts'
import type { Random } from '../../platform/random.ts'
import type { StoreTransaction, StoreView } from '../../storage/store.ts'
import { keys } from '../keys.ts'
import {
  aliasRecord,
  entityRecord,
  type AliasRecord,
  type EntityRecord,
  type ExternalGroups,
  type MountRecord,
} from '../records.ts'
import {
  changed,
  findEntity,
  freeName,
  putNewAlias,
  putNewEntity,
  setGroups,
} from './entity-rows.ts'
import { readOne, type IdentityIndex } from './identity-index.ts'
import { entityGroupsMax } from './identity-rules.ts'
import { findKnownGroups, groupsOf, isSameSet, refreshedGroups } from './membership.ts'

export interface LoginIdentity {
  readonly mount: MountRecord
  readonly aliasName: string
  readonly aliasMetadata: Readonly<Record<string, string>>
  /** As the method found them in what was proven. */
  readonly groups: readonly string[]
  /** Whose external groups they are: the token's alone, or those of all tokens of the entity. */
  readonly mode: 'token' | 'entity'
  /** Nobody becomes known by this login. */
  readonly existingOnly: boolean
}

export interface KnownPerson {
  readonly entity: EntityRecord
  /** The groups that have an alias on the mount: what the token keeps. */
  readonly groups: readonly string[]
  /** In place of the entity's. */
  readonly external: readonly ExternalGroups[] | undefined
  /** Stored is already what this login says, so that nothing has to be written. */
  readonly isCurrent: boolean
}

export class LoginIdentities {
  readonly #index: IdentityIndex
  readonly #random: Random

  constructor(index: IdentityIndex, random: Random) {
    this.#index = index
    this.#random = random
  }

  /** The entity and alias of a login if both are there. */
  async find(login: LoginIdentity, view: StoreView): Promise<KnownPerson | undefined> {
    const hash = this.#index.aliasHash(login.mount, login.aliasName)
    const alias = await readOne(view, keys.alias(login.mount.accessor, hash))
    if (alias === undefined) return undefined
    const entity = await readOne(view, keys.entity(alias.entity))
    if (entity === undefined) return undefined
    const coming = this.#groupsAfter(login, entity, view)
    const { groups, external, after } = coming instanceof Promise ? await coming : coming
    const isCurrent = !isNewMetadata(alias, login) && isSameSet(entity.groups, after)
    return { entity, groups, external, isCurrent }
  }

  /** Finds or makes entity and alias inside a transaction, and brings both up to date. */
  async ensure(login: LoginIdentity, txn: StoreTransaction, nowMs: number): Promise<KnownPerson> {
    const { mount, aliasName } = login
    const hash = this.#index.aliasHash(mount, aliasName)
    const alias = await txn.get(keys.alias(mount.accessor, hash))
    const found = alias && (await txn.get(keys.entity(alias.entity)))
    let entity: EntityRecord
    if (alias === undefined || found === undefined) {
      entity = await this.#create(login, hash, txn, nowMs)
    } else if (isNewMetadata(alias, login)) {
      const metadata = login.aliasMetadata
      txn.put(keys.alias(mount.accessor, hash), { ...alias, metadata, updatedAt: nowMs })
      entity = changed(found)
      txn.put(keys.entity(entity.id), entity)
    } else entity = found
    const { groups, external, after } = await this.#groupsAfter(login, entity, txn)
    if (!isSameSet(entity.groups, after)) entity = setGroups(txn, entity, after)
    return { entity, groups, external, isCurrent: true }
  }

  /** What a renewal does with the groups that its token has kept; gives whether it has to write. */
  async refresh(
    renewal: {
      readonly mount: MountRecord
      readonly entity: string
      readonly groups: readonly string[]
    },
    view: StoreView,
    txn?: StoreTransaction,
  ): Promise<boolean> {
    const entity = await findEntity(view, renewal.entity)
    if (entity === undefined) return false
    const { after } = await this.#groupsAfter({ ...renewal, mode: 'entity' }, entity, view)
    if (isSameSet(entity.groups, after)) return false
    if (txn !== undefined) setGroups(txn, entity, after)
    return true
  }

  async #create(
    { mount, aliasName, aliasMetadata, existingOnly }: LoginIdentity,
    hash: string,
    txn: StoreTransaction,
    nowMs: number,
  ): Promise<EntityRecord> {
    if (existingOnly) throw unknownPerson()
    const entity: EntityRecord = {
      ...entityRecord.defaults,
      id: this.#random.uuid(),
      name: await freeName(
        'entity',
        this.#random,
        async (name) => (await txn.get(this.#index.entityName(name))) !== undefined,
      ),
      createdAt: nowMs,
      updatedAt: nowMs,
    }
    putNewEntity(txn, this.#index, entity)
    const alias: AliasRecord = {
      ...aliasRecord.defaults,
      id: this.#random.uuid(),
      entity: entity.id,
      name: aliasName,
      accessor: mount.accessor,
      metadata: aliasMetadata,
      createdAt: nowMs,
      updatedAt: nowMs,
    }
    return putNewAlias(txn, entity, alias, hash)
  }

  /** Answers at once where there are no groups: most logins bring none. */
  #groupsAfter(
    login: Pick<LoginIdentity, 'mount' | 'groups' | 'mode'>,
    entity: EntityRecord,
    view: StoreView,
  ): GroupsAfter | Promise<GroupsAfter> {
    const isOfToken = login.mode === 'token'
    if (login.groups.length === 0 && (isOfToken || entity.groups.length === 0)) {
      return { groups: noNames, external: isOfToken ? noGroups : undefined, after: entity.groups }
    }
    return this.#findGroups(login, entity, view)
  }

  async #findGroups(
    { mount, groups: names, mode }: Pick<LoginIdentity, 'mount' | 'groups' | 'mode'>,
    entity: EntityRecord,
    view: StoreView,
  ): Promise<GroupsAfter> {
    const found = await findKnownGroups(view, this.#index, mount, names)
    if (mode === 'token') {
      const { accessor } = mount
      const external = found.names.length === 0 ? noGroups : [{ accessor, names: found.names }]
      return { groups: noNames, external, after: entity.groups }
    }
    const current = entity.groups.length === 0 ? [] : await groupsOf(view, entity)
    const after = refreshedGroups(current, found.ids, mount.accessor)
    if (after.length > entityGroupsMax) {
      throw invalid(`the login names more than ${entityGroupsMax} known groups`)
    }
    return { groups: found.names, external: undefined, after }
  }
}

interface GroupsAfter extends Pick<KnownPerson, 'groups' | 'external'> {
  /** Ids of the groups that the entity is in then. */
  readonly after: readonly string[]
}

const noNames: readonly string[] = []
const noGroups: readonly ExternalGroups[] = []

/** Whoever may not become known by a login. */
export function unknownPerson(): Refusal {
  return new Refusal('login_refused', {
    text: 'the identity behind this login is not known here, and the role makes no new ones',
    reason: 'entity_unknown',
  })
}

/**
 * The metadata of a login replaces what is stored, unless a name that differs in case alone led to
 * the alias.
 */
function isNewMetadata(alias: AliasRecord, login: LoginIdentity): boolean {
  return alias.name === login.aliasName && !isSameMap(alias.metadata, login.aliasMetadata)
}

function isSameMap(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}
