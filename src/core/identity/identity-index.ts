/**
 * Names of identities as the store knows them: hashed where they stand in keys, with their case
 * folded but where a subject that differs in case is another subject (platform.md §5.1).
 */

import type { Key, StoreView } from '../../storage/store.ts'
import { prefixRange } from '../../storage/store.ts'
import { keys, lastSegment, type IdRow } from '../keys.ts'
import type { MountRecord } from '../records.ts'
import type { TokenIds } from '../token-id.ts'

/** A page of a list: what comes after an id or a name, and at most so many; 0 is all. */
export interface Page {
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

export class IdentityIndex {
  readonly #ids: Pick<TokenIds, 'nameHash'>
  readonly #isExact: (mount: MountRecord) => boolean

  constructor(ids: Pick<TokenIds, 'nameHash'>, isExact: (mount: MountRecord) => boolean) {
    this.#ids = ids
    this.#isExact = isExact
  }

  entityName(name: string): Key<IdRow> {
    return keys.entityName(this.#ids.nameHash('entity', name.toLowerCase()))
  }

  groupName(name: string): Key<IdRow> {
    return keys.groupName(this.#ids.nameHash('group', name.toLowerCase()))
  }

  /** Of the name of an alias, or of a group's, on that mount. */
  aliasHash(mount: MountRecord, name: string): string {
    const known = this.#isExact(mount) ? name : name.toLowerCase()
    return this.#ids.nameHash(mount.accessor, known)
  }
}

/** One page of the last segments below a prefix. */
export async function listSegments(
  view: StoreView,
  prefix: string,
  { after = '', limit = 0 }: Page,
): Promise<readonly string[]> {
  const options = { ...(after === '' ? {} : { after }), ...(limit <= 0 ? {} : { limit }) }
  const found: string[] = []
  for await (const key of view.keys(prefixRange(prefix, options))) found.push(lastSegment(key))
  return found
}

/** One record, without waiting where the store can: every login comes through here. */
export function readOne<T>(view: StoreView, key: Key<T>): T | undefined | Promise<T | undefined> {
  const now = view.getNow([key])
  return now === undefined ? view.get(key) : (now[0] as T | undefined)
}

/** Records in the order of their keys, without those that are not there. */
export async function readMany<T>(
  view: StoreView,
  wanted: readonly Key<T>[],
): Promise<readonly T[]> {
  if (wanted.length === 0) return []
  const found = view.getNow(wanted) ?? (await view.getMany(wanted))
  return (found as readonly (T | undefined)[]).filter((one) => one !== undefined)
}
