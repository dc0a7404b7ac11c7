/**
 * Writes JSON values as YAML 1.2 block style. Text is quoted whenever a reader could take it for
 * something else.
 */

import { encodeJson, isJsonArray, isJsonObject, type JsonValue } from '../lib/json.ts'
import { safeJson } from './safe-text.ts'

export function formatYaml(value: JsonValue): string {
  return block(value, '').replace(/^\n/u, '')
}

/**
 * The text after a `key:` or `-`: a scalar with its blank, or lines that start on the next line.
 */
function block(value: JsonValue, indent: string): string {
  if (isJsonArray(value)) {
    if (value.length === 0) return inline('[]', indent)
    return value.map((item) => `\n${indent}-${afterDash(item, indent)}`).join('')
  }
  if (isJsonObject(value)) {
    const names = Object.keys(value)
    if (names.length === 0) return inline('{}', indent)
    return names
      .map((name) => `\n${indent}${scalarText(name)}:${afterKey(value[name] ?? null, indent)}`)
      .join('')
  }
  return inline(scalar(value), indent)
}

function inline(text: string, indent: string): string {
  return indent === '' ? text : ` ${text}`
}

// Lists stand at the indent of their key, objects two deeper; both are valid and this is the usual
// look.
function afterKey(value: JsonValue, indent: string): string {
  if (isJsonArray(value) && value.length > 0) return block(value, indent)
  return isContainer(value) ? block(value, `${indent}  `) : ` ${scalarOrEmpty(value)}`
}

function afterDash(value: JsonValue, indent: string): string {
  if (!isContainer(value)) return ` ${scalarOrEmpty(value)}`
  // The first line of the inner block follows the dash.
  return ` ${block(value, `${indent}  `).trimStart()}`
}

function isContainer(value: JsonValue): boolean {
  if (isJsonArray(value)) return value.length > 0
  return isJsonObject(value) && Object.keys(value).length > 0
}

function scalarOrEmpty(value: JsonValue): string {
  if (isJsonArray(value)) return '[]'
  return isJsonObject(value) ? '{}' : scalar(value)
}

function scalar(value: JsonValue): string {
  if (typeof value === 'string') return scalarText(value)
  return encodeJson(value)
}

// Plain only if it starts with a letter, slash or underscore and has nothing that YAML gives a
// meaning.
const plain = /^[A-Za-z/_][A-Za-z0-9/_.+@=-]*(?: [A-Za-z0-9/_.+@=(-][A-Za-z0-9/_.+@=(),-]*)*$/u
const reserved = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/iu

function scalarText(text: string): string {
  return plain.test(text) && !reserved.test(text) ? text : safeJson(JSON.stringify(text))
}
