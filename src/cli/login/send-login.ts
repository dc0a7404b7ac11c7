/**
 * The one request that most methods consist of. No token goes with it: a login starts from nothing.
 */

import type { Secret } from '../../client/secret.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, exitCodes } from '../failure.ts'

export async function sendLogin(
  context: CommandContext,
  path: string,
  body: JsonObject,
): Promise<Secret> {
  const secret = await context.fetch('PUT', path, 'Error authenticating', { body, token: '' })
  if (secret !== undefined) return secret
  throw new CommandFailure('Error authenticating: the server answered nothing', exitCodes.remote)
}
