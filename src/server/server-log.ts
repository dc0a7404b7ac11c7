/** The log as flags and configuration ask for it: a file, or standard error. */

import { err, ok, type Result } from '../lib/result.ts'
import { SystemClock } from '../platform/clock.ts'
import { LogFile } from '../platform/log-file.ts'
import { LineLogger, type Logger } from '../platform/logger.ts'
import type { TerminalOutput } from '../platform/terminal.ts'
import type { ServerConfig } from './config-file.ts'
import type { ServerFlags } from './server-flags.ts'

export interface ServerLog {
  readonly logger: Logger
  readonly reopen: () => void
}

/** The flag counts before the file. */
export function logFormatOf(
  flags: ServerFlags,
  config: ServerConfig | undefined,
): 'standard' | 'json' {
  return flags.logFormat ?? config?.logFormat ?? 'standard'
}

function createLogger(
  flags: ServerFlags,
  config: ServerConfig | undefined,
  stderr: TerminalOutput,
  lineBytesMax?: number,
): ServerLog {
  const level = flags.logLevel ?? config?.logLevel ?? 'info'
  const format = logFormatOf(flags, config)
  const clock = new SystemClock()
  const file = flags.logFile || (config?.logFile ?? '')
  const output = file === '' ? undefined : new LogFile(file)
  const logger = new LineLogger({
    level,
    format,
    nowMs: () => clock.nowMs(),
    lineBytesMax,
    write: (line) => {
      if (output === undefined) stderr.write(line)
      else output.write(line)
    },
  })
  return { logger, reopen: () => output?.reopen() }
}

/** `lineBytesMax` where other processes write to the same place. */
export function openLog(
  flags: ServerFlags,
  config: ServerConfig | undefined,
  stderr: TerminalOutput,
  lineBytesMax?: number,
): Result<ServerLog, string> {
  try {
    return ok(createLogger(flags, config, stderr, lineBytesMax))
  } catch (problem) {
    return err(problem instanceof Error ? problem.message : 'the log file cannot be opened')
  }
}
