/** Stores the dev root token where the command line finds it (platform contract §9.3, §9.7). */

import { homedir } from 'node:os'
import { join } from 'node:path'
import { writePrivateFile } from '../platform/user-files.ts'

export async function storeDevToken(
  token: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const path =
    env['TOKENSTILE_TOKEN_PATH'] ??
    env['BAO_TOKEN_PATH'] ??
    env['VAULT_TOKEN_PATH'] ??
    join(env['HOME'] ?? homedir(), '.vault-token')
  await writePrivateFile(path, token)
}
