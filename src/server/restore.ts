/**
 * Makes a data folder from a backup, and leaves a note in it for the first server that opens it:
 * what the store said about revocations is as old as the backup.
 */

import type { BackupHeader } from '../lib/backup-format.ts'
import { saveRestoreNote } from '../core/seal/restore-note.ts'
import { SystemClock } from '../platform/clock.ts'
import { SilentLogger } from '../platform/logger.ts'
import { systemProcess } from '../platform/process.ts'
import { SystemRandom } from '../platform/random.ts'
import { openLmdbEngine } from '../storage/lmdb/lmdb-engine.ts'
import { restoreFolder } from '../storage/lmdb/lmdb-restore.ts'

export interface RestoreRequest {
  readonly file: string
  readonly folder: string
  /** Refuse the backup of another store. */
  readonly store?: string
}

/** Throws an error whose text is for the operator. */
export async function restoreStore({ file, folder, store }: RestoreRequest): Promise<BackupHeader> {
  const header = await restoreFolder(file, folder, store)
  const engine = await openLmdbEngine({
    path: folder,
    shared: false,
    processId: systemProcess.id,
    random: new SystemRandom(),
    logger: new SilentLogger(),
  })
  try {
    await saveRestoreNote(engine, new SystemClock().nowMs())
  } finally {
    await engine.close()
  }
  return header
}
