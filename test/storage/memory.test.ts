/** The memory engine against the interface of all engines. */

import { MemoryEngine } from '../../src/storage/memory/memory-engine.ts'
import '../harness/properties.ts'
import { storageSuite } from './storage-suite.ts'

storageSuite('memory', async () => ({ engine: new MemoryEngine() }))
