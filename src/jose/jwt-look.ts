/**
 * What somebody sent instead of a compact JWT, told by its look alone, so that the refusal says
 * what to change.
 */

import type { JwtProblem } from './jwt-problem.ts'

interface Look {
  readonly matches: (text: string) => boolean
  readonly detail: string
}

const looks: readonly Look[] = [
  {
    matches: (text) => /^(?:hv[sbr]\.|[sbr]\.[\w-]{16})/.test(text),
    detail: 'this looks like a Vault token, not like a JWT',
  },
  {
    matches: (text) => /^bearer\s/i.test(text),
    detail: 'this begins with the word Bearer; only the token itself is expected',
  },
  {
    matches: (text) => text.startsWith('{'),
    detail: 'this looks like JSON; a token in compact serialisation is expected',
  },
  {
    matches: (text) => text.startsWith('-----BEGIN '),
    detail: 'this looks like a PEM block, not like a JWT',
  },
  {
    matches: (text) => /^(?:gh[a-z]_|github_pat_|glpat-|xox[a-z]-)/.test(text),
    detail: 'this looks like an access token of another service, not like a JWT',
  },
  {
    matches: (text) => text.startsWith('<'),
    detail: 'this looks like XML or HTML, not like a JWT',
  },
]

const words = ['none', 'one', 'two', 'three', 'four', 'five']

/** One sentence when the beginning of the text gives it away. */
export function lookOf(text: string): string | undefined {
  return looks.find(({ matches }) => matches(text))?.detail
}

/** For a trimmed text of which the caller knows that it has not exactly two dots. */
export function whyNotCompact(text: string): JwtProblem {
  if (text === '') return { reason: 'jwt_missing', detail: 'no token was given' }
  const look = lookOf(text)
  if (look !== undefined) return { reason: 'not_a_jwt', detail: look }
  const parts = countParts(text)
  if (parts === 5 && /^[\w-]+\./.test(text)) {
    return {
      reason: 'jwt_encrypted',
      detail: 'five parts found: the token is encrypted, a signed one is expected',
    }
  }
  const found = words[parts] ?? 'more than five'
  return { reason: 'jwt_malformed', detail: `three parts expected, ${found} found` }
}

/** Stops at six, so that a text of dots costs nothing. */
function countParts(text: string): number {
  let parts = 1
  for (let dot = text.indexOf('.'); dot !== -1 && parts < 6; dot = text.indexOf('.', dot + 1))
    parts++
  return parts
}
