/**
 * The options of an audit device, read from the texts that the configuration file or a request has
 * (platform.md §8.1). An option that is not known is refused: a misspelt one would leave out what
 * it was to change.
 */

import { isJsonArray, isJsonObject, parseJson, requestJsonLimits } from '../lib/json.ts'
import { parseDurationMs } from '../lib/duration.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { isPlainWebAddress } from '../lib/web-address.ts'
import { parseBooleanWord } from '../schema/field.ts'
import { parseCondition, type Condition } from './condition.ts'
import { parseExclusions, type Exclusions } from './exclusions.ts'

const deviceTypes = ['file', 'socket', 'syslog', 'http'] as const
export type DeviceType = (typeof deviceTypes)[number]

export type DeviceTarget =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number | undefined }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'discard' }
  | SocketTarget
  | (Omit<SocketTarget, 'kind'> & {
      readonly kind: 'syslog'
      readonly facility: number
      readonly tag: string
    })
  | {
      readonly kind: 'http'
      readonly uri: string
      readonly headers: Readonly<Record<string, string>>
    }

interface SocketTarget {
  readonly kind: 'socket'
  readonly place:
    | { readonly type: 'tcp' | 'udp'; readonly host: string; readonly port: number }
    | { readonly type: 'unix'; readonly path: string }
}

export interface DeviceOptions {
  readonly target: DeviceTarget
  /** How long anybody waits for the device. */
  readonly waitMsMax: number
  readonly logRaw: boolean
  readonly hmacAccessor: boolean
  readonly elideListResponses: boolean
  readonly prefix: string
  readonly filter: Condition | undefined
  /** Gets what the filters of all devices leave. */
  readonly isFallback: boolean
  readonly exclude: Exclusions
}

type Texts = Readonly<Record<string, string>>

const common = [
  'format',
  'log_raw',
  'hmac_accessor',
  'elide_list_responses',
  'prefix',
  'filter',
  'fallback',
  'exclude',
] as const
const socketNames = ['address', 'socket_type', 'write_timeout'] as const
const namesOf: Readonly<Record<DeviceType, readonly string[]>> = {
  file: [...common, 'file_path', 'path', 'mode'],
  socket: [...common, ...socketNames],
  syslog: [...common, ...socketNames, 'facility', 'tag'],
  http: [...common, 'uri', 'headers', 'write_timeout'],
}

const optionCharsMax = 8192
const prefixCharsMax = 256
const waitMsDefault = 2000
const waitMsMost = 30_000

class OptionStop extends Error {}

/** The error is a sentence that begins with the option's name and repeats no value. */
export function parseDeviceOptions(type: string, texts: Texts): Result<DeviceOptions, string> {
  const known = deviceTypes.find((one) => one === type)
  if (known === undefined) return err(`type must be one of ${deviceTypes.join(', ')}`)
  try {
    return ok(new OptionReader(known, texts).read())
  } catch (problem) {
    if (problem instanceof OptionStop) return err(problem.message)
    throw problem
  }
}

class OptionReader {
  readonly #type: DeviceType
  readonly #texts: Texts

  constructor(type: DeviceType, texts: Texts) {
    this.#type = type
    this.#texts = texts
  }

  read(): DeviceOptions {
    for (const name of Object.keys(this.#texts)) {
      if (!namesOf[this.#type].includes(name)) {
        throw new OptionStop(
          `"${name.slice(0, 64)}" is no option of an audit device of type ${this.#type}`,
        )
      }
      if (this.#text(name).length > optionCharsMax) this.#refuse(name, 'is too long')
    }
    const format = this.#text('format')
    if (format !== '' && format !== 'json') this.#refuse('format', 'must be json')
    const prefix = this.#text('prefix')
    if (prefix.length > prefixCharsMax || /[\r\n]/.test(prefix)) {
      this.#refuse('prefix', `must be one line of at most ${prefixCharsMax} characters`)
    }
    return {
      target: this.#target(),
      waitMsMax: this.#waitMs(),
      logRaw: this.#bool('log_raw', false),
      hmacAccessor: this.#bool('hmac_accessor', true),
      elideListResponses: this.#bool('elide_list_responses', false),
      prefix,
      filter: this.#parsed('filter', parseCondition),
      isFallback: this.#bool('fallback', false),
      exclude: this.#parsed('exclude', parseExclusions) ?? [],
    }
  }

  #target(): DeviceTarget {
    switch (this.#type) {
      case 'file':
        return this.#file()
      case 'socket':
        return { kind: 'socket', place: this.#place() }
      case 'syslog':
        return {
          kind: 'syslog',
          place: this.#place(),
          facility: this.#facility(),
          tag: this.#tag(),
        }
      case 'http':
        return { kind: 'http', uri: this.#uri(), headers: this.#headers() }
    }
  }

  #file(): DeviceTarget {
    // Vault compatibility: `path` is the old word.
    const path = this.#text('file_path') || this.#text('path')
    if (path === '') this.#refuse('file_path', 'is missing')
    if (path === 'stdout' || path === '/dev/stdout') return { kind: 'stdout' }
    if (path === 'discard') return { kind: 'discard' }
    if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) {
      this.#refuse('file_path', 'must be an absolute path without ".."')
    }
    return { kind: 'file', path, mode: this.#mode() }
  }

  #mode(): number | undefined {
    const text = this.#text('mode') || '0600'
    if (!/^[0-7]{1,5}$/.test(text)) this.#refuse('mode', 'must be octal, such as 0600')
    const mode = Number.parseInt(text, 8)
    // Vault compatibility: 0000 leaves the mode that is there.
    if (mode === 0) return undefined
    if ((mode & ~0o664) !== 0) {
      this.#refuse('mode', 'may let nobody execute the file, and no stranger write it')
    }
    return mode
  }

  #place(): SocketTarget['place'] {
    const address = this.#text('address')
    const type = this.#text('socket_type') || 'tcp'
    if (type !== 'tcp' && type !== 'udp' && type !== 'unix') {
      this.#refuse('socket_type', 'must be tcp, udp or unix')
    }
    if (type === 'unix') {
      if (!address.startsWith('/')) this.#refuse('address', 'must be the path of a socket')
      return { type, path: address }
    }
    const found = /^(?:\[([0-9a-fA-F:.]{2,64})\]|([^\s:/[\]]{1,253})):([0-9]{1,5})$/.exec(address)
    const port = Number(found?.[3])
    const host = found?.[1] ?? found?.[2]
    if (host === undefined || port < 1 || port > 65_535) {
      this.#refuse('address', 'must be host:port')
    }
    return { type, host, port }
  }

  #facility(): number {
    const name = (this.#text('facility') || 'AUTH').toUpperCase()
    const number = facilities.indexOf(name)
    if (number < 0) this.#refuse('facility', 'must be a facility of syslog, such as AUTH')
    return number
  }

  #tag(): string {
    const tag = this.#text('tag') || 'tokenstile'
    if (!/^[!-~]{1,48}$/.test(tag)) this.#refuse('tag', 'must be 1 to 48 letters without blanks')
    return tag
  }

  #uri(): string {
    const uri = this.#text('uri')
    if (!isPlainWebAddress(uri)) this.#refuse('uri', 'must be a URL with http:// or https://')
    return uri
  }

  /** OpenBao compatibility: JSON of names with lists of values. */
  #headers(): Readonly<Record<string, string>> {
    const text = this.#text('headers')
    if (text === '') return {}
    const parsed = parseJson(text, requestJsonLimits)
    const shape = 'must be JSON such as {"Authorization":["…"]}'
    if (!parsed.ok || !isJsonObject(parsed.value)) return this.#refuse('headers', shape)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(parsed.value)) {
      const values = isJsonArray(value) ? value : [value]
      const all: string[] = []
      for (const one of values) {
        if (typeof one !== 'string' || /[^\t -~]/.test(one)) return this.#refuse('headers', shape)
        all.push(one)
      }
      if (!/^[\w-]{1,128}$/.test(name)) this.#refuse('headers', shape)
      if (all.length > 0) headers[name] = all.join(', ')
    }
    return headers
  }

  #waitMs(): number {
    const text = this.#text('write_timeout')
    if (text === '') return waitMsDefault
    const ms = parseDurationMs(text)
    if (ms === undefined || ms < 1 || ms > waitMsMost) {
      return this.#refuse('write_timeout', `must be from 1ms to ${waitMsMost / 1000}s`)
    }
    return ms
  }

  #bool(name: string, otherwise: boolean): boolean {
    const text = this.#text(name)
    if (text === '') return otherwise
    return parseBooleanWord(text) ?? this.#refuse(name, 'must be true or false')
  }

  #parsed<T>(name: string, parse: (text: string) => Result<T, string>): T | undefined {
    const text = this.#text(name)
    if (text === '') return undefined
    const parsed = parse(text)
    return parsed.ok ? parsed.value : this.#refuse(name, parsed.error)
  }

  #text(name: string): string {
    return Object.hasOwn(this.#texts, name) ? (this.#texts[name] ?? '') : ''
  }

  #refuse(name: string, why: string): never {
    throw new OptionStop(`${name}: ${why}`)
  }
}

/** RFC 5424 §6.2.1, in the order of their numbers. */
const facilities =
  'KERN USER MAIL DAEMON AUTH SYSLOG LPR NEWS UUCP CRON AUTHPRIV FTP NTP SECURITY CONSOLE CLOCK '
    .concat('LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7')
    .split(' ')
