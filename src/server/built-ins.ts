/** Every auth method and secrets engine of the product. Adding one is its folder and one line here. */

import { jwtBackend } from '../auth/jwt/index.ts'
import { tokenBackend } from '../auth/token/index.ts'
import type { Core } from '../core/core.ts'
import type { BackendType } from '../framework/backend.ts'
import { cubbyholeBackend } from '../secrets/cubbyhole/index.ts'
import { kvBackend } from '../secrets/kv/index.ts'
import { identityBackend, systemBackend } from '../sys/index.ts'

export function builtIns(core: () => Core): readonly BackendType[] {
  return [
    tokenBackend(() => core().tokenOperations),
    jwtBackend,
    systemBackend(core),
    identityBackend,
    cubbyholeBackend,
    kvBackend,
  ]
}
