/**
 * Browser sessions that were signed out while their token lives on. A session is a sealed cookie
 * and nothing on the server, so that a copy of it would go on signing in (ASVS 7.4.1): what is kept
 * is a hash of each ended one, for as long as it could have lived.
 */

import { createHash } from 'node:crypto'
import { keys, lastSegment } from '../core/keys.ts'
import type { Store } from '../storage/store.ts'

/** Removed with each new one, so that they cannot pile up. */
const removedAtOnce = 50

export class EndedSessions {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Durable when it resolves. */
  async end(cookie: string, untilMs: number, nowMs: number): Promise<void> {
    const until = Math.ceil(untilMs / 1000)
    await this.#store.write(async (txn) => {
      const due: string[] = []
      const range = keys.endedSessionsUntil(Math.floor(nowMs / 1000), removedAtOnce)
      for await (const key of txn.keys(range)) due.push(key)
      for (const key of due) {
        txn.delete(key)
        txn.delete(keys.endedSession(lastSegment(key)).text)
      }
      const hash = hashOf(cookie)
      txn.put(keys.endedSession(hash), { until })
      txn.putIndex(keys.endedSessionExpiry(until, hash))
    })
  }

  isEnded(cookie: string): Promise<boolean> {
    return this.#store.view(
      async (view) => (await view.get(keys.endedSession(hashOf(cookie)))) !== undefined,
    )
  }
}

function hashOf(cookie: string): string {
  return createHash('sha256').update(cookie).digest('base64url')
}
