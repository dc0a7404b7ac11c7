/** Every path that a server declares, for tests that walk them all. */

import { fullPath } from '../../src/core/mount-table.ts'
import type { DeclaredOperation, PathDeclaration } from '../../src/framework/path.ts'
import type { Server } from '../../src/server/wire.ts'

export interface Declared {
  /** Below `/v1/`, with its slash. */
  readonly mount: string
  readonly declaration: PathDeclaration
}

export const methodOf: Readonly<Record<DeclaredOperation, string>> = {
  read: 'GET',
  list: 'LIST',
  scan: 'SCAN',
  write: 'POST',
  patch: 'PATCH',
  delete: 'DELETE',
}

/** Of all that is mounted at the root. */
export async function declaredPaths({ core }: Pick<Server, 'core'>): Promise<readonly Declared[]> {
  const { mounts } = await core.configuration()
  return mounts.mounts.flatMap((mount) =>
    core.backends
      .of(mount)
      .router.declarations.map((declaration) => ({ mount: fullPath(mount), declaration })),
  )
}

/** What can be enabled below `sys/auth/`; the method of tokens is always there. */
export function authTypes({ core }: Pick<Server, 'core'>): readonly string[] {
  return core.backends.typeNames('auth').filter((name) => name !== 'token')
}
