/** identity/entity/merge: several entities become one (platform.md §5.7). */

import { mergeMax, type MergeConflict } from '../core/identity/entity-merge.ts'
import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import type { MountTable } from '../core/mount-table.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field } from '../schema/field.ts'
import { mountFacts } from './read-shapes.ts'
import { idField } from './shared-fields.ts'

export function entityMergePaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'entity/merge',
      access: 'token',
      summary: 'Merge entities into one: aliases, groups and policies move, the rest vanishes.',
      fields: {
        to_entity_id: idField('Id of the entity that stays.'),
        from_entity_ids: field.commaList({
          help: `Ids of up to ${mergeMax} entities that vanish.`,
        }),
        conflicting_alias_ids_to_keep: field.commaList({
          help: 'Where two aliases are on one mount, the id of the one to keep.',
        }),
        force: field.bool({ help: 'Taken for older clients.', withoutEffect: true }),
      },
      operations: {
        write: {
          summary: 'Merge entities.',
          handler: async ({ input }) => {
            const conflicts = await ports.identities.entityMerge.merge({
              to: input.to_entity_id ?? '',
              from: input.from_entity_ids ?? [],
              keep: input.conflicting_alias_ids_to_keep ?? [],
            })
            if (conflicts.length === 0) return reply.none()
            return refused(conflicts, await ports.mounts())
          },
        },
      },
    }),
  ]
}

/** platform.md §5.7: the one refusal with `data`, so that the caller can choose. */
function refused(
  conflicts: readonly MergeConflict[],
  mounts: Pick<MountTable, 'byAccessor'>,
): Reply {
  const data = conflicts.map(({ alias, entity }) => {
    const { mount_path: path = '' } = mountFacts(alias.accessor, mounts)
    return {
      alias: alias.id,
      alias_name: alias.name,
      entity: entity.name,
      entity_id: entity.id,
      mount: alias.accessor,
      mount_path: path,
    }
  })
  const errors = [
    "entities to merge have aliases on the same mount; choose with 'conflicting_alias_ids_to_keep'",
  ]
  return {
    kind: 'raw',
    status: 400,
    contentType: 'application/json',
    body: `${JSON.stringify({ errors, data })}\n`,
  }
}
