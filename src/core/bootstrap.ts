/** What must exist before the first request: cluster name, the mounts that are always there, the default policy. */

import type { Clock } from '../platform/clock.ts'
import type { Random } from '../platform/random.ts'
import type { Store } from '../storage/store.ts'
import type { CoreSettings } from './config.ts'
import { keys } from './keys.ts'
import { readMounts } from './mount-table.ts'
import { defaultPolicyText } from './policy/default-policy.ts'
import type { MountRecord } from './records.ts'

/** Mounts that no request makes, moves or removes. */
export const builtInMounts = [
  { class: 'secret', path: 'sys/', type: 'system', description: 'system endpoints used for control, policy and debugging' },
  { class: 'secret', path: 'cubbyhole/', type: 'cubbyhole', description: 'per-token private secret storage' },
  { class: 'secret', path: 'identity/', type: 'identity', description: 'identity store' },
  { class: 'auth', path: 'token/', type: 'token', description: 'token based credentials' },
] as const

export class Bootstrap {
  readonly #store: Store
  readonly #random: Random
  readonly #clock: Clock
  readonly #settings: CoreSettings

  constructor(store: Store, random: Random, clock: Clock, settings: CoreSettings) {
    this.#store = store
    this.#random = random
    this.#clock = clock
    this.#settings = settings
  }

  /** Writes what is missing in one step; writes nothing when all is there. */
  async run(): Promise<void> {
    await this.#store.write(async (txn) => {
      if ((await txn.get(keys.cluster())) === undefined) {
        const name =
          this.#settings.clusterName || `tokenstile-cluster-${this.#random.bytes(4).toString('hex')}`
        txn.put(keys.cluster(), { name, id: this.#random.uuid() })
      }
      const mounts = await readMounts(txn)
      for (const built of builtInMounts) {
        const path = built.class === 'auth' ? `auth/${built.path}` : built.path
        if (mounts.byPath(path) !== undefined) continue
        const mount = this.#mount(built)
        txn.put(keys.mount(mount.uuid), mount)
      }
      if ((await txn.get(keys.policy('default'))) === undefined) {
        txn.put(keys.policy('default'), {
          name: 'default',
          text: defaultPolicyText,
          modifiedAt: this.#clock.nowMs(),
        })
      }
    })
  }

  #mount(built: (typeof builtInMounts)[number]): MountRecord {
    return {
      uuid: this.#random.uuid(),
      accessor: `${built.class === 'auth' ? 'auth_' : ''}${built.type}_${this.#random.bytes(4).toString('hex')}`,
      path: built.path,
      class: built.class,
      type: built.type,
      description: built.description,
      local: built.type === 'cubbyhole',
      sealWrap: false,
      externalEntropyAccess: false,
      options: null,
      config: {
        defaultLeaseTtl: 0,
        maxLeaseTtl: 0,
        forceNoCache: false,
        ...(built.type === 'token' ? { tokenType: 'default-service' } : {}),
      },
    }
  }
}
