/** The identity/ mount: entities, groups and their aliases (platform.md §5). */

import type { IdentityPorts } from '../core/ports/identity-ports.ts'
import type { PathDeclaration } from '../framework/path.ts'
import { entityAliasPaths } from './entity-alias-paths.ts'
import { entityMergePaths } from './entity-merge-paths.ts'
import { entityPaths } from './entity-paths.ts'
import { groupAliasPaths } from './group-alias-paths.ts'
import { groupPaths } from './group-paths.ts'
import { lookupPaths } from './lookup-paths.ts'

export function createIdentityPaths(ports: IdentityPorts): readonly PathDeclaration[] {
  return [
    ...entityPaths(ports),
    ...entityMergePaths(ports),
    ...entityAliasPaths(ports),
    ...groupPaths(ports),
    ...groupAliasPaths(ports),
    ...lookupPaths(ports),
  ]
}
