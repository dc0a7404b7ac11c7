/**
 * Server configuration files, HCL or JSON, read into one typed `ServerConfig` (platform.md §9.7).
 * Pure: the files and the environment are handed in. Several files count together, in order:
 * listeners add up, any other setting of a later file overrides. Unknown settings warn; an error
 * names file, line and column; no value is ever repeated in a message.
 */

import type { ListenerOptions } from '../http/listener-options.ts'
import { loginRecordsUsual, systemLeaseTtlSeconds } from '../core/settings.ts'
import { listHclBlocks, parseHclOrJson, type HclProblem } from '../lib/hcl.ts'
import type { HclBlock, HclBody } from '../lib/hcl-tree.ts'
import { err, ok, type Result } from '../lib/result.ts'
import type { LogLevel } from '../platform/logger.ts'
import { readAudit, type AuditConfig } from './config-audit.ts'
import {
  ConfigBlock,
  ConfigStop,
  ConfigWarnings,
  placeText,
  type ConfigProblem,
} from './config-block.ts'
import { parseListener } from './config-listener.ts'
import { readOutbound, type OutboundConfig } from './config-outbound.ts'
import { configSettings, settingsOf } from './config-settings.ts'
import { findSecret } from './config-secrets.ts'
import { logLevels } from './server-flags.ts'
import type { StorageOptions } from './storage-engine.ts'

export type { ConfigProblem } from './config-block.ts'

export interface ConfigFile {
  /** As the operator wrote it. */
  readonly name: string
  readonly text: string
  /** Other accounts of the machine can read the file. */
  readonly readableByOthers?: boolean
}

export type SealConfig =
  { readonly kind: 'shamir' } | { readonly kind: 'static'; readonly key: SealKeySource }

export type SealKeySource =
  | { readonly from: 'file'; readonly file: string }
  | { readonly from: 'environment'; readonly name: string }

export interface ServerConfig {
  readonly storage: StorageOptions
  readonly listeners: readonly ListenerOptions[]
  readonly seal: SealConfig
  readonly outbound: OutboundConfig
  readonly audit: AuditConfig
  /** How clients reach this server; empty when unset. */
  readonly apiAddress: string
  readonly clusterName: string
  readonly defaultLeaseTtlSeconds: number
  /** Logins whose decision is kept; 0 keeps none. */
  readonly loginRecordsMax: number
  readonly maxLeaseTtlSeconds: number
  readonly logLevel: LogLevel
  readonly logFormat: 'standard' | 'json'
  readonly logFile: string
  readonly pidFile: string
  /** Processes that serve; `auto` is one for each processor. */
  readonly workers: number | 'auto'
  readonly ui: boolean
}

export interface ParsedServerConfig {
  readonly config: ServerConfig
  readonly warnings: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>

const listenersMax = 32

/** Each has its part of every budget, which must stay large enough for one request. */
export const workersMax = 16

const storageNames = ['lmdb', 'inmem', 'file', 'raft', 'postgresql'] as const
const sealNames = ['shamir', 'static'] as const

/** The line for the terminal. */
export function configProblemText({ message, ...place }: ConfigProblem): string {
  return `${placeText(place)}: ${message}`
}

export function parseServerConfig(
  files: readonly ConfigFile[],
  env: Variables,
): Result<ParsedServerConfig, ConfigProblem> {
  const warnings = new ConfigWarnings()
  try {
    const parts = files.map((file) => readFile(file, warnings))
    const top = new ConfigBlock({
      title: '',
      place: { file: files[0]?.name ?? 'configuration', line: 1, column: 1 },
      warnings,
      table: configSettings.top,
      parts,
    })
    const config = readConfig(new Sections(parts, top), env)
    return ok({ config, warnings: warnings.lines })
  } catch (problem) {
    if (problem instanceof ConfigStop) return err(problem.problem)
    throw problem
  }
}

interface Part {
  readonly file: string
  readonly body: HclBody
}

function readFile(file: ConfigFile, warnings: ConfigWarnings): Part {
  const body = parseHclOrJson(file.text)
  if (!body.ok) throw new ConfigStop({ file: file.name, ...body.error })
  const secret = file.readableByOthers === true ? findSecret(body.value) : undefined
  if (secret !== undefined) {
    warnings.add(
      { file: file.name, line: secret.line, column: secret.column },
      'holds a secret, and other accounts of this machine can read the file: chmod 600',
    )
  }
  return { file: file.name, body: body.value }
}

interface Section {
  readonly label: string
  readonly labels: readonly string[]
  readonly block: ConfigBlock
}

/** The blocks with one label at the top of all files. */
class Sections {
  readonly top: ConfigBlock
  readonly #parts: readonly Part[]

  constructor(parts: readonly Part[], top: ConfigBlock) {
    this.#parts = parts
    this.top = top
  }

  all(name: string, labelsMax = 1): readonly Section[] {
    return this.#parts.flatMap((part) => this.#inFile(part, name, labelsMax))
  }

  /** The block of the last file that has one; a file with two of them is refused. */
  last(...names: readonly string[]): Section | undefined {
    const perFile = this.#parts.map((part) => names.flatMap((name) => this.#inFile(part, name)))
    for (const [, second] of perFile) {
      if (second !== undefined) {
        throw new ConfigStop({ ...second.block.place, message: `a second "${names[0]}" block` })
      }
    }
    return perFile.flat().at(-1)
  }

  #inFile({ file, body }: Part, name: string, labelsMax = 1): readonly Section[] {
    this.top.settings(name)
    const blocks: Result<readonly HclBlock[], HclProblem> = listHclBlocks(body, name, labelsMax)
    if (!blocks.ok) throw new ConfigStop({ file, ...blocks.error })
    return blocks.value.map((block) => {
      const labels = block.labels.map(({ text }) => text)
      const [label = ''] = labels
      return {
        label,
        labels,
        block: new ConfigBlock({
          title: name,
          place: { file, line: block.line, column: block.column },
          warnings: this.top.warnings,
          table: settingsOf(name, label),
          parts: [{ file, body: block.body }],
        }),
      }
    })
  }
}

function readConfig(sections: Sections, env: Variables): ServerConfig {
  const { top } = sections
  const defaultLeaseTtlSeconds = readLease(top, 'default_lease_ttl')
  const maxLeaseTtlSeconds = readLease(top, 'max_lease_ttl')
  if (defaultLeaseTtlSeconds > maxLeaseTtlSeconds) {
    top.refuse('default_lease_ttl', 'must not be above max_lease_ttl (768h unless set)')
  }
  const config: ServerConfig = {
    storage: readStorage(sections),
    listeners: readListeners(sections),
    seal: readSeal(sections, env),
    outbound: readOutbound(top.block('outbound', configSettings.outbound)),
    audit: readAudit(top, sections.all('audit', 2)),
    apiAddress: readApiAddress(top, env),
    clusterName: top.text('cluster_name') ?? '',
    defaultLeaseTtlSeconds,
    loginRecordsMax: readRecordMax(top),
    maxLeaseTtlSeconds,
    logLevel: readLogLevel(top),
    logFormat: top.oneOf('log_format', ['standard', 'json']) ?? 'standard',
    logFile: top.text('log_file') ?? '',
    pidFile: top.text('pid_file') ?? '',
    workers: readWorkers(top),
    ui: top.bool('ui') ?? false,
  }
  if (config.storage.kind === 'inmem' && config.workers !== 'auto' && config.workers > 1) {
    top.refuse('workers', 'above 1 needs storage "lmdb": memory belongs to one process')
  }
  top.finish()
  return config
}

function readStorage(sections: Sections): StorageOptions {
  // Vault compatibility: `backend` is the old word.
  const section = sections.last('storage', 'backend')
  if (section === undefined) {
    return sections.top.refuse('storage', 'is missing: storage "lmdb" { path = "…" } keeps data')
  }
  const { block } = section
  const name = storageNames.find((one) => one === section.label)
  switch (name) {
    case 'inmem':
      block.finish()
      return { kind: 'inmem' }
    case 'lmdb':
      return readLmdb(block)
    case 'postgresql':
      return stop(block, 'storage "postgresql" is not in this version; use "lmdb"')
    case 'file':
    case 'raft':
      return stop(
        block,
        `storage "${name}" is another server's data format; use "lmdb", and see docs/migrating-storage.md for moving data`,
      )
    case undefined:
      return stop(block, 'this storage is unknown; use "lmdb" or "inmem"')
  }
}

function readLmdb(block: ConfigBlock): StorageOptions {
  const path = block.text('path') ?? ''
  if (path === '') block.refuse('path', 'is missing: the folder that holds the data')
  const shared = block.bool('shared') ?? false
  block.finish()
  return { kind: 'lmdb', path, shared }
}

function readListeners(sections: Sections): readonly ListenerOptions[] {
  const found = sections.all('listener')
  if (found.length === 0) {
    sections.top.refuse('listener', 'is missing: listener "tcp" { address = "127.0.0.1:8200" … }')
  }
  return found.map(({ block, label }, index) => {
    if (index >= listenersMax) stop(block, `more than ${listenersMax} listeners`)
    if (label !== 'tcp' && label !== 'unix') return stop(block, 'a listener is "tcp" or "unix"')
    return parseListener(label, block)
  })
}

function readSeal(sections: Sections, env: Variables): SealConfig {
  const section = sections.last('seal')
  if (section === undefined) return { kind: 'shamir' }
  const { block } = section
  const name = sealNames.find((one) => one === section.label)
  if (name === undefined) return stop(block, 'a seal is "shamir" or "static" in this version')
  if (block.bool('disabled') === true) {
    return stop(block, 'moving away from a seal is not in this version')
  }
  const seal = name === 'shamir' ? ({ kind: 'shamir' } as const) : readStaticSeal(block, env)
  block.finish()
  return seal
}

function readStaticSeal(block: ConfigBlock, env: Variables): SealConfig {
  const file = block.text('key_file') ?? ''
  const variable = block.text('key_env') ?? ''
  const url = block.text('current_key') ?? ''
  const sources = [
    ...(file === '' ? [] : [{ from: 'file', file } as const]),
    ...(variable === '' ? [] : [{ from: 'environment', name: variable } as const]),
    ...(url === '' ? [] : [readKeyUrl(block, url)]),
  ]
  const [key, other] = sources
  if (key === undefined) {
    block.refuse(
      'key_file',
      'is missing: a static seal needs key_file, or key_env, a variable name',
    )
  }
  if (other !== undefined) stop(block, 'key_file, key_env and current_key exclude each other')
  if (key.from === 'environment' && (env[key.name] ?? '') === '') {
    block.refuse(variable === '' ? 'current_key' : 'key_env', 'names a variable that is not set')
  }
  return { kind: 'static', key }
}

/**
 * OpenBao compatibility: `file://…` and `env://…`. The bare key is refused: a configuration file is
 * no place for it.
 */
function readKeyUrl(block: ConfigBlock, url: string): SealKeySource {
  if (url.startsWith('file://')) return { from: 'file', file: url.slice('file://'.length) }
  if (url.startsWith('env://')) return { from: 'environment', name: url.slice('env://'.length) }
  return block.refuse(
    'current_key',
    'must be file://… or env://…; the key itself belongs elsewhere',
  )
}

function readLease(top: ConfigBlock, name: string): number {
  const durationMs = top.durationMs(name) ?? 0
  // Vault compatibility: 0 stands for the default.
  return durationMs === 0 ? systemLeaseTtlSeconds : Math.max(1, Math.trunc(durationMs / 1000))
}

/** A search goes through all of them. */
const loginRecordsMost = 1_000_000

function readRecordMax(top: ConfigBlock): number {
  const count = top.integer('record_max') ?? loginRecordsUsual
  if (count < 0 || count > loginRecordsMost) {
    top.refuse('record_max', `must be between 0, for none, and ${loginRecordsMost}`)
  }
  return count
}

function readLogLevel(top: ConfigBlock): LogLevel {
  const name = top.oneOf('log_level', Object.keys(logLevels)) ?? 'info'
  return logLevels[name] ?? 'info'
}

function readWorkers(top: ConfigBlock): number | 'auto' {
  const text = top.text('workers') ?? '1'
  if (text === 'auto') return 'auto'
  const count = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > workersMax) {
    top.refuse('workers', `must be a number from 1 to ${workersMax}, or "auto"`)
  }
  return count
}

function readApiAddress(top: ConfigBlock, env: Variables): string {
  const written = top.text('api_addr') ?? ''
  const names = ['TOKENSTILE_API_ADDR', 'BAO_API_ADDR', 'VAULT_API_ADDR']
  const fromEnvironment = names.map((name) => env[name] ?? '').find((text) => text !== '')
  const address = fromEnvironment ?? written
  if (address !== '' && !(URL.canParse(address) && /^https?:\/\//i.test(address))) {
    top.refuse('api_addr', 'must be a URL that begins with http:// or https://')
  }
  return address
}

function stop(block: ConfigBlock, message: string): never {
  throw new ConfigStop({ ...block.place, message })
}
