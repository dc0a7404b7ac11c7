/**
 * Which namespaces there are, as of an epoch. It is read whole once; afterwards a change costs the
 * reading of what was changed, however many there are.
 */

import { after, type Soon } from '../../lib/soon.ts'
import { prefixRange, type StoreView } from '../../storage/store.ts'
import { keys, lastSegment } from '../keys.ts'
import type { NamespaceRecord, NamespaceRevision } from '../records.ts'
import { parentPath } from './namespace-path.ts'

/** Where a request goes: a namespace, or the root where that is undefined. */
export interface Place {
  readonly namespace: NamespaceRecord | undefined
  /** What is left of the path. */
  readonly path: string
}

/** It changes as namespaces do: nobody keeps what it says across a wait. */
export class NamespaceTree {
  readonly #byId: Map<string, NamespaceRecord>
  readonly #byPath: Map<string, NamespaceRecord>
  #revision: number

  constructor(revision: number, records: Iterable<NamespaceRecord>) {
    this.#revision = revision
    const all = [...records]
    this.#byId = new Map(all.map((record) => [record.id, record]))
    this.#byPath = new Map(all.map((record) => [record.path, record]))
  }

  get revision(): number {
    return this.#revision
  }

  get all(): Iterable<NamespaceRecord> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }

  byId(id: string): NamespaceRecord | undefined {
    return this.#byId.get(id)
  }

  /** Path with a slash at its end. */
  byPath(path: string): NamespaceRecord | undefined {
    return this.#byPath.get(path)
  }

  /** Those below a path in order, or only the ones directly below it. */
  below(path: string, depth: 'children' | 'all'): readonly NamespaceRecord[] {
    const found: NamespaceRecord[] = []
    for (const record of this.#byId.values()) {
      if (record.path === path || !record.path.startsWith(path)) continue
      if (depth === 'all' || parentPath(record.path) === path) found.push(record)
    }
    return found.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  }

  /** Undefined when the header names none. A namespace that is on its way out is none. */
  place(header: string, path: string): Place | undefined {
    let namespace: NamespaceRecord | undefined
    if (header !== '') {
      namespace = this.#living(`${header}/`)
      if (namespace === undefined) return undefined
    }
    let rest = path
    for (let at = rest.indexOf('/'); at > 0; at = rest.indexOf('/')) {
      const deeper = this.#living(`${namespace?.path ?? ''}${rest.slice(0, at + 1)}`)
      if (deeper === undefined) break
      namespace = deeper
      rest = rest.slice(at + 1)
    }
    return { namespace, path: rest }
  }

  /** The locked one of a namespace and those above it, from the top. */
  lockedAbove(path: string): NamespaceRecord | undefined {
    for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
      const record = this.#byPath.get(path.slice(0, at + 1))
      if (record?.lock !== undefined) return record
    }
    return undefined
  }

  /** Takes in the change that follows; its record is undefined when it is gone. */
  follow({ revision, changed }: NamespaceRevision, record: NamespaceRecord | undefined): void {
    const before = this.#byId.get(changed)
    this.#byId.delete(changed)
    if (before !== undefined) this.#byPath.delete(before.path)
    if (record !== undefined) {
      this.#byId.set(changed, record)
      this.#byPath.set(record.path, record)
    }
    this.#revision = revision
  }

  #living(path: string): NamespaceRecord | undefined {
    const record = this.#byPath.get(path)
    return record?.tainted === true ? undefined : record
  }
}

export class NamespaceTrees {
  #epoch = -1
  #latest = new NamespaceTree(0, [])

  /** The newest that was read. */
  get latest(): NamespaceTree {
    return this.#latest
  }

  /** The tree of the view, or a newer one; at once when nothing has changed since. */
  at(epoch: number, view: StoreView): Soon<NamespaceTree> {
    if (epoch <= this.#epoch) return this.#latest
    return after(view.get(keys.namespaceRevision()), (revision) => {
      if (revision === undefined || revision.revision === this.#latest.revision) {
        this.#epoch = Math.max(this.#epoch, epoch)
        return this.#latest
      }
      return this.#read(revision, epoch, view)
    })
  }

  clear(): void {
    this.#epoch = -1
    this.#latest = new NamespaceTree(0, [])
  }

  async #read(revision: NamespaceRevision, epoch: number, view: StoreView): Promise<NamespaceTree> {
    const known = this.#latest
    const isNext = (): boolean => known === this.#latest && known.revision === revision.revision - 1
    if (!isNext()) {
      const tree = await readTree(revision.revision, view)
      if (epoch > this.#epoch) {
        this.#epoch = epoch
        this.#latest = tree
      }
      return tree
    }
    const record = await view.get(keys.namespace(revision.changed))
    // Others may have brought it further meanwhile.
    if (!isNext()) return this.at(epoch, view)
    known.follow(revision, record)
    this.#epoch = Math.max(this.#epoch, epoch)
    return known
  }
}

async function readTree(revision: number, view: StoreView): Promise<NamespaceTree> {
  const records: NamespaceRecord[] = []
  for await (const key of view.keys(prefixRange(keys.namespacePrefix))) {
    const record = await view.get(keys.namespace(lastSegment(key)))
    if (record !== undefined) records.push(record)
  }
  return new NamespaceTree(revision, records)
}
