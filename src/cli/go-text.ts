/** Values as Go's `%v` prints them, which the table format of the existing clients shows. */

import { goDuration } from '../lib/duration.ts'
import {
  encodeJson,
  isJsonArray,
  isJsonObject,
  JsonNumber,
  member,
  type JsonObject,
  type JsonValue,
} from '../lib/json.ts'

/** `<nil>`, `[a b]`, `map[k:v]` with sorted keys; numbers keep their text. */
export function goText(value: JsonValue): string {
  if (value === null) return '<nil>'
  if (typeof value === 'string') return value
  if (isJsonArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isJsonObject(value)) {
    const members = Object.keys(value)
      .sort()
      .map((name) => `${name}:${goText(value[name] ?? null)}`)
    return `map[${members.join(' ')}]`
  }
  return encodeJson(value)
}

/** Of a member as `goText` has it; empty where it is absent or null. */
export function goTextMember(object: JsonObject | undefined, name: string): string {
  const value = object === undefined ? undefined : member(object, name)
  return value === undefined || value === null ? '' : goText(value)
}

/** `%q` of a list of texts: `["a" "b"]`. */
export function goQuotedList(value: JsonValue | undefined): string {
  if (!isJsonArray(value)) return '[]'
  return `[${value.map((item) => JSON.stringify(goText(item))).join(' ')}]`
}

/**
 * A number of seconds as people read it: `768h`, `1h30m`, `10s`, `0s`. Other values as they are.
 */
export function goSeconds(value: JsonValue): string {
  const seconds = value instanceof JsonNumber ? Number(value.text) : value
  if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds)) return goText(value)
  return goDuration(seconds).replace(/m0s$/u, 'm').replace(/h0m$/u, 'h')
}

/** Names whose numbers are shown as durations. */
export function looksLikeDuration(name: string): boolean {
  return /(?:^|_)(?:ttl|period|duration)$/u.test(name) || name === 'lease_max' || name === 'ttl_max'
}

/** Go's text of a time that came as RFC 3339: `2026-01-02 03:04:05.678 +0000 UTC`. */
export function goTime(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z$/u.exec(text)
  return match === null ? text : `${match[1]} ${match[2]} +0000 UTC`
}
