/**
 * A plain model of platform.md §4.3 that knows nothing of maps, orders and searches: every pattern is tried on
 * the path, and the winners are compared letter by letter of the section. With it, rules and paths to try.
 */

import * as fc from '../harness/properties.ts'

export interface Rule {
  readonly pattern: string
  readonly letters: string
}

function isExact(pattern: string): boolean {
  return !pattern.endsWith('*') && !pattern.split('/').includes('+')
}

export function matches(pattern: string, path: string): boolean {
  const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const star = pattern.endsWith('*')
  const body = (star ? pattern.slice(0, -1) : pattern)
    .split('/')
    .map((segment) => (segment === '+' ? '[^/]*' : escape(segment)))
    .join('/')
  return new RegExp(`^${body}${star ? '.*' : ''}$`, 's').test(path)
}

/** Whether `a` wins over `b`. */
function wins(a: string, b: string): boolean {
  const firstWildcard = (pattern: string): number => {
    const segments = pattern.split('/')
    const plus = segments.indexOf('+')
    return plus === -1
      ? pattern.length - 1
      : segments.slice(0, plus).reduce((sum, segment) => sum + segment.length + 1, 0)
  }
  const pluses = (pattern: string): number =>
    pattern.split('/').filter((segment) => segment === '+' || segment === '+*').length
  const length = (pattern: string): number => pattern.length - (pattern.endsWith('*') ? 1 : 0)
  if (firstWildcard(a) !== firstWildcard(b)) return firstWildcard(a) > firstWildcard(b)
  if (a.endsWith('*') !== b.endsWith('*')) return b.endsWith('*')
  if (pluses(a) !== pluses(b)) return pluses(a) < pluses(b)
  if (length(a) !== length(b)) return length(a) > length(b)
  return a > b
}

function best(patterns: readonly string[], path: string): string | undefined {
  let winner: string | undefined
  for (const pattern of patterns) {
    if (isExact(pattern) || !matches(pattern, path)) continue
    if (winner === undefined || wins(pattern, winner)) winner = pattern
  }
  return winner
}

function decidingPattern(
  patterns: readonly string[],
  path: string,
  lists: boolean,
): string | undefined {
  const exact = (text: string): string | undefined =>
    patterns.find((pattern) => isExact(pattern) && pattern === text)
  const bare = lists && path.endsWith('/') ? path.slice(0, -1) : undefined
  return (
    exact(path) ??
    (bare === undefined ? undefined : exact(bare)) ??
    best(patterns, path) ??
    (bare === undefined ? undefined : best(patterns, bare))
  )
}

/** Whether the operation of that letter is allowed on the path. */
export function modelAllows(rules: readonly Rule[], letter: string, path: string): boolean {
  const patterns = [...new Set(rules.map((rule) => rule.pattern))]
  const winner = decidingPattern(patterns, path, letter === 'l')
  const letters = rules.filter((rule) => rule.pattern === winner).map((rule) => rule.letters)
  return !letters.includes('deny') && letters.some((some) => some.includes(letter))
}

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', '(', '', 'a+b')
const pattern = fc
  .tuple(
    fc.array(fc.oneof({ weight: 2, arbitrary: segment }, fc.constant('+')), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('', '', '*', '/*', '/'),
  )
  .map(([segments, tail]) => segments.join('/') + tail)
  // A leading slash would be dropped, `+*` is refused.
  .filter((text) => !text.startsWith('/') && !text.includes('+*') && text !== '')
export const anyRule = fc.record({
  pattern,
  letters: fc.constantFrom('r', 'l', 'u', 'rl', 'rul', 'deny', '-'),
})
export const anyPath = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '/'))
  .map(([segments, tail]) => segments.join('/') + tail)
