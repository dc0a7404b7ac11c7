/**
 * Short, ordinary JSON texts through the platform's parser, where it is sure to say what the strict
 * reader of `json.ts` says: most requests and most tokens are such texts.
 *
 * Without a backslash a quote always begins or ends a string. What is left to look at stands
 * outside of strings: how deep it goes, how its numbers are written, and how many members there
 * are, which tells of two with one name. Whatever is not plain is left to the strict reader, and
 * so is every error.
 */

/** What of `JsonLimits` matters for a short text. */
interface Limits {
  readonly depthMax: number
  readonly stringLengthMax: number
  readonly entriesMax: number
  readonly entriesTotalMax?: number
  readonly duplicates: 'last' | 'refuse'
}

const lengthMax = 16_384
const depthMax = 32
/** A whole number of so many digits comes back as it was written. */
const digitsMax = 15

const quote = 0x22
const colon = 0x3a
const leftBracket = 0x5b
const rightBracket = 0x5d
const leftBrace = 0x7b
const rightBrace = 0x7d
const zero = 0x30
const nine = 0x39
const point = 0x2e
const minus = 0x2d
const smallE = 0x65
const largeE = 0x45

/** The value without prototypes, or undefined where the strict reader has to look. */
export function parsePlainJson(text: string, limits: Limits): unknown {
  const { length } = text
  if (length > lengthMax || length > limits.stringLengthMax) return undefined
  // An entry takes two characters at least.
  if (length > limits.entriesMax || length > (limits.entriesTotalMax ?? Infinity)) return undefined
  // From here on a quote always begins or ends a string, and no string holds half a character.
  if (text.includes('\\') || !text.isWellFormed()) return undefined
  const members = countMembers(text, Math.min(depthMax, limits.depthMax))
  if (members === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const kept = withoutPrototypes(value)
  return kept === members || limits.duplicates === 'last' ? value : undefined
}

/** Colons outside of strings; undefined for a text that is not plain. */
function countMembers(text: string, deepest: number): number | undefined {
  let members = 0
  let depth = 0
  let digits = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= zero && code <= nine) {
      if (++digits > digitsMax) return undefined
      continue
    }
    if (code === quote) {
      at = text.indexOf('"', at + 1)
      if (at < 0) return undefined
    } else if (code === colon) members++
    else if (code === leftBrace || code === leftBracket) {
      if (++depth > deepest) return undefined
    } else if (code === rightBrace || code === rightBracket) depth--
    else if (code === minus || code === point) return undefined
    // An exponent; the others stand in words.
    else if (digits > 0 && (code === smallE || code === largeE)) return undefined
    digits = 0
  }
  return members
}

/** Takes the prototypes away, so that every name is an ordinary name; gives the members it met. */
function withoutPrototypes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) members += withoutPrototypes(item)
    return members
  }
  Object.setPrototypeOf(value, null)
  const object = value as Record<string, unknown>
  for (const name in object) {
    members++
    const item = object[name]
    if (typeof item === 'object' && item !== null) members += withoutPrototypes(item)
  }
  return members
}
