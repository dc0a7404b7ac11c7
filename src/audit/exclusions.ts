/**
 * Parts that a device leaves out of its records (`exclude`): JSON pointers, each perhaps under a
 * condition.
 */

import {
  emptyObject,
  isJsonArray,
  isJsonObject,
  parseJson,
  requestJsonLimits,
  type JsonObject,
} from '../lib/json.ts'
import { err, ok, type Result } from '../lib/result.ts'
import { parseCondition, type Condition, type ConditionFacts } from './condition.ts'

interface Exclusion {
  readonly condition: Condition | undefined
  readonly fields: readonly (readonly string[])[]
}

export type Exclusions = readonly Exclusion[]

const exclusionsMax = 64
const fieldsMax = 64
/** Without them a record could not be found, or would tell nothing. */
const kept: ReadonlySet<string> = new Set(['/time', '/type', '/request', '/request/id', '/auth'])

/** From the option's JSON: `[{"condition": …, "fields": ["/response/data/x"]}]`. */
export function parseExclusions(text: string): Result<Exclusions, string> {
  const parsed = parseJson(text, requestJsonLimits)
  const shape =
    'must be JSON such as [{"condition":"mount_type == kv","fields":["/response/data"]}]'
  if (!parsed.ok || !isJsonArray(parsed.value)) return err(shape)
  if (parsed.value.length > exclusionsMax) return err(`has more than ${exclusionsMax} rules`)
  const exclusions: Exclusion[] = []
  for (const value of parsed.value) {
    if (!isJsonObject(value)) return err(shape)
    const exclusion = parseOne(value, shape)
    if (!exclusion.ok) return exclusion
    exclusions.push(exclusion.value)
  }
  return ok(exclusions)
}

function parseOne(value: JsonObject, shape: string): Result<Exclusion, string> {
  const { condition, fields } = value
  if (!isJsonArray(fields) || fields.length === 0 || fields.length > fieldsMax) return err(shape)
  const pointers: (readonly string[])[] = []
  for (const field of fields) {
    if (typeof field !== 'string' || !field.startsWith('/')) return err(shape)
    if (kept.has(field)) return err('leaves out what every record needs')
    pointers.push(field.slice(1).split('/').map(unescapePointer))
  }
  if (condition === undefined) return ok({ condition: undefined, fields: pointers })
  if (typeof condition !== 'string') return err(shape)
  const read = parseCondition(condition)
  return read.ok ? ok({ condition: read.value, fields: pointers }) : read
}

/** RFC 6901 §4. */
function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** The record without what the rules leave out; the record itself where none applies. */
export function withoutExcluded(
  record: JsonObject,
  exclusions: Exclusions,
  facts: ConditionFacts,
): JsonObject {
  let left = record
  for (const { condition, fields } of exclusions) {
    if (condition !== undefined && !condition(facts)) continue
    for (const field of fields) left = without(left, field)
  }
  return left
}

function without(object: JsonObject, [name = '', ...rest]: readonly string[]): JsonObject {
  if (!Object.hasOwn(object, name)) return object
  const copy = Object.assign(emptyObject(), object)
  const inner = copy[name]
  if (rest.length === 0) delete copy[name]
  else if (isJsonObject(inner)) copy[name] = without(inner, rest)
  return copy
}
