/** sys/plugins/catalog: the methods and engines that are built in (platform.md §2.11). */

import type { BackendPort } from '../core/ports/system-ports.ts'
import { isBuiltInType } from '../core/bootstrap.ts'
import { definePath, type PathDeclaration } from '../framework/path.ts'
import { reply } from '../framework/reply.ts'
import type { JsonObject } from '../lib/json.ts'
import { field } from '../schema/field.ts'

/** Types that are modules of their own in Vault; clients tell them by the end of their version. */
const moduleTypes = new Set(['kv', 'jwt', 'oidc', 'kubernetes'])

/** The version of a method or engine, in the form that clients of Vault look for. */
export function pluginVersion(type: string): string {
  return moduleTypes.has(type) ? 'v1.17.0+builtin' : 'v1.17.0+builtin.vault'
}

export function pluginPaths(ports: BackendPort): readonly PathDeclaration[] {
  const names = (type: string) =>
    type === 'auth' || type === 'secret'
      ? ports.backends.typeNames(type).filter((name) => !isBuiltInType(name))
      : []
  const typeField = field.string({ help: 'auth, secret or database.', charsMax: 16 })
  return [
    definePath({
      pattern: 'plugins/catalog',
      access: 'sudo',
      summary: 'Methods and engines that can be enabled.',
      fields: {},
      operations: {
        read: {
          summary: 'List them all.',
          handler: async () => {
            const detailed = ['auth', 'secret'].flatMap((type) =>
              names(type).map((name) => ({ ...shownPlugin(name), type })),
            )
            return reply.data({
              auth: names('auth'),
              secret: names('secret'),
              database: [],
              detailed,
            })
          },
        },
      },
    }),
    definePath({
      pattern: 'plugins/catalog/:type',
      access: 'sudo',
      summary: 'Methods or engines that can be enabled.',
      fields: { type: typeField },
      operations: {
        list: {
          summary: 'List those of one type.',
          handler: async ({ input }) => reply.list(names(input.type ?? '')),
        },
      },
    }),
    definePath({
      pattern: 'plugins/catalog/:type/:name',
      access: 'sudo',
      summary: 'One method or engine.',
      fields: { type: typeField, name: field.string({ help: 'Its name.', charsMax: 128 }) },
      operations: {
        read: {
          summary: 'Read it.',
          handler: async ({ input: { type = '', name = '' } }) =>
            names(type).includes(name)
              ? reply.data({ ...shownPlugin(name), args: [], command: '', sha256: '' })
              : reply.none(),
        },
      },
    }),
  ]
}

function shownPlugin(name: string): JsonObject {
  return { name, builtin: true, version: pluginVersion(name), deprecation_status: 'supported' }
}
