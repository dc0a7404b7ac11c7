/** Flags of the `server` command (platform.md §9.7). */

import { nearestName } from '../lib/nearest-name.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LogLevel } from '../platform/logger.ts'

export interface ServerFlags {
  readonly dev: boolean
  readonly devRootTokenId: string
  readonly devListenAddress: string
  readonly devNoStoreToken: boolean
  readonly devKvV1: boolean
  readonly config: readonly string[]
  /** Undefined leaves it to the configuration. */
  readonly logLevel: LogLevel | undefined
  readonly logFormat: 'standard' | 'json' | undefined
  readonly logFile: string
  /** What was given and does nothing, one line each. */
  readonly warnings: readonly string[]
}

type Kind = 'bool' | 'text' | 'list'
/** `dev` works in dev mode alone; `refused` stops the start. */
type FlagEffect = 'used' | 'dev' | 'refused' | 'without_effect'

interface Flag {
  readonly kind: Kind
  readonly effect: FlagEffect
}

/** Every flag with what becomes of it; a test wants a proof for each (SEC-CFG-S4). */
export const serverFlagTable: Readonly<Record<string, Flag>> = {
  dev: { kind: 'bool', effect: 'used' },
  'dev-root-token-id': { kind: 'text', effect: 'used' },
  'dev-listen-address': { kind: 'text', effect: 'dev' },
  'dev-no-store-token': { kind: 'bool', effect: 'dev' },
  'dev-kv-v1': { kind: 'bool', effect: 'used' },
  'dev-ha': { kind: 'bool', effect: 'refused' },
  'dev-tls': { kind: 'bool', effect: 'refused' },
  'dev-tls-cert-dir': { kind: 'text', effect: 'refused' },
  config: { kind: 'list', effect: 'used' },
  'log-level': { kind: 'text', effect: 'used' },
  'log-format': { kind: 'text', effect: 'used' },
  'log-file': { kind: 'text', effect: 'used' },
  'log-rotate-bytes': { kind: 'text', effect: 'without_effect' },
  'log-rotate-duration': { kind: 'text', effect: 'without_effect' },
  'log-rotate-max-files': { kind: 'text', effect: 'without_effect' },
  'exit-on-core-shutdown': { kind: 'bool', effect: 'without_effect' },
  recovery: { kind: 'bool', effect: 'refused' },
}

/** The names of a level, in a flag, a variable or the configuration. */
export const logLevels: Readonly<Record<string, LogLevel>> = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
}

/** Reads the words after `server`; the error is one line for the terminal. */
export function parseServerFlags(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Result<ServerFlags, string> {
  const values = new Map<string, string[]>()
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const match = /^--?([a-z0-9-]+)(?:=(.*))?$/s.exec(word)
    if (match === null) return err(`server takes no argument ${JSON.stringify(word.slice(0, 80))}`)
    const [, name = '', inline] = match
    const flag = Object.hasOwn(serverFlagTable, name) ? serverFlagTable[name] : undefined
    if (flag === undefined) return err(unknownFlagText(name))
    if (flag.effect === 'refused') return err(`-${name} is not available in this version`)
    const { kind } = flag
    let text = inline
    if (text === undefined && kind === 'bool') text = 'true'
    if (text === undefined) text = words[++at]
    if (text === undefined) return err(`flag needs an argument: -${name}`)
    if (kind === 'bool' && text !== 'true' && text !== 'false') {
      return err(`invalid boolean value ${JSON.stringify(text.slice(0, 32))} for -${name}`)
    }
    values.set(name, [...(values.get(name) ?? []), text])
  }
  const text = (name: string) => values.get(name)?.at(-1) ?? ''
  const isOn = (name: string) => text(name) === 'true'
  const dev = isOn('dev') || text('dev-root-token-id') !== '' || isOn('dev-kv-v1')
  const level = text('log-level') || fromEnvironment(env, 'LOG_LEVEL')
  const logLevel = levelOf(level)
  if (level !== '' && logLevel === undefined) {
    return err('the log level must be trace, debug, info, warn or error')
  }
  const logFormat = text('log-format') || fromEnvironment(env, 'LOG_FORMAT')
  if (logFormat !== '' && logFormat !== 'standard' && logFormat !== 'json') {
    return err('the log format must be standard or json')
  }
  return ok({
    dev,
    devRootTokenId: text('dev-root-token-id') || fromEnvironment(env, 'DEV_ROOT_TOKEN_ID'),
    devListenAddress:
      text('dev-listen-address') || fromEnvironment(env, 'DEV_LISTEN_ADDRESS') || '127.0.0.1:8200',
    devNoStoreToken: isOn('dev-no-store-token'),
    devKvV1: isOn('dev-kv-v1'),
    config: values.get('config') ?? [],
    logLevel,
    logFormat: logFormat === '' ? undefined : logFormat,
    logFile: text('log-file'),
    warnings: [...idleWarnings([...values.keys()], dev), ...variableWarnings(env)],
  })
}

function unknownFlagText(name: string): string {
  const near = nearestName(name, Object.keys(serverFlagTable))
  const hint = near === undefined ? '' : `. Did you mean -${near}?`
  return `flag provided but not defined: -${name}${hint}`
}

/** Variables of the reference servers that do nothing here, with the setting that does. */
const unsupportedServerVariables: Readonly<Record<string, string>> = {
  CLUSTER_ADDR: 'there is no cluster in this version',
  REDIRECT_ADDR: 'api_addr is the setting of that name',
  ADVERTISE_ADDR: 'api_addr is the setting of that name',
  UI: 'ui is a setting of the configuration file',
  SEAL_TYPE: 'the seal is a block of the configuration file',
  DISABLE_USER_LOCKOUT: 'user_lockout is a setting of each mount',
}

function variableWarnings(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(unsupportedServerVariables).flatMap(([name, why]) => {
    const set = prefixes.map((prefix) => prefix + name).find((full) => (env[full] ?? '') !== '')
    return set === undefined ? [] : [`${set} has no effect: ${why}`]
  })
}

const prefixes = ['TOKENSTILE_', 'BAO_', 'VAULT_']

function fromEnvironment(env: Readonly<Record<string, string | undefined>>, name: string): string {
  for (const prefix of prefixes) {
    const value = env[prefix + name]
    if (value !== undefined) return value
  }
  return ''
}

function levelOf(text: string): LogLevel | undefined {
  const name = text.toLowerCase()
  return Object.hasOwn(logLevels, name) ? logLevels[name] : undefined
}

function idleWarnings(given: readonly string[], dev: boolean): readonly string[] {
  const warnings = given.flatMap((name) => {
    const effect = serverFlagTable[name]?.effect
    if (effect === 'without_effect') return [`-${name} has no effect in this version`]
    return effect === 'dev' && !dev ? [`-${name} has no effect without -dev`] : []
  })
  // The log's settings and the outbound block count there all the same.
  const isIdle = dev && given.includes('config')
  return isIdle
    ? [...warnings, '-dev uses only the log, the pid file and the outbound block of -config']
    : warnings
}
