/**
 * The embedded engine: LMDB in one folder. Reads go to the memory map; commits are written and
 * synced by a pool thread.
 *
 * `overlappingSync` is off: a commit resolves after its data and its root page have been synced,
 * and several processes can share the folder. Keys are raw UTF-8, so the order is that of their
 * bytes. The few records of the engine itself have keys that begin with a byte that UTF-8 never
 * uses, out of reach of every range.
 */

import { realpathSync } from 'node:fs'
import { open } from 'lmdb'
import type { Logger } from '../../platform/logger.ts'
import type { Random } from '../../platform/random.ts'
import { isStorableKey } from '../key-order.ts'
import {
  StoreUnavailable,
  type Change,
  type CommitOutcome,
  type Engine,
  type EngineCopy,
  type EngineSnapshot,
} from '../store.ts'
import { isNothingWritten } from './commit-failure.ts'
import {
  completeFolder,
  dataFilePath,
  fileMode,
  formatOfOneTree,
  prepareFolder,
  refuse,
  restrictFiles,
} from './data-folder.ts'
import { FolderOwner, type OwnerList } from './folder-owner.ts'
import { applyChanges } from './lmdb-change.ts'
import type { Database, RawKey, Tree } from './database.ts'
import { copyDataFile } from './lmdb-backup.ts'
import { LmdbView } from './lmdb-view.ts'
import { growingPrefixes, Trees } from './trees.ts'

/** Snapshots open at once; each has a slot in the lock file. */
const snapshotsMax = 1024

const uuidKey = Buffer.from([0xff, 0x01])
const ownersKey = Buffer.from([0xff, 0x02])

export interface LmdbEngineOptions {
  readonly path: string
  /** Whether other processes that also ask for it may use the folder at the same time. */
  readonly shared: boolean
  /** Shared with the processes of that group alone; with any that ask for it when undefined. */
  readonly group?: string | undefined
  readonly processId: number
  readonly random: Random
  readonly logger: Logger
}

/** Folders open in this process: LMDB must not be opened twice by one process. */
const openFolders = new Set<string>()

/**
 * Opens the folder's store, or makes one in an empty or absent folder. Throws DataFolderProblem.
 */
export async function openLmdbEngine(options: LmdbEngineOptions): Promise<LmdbEngine> {
  const { path, shared, random, logger } = options
  const record = prepareFolder(path, random.uuid())
  const folder = realpathSync(path)
  if (openFolders.has(folder)) refuse(path, `is in use by process ${options.processId}`)
  openFolders.add(folder)
  let database: Database | undefined
  try {
    database = openDatabase(path)
    restrictFiles(path)
    if (record.state === 'ready') checkMark(path, database, record.uuid)
    const list = createOwnerList(database)
    const owner = await FolderOwner.claim({
      folder,
      list,
      shared,
      group: options.group,
      processId: options.processId,
      socketId: random.bytes(8).toString('hex'),
    })
    if (record.state === 'creating') {
      completeFolder(path, { ...record, uuid: setMark(database, record.uuid) })
      logger.log('info', 'made a new data folder', { path })
    }
    return new LmdbEngine({
      folder,
      uuid: database.getBinary(uuidKey)?.toString() ?? record.uuid,
      format: record.format,
      trees: openTrees(path, database, record.format === formatOfOneTree ? [] : growingPrefixes),
      owner,
      onClosed: () => openFolders.delete(folder),
    })
  } catch (error) {
    openFolders.delete(folder)
    await database?.close()
    throw error
  }
}

export class LmdbEngine implements Engine {
  readonly type = 'lmdb'
  readonly #folder: string
  readonly #uuid: string
  readonly #format: number
  readonly #trees: Trees
  readonly #owner: FolderOwner
  readonly #onClosed: () => void
  readonly #open = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined
  #suspect = false
  #failure: Error | undefined

  constructor(parts: {
    readonly folder: string
    /** The mark of the data file. */
    readonly uuid: string
    /** Of the folder. */
    readonly format: number
    readonly trees: Trees
    readonly owner: FolderOwner
    readonly onClosed: () => void
  }) {
    this.#folder = parts.folder
    this.#uuid = parts.uuid
    this.#format = parts.format
    this.#trees = parts.trees
    this.#owner = parts.owner
    this.#onClosed = parts.onClosed
  }

  snapshot(): EngineSnapshot {
    this.#requireOpen()
    const { root } = this.#trees
    // Otherwise it may be the snapshot of a moment ago and miss what another process has committed
    // since.
    root.resetReadTxn()
    return new LmdbView(this.#trees, root.useReadTransaction())
  }

  async commit(changes: readonly Change[]): Promise<readonly CommitOutcome[]> {
    this.#requireOpen()
    for (const change of changes) checkKeys(change)
    // LMDB may never answer again after such a failure.
    if (this.#failure !== undefined) throw this.#failure
    if (this.#suspect) this.#checkHealth()
    const running = applyChanges(this.#trees, changes)
    this.#open.add(running)
    try {
      return await running
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (!isNothingWritten(error, this.#folder)) {
        this.#failure = error
        throw error
      }
      this.#suspect = true
      throw new StoreUnavailable('the disk does not take the change', { cause: error })
    } finally {
      this.#open.delete(running)
    }
  }

  copy(): EngineCopy {
    const snapshot = this.snapshot()
    let file: ReturnType<typeof copyDataFile> | undefined
    const release = (): void => {
      file?.close()
      snapshot.release()
    }
    try {
      // A transaction begins with its first read.
      snapshot.getNow?.('c/')
      file = copyDataFile(dataFilePath(this.#folder))
      const { bytes, content } = file
      return { store: this.#uuid, format: this.#format, bytes, content, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Waits for what is being committed, then gives the folder free. */
  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#open)
    try {
      await this.#owner.release()
    } finally {
      await this.#trees.root.close()
      this.#onClosed()
    }
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw new StoreUnavailable('the LMDB engine is closed')
  }

  /**
   * After a write that found the disk full: LMDB refuses every further transaction when it was the
   * root page that could not be written, and an asynchronous one would then never end. Throws in
   * that case, which is the end of the process.
   */
  #checkHealth(): void {
    this.#trees.root.transactionSync(() => {})
    this.#suspect = false
  }
}

/** Of every tree, the root too. */
const treeSettings = {
  encoding: 'binary' as const,
  compression: false,
  keyEncoder: { writeKey, readKey },
}

function openDatabase(path: string): Database {
  const settings = {
    path,
    noSubdir: false,
    pageSize: 8192,
    overlappingSync: false,
    // A commit is one batch already; waiting for the end of the event turn would only delay it.
    eventTurnBatching: false,
    txnStartThreshold: 1,
    maxReaders: snapshotsMax,
    permissionsMode: fileMode,
    ...treeSettings,
  }
  try {
    return open<Uint8Array, RawKey>(settings)
  } catch (error) {
    return refuseLmdb(path, error)
  }
}

/** Each is made when it is first opened; whoever opens it later finds it. */
function openTrees(path: string, root: Database, prefixes: readonly string[]): Trees {
  try {
    return new Trees(root, prefixes, (name) => {
      const tree: Tree = root.openDB<Uint8Array, RawKey>({ name, ...treeSettings })
      return tree
    })
  } catch (error) {
    return refuseLmdb(path, error)
  }
}

function refuseLmdb(path: string, error: unknown): never {
  const text = error instanceof Error ? error.message : 'unknown error'
  refuse(path, `cannot be opened by LMDB: ${text}`)
}

function writeKey(key: RawKey, target: Buffer, position: number): number {
  if (typeof key === 'string') return position + target.write(key, position)
  target.set(key, position)
  return position + key.length
}

function readKey(source: Buffer, start: number, end: number): string {
  return source.toString('utf8', start, end)
}

function createOwnerList(database: Database): OwnerList {
  const read = (): Buffer | undefined => database.getBinary(ownersKey)
  return {
    read: () => {
      database.resetReadTxn()
      return read()
    },
    replace: (before, after) =>
      database.transactionSync(() => {
        const now = read()
        const isSame =
          before === undefined ? now === undefined : now !== undefined && before.equals(now)
        if (isSame) database.putSync(ownersKey, after)
        return isSame
      }),
  }
}

/** The data file carries the folder's uuid; the mark is made with the store and never changes. */
function checkMark(path: string, database: Database, uuid: string): void {
  if (database.getBinary(uuidKey)?.toString() === uuid) return
  refuse(path, 'holds a data.mdb of another store; restore both files from one backup')
}

/**
 * Marks a new data file; gives the mark of another process that makes the same store at this
 * moment.
 */
function setMark(database: Database, uuid: string): string {
  return database.transactionSync(() => {
    const mark = database.getBinary(uuidKey)?.toString()
    if (mark === undefined) database.putSync(uuidKey, Buffer.from(uuid))
    return mark ?? uuid
  })
}

function checkKeys(change: Change): void {
  const isSound =
    change.puts.every(([key]) => isStorableKey(key)) && change.deletes.every(isStorableKey)
  // LMDB would stop in the middle of the batch.
  if (!isSound) throw new StoreUnavailable('a change has a key that cannot be stored')
}
