/** A store in memory that is open from the first moment, with a keyring of its own: for tests and embedded uses. */

import type { Random } from '../../platform/random.ts'
import { Keyring } from '../keyring.ts'
import { SealedStore } from '../sealed-store.ts'
import { MemoryEngine } from './memory-engine.ts'

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
