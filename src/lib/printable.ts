/**
 * What Go's unicode.IsPrint takes: letters, marks, numbers, punctuation, symbols and the ASCII
 * space.
 */
export function isPrintable(text: string): boolean {
  return !/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(text)
}
