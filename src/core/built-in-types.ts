/** What every server and every namespace has mounted, and nobody can enable. */

import type { BackendType } from '../framework/backend.ts'
import type { PathDeclaration } from '../framework/path.ts'
import type { System } from './ports/system-ports.ts'

export function builtInTypes(
  system: Pick<System, 'paths'>,
  identityPaths: () => readonly PathDeclaration[],
): readonly BackendType[] {
  return [
    { types: ['system'], class: 'secret', create: () => ({ paths: system.paths }) },
    { types: ['identity'], class: 'secret', create: () => ({ paths: identityPaths() }) },
  ]
}
