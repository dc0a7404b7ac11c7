/**
 * Storage of the cubbyhole mount. What is put into a cubbyhole rests on the record of its token in
 * the same transaction, so that nothing outlives the token: a write that meets its end counts as
 * having come before it, and leaves nothing.
 */

import type { MountStore } from '../framework/backend.ts'
import type { StoreTransaction } from '../storage/store.ts'
import { keys } from './keys.ts'
import { revokedAtSeconds } from './tokens.ts'

export function cubbyholeStore(store: MountStore): MountStore {
  return {
    ...store,
    write: (work) =>
      store.write(async (txn) => {
        const put = new Set<string>()
        const result = await work(watched(txn, put))
        for (const key of put) {
          const [owner = ''] = store.pathOf(key).split('/')
          const record = await txn.get(keys.token(owner))
          if (record === undefined || record.expires === revokedAtSeconds) txn.delete(key)
        }
        return result
      }),
  }
}

/** The transaction, noting the keys that are put. */
function watched(txn: StoreTransaction, put: Set<string>): StoreTransaction {
  return {
    get: (key) => txn.get(key),
    getMany: (wanted) => txn.getMany(wanted),
    getNow: (wanted) => txn.getNow(wanted),
    epoch: () => txn.epoch(),
    keys: (range) => txn.keys(range),
    put: (key, value) => {
      put.add(key.text)
      txn.put(key, value)
    },
    putIndex: (key) => {
      put.add(key)
      txn.putIndex(key)
    },
    delete: (key) => txn.delete(key),
    dependOn: (key) => txn.dependOn(key),
  }
}
