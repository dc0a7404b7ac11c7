/** sys/locked-users: ends the lock of a name after too many wrong attempts (platform.md §2.11). */

import type { MountPort } from '../core/ports/system-ports.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { reply } from '../framework/reply.ts'
import { field } from '../schema/field.ts'

export function lockedUserPaths(ports: MountPort): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'locked-users/:mount_accessor/unlock/*alias_identifier',
      access: 'token',
      summary: 'A name that too many wrong attempts have locked.',
      fields: {
        mount_accessor: field.string({ help: 'Accessor of its mount.', charsMax: 128 }),
        alias_identifier: field.string({
          help: 'User name, or role id.',
          charsMax: 512,
        }),
      },
      operations: {
        write: {
          summary: 'Unlock it; the same answer when it was not locked.',
          handler: async ({ input }) => {
            await ports.mounts.unlock(input.mount_accessor ?? '', input.alias_identifier ?? '')
            return reply.none()
          },
        },
      },
    }),
  ]
}
