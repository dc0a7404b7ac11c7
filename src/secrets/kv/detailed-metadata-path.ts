/** `detailed-metadata/`: a folder's names with what is kept about each secret (OpenBao). */

import type { BackendContext } from '../../framework/backend.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { emptyObject, type JsonValue } from '../../lib/json.ts'
import type { Input } from '../../schema/field.ts'
import { listFields, listFolder, parseListOptions } from './folder-list.ts'
import { metadataAnswer } from './key-metadata.ts'
import { pathFields, requireFolder } from './secret-path.ts'
import { metadataKey, metadataPrefix } from './versioned-keys.ts'

const fields = { ...pathFields, ...listFields } as const

/** Secrets looked at in one snapshot; other requests have their turn in between. */
const secretsAtOnce = 256

export function detailedMetadataPath({ store, clock }: BackendContext): PathDeclaration {
  return definePath({
    pattern: 'detailed-metadata/*secret_path?',
    access: 'token',
    summary: 'A folder of a version 2 store, with what is kept about its secrets.',
    fields,
    operations: {
      list: {
        summary: 'List the names in a folder, each secret with its metadata.',
        handler: async ({ input }: BackendRequest<Input<typeof fields>>) => {
          const folder = requireFolder(input.secret_path ?? '')
          const options = parseListOptions(input)
          const names = await listFolder(store, clock, metadataPrefix + folder, options)
          const info: Record<string, JsonValue> = emptyObject()
          for (let at = 0; at < names.length; at += secretsAtOnce) {
            if (at > 0) await clock.sleep(0)
            await store.view(async (view) => {
              for (const name of names.slice(at, at + secretsAtOnce)) {
                if (name.endsWith('/')) continue
                const metadata = await view.get(metadataKey(store, folder + name))
                if (metadata !== undefined) info[name] = metadataAnswer(metadata)
              }
            })
          }
          return reply.list(names, info)
        },
      },
    },
  })
}
