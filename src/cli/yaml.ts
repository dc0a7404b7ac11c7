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
    const names = Object.keys(value).sort(byNaturalOrder)
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

/**
 * The order of keys that the Go client's YAML has: what is no letter before letters, and numbers by
 * their value.
 */
function byNaturalOrder(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)]
  let isNumber = false
  for (let at = 0; at < left.length && at < right.length; at++) {
    const [one = '', other = ''] = [left[at], right[at]]
    if (one === other) {
      isNumber = isDigit(one)
      continue
    }
    const [oneIsLetter, otherIsLetter] = [isLetter(one), isLetter(other)]
    if (oneIsLetter && otherIsLetter) return one < other ? -1 : 1
    if (oneIsLetter || otherIsLetter) return oneIsLetter === isNumber ? -1 : 1
    return byNumber(left.slice(at), right.slice(at)) || (one < other ? -1 : 1)
  }
  return left.length - right.length
}

/** By the numbers that two texts begin with; of equal ones the shorter, and none is before zero. */
function byNumber(left: readonly string[], right: readonly string[]): number {
  const [one, other] = [digitsOf(left), digitsOf(right)]
  return Number(one) - Number(other) || one.length - other.length
}

function digitsOf(letters: readonly string[]): string {
  const end = letters.findIndex((letter) => !isDigit(letter))
  return letters.slice(0, end === -1 ? undefined : end).join('')
}

function isDigit(letter: string): boolean {
  return letter >= '0' && letter <= '9'
}

function isLetter(letter: string): boolean {
  return /^\p{L}$/u.test(letter)
}
