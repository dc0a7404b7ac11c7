/**
 * Flags as Go's `flag` package reads them: one or two dashes, `-x=v` or `-x v`, before the first
 * positional word. The exceptions that the existing clients have are written here too
 * (platform.md §9.2).
 */

import { parseDurationMs } from '../lib/duration.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseBoolean } from './environment.ts'
import { nearestName } from '../lib/nearest-name.ts'

export interface FlagSpec {
  readonly name: string
  readonly kind: 'bool' | 'text' | 'int' | 'duration' | 'list' | 'pairs'
  readonly help: string
  readonly aliases?: readonly string[]
  /** Setting of the environment that stands in for it, without prefix. */
  readonly env?: string
  /** Shown in help only; the code that reads the flag applies it. */
  readonly defaultText?: string
  /** Compatibility switch that help leaves out. */
  readonly hidden?: boolean
}

type FlagOptions = Omit<FlagSpec, 'name' | 'kind' | 'help'>

function flagOf(kind: FlagSpec['kind']) {
  return (name: string, help: string, options?: FlagOptions): FlagSpec => {
    return { name, kind, help, ...options }
  }
}

/** A flag of each kind. */
export const flag = {
  bool: flagOf('bool'),
  text: flagOf('text'),
  int: flagOf('int'),
  duration: flagOf('duration'),
  list: flagOf('list'),
  pairs: flagOf('pairs'),
} as const

export interface ParsedFlags {
  readonly values: FlagValues
  readonly args: readonly string[]
  /** Words after the first positional that look like flags and are data. */
  readonly late: readonly string[]
}

/** These count anywhere on the line; everything else only before the first positional word. */
const anywhere = ['format', 'detailed', 'output-curl-string', 'output-policy']

export class FlagValues {
  readonly #texts = new Map<string, string[]>()

  add(name: string, text: string): void {
    const texts = this.#texts.get(name) ?? []
    texts.push(text)
    this.#texts.set(name, texts)
  }

  isSet(name: string): boolean {
    return this.#texts.has(name)
  }

  text(name: string): string | undefined {
    return this.#texts.get(name)?.at(-1)
  }

  /** False when it is not set. */
  bool(name: string): boolean {
    return this.optionalBool(name) ?? false
  }

  optionalBool(name: string): boolean | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : parseBoolean(text)
  }

  int(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : Number(text)
  }

  /** Whole seconds. */
  seconds(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : Math.trunc((parseDurationMs(text) ?? 0) / 1000)
  }

  list(name: string): readonly string[] {
    return this.#texts.get(name) ?? []
  }

  /** `k=v` texts, split at the first equals sign. */
  pairs(name: string): readonly (readonly [string, string])[] {
    return this.list(name).map((text) => {
      const at = text.indexOf('=')
      return [text.slice(0, at), text.slice(at + 1)] as const
    })
  }
}

/** The words as they are, for a command that reads its own flags. */
export function noFlags(words: readonly string[]): ParsedFlags {
  return { values: new FlagValues(), args: words, late: [] }
}

export function parseFlags(
  specs: readonly FlagSpec[],
  words: readonly string[],
): Result<ParsedFlags, string> {
  const values = new FlagValues()
  const rest = takeAnywhere(words, values)
  if (!rest.ok) return rest
  const early = takeLeading(specs, rest.value, values)
  if (!early.ok) return early
  const args = early.value
  const late = args.filter((word) => word.startsWith('-') && word !== '-')
  return ok({ values, args, late })
}

/** Removes the flags that count anywhere, up to a `--`. */
function takeAnywhere(words: readonly string[], values: FlagValues): Result<string[], string> {
  const rest: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (word === '--') return ok([...rest, ...words.slice(i)])
    const flag = splitFlag(word)
    if (flag === undefined || !anywhere.includes(flag.name)) {
      rest.push(word)
      continue
    }
    const text = flag.value ?? (flag.name === 'format' ? words[++i] : 'true')
    if (text === undefined) return err(`flag needs an argument: -${flag.name}`)
    if (flag.name !== 'format' && parseBoolean(text) === undefined)
      return err(badBool(flag.name, text))
    values.add(flag.name, text)
  }
  return ok(rest)
}

/** Reads flags up to the first positional word and answers the words from there on. */
function takeLeading(
  specs: readonly FlagSpec[],
  words: readonly string[],
  values: FlagValues,
): Result<readonly string[], string> {
  let at = 0
  while (at < words.length) {
    const word = words[at] ?? ''
    if (!word.startsWith('-') || word === '-') break
    at++
    if (word === '--') break
    const flag = splitFlag(word)
    if (flag === undefined) return err(`bad flag syntax: ${word.split('=')[0]}`)
    const spec = specs.find((s) => s.name === flag.name || s.aliases?.includes(flag.name))
    if (spec === undefined) return err(unknownFlag(specs, flag.name))
    let text = flag.value
    if (text === undefined && spec.kind === 'bool') text = 'true'
    if (text === undefined) text = words[at++]
    if (text === undefined) return err(`flag needs an argument: -${flag.name}`)
    const problem = checkText(spec, flag.name, text)
    if (problem !== undefined) return err(problem)
    values.add(spec.name, spec.kind === 'list' ? text.trim() : text)
  }
  return ok(words.slice(at))
}

function splitFlag(word: string): { name: string; value: string | undefined } | undefined {
  const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/u.exec(word)
  return match === null ? undefined : { name: match[1] ?? '', value: match[2] }
}

/** The value itself is repeated only where it cannot be a secret: not for text, list and pairs. */
function checkText(spec: FlagSpec, name: string, text: string): string | undefined {
  switch (spec.kind) {
    case 'bool':
      return parseBoolean(text) === undefined ? badBool(name, text) : undefined
    case 'int':
      return /^[+-]?\d{1,15}$/u.test(text) ? undefined : badValue(name, text, 'parse error')
    case 'duration':
      return parseDurationMs(text) === undefined || text === ''
        ? badValue(name, text, 'a duration such as 30s, 15m or 1h is expected')
        : undefined
    case 'pairs':
      return text.indexOf('=') > 0 ? undefined : `missing = in KV pair for flag -${name}`
    case 'list':
    case 'text':
    default:
      return undefined
  }
}

function badBool(name: string, text: string): string {
  return `invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`
}

function badValue(name: string, text: string, why: string): string {
  return `invalid value ${JSON.stringify(text)} for flag -${name}: ${why}`
}

function unknownFlag(specs: readonly FlagSpec[], name: string): string {
  const near = nearestName(
    name,
    specs.map((spec) => spec.name),
  )
  const hint = near === undefined ? '' : `\nDid you mean -${near}?`
  return `flag provided but not defined: -${name}${hint}`
}
