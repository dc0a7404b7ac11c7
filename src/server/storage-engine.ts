/**
 * Where a server keeps its data: what each engine needs, what it can do, and how it is opened.
 * Another engine is one more member and one more case each here, and its block in `config-file.ts`.
 */

import type { Logger } from '../platform/logger.ts'
import type { Random } from '../platform/random.ts'
import { openLmdbEngine } from '../storage/lmdb/lmdb-engine.ts'
import { MemoryEngine } from '../storage/memory/memory-engine.ts'
import type { Engine } from '../storage/store.ts'

export type StorageOptions =
  /** Gone when the process ends. */
  | { readonly kind: 'inmem' }
  | {
      readonly kind: 'lmdb'
      /** The data folder. */
      readonly path: string
      /** Several processes of this machine share the folder. */
      readonly shared: boolean
      /** Shared by the processes of that group alone. */
      readonly group?: string
    }

export interface EngineDoors {
  readonly logger: Logger
  readonly random: Random
  /** Named to a second process that wants the same data folder. */
  readonly processId: number
}

export async function openEngine(
  storage: StorageOptions,
  { logger, random, processId }: EngineDoors,
): Promise<Engine> {
  switch (storage.kind) {
    case 'inmem':
      return new MemoryEngine()
    case 'lmdb':
      return openLmdbEngine({ ...storage, logger, random, processId })
  }
}

/** Folders that nothing else of the server may write to. */
export function dataFolders(storage: StorageOptions): readonly string[] {
  return 'path' in storage ? [storage.path] : []
}

/** The same for one of several workers; who else may use it is as without them. */
export function storageOfWorker(storage: StorageOptions, group: string): StorageOptions {
  switch (storage.kind) {
    case 'inmem':
      throw new Error('memory belongs to one process')
    case 'lmdb':
      return storage.shared ? storage : { ...storage, shared: true, group }
  }
}
