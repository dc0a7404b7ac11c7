/** sys/storage: a backup of the store that is being served, and whether it is whole. */

import type { BackupPort } from '../core/ports/system-ports.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { reply } from '../framework/reply.ts'

export function storagePaths({ backups, storeCheck }: BackupPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'storage/backup',
      access: 'sudo',
      summary: 'The whole store as a backup: consistent, sealed as it lies there, with a checksum.',
      fields: {},
      operations: {
        read: {
          summary: 'Take a backup.',
          handler: async () => ({
            kind: 'stream',
            contentType: 'application/octet-stream',
            chunks: await backups.begin(),
          }),
        },
      },
    }),
    definePath({
      pattern: 'storage/check',
      access: 'sudo',
      summary: 'Whether the store is whole: records open, and tokens and indexes fit together.',
      fields: {},
      operations: {
        read: {
          summary: 'Read all of it.',
          handler: async () => reply.data({ ...(await storeCheck.run()) }),
        },
      },
    }),
  ]
}
