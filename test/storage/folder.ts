/** Folders for tests of the LMDB engine, and how the engine is opened in them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SilentLogger } from '../../src/platform/logger.ts'
import { SystemRandom } from '../../src/platform/random.ts'
import { openLmdbEngine, type LmdbEngine } from '../../src/storage/lmdb/lmdb-engine.ts'

const made: string[] = []

/** A path at which nothing is yet. */
export function freshFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'store-'))
  made.push(parent)
  return join(parent, 'data')
}

export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export function openAt(path: string, shared = false): Promise<LmdbEngine> {
  const random = new SystemRandom()
  return openLmdbEngine({
    path,
    shared,
    processId: process.pid,
    random,
    logger: new SilentLogger(),
  })
}
