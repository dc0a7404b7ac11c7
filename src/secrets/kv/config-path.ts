/** `config`: settings of all keys of a version 2 store (platform.md §7.3). */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { invalid } from '../../framework/refusal.ts'
import { goDuration } from '../../lib/duration.ts'
import { field } from '../../schema/field.ts'
import { defaultConfig, versionsMax } from './key-metadata.ts'
import { configKey } from './versioned-keys.ts'

/** The same field of a mount and of a secret. */
export const casRequired = field.bool({
  help: 'Every write must name the newest version in `options.cas`.',
})

const fields = {
  max_versions: field.int({ help: 'How many versions of a secret are kept; 0 is 10.' }),
  cas_required: casRequired,
  delete_version_after: field.signedDuration({
    help: 'How long after its writing a version is deleted; negative is never, whatever a secret says.',
  }),
} as const

export function configPath(context: BackendContext): PathDeclaration {
  const { store } = context
  const load = () => store.view((view) => view.get(configKey(store)))
  return definePath({
    pattern: 'config',
    access: 'token',
    summary: 'Settings of all secrets of a version 2 store.',
    fields,
    exists: async () => (await load()) !== undefined,
    operations: {
      read: {
        summary: 'Read the settings.',
        handler: async () => {
          const config = (await load()) ?? defaultConfig
          return reply.data({
            cas_required: config.casRequired,
            delete_version_after: goDuration(config.deleteAfterSeconds),
            max_versions: config.maxVersions,
          })
        },
      },
      write: {
        summary: 'Set settings; those that are not given stay.',
        handler: async ({ input }) => {
          const maxVersions = requireVersionsMax(input.max_versions)
          await store.write(async (txn) => {
            const present = (await txn.get(configKey(store))) ?? defaultConfig
            const after = input.delete_version_after
            txn.put(configKey(store), {
              maxVersions: maxVersions ?? present.maxVersions,
              casRequired: input.cas_required ?? present.casRequired,
              // Vault compatibility: any negative time means "disabled" and reads as -1s.
              deleteAfterSeconds:
                after === undefined ? present.deleteAfterSeconds : Math.max(after, -1),
            })
          })
          return reply.none()
        },
      },
    },
  })
}

/** The number as it came, or undefined; refuses what cannot be kept. */
export function requireVersionsMax(given: number | undefined): number | undefined {
  if (given !== undefined && (given < 0 || given > versionsMax)) {
    throw invalid(`max_versions must be between 0 and ${versionsMax}`)
  }
  return given
}
