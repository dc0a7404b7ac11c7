/**
 * Which mount serves a path. The table is read from storage and kept until the epoch moves, so that
 * a mount enabled or disabled on one node is seen by the very next request on every node.
 */

import { prefixRange, type Store, type StoreView } from '../storage/store.ts'
import { keys, lastSegment } from './keys.ts'
import type { MountRecord } from './records.ts'

export class MountTable {
  readonly mounts: readonly MountRecord[]
  /** The one that takes a JWT in place of a token. */
  readonly bearer: MountRecord | undefined
  readonly #byPath = new Map<string, MountRecord>()
  readonly #byUuid = new Map<string, MountRecord>()
  readonly #byAccessor = new Map<string, MountRecord>()

  constructor(mounts: readonly MountRecord[]) {
    this.mounts = mounts.toSorted((a, b) => (fullPath(a) < fullPath(b) ? -1 : 1))
    for (const mount of this.mounts) {
      this.#byUuid.set(mount.uuid, mount)
      if (mount.tainted === true) continue
      this.#byPath.set(fullPath(mount), mount)
      this.#byAccessor.set(mount.accessor, mount)
    }
    this.bearer = this.mounts.find(
      ({ config, tainted }) => config.directBearer !== undefined && tainted !== true,
    )
  }

  /** The mount whose path the request path begins with; paths of mounts never nest. */
  find(path: string): MountRecord | undefined {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const mount = this.#byPath.get(path.slice(0, at + 1))
      if (mount !== undefined) return mount
    }
    // A list of the mount itself or a call without the final slash.
    return this.#byPath.get(`${path}/`)
  }

  byPath(fullMountPath: string): MountRecord | undefined {
    return this.#byPath.get(fullMountPath)
  }

  /** Also a mount on its way out; look at `tainted`. */
  byUuid(uuid: string): MountRecord | undefined {
    return this.#byUuid.get(uuid)
  }

  byAccessor(accessor: string): MountRecord | undefined {
    return this.#byAccessor.get(accessor)
  }

  /**
   * A mount that is equal to, below or above the path, apart from the one that wants to go there.
   */
  clash(path: string, moving?: MountRecord): MountRecord | undefined {
    for (const [taken, mount] of this.#byPath) {
      if (mount.uuid === moving?.uuid) continue
      if (taken.startsWith(path) || path.startsWith(taken)) return mount
    }
    return undefined
  }
}

/** `auth/jwt/` or `secret/`. */
export function fullPath(mount: MountRecord): string {
  return mount.class === 'auth' ? `auth/${mount.path}` : mount.path
}

export async function readMounts(view: StoreView): Promise<MountTable> {
  const mounts: MountRecord[] = []
  for await (const key of view.keys(prefixRange(keys.mountPrefix))) {
    const mount = await view.get(keys.mount(lastSegment(key)))
    if (mount !== undefined) mounts.push(mount)
  }
  return new MountTable(mounts)
}

/** A value that was computed from configuration, kept while the epoch stands still. */
export class EpochValue<T> {
  readonly #read: (view: StoreView) => Promise<T>
  #epoch = -1
  #value: Promise<T> | undefined
  #settled: T | undefined
  #latest: T | undefined

  constructor(read: (view: StoreView) => Promise<T>) {
    this.#read = read
  }

  /** The value at that epoch if it is already there: the hot path. */
  peek(epoch: number): T | undefined {
    return epoch === this.#epoch ? this.#settled : undefined
  }

  /** The last value that was read, of whichever epoch; also while a newer one is being read. */
  get latest(): T | undefined {
    return this.#latest
  }

  async at(epoch: number, store: Store): Promise<T> {
    if (epoch === this.#epoch && this.#value !== undefined) return this.#value
    const value = store.view(this.#read)
    this.#epoch = epoch
    this.#value = value
    this.#settled = undefined
    try {
      const settled = await value
      if (this.#value === value) {
        this.#settled = settled
        this.#latest = settled
      }
      return settled
    } catch (problem) {
      if (this.#value === value) this.#forget()
      throw problem
    }
  }

  clear(): void {
    this.#forget()
    this.#latest = undefined
  }

  #forget(): void {
    this.#epoch = -1
    this.#value = undefined
    this.#settled = undefined
  }
}
