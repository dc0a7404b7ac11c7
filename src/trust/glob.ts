/**
 * Globs of bound claims: only `*` is special, the whole string must match (jwt-oidc.md §2.5).
 *
 * Pieces between stars are found leftmost first with a search that never steps back, so the time
 * grows with the subject and not with the number of stars (SEC-MAT-08). How many globs look at how
 * much is what a role and a token make of it together, and has its price (SEC-HTP-17).
 */

export interface Glob {
  readonly pattern: string
  readonly head: string
  readonly middle: readonly Piece[]
  /** Undefined without any star: then the head is the whole string. */
  readonly tail: string | undefined
  /** What one character of a subject costs. */
  readonly price: number
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
  const price = middle.reduce((most, piece) => Math.max(most, priceOf(piece)), 0)
  return { pattern, head, middle, tail, price }
}

/** Calling costs something, however short the subject is. */
const callPrice = 32

/** What a match costs at most: one is less than ten of the machine's comparisons. */
export function priceOfMatch(glob: Glob, subject: string): number {
  return callPrice + subject.length * glob.price
}

/**
 * The machine's own search is many times faster, and steps back by no more than the piece is long.
 */
const shortPieceMax = 32
const comparisonsPerPrice = 8
const longPiecePrice = 6

function priceOf({ text }: Piece): number {
  return text.length > shortPieceMax
    ? longPiecePrice
    : Math.max(1, text.length / comparisonsPerPrice)
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
  if (text.length <= shortPieceMax) {
    const at = subject.indexOf(text, from)
    return at === -1 ? -1 : at + text.length
  }
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
