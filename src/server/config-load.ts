/**
 * Finds and reads the configuration files that the command line names, and the key of a static
 * seal.
 */

import { err, ok, type Result } from '../lib/result.ts'
import { isReadableByOthers, readConfigFiles, readKeyFile } from '../platform/config-files.ts'
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
  /** Key of a static seal: raw bytes, or their text. */
  readonly sealKey: Buffer | string | undefined
  /** What the configuration was read from. */
  readonly files: readonly ConfigFile[]
  readonly warnings: readonly string[]
}

/** Undefined when no file is named. The error is the line for the terminal. */
export function loadServerConfig(
  flags: ServerFlags,
  process: Pick<ProcessDoor, 'env'>,
): Result<LoadedConfig | undefined, string> {
  if (flags.config.length === 0) return ok(undefined)
  try {
    return loadFromFiles(
      flags.config.flatMap((path) => readConfigFiles(path)),
      process.env,
    )
  } catch (problem) {
    return err(problem instanceof Error ? problem.message : 'the configuration cannot be read')
  }
}

/** The same from files that have been read. */
export function loadFromFiles(
  files: readonly ConfigFile[],
  env: ProcessDoor['env'],
): Result<LoadedConfig, string> {
  const parsed = parseServerConfig(files, env)
  if (!parsed.ok) return err(configProblemText(parsed.error))
  const { config } = parsed.value
  const warnings = [...parsed.value.warnings]
  if (config.seal.kind !== 'static') return ok({ config, sealKey: undefined, files, warnings })
  const key = readSealKey(config.seal.key, env, warnings)
  return key.ok ? ok({ config, sealKey: key.value, files, warnings }) : key
}

function readSealKey(
  source: SealKeySource,
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): Result<Buffer | string, string> {
  if (source.from === 'environment') {
    const text = env[source.name]
    if (text === undefined || text === '') {
      return err(`seal "static": the environment variable ${source.name} is not set`)
    }
    return ok(text)
  }
  if (isReadableByOthers(source.file)) {
    warnings.push(`the key file ${source.file} can be read by other accounts; make it mode 0600`)
  }
  const bytes = readKeyFile(source.file)
  // 32 bytes are the key itself; anything else is its text.
  return ok(bytes.length === 32 ? bytes : bytes.toString('utf8').trim())
}
