/** identity/group-alias: which group of a login method is which external group here. */

import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field, type Input } from '../schema/field.ts'
import { listedGroupAlias, shownGroupAlias, shownIn } from './read-shapes.ts'
import { idField, nameField, pageFields } from './shared-fields.ts'

const changeFields = {
  name: nameField('What the login method calls the group.'),
  mount_accessor: field.string({ help: 'Accessor of the mount.', charsMax: 128 }),
  canonical_id: idField('Id of its external group; a new one is made where none is given.'),
} as const

export function groupAliasPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'group-alias',
      access: 'token',
      summary: 'Make an alias of an external group, or change it.',
      tellsUnknown: true,
      fields: { id: idField('Id of the alias to change.'), ...changeFields },
      operations: {
        write: {
          summary: 'Create or update an alias of a group.',
          handler: ({ input }) => write(ports, input.id ?? '', input),
        },
      },
    }),
    definePath({
      pattern: 'group-alias/id',
      access: 'token',
      summary: 'Ids of the aliases of all groups.',
      fields: pageFields,
      operations: {
        list: {
          summary: 'List aliases of groups.',
          handler: async ({ input }) => {
            const found = await ports.identities.groupAliases.list(input)
            const mounts = await ports.mounts()
            return reply.list(
              found.map(({ alias }) => alias.id),
              Object.fromEntries(found.map((one) => [one.alias.id, listedGroupAlias(one, mounts)])),
            )
          },
        },
      },
    }),
    definePath({
      pattern: 'group-alias/id/:id',
      access: 'token',
      summary: 'One alias of a group.',
      tellsUnknown: true,
      fields: { id: idField('Id of the alias.'), ...changeFields },
      operations: {
        read: {
          summary: 'Read an alias of a group.',
          handler: async ({ input }) => {
            const found = await ports.identities.groupAliases.read(input.id ?? '')
            if (found === undefined) return reply.none()
            return reply.data(shownGroupAlias(found, await shownIn(ports)))
          },
        },
        write: {
          summary: 'Update an alias of a group.',
          handler: ({ input }) => write(ports, input.id ?? '', input),
        },
        delete: {
          summary: 'Delete an alias of a group; the group stays.',
          handler: ({ input }) => reply.done(ports.identities.groupAliases.remove(input.id ?? '')),
        },
      },
    }),
  ]
}

async function write(
  ports: IdentityPorts,
  id: string,
  input: Input<typeof changeFields>,
): Promise<Reply> {
  const { group, alias, isChanged } = await ports.identities.groupAliases.write(id, {
    name: input.name ?? '',
    mountAccessor: input.mount_accessor ?? '',
    canonicalId: input.canonical_id ?? '',
  })
  return isChanged ? reply.data({ id: alias.id, canonical_id: group.id }) : reply.none()
}
