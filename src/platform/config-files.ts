/** The door to configuration files, the key file of a static seal, and the process id file. */

import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileProblem } from './file-problem.ts'

export interface ReadConfigFile {
  readonly name: string
  readonly text: string
  readonly readableByOthers: boolean
}

const fileBytesMax = 4 * 1024 * 1024
const filesMax = 256

/**
 * One file, or the `.hcl` and `.json` files of a folder in the order of their names. Throws with a
 * sentence.
 */
export function readConfigFiles(path: string): readonly ReadConfigFile[] {
  const facts = statOf(path)
  if (!facts.isDirectory()) return [readOne(path)]
  const names = inWords(path, () => readdirSync(path))
    .filter((name) => /^[^.].*\.(?:hcl|json)$/.test(name))
    .toSorted()
  if (names.length === 0) throw new Error(`${path} holds no .hcl or .json file`)
  if (names.length > filesMax) throw new Error(`${path} holds more than ${filesMax} files`)
  return names.map((name) => readOne(join(path, name)))
}

/**
 * A key file: 32 raw bytes or their text. Throws with a sentence that never repeats its content.
 */
export function readKeyFile(path: string): Buffer {
  const facts = statOf(path)
  if (facts.size > 4096) throw new Error(`the key file ${path} is larger than a key can be`)
  return inWords(path, () => readFileSync(path))
}

/** The folder that a configuration is read from: the path itself, or where the file lies. */
export function foldersOfConfig(path: string): readonly string[] {
  return [statOf(path).isDirectory() ? path : dirname(path)]
}

/** Where this program lies, with all that belongs to it. */
export function programFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder)
  }
  // Without a package around it, the module's own folder is all that is known.
  return dirname(folder) === folder ? import.meta.dirname : folder
}

export function isReadableByOthers(path: string): boolean {
  return (statOf(path).mode & 0o077) !== 0
}

export function writePidFile(path: string, id: number): void {
  inWords(path, () => writeFileSync(path, `${id}\n`, { mode: 0o644 }), 'write')
}

export function removePidFile(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else has taken it away already.
  }
}

function readOne(path: string): ReadConfigFile {
  const facts = statOf(path)
  if (facts.size > fileBytesMax) throw new Error(`${path} is larger than ${fileBytesMax} bytes`)
  return {
    name: path,
    text: inWords(path, () => readFileSync(path, 'utf8')),
    readableByOthers: (facts.mode & 0o044) !== 0,
  }
}

function statOf(path: string): Stats {
  return inWords(path, () => statSync(path))
}

function inWords<T>(path: string, work: () => T, doing: 'read' | 'write' = 'read'): T {
  try {
    return work()
  } catch (cause) {
    throw fileProblem(path, cause, doing)
  }
}
