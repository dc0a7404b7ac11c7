/** Names and paths of namespaces. Pure. */

import { err, ok, type Result } from '../../lib/result.ts'
import { trimEnds } from '../../lib/trim.ts'

export const rootNamespaceId = 'root'

const nameCharsMax = 128
export const namespacePathCharsMax = 512

/** What the first part of a path means already, or would mean in the paths about namespaces. */
const reserved = new Set(['root', 'sys', 'audit', 'auth', 'cubbyhole', 'identity', 'api-lock'])

/** The first part of a path that can lead into no namespace. */
function isReservedName(name: string): boolean {
  return reserved.has(name.toLowerCase())
}

/**
 * A path of names with one slash at its end. What a header, a policy pattern or a state of a
 * sign-in would read as something else is no part of a name.
 */
export function parseNamespacePath(given: string): Result<string, string> {
  const path = trimEnds(given, '/')
  if (path === '') return err('path must not be empty')
  if (path.length >= namespacePathCharsMax) {
    return err(`path must have fewer than ${namespacePathCharsMax} characters`)
  }
  for (const name of path.split('/')) {
    const problem = problemOfName(name)
    if (problem !== undefined) return err(problem)
  }
  return ok(`${path}/`)
}

function problemOfName(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') {
    return 'path must not have empty or relative segments'
  }
  if (name.length > nameCharsMax) return `a name must have at most ${nameCharsMax} characters`
  if (isReservedName(name)) return `"${name}" is a reserved path and cannot be used as a namespace`
  if (!/^[A-Za-z0-9_.@~-]+$/.test(name)) {
    return 'a name must have letters, digits and the characters - _ . @ ~ alone'
  }
  return undefined
}

/** `team/` of `team/a/`, empty of `team/`. */
export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/', path.length - 2) + 1)
}
