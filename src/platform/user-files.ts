/**
 * The door to files of the person at the terminal: token file, data files, certificates. Not the
 * server's storage.
 */

import { constants } from 'node:fs'
import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { fileProblem, isMissingFile } from './file-problem.ts'
import { syncNameOf } from './folder-sync.ts'

/** Largest file that is read whole; data files and certificates are far below it. */
const fileBytesMax = 64 * 1024 * 1024
const directoryFilesMax = 1000

/** Reads a file as it is; undefined when there is none. One that is no text is `latin1`. */
export async function readUserFile(
  path: string,
  encoding: 'utf8' | 'latin1' = 'utf8',
): Promise<string | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      if (size > fileBytesMax) throw new Error(`${path} is larger than ${fileBytesMax} bytes`)
      return await file.readFile(encoding)
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (isMissingFile(cause)) return undefined
    throw fileProblem(path, cause, 'read')
  }
}

/** The texts of the plain files of a directory, in the order of their names. */
export async function readUserDirectory(path: string): Promise<string[]> {
  const names = await plainNamesIn(path)
  if (names.length > directoryFilesMax) throw new Error(`${path} holds too many files`)
  return Promise.all(names.sort().map((name) => readOf(join(path, name))))
}

/**
 * Paths of the plain files below a directory, relative to it and with slashes, sorted; and those of
 * the links, which are not followed.
 */
export async function userFilesBelow(
  path: string,
): Promise<{ readonly files: readonly string[]; readonly links: readonly string[] }> {
  try {
    const entries = await readdir(path, { withFileTypes: true, recursive: true })
    const files = entries.filter((entry) => entry.isFile())
    if (files.length > directoryFilesMax) throw new Error(`${path} holds too many files`)
    const pathsOf = (found: typeof entries): readonly string[] =>
      found
        .map((entry) => relative(path, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
        .sort()
    const links = entries.filter((entry) => entry.isSymbolicLink())
    return { files: pathsOf(files), links: pathsOf(links) }
  } catch (cause) {
    throw fileProblem(path, cause, 'read')
  }
}

async function plainNamesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
  } catch (cause) {
    throw fileProblem(path, cause, 'read')
  }
}

async function readOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw fileProblem(path, cause, 'read')
  }
}

/**
 * Reads a file that holds a credential. A link that somebody else put there is not followed:
 * whoever can plant one could make us send a file's content to a server.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  await requireOwnLink(path)
  return readUserFile(path)
}

/**
 * Replaces a file in one step, readable by its owner alone. The new file is made exclusively beside
 * the old one, so neither a planted link nor another reader's open file receives the text.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  try {
    await replacePrivately(path, text)
  } catch (cause) {
    throw fileProblem(path, cause, 'write')
  }
}

/** Throws where `writePrivateFile` could not make its file; changes nothing. */
export async function requirePrivatePlace(path: string): Promise<void> {
  try {
    await removeUserFile(await writeBeside(path, ''))
  } catch (cause) {
    throw fileProblem(path, cause, 'write')
  }
}

async function replacePrivately(path: string, text: string): Promise<void> {
  const beside = await writeBeside(path, text)
  try {
    await rename(beside, path)
  } catch (cause) {
    await removeUserFile(beside)
    throw cause
  }
  syncNameOf(path)
}

/** The path of a new file that has the text. */
async function writeBeside(path: string, text: string): Promise<string> {
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
  return beside
}

/** Overwrites a file of the person's own with other text, or makes it; a mode that it has stays. */
export async function writeUserFile(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  } catch (cause) {
    throw fileProblem(path, cause, 'write')
  }
}

/**
 * The same of a file below a folder; no link on the way is followed, so that what others have put
 * into the folder leads to no place outside of it.
 */
export async function writeUserFileBelow(
  folder: string,
  name: string,
  text: string,
): Promise<void> {
  let path = folder
  for (const part of name.split('/')) {
    path = join(path, part)
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    )
    if (isLink) throw new Error(`${path} is a link: nothing was written there`)
  }
  await writeUserFile(path, text)
}

/** Makes a link; false when something else is at that path. */
export async function linkUserFile(path: string, target: string): Promise<boolean> {
  try {
    await symlink(target, path)
    return true
  } catch (cause) {
    const there = await readlink(path).catch(() => undefined)
    if (there !== undefined) return there === target
    const isThere = await lstat(path).then(
      () => true,
      () => false,
    )
    if (isThere) return false
    throw fileProblem(path, cause, 'write')
  }
}

/** Removes a file; an absent one is no error. */
export async function removeUserFile(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (cause) {
    if (!isMissingFile(cause)) throw fileProblem(path, cause, 'read')
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
    if (!isMissingFile(cause)) throw fileProblem(path, cause, 'read')
  }
}
