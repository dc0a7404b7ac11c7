/**
 * Custom metadata of a key: words for people, with the limits of alias metadata (platform.md §5.1,
 * §7.3).
 */

import { invalid } from '../../framework/refusal.ts'
import type { JsonObject } from '../../lib/json.ts'
import { field } from '../../schema/field.ts'

const pairsMax = 64
const keyCharactersMax = 128
const valueCharactersMax = 512

const valueField = field.string({ help: 'A value.' })

export type CustomMetadata = Readonly<Record<string, string>>

/**
 * The given pairs over the present ones; null takes one away where that is allowed. Null for none
 * at all.
 */
export function requireCustomMetadata(
  given: JsonObject,
  present: CustomMetadata | null,
  nulls: 'refuse' | 'remove',
): CustomMetadata | null {
  const pairs = new Map<string, string>(Object.entries(present ?? {}))
  for (const [key, value] of Object.entries(given)) {
    if (value === null && nulls === 'remove') {
      pairs.delete(key)
      continue
    }
    requireText(key, 'a key', keyCharactersMax)
    // As all maps of texts: a number and a boolean are the text that they stand for.
    const text = valueField.parse(value)
    if (value === null || !text.ok) throw refused('a value is no text')
    requireText(text.value, 'a value', valueCharactersMax)
    pairs.set(key, text.value)
  }
  if (pairs.size > pairsMax) throw refused(`there are more than ${pairsMax} pairs`)
  // Entries, not assignments: "__proto__" is a name like any other.
  return pairs.size === 0 ? null : Object.fromEntries(pairs)
}

function requireText(text: string, what: string, charactersMax: number): void {
  if (text.length === 0 || text.length > charactersMax) {
    throw refused(`${what} must have 1 to ${charactersMax} characters`)
  }
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text)) {
    throw refused(`${what} has a character that cannot be printed`)
  }
}

function refused(why: string) {
  return invalid(`custom_metadata validation failed: ${why}`)
}
