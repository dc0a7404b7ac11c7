/**
 * A note outside the barrier: this store was made from a backup, and nobody has opened it since.
 * What is stored nowhere, as batch tokens, has to end then: their revocation may be what is lost.
 */

import { viewOf, type Engine } from '../../storage/store.ts'
import { commitOne, sealRecordPrefix } from './seal-records.ts'

const noteKey = `${sealRecordPrefix}restored`

export async function saveRestoreNote(engine: Engine, nowMs: number): Promise<void> {
  const note = Buffer.from(JSON.stringify({ restoredAtMs: nowMs }))
  await commitOne(engine, { expects: [], puts: [[noteKey, note]], deletes: [] })
}

export async function hasRestoreNote(engine: Engine): Promise<boolean> {
  return viewOf(engine, async (view) => (await view.getMany([noteKey]))[0] !== undefined)
}

/** After what it asks for is durable. */
export async function removeRestoreNote(engine: Engine): Promise<void> {
  await commitOne(engine, { expects: [], puts: [], deletes: [noteKey] })
}
