/**
 * Globs of bound claims: only `*` is special, the whole string must match (contract jwt-oidc.md §2.5).
 *
 * Pieces between stars are found leftmost first with a search that never steps back, so the time grows with
 * the subject and not with the number of stars (SEC-MAT-08).
 */

export interface Glob {
  readonly pattern: string
  readonly head: string
  readonly middle: readonly Piece[]
  /** Undefined without any star: then the head is the whole string. */
  readonly tail: string | undefined
}

interface Piece {
  readonly text: string
  /** Knuth–Morris–Pratt: how much of the piece still matches after a mismatch at each place. */
  readonly fallback: Uint32Array
}

export function parseGlob(pattern: string): Glob {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  const middle = rest
    .filter((text) => text !== '')
    .map((text) => ({ text, fallback: createFallback(text) }))
  return { pattern, head, middle, tail }
}

export function globMatches(glob: Glob, subject: string): boolean {
  if (glob.tail === undefined) return subject === glob.head
  if (!subject.startsWith(glob.head)) return false
  let at = glob.head.length
  for (const piece of glob.middle) {
    at = endOfFirst(piece, subject, at)
    if (at === -1) return false
  }
  // The tail must lie behind everything that was matched: `a*a` does not match `a`.
  return subject.length - glob.tail.length >= at && subject.endsWith(glob.tail)
}

function endOfFirst(piece: Piece, subject: string, from: number): number {
  const { text, fallback } = piece
  let matched = 0
  for (let i = from; i < subject.length; i++) {
    const code = subject.charCodeAt(i)
    while (matched > 0 && text.charCodeAt(matched) !== code) matched = fallback[matched - 1] ?? 0
    if (text.charCodeAt(matched) === code) matched++
    if (matched === text.length) return i + 1
  }
  return -1
}

function createFallback(text: string): Uint32Array {
  const fallback = new Uint32Array(text.length)
  let matched = 0
  for (let i = 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    while (matched > 0 && text.charCodeAt(matched) !== code) matched = fallback[matched - 1] ?? 0
    if (text.charCodeAt(matched) === code) matched++
    fallback[i] = matched
  }
  return fallback
}
