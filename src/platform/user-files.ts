/** The door to files of the person at the terminal: token file, data files, certificates. Not the server's storage. */

import { constants } from 'node:fs'
import { lstat, open, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Largest file that is read whole; data files and certificates are far below it. */
const fileBytesMax = 64 * 1024 * 1024
const directoryFilesMax = 1000

/** Reads a text file as it is; undefined when there is none. */
export async function readUserFile(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size > fileBytesMax) throw new Error(`${path} is larger than ${fileBytesMax} bytes`)
      return await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

/** The texts of the plain files of a directory, in the order of their names. */
export async function readUserDirectory(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true })
  const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
  if (names.length > directoryFilesMax) throw new Error(`${path} holds too many files`)
  return Promise.all(names.sort().map((name) => readFile(join(path, name), 'utf8')))
}

/**
 * Reads a file that holds a credential. A link that somebody else put there is not followed: whoever can
 * plant one could make us send a file's content to a server.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  await requireOwnLink(path)
  return readUserFile(path)
}

/**
 * Replaces a file in one step, readable by its owner alone. The new file is made exclusively beside the old
 * one, so neither a planted link nor another reader's open file receives the text.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const beside = `${path}.tmp`
  await removeUserFile(beside)
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0)
  const file = await open(beside, flags, 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
}

/** Overwrites a file of the person's own with other text; its mode stays. */
export function writeUserFile(path: string, text: string): Promise<void> {
  return writeFile(path, text)
}

/** Removes a file; an absent one is no error. */
export async function removeUserFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (cause) {
    if (!isMissing(cause)) throw cause
  }
}

async function requireOwnLink(path: string): Promise<void> {
  const owner = process.getuid?.()
  if (owner === undefined) return
  try {
    const entry = await lstat(path)
    if (entry.isSymbolicLink() && entry.uid !== owner) {
      throw new Error(`${path} is a link that belongs to another user; it is not followed`)
    }
  } catch (cause) {
    if (!isMissing(cause)) throw cause
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
}
