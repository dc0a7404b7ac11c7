/**
 * Namespaces below one of them: made, changed, locked and removed. A removal is a mark first, from
 * which on nothing is served and nothing is written there; what is marked is emptied in the
 * background and after a restart (`namespace-keeper.ts`).
 */

import { invalid, Refusal } from '../../framework/refusal.ts'
import { equalSecrets } from '../../lib/constant-time.ts'
import { encodeBase62 } from '../../lib/base62.ts'
import type { Soon } from '../../lib/soon.ts'
import { trimEnd } from '../../lib/trim.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import { scopedTransaction } from '../../storage/scoped-store.ts'
import {
  prefixRange,
  type Store,
  type StoreTransaction,
  type TextSealer,
} from '../../storage/store.ts'
import { bootstrap } from '../bootstrap.ts'
import { keys } from '../keys.ts'
import { fullPath, readMounts, type MountTable } from '../mount-table.ts'
import type { MountRecord, NamespaceRecord } from '../records.ts'
import type { InTurn } from '../in-turn.ts'
import { namespacePathCharsMax, parentPath, parseNamespacePath } from './namespace-path.ts'
import type { NamespaceTree } from './namespace-tree.ts'

type Texts = Readonly<Record<string, string>>

const depthMax = 16
const pairsMax = 64
const namespacesMax = 100_000
const lockPurpose = 'namespace lock'

export interface NamespaceAdminContext {
  readonly store: Store & TextSealer
  readonly clock: Clock
  readonly random: Random
  /** Path of the namespace whose children these are; empty for the root. */
  readonly here: string
  readonly tree: () => Soon<NamespaceTree>
  /** Of all admins: every change counts up one revision, so that two at once would conflict. */
  readonly turn: InTurn
  readonly mountsOf: (record: NamespaceRecord) => Promise<MountTable>
  /** It is served no more. */
  readonly forget: (id: string) => void
  /** Empties what was marked; it goes on by itself. */
  readonly sweep: () => void
}

/** A mount of a namespace below. */
export interface MountBelow {
  readonly mount: MountRecord
  /** From here on, with that of the namespace at its begin. */
  readonly path: string
}

/** A namespace as its parents see it. */
export interface NamespaceView {
  readonly record: NamespaceRecord
  /** From here on. */
  readonly path: string
  readonly isLocked: boolean
}

export class NamespaceAdmin {
  readonly #context: NamespaceAdminContext

  constructor(context: NamespaceAdminContext) {
    this.#context = context
  }

  async list(depth: 'children' | 'all'): Promise<readonly NamespaceView[]> {
    const tree = await this.#context.tree()
    return tree.below(this.#context.here, depth).map((record) => this.#view(record, tree))
  }

  async read(given: string): Promise<NamespaceView | undefined> {
    const tree = await this.#context.tree()
    const record = tree.byPath(this.#full(given))
    return record && this.#view(record, tree)
  }

  /** The mount that serves a path which leads into a namespace below, unless that is locked. */
  async mountBelow(given: string): Promise<MountBelow | undefined> {
    const { here } = this.#context
    const tree = await this.#context.tree()
    const place = tree.place(trimEnd(here, '/'), given)
    const record = place?.namespace
    if (record === undefined || record.path === here) return undefined
    if (tree.lockedAbove(record.path) !== undefined) return undefined
    const mount = (await this.#context.mountsOf(record)).find(place?.path ?? '')
    return mount && { mount, path: record.path.slice(here.length) + fullPath(mount) }
  }

  /** Makes it, or replaces the metadata of one that is there when some are given. */
  async write(given: string, customMetadata: Texts | undefined): Promise<NamespaceView> {
    const path = this.#full(given)
    const tree = await this.#context.tree()
    if (tree.size >= namespacesMax) throw invalid(`there are ${namespacesMax} namespaces already`)
    const record = await this.#write(async (txn) => {
      const known = await this.#find(txn, path)
      if (known === undefined) return this.#create(txn, path, customMetadata ?? {})
      if (known.tainted === true) throw invalid(`the namespace ${path} is being deleted`)
      if (customMetadata === undefined) return known
      return putChanged(txn, { ...known, customMetadata })
    })
    return this.#view(record, await this.#context.tree())
  }

  /** Sets and, where a value is null, removes single metadata; undefined when there is none. */
  async patch(
    given: string,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<NamespaceView | undefined> {
    const path = this.#full(given)
    const record = await this.#write(async (txn) => {
      const known = await this.#find(txn, path)
      if (known === undefined || known.tainted === true) return undefined
      const metadata = new Map(Object.entries(known.customMetadata))
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) metadata.delete(name)
        else metadata.set(name, value)
      }
      requireFew(metadata.size)
      return putChanged(txn, { ...known, customMetadata: Object.fromEntries(metadata) })
    })
    return record && this.#view(record, await this.#context.tree())
  }

  /** From the commit on nothing of it is served; false when there was none. */
  async remove(given: string): Promise<boolean> {
    const path = this.#full(given)
    const { forget, sweep, tree } = this.#context
    const record = await this.#write(async (txn) => {
      const known = await this.#find(txn, path)
      if (known === undefined || known.tainted === true) return known
      // It stands itself in the range.
      const rows = txn.keys(prefixRange(keys.namespacePath(path).text, { limit: 2 }))
      let count = 0
      for await (const _ of rows) count++
      if (count > 1) {
        throw invalid(`cannot delete namespace (${path}) containing child namespaces`)
      }
      // Whatever is being written there at this moment is a conflict from here on.
      scopedTransaction(txn, known.id).delete(keys.namespaceSign().text)
      return putChanged(txn, { ...known, tainted: true })
    })
    if (record === undefined) return false
    await tree()
    forget(record.id)
    sweep()
    return true
  }

  /** Gives the key that opens it again. */
  async lock(given: string): Promise<string> {
    const { store, random } = this.#context
    const path = this.#fullOrHere(given)
    const key = encodeBase62(random.bytes(24))
    const lock = store.hashText(lockPurpose, key)
    await this.#write(async (txn) => {
      const known = await this.#require(txn, path)
      if (known.lock !== undefined) throw invalid(`the namespace ${path} is locked already`)
      await putChanged(txn, { ...known, lock })
    })
    await this.#context.tree()
    return key
  }

  /** With its key, or without one by whoever has root rights. */
  async unlock(given: string, key: string, isRoot: boolean): Promise<void> {
    const { store } = this.#context
    const path = this.#fullOrHere(given)
    await this.#write(async (txn) => {
      const { lock, ...record } = await this.#require(txn, path)
      if (lock === undefined) throw invalid(`the namespace ${path} is not locked`)
      const isKey = key !== '' && equalSecrets(lock, store.hashText(lockPurpose, key))
      if (!isKey && !(isRoot && key === '')) throw invalid('"unlock_key" is not the right one')
      await putChanged(txn, record)
    })
    await this.#context.tree()
  }

  #write<T>(work: (txn: StoreTransaction) => Promise<T>): Promise<T> {
    const { store, turn } = this.#context
    return turn.run(() => store.write(work))
  }

  async #create(
    txn: StoreTransaction,
    path: string,
    customMetadata: Texts,
  ): Promise<NamespaceRecord> {
    const { clock, random } = this.#context
    const above = parentPath(path)
    const parent = above === '' ? undefined : await this.#find(txn, above)
    if (above !== '' && (parent === undefined || parent.tainted === true)) {
      throw invalid(`there is no namespace ${above}`)
    }
    if (path.split('/').length > depthMax) {
      throw invalid(`namespaces can be at most ${depthMax - 1} deep`)
    }
    const name = path.slice(above.length)
    const mounts = await readMounts(parent === undefined ? txn : scopedTransaction(txn, parent.id))
    const clash = mounts.mounts.find((mount) => fullPath(mount).startsWith(name))
    if (clash !== undefined) throw invalid(`path is already in use at ${fullPath(clash)}`)
    const record: NamespaceRecord = {
      id: await this.#freeId(txn),
      uuid: random.uuid(),
      path,
      customMetadata,
      createdAt: clock.nowMs(),
    }
    const inside = scopedTransaction(txn, record.id)
    await bootstrap(inside, { random, clock })
    inside.put(keys.identityRows(), { since: '0.2' })
    inside.put(keys.namespaceSign(), { id: record.id })
    txn.put(keys.namespacePath(path), { id: record.id })
    return putChanged(txn, record)
  }

  async #freeId(txn: StoreTransaction): Promise<string> {
    for (;;) {
      const id = encodeBase62(this.#context.random.bytes(4))
      if ((await txn.get(keys.namespace(id))) === undefined) return id
    }
  }

  async #find(txn: StoreTransaction, path: string): Promise<NamespaceRecord | undefined> {
    const row = await txn.get(keys.namespacePath(path))
    return row === undefined ? undefined : txn.get(keys.namespace(row.id))
  }

  async #require(txn: StoreTransaction, path: string): Promise<NamespaceRecord> {
    const known = await this.#find(txn, path)
    if (known === undefined || known.tainted === true) throw new Refusal('namespace_unknown')
    return known
  }

  #full(given: string): string {
    const parsed = parseNamespacePath(given)
    if (!parsed.ok) throw invalid(parsed.error)
    const path = this.#context.here + parsed.value
    if (path.length > namespacePathCharsMax) {
      throw invalid(`path must have at most ${namespacePathCharsMax} characters with those above`)
    }
    return path
  }

  #fullOrHere(given: string): string {
    const { here } = this.#context
    if (given !== '') return this.#full(given)
    if (here === '') throw invalid('the root namespace cannot be locked: path must not be empty')
    return here
  }

  #view(record: NamespaceRecord, tree: NamespaceTree): NamespaceView {
    const path = record.path.slice(this.#context.here.length)
    return { record, path, isLocked: tree.lockedAbove(record.path) !== undefined }
  }
}

export function requireFew(pairs: number): void {
  if (pairs > pairsMax) throw invalid(`custom_metadata has more than ${pairsMax} pairs`)
}

/** Puts the record and tells those who keep a tree that it has changed. */
async function putChanged(
  txn: StoreTransaction,
  record: NamespaceRecord,
): Promise<NamespaceRecord> {
  txn.put(keys.namespace(record.id), record)
  await tellChange(txn, record.id)
  return record
}

export async function tellChange(txn: StoreTransaction, id: string): Promise<void> {
  const key = keys.namespaceRevision()
  const { revision } = (await txn.get(key)) ?? { revision: 0 }
  txn.put(key, { revision: revision + 1, changed: id })
}
