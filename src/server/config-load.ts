/** Finds and reads the configuration files that the command line names, and the key of a static seal. */

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { err, ok, type Result } from '../lib/result.ts'
import type { ProcessDoor } from '../platform/process.ts'
import {
  configProblemText,
  parseServerConfig,
  type ConfigFile,
  type SealKeySource,
  type ServerConfig,
} from './config-file.ts'
import type { ServerFlags } from './server-flags.ts'

export interface LoadedConfig {
  readonly config: ServerConfig
  readonly sealKey: Buffer | string | undefined
  readonly warnings: readonly string[]
}

const filesMax = 256
const fileBytesMax = 1_048_576

/** Undefined when no configuration was named; an error is one line for the terminal. */
export async function loadServerConfig(
  flags: ServerFlags,
  process: ProcessDoor,
): Promise<Result<LoadedConfig | undefined, string>> {
  if (flags.config.length === 0) return ok(undefined)
  try {
    const files: ConfigFile[] = []
    for (const path of flags.config) files.push(...(await readConfigPath(path)))
    if (files.length > filesMax) return err(`more than ${filesMax} configuration files`)
    const parsed = parseServerConfig(files, process.env)
    if (!parsed.ok) return err(configProblemText(parsed.error))
    const { config, warnings } = parsed.value
    if (config.seal.kind === 'shamir') return ok({ config, sealKey: undefined, warnings })
    const key = await readSealKey(config.seal.key, process.env)
    return ok({ config, sealKey: key.value, warnings: [...warnings, ...key.warnings] })
  } catch (problem) {
    return err(problem instanceof Error ? problem.message : 'the configuration could not be read')
  }
}

/** One file, or the .hcl and .json files of a folder by name. */
async function readConfigPath(path: string): Promise<readonly ConfigFile[]> {
  if (!(await isFolder(path))) return [await readConfigFile(path)]
  const names = (await readdir(path))
    .filter((name) => /^[^.].*\.(?:hcl|json)$/.test(name))
    .toSorted()
  if (names.length === 0) throw new Error(`${path}: no .hcl or .json file in this folder`)
  return Promise.all(names.slice(0, filesMax + 1).map((name) => readConfigFile(join(path, name))))
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (problem) {
    throw new Error(`${path}: ${codeOf(problem)}`, { cause: problem })
  }
}

async function readConfigFile(path: string): Promise<ConfigFile> {
  const { bytes, readableByOthers } = await readBounded(path)
  return { name: path, text: bytes.toString('utf8'), readableByOthers }
}

async function readSealKey(
  source: SealKeySource,
  env: ProcessDoor['env'],
): Promise<{ readonly value: Buffer | string; readonly warnings: readonly string[] }> {
  if (source.from === 'environment') return { value: env[source.name] ?? '', warnings: [] }
  const { bytes, readableByOthers } = await readBounded(source.file)
  const warning = `${source.file}: the seal key can be read by other accounts of this machine: chmod 600`
  return { value: bytes, warnings: readableByOthers ? [warning] : [] }
}

interface ReadBytes {
  readonly bytes: Buffer
  readonly readableByOthers: boolean
}

/** Mode and contents come from the same open file, so that nobody can swap it in between. */
async function readBounded(path: string): Promise<ReadBytes> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode, size } = await file.stat()
      if (size > fileBytesMax) throw new Error(`larger than ${fileBytesMax} bytes`)
      return { bytes: await file.readFile(), readableByOthers: (mode & 0o004) !== 0 }
    } finally {
      await file.close()
    }
  } catch (problem) {
    throw new Error(`${path}: ${codeOf(problem)}`, { cause: problem })
  }
}

function codeOf(problem: unknown): string {
  if (!(problem instanceof Error)) return 'cannot be read'
  if (!('code' in problem)) return problem.message
  if (problem.code === 'ENOENT') return 'there is no such file or folder'
  if (problem.code === 'EACCES') return 'this account may not read it'
  if (problem.code === 'EISDIR') return 'this is a folder'
  return 'cannot be read'
}
