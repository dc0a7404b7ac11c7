/**
 * The key with which a mount proves itself to its provider
 * (`oidc_client_auth_method=private_key_jwt`). Made here at first need, replaced on request, never
 * shown. The provider reads the public halves, and keeps what it has read for a while: so a new key
 * is published first and used later, and the one before stays published, for a rotation to
 * interrupt nobody.
 */

import type { BackendContext } from '../../framework/backend.ts'
import { reply } from '../../framework/reply.ts'
import type { JsonObject } from '../../lib/json.ts'
import { rfc3339 } from '../../lib/time.ts'
import { definePath, type PathDeclaration } from '../../framework/path.ts'
import { createClientKey, type ClientKey } from '../../oidc/client-key.ts'
import { field } from '../../schema/field.ts'
import { exactCodec, type Key } from '../../storage/store.ts'

/** How long a provider may keep the key set. */
const keptSeconds = 300
/** A new key is published for so long before it is used. */
const publishedFirstMs = 2 * keptSeconds * 1000

interface ClientKeysRecord {
  readonly current: ClientKey
  readonly previous?: ClientKey
  /** Used in place of the current one from that time on. */
  readonly next?: { readonly key: ClientKey; readonly fromMs: number }
}

export class ClientKeys {
  readonly #context: BackendContext
  readonly #key: Key<ClientKeysRecord>

  constructor(context: BackendContext) {
    this.#context = context
    this.#key = context.store.configKey('oidc-client-keys', exactCodec<ClientKeysRecord>())
  }

  /** Public halves, the one in use first; undefined before there is any. */
  async published(): Promise<readonly JsonObject[] | undefined> {
    const record = await this.#load()
    if (record === undefined) return undefined
    const used = this.#used(record)
    const others = [record.next?.key, record.current, record.previous]
    const all = [used, ...others.filter((key) => key !== undefined && key.kid !== used.kid)]
    return all.flatMap((key) => (key === undefined ? [] : [key.publicJwk]))
  }

  /** The key in use; of several nodes that need a first one at once, one makes it for all. */
  async current(): Promise<ClientKey> {
    const known = await this.#load()
    if (known !== undefined) return this.#used(known)
    const made = await createClientKey()
    return this.#context.store.write(async (txn) => {
      const other = await txn.get(this.#key)
      if (other !== undefined) return this.#used(other)
      txn.put(this.#key, { current: made })
      return made
    })
  }

  /** The new key and the time from which on it is used, in milliseconds. */
  async rotate(isLeaked: boolean): Promise<{ readonly kid: string; readonly fromMs: number }> {
    const made = await createClientKey()
    const { clock, store } = this.#context
    return store.write(async (txn) => {
      const before = await txn.get(this.#key)
      const nowMs = clock.nowMs()
      if (before === undefined || isLeaked) {
        txn.put(this.#key, { current: made })
        return { kid: made.kid, fromMs: nowMs }
      }
      const { current, next } = before
      // One that is under way is not begun anew, or it might never be over.
      if (next !== undefined && nowMs < next.fromMs) {
        return { kid: next.key.kid, fromMs: next.fromMs }
      }
      const fromMs = nowMs + publishedFirstMs
      const used = this.#used(before)
      const previous = used.kid === current.kid ? {} : { previous: current }
      txn.put(this.#key, { current: used, ...previous, next: { key: made, fromMs } })
      return { kid: made.kid, fromMs }
    })
  }

  async #load(): Promise<ClientKeysRecord | undefined> {
    return this.#context.store.view((view) => view.get(this.#key))
  }

  #used({ current, next }: ClientKeysRecord): ClientKey {
    return next !== undefined && this.#context.clock.nowMs() >= next.fromMs ? next.key : current
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
            const published = await keys.published()
            if (published === undefined) return reply.none()
            return {
              kind: 'raw',
              status: 200,
              // Some providers read no other type, whatever RFC 7517 §8.5.2 says.
              contentType: 'application/json',
              body: JSON.stringify({ keys: published }),
              headers: { 'Cache-Control': `public, max-age=${keptSeconds}` },
            }
          },
        },
      },
    }),
    definePath({
      pattern: 'oidc/rotate-client-key',
      access: 'token',
      summary:
        'Makes a new key for private_key_jwt: published at once, and used when providers have had ten minutes to read it.',
      fields: {
        leaked: field.bool({
          help: 'The key before is no secret any more: withdraw it, and use the new one at once. A provider that keeps the old set refuses sign-ins until it reads it anew.',
        }),
      },
      operations: {
        write: {
          summary: 'Rotate the client key.',
          handler: async ({ input }) => {
            const { kid, fromMs } = await keys.rotate(input.leaked === true)
            return reply.data({ kid, used_from: rfc3339(fromMs) })
          },
        },
      },
    }),
  ]
}
