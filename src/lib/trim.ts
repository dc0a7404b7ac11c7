/**
 * Takes a repeated character off the ends of a text, in time that grows with the text. An
 * expression such as `x+$` does not: it begins anew at each `x` of a run in the middle (CWE-1333).
 */

/** The text without that character at its start, however often it stands there. */
export function trimStart(text: string, character: string): string {
  let start = 0
  while (start < text.length && text.startsWith(character, start)) start += character.length
  return text.slice(start)
}

/** The text without that character at its end, however often it stands there. */
export function trimEnd(text: string, character: string): string {
  let end = text.length
  while (end > 0 && text.endsWith(character, end)) end -= character.length
  return text.slice(0, end)
}

/** The text without that character at either end. */
export function trimEnds(text: string, character: string): string {
  return trimEnd(trimStart(text, character), character)
}
