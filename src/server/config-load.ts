/** Finds and reads the configuration files that the command line names, and the key of a static seal. */

import { err, ok, type Result } from '../lib/result.ts'
import type { ProcessDoor } from '../platform/process.ts'
import type { ListenerOptions } from '../http/listener-options.ts'
import type { ServerFlags } from './server-flags.ts'
import type { StorageOptions } from './wire.ts'

export interface LoadedConfig {
  readonly config: {
    readonly logLevel: string
    readonly logFormat: string
    readonly storage: StorageOptions
    readonly listeners: readonly ListenerOptions[]
    readonly defaultLeaseTtlSeconds: number
    readonly maxLeaseTtlSeconds: number
    readonly ui: boolean
  }
  readonly sealKey: string | undefined
  readonly warnings: readonly string[]
}

export async function loadServerConfig(
  flags: ServerFlags,
  process: ProcessDoor,
): Promise<Result<LoadedConfig | undefined, string>> {
  if (flags.config.length === 0) return ok(undefined)
  return process.id < 0 ? ok(undefined) : err('configuration files are not read yet')
}
