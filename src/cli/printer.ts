/**
 * What a command shows: answers, fields, lists and messages in the chosen format
 * (platform.md §9.6). What a command can end with gives the exit code.
 */

import { isJsonObject, member, type JsonObject, type JsonValue } from '../lib/json.ts'
import type { TerminalOutput } from '../platform/terminal.ts'
import { listKeys, textMember, type Secret } from '../client/secret.ts'
import { annotation, quotedWithoutCommands, withoutCommands, type Ci } from './ci-log.ts'
import { inClientForm, secretForm } from './client-forms.ts'
import { exitCodes } from './failure.ts'
import { goQuotedList, goSeconds, goText, goTime } from './go-text.ts'
import { formatJson } from './json-text.ts'
import type { OutputFormat } from './output-format.ts'
import { fieldValue } from './secret-field.ts'
import { formatMembers, formatTable, memberRows } from './table.ts'
import { formatYaml } from './yaml.ts'

export interface PrinterOptions {
  readonly stdout: TerminalOutput
  readonly stderr: TerminalOutput
  readonly format: OutputFormat
  readonly detailed: boolean
  readonly ci?: Ci | undefined
}

export class Printer {
  readonly detailed: boolean
  readonly #ci: Ci | undefined
  readonly format: OutputFormat
  readonly #stdout: TerminalOutput
  readonly #stderr: TerminalOutput

  constructor(options: PrinterOptions) {
    this.detailed = options.detailed
    this.#ci = options.ci
    this.format = options.format
    this.#stdout = options.stdout
    this.#stderr = options.stderr
  }

  /** For people: everything but json and yaml. */
  get isTable(): boolean {
    return this.format !== 'json' && this.format !== 'yaml'
  }

  /** Whether a person reads along. */
  get isTerminal(): boolean {
    return this.#stdout.isTTY === true
  }

  /** One line or several, with unsafe characters escaped; none is a command of a CI job. */
  line(text: string): number {
    this.#stdout.write(`${withoutCommands(this.#ci, text)}\n`)
    return exitCodes.ok
  }

  /** Shown at the job itself, where the CI can do that. */
  annotate(title: string, text: string): void {
    if (this.#ci === 'github') this.#stderr.write(`${annotation(title, text)}\n`)
  }

  error(text: string): void {
    this.#stderr.write(`${withoutCommands(this.#ci, text)}\n`)
  }

  /** What an answer is expected to, on the same line. */
  question(text: string): void {
    this.#stderr.write(withoutCommands(this.#ci, text))
  }

  /** Lines of our own making on standard error, control sequences of colours included. */
  drawing(text: string): void {
    this.#stderr.write(`${text}\n`)
  }

  /** A message of the command itself: not part of json or yaml output. */
  success(text: string): number {
    return this.isTable ? this.line(text) : exitCodes.ok
  }

  /** Warnings would break what reads json or yaml beside stderr, so they are for people only. */
  warn(text: string): void {
    if (this.isTable) this.error(text)
  }

  warnings(secret: Secret): void {
    if (secret.warnings.length === 0) return
    const list = secret.warnings.map((text) => `  * ${text}\n`).join('\n')
    this.warn(`WARNING! The following warnings were returned from the server:\n\n${list}`)
  }

  secret(secret: Secret): number {
    if (!this.isTable) return this.data(inClientForm(secret.envelope, secretForm))
    this.warnings(secret)
    const rows = secretRows(secret)
    return rows.length > 0 ? this.line(formatTable(['Key', 'Value'], rows)) : exitCodes.ok
  }

  /** A value that is no envelope. */
  data(value: JsonValue): number {
    if (!this.isTable) this.#stdout.write(`${this.#encoded(value)}\n`)
    else if (!isJsonObject(value)) this.line(goText(value))
    else if (Object.keys(value).length > 0) this.line(formatMembers(value))
    return exitCodes.ok
  }

  /** The text for people, the value for programs. */
  either(text: string, value: JsonValue): number {
    return this.isTable ? this.line(text) : this.data(value)
  }

  /** The names of a list; the whole answer only with -detailed. */
  list(secret: Secret): number {
    const keys = listKeys(secret) ?? []
    if (!this.isTable && this.detailed) return this.secret(secret)
    if (!this.isTable) return this.data([...keys])
    this.warnings(secret)
    const info = secret.data === undefined ? undefined : member(secret.data, 'key_info')
    const rows = keys.map((key) => [goText(key), keyInfo(info, goText(key))])
    if (this.detailed && isJsonObject(info)) return this.line(formatTable(['Keys', 'Info'], rows))
    const names = rows.map((row) => row.slice(0, 1))
    return this.line(formatTable(['Keys'], names))
  }

  /** One value of an answer. */
  field(secret: Secret, name: string): number {
    return this.#value(fieldValue(secret, name), name)
  }

  /** One value of an object. */
  memberField(object: JsonObject, name: string): number {
    return this.#value(member(object, name), name)
  }

  /** Text for a script: as it is, unless it goes to a terminal. */
  bare(text: string): number {
    const isShown = this.#stdout.isTTY === true
    this.#stdout.write(isShown ? `${withoutCommands(this.#ci, text)}\n` : text)
    return exitCodes.ok
  }

  #value(value: JsonValue | undefined, name: string): number {
    if (value === undefined || value === null) {
      this.error(`Field ${JSON.stringify(name)} not present in secret`)
      return exitCodes.local
    }
    return this.bare(this.isTable ? goText(value) : this.#encoded(value))
  }

  #encoded(value: JsonValue): string {
    const text = this.format === 'json' ? formatJson(value) : formatYaml(value)
    return quotedWithoutCommands(this.#ci, text)
  }
}

function secretRows(secret: Secret): [string, string][] {
  return [
    ...leaseRows(secret),
    ...(secret.auth === undefined ? [] : authRows(secret.auth)),
    ...(secret.wrapInfo === undefined ? [] : wrapRows(secret.wrapInfo)),
    ...(secret.data === undefined ? [] : memberRows(secret.data)),
  ]
}

function leaseRows(secret: Secret): [string, string][] {
  if (secret.leaseDurationSeconds <= 0) return []
  const duration = goSeconds(secret.leaseDurationSeconds)
  // kv v1 puts a lifetime there without any lease: it says how often to look again.
  if (secret.leaseId === '') return [['refresh_interval', duration]]
  return [
    ['lease_id', secret.leaseId],
    ['lease_duration', duration],
    ['lease_renewable', String(secret.renewable)],
  ]
}

function authRows(auth: JsonObject): [string, string][] {
  const lifetime = member(auth, 'lease_duration') ?? 0
  const metadata = member(auth, 'metadata')
  const names = isJsonObject(metadata) ? Object.keys(metadata).sort() : []
  return [
    ['token', textMember(auth, 'client_token')],
    ['token_accessor', textMember(auth, 'accessor')],
    ['token_duration', lifetime === 0 ? '∞' : goSeconds(lifetime)],
    ['token_renewable', String(member(auth, 'renewable') === true)],
    ['token_policies', goQuotedList(member(auth, 'token_policies'))],
    ['identity_policies', goQuotedList(member(auth, 'identity_policies'))],
    ['policies', goQuotedList(member(auth, 'policies'))],
    ...names.map((name): [string, string] => [
      `token_meta_${name}`,
      isJsonObject(metadata) ? goText(metadata[name] ?? null) : '',
    ]),
  ]
}

function wrapRows(wrap: JsonObject): [string, string][] {
  const wrapped = textMember(wrap, 'wrapped_accessor')
  return [
    ['wrapping_token:', textMember(wrap, 'token')],
    ['wrapping_accessor:', textMember(wrap, 'accessor')],
    ['wrapping_token_ttl:', goSeconds(member(wrap, 'ttl') ?? 0)],
    ['wrapping_token_creation_time:', goTime(textMember(wrap, 'creation_time'))],
    ['wrapping_token_creation_path:', textMember(wrap, 'creation_path')],
    ...(wrapped === '' ? [] : [['wrapped_accessor:', wrapped] as [string, string]]),
  ]
}

function keyInfo(info: JsonValue | undefined, key: string): string {
  return isJsonObject(info) ? goText(member(info, key) ?? '') : ''
}
