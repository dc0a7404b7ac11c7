/**
 * Names of identities as the store knows them: hashed where they stand in keys, with their case
 * folded but where a subject that differs in case is another subject (platform.md §5.1).
 */

import { turn, type Turns } from '../../lib/turns.ts'
import type { Key, Store, StoreView } from '../../storage/store.ts'
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

/** Ids that are read before others have their turn. */
const pageSize = 200

/** What is read of these ids, a page of them in each snapshot. */
export async function readInPages<T>(
  { store, clock }: { readonly store: Pick<Store, 'view'>; readonly clock: Turns },
  ids: readonly string[],
  read: (view: StoreView, page: readonly string[]) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const all: T[] = []
  for (let at = 0; at < ids.length; at += pageSize) {
    const page = ids.slice(at, at + pageSize)
    all.push(...(await store.view((view) => read(view, page))))
    await turn(clock)
  }
  return all
}

/** One record, without waiting where the store can: every login comes through here. */
export function readOne<T>(view: StoreView, key: Key<T>): T | undefined | Promise<T | undefined> {
  const now = view.getNow([key])
  return now === undefined ? view.get(key) : (now[0] as T | undefined)
}

/** What lies under the keys of these, in their order, without what is not there. */
export async function readMany<I, T>(
  view: StoreView,
  ids: readonly I[],
  keyOf: (id: I) => Key<T>,
): Promise<readonly T[]> {
  if (ids.length === 0) return []
  const wanted = ids.map((id) => keyOf(id))
  const found = view.getNow(wanted) ?? (await view.getMany(wanted))
  return (found as readonly (T | undefined)[]).filter((one) => one !== undefined)
}
