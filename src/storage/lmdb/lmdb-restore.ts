/**
 * Makes a data folder from a backup. The whole backup is checked first; a damaged or foreign one,
 * or a folder that has something in it, is refused before anything is written.
 */

import { constants } from 'node:fs'
import { open, readdir, type FileHandle } from 'node:fs/promises'
import { BackupCheck, type BackupHeader, type CheckedBackup } from '../../lib/backup-format.ts'
import { findDataFileProblem } from './data-file.ts'
import {
  dataFilePath,
  DataFolderProblem,
  fileMode,
  isKnownFormat,
  makeFolder,
  saveRestoredFolder,
} from './data-folder.ts'

const chunkBytes = 1024 * 1024

/** Gives what the backup says of itself. Throws DataFolderProblem. */
export async function restoreFolder(
  backup: string,
  folder: string,
  store: string | undefined,
): Promise<BackupHeader> {
  const file = await openBackup(backup)
  try {
    const checked = await check(file, backup)
    if (store !== undefined && checked.header.store !== store) {
      throw new DataFolderProblem(
        `the backup ${backup} is of the store ${checked.header.store} and not of ${store}`,
      )
    }
    await requireEmpty(folder)
    makeFolder(folder)
    await writeDataFile(file, checked, folder)
    const problem = findDataFileProblem(dataFilePath(folder))
    if (problem !== undefined) throw new DataFolderProblem(`the store in ${backup} ${problem}`)
    saveRestoredFolder(folder, checked.header.store, checked.header.format)
    return checked.header
  } finally {
    await file.close()
  }
}

async function openBackup(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw new DataFolderProblem(`the backup ${path} cannot be read`, { cause: error })
  }
}

async function check(file: FileHandle, path: string): Promise<CheckedBackup> {
  const backup = new BackupCheck()
  const { size } = await file.stat()
  for await (const chunk of chunksOf(file, 0, size)) {
    backup.add(chunk)
    if (backup.problem !== undefined) break
  }
  const checked = backup.end()
  if (!checked.ok) throw new DataFolderProblem(`the backup ${path} ${checked.error}`)
  if (checked.value.header.engine !== 'lmdb') {
    throw new DataFolderProblem(`the backup ${path} is of another storage engine`)
  }
  const { format } = checked.value.header
  if (!isKnownFormat(format)) {
    throw new DataFolderProblem(
      `the backup ${path} has format ${format}, which this version does not know; use the one that made it`,
    )
  }
  return checked.value
}

async function requireEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new DataFolderProblem(`the folder ${folder} cannot be used`, { cause: error })
  })
  if (names.some((name) => name !== 'lost+found')) {
    throw new DataFolderProblem(`the folder ${folder} is not empty; name one that is, or none yet`)
  }
}

async function writeDataFile(
  backup: FileHandle,
  { header, offset }: CheckedBackup,
  folder: string,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const data = await open(dataFilePath(folder), flags, fileMode)
  try {
    for await (const chunk of chunksOf(backup, offset, offset + header.bytes)) {
      await data.writeFile(chunk)
    }
    await data.sync()
  } finally {
    await data.close()
  }
}

async function* chunksOf(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, to - at))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    yield chunk.subarray(0, bytesRead)
    at += bytesRead
  }
}
