/**
 * The key with which a mount proves itself to its provider
 * (`oidc_client_auth_method=private_key_jwt`). Made here at first need, replaced on request, never
 * shown. The provider reads the public halves: the one in use, and the one before, so that a
 * rotation interrupts nobody.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { createClientKey, type ClientKey } from '../../oidc/client-key.ts'
import { exactCodec, type Key } from '../../storage/store.ts'

interface ClientKeysRecord {
  readonly current: ClientKey
  readonly previous?: ClientKey
}

export class ClientKeys {
  readonly #context: BackendContext
  readonly #key: Key<ClientKeysRecord>

  constructor(context: BackendContext) {
    this.#context = context
    this.#key = context.store.configKey('oidc-client-keys', exactCodec<ClientKeysRecord>())
  }

  async load(): Promise<ClientKeysRecord | undefined> {
    return this.#context.store.view((view) => view.get(this.#key))
  }

  /** The key in use; of several nodes that need a first one at once, one makes it for all. */
  async current(): Promise<ClientKey> {
    const known = await this.load()
    if (known !== undefined) return known.current
    const made = await createClientKey()
    return this.#context.store.write(async (txn) => {
      const other = await txn.get(this.#key)
      if (other !== undefined) return other.current
      txn.put(this.#key, { current: made })
      return made
    })
  }

  async rotate(): Promise<ClientKey> {
    const made = await createClientKey()
    await this.#context.store.write(async (txn) => {
      const before = await txn.get(this.#key)
      const previous = before === undefined ? {} : { previous: before.current }
      txn.put(this.#key, { current: made, ...previous })
    })
    return made
  }
}

export function clientKeyPaths(keys: ClientKeys): readonly PathDeclaration[] {
  return [
    definePath({
      pattern: 'oidc/jwks',
      access: 'open',
      summary: 'Public keys of this mount as a client (private_key_jwt), for the provider to read.',
      fields: {},
      operations: {
        read: {
          summary: 'Read the key set.',
          handler: async () => {
            const record = await keys.load()
            if (record === undefined) return reply.none()
            const { current, previous } = record
            const all = previous === undefined ? [current] : [current, previous]
            return {
              kind: 'raw',
              status: 200,
              contentType: 'application/jwk-set+json',
              body: JSON.stringify({ keys: all.map((key) => key.publicJwk) }),
              headers: { 'Cache-Control': 'public, max-age=300' },
            }
          },
        },
      },
    }),
    definePath({
      pattern: 'oidc/rotate-client-key',
      access: 'token',
      summary: 'Makes a new key for private_key_jwt; the one before stays published.',
      fields: {},
      operations: {
        write: {
          summary: 'Rotate the client key.',
          handler: async () => reply.data({ kid: (await keys.rotate()).kid }),
        },
      },
    }),
  ]
}
