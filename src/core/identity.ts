/**
 * Who is behind a login: entities and their aliases (platform.md §5.5). A known entity costs no
 * write. The identity API and groups build on these records.
 */

import { after, type Soon } from '../lib/soon.ts'
import type { Random } from '../platform/random.ts'
import type { StoreTransaction, StoreView } from '../storage/store.ts'
import { keys } from './keys.ts'
import type { AliasRecord, EntityRecord } from './records.ts'
import type { TokenIds } from './token-id.ts'

export interface LoginIdentity {
  readonly mountAccessor: string
  /**
   * Alias names of jwt, oidc, kubernetes and approle mounts are compared exactly
   * (platform.md §5.1).
   */
  readonly foldCase: boolean
  readonly aliasName: string
  readonly aliasMetadata: Readonly<Record<string, string>>
}

export interface KnownEntity {
  readonly entity: EntityRecord
  readonly alias: AliasRecord
  readonly aliasHash: string
}

export class Identity {
  readonly #ids: TokenIds
  readonly #random: Random

  constructor(ids: TokenIds, random: Random) {
    this.#ids = ids
    this.#random = random
  }

  /** The entity and alias of a login if both are there. */
  find(login: LoginIdentity, view: StoreView): Soon<KnownEntity | undefined> {
    const aliasHash = this.#hash(login)
    return after(view.get(keys.alias(login.mountAccessor, aliasHash)), (alias) => {
      if (alias === undefined) return undefined
      return after(view.get(keys.entity(alias.entity)), (entity) =>
        entity === undefined ? undefined : { entity, alias, aliasHash },
      )
    })
  }

  /** True when the stored alias says what this login says, so that nothing has to be written. */
  isCurrent(known: KnownEntity, login: LoginIdentity): boolean {
    return sameMap(known.alias.metadata, login.aliasMetadata)
  }

  /**
   * Finds or makes entity and alias inside a transaction, and brings the alias metadata up to date.
   */
  async ensure(login: LoginIdentity, txn: StoreTransaction, nowMs: number): Promise<EntityRecord> {
    const known = await this.find(login, txn)
    if (known !== undefined) {
      if (!this.isCurrent(known, login)) {
        const alias = { ...known.alias, metadata: login.aliasMetadata, updatedAt: nowMs }
        txn.put(keys.alias(login.mountAccessor, known.aliasHash), alias)
      }
      return known.entity
    }
    const hash = this.#hash(login)
    const entity: EntityRecord = {
      id: this.#random.uuid(),
      name: `entity_${this.#random.bytes(4).toString('hex')}`,
      policies: [],
      metadata: null,
      disabled: false,
      createdAt: nowMs,
      updatedAt: nowMs,
      aliases: [{ accessor: login.mountAccessor, hash }],
    }
    txn.put(keys.entity(entity.id), entity)
    txn.put(keys.alias(login.mountAccessor, hash), {
      id: this.#random.uuid(),
      entity: entity.id,
      name: login.aliasName,
      accessor: login.mountAccessor,
      metadata: login.aliasMetadata,
      createdAt: nowMs,
      updatedAt: nowMs,
    })
    return entity
  }

  #hash(login: LoginIdentity): string {
    const name = login.foldCase ? login.aliasName.toLowerCase() : login.aliasName
    return this.#ids.nameHash(login.mountAccessor, name)
  }
}

function sameMap(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}
