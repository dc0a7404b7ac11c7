/** Path patterns of policies: what they match and which of two decides (platform.md §4.2, §4.3). */

import { err, ok, type Result } from '../../lib/result.ts'
import { compareKeys } from '../../storage/key-order.ts'

export type PathPattern = ExactPattern | PrefixPattern | SegmentPattern

export interface ExactPattern {
  readonly kind: 'exact'
  readonly text: string
}

/** A final `*` and no `+` segment. */
export interface PrefixPattern {
  readonly kind: 'prefix'
  readonly text: string
  readonly prefix: string
}

/** At least one segment is `+`. */
export interface SegmentPattern {
  readonly kind: 'segments'
  readonly text: string
  /** The pieces between slashes, the final `*` taken off the last one. */
  readonly segments: readonly string[]
  readonly hasStar: boolean
  /** Everything before the first `+`. */
  readonly head: string
}

/** Reads a pattern; the leading slash is already gone. */
export function parsePathPattern(text: string): Result<PathPattern, { readonly message: string }> {
  if (text.includes('+*')) {
    return err({ message: "invalid use of wildcards ('+*' is forbidden)" })
  }
  const hasStar = text.endsWith('*')
  const body = hasStar ? text.slice(0, -1) : text
  const segments = body.split('/')
  const firstPlus = segments.indexOf('+')
  if (firstPlus !== -1) {
    const head = segments.slice(0, firstPlus).map((segment) => `${segment}/`)
    return ok({ kind: 'segments', text, segments, hasStar, head: head.join('') })
  }
  return ok(hasStar ? { kind: 'prefix', text, prefix: body } : { kind: 'exact', text })
}

/** Checks the braces of `{{...}}`; gives whether there are any. */
export function parseTemplateBraces(text: string): Result<boolean, { readonly message: string }> {
  const [before = '', ...rest] = text.split('{{')
  const isBalanced = !before.includes('}}') && rest.every((piece) => piece.split('}}').length === 2)
  return isBalanced ? ok(rest.length > 0) : err({ message: 'unbalanced templating characters' })
}

/**
 * Matches a path given in its pieces: a `+` takes exactly one, empty or not; a final `*` the rest
 * of the path.
 */
export function matchesSegments(pattern: SegmentPattern, pieces: readonly string[]): boolean {
  const { segments, hasStar } = pattern
  if (hasStar ? pieces.length < segments.length : pieces.length !== segments.length) return false
  const last = segments.length - 1
  for (let i = 0; i <= last; i++) {
    const segment = segments[i] ?? ''
    const piece = pieces[i] ?? ''
    if (segment === '+' || segment === piece) continue
    if (!(hasStar && i === last && piece.startsWith(segment))) return false
  }
  return true
}

/**
 * Whether some path below a mount could match: the mount's pieces, without the last slash, fit the
 * first segments.
 */
export function fitsBelow(pattern: SegmentPattern, mountPieces: readonly string[]): boolean {
  const { segments, hasStar } = pattern
  for (let i = 0; i < mountPieces.length; i++) {
    const segment = segments[i] ?? ''
    const piece = mountPieces[i] ?? ''
    if (hasStar && i === segments.length - 1) return piece.startsWith(segment)
    if (i >= segments.length) return false
    if (segment !== '+' && segment !== piece) return false
  }
  return true
}

/** Place of a wildcard pattern in the order of platform.md §4.3, step 3. */
export interface Priority {
  readonly firstWildcard: number
  readonly hasStar: boolean
  readonly plusCount: number
  readonly length: number
  readonly text: string
}

export function priorityOf(pattern: PrefixPattern | SegmentPattern): Priority {
  const { text } = pattern
  if (pattern.kind === 'prefix') {
    const length = Buffer.byteLength(pattern.prefix)
    return { firstWildcard: length, hasStar: true, plusCount: 0, length, text }
  }
  return {
    firstWildcard: Buffer.byteLength(pattern.head),
    hasStar: pattern.hasStar,
    plusCount: pattern.segments.filter((segment) => segment === '+').length,
    length: Buffer.byteLength(text) - (pattern.hasStar ? 1 : 0),
    text,
  }
}

/** Negative when `a` decides before `b`. Lengths and places are those of the UTF-8 form. */
export function comparePriorities(a: Priority, b: Priority): number {
  if (a.firstWildcard !== b.firstWildcard) return b.firstWildcard - a.firstWildcard
  if (a.hasStar !== b.hasStar) return a.hasStar ? 1 : -1
  if (a.plusCount !== b.plusCount) return a.plusCount - b.plusCount
  if (a.length !== b.length) return b.length - a.length
  return compareKeys(b.text, a.text)
}
