/** identity/group: entities and groups that have policies in common (platform.md §5.2). */

import type { GroupView } from '../core/identity/groups.ts'
import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field, type Input } from '../schema/field.ts'
import { listedGroup, shownGroup, shownIn } from './read-shapes.ts'
import { idField, nameField, nameInPath, pageFields, pathNameField } from './shared-fields.ts'

const changeFields = {
  type: field.string({
    help: 'internal, whose members are written here, or external, whose members logins bring.',
    charsMax: 64,
  }),
  metadata: field.kvPairs({ help: 'What is to be known of it, in up to 64 pairs.' }),
  policies: field.commaList({ help: 'Policies of all its members.' }),
  member_entity_ids: field.commaList({ help: 'Ids of the entities in it; replaces who was.' }),
  member_group_ids: field.commaList({
    help: 'Ids of the groups in it, whose members inherit its policies; replaces which were.',
  }),
} as const

type Change = Partial<Input<typeof changeFields>>
const byName = 'group/name/'

export function groupPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'group',
      access: 'token',
      summary: 'Make a group, or change the one of that id or name.',
      tellsUnknown: true,
      fields: {
        id: idField('Id of the group to change.'),
        name: nameField('Its name; one is made where none is given.'),
        ...changeFields,
      },
      operations: {
        write: {
          summary: 'Create or update a group.',
          handler: ({ input }) => write(ports, input.id ?? '', input.name, input),
        },
      },
    }),
    listPath(ports, 'id'),
    listPath(ports, 'name'),
    definePath({
      pattern: 'group/id/:id',
      access: 'token',
      summary: 'One group, by its id.',
      tellsUnknown: true,
      fields: {
        id: idField('Id of the group.'),
        name: nameField('Its new name.'),
        ...changeFields,
      },
      operations: {
        read: {
          summary: 'Read a group.',
          handler: async ({ input }) =>
            show(ports, await ports.identities.groups.readById(input.id ?? '')),
        },
        write: {
          summary: 'Update a group.',
          handler: ({ input }) => write(ports, input.id ?? '', input.name, input),
        },
        delete: {
          summary: 'Delete a group; its members lose its policies at once.',
          handler: ({ input }) => reply.done(ports.identities.groups.removeById(input.id ?? '')),
        },
      },
    }),
    definePath({
      pattern: 'group/name/*name',
      access: 'token',
      summary: 'One group, by its name; case does not matter.',
      tellsUnknown: true,
      fields: { name: pathNameField('Name of the group.'), ...changeFields },
      operations: {
        read: {
          summary: 'Read a group.',
          handler: async ({ input }) =>
            show(ports, await ports.identities.groups.readByName(input.name ?? '')),
        },
        write: {
          summary: 'Create or update a group.',
          handler: ({ input, path }) => write(ports, '', nameInPath(path, byName), input),
        },
        delete: {
          summary: 'Delete a group; its members lose its policies at once.',
          handler: ({ input }) =>
            reply.done(ports.identities.groups.removeByName(input.name ?? '')),
        },
      },
    }),
  ]
}

function listPath(ports: IdentityPorts, by: 'id' | 'name'): PathDeclaration {
  return definePath({
    pattern: `group/${by}`,
    access: 'token',
    summary: by === 'id' ? 'Ids of all groups.' : 'Names of all groups, in no order.',
    fields: pageFields,
    operations: {
      list: {
        summary: 'List groups.',
        handler: async ({ input }) => {
          const groups = await ports.identities.groups.list(by, input)
          const mounts = await ports.mounts()
          return reply.list(
            groups.map((group) => group[by]),
            Object.fromEntries(groups.map((group) => [group.id, listedGroup(group, mounts)])),
          )
        },
      },
    },
  })
}

async function write(
  ports: IdentityPorts,
  id: string,
  name: string | undefined,
  input: Change,
): Promise<Reply> {
  const { record, isNew } = await ports.identities.groups.write(id, {
    name,
    type: input.type,
    metadata: input.metadata,
    policies: input.policies,
    memberEntityIds: input.member_entity_ids,
    memberGroupIds: input.member_group_ids,
  })
  return isNew ? reply.data({ id: record.id, name: record.name }) : reply.none()
}

export async function show(ports: IdentityPorts, found: GroupView | undefined): Promise<Reply> {
  return found === undefined ? reply.none() : reply.data(shownGroup(found, await shownIn(ports)))
}
