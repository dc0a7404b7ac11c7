/** Fields that several paths of the identity mount have, and the names that stand in paths. */

import { identityIdCharsMax, identityNameCharsMax } from '../core/identity/identity-rules.ts'
import { field } from '../schema/field.ts'

export const idField = (help: string) => field.string({ help, charsMax: identityIdCharsMax })

export const nameField = (help: string) => field.string({ help, charsMax: identityNameCharsMax })

/** In a path: case tells nothing apart, and policies are asked for the one spelling too. */
export const pathNameField = (help: string) =>
  field.lowerString({ help, charsMax: identityNameCharsMax })

export const pageFields = {
  after: field.string({
    help: 'Start after this key of the page before.',
    charsMax: identityNameCharsMax,
  }),
  limit: field.int({ help: 'At most so many; 0 is all.' }),
} as const

/** The name as it was sent: what is made by it keeps its case. */
export function nameInPath(path: string, prefix: string): string {
  return path.slice(prefix.length)
}
