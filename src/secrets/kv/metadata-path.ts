/**
 * `metadata/`: the settings of a key, its custom metadata, its versions, and the list of keys
 * (platform.md §7.3).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import type { BackendRequest } from '../../framework/request.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { Refusal } from '../../framework/refusal.ts'
import { member } from '../../lib/json.ts'
import { field, type Input } from '../../schema/field.ts'
import { casRequired, requireVersionsMax } from './config-path.ts'
import { requireCustomMetadata } from './custom-metadata.ts'
import { keyExists } from './data-path.ts'
import { listFields, listFolder, parseListOptions } from './folder-list.ts'
import { metadataAnswer, newKeyMetadata, type KeyMetadata } from './key-metadata.ts'
import {
  pathField,
  pathFields,
  requireFolder,
  requirePath,
  requireWritablePath,
} from './secret-path.ts'
import { metadataKey, metadataPrefix, versionKey } from './versioned-keys.ts'

const fields = {
  ...pathFields,
  ...listFields,
  max_versions: field.int({
    help: "How many versions are kept; the larger of this and the mount's.",
  }),
  cas_required: casRequired,
  delete_version_after: field.duration({
    help: 'How long after its writing a version is deleted.',
  }),
  custom_metadata: field.map({ help: 'Words for people: up to 64 pairs of texts.' }),
} as const

type Request = BackendRequest<Input<typeof fields>>

export function metadataPath(context: BackendContext): PathDeclaration {
  const { store } = context

  async function change(request: Request, mode: 'replace' | 'merge'): Promise<void> {
    const key = metadataKey(store, requireWritablePath(request.input.secret_path ?? ''))
    await store.write(async (txn) => {
      const present = await txn.get(key)
      if (present === undefined && mode === 'merge') throw new Refusal('not_found')
      txn.put(key, changedSettings(present ?? newKeyMetadata(request.nowMs), request, mode))
    })
  }

  return definePath({
    pattern: 'metadata/*secret_path?',
    access: 'token',
    summary: 'What is kept about a secret beside its versions.',
    fields,
    exists: async ({ captures }) => keyExists(context, captures[pathField]),
    operations: {
      read: {
        summary: 'Read the settings and the versions of a secret.',
        handler: async (request: Request) => {
          const key = metadataKey(store, requirePath(request.input.secret_path ?? ''))
          return reply.found(await store.view((view) => view.get(key)), metadataAnswer)
        },
      },
      list: {
        summary: 'List the names in a folder.',
        handler: async (request: Request) => {
          const folder = requireFolder(request.input.secret_path ?? '')
          const options = parseListOptions(request.input)
          const prefix = metadataPrefix + folder
          return reply.list(await listFolder(store, context.clock, prefix, options))
        },
      },
      write: {
        summary: 'Set settings; those that are not given stay.',
        handler: (request: Request) => reply.done(change(request, 'replace')),
      },
      patch: {
        summary: 'Change settings; null in custom_metadata takes a pair away.',
        handler: (request: Request) => reply.done(change(request, 'merge')),
      },
      delete: {
        summary: 'Remove the secret with all its versions, for good.',
        handler: async (request: Request) => {
          const path = requirePath(request.input.secret_path ?? '')
          await store.write(async (txn) => {
            const metadata = await txn.get(metadataKey(store, path))
            if (metadata === undefined) return
            txn.delete(metadataKey(store, path).text)
            metadata.versions.forEach((_, index) => {
              txn.delete(versionKey(store, path, metadata.first + index).text)
            })
          })
          return reply.none()
        },
      },
    },
  })
}

function changedSettings(
  metadata: KeyMetadata,
  request: Request,
  mode: 'replace' | 'merge',
): KeyMetadata {
  const { input } = request
  const isCleared = member(request.data, 'custom_metadata') === null
  const custom =
    input.custom_metadata === undefined
      ? metadata.custom
      : requireCustomMetadata(
          input.custom_metadata,
          mode === 'merge' && !isCleared ? metadata.custom : null,
          mode === 'merge' ? 'remove' : 'refuse',
        )
  return {
    ...metadata,
    updatedMs: request.nowMs,
    maxVersions: requireVersionsMax(input.max_versions) ?? metadata.maxVersions,
    casRequired: input.cas_required ?? metadata.casRequired,
    deleteAfterSeconds: input.delete_version_after ?? metadata.deleteAfterSeconds,
    custom,
  }
}
