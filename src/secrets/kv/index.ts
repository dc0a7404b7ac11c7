/** The kv secrets engine, versions 1 and 2 (platform.md §7.2, §7.3). */

import type { BackendType } from '../../framework/backend.ts'
import { invalid } from '../../framework/refusal.ts'
import { eitherVersion, isVersioned } from './both-versions.ts'
import { configPath } from './config-path.ts'
import { dataPath } from './data-path.ts'
import { metadataPath } from './metadata-path.ts'
import { plainPath } from './plain-path.ts'
import { subkeysPath } from './subkeys-path.ts'
import { unknownPath } from './unknown-path.ts'
import { Upgrade, upgradeWarning } from './upgrade.ts'
import { versionPaths } from './version-paths.ts'

export const kvBackend: BackendType = {
  types: ['kv'],
  class: 'secret',
  checkOptions({ version = '1' }) {
    if (!['', '1', '2'].includes(version)) throw invalid('version must be "1" or "2"')
  },
  create(context) {
    const upgrade = new Upgrade(context)
    const plain = plainPath(context)
    const versioned = [
      configPath(context),
      dataPath(context),
      metadataPath(context),
      ...versionPaths(context),
      subkeysPath(context),
      // Takes whatever is left, so it stands last.
      unknownPath,
    ]
    return {
      paths: versioned.map((path) => eitherVersion(context, upgrade, path, plain)),
      checkTune: async (options, before) => {
        const version = options['version'] ?? '1'
        const isNew = isVersioned(before)
        if (isNew && version !== '2') throw invalid('cannot downgrade mount from version 2')
        return version === '2' && !isNew ? [upgradeWarning] : []
      },
      close: () => upgrade.close(),
    }
  },
}
