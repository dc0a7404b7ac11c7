/** Values of a claim as rules compare them: a list of scalars, each with a key of its type. */

import { isJsonArray, type JsonValue } from '../lib/json.ts'
import { canonicalDecimal, parseDecimal } from './decimal.ts'

/**
 * A list as it is, a string, boolean or number as a list of one, undefined for objects and null.
 */
export function listOfValues(value: JsonValue): readonly JsonValue[] | undefined {
  if (isJsonArray(value)) return value
  return isScalar(value) ? [value] : undefined
}

/** True for what a bound claim can be compared with; false for null, objects and lists. */
export function isScalar(value: JsonValue): boolean {
  return matchKey(value) !== undefined
}

/** Two scalars match when their keys are equal: the first letter is the JSON type. */
export function matchKey(value: JsonValue): string | undefined {
  if (typeof value === 'string') return `s${value}`
  if (typeof value === 'boolean') return value ? 'btrue' : 'bfalse'
  const decimal = parseDecimal(value)
  return decimal === undefined ? undefined : `n${canonicalDecimal(decimal)}`
}
