/** `subkeys/`: the names in a secret without what they hold (platform.md §7.3). */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { emptyObject, isJsonObject, type JsonObject } from '../../lib/json.ts'
import { field, type Input } from '../../schema/field.ts'
import { readVersion } from './data-path.ts'
import { pathFields } from './secret-path.ts'
import { parseVersion } from './versioned-keys.ts'

const fields = {
  ...pathFields,
  version: field.int({ help: 'Which version; 0 or absent is the newest.' }),
  depth: field.int({ help: 'How many levels are shown; 0 is all.' }),
} as const

export function subkeysPath(context: BackendContext): PathDeclaration {
  return definePath({
    pattern: 'subkeys/*secret_path',
    access: 'token',
    summary: 'The names in a secret of a version 2 store.',
    fields,
    operations: {
      read: {
        summary: 'Read the names; what they hold is null.',
        handler: async (request: BackendRequest<Input<typeof fields>>) => {
          const found = await readVersion(context, request)
          if (found === undefined) return reply.none()
          const { body, metadata } = found
          if (body === undefined) {
            return { kind: 'data', status: 404, data: { metadata, subkeys: null } }
          }
          const depth = Math.max(0, request.input.depth ?? 0)
          const subkeys = namesOf(await parseVersion(body, context.clock), depth)
          return reply.data({ metadata, subkeys })
        },
      },
    },
  })
}

/**
 * The object with null for every leaf, and for everything below the given level; 0 shows all
 * levels.
 */
function namesOf(object: JsonObject, levels: number): JsonObject {
  const names = emptyObject()
  for (const name of Object.keys(object)) {
    const value = object[name]
    const isShown = levels !== 1 && isJsonObject(value) && Object.keys(value).length > 0
    names[name] = isShown ? namesOf(value, levels === 0 ? 0 : levels - 1) : null
  }
  return names
}
