/**
 * Every auth method and secrets engine of the product. Adding one is its folder and one line here.
 */

import { approleBackend } from '../auth/approle/index.ts'
import { jwtBackend } from '../auth/jwt/index.ts'
import { kubernetesBackend } from '../auth/kubernetes/index.ts'
import { tokenBackend } from '../auth/token/index.ts'
import { userpassBackend } from '../auth/userpass/index.ts'
import type { BackendType } from '../framework/backend.ts'
import type { TokenPort } from '../framework/token-port.ts'
import { cubbyholeBackend } from '../secrets/cubbyhole/index.ts'
import { kvBackend } from '../secrets/kv/index.ts'

/**
 * The token method works on what an open core offers; it knows nothing of what a caller is there.
 */
export function builtIns<Known>(tokens: () => TokenPort<Known>): readonly BackendType[] {
  return [
    tokenBackend(tokens),
    jwtBackend,
    userpassBackend(),
    approleBackend,
    kubernetesBackend(),
    cubbyholeBackend,
    kvBackend,
  ]
}
