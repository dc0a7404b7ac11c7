/** The login mounts that a command is about. */

import { isJsonObject } from '../lib/json.ts'
import { objectMember } from '../client/secret.ts'
import { cleanPath, type CommandContext } from './context.ts'
import { CommandFailure } from './failure.ts'
import { goTextMember } from './go-text.ts'

/** `auth/jwt/`, `jwt/` and `jwt` as `jwt`. */
export function mountOf(text: string): string {
  return cleanPath(text.replace(/^auth\//, ''))
}

/** Those of the methods jwt and oidc that the token sees; fails when there are none. */
export async function loginMounts(context: CommandContext): Promise<readonly string[]> {
  const secret = await context.fetch('GET', 'sys/internal/ui/mounts', 'Error listing mounts', {
    preflight: true,
  })
  const mounts = Object.entries(objectMember(secret?.data ?? {}, 'auth') ?? {}).flatMap(
    ([path, mount]) => {
      const type = isJsonObject(mount) ? goTextMember(mount, 'type') : ''
      return type === 'jwt' || type === 'oidc' ? [mountOf(path)] : []
    },
  )
  if (mounts.length > 0) return mounts
  throw new CommandFailure('this token sees no mount of the methods jwt and oidc: name one')
}
