/**
 * sys/explain/reasons: the table of reasons as data (explain.md §1). It is documentation, so nobody
 * needs a token.
 */

import { reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { reasons } from '../trust/reasons.ts'
import { lints } from '../trust/role-lint.ts'

export function explainPaths(): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'explain/reasons',
      access: 'open',
      summary: 'Why a login can be refused, and what to do about it.',
      fields: {},
      operations: {
        read: {
          summary: 'Read all reasons.',
          handler: async () => reply.data({ reasons: { ...reasons }, lints: { ...lints } }),
        },
      },
    }),
  ]
}
