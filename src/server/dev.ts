/**
 * Dev mode: in memory, initialised and unsealed at once, with `secret/` and a root token
 * (platform.md §9.7).
 */

import { initialise } from '../sys/seal-paths.ts'
import { localCall } from './local-call.ts'
import type { Server } from './wire.ts'

export interface DevServer {
  readonly rootToken: string
  /** Base64. */
  readonly unsealKey: string
}

/** Initialises a fresh server with one key share, opens it and mounts `secret/`. */
export async function prepareDevServer(
  server: Server,
  options: { readonly rootTokenId: string; readonly kvVersion: '1' | '2' },
): Promise<DevServer> {
  const { core } = server
  const made = await initialise(core, { secretShares: 1, secretThreshold: 1 })
  const key = made.keys[0]
  if (key === undefined) throw new Error('initialisation made no key')
  await core.seal.unseal({ key: key.toString('base64') })
  let token = made.rootToken
  if (options.rootTokenId !== '') {
    await localCall(core, {
      verb: 'write',
      path: 'auth/token/create',
      token,
      data: { id: options.rootTokenId, policies: ['root'], no_parent: true, display_name: 'root' },
    })
    await localCall(core, { verb: 'write', path: 'auth/token/revoke-self', token })
    token = options.rootTokenId
  }
  await localCall(core, {
    verb: 'write',
    path: 'sys/mounts/secret',
    token,
    data: {
      type: 'kv',
      description: 'key/value secret storage',
      options: { version: options.kvVersion },
    },
  })
  return { rootToken: token, unsealKey: key.toString('base64') }
}
