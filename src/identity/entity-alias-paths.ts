/** identity/entity-alias: what an entity is called on the mount of a login method. */

import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { field, type Input } from '../schema/field.ts'
import { listedAlias, shownAlias, shownIn } from './read-shapes.ts'
import { idField, nameField, pageFields } from './shared-fields.ts'

const changeFields = {
  name: nameField('What the login method calls it, such as the sub of its tokens.'),
  mount_accessor: field.string({ help: 'Accessor of the mount.', charsMax: 128 }),
  canonical_id: idField('Id of its entity; a new one is made where none is given.'),
  entity_id: field.string({
    help: 'Older name of canonical_id.',
    deprecated: true,
    charsMax: 64,
  }),
  custom_metadata: field.kvPairs({ help: 'What is to be known of it, in up to 64 pairs.' }),
} as const

export function entityAliasPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'entity-alias',
      access: 'token',
      summary: 'Make an alias, change it, or move it to another entity.',
      tellsUnknown: true,
      fields: { id: idField('Id of the alias to change.'), ...changeFields },
      operations: {
        write: {
          summary: 'Create or update an alias.',
          handler: ({ input }) => write(ports, input.id ?? '', input),
        },
      },
    }),
    definePath({
      pattern: 'entity-alias/id',
      access: 'token',
      summary: 'Ids of all aliases.',
      fields: pageFields,
      operations: {
        list: {
          summary: 'List aliases.',
          handler: async ({ input }) => {
            const aliases = await ports.identities.entityAliases.list(input)
            const mounts = await ports.mounts()
            return reply.list(
              aliases.map(({ id }) => id),
              Object.fromEntries(aliases.map((one) => [one.id, listedAlias(one, mounts)])),
            )
          },
        },
      },
    }),
    definePath({
      pattern: 'entity-alias/id/:id',
      access: 'token',
      summary: 'One alias.',
      tellsUnknown: true,
      fields: { id: idField('Id of the alias.'), ...changeFields },
      operations: {
        read: {
          summary: 'Read an alias.',
          handler: async ({ input }) => {
            const alias = await ports.identities.entityAliases.read(input.id ?? '')
            if (alias === undefined) return reply.none()
            return reply.data(shownAlias(alias, await shownIn(ports)))
          },
        },
        write: {
          summary: 'Update an alias, or move it to another entity.',
          handler: ({ input }) => write(ports, input.id ?? '', input),
        },
        delete: {
          summary: 'Delete an alias; its entity and the tokens stay.',
          handler: ({ input }) => reply.done(ports.identities.entityAliases.remove(input.id ?? '')),
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
  const { record, isChanged } = await ports.identities.entityAliases.write(id, {
    name: input.name,
    mountAccessor: input.mount_accessor,
    canonicalId: input.canonical_id ?? input.entity_id,
    customMetadata: input.custom_metadata,
  })
  if (!isChanged) return reply.none()
  return reply.data({ id: record.id, canonical_id: record.entity })
}
