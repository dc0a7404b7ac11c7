/** JSON for people: two blanks per level, numbers as they came, unsafe characters as escapes. */

import { encodeJson, isJsonArray, isJsonObject, type JsonValue } from '../lib/json.ts'
import { safeJson } from './safe-text.ts'

export function formatJson(value: JsonValue): string {
  return safeJson(layOut(value, ''))
}

function layOut(value: JsonValue, indent: string): string {
  const inner = `${indent}  `
  if (isJsonArray(value) && value.length > 0) {
    return `[\n${value.map((item) => inner + layOut(item, inner)).join(',\n')}\n${indent}]`
  }
  if (isJsonObject(value) && Object.keys(value).length > 0) {
    const members = Object.keys(value).map(
      (name) => `${inner}${JSON.stringify(name)}: ${layOut(value[name] ?? null, inner)}`,
    )
    return `{\n${members.join(',\n')}\n${indent}}`
  }
  return encodeJson(value)
}
