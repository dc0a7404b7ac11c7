/** The query string as data, and its switches that choose an operation (platform.md §1.5, §1.7). */

import { invalid } from '../framework/refusal.ts'
import { emptyObject, type JsonObject } from '../lib/json.ts'

const pairsMax = 1000

export type QueryPair = readonly [name: string, value: string]

/** Pairs of a query or of a form body, in order. Throws a refusal for a wrong escape. */
export function parsePairs(text: string, countMax: number = pairsMax): readonly QueryPair[] {
  if (text === '') return []
  const pairs: QueryPair[] = []
  for (const part of text.split('&', countMax + 1)) {
    if (part === '') continue
    const equals = part.indexOf('=')
    pairs.push(
      equals === -1
        ? [unescape(part), '']
        : [unescape(part.slice(0, equals)), unescape(part.slice(equals + 1))],
    )
  }
  if (pairs.length > countMax) throw invalid('too many parameters')
  return pairs
}

/** Data of a request without a body: strings, and a list where a name is repeated. */
export function queryData(pairs: readonly QueryPair[], reserved: readonly string[]): JsonObject {
  const data = emptyObject()
  for (const [name, value] of pairs) {
    if (reserved.includes(name)) continue
    const present = data[name]
    if (present === undefined) data[name] = value
    else if (Array.isArray(present)) present.push(value)
    else data[name] = [present, value]
  }
  return data
}

/**
 * Throws a refusal when a name is there twice: one reader takes the first value and another the
 * last (SEC-OID-05).
 */
export function requireNoRepeats(pairs: readonly QueryPair[]): void {
  const seen = new Set<string>()
  for (const [name] of pairs) {
    if (seen.has(name)) {
      throw invalid(
        `the parameter ${/^[\w-]{1,64}$/.test(name) ? name : '(a long or odd name)'} is there twice`,
      )
    }
    seen.add(name)
  }
}

/** The first value of a name. */
export function queryValue(pairs: readonly QueryPair[], name: string): string | undefined {
  for (const pair of pairs) if (pair[0] === name) return pair[1]
  return undefined
}

/** A switch such as `?list=true`: empty is false, anything that is no bool is refused. */
export function requireQueryBool(pairs: readonly QueryPair[], name: string): boolean {
  const value = queryValue(pairs, name)
  if (value === undefined || value === '') return false
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false
  throw invalid(`the query parameter ${name} is not a bool`)
}

function unescape(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalid('a parameter is not percent-encoded UTF-8')
  }
}
