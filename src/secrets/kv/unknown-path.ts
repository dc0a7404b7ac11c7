/**
 * Every other path of a version 2 store: nearly always a version 1 path, so the answer says so
 * (platform.md §7.3).
 */

import type { Reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { JsonText } from '../../lib/json.ts'
import { listFields } from './folder-list.ts'
import { pathFields } from './secret-path.ts'

function invalidPath(command: string): () => Promise<Reply> {
  const warning =
    'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. ' +
    `If using the CLI, use 'kv ${command}' for this operation.`
  return () =>
    Promise.resolve({
      kind: 'data',
      status: 404,
      data: new JsonText('null'),
      warnings: [warning],
    })
}

export const unknownPath: PathDeclaration = definePath({
  pattern: '*secret_path?',
  access: 'token',
  summary: 'A secret of a version 1 store; unknown in a version 2 store.',
  // Of version 1, whose only declaration this is in help and reference.
  fields: { ...pathFields, ...listFields },
  operations: {
    read: { summary: 'Read the secret.', handler: invalidPath('get') },
    list: { summary: 'List the names in a folder.', handler: invalidPath('list') },
    write: { summary: 'Replace the secret with the given members.', handler: invalidPath('put') },
    patch: { summary: 'Only in a version 2 store, below data/.', handler: invalidPath('patch') },
    delete: { summary: 'Delete the secret.', handler: invalidPath('delete') },
  },
})
