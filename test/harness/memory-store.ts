/** A store in memory that is open from the first moment, with a keyring of its own: for tests of what stands on a store. */

import type { Random } from '../../src/platform/random.ts'
import { Keyring } from '../../src/storage/keyring.ts'
import { SealedStore } from '../../src/storage/sealed-store.ts'
import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'

export function createMemoryStore(random: Random, nowMs: number): SealedStore {
  const store = new SealedStore({
    engine: new MemoryEngine(),
    cacheEntriesMax: 10_000,
    // Memory does not fail to sync.
    onFatal: () => {},
  })
  store.openWith(Keyring.create(random, nowMs))
  return store
}
