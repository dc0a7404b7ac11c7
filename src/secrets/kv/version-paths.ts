/**
 * `delete/`, `undelete/` and `destroy/`: what can be done to single versions (platform.md §7.3).
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { field } from '../../schema/field.ts'
import { keyExists, readKey } from './data-path.ts'
import {
  changeVersions,
  deleteVersion,
  deletionAhead,
  destroyVersion,
  undeleteVersion,
  type KeyMetadata,
  type KvConfig,
  type VersionFacts,
} from './key-metadata.ts'
import { pathField, pathFields, requireWritablePath } from './secret-path.ts'
import { metadataKey, versionKey } from './versioned-keys.ts'

const fields = {
  ...pathFields,
  versions: field.commaIntList({ help: 'Numbers of the versions.' }),
} as const

interface VersionAction {
  readonly name: 'delete' | 'undelete' | 'destroy'
  readonly summary: string
  readonly change: (
    facts: VersionFacts,
    nowMs: number,
    key: KeyMetadata,
    config: KvConfig,
  ) => VersionFacts
}

const actions: readonly VersionAction[] = [
  {
    name: 'delete',
    summary: 'Delete versions; they can be brought back.',
    change: (facts, nowMs) => deleteVersion(facts, nowMs),
  },
  {
    name: 'undelete',
    summary: 'Bring deleted versions back.',
    change: (facts, nowMs, key, config) =>
      undeleteVersion(facts, deletionAhead(key, config, nowMs)),
  },
  {
    name: 'destroy',
    summary: 'Remove what versions hold, for good.',
    change: (facts) => destroyVersion(facts),
  },
]

export function versionPaths(context: BackendContext): readonly PathDeclaration[] {
  return actions.map((action) => versionPath(context, action))
}

function versionPath(context: BackendContext, action: VersionAction): PathDeclaration {
  const { store } = context
  return definePath({
    pattern: `${action.name}/*secret_path`,
    access: 'token',
    summary: action.summary,
    fields,
    exists: async ({ captures }) => keyExists(context, captures[pathField]),
    operations: {
      write: {
        summary: action.summary,
        handler: async (request) => {
          const path = requireWritablePath(request.input.secret_path ?? '')
          const numbers = request.input.versions ?? []
          if (numbers.length === 0) throw invalid('No version number provided')
          await store.write(async (txn) => {
            const { config, metadata } = await readKey(context, txn, path)
            if (metadata === undefined) return
            const { nowMs } = request
            const changed = changeVersions(metadata, numbers, {
              nowMs,
              change: (facts) => action.change(facts, nowMs, metadata, config),
            })
            if (changed === metadata) return
            txn.put(metadataKey(store, path), changed)
            changed.versions.forEach((facts, index) => {
              if (facts.destroyed && metadata.versions[index]?.destroyed === false) {
                txn.delete(versionKey(store, path, changed.first + index).text)
              }
            })
          })
          return reply.none()
        },
      },
    },
  })
}
