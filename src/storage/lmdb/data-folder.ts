/**
 * The folder of an LMDB store: its rights, and the record that says whose it is and in which
 * format. Decides whether LMDB may open what lies there; a folder of somebody else, of a newer
 * version or with a damaged data file is refused and left exactly as it is.
 */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { product } from '../../lib/product.ts'
import { syncFolder, syncNameOf } from '../../platform/folder-sync.ts'
import { findDataFileProblem } from './data-file.ts'

/** What version 0.1 has made: all records are in the root. It stays so for the folder's life. */
export const formatOfOneTree = 1
/** What grows at its end has trees of its own, see `trees.ts`. */
const formatNow = 2
const folderMode = 0o700
export const fileMode = 0o600

/** The store cannot be used as it is; the text names the folder and what to do. */
export class DataFolderProblem extends Error {
  override readonly name = 'DataFolderProblem'
}

export interface FolderRecord {
  readonly product: string
  readonly format: number
  /** Also kept inside the data file, so that a data file of another store is noticed. */
  readonly uuid: string
  /** `creating` until the data file has its mark: nothing was ever acknowledged by then. */
  readonly state: 'creating' | 'ready'
}

export function dataFilePath(folder: string): string {
  return join(folder, 'data.mdb')
}

/** Makes the folder if there is none, checks it otherwise. */
export function prepareFolder(folder: string, newUuid: string): FolderRecord {
  try {
    makeFolder(folder)
    if (!statSync(folder).isDirectory()) refuse(folder, 'is not a folder')
    const record = readRecord(folder)
    restrict(folder, folderMode)
    if (record.state === 'creating') {
      return saveRecord(folder, { ...record, uuid: record.uuid === '' ? newUuid : record.uuid })
    }
    checkDataFile(folder)
    return record
  } catch (error) {
    if (error instanceof DataFolderProblem) throw error
    throw new DataFolderProblem(`the data folder ${folder} cannot be used: ${codeOf(error)}`)
  }
}

/** Makes the folder, and those above it, if there is none; a power cut does not take it back. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  const first = mkdirSync(folder, { recursive: true, mode: folderMode })
  const top = dirname(resolve(first ?? folder))
  // Each new name is safe once the folder that it stands in is.
  for (let path = resolve(folder); path !== top; path = dirname(path)) syncNameOf(path)
}

export function completeFolder(folder: string, record: FolderRecord): void {
  saveRecord(folder, { ...record, state: 'ready' })
}

/** Whether this version reads a folder of that format. */
export function isKnownFormat(format: number): boolean {
  return format === formatNow || format === formatOfOneTree
}

/** The folder's record for a data file that a backup gave. */
export function saveRestoredFolder(folder: string, uuid: string, format: number): void {
  saveRecord(folder, { product: product.name, format, uuid, state: 'ready' })
}

/** Gives the files their rights: LMDB made them under whatever umask the process has. */
export function restrictFiles(folder: string): void {
  for (const name of ['data.mdb', 'lock.mdb', 'format.json']) restrict(join(folder, name), fileMode)
}

export function refuse(folder: string, problem: string): never {
  throw new DataFolderProblem(`the data folder ${folder} ${problem}`)
}

function readRecord(folder: string): FolderRecord {
  const path = join(folder, 'format.json')
  if (!existsSync(path)) {
    // A mounted volume has a folder of its own, and nothing else that belongs to nobody is expected
    // here.
    const others = readdirSync(folder).filter((name) => name !== 'lost+found')
    if (others.length > 0 && !others.every((name) => name.startsWith('format.json.'))) {
      refuse(folder, 'is not empty and was not made by this server; choose another or empty it')
    }
    return { product: product.name, format: formatNow, uuid: '', state: 'creating' }
  }
  let record: Partial<FolderRecord> | null
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as Partial<FolderRecord> | null
  } catch {
    return refuse(folder, 'has an unreadable format.json; restore it from a backup')
  }
  const { format, uuid, state } = record ?? {}
  if (record?.product !== product.name || typeof format !== 'number' || typeof uuid !== 'string') {
    return refuse(folder, `has a format.json that ${product.name} did not write`)
  }
  if (!isKnownFormat(format)) {
    refuse(
      folder,
      `has format ${format}, and this version reads formats ${formatOfOneTree} and ${formatNow} only; use the version that wrote it`,
    )
  }
  return { product: product.name, format, uuid, state: state === 'creating' ? 'creating' : 'ready' }
}

function checkDataFile(folder: string): void {
  const path = dataFilePath(folder)
  if (!existsSync(path)) refuse(folder, 'has lost its data.mdb; restore it from a backup')
  const problem = findDataFileProblem(path)
  if (problem !== undefined) {
    refuse(folder, `is damaged: data.mdb ${problem}; restore it from a backup`)
  }
}

/** Written beside and renamed, so that a crash leaves the old or the new record. */
function saveRecord(folder: string, record: FolderRecord): FolderRecord {
  const path = join(folder, 'format.json')
  const fresh = `${path}.new`
  writeFileSync(fresh, `${JSON.stringify(record)}\n`, { mode: fileMode, flush: true })
  renameSync(fresh, path)
  syncFolder(folder)
  return record
}

function restrict(path: string, mode: number): void {
  if (!existsSync(path) || (statSync(path).mode & 0o777) === mode) return
  try {
    chmodSync(path, mode)
  } catch (error) {
    throw new DataFolderProblem(
      `the rights of ${path} must be ${mode.toString(8)} and cannot be set: ${codeOf(error)}`,
    )
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
