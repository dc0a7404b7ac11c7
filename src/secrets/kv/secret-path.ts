/**
 * The path of a secret inside its mount: which ones there can be, and the field that captures it.
 */

import { invalid } from '../../framework/refusal.ts'
import { requireSecretPath, secretPathBytesMax } from '../../framework/secret-path.ts'
import { field } from '../../schema/field.ts'

/**
 * The capture of the patterns. Version 1 takes any member, and a captured part comes back among the
 * members, so the name is one that hardly any secret uses.
 */
export const pathField = 'secret_path'

export const pathFields = {
  secret_path: field.string({
    help: 'Path of the secret inside the mount.',
    charsMax: secretPathBytesMax,
  }),
} as const

/** Refuses what no secret can be called. */
export function requirePath(path: string): string {
  if (path === '') throw invalid('missing path')
  requireStorable(path)
  return path
}

/** The same for a write, which has to name a secret and not a folder. */
export function requireWritablePath(path: string): string {
  requirePath(path)
  if (path.endsWith('/')) throw invalid("cannot write to a path ending in '/'")
  return path
}

/** The folder that a list names: empty, or with a slash at its end. */
export function requireFolder(path: string): string {
  if (path === '') return ''
  requireStorable(path)
  return path.endsWith('/') ? path : `${path}/`
}

function requireStorable(path: string): void {
  // Two slashes end a secret's path in the keys of its versions.
  if (path.startsWith('/') || path.includes('//')) {
    throw invalid('the path of a secret has an empty segment')
  }
  requireSecretPath(path)
}
