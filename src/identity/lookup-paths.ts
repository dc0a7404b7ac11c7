/** identity/lookup: an entity or a group by one of its names (platform.md §5.2). */

import type { MountTable } from '../core/mount-table.ts'
import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import type { MountRecord } from '../core/records.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import { field, type Input } from '../schema/field.ts'
import { show as showEntity } from './entity-paths.ts'
import { show as showGroup } from './group-paths.ts'
import { idField, nameField } from './shared-fields.ts'

const lookupFields = {
  id: idField('Its id.'),
  name: nameField('Its name.'),
  alias_id: idField('Id of an alias of it.'),
  alias_name: nameField('Name of an alias of it; goes with alias_mount_accessor.'),
  alias_mount_accessor: field.string({
    help: 'Accessor of the mount of that alias.',
    charsMax: 128,
  }),
} as const

type Asked =
  | { readonly by: 'id' | 'name' | 'alias_id'; readonly text: string }
  /** No mount has that accessor. */
  | { readonly by: 'alias'; readonly text: string; readonly mount: MountRecord | undefined }

export function lookupPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'lookup/entity',
      access: 'token',
      summary: 'Find an entity by exactly one of its names; 204 when there is none.',
      fields: lookupFields,
      operations: {
        write: {
          summary: 'Find an entity.',
          handler: async ({ input }) => findEntity(ports, parseAsked(input, await ports.mounts())),
        },
      },
    }),
    definePath({
      pattern: 'lookup/group',
      access: 'token',
      summary: 'Find a group by exactly one of its names; 204 when there is none.',
      fields: lookupFields,
      operations: {
        write: {
          summary: 'Find a group.',
          handler: async ({ input }) => findGroup(ports, parseAsked(input, await ports.mounts())),
        },
      },
    }),
  ]
}

function parseAsked(
  input: Input<typeof lookupFields>,
  mounts: Pick<MountTable, 'byAccessor'>,
): Asked {
  const { alias_name: alias = '', alias_mount_accessor: accessor = '' } = input
  const asked: Asked[] = []
  for (const by of ['id', 'name', 'alias_id'] as const) {
    const text = input[by] ?? ''
    if (text !== '') asked.push({ by, text })
  }
  if ((alias === '') !== (accessor === '')) {
    throw invalid("'alias_name' and 'alias_mount_accessor' must be provided together")
  }
  if (alias !== '') asked.push({ by: 'alias', text: alias, mount: mounts.byAccessor(accessor) })
  const [first, ...more] = asked
  if (first === undefined || more.length > 0) {
    throw invalid(
      "exactly one of 'id', 'name', 'alias_id', or 'alias_name' with 'alias_mount_accessor' must be provided",
    )
  }
  return first
}

async function findEntity(ports: IdentityPorts, asked: Asked): Promise<Reply> {
  const { entities, entityAliases } = ports.identities
  const { text } = asked
  switch (asked.by) {
    case 'id':
      return showEntity(ports, await entities.lookUpId(text))
    case 'name':
      return showEntity(ports, await entities.readByName(text))
    case 'alias_id':
      return showEntity(ports, await entities.read((view) => entityAliases.entityOf(text, view)))
    case 'alias': {
      const { mount } = asked
      if (mount === undefined) return reply.none()
      const find = entities.read((view) => entityAliases.entityByName(text, mount, view))
      return showEntity(ports, await find)
    }
  }
}

async function findGroup(ports: IdentityPorts, asked: Asked): Promise<Reply> {
  const { groups, groupAliases } = ports.identities
  const { text } = asked
  switch (asked.by) {
    case 'id':
      return showGroup(ports, await groups.readById(text))
    case 'name':
      return showGroup(ports, await groups.readByName(text))
    case 'alias_id':
      return showGroup(ports, await groups.read((view) => groupAliases.groupOf(text, view)))
    case 'alias': {
      const { mount } = asked
      if (mount === undefined) return reply.none()
      const find = groups.read((view) => groupAliases.groupByName(text, mount, view))
      return showGroup(ports, await find)
    }
  }
}
