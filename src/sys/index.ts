/** The sys/ mount: every path of it. */

import type { Core } from '../core/core.ts'
import type { BackendType } from '../framework/backend.ts'
import type { PathDeclaration } from '../framework/path.ts'
import { capabilityPaths } from './capability-paths.ts'
import { corsPaths } from './cors-paths.ts'
import { explainPaths } from './explain-paths.ts'
import { internalPaths } from './internal-paths.ts'
import { leasePaths } from './lease-paths.ts'
import { mountPaths } from './mount-paths.ts'
import { policyPaths } from './policy-paths.ts'
import { sealPaths } from './seal-paths.ts'
import { toolPaths } from './tool-paths.ts'

/** Paths below `sys/`, in the order in which patterns are tried. */
export function systemPaths(core: Core): readonly PathDeclaration[] {
  return [
    ...sealPaths(core),
    ...capabilityPaths(core),
    ...policyPaths(core),
    ...leasePaths(core),
    ...internalPaths(core),
    ...explainPaths(),
    ...corsPaths(core),
    ...toolPaths(core),
    ...mountPaths(core),
  ]
}

export function systemBackend(core: () => Core): BackendType {
  return { types: ['system'], class: 'secret', create: () => ({ paths: systemPaths(core()) }) }
}

/** Entities are made at login; the API to manage them builds on this mount. */
export const identityBackend: BackendType = {
  types: ['identity'],
  class: 'secret',
  create: () => ({ paths: [] }),
}
