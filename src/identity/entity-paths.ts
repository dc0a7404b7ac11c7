/** identity/entity: people and workloads as they are known here (platform.md §5.2). */

import { batchDeleteMax, type EntityView } from '../core/identity/entities.ts'
import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import { reply, type Reply } from '../framework/reply.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { invalid } from '../framework/refusal.ts'
import type { JsonValue } from '../lib/json.ts'
import { field, type Input } from '../schema/field.ts'
import { listedEntity, shownEntity, shownIn } from './read-shapes.ts'
import { idField, nameField, nameInPath, pageFields, pathNameField } from './shared-fields.ts'

const changeFields = {
  metadata: field.kvPairs({ help: 'What is to be known of it, in up to 64 pairs.' }),
  policies: field.commaList({ help: 'Policies of all its tokens.' }),
  disabled: field.bool({ help: 'No login is accepted for it, and its tokens are refused.' }),
} as const

type Change = Partial<Input<typeof changeFields>>
const byName = 'entity/name/'

export function entityPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'entity',
      access: 'token',
      summary: 'Make an entity, or change the one of that id or name.',
      tellsUnknown: true,
      fields: {
        id: idField('Id of the entity to change.'),
        name: nameField('Its name; one is made where none is given.'),
        ...changeFields,
      },
      operations: {
        write: {
          summary: 'Create or update an entity.',
          handler: ({ input }) => write(ports, input.id ?? '', input.name, input),
        },
      },
    }),
    listPath(ports, 'id'),
    listPath(ports, 'name'),
    definePath({
      pattern: 'entity/id/:id',
      access: 'token',
      summary: 'One entity, by its id.',
      tellsUnknown: true,
      fields: {
        id: idField('Id of the entity.'),
        name: nameField('Its new name.'),
        ...changeFields,
      },
      operations: {
        read: {
          summary: 'Read an entity.',
          handler: async ({ input }) =>
            show(ports, await ports.identities.entities.readById(input.id ?? '')),
        },
        write: {
          summary: 'Update an entity.',
          handler: ({ input }) => write(ports, input.id ?? '', input.name, input),
        },
        delete: {
          summary: 'Delete an entity; its tokens are refused from then on.',
          handler: ({ input }) => reply.done(ports.identities.entities.remove([input.id ?? ''])),
        },
      },
    }),
    definePath({
      pattern: 'entity/name/*name',
      access: 'token',
      summary: 'One entity, by its name; case does not matter.',
      tellsUnknown: true,
      fields: { name: pathNameField('Name of the entity.'), ...changeFields },
      operations: {
        read: {
          summary: 'Read an entity.',
          handler: async ({ input }) =>
            show(ports, await ports.identities.entities.readByName(input.name ?? '')),
        },
        write: {
          summary: 'Create or update an entity.',
          handler: ({ input, path }) => write(ports, '', nameInPath(path, byName), input),
        },
        delete: {
          summary: 'Delete an entity; its tokens are refused from then on.',
          handler: ({ input }) =>
            reply.done(ports.identities.entities.removeByName(input.name ?? '')),
        },
      },
    }),
    definePath({
      pattern: 'entity/batch-delete',
      access: 'token',
      summary: 'Delete several entities at once: all of them, or none.',
      fields: {
        entity_ids: field.commaList({
          help: `Ids of up to ${batchDeleteMax} entities; ids that nobody has are passed over.`,
        }),
      },
      operations: {
        write: {
          summary: 'Delete entities.',
          handler: async ({ input: { entity_ids: ids = [] } }) => {
            if (ids.length === 0) throw invalid("missing 'entity_ids'")
            if (ids.length > batchDeleteMax) {
              throw invalid(`'entity_ids' has ${ids.length} ids, at most ${batchDeleteMax}`)
            }
            return reply.done(ports.identities.entities.remove(ids))
          },
        },
      },
    }),
  ]
}

function listPath(ports: IdentityPorts, by: 'id' | 'name'): PathDeclaration {
  return definePath({
    pattern: `entity/${by}`,
    access: 'token',
    summary: by === 'id' ? 'Ids of all entities.' : 'Names of all entities, in no order.',
    fields: pageFields,
    operations: {
      list: {
        summary: 'List entities.',
        handler: async ({ input }) => {
          const listed = await ports.identities.entities.list(by, input)
          const mounts = await ports.mounts()
          const info = listed.map(
            ({ entity, aliases }) =>
              [entity.id, listedEntity(entity, aliases, mounts)] as readonly [string, JsonValue],
          )
          return reply.list(
            listed.map(({ entity }) => entity[by]),
            Object.fromEntries(info),
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
  { metadata, policies, disabled }: Change,
): Promise<Reply> {
  const change = { name, metadata, policies, disabled }
  const { record, isNew } = await ports.identities.entities.write(id, change)
  if (!isNew) return reply.none()
  return reply.data({ id: record.id, name: record.name, aliases: null })
}

export async function show(ports: IdentityPorts, found: EntityView | undefined): Promise<Reply> {
  return found === undefined ? reply.none() : reply.data(shownEntity(found, await shownIn(ports)))
}
