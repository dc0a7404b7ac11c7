/**
 * Reads one block of a server configuration: each setting by name and kind, with file, line and
 * column in every complaint. What the block's table does not have is reported as unknown, what has
 * no effect by its name. Values are never quoted, because any of them may be a secret; the
 * coercions are those of the reference ("true", 1 and true are the same).
 */

import { nearestName } from '../lib/nearest-name.ts'
import { parseDurationMs } from '../lib/duration.ts'
import type { SettingTable } from './config-settings.ts'
import type { HclPosition } from '../lib/hcl.ts'
import type { HclBody, HclItem, HclValue } from '../lib/hcl-tree.ts'

export interface ConfigProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** Ends the reading; never leaves the configuration reader. */
export class ConfigStop extends Error {
  readonly problem: ConfigProblem

  constructor(problem: ConfigProblem) {
    super(problem.message)
    this.problem = problem
  }
}

/** Where something stands. */
export interface ConfigPlace extends HclPosition {
  readonly file: string
}

/** As it stands before every complaint. */
export function placeText({ column, file, line }: ConfigPlace): string {
  return `${file}:${line}:${column}`
}

interface Setting {
  readonly place: ConfigPlace
  readonly name: string
  readonly value: HclValue
}

/** Collects what is worth saying and does not stop the server. */
export class ConfigWarnings {
  readonly #lines: string[] = []

  add(place: ConfigPlace, message: string): void {
    this.#lines.push(`${placeText(place)}: ${message}`)
  }

  get lines(): readonly string[] {
    return this.#lines
  }
}

export class ConfigBlock {
  readonly place: ConfigPlace
  /** What the block is called in messages; empty at the top of a file. */
  readonly title: string
  readonly warnings: ConfigWarnings
  readonly #settings: readonly Setting[]
  /** Undefined for a block whose names are free, such as those of headers. */
  readonly #table: SettingTable | undefined
  readonly #asked = new Set<string>()

  constructor(options: {
    readonly title: string
    readonly place: ConfigPlace
    readonly warnings: ConfigWarnings
    readonly table: SettingTable | undefined
    readonly parts: readonly { readonly file: string; readonly body: HclBody }[]
  }) {
    this.title = options.title
    this.place = options.place
    this.warnings = options.warnings
    this.#table = options.table
    this.#settings = options.parts.flatMap(({ file, body }) =>
      body.items.map((item) => settingOf(file, item)),
    )
  }

  text(name: string): string | undefined {
    const value = this.#value(name)
    if (value === undefined || value.kind === 'null') return undefined
    if (value.kind === 'string') return value.value
    if (value.kind === 'number') return value.text
    if (value.kind === 'bool') return String(value.value)
    return this.refuse(name, 'must be a text')
  }

  bool(name: string): boolean | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    // Vault compatibility: Go's strconv.ParseBool.
    if (/^(?:1|t|true)$/i.test(text)) return true
    if (/^(?:0|f|false)$/i.test(text)) return false
    return this.refuse(name, 'must be true or false')
  }

  integer(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const number = /^-?[0-9]{1,15}$/.test(text) ? Number(text) : undefined
    return number ?? this.refuse(name, 'must be a whole number')
  }

  /** A number is seconds. */
  durationMs(name: string): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const durationMs = text === '' ? undefined : parseDurationMs(text)
    if (durationMs === undefined || durationMs < 0) {
      return this.refuse(name, 'must be a duration such as "30s" or "768h"')
    }
    return durationMs
  }

  /** A list of texts, or one text with commas. */
  list(name: string): readonly string[] {
    const value = this.#value(name)
    if (value === undefined || value.kind === 'null') return []
    const texts = value.kind === 'list' ? value.values : [value]
    return texts.flatMap((one) => {
      if (one.kind !== 'string') return this.refuse(name, 'must be a list of texts')
      const parts = value.kind === 'list' ? [one.value] : one.value.split(',')
      return parts.map((part) => part.trim()).filter((part) => part !== '')
    })
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name)?.toLowerCase()
    if (text === undefined || text === '') return undefined
    const choice = choices.find((one) => one === text)
    return choice ?? this.refuse(name, `must be one of ${choices.join(', ')}`)
  }

  /**
   * A block inside this one, without labels; several of one name count together. Without a table
   * its names are free.
   */
  block(name: string, table?: SettingTable): ConfigBlock | undefined {
    const parts = this.settings(name).flatMap(({ place, value }) => {
      const bodies = value.kind === 'list' ? value.values : [value]
      return bodies.map((body) =>
        body.kind === 'body' ? { file: place.file, body } : this.refuse(name, 'must be a block'),
      )
    })
    if (parts.length === 0) return undefined
    return new ConfigBlock({
      title: this.title === '' ? name : `${this.title} ${name}`,
      place: this.placeOf(name),
      warnings: this.warnings,
      table,
      parts,
    })
  }

  /** Every setting of that name, in order. */
  settings(name: string): readonly Setting[] {
    if (this.#table !== undefined && effectIn(this.#table, name) === undefined) {
      throw new Error(`the setting ${this.title} ${name} is read and not in its table`)
    }
    this.#asked.add(name)
    return this.#settings.filter((setting) => setting.name === name)
  }

  get names(): readonly string[] {
    return [...new Set(this.#settings.map((setting) => setting.name))]
  }

  has(name: string): boolean {
    return this.#settings.some((setting) => setting.name === name)
  }

  /** Says what becomes of every setting that is there; to be called last. */
  finish(): void {
    const table = this.#table ?? {}
    for (const name of this.names) {
      const effect = effectIn(table, name)
      if (effect === undefined) this.#warnOfUnknown(name, Object.keys(table))
      else if (effect === 'without_effect') this.warn(name, 'has no effect in this version')
      else if (effect === 'refused') this.refuse(name, 'is not in this version')
      else if (!this.#asked.has(name)) {
        throw new Error(`the setting ${this.title} ${name} is said to be used and never read`)
      }
    }
  }

  #warnOfUnknown(name: string, known: readonly string[]): void {
    const near = nearestName(name, known)
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    this.warn(name, `is unknown and ignored${hint}`)
  }

  warn(name: string, message: string): void {
    this.warnings.add(this.placeOf(name), this.#about(name, message))
  }

  refuse(name: string, message: string): never {
    const text = this.#about(name, message) + this.#mistyped(name)
    throw new ConfigStop({ ...this.placeOf(name), message: text })
  }

  /** Whoever misses a setting that is there under a name near to it has mistyped it. */
  #mistyped(name: string): string {
    if (this.#table === undefined || this.#settings.some((one) => one.name === name)) return ''
    const table = this.#table
    const unknown = this.#settings.filter((one) => effectIn(table, one.name) === undefined)
    const near = nearestName(
      name,
      unknown.map((one) => one.name),
    )
    const found = unknown.find((one) => one.name === near)
    return found === undefined ? '' : `; "${found.name}" in line ${found.place.line} is unknown`
  }

  /** Where the setting stands that counts, or the block when it is absent. */
  placeOf(name: string): ConfigPlace {
    return this.#settings.findLast((setting) => setting.name === name)?.place ?? this.place
  }

  #value(name: string): HclValue | undefined {
    const found = this.settings(name)
    const last = found.at(-1)
    const twice = found.findLast((one) => one !== last && one.place.file === last?.place.file)
    // Between files the later one overrides by design; within one file it is a slip.
    if (twice !== undefined)
      this.warn(name, `stands twice, also in line ${twice.place.line}; this one counts`)
    return last?.value
  }

  #about(name: string, message: string): string {
    const block = this.title === '' ? '' : `${this.title}: `
    return `${block}"${printable(name)}" ${message}`
  }
}

function effectIn(table: SettingTable, name: string): SettingTable[string] | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/**
 * A block with labels where a value is expected, such as `telemetry "x" {}`, counts by its name
 * alone.
 */
function settingOf(file: string, item: HclItem): Setting {
  const { name, line, column, value } = item
  return { place: { file, line, column }, name, value }
}

/** A name comes from the file and may be long or hold terminal escapes. */
function printable(name: string): string {
  return name.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?')
}
