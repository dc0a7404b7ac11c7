/** Stores the dev root token where the command line finds it (platform.md §9.3, §9.7). */

import { homedir } from 'node:os'
import { join } from 'node:path'
import { writePrivateFile } from '../platform/user-files.ts'

export async function storeDevToken(
  token: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  // As the command line reads it: the first name that is set decides, and an empty one means the
  // usual file.
  const named = env['TOKENSTILE_TOKEN_PATH'] ?? env['BAO_TOKEN_PATH'] ?? env['VAULT_TOKEN_PATH']
  try {
    const path = named || join(env['HOME'] ?? homedir(), '.vault-token')
    await writePrivateFile(path, token)
  } catch (problem) {
    const detail = problem instanceof Error ? problem.message : 'unknown'
    throw new Error(
      `the root token cannot be kept for the command line: ${detail}\nStart with -dev-no-store-token, or set VAULT_TOKEN_PATH.`,
      { cause: problem },
    )
  }
}
