/**
 * Turns the raw fields of a request into what a handler's field table describes (platform.md §1.8).
 */

import {
  emptyObject,
  isJsonArray,
  isJsonObject,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'
import { nearestName } from '../lib/nearest-name.ts'
import type { FieldTable } from '../schema/field.ts'
import type { PathDeclaration } from './path.ts'
import { invalid } from './refusal.ts'

export interface ParsedInput {
  readonly input: Readonly<Record<string, unknown>>
  /** Raw fields, with captured path parts unless the path takes any field. */
  readonly data: JsonObject
  readonly warnings: readonly string[]
  /** Some field was left out because the path has none of that name. */
  readonly hasUnknown: boolean
}

const noWarnings: readonly string[] = []

/** Warnings name as much as a person reads. */
const shownNamesMax = 100
const shownCharsMax = 128
const suggestedMax = 8

/** Coerces; throws a 400 that names the field. Unknown fields only warn. */
export function parseInput(
  declaration: PathDeclaration,
  raw: JsonObject,
  captures: Readonly<Record<string, string>>,
): ParsedInput {
  const fields = declaration.fields
  const given = declaration.foldFieldNames === true ? foldNames(raw, fields) : raw
  const input: Record<string, unknown> = {}
  const unknown: string[] = []
  const replaced: string[] = []
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(captures, name)) {
      if (given[name] !== captures[name]) replaced.push(name)
      continue
    }
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined) unknown.push(name)
    else setField(input, name, field, given[name] ?? null)
  }
  for (const [name, value] of Object.entries(captures)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined) input[name] = value
    else setField(input, name, field, value)
  }
  const isSilent = declaration.anyFields === true || (unknown.length === 0 && replaced.length === 0)
  const warnings = isSilent ? noWarnings : describe(unknown, replaced, fields, captures)
  // A path that takes any field stores them as they are; a capture must not overwrite one of the
  // same name.
  const data = declaration.anyFields === true ? given : merge(given, captures)
  return { input, data, warnings, hasUnknown: !isSilent && unknown.length > 0 }
}

/**
 * A setting that does nothing says so where it was given to do something. For the handler of a
 * write: what is only warned of by `parseInput` stays unsaid when a write answers nothing, as in
 * the reference.
 */
export function warningsOfIdleFields(fields: FieldTable, given: JsonObject): readonly string[] {
  return Object.entries(fields)
    .filter(([name, { withoutEffect }]) => withoutEffect === true && isAskedFor(given, name))
    .map(([name]) => `"${name}" has no effect in this version`)
}

function isAskedFor(given: JsonObject, name: string): boolean {
  const value = member(given, name) ?? null
  if (isJsonObject(value)) return Object.keys(value).length > 0
  if (isJsonArray(value)) return value.length > 0
  return value !== null && !['', 'false', '0'].includes(String(value))
}

function setField(
  input: Record<string, unknown>,
  name: string,
  field: FieldTable[string],
  value: JsonValue,
): void {
  if (value === null) {
    if (field.nullIs === 'zero') input[name] = field.zero
    return
  }
  const parsed = field.parse(value)
  if (!parsed.ok) {
    throw invalid(
      `Field validation failed: error converting input for field "${name}": ${parsed.error}`,
    )
  }
  input[name] = parsed.value
}

function merge(raw: JsonObject, captures: Readonly<Record<string, string>>): JsonObject {
  for (const _ in captures) return { ...raw, ...captures }
  return raw
}

/** Of two spellings of one name nobody could say which one counts. */
function foldNames(raw: JsonObject, fields: FieldTable): JsonObject {
  const byFolded = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]))
  const folded = emptyObject()
  for (const [name, value] of Object.entries(raw)) {
    const known = byFolded.get(name.toLowerCase()) ?? name
    if (Object.hasOwn(folded, known)) {
      throw invalid(`field "${known.slice(0, shownCharsMax)}" was given more than once`)
    }
    folded[known] = value
  }
  return folded
}

function describe(
  unknown: readonly string[],
  replaced: readonly string[],
  fields: FieldTable,
  captures: Readonly<Record<string, string>>,
): readonly string[] {
  const warnings: string[] = []
  if (unknown.length > 0) {
    const shown = unknown
      .slice(0, shownNamesMax)
      .map((name) => name.slice(0, shownCharsMax))
      .toSorted()
    const more = unknown.length > shown.length ? ' …' : ''
    warnings.push(`Endpoint ignored these unrecognized parameters: [${shown.join(' ')}${more}]`)
    const settable = Object.keys(fields).filter((name) => !Object.hasOwn(captures, name))
    for (const name of shown.slice(0, suggestedMax)) {
      const near = nearestName(name, settable)
      if (near !== undefined)
        warnings.push(`"${name}" is no field of this path; did you mean "${near}"?`)
    }
  }
  if (replaced.length > 0) {
    warnings.push(
      'Endpoint replaced the value of these parameters with the values captured from the ' +
        `endpoint's path: [${replaced.toSorted().join(' ')}]`,
    )
  }
  return warnings
}
