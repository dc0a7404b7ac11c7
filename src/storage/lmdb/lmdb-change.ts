/** Applies a batch of changes in one LMDB transaction, in whichever trees they are. */

import { IF_EXISTS } from 'lmdb'
import { epochKey, nextEpoch } from '../epoch.ts'
import { checkExpectation } from '../expectation.ts'
import type { Change, CommitOutcome, KeyRange } from '../store.ts'
import { readEntries } from './lmdb-view.ts'
import type { Trees } from './trees.ts'

/** Rejects with LMDB's own error, whose `code` is that of the system or of LMDB. */
export async function applyChanges(
  trees: Trees,
  changes: readonly Change[],
): Promise<readonly CommitOutcome[]> {
  try {
    if (changes.every(isBlind)) return await applyBlind(trees, changes)
    // The callback runs on this thread while the writing thread holds the transaction; it must not
    // wait for anything.
    return await trees.root.transaction(() => changes.map((change) => applyOne(trees, change)))
  } catch (error) {
    throw await findCause(error)
  }
}

function applyOne(trees: Trees, change: Change): CommitOutcome {
  // Inside a write transaction every read of the database goes to it and sees what earlier changes
  // of the batch did.
  const reader = {
    get: (key: string) => trees.of(key).getBinary(key),
    keys: (range: KeyRange) => readEntries(trees, undefined, range).map(([key]) => key),
  }
  if (!change.expects.every((expectation) => checkExpectation(reader, expectation))) {
    return 'conflict'
  }
  put(trees, change)
  if (change.advancesEpoch === true) {
    const { root } = trees
    drop(root.put(epochKey.text, nextEpoch(root.getBinary(epochKey.text))))
  }
  return 'committed'
}

/** True for a change that LMDB's writing thread can decide upon alone. */
function isBlind({ expects, advancesEpoch }: Change): boolean {
  if (advancesEpoch === true || expects.length > 1) return false
  return expects[0] === undefined || expects[0].kind === 'present'
}

async function applyBlind(
  trees: Trees,
  changes: readonly Change[],
): Promise<readonly CommitOutcome[]> {
  const runs = runsOf(changes)
  const held: Promise<boolean>[] = []
  const batch = trees.root.batch(() => {
    for (const { key, changes: run } of runs) {
      const putAll = (): void => run.forEach((change) => put(trees, change))
      if (key === undefined) putAll()
      else held.push(trees.of(key).ifVersion(key, IF_EXISTS, putAll))
    }
  })
  const [, ...those] = await Promise.all([batch, ...held])
  let next = 0
  return runs.flatMap(({ key, changes: run }) => {
    const outcome = key === undefined || those[next++] === true ? 'committed' : 'conflict'
    return run.map((): CommitOutcome => outcome)
  })
}

/** Changes one behind the other that rest on the same key, or on none. */
interface Run {
  readonly key: string | undefined
  readonly changes: Change[]
}

function runsOf(changes: readonly Change[]): readonly Run[] {
  const runs: Run[] = []
  for (const change of changes) {
    const [expected] = change.expects
    const key = expected?.kind === 'present' ? expected.key : undefined
    const last = runs.at(-1)
    if (last !== undefined && last.key === key && !takesAway(last)) last.changes.push(change)
    else runs.push({ key, changes: [change] })
  }
  return runs
}

/** Whether what comes behind the last change of the run has to be asked anew. */
function takesAway({ key, changes }: Run): boolean {
  return key !== undefined && changes.at(-1)?.deletes.includes(key) === true
}

function put(trees: Trees, change: Change): void {
  for (const [key, value] of change.puts) drop(trees.of(key).put(key, value))
  for (const key of change.deletes) drop(trees.of(key).remove(key))
}

/**
 * The outcome of a single write is that of its batch; a rejection that nobody hears would end the
 * process.
 */
function drop(promise: Promise<boolean>): void {
  promise.catch(() => {})
}

/**
 * lmdb rejects with a general error whose `commitError` is a promise that rejects with the real
 * one.
 */
async function findCause(error: unknown): Promise<Error> {
  const general = error instanceof Error ? error : new Error('the commit failed')
  if (!('commitError' in general)) return general
  try {
    await general.commitError
    return general
  } catch (cause) {
    return cause instanceof Error ? cause : general
  }
}
