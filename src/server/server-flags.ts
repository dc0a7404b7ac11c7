/** Flags of the `server` command (platform contract §9.7). */

import { err, ok, type Result } from '../lib/result.ts'

export interface ServerFlags {
  readonly dev: boolean
  readonly devRootTokenId: string
  readonly devListenAddress: string
  readonly devNoStoreToken: boolean
  readonly devKvV1: boolean
  readonly config: readonly string[]
  readonly logLevel: string
  readonly logFormat: string
  readonly logFile: string
  readonly exitOnCoreShutdown: boolean
}

type Kind = 'bool' | 'text' | 'list'

const kinds: Readonly<Record<string, Kind>> = {
  dev: 'bool',
  'dev-root-token-id': 'text',
  'dev-listen-address': 'text',
  'dev-no-store-token': 'bool',
  'dev-kv-v1': 'bool',
  'dev-ha': 'bool',
  'dev-tls': 'bool',
  'dev-tls-cert-dir': 'text',
  config: 'list',
  'log-level': 'text',
  'log-format': 'text',
  'log-file': 'text',
  'log-rotate-bytes': 'text',
  'log-rotate-duration': 'text',
  'log-rotate-max-files': 'text',
  'exit-on-core-shutdown': 'bool',
  recovery: 'bool',
}

const notYet = ['dev-tls', 'dev-tls-cert-dir', 'dev-ha', 'recovery']

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
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined
    if (kind === undefined) return err(`flag provided but not defined: -${name}`)
    if (notYet.includes(name)) return err(`-${name} is not available in this version`)
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
  const fromEnvironment = (name: string) => {
    for (const prefix of ['TOKENSTILE_', 'BAO_', 'VAULT_']) {
      const value = env[prefix + name]
      if (value !== undefined) return value
    }
    return ''
  }
  return ok({
    dev: text('dev') === 'true' || text('dev-root-token-id') !== '' || text('dev-kv-v1') === 'true',
    devRootTokenId: text('dev-root-token-id') || fromEnvironment('DEV_ROOT_TOKEN_ID'),
    devListenAddress:
      text('dev-listen-address') || fromEnvironment('DEV_LISTEN_ADDRESS') || '127.0.0.1:8200',
    devNoStoreToken: text('dev-no-store-token') === 'true',
    devKvV1: text('dev-kv-v1') === 'true',
    config: values.get('config') ?? [],
    logLevel: text('log-level') || fromEnvironment('LOG_LEVEL'),
    logFormat: text('log-format') || fromEnvironment('LOG_FORMAT'),
    logFile: text('log-file'),
    exitOnCoreShutdown: text('exit-on-core-shutdown') === 'true',
  })
}
