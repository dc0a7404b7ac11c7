/**
 * What namespaces leave behind: empties those that are marked as deleted, and lets the others sweep
 * their dead tokens and mounts. All of it was unusable before, so it may be killed anywhere and
 * begun again.
 */

import type { Soon } from '../../lib/soon.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/logger.ts'
import { partsOfKey, scopedKey, scopeMark } from '../../storage/scoped-store.ts'
import { destroyRange } from '../../storage/sealed-store.ts'
import { prefixRange, type Store, type StoreView } from '../../storage/store.ts'
import { trimEnds } from '../../lib/trim.ts'
import { keyClasses, keys } from '../keys.ts'
import { readRateLimits } from '../quotas/quotas.ts'
import { Rounds } from '../rounds.ts'
import type { NamespaceRecord } from '../records.ts'
import { tellChange } from './namespace-admin.ts'
import type { TokenSweep } from '../token-sweep.ts'

const pauseMs = 10_000
const keysAtOnceMax = 512

export interface NamespaceKeeperContext {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  readonly leads: () => boolean
  readonly all: () => Promise<readonly NamespaceRecord[]>
  readonly realm: (record: NamespaceRecord) => Soon<{ readonly sweep: Pick<TokenSweep, 'run'> }>
}

export class NamespaceKeeper {
  readonly #context: NamespaceKeeperContext
  readonly #rounds: Rounds

  constructor(context: NamespaceKeeperContext) {
    this.#context = context
    const { clock, logger, leads } = context
    const failed = 'the sweep of namespaces failed'
    this.#rounds = new Rounds({ clock, logger, leads, pauseMs, failed, round: () => this.run() })
  }

  start(): void {
    this.#rounds.start()
  }

  /** Resolves when the running round is over. */
  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Something was marked: does not wait for the next round. */
  hurry(): void {
    this.#rounds.hurry()
  }

  /** Does all that is due now. */
  async run(): Promise<void> {
    const all = await this.#context.all()
    if (all.length === 0) return
    for (const record of all) {
      if (this.#rounds.isStopped) return
      if (record.tainted === true) await this.#empty(record)
    }
    const due = await this.#due()
    for (const record of all) {
      if (this.#rounds.isStopped) return
      if (!due.has(record.id) || record.tainted === true) continue
      await (await this.#context.realm(record)).sweep.run()
    }
  }

  async #empty({ id, path }: NamespaceRecord): Promise<void> {
    const { store } = this.#context
    for (const letter of keyClasses) {
      if (this.#rounds.isStopped) return
      await destroyRange(store, prefixRange(scopedKey(id, `${letter}/`)), keysAtOnceMax)
    }
    await store.write(async (txn) => {
      if ((await txn.get(keys.namespace(id))) === undefined) return
      txn.delete(keys.namespace(id).text)
      txn.delete(keys.namespacePath(path).text)
      for (const limit of await readRateLimits(txn)) {
        if (`${trimEnds(limit.path, '/')}/`.startsWith(path)) {
          txn.delete(keys.rateLimit(limit.name).text)
        }
      }
      await tellChange(txn, id)
    })
  }

  /** Ids of those that have expired tokens or jobs; one step for each that has any. */
  #due(): Promise<ReadonlySet<string>> {
    const now = Math.floor(this.#context.clock.nowMs() / 1000)
    return this.#context.store.view(async (view) => {
      const due = new Set<string>()
      for await (const [scope] of firstOfScopes(view, keys.jobPrefix)) due.add(scope)
      for await (const [scope, key] of firstOfScopes(view, keys.expiryPrefix)) {
        if (key < keys.expiryEnd(now)) due.add(scope)
      }
      return due
    })
  }
}

/** The first key of each scope in a class of keys. */
async function* firstOfScopes(
  view: StoreView,
  prefix: string,
): AsyncGenerator<readonly [scope: string, key: string]> {
  const end = `${prefix}${scopeMark}\u{7f}`
  let start = `${prefix}${scopeMark}`
  for (;;) {
    let found: string | undefined
    for await (const key of view.keys({ start, end, limit: 1 })) found = key
    const parts = found === undefined ? undefined : partsOfKey(found)
    if (parts === undefined) return
    yield [parts.scope, parts.key]
    start = prefixRange(scopedKey(parts.scope, prefix)).end
  }
}
